"""Last codes that are one item's own: how they are made, who may have which, and what a model knows of new ones."""

from __future__ import annotations

import json
import shutil
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
from core.index.lookup import Lookup
from core.index.revisions.add import add_items
from core.index.revisions.changes import load_revisions
from core.index.revisions.free_codes import Places, Space
from core.index.shape import OWN_MOST, index_shape
from core.index.table import ItemIndex
from core.jobs.retrain import continued
from core.jobs.start import create_run
from core.jobs.work import train_run
from core.model.backbone import grow
from core.model.checkpoint import generator_of
from core.model.forward import embed, embed_rows, head_logits, hidden_states
from core.model.generator import WIDE
from core.model.peft_layers import adapt, adapter_parameters
from core.model.token_init import lend_own_rows
from core.model_settings import LoraSettings
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.vectors import ItemVectors
from tests.core.engine_tools import FAMILIES, N_ITEMS, copied_run, item_ids, small_index, small_lm, walks, write_world
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
    assert [places.take(one) for one in (left, right, left, right)] == [(1, 3), (0, 5), (1, 6), (0, 7)]


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


def test_more_items_than_were_provided_for(run: RunFolder, tmp_path: Path) -> None:
    """Their codes come after the last one that there was, and the model has a token for each."""
    grown = copied_run(run, tmp_path)
    names = [f"more{n:02}" for n in range(N_ITEMS // 5)]
    add_items(grown, table(tmp_path, names, ["amber"] * len(names)))
    before, growth = ItemIndex.load(grown.artefact("index") / "index.parquet"), load_revisions(grown)
    assert growth.codes[:, -1].tolist() == list(range(N_ITEMS, N_ITEMS + 1 + len(names)))
    assert growth.codes[:, -1].max() >= before.widths[-1]
    recommender, alone = Recommender.load(grown.path), Recommender.load(run.path)
    count, checkpoint = N_ITEMS + 1 + len(names), recommender.checkpoint
    lists = recommender.recommend(history=["i03", names[-1]], k=count)
    assert len({one.item_id for one in lists.items}) == count and all(np.isfinite(one.score) for one in lists.items)
    # Items of one text are as likely as each other, and what was known is as likely as it was among those known.
    model = checkpoint.model
    tokens = [int(model.item_tokens[N_ITEMS + 1 + place, -1]) for place in (0, len(names) - 1)]
    rows = embed_rows(model.lm, torch.tensor(tokens))
    torch.testing.assert_close(rows[0], rows[1])
    told = [checkpoint.vocabulary.tokenizer.convert_ids_to_tokens(one) for one in tokens]
    assert told == [f"<b_{growth.codes[place, -1]}>" for place in (1, -1)]
    history = model.prompt(torch.tensor([[3, 4]]))
    states = [one.states(one.embed(history)) for one in (model, alone.checkpoint.model)]
    torch.testing.assert_close(*states)
    wider = Lookup.load(grown.artefact("index"), grown.artefact("data")).grown(growth)
    assert wider.about(count - 1)["code"].endswith(told[1]) and wider.index.widths[-1] == count


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("train", ["all", "new-tokens", "lora+new-tokens"])
def test_a_model_that_grows_says_of_what_it_knew_what_it_said(family: str, train: str, tmp_path: Path) -> None:
    codes = np.array([[0, 0], [0, 1], [1, 2], [1, 3]], dtype=np.int32)
    index = ItemIndex(item_ids(4), codes, (2, 4), ("semantic",) * 2, own=True)
    lm, vocabulary = small_lm(family, tmp_path, index)
    adapt(lm, train, LoraSettings(dropout=0.0), vocabulary.new_ids, "stage")
    torch.manual_seed(0)
    with torch.no_grad():
        for _, parameter in adapter_parameters(lm):
            parameter.add_(torch.randn_like(parameter) * 0.1)
    lm.eval()
    row, size = torch.from_numpy(vocabulary.item_tokens(index).reshape(1, -1)), vocabulary.size

    def logits() -> torch.Tensor:
        with torch.no_grad():
            return head_logits(lm, hidden_states(lm, embed(lm, row)))

    before = logits()
    wider = index.with_items(item_ids(6), np.concatenate([codes, np.array([[1, 4], [0, 5]], dtype=np.int32)]))
    more = vocabulary.grown(wider)
    assert vocabulary.size == size and more.size == size + 2 and more.grown(wider) is more
    grow(lm, more.size)
    lend_own_rows(lm, more, index, wider.codes[4:], [[3, 0], []])
    after = logits()
    torch.testing.assert_close(after[..., :size], before[..., :size])
    # One is between the items that its text is like, the other between those of its group.
    own = after[..., torch.from_numpy(more.code_ids[-1])]
    torch.testing.assert_close(own[..., 4], own[..., [3, 0]].mean(dim=-1))
    torch.testing.assert_close(own[..., 5], own[..., [0, 1]].mean(dim=-1))
    table = embed_rows(lm, torch.from_numpy(more.code_ids[-1]))
    torch.testing.assert_close(table[5], table[:2].mean(dim=0))
    assert generator_of(lm, more, wider).is_code[more.code_ids[-1]].all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_that_is_lent_says_its_own_title(family: str, tmp_path: Path) -> None:
    codes = np.array([[0, 0], [0, 1], [1, 2], [1, 3]], dtype=np.int32)
    index = ItemIndex(item_ids(4), codes, (2, 4), ("semantic",) * 2, own=True)
    lm, vocabulary = small_lm(family, tmp_path, index)
    wider = index.with_items(item_ids(7), np.concatenate([codes, np.array([[1, 4], [0, 5], [0, 6]], dtype=np.int32)]))
    more = vocabulary.grown(wider)
    grow(lm, more.size)
    titles = {0: "amber", 1: "coral", 3: "dusk dusk", 4: "dusk", 5: "weather", 6: ""}
    lend_own_rows(lm, more, index, wider.codes[4:], [[3], [], []], titles)
    rows = embed_rows(lm, torch.from_numpy(more.code_ids[-1]))
    table, old = lm.get_input_embeddings().weight.detach(), set(more.tokenizer.get_vocab().values())
    length = table[sorted(old - set(more.new_ids.tolist()))].norm(dim=1).mean()

    def start(word: str) -> torch.Tensor:
        row = table[more.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]].mean(dim=0)
        return row / row.norm() * length

    # The same words as the item it is like: the same row. Other words: what sets them apart. No title: the mean alone.
    torch.testing.assert_close(rows[4], rows[3])
    apart = start("weather") - (start("amber") + start("coral")) / 2
    torch.testing.assert_close(rows[5], rows[:2].mean(dim=0) + apart)
    torch.testing.assert_close(rows[6], rows[:2].mean(dim=0))


def test_a_run_learns_on_with_more_items_than_were_provided_for(run: RunFolder, tmp_path: Path) -> None:
    home = tmp_path / "shop"
    shutil.copytree(Project.load(run.project_path).directory, home)
    items = pl.read_parquet(home / "items.parquet")
    new = pl.concat([items.head(1).with_columns(pl.lit(f"k{n}").alias("item_id")) for n in range(N_ITEMS // 5)])
    pl.concat([items, new]).write_parquet(home / "items.parquet")
    with (home / "log.csv").open("a") as log:
        log.writelines(f"u{user:03},k{user % len(new)},{90 + user}\n" for user in range(2 * len(new)))
    own = ('index.conflicts="own"',)
    started = Project.load(home / "project.toml", own)
    more = create_run(Project.load(home / "project.toml", [*own, *continued(started, run.id)]))
    assert train_run(more) == 0, more.status().error
    before, after = (ItemIndex.load(one.artefact("index") / "index.parquet") for one in (run, more))
    assert (after.codes[:N_ITEMS] == before.codes).all() and after.own
    assert after.widths[-1] == N_ITEMS + 1 + len(new) > before.widths[-1]  # one was added to the run meanwhile
    listed = Recommender.load(more.path).recommend(history=["i03", "k2"], k=after.widths[-1] - 1)
    assert {"k0", "k11", "i59"} <= {one.item_id for one in listed.items}


def test_a_tenth_is_kept_for_items_to_come(run: RunFolder) -> None:
    names = pl.read_parquet(run.artefact("index") / "index.parquet").columns
    assert names[-1].endswith(str(N_ITEMS + -(-N_ITEMS // 10)))
