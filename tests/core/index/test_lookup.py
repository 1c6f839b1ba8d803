"""Questions about a finished index, on a small one that was written to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.index.branches import BranchTable
from core.index.conflicts.groups import SCHEMA
from core.index.lookup import SIBLINGS, Lookup
from core.index.revisions.changes import NEAREST, Growth, load_revisions, newest_revision, write_revision
from core.index.table import ItemIndex

CODES = [[1, 0, 2], [0, 3, 0], [1, 0, 0], [1, 2, 0], [0, 3, 1], [2, 0, 0]]
RAW = [[1, 0, 2], [0, 3, 0], [1, 0, 0], [1, 2, 0], [0, 3, 0], [2, 0, 0]]
TITLES = ["Red Nail Polish", "ÄRZTE-Shampoo", "nail file", None, "Shampoo [bold]blue", "100% b7"]
IDS = ["a1", "b7", "b70", "c", "Z", "Ω"]
WIDTHS = (3, 4, 3)


def write(
    folder: Path, codes: list[list[int]] = CODES, ids: list[str] = IDS, titles: list[str | None] = TITLES,
    shared: bool = False,
) -> Path:  # fmt: skip
    array = np.array(codes, dtype=np.int32)
    ItemIndex(pl.Series("item_id", ids), array, WIDTHS, ("semantic",) * 3, shared).save(folder / "index.parquet")
    words = [[f"word {n}"] for n in range(len(BranchTable.build(array, np.ones(len(array)))))]
    BranchTable.build(array, np.arange(len(array)), words).save(folder)
    np.save(folder / "raw.npy", np.array(RAW[: len(codes)], dtype=np.int32))
    row = {"group": [0, 0], "item": [1, 4], "before": [RAW[1]] * 2, "after": [CODES[1], CODES[4]]}
    more = {"distance": [0.5] * 2, "duplicate": [False] * 2, "strategy": ["matching"] * 2, "price": [0.0, 0.5]}
    pl.DataFrame({**row, **more}, schema=SCHEMA).write_parquet(folder / "conflicts.parquet")
    pl.DataFrame({"item_id": ids, "title": titles, "text": ["x"] * len(ids)}).write_parquet(folder / "items.parquet")
    return folder


@pytest.fixture
def lookup(tmp_path: Path) -> Lookup:
    return Lookup.load(write(tmp_path), tmp_path)


def test_titles_ids_and_numbers(lookup: Lookup) -> None:
    assert lookup.n_items == 6
    assert [lookup.title(n) for n in (0, 3)] == ["Red Nail Polish", "c"]
    assert [lookup.item_id(n) for n in range(6)] == IDS
    assert [lookup.number(item) for item in IDS] == list(range(6))
    assert lookup.number("b") is None and lookup.number("zzz") is None and lookup.number("") is None
    assert lookup.index.codes.tolist() == CODES and lookup.index.widths == WIDTHS
    assert lookup.raw is not None and lookup.raw.tolist() == RAW


def test_search(lookup: Lookup) -> None:
    assert lookup.search("NAIL") == [0, 2]
    assert lookup.search("ärzte") == [1]
    assert lookup.search("b7") == [1, 2, 5]  # the id itself, ids that start so, titles
    assert lookup.search("b7", 2) == [1, 2]
    assert lookup.search("a") == [0, 1, 2, 4]
    assert lookup.search("[bold]") == [4] and lookup.search("100%") == [5] and lookup.search(".*") == []
    assert lookup.search("") == [] == lookup.search("nail", 0)
    assert lookup.search("Ω") == [5]
    assert lookup.search("a" * 5000) == []


def test_all_matches_are_found_over_many_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.index.lookup.CHUNK", 2)
    lookup = Lookup.load(write(tmp_path), tmp_path)
    for text in ("nail", "shampoo", "b7", "l"):
        every = [n for n, title in enumerate(TITLES) if title and text in title.lower()]
        assert sorted(set(lookup.search(text)) | set(every)) == sorted(lookup.search(text))
        assert lookup.search(text, 1) == lookup.search(text)[:1]


def test_about_an_item(lookup: Lookup) -> None:
    about = lookup.about(4)
    assert (about["number"], about["item_id"], about["title"]) == (4, "Z", TITLES[4])
    assert (about["code"], about["codes"], about["raw"]) == ("<a_0><b_3><c_1>", [0, 3, 1], "<a_0><b_3><c_0>")
    assert [(step["token"], step["items"]) for step in about["path"]] == [("<a_0>", 2), ("<b_3>", 2)]
    assert all(lookup.branches.words(step["branch"]) == step["words"] for step in about["path"])
    assert (about["siblings"], about["sibling_count"], about["conflict"]) == ([1], 1, 0)
    assert lookup.about(3)["siblings"] == [2, 0]  # alone under its second code: the next prefix up
    assert lookup.about(5)["siblings"] == [1, 4, 2, 0, 3]  # alone under its first
    assert lookup.about(0)["conflict"] is None
    for number in (-1, 6):
        with pytest.raises(DataError, match="number"):
            lookup.about(number)


def test_siblings_are_paged(lookup: Lookup) -> None:
    count, every = lookup.siblings(5, None)
    assert (count, len(every)) == (5, 5)
    assert [lookup.siblings(5, 2, offset)[1] for offset in (0, 2, 4, 6)] == [every[:2], every[2:4], every[4:], []]
    assert lookup.siblings(5)[1] == every[:SIBLINGS]


def test_items_that_share_a_whole_code_are_siblings(tmp_path: Path) -> None:
    codes = [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    lookup = Lookup.load(write(tmp_path, codes, IDS[:3], TITLES[:3], shared=True), tmp_path)
    assert lookup.siblings(0) == (1, [2])
    assert lookup.siblings(1) == (2, [0, 2])


def test_ids_in_any_order(tmp_path: Path) -> None:
    ids = ["m", "b", "z", "a", "bb", "c"]
    lookup = Lookup.load(write(tmp_path, ids=ids), tmp_path)
    assert [lookup.number(item) for item in ids] == list(range(6))
    assert lookup.search("bb") == [4] and lookup.search("b", 2) == [1, 4]
    assert lookup.number("d") is None


def test_one_item(tmp_path: Path) -> None:
    lookup = Lookup.load(write(tmp_path, [[0, 0, 0]], ["x"], ["y"]), tmp_path)
    assert lookup.about(0)["siblings"] == [] and lookup.siblings(0) == (0, [])


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    write(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    write(other, ids=["a", "b", "c", "d", "e", "f"])
    with pytest.raises(DataError, match="belong"):
        Lookup.load(tmp_path, other)
    for name in ("index.parquet", "branches.parquet", "order.npy", "items.parquet", "raw.npy"):
        write(tmp_path)
        (tmp_path / name).write_bytes(b"damaged")
        with pytest.raises(DataError):
            Lookup.load(tmp_path, tmp_path)
    write(tmp_path)
    (tmp_path / "raw.npy").unlink()
    assert Lookup.load(tmp_path, tmp_path).about(0)["raw"] == ""
    (tmp_path / "conflicts.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="conflicts"):
        Lookup.load(tmp_path, tmp_path).about(0)
    np.save(tmp_path / "raw.npy", np.zeros((3, 2), dtype=np.int32))
    with pytest.raises(DataError, match="6 items"):
        Lookup.load(tmp_path, tmp_path)


# --- what came and went after training --------------------------------------------------------------------------------


def revise(folder: Path, base_id: str, rows: list[tuple[str, str, list[int], bool]]) -> Growth:
    columns = ["item_id", "title", "codes", "removed"]
    table = pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.lit("").alias("text"))
    none = [pl.lit([], dtype=kind).alias(name) for name, kind in NEAREST.items()]
    table = table.with_columns(pl.col("codes").cast(pl.List(pl.Int32)), *none)
    (folder / "revisions").mkdir(exist_ok=True)
    write_revision(folder, table, base_id)
    return load_revisions(folder)


LATER = [("b71", "A later nail clipper", [1, 0, 1], False), ("new", "", [2, 0, 2], False), ("b7", "b7", CODES[1], True)]


@pytest.fixture
def grown(tmp_path: Path, lookup: Lookup) -> Lookup:
    return lookup.grown(revise(tmp_path, lookup.index.base_id, LATER))


def test_items_that_were_added_are_found_and_told(grown: Lookup) -> None:
    assert (grown.n_items, grown.base, grown.revision) == (8, 6, 1)
    assert [grown.number(item) for item in (*IDS, "b71", "new", "b72")] == [*range(8), None]
    assert [grown.title(6), grown.title(7), grown.item_id(7)] == ["A later nail clipper", "new", "new"]
    assert grown.search("nail") == [0, 2, 6] and grown.search("NAIL CLIPPER") == [6]
    assert grown.search("b71") == [6] and grown.search("b7", 3) == [1, 2, 6] and grown.search("ne") == [7]
    about = grown.about(6)
    assert (about["code"], about["raw"], about["added"], about["removed"]) == ("<a_1><b_0><c_1>", "", True, False)
    assert [(step["token"], step["items"]) for step in about["path"]] == [("<a_1>", 4), ("<b_0>", 3)]
    assert about["siblings"] == [2, 0] and about["conflict"] is None
    assert grown.about(0)["siblings"] == [2, 6] and not grown.about(0)["added"]


def test_items_that_were_removed_stay_and_are_marked(grown: Lookup) -> None:
    assert [grown.is_removed(item) for item in range(8)] == [False, True, *[False] * 6]
    assert grown.about(1)["removed"] and not grown.about(1)["added"] and grown.about(1)["raw"]
    assert grown.changes() == (2, 1)
    table = grown.branches
    assert [grown.changes(table.find([code])) for code in range(3)] == [(0, 1), (1, 0), (1, 0)]


def test_the_look_up_that_grew_is_as_it_was(lookup: Lookup, tmp_path: Path) -> None:
    first = revise(tmp_path, lookup.index.base_id, LATER)
    grown = lookup.grown(first)
    assert lookup.n_items == 6 and lookup.changes() == (0, 0) and lookup.number("new") is None
    assert lookup.branches.size[0] == 6 and not lookup.is_removed(1)
    assert lookup.grown(load_revisions(tmp_path / "nowhere")) is lookup
    again = [("b7", "b7", CODES[1], False), ("new", "new", [2, 0, 2], True)]
    second = revise(tmp_path, lookup.index.base_id, again)
    assert (newest_revision(tmp_path), second.number, newest_revision(tmp_path / "nowhere")) == (2, 2, 0)
    later = lookup.grown(second)
    assert [item for item in range(8) if later.is_removed(item)] == [7] and later.is_added(7)
    assert [item for item in range(8) if grown.is_removed(item)] == [1]


def test_revisions_of_another_index_or_under_strange_prefixes_are_refused(lookup: Lookup, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="another index"):
        lookup.grown(revise(tmp_path, "another", LATER))
    (tmp_path / "revisions" / "0001.parquet").unlink()
    for strange in ([0, 0, 0], [2, 0, 3]):
        with pytest.raises(DataError, match="do not fit"):
            lookup.grown(revise(tmp_path, lookup.index.base_id, [("new", "", strange, False)]))
        (tmp_path / "revisions" / "0001.parquet").unlink()
