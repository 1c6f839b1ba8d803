"""Codes that a run gave, kept for grown data."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.index.revisions.changes import Growth
from core.index.revisions.keep import keep_codes
from core.index.table import ItemIndex
from core.run.reporter import NullReporter
from core.vectors import ItemVectors

CODES = np.array([[a, b] for a in range(3) for b in range(4)], dtype=np.int32)
"""Twelve items, three branches of four; the fifth code of every branch is free."""


def growth(*rows: tuple[str, list[int]]) -> Growth:
    table = pl.DataFrame({"item_id": [one for one, _ in rows], "title": "", "text": ""},
                         schema={"item_id": pl.String, "title": pl.String, "text": pl.String})  # fmt: skip
    return Growth(1, "x", table, np.array([code for _, code in rows], dtype=np.int32).reshape(-1, 2), frozenset())


def index() -> ItemIndex:
    return ItemIndex(pl.Series("item_id", [f"i{n}" for n in range(12)]), CODES, (3, 5), ("semantic", "semantic"))


def vectors(branches: list[int]) -> dict[str, ItemVectors]:
    """A vector near the middle of each item's branch."""
    noise = np.random.default_rng(0).normal(0, 0.05, (len(branches), 3))
    matrix = (np.eye(3)[branches] + noise).astype(np.float32)
    return {"semantic": ItemVectors(matrix, np.ones(len(branches), bool), "x")}


def test_what_is_known_keeps_its_code_and_what_is_new_goes_to_its_like() -> None:
    ids = ["i11", "i0", "new", "i5", "i4"]
    found = keep_codes(index(), growth(), pl.Series("item_id", ids), vectors([2, 0, 1, 1, 1]), NullReporter())
    made = found.built.index
    assert (found.kept, found.placed, found.gone) == (4, 1, 8)
    assert made.codes[[0, 1, 3, 4]].tolist() == [[2, 3], [0, 0], [1, 1], [1, 0]]
    assert made.codes[2].tolist() == [1, 4]  # its branch, and no code that an item had that is gone
    assert made.widths == (3, 5) and made.sources == ("semantic", "semantic")
    assert (found.built.resolution.raw == made.codes).all()


def test_items_that_were_added_later_keep_theirs_too() -> None:
    ids = ["i4", "later", "new", "i0", "i8"]
    found = keep_codes(index(), growth(("later", [1, 4])), pl.Series("item_id", ids), vectors([1, 1, 1, 0, 2]),
                       NullReporter())  # fmt: skip
    assert found.built.index.codes[1].tolist() == [1, 4]
    assert found.built.index.codes[2].tolist() != [1, 4] and found.built.index.codes[2, 1] == 4


def test_too_much_new_or_nothing_known_is_refused() -> None:
    ids = [f"i{n}" for n in range(12)] + [f"n{n}" for n in range(4)]
    with pytest.raises(DataError, match="room for 3 more items"):
        keep_codes(index(), growth(), pl.Series("item_id", ids), vectors([0] * 16), NullReporter())
    with pytest.raises(DataError, match="no item of these data"):
        keep_codes(index(), growth(), pl.Series("item_id", ["a"]), vectors([0]), NullReporter())
