"""Last codes that are one item's own: how they are made, who may have which, and what a model knows of new ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core import Recommender
from core.errors import DataError
from core.index.build import build_index
from core.index.revisions.add import add_items
from core.index.revisions.changes import load_revisions
from core.index.revisions.free_codes import Places, Space
from core.index.shape import OWN_MOST, index_shape
from core.index.table import ItemIndex
from core.jobs.work import train_run
from core.model.forward import embed_rows
from core.model.generator import WIDE
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.vectors import ItemVectors
from tests.core.engine_tools import N_ITEMS, item_ids, small_index, walks, write_world
from tests.core.index.revisions.test_add import table

OWN = IndexSettings(conflicts="own", spare=0.25)


def told(**changes: object) -> dict[str, object]:
    return asdict(replace(OWN, **changes))  # type: ignore[arg-type]


def vectors(items: int, seed: int = 0) -> dict[str, ItemVectors]:
    rng = np.random.default_rng(seed)
    known = np.ones(items, dtype=np.bool_)
    matrices = {name: rng.normal(size=(items, 6)).astype(np.float32) for name in ("semantic", "behavior")}
    return {name: ItemVectors(matrix, known, "made") for name, matrix in matrices.items()}


@pytest.mark.parametrize("sources", [("semantic",), ("semantic", "behavior"), ("behavior", "semantic")])
def test_groups_of_the_first_source_and_a_code_for_each_item(sources: Sequence[str]) -> None:
    settings = replace(OWN, method="rq-kmeans", width=4)
    built = build_index(item_ids(40), vectors(40), sources, settings, 0, NullReporter())
    index = built.index
    assert index.own and not index.shared and index.sources == (sources[0], sources[0])
    assert index.codes[:, -1].tolist() == list(range(40)) and index.widths == (4, 50)
    assert index.widths == index_shape(asdict(settings), sources, 40).levels
    # That a group has several items is meant, and no conflict.
    assert built.resolution.conflicts.is_empty() and built.resolution.figures["moved"] == 0
    assert [step["items"] for step in built.resolution.figures["steps"]] == [0]
    assert built.resolution.raw.tolist() == index.codes[:, :-1].tolist()


def test_codes_from_a_file_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "codes.index.json"
    file.write_text(json.dumps({str(item): [f"<a_{n // 4}>", f"<b_{n % 4}>"] for n, item in enumerate(item_ids(16))}))
    built = build_index(item_ids(16), vectors(16), ["semantic"], OWN, 0, NullReporter(), codes_file=file)
    assert not built.index.own and built.figures["strategy"] == "matching"
    assert built.index.codes.tolist() == [[n // 4, n % 4] for n in range(16)]


def test_the_table_says_so(tmp_path: Path) -> None:
    codes = np.array([[0, 0], [0, 1], [1, 2]], dtype=np.int32)
    index = ItemIndex(item_ids(3), codes, (2, 4), ("semantic",) * 2, own=True)
    index.save(tmp_path / "index.parquet")
    assert ItemIndex.load(tmp_path / "index.parquet").own
    small_index([[0, 0], [1, 1]], (2, 2)).save(tmp_path / "other.parquet")
    assert not ItemIndex.load(tmp_path / "other.parquet").own
    with pytest.raises(DataError, match="last code"):
        replace(index, codes=np.array([[0, 0], [0, 1], [1, 1]], dtype=np.int32))


def test_a_catalogue_of_too_many_items_is_told_apart_by_matching() -> None:
    assert index_shape(told(), ["semantic"], OWN_MOST).own == OWN_MOST * 5 // 4
    large = index_shape(told(), ["semantic"], OWN_MOST + 1)
    assert large.own == 0 and large == index_shape(told(conflicts="matching"), ["semantic"], OWN_MOST + 1)


def test_new_items_get_codes_that_nobody_has() -> None:
    codes = np.array([[0, 0], [0, 1], [1, 2]], dtype=np.int32)
    index = ItemIndex(item_ids(3), codes, (2, 7), ("semantic",) * 2, own=True)
    points = np.array([[4, 0], [4, 1], [-4, 0]], dtype=np.float32)
    space = Space(points, np.ones(3, np.float32), np.zeros(2, np.float32))
    left, right = ({"semantic": np.array(at, dtype=np.float32)} for at in ([-4, 0], [4, 0]))
    places = Places(index, np.array([[1, 4]], dtype=np.int32), {"semantic": space})
    assert [places.take(one) for one in (left, right, left, right)] == [(1, 3), (0, 5), (1, 6), None]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose items have such codes, and to which one was added."""
    project = Project.load(write_world(tmp_path_factory.mktemp("own"), walks()))
    project = replace(project, index=replace(project.index, conflicts="own"))
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(folder) == 0, folder.status().error
    add_items(folder, table(folder.path.parent, ["new"], ["amber"]))
    return folder


def test_a_model_learns_them_and_lists_what_is_added(run: RunFolder) -> None:
    recommender = Recommender.load(run.path)
    checkpoint, growth = recommender.checkpoint, load_revisions(run)
    assert checkpoint.index.own and len(growth.codes) == 1 and growth.codes[0, -1] == N_ITEMS
    lists = recommender.recommend(history=["i03", "i04"], k=N_ITEMS + 1)
    assert {one.item_id for one in lists.items} == {f"i{n:02}" for n in range(N_ITEMS)} | {"new"}
    # The row of its code is the mean of those that its nearest items by text have.
    tokens = checkpoint.model.item_tokens
    like = [int(tokens[item, -1]) for item in growth.like[0]]
    assert like
    rows = embed_rows(checkpoint.model.lm, torch.tensor([int(tokens[-1, -1]), *like])).detach()
    torch.testing.assert_close(rows[0], rows[1:].mean(dim=0))


@pytest.mark.parametrize("wide", [1, WIDE])
def test_a_wide_level_is_scored_in_parts(run: RunFolder, wide: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Group by group, or a few rows at a time: as all of its codes would be, with the gradients of that."""
    checkpoint = Recommender.load(run.path).checkpoint
    model, trie, level, draw = checkpoint.model, checkpoint.trie, checkpoint.model.levels - 1, torch.Generator()
    states = torch.randn(5, 3, int(model.lm.config.hidden_size), generator=draw.manual_seed(0)).requires_grad_()
    nodes = torch.randint(len(trie.levels[level].starts) - 1, (5, 3), generator=draw)
    codes, _, legal = trie.levels[level].branches(nodes)
    factors = torch.randn(codes.shape, generator=draw) * legal
    head = model.lm.get_output_embeddings().weight.requires_grad_()

    def gradients(logits: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.autograd.grad((logits * factors).sum(), (states, head))

    whole = model.level_logits(states, level).gather(-1, codes).float()
    monkeypatch.setattr("core.model.generator.WIDE", wide)
    monkeypatch.setattr("core.model.generator.SCORES", 2 * 3 * model.width(level))
    parts = model.branch_logits(states, level, nodes, codes, legal)
    assert parts.dtype == torch.float32
    torch.testing.assert_close(parts[legal], whole[legal])
    for one, other in zip(gradients(parts), gradients(whole), strict=True):
        assert other.abs().sum() > 0
        torch.testing.assert_close(one, other)


def test_a_tenth_is_kept_for_items_to_come(run: RunFolder) -> None:
    names = pl.read_parquet(run.artefact("index") / "index.parquet").columns
    assert names[-1].endswith(str(N_ITEMS + -(-N_ITEMS // 10)))
