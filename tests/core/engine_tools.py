"""Small worlds for the tests of the engine: logs with a pattern, projects of a few seconds, tiny language models.

Nothing heavy is imported until it is used.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from core.data.arrays import Sequences
from core.errors import Interrupted
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import NullReporter, Wish

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from core.index.table import ItemIndex
    from core.model.vocabulary import Vocabulary

Log = dict[str, list[str]]

N_USERS, N_ITEMS = 100, 60
KINDS = ("amber", "birch", "coral", "dusk", "ember")
PROJECT = """
name = "tiny"
seed = 7
[run]
device = "cpu"
dtype = "fp32"
threads = 1
[data]
interactions = "log.csv"
items = "items.parquet"
time = "time"
text = ["title", "blurb"]
min_user_interactions = 0
min_item_interactions = 0
max_history = 6
[vectors]
semantic_dim = 8
behavior_dim = 8
[sasrec]
hidden_size = 16
layers = 1
heads = 1
epochs = 3
batch_users = 32
max_history = 8
[index]
width = 8
[index.rq-vae]
layers = [32]
epochs = 12
[backbone]
hidden_size = 32
layers = 1
heads = 2
intermediate_size = 32
text_vocabulary = 300
[tune]
batch_tokens = 512
validate_users = 40
[[tune.stages]]
name = "sequential"
epochs = 3
learning_rate = 1e-2
[recommend]
beams = 60
k = 5
[evaluate]
bootstrap = 50
"""


def walks(seed: int = 1, users: int = N_USERS, items: int = N_ITEMS) -> Log:
    """Everybody walks along the ring of items in small steps; 5 to 12 items a user, none twice."""
    draw = random.Random(seed)
    log: Log = {}
    for user in range(users):
        place, seen = draw.randrange(items), []
        for _ in range(draw.randint(5, 12)):
            seen.append(f"i{place:02}")
            place = (place + draw.choice((1, 1, 1, 2))) % items
        log[f"u{user:03}"] = seen
    missing = [f"i{n:02}" for n in range(items) if not any(f"i{n:02}" in seen for seen in log.values())]
    assert not missing
    return log


def write_world(folder: Path, log: Log) -> Path:
    """Write log (CSV), items (Parquet) and project file; the text names an item's fifth of the ring."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{user},{item},{time}" for user, items in log.items() for time, item in enumerate(items)]
    (folder / "log.csv").write_text("\n".join(["user_id,item_id,time", *rows]) + "\n", encoding="utf-8")
    kinds = [KINDS[n * len(KINDS) // N_ITEMS] for n in range(N_ITEMS)]
    table = {
        "item_id": [f"i{n:02}" for n in range(N_ITEMS)],
        "title": [f"The {kind} book, part {n}" for n, kind in enumerate(kinds)],
        "blurb": [f"A tale of {kind} and {KINDS[n % 3]} [bold]weather[/bold]" for n, kind in enumerate(kinds)],
    }
    pl.DataFrame(table).write_parquet(folder / "items.parquet")
    (folder / "project.toml").write_text(PROJECT, encoding="utf-8")
    return folder / "project.toml"


def sequences(*lists: Sequence[int]) -> Sequences:
    """Lists of item numbers."""
    flat = np.array([item for items in lists for item in items], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    return Sequences(flat, offsets)


def item_ids(count: int) -> pl.Series:
    """Ids of a catalogue."""
    return pl.Series("item_id", [f"i{n}" for n in range(count)])


class StopAfter(NullReporter):
    """Asks to stop when it is asked for the n-th time, and from then on."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def wants(self) -> Wish:
        self.left -= 1
        return "go" if self.left > 0 else "stop"


class Recorder(NullReporter):
    """Keeps what the stages told; asks to stop at the n-th question inside or after a stage."""

    def __init__(self, stop_in: str = "", calls: int = 1) -> None:
        self.stop_in, self.left = stop_in, calls
        self.ran: list[str] = []
        self.reused: list[str] = []
        self.alerts: list[str] = []
        self.logs: list[str] = []
        self.checkpoints: list[Path] = []

    def stage_started(self, name: str, fingerprint: str = "") -> None:
        self.ran.append(name)

    def stage_reused(self, name: str, fingerprint: str) -> None:
        self.reused.append(name)

    def alert(self, level: str, title: str, text: str = "") -> None:
        self.alerts.append(f"{title}: {text}")

    def log(self, text: str) -> None:
        self.logs.append(text)

    def checkpoint(self, path: Path | str, step: int, best: bool = False) -> None:
        self.checkpoints.append(Path(path))

    def wants(self) -> Wish:
        if self.stop_in and self.ran and self.ran[-1] == self.stop_in:
            self.left -= 1
            return "go" if self.left > 0 else "stop"
        return "go"


def stages_of(project: Project) -> dict[str, Path]:
    """Where each stage's artefact of a project lies or will lie."""
    from core.pipeline import plan

    return {stage.name: project.runs_dir / ".store" / stage.fingerprint for stage in plan(project)}


def copy_stages(source: Project, project: Project, before: str) -> None:
    """Give a project what another one made before a stage, for a test of that stage; both would make the same."""
    made, wanted = stages_of(source), stages_of(project)
    for name in list(wanted)[: list(wanted).index(before)]:
        assert made[name].name == wanted[name].name, name
        shutil.copytree(made[name], wanted[name], dirs_exist_ok=True)


class Until(Recorder):
    """Asks to stop as soon as a stage is finished."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage, self.over = stage, False

    def stage_finished(self, name: str, seconds: float, summary: Mapping[str, Any]) -> None:
        self.over = self.over or name == self.stage

    def stage_reused(self, name: str, fingerprint: str) -> None:
        self.over = self.over or name == self.stage

    def wants(self) -> Wish:
        return "stop" if self.over else "go"


def up_to(stage: str, file: Path, *overrides: str) -> dict[str, Path]:
    """Run a project as far as the end of a stage; every stage's artefact."""
    from core.pipeline import run_stages

    project = Project.load(file, overrides)
    with pytest.raises(Interrupted, match=stage):
        run_stages(project, Until(stage))
    return stages_of(project)


def small_index(codes: Any, widths: Sequence[int] | None = None) -> ItemIndex:
    """An index of the codes given."""
    from core.index.table import ItemIndex

    codes = np.array(codes, dtype=np.int32)
    wide = tuple(widths) if widths else tuple(int(level) for level in codes.max(axis=0) + 1)
    return ItemIndex(item_ids(len(codes)), codes, wide, ("semantic",) * len(wide))


def uneven_codes(count: int, levels: int, width: int, seed: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    """Different codes drawn at random: some are decided early, some late."""
    draw = np.random.default_rng(seed).permutation(width**levels)[:count]
    return np.stack([draw // width**level % width for level in reversed(range(levels))], axis=1).astype(np.int32)


FAMILIES = ("tiny", "llama", "gpt2", "qwen3")
TEXTS = [f"a {kind} story of {other} weather, volume {n}" for n in range(4) for kind in KINDS for other in KINDS]


def small_lm(family: str, folder: Path, index: ItemIndex, frame: str = "") -> tuple[PreTrainedModel, Vocabulary]:
    """A language model with lively random weights, made the way a project's backbone is made.

    Args:
        family: one of `FAMILIES`; all but `tiny` are written to a Hugging Face folder and loaded from there.
        folder: where to write it.
        index: codes it must speak.
        frame: words before every history.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

    from core.model.backbone import build_backbone
    from core.model.vocabulary import build_vocabulary, train_tokenizer
    from core.model_settings import BackboneSettings

    if family == "tiny":
        settings = BackboneSettings("tiny", 16, layers=2, heads=2, intermediate_size=32, text_vocabulary=300)
    else:
        tokenizer = train_tokenizer(TEXTS, 300)
        shape: dict[str, Any] = {
            "vocab_size": len(tokenizer),
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        }
        lm: PreTrainedModel
        if family == "llama":
            lm = LlamaForCausalLM(LlamaConfig(**shape, num_key_value_heads=1, tie_word_embeddings=False))
        elif family == "qwen3":
            lm = Qwen3ForCausalLM(Qwen3Config(**shape, num_key_value_heads=2, head_dim=8, tie_word_embeddings=True))
        else:
            del shape["intermediate_size"]
            lm = GPT2LMHeadModel(GPT2Config(**shape, n_positions=128))
        lm.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        settings = BackboneSettings(str(folder))
    vocabulary = build_vocabulary(settings, index, TEXTS, frame)
    lm = build_backbone(settings, vocabulary, 0.1, "cpu", seed=0).eval()
    noise = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in lm.parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=noise) * 0.4)
    return lm, vocabulary


def exhaustive(
    lm: PreTrainedModel, vocabulary: Vocabulary, index: ItemIndex, history: Sequence[int]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Log-probabilities of every code of every item after a history; shape (items, levels).

    Written without the engine: one plain sequence an item through transformers' own forward pass, no cache, no mask,
    the softmax at each level over the codes that some item has after the same codes.
    """
    import copy

    import torch

    reference = copy.deepcopy(lm)
    reference.set_attn_implementation("eager")
    reference.eval()
    tokens = [[int(vocabulary.code_ids[level][code]) for level, code in enumerate(row)] for row in index.codes]
    before = [*vocabulary.frame, *(token for item in history for token in tokens[item])]
    with torch.no_grad():
        logits = reference(input_ids=torch.tensor([before + row for row in tokens])).logits.double().numpy()
    codes = [tuple(map(int, row)) for row in index.codes]
    found = np.zeros((len(codes), index.levels))
    for item, code in enumerate(codes):
        for level in range(index.levels):
            legal = sorted({other[level] for other in codes if other[:level] == code[:level]})
            row = logits[item, len(before) + level - 1]
            scores = np.array([row[vocabulary.code_ids[level][c]] for c in legal])
            scores -= scores.max()
            found[item, level] = scores[legal.index(code[level])] - np.log(np.exp(scores).sum())
    return found


def plain_beam(index: ItemIndex, parts: np.ndarray[Any, np.dtype[np.float64]], beams: int) -> list[tuple[int, float]]:
    """Beam search as in a textbook, on the table that `exhaustive` made: (item, score), best first."""
    codes = [tuple(map(int, row)) for row in index.codes]
    kept: Mapping[tuple[int, ...], float] = {(): 0.0}
    for level in range(index.levels):
        grown = {
            code[: level + 1]: float(parts[item, : level + 1].sum())
            for item, code in enumerate(codes)
            if code[:level] in kept
        }
        kept = dict(sorted(grown.items(), key=lambda pair: -pair[1])[:beams])
    return [(codes.index(code), score) for code, score in kept.items()]


def copied_run(trained: RunFolder, runs: Path) -> RunFolder:
    """A copy of a run in `runs` with its own artefacts: what a test trains or adds there stays there."""
    runs.mkdir(parents=True, exist_ok=True)
    shutil.copytree(trained.path, runs / trained.id, symlinks=True)
    for note in sorted((trained.path / "stages").iterdir()):
        artefact = trained.artefact(note.stem)
        shutil.copytree(artefact, runs / ".store" / artefact.name)
    return RunFolder(runs / trained.id)
