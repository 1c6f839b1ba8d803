"""Two indices side by side, against counting pairs, scikit-learn and files."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import adjusted_rand_score

from core.errors import DataError
from core.index.measure.diff import diff
from core.index.measure.report import index_report
from core.index.table import ItemIndex
from core.vectors import ItemVectors

STEPS = {"steps": [{"step": "nearest code", "rate": 0.1, "items": 6, "groups": 2, "largest": 4}],
         "price": {"mean": 0.1, "largest": 0.2, "relative": 0.034}}  # fmt: skip


def write(folder: Path, codes: np.ndarray, ids: list[str] | None = None, **report: object) -> Path:
    folder.mkdir()
    names = pl.Series("item_id", ids or [f"i{n:03}" for n in range(len(codes))])
    widths = tuple(int(width) + 1 for width in codes.max(axis=0))
    index = ItemIndex(names, codes.astype(np.int32), widths, ("semantic",) * codes.shape[1])
    index.save(folder / "index.parquet")
    matrix = np.random.default_rng(0).normal(size=(len(codes), 4)).astype(np.float32)
    vectors = {"semantic": ItemVectors(matrix, np.ones(len(codes), dtype=bool), "test")}
    told = {**index_report(index, vectors), "method": "kmeans-tree", **report}
    (folder / "report.json").write_text(json.dumps(told))
    return folder


def codes(items: int, *widths: int, seed: int = 0) -> np.ndarray:
    """Random codes whose last level makes them unique."""
    rng = np.random.default_rng(seed)
    return np.column_stack([*(rng.integers(0, width, items) for width in widths), rng.permutation(items)])


def test_an_index_beside_itself(tmp_path: Path) -> None:
    one = codes(60, 5, 4)
    a, b = write(tmp_path / "a", one, conflicts=STEPS, strategy="matching"), write(tmp_path / "b", one)
    found = diff(a, b)
    assert json.loads(json.dumps(found)) == found
    assert found["items"] == {"a": 60, "b": 60, "both": 60, "same": True}
    assert (found["equal_codes"], found["groups"]) == (1.0, 1.0)
    assert [one["kept"] for one in found["depths"]] == [1.0, 1.0, None]
    assert found["base_id"]["a"] == found["base_id"]["b"] == found["reports"]["a"]["base_id"]


def test_two_indices_against_counting_pairs(tmp_path: Path) -> None:
    one, other = codes(50, 4, 3), codes(50, 6, seed=1)
    found = diff(write(tmp_path / "a", one), write(tmp_path / "b", other))
    assert found["equal_codes"] is None  # another number of levels
    assert found["groups"] == pytest.approx(adjusted_rand_score(one[:, 0], other[:, 0]), abs=1e-4)
    pairs = list(combinations(range(50), 2))
    assert len(found["depths"]) == 2
    for depth, told in enumerate(found["depths"], 1):
        mates = [(m, n) for m, n in pairs if (one[m, :depth] == one[n, :depth]).all()]
        if depth == 2:
            assert told["kept"] == 0.0  # a whole code is one item's own
        kept = np.mean([(other[m, :depth] == other[n, :depth]).all() for m, n in mates])
        chance = np.mean([(other[m, :depth] == other[n, :depth]).all() for m, n in pairs])
        assert (told["kept"], told["chance"]) == (pytest.approx(kept, abs=1e-4), pytest.approx(chance, abs=1e-4))


def test_only_items_in_both_are_compared(tmp_path: Path) -> None:
    one = codes(30, 3)
    ids = [f"i{n:03}" for n in range(30)]
    a, b = write(tmp_path / "a", one), write(tmp_path / "b", one[::-1][:20], ids[::-1][:20])
    found = diff(a, b)
    assert found["items"] == {"a": 30, "b": 20, "both": 20, "same": False}
    assert found["equal_codes"] == 1.0
    nothing = diff(a, write(tmp_path / "c", one, [f"x{n}" for n in range(30)]))
    assert nothing["items"]["both"] == 0 and nothing["groups"] is None and nothing["depths"] == []
    single = write(tmp_path / "d", one[:1])
    assert diff(single, single)["groups"] == 1.0


def test_damaged_artefacts_are_refused(tmp_path: Path) -> None:
    a = write(tmp_path / "a", codes(20, 3))
    for report in ("", "[]", '{"levels": 3}', '{"levels": [1]}'):
        b = write(tmp_path / f"b{len(report)}", codes(20, 3))
        (b / "report.json").write_text(report)
        with pytest.raises(DataError, match="report"):
            diff(a, b)
    with pytest.raises(DataError):
        diff(tmp_path, a)
