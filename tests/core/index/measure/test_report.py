"""The report on an index, against counting by hand and against sets of pairs."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.index.build import build_index
from core.index.measure.agreement import agreement, labels_of
from core.index.measure.report import index_report
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.vectors import ItemVectors
from tests.core.engine_tools import item_ids, small_index

CODES = [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [2, 0]]


def groups(count: int, each: int, dim: int = 8, seed: int = 0) -> ItemVectors:
    """Items around a few far centres, one group after the other."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, dim)) * 10
    matrix = np.repeat(centres, each, axis=0) + rng.normal(size=(count * each, dim)) * 0.1
    return ItemVectors(matrix.astype(np.float32), np.ones(len(matrix), dtype=bool), "test")


def test_the_levels() -> None:
    report = index_report(small_index(CODES, widths=(4, 3)), {})
    assert json.loads(json.dumps(report)) == report
    top, last = report["levels"]
    assert (top["used"], top["dead"], top["width"], top["letter"]) == (3, 1, 4, "a")
    share = np.array([2, 3, 1]) / 6
    entropy = -(share * np.log2(share)).sum()
    assert top["entropy"] == pytest.approx(entropy, abs=1e-4)
    assert top["perplexity"] == pytest.approx(2**entropy, abs=0.01)
    assert (top["prefixes"], top["smallest"], top["median"], top["largest"]) == (3, 1, 2.0, 3)
    assert (top["mean_fan_out"], top["forced_items"]) == (3.0, 0.0)
    assert (last["prefixes"], last["smallest"], last["largest"]) == (6, 1, 1)
    assert (last["mean_fan_out"], last["forced_items"]) == (2.0, round(1 / 6, 4))
    assert "agreement" not in report and "reconstruction" not in report and report["neighbours"] == 10


def test_neighbours_are_kept_by_codes_that_follow_the_vectors() -> None:
    held = groups(5, 20)
    codes = np.array([[n // 20, n % 20] for n in range(100)], dtype=np.int32)
    mixed = np.random.default_rng(1).permutation(codes)
    good = index_report(small_index(codes.tolist(), widths=(5, 20)), {"semantic": held})["preserved"]["semantic"]
    poor = index_report(small_index(mixed.tolist(), widths=(5, 20)), {"semantic": held})["preserved"]["semantic"]
    assert [one["preserved"] for one in good] == [1.0, 0.0]
    chance = 19 / 99
    assert good[0]["chance"] == poor[0]["chance"] == pytest.approx(chance, abs=1e-4)
    assert abs(poor[0]["preserved"] - chance) < 0.08


def test_a_sample_says_about_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    held = groups(5, 40, seed=3)
    index = small_index(np.random.default_rng(2).permutation([[n % 5, n // 5] for n in range(200)]).tolist(), (5, 40))
    whole = index_report(index, {"semantic": held})["preserved"]["semantic"][0]
    monkeypatch.setattr("core.index.measure.report.WORK", 1)
    monkeypatch.setattr("core.index.measure.report.LEAST", 60)
    part = index_report(index, {"semantic": held})["preserved"]["semantic"][0]
    assert part["chance"] == whole["chance"] and 0 < abs(part["preserved"] - whole["preserved"]) < 0.1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from(["x", "y", None])), max_size=12))
def test_agreement_counts_pairs(rows: list[tuple[int, int, str | None]]) -> None:
    values = pl.Series([row[2] for row in rows], dtype=pl.String)
    prefixes = [np.array([row[0] for row in rows], dtype=np.int64)]
    prefixes.append(prefixes[0] * 3 + np.array([row[1] for row in rows], dtype=np.int64))
    found = agreement(prefixes, values)
    known = [n for n, row in enumerate(rows) if row[2] is not None]
    pairs = list(combinations(known, 2))
    for depth, prefix in enumerate(prefixes):
        under = [(a, b) for a, b in pairs if prefix[a] == prefix[b]]
        if not under:
            assert len(found) <= depth
            continue
        equal = [rows[a][2] == rows[b][2] for a, b in under]
        assert found[depth]["depth"] == depth + 1
        assert found[depth]["agree"] == pytest.approx(np.mean(equal), abs=1e-4)
        assert found[depth]["chance"] == pytest.approx(np.mean([rows[a][2] == rows[b][2] for a, b in pairs]), abs=1e-4)


def test_which_columns_are_kinds() -> None:
    items = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(8)],
            "title": ["same"] * 8,
            "brand": ["OPI, Inc.", "OPI, Inc.", "Essie", "Essie", None, "", "Zoya", "Zoya"],
            "Categories": [f"Beauty, {kind}, x{n}" for n, kind in enumerate(["Nails", "Hair"] * 4)],
            "genre": [["Drama", "War"], ["Drama"], [], None, ["War"], ["War"], ["War"], ["War"]],
            "product_type": [f"unique {n}" for n in range(8)],
            "class": ["only"] * 8,
            "publisher": [1, 1, 2, 2, 1, 1, 2, 2],
            "department": ["a|b", "a|c", "b", "b", "b", "c|d", "c", "c"],
        }
    )
    found = labels_of(items)
    assert list(found) == ["brand", "Categories", "genre", "department"]
    assert found["brand"].to_list() == ["OPI, Inc.", "OPI, Inc.", "Essie", "Essie", None, None, "Zoya", "Zoya"]
    assert found["Categories"].to_list() == ["Nails", "Hair"] * 4  # all begin with Beauty
    assert found["genre"].to_list() == ["Drama", "Drama", None, None, "War", "War", "War", "War"]
    assert found["department"].to_list() == ["a", "a", "b", "b", "b", "c", "c", "c"]
    assert labels_of(items.select("item_id", "title", "publisher")) == {}


def test_reconstruction_and_agreement_of_a_built_index() -> None:
    held = {"semantic": groups(4, 16)}
    built = build_index(item_ids(64), held, ("semantic",), IndexSettings(width=8), 0, NullReporter())
    items = pl.DataFrame({"item_id": item_ids(64), "category": [f"kind {n // 16}" for n in range(64)]})
    report = index_report(built.index, held, built=built, items=items)
    assert 0.0 <= report["reconstruction"]["semantic"] < 0.3  # four groups, eight codes
    agree = report["agreement"]["category"]
    assert agree[0]["depth"] == 1 and agree[0]["agree"] > 0.7 > 0.3 > agree[0]["chance"]
    assert json.loads(json.dumps(report)) == report
    random = build_index(item_ids(64), held, ("semantic",), IndexSettings(method="random", width=8), 0, NullReporter())
    other = index_report(random.index, held, built=random, items=items)
    assert other["reconstruction"] == {}  # no vectors stand behind random codes
    assert other["agreement"]["category"][0]["agree"] < 0.5


@pytest.mark.parametrize("items", [1, 2, 3])
def test_the_smallest_catalogues(items: int) -> None:
    index = small_index([[n, 0] for n in range(items)], widths=(max(items, 2), 2))
    held = ItemVectors(np.zeros((items, 3), dtype=np.float32), np.zeros(items, dtype=bool), "test")
    report = index_report(index, {"semantic": held})
    assert report["preserved"]["semantic"] == [] if items == 1 else len(report["preserved"]["semantic"]) == 2
    assert report["levels"][1]["forced_items"] == 1.0
