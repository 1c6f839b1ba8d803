"""What the rows of new tokens start from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core.data.dataset import Dataset
from core.errors import DataError, ProjectError
from core.index.branches import BranchTable
from core.index.table import ItemIndex
from core.model.backbone import build_backbone, token_init_inputs
from core.model.checkpoint import load_checkpoint
from core.model.forward import is_tied
from core.model.token_init import WORDS, code_vectors, code_words
from core.model.vocabulary import Vocabulary, build_vocabulary
from core.model_settings import BackboneSettings
from tests.core.engine_tools import item_ids, small_index, up_to, walks, write_world
from tests.core.model.families import FOUR, HIDDEN, write_family

CODES = [[0, 0, 0], [0, 1, 0], [0, 1, 1], [1, 1, 0], [1, 1, 2], [1, 1, 3], [2, 0, 0]]
INDEX = small_index(CODES, (4, 2, 4))


@pytest.fixture(scope="module", params=FOUR)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_family(str(request.param), tmp_path_factory.mktemp("lm") / "lm")


def started(folder: Path, how: str, seed: int = 0, words=None, vectors=None):
    settings = BackboneSettings(str(folder), new_rows=how)
    vocabulary = build_vocabulary(settings, INDEX, [], "")
    return build_backbone(settings, vocabulary, 0.0, "cpu", seed, words, vectors), vocabulary


def layers(lm) -> list[torch.Tensor]:
    both = [lm.get_input_embeddings().weight.detach(), lm.get_output_embeddings().weight.detach()]
    return both[:1] if is_tied(lm) else both


def old_ids(vocabulary: Vocabulary) -> list[int]:
    return sorted(set(vocabulary.tokenizer.get_vocab().values()) - set(vocabulary.added))


def cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize("how", ["random", "mean", "words", "aligned"])
def test_rows(how: str, folder: Path) -> None:
    words = [["amber", "coral"], ["weather"], [], ["dusk"], *[[]] * 6]
    vectors = [None if n in (2, 9) else np.eye(HIDDEN)[n] for n in range(10)]
    lm, vocabulary = started(folder, how, 0, words, vectors)
    plain, _ = started(folder, "mean")
    codes = np.concatenate(vocabulary.code_ids).tolist()
    for number, weight in enumerate(layers(lm)):
        old = weight[old_ids(vocabulary)]
        assert torch.equal(old, layers(plain)[number][old_ids(vocabulary)])  # what it knew is left alone
        rows = weight[codes]
        assert torch.allclose(rows.norm(dim=1), old.norm(dim=1).mean().expand(10), rtol=1e-4)
        assert len(torch.unique(rows, dim=0)) == 10  # no two start as one
        mean = old.mean(dim=0)
        for code, row in enumerate(rows):
            near_mean = cosine(row, mean) > 0.99
            if how == "random":
                assert abs(cosine(row, mean)) < 0.75
            elif how == "words" and words[code]:
                pieces = vocabulary.tokenizer([f" {word}" for word in words[code]], add_special_tokens=False)
                own = weight[[one for ids in pieces["input_ids"] for one in ids]].mean(dim=0)
                assert cosine(row, own) > 0.99 and not near_mean
            elif how == "aligned" and vectors[code] is not None:
                assert float(row[code]) > 0.99 * float(row.norm()) and not near_mean
            else:
                assert near_mean


def test_rows_are_the_seeds(folder: Path) -> None:
    one, same, other = (layers(started(folder, "random", seed)[0])[0] for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_aligned_wants_vectors_of_the_models_width(folder: Path) -> None:
    with pytest.raises(ProjectError, match=r"index\.method"):
        started(folder, "aligned", vectors=[None] * 10)
    with pytest.raises(ProjectError, match=f"have 7 numbers, the backbone {HIDDEN}"):
        started(folder, "aligned", vectors=[np.ones(7)] * 10)


def test_codes_that_the_tokenizer_knows_keep_their_rows(folder: Path, tmp_path: Path) -> None:
    """A checkpoint that was tuned before goes on from what it learned."""
    lm, vocabulary = started(folder, "random")
    lm.save_pretrained(tmp_path)
    vocabulary.tokenizer.save_pretrained(tmp_path)
    larger = small_index(CODES, (4, 3, 4))
    settings = BackboneSettings(str(tmp_path), new_rows="mean")
    speech = build_vocabulary(settings, larger, [], "")
    assert speech.tokenizer.convert_ids_to_tokens(list(speech.added)) == ["<b_2>"]
    again = build_backbone(settings, speech, 0.0, "cpu", 3)
    for before, after in zip(layers(lm), layers(again), strict=True):
        assert torch.equal(before[: vocabulary.size], after[: vocabulary.size])
        assert float(after[speech.added[0]].norm()) > 0


def artefact(folder: Path, index: ItemIndex = INDEX) -> Path:
    """An index artefact's branches: every branch says its own prefix, and that of its parent."""
    table = BranchTable.build(index.codes, np.ones(len(index.codes)))
    names = [
        "".join("abc"[d] + str(table.code[row]) for d, row in enumerate(table.path(n)[1:])) for n in range(len(table))
    ]
    table.with_words([[name, "common"] if name else [] for name in names]).save(folder)
    np.savez(folder / "codebooks.npz", level_0=np.ones((4, 3)), tokens_0=np.eye(4)[:3], tokens_1=np.ones((2, 4)))
    return folder


