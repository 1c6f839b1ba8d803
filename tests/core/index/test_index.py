"""The item index: its table, how it is built from sources, its report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.index.build import build_index
from core.index.measure.report import index_report
from core.index.quantize.methods.rq_vae import RqVaeOptions
from core.index.table import ItemIndex
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.vectors import ItemVectors
from tests.core.engine_tools import item_ids, small_index


def vectors(items: int, seed: int, dim: int = 6) -> ItemVectors:
    matrix = np.random.default_rng(seed).normal(size=(items, dim)).astype(np.float32)
    return ItemVectors(matrix, np.ones(items, dtype=bool), "test")


BOTH = ("semantic", "behavior")
QUICK = {"rq-vae": RqVaeOptions(layers=(32,), epochs=12)}


def build(items: int = 50, sources: tuple[str, ...] = BOTH, seed: int = 0, **changed: object) -> ItemIndex:
    held = {name: vectors(items, n) for n, name in enumerate(BOTH)}
    settings = IndexSettings(**changed)  # type: ignore[arg-type]
    return build_index(item_ids(items), held, sources, settings, seed, NullReporter(), QUICK).index


def test_what_is_no_index_is_refused() -> None:
    with pytest.raises(DataError, match="share one code"):
        small_index([[0, 1], [1, 0], [0, 1]])
    with pytest.raises(DataError, match="outside"):
        small_index([[0, 1], [1, 2]], widths=(2, 2))
    with pytest.raises(DataError, match="outside"):
        small_index([[0, 1], [-1, 0]], widths=(2, 2))
    with pytest.raises(DataError, match="fit"):
        ItemIndex(item_ids(3), np.array([[0], [1]], dtype=np.int32), (2,), ("semantic",))
    with pytest.raises(DataError, match="fit"):
        ItemIndex(item_ids(2), np.array([[0], [1]], dtype=np.int32), (2, 2), ("semantic", "semantic"))


def test_text_and_tokens() -> None:
    index = small_index([[0, 1], [1, 0], [1, 2]])
    assert (index.levels, index.widths) == (2, (2, 3))
    assert index.text(2) == "<a_1><b_2>"
    assert index.tokens() == ["<a_0>", "<a_1>", "<b_0>", "<b_1>", "<b_2>"]


def test_round_trip(tmp_path: Path) -> None:
    index = build()
    index.save(tmp_path / "index.parquet")
    again = ItemIndex.load(tmp_path / "index.parquet")
    assert again.item_ids.to_list() == index.item_ids.to_list()
    assert again.codes.tolist() == index.codes.tolist() and again.codes.dtype == np.int32
    assert (again.widths, again.sources, again.base_id) == (index.widths, index.sources, index.base_id)
    before = (tmp_path / "index.parquet").read_bytes()
    again.save(tmp_path / "index.parquet")
    assert (tmp_path / "index.parquet").read_bytes() == before


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "index.parquet"
    with pytest.raises(DataError):
        ItemIndex.load(file)
    build().save(file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError):
        ItemIndex.load(file)
    pl.DataFrame({"item_id": ["x", "y"], "code": [1, 2]}).write_parquet(file)
    with pytest.raises(DataError):
        ItemIndex.load(file)
    pl.DataFrame({"id": ["x", "y"], "a:semantic:3": [1, 2]}).write_parquet(file)
    with pytest.raises(DataError):
        ItemIndex.load(file)


def test_base_id_names_ids_and_codes() -> None:
    one = small_index([[0, 1], [1, 0]])
    assert one.base_id == small_index([[0, 1], [1, 0]]).base_id
    assert one.base_id != small_index([[1, 0], [0, 1]]).base_id
    other = ItemIndex(pl.Series("item_id", ["i1", "i0"]), one.codes, one.widths, one.sources)
    assert one.base_id != other.base_id


@pytest.mark.parametrize("items", [1, 2, 3, 50, 130])
@pytest.mark.parametrize("sources", [("semantic",), ("behavior",), ("semantic", "behavior"), ("behavior", "semantic")])
@pytest.mark.parametrize("method", ["kmeans-tree", "random"])
def test_every_item_gets_a_code_of_its_own(items: int, sources: tuple[str, ...], method: str) -> None:
    index = build(items, sources, method=method, width=16)
    assert len(index.codes) == items == len(np.unique(index.codes, axis=0))
    assert [name for n, name in enumerate(index.sources) if name not in index.sources[:n]] == list(sources)
    assert max(index.widths) <= 16


def test_the_same_seed_gives_the_same_codes() -> None:
    assert build().base_id == build().base_id
    assert build(method="random").base_id == build(method="random").base_id
    assert build(method="random").base_id != build(method="random", seed=1).base_id


def test_depth_and_width_are_obeyed() -> None:
    assert build(depth=3).levels == 6
    assert max(build(100, width=4).widths) <= 4


def test_both_sources_matter() -> None:
    """Items alike in one source share that source's first code more often than chance."""
    held = {"semantic": vectors(120, 0), "behavior": vectors(120, 1)}
    index = build_index(item_ids(120), held, BOTH, IndexSettings(width=8), 0, NullReporter(), QUICK).index
    report = index_report(index, held)
    first = {name: index.sources.index(name) for name in held}
    for name, level in first.items():
        codes = np.c_[index.codes[:, level], np.arange(120)].astype(np.int32)
        only = ItemIndex(index.item_ids, codes, (8, 120), (name, name))
        alike = index_report(only, held)["preserved"][name][0]
        assert alike["preserved"] > 2 * alike["chance"]
    assert len(report["preserved"]["semantic"]) == index.levels


def test_broken_vectors_do_not_break_it() -> None:
    """Zero rows, and rows that are all the same, still get different codes."""
    held = {"semantic": ItemVectors(np.zeros((40, 3), np.float32), np.zeros(40, dtype=bool), "lsa")}
    built = build_index(item_ids(40), held, ("semantic",), IndexSettings(), 0, NullReporter(), QUICK)
    assert len(built.index.codes) == 40


def test_the_report() -> None:
    index = small_index([[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [2, 0]], widths=(4, 3))
    held = {"semantic": vectors(6, 0)}
    report = index_report(index, held)
    assert json.loads(json.dumps(report)) == report
    assert (report["items"], report["base_id"]) == (6, index.base_id)
    top, last = report["levels"]
    assert (top["used"], top["width"], top["prefixes"], top["mean_fan_out"]) == (3, 4, 3, 3.0)
    share = np.array([2, 3, 1]) / 6
    assert top["perplexity"] == pytest.approx(np.exp(-(share * np.log(share)).sum()), abs=0.01)
    assert (last["used"], last["prefixes"], last["mean_fan_out"]) == (3, 6, 2.0)
    assert last["forced_items"] == pytest.approx(1 / 6, abs=1e-4)
    assert report["preserved"]["semantic"][1]["preserved"] == 0.0  # a whole code is one item's own
    assert index_report(small_index([[0, 0]]), {"semantic": vectors(1, 0)})["preserved"] == {"semantic": []}