def test_words_of_a_code_are_those_of_the_branches_that_end_with_it(tmp_path: Path) -> None:
    words = code_words(artefact(tmp_path), INDEX)
    assert len(words) == 10
    assert words[:4] == [["a0", "common"], ["a1", "common"], ["a2", "common"], []]  # code a_3 is unused
    # Under b_1 lie two branches: that of three items speaks first, what both say speaks loudest.
    assert words[4] == ["a0b0", "a2b0", "common"] or words[4][0] in ("a0b0", "common")
    assert set(words[5]) == {"a0b1", "a1b1", "common"} and words[5].index("a1b1") < words[5].index("a0b1")
    assert words[6:] == [[]] * 4  # the last level names items


def test_an_own_code_has_the_words_of_its_items_title(tmp_path: Path) -> None:
    index = replace(small_index([[0, 2], [0, 0], [1, 3]], (2, 5)), own=True)
    BranchTable.build(index.codes, np.ones(3)).save(tmp_path)
    long = " ".join(f"w{n}" for n in range(40))
    words = code_words(tmp_path, index, ["Night, at the [b]Harbour[/b]!", "", long])
    assert words[2:] == [[], [], ["Night", "at", "the", "b", "Harbour", "b"], long.split()[: 2 * WORDS], []]
    assert code_words(tmp_path, index)[2:] == [[]] * 5
    shared = replace(index, own=False)
    assert code_words(tmp_path, shared, ["Night", "", long])[2:] == [[]] * 5


def test_vectors_of_codes(tmp_path: Path) -> None:
    found = code_vectors(artefact(tmp_path), INDEX)
    assert [vector is not None for vector in found] == [True] * 3 + [False] + [True] * 2 + [False] * 4
    assert found[1].tolist() == [0, 1, 0, 0] and found[5].tolist() == [1, 1, 1, 1]


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    artefact(tmp_path)
    lm = BackboneSettings("some/lm")
    assert token_init_inputs(BackboneSettings("tiny"), INDEX, tmp_path) == (None, None)
    assert token_init_inputs(lm, INDEX, None) == (None, None)
    words, vectors = token_init_inputs(lm, INDEX, tmp_path)
    assert words and vectors is None
    words, vectors = token_init_inputs(BackboneSettings("some/lm", new_rows="aligned"), INDEX, tmp_path)
    assert words is None and vectors


def test_another_indexs_artefact_is_refused(tmp_path: Path) -> None:
    artefact(tmp_path)
    fewer = ItemIndex(item_ids(3), np.array(CODES[:3], dtype=np.int32), (4, 2, 4), ("semantic",) * 3)
    with pytest.raises(DataError, match="another index"):
        code_words(tmp_path, fewer)
    narrow = ItemIndex(pl.Series("item_id", ["x"]), np.zeros((1, 3), dtype=np.int32), (2, 2, 2), ("semantic",) * 3)
    with pytest.raises(DataError, match="another index"):
        code_vectors(tmp_path, narrow)
    (tmp_path / "codebooks.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="cannot be read"):
        code_vectors(tmp_path, INDEX)


def test_the_tuning_stage_reads_the_words_of_its_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole run on a checkpoint: the codes' words come from the index stage's artefact."""
    from core.tune import tuner

    heard: list[list[list[str]] | None] = []
    real = tuner.build_backbone

    def listening(*args, **kwargs):
        heard.append(args[5])
        return real(*args, **kwargs)

    monkeypatch.setattr(tuner, "build_backbone", listening)
    project = write_world(tmp_path / "world", walks())
    model = write_family("qwen3", tmp_path / "lm")
    stages = '[{name = "one", epochs = 1, learning_rate = 1e-3, tasks = {sequential = 1.0TITLES}}]'
    for more in ("", ", code-to-title = 1.0"):
        asked = stages.replace("TITLES", more)
        made = up_to("tune", project, f"backbone.model={model}", f"tune.stages={asked}", "tune.distill=0")
        index = ItemIndex.load(made["index"] / "index.parquet")
        titles = Dataset.load(made["data"]).items["title"].to_list()
        words = heard.pop() or []
        # Own codes begin with titles where the model learns to say them.
        assert words == code_words(made["index"], index, titles if more else ()) and sum(map(bool, words)) > 5
        own = words[-index.widths[-1] :]
        assert index.own and not heard
        assert [own[code] for code in index.codes[:, -1]] == [
            title.replace(",", "").split() if more else [] for title in titles
        ]
        held = load_checkpoint(made["tune"] / "best")
        assert held.model.lm.config.model_type == "qwen3"
