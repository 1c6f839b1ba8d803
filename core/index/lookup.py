"""Questions about a finished index: what is this item's code, what lies under that prefix, where is that title?

Needs numpy and polars alone: the screens use it. At a million items it loads in about a second, and every call answers
within a frame or two. Items that came or went after training are known once it has `grown`.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import DataError
from core.index.branches import BranchTable
from core.index.table import OWN, SHARED, ItemIndex
from core.index.tokens import code_text, token

if TYPE_CHECKING:
    from core.index.revisions.changes import Growth

Int32 = npt.NDArray[np.int32]

SIBLINGS = 50
"""Siblings that `about` tells at most; `siblings` pages through them all."""
CHUNK = 1 << 16
"""Titles looked at before asking whether they are enough."""


class Lookup:
    """An index beside its catalogue. Make it with `load`; `grown` tells of what came and went since.

    Attributes:
        folder: the artefact of the stage `index`.
        index: codes of every item.
        branches: the tree above them.
        raw: codes before conflicts were settled, of the items that the index was built with; None = not kept.
        base: how many items those are; whatever has a higher number was added.
        revision: number of the newest revision that is known; 0 = none.
    """

    def __init__(
        self, folder: Path, index: ItemIndex, branches: BranchTable, titles: pl.Series, raw: Int32 | None
    ) -> None:
        self.folder, self.index, self.branches, self.raw = folder, index, branches, raw
        self.base, self.revision = len(index.item_ids), 0
        self._ids, self._titles = index.item_ids, titles
        self._lower = titles.fill_null("").str.to_lowercase()
        sorted_already = self._ids.is_sorted()
        self._by_id = None if sorted_already else self._ids.arg_sort()
        self._sorted_ids = self._ids if self._by_id is None else self._ids.gather(self._by_id)
        self._added: dict[str, int] = {}
        self._gone: npt.NDArray[np.bool_] | None = None

    @classmethod
    def load(cls, index_folder: Path, data_folder: Path) -> Lookup:
        """Read an index artefact and the ids and titles of the data artefact.

        Raises:
            DataError: a file is missing or damaged, or the two do not belong together.
        """
        index = load_index(index_folder / "index.parquet")
        branches = BranchTable.load(index_folder)
        path = data_folder / "items.parquet"
        try:
            items = pl.read_parquet(path, columns=["item_id", "title"], glob=False)
            titles, ids = items["title"].cast(pl.String), items["item_id"].cast(pl.String)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: ids and titles of the items cannot be read ({error})") from error
        if not ids.equals(index.item_ids, check_names=False) or len(branches.order) != len(ids):
            raise DataError(
                f"{index_folder}: the index does not belong to the items in {data_folder}", "train again with --new"
            )
        if branches.levels != index.levels:
            raise DataError(f"{index_folder}: the branches have {branches.levels} levels, the index {index.levels}")
        return cls(index_folder, index, branches, titles, _raw(index_folder / "raw.npy", len(ids)))

    def grown(self, growth: Growth) -> Lookup:
        """The same index with the items that were added after training; removed ones stay, and are marked.

        What was read is shared with this look-up, which has grown by nothing itself.

        Args:
            growth: all revisions of the run.

        Raises:
            DataError: they belong to another index.
        """
        if not growth.number:
            return self
        index, fresh = self.index, growth.items
        if growth.base_id != index.base_id:
            raise DataError("the run's revisions belong to another index", "move its folder revisions away")
        more = copy(self)
        try:
            codes = np.concatenate([index.codes, growth.codes.reshape(-1, index.levels)])
            more._ids = pl.concat([self._ids.cast(pl.String), fresh["item_id"].alias(self._ids.name)])
            more.index, more.branches = index.with_items(more._ids, codes), self.branches.grown(codes)
        except ValueError as error:
            raise DataError(
                f"the run's revisions do not fit its index ({error})", "put them back from a copy"
            ) from error
        titles = fresh["title"].alias(self._titles.name)
        more._titles = pl.concat([self._titles, titles])
        more._lower = pl.concat([self._lower, titles.fill_null("").str.to_lowercase()])
        more._added = {item: self.base + place for place, item in enumerate(fresh["item_id"])}
        gone = pl.Series(sorted(growth.removed), dtype=pl.String)
        more._gone = more._ids.is_in(gone.implode()).to_numpy()
        more.revision = growth.number
        return more

    @property
    def n_items(self) -> int:
        """Size of the catalogue, with what was added and what was removed."""
        return len(self._ids)

    def is_added(self, item: int) -> bool:
        """Whether an item came after training."""
        return item >= self.base

    def is_removed(self, item: int) -> bool:
        """Whether an item is recommended no longer."""
        return self._gone is not None and bool(self._gone[item])

    def changes(self, branch: int = 0) -> tuple[int, int]:
        """How many items of a branch were added after training, and how many were removed."""
        if self._gone is None:
            return 0, 0
        under = self.branches.items(branch)
        return int((under >= self.base).sum()), int(self._gone[under].sum())

    @cached_property
    def conflicts(self) -> pl.DataFrame:
        """One row an item that shared its code, in the columns of `core.index.conflicts.groups.SCHEMA`.

        Raises:
            DataError: the file is missing or damaged.
        """
        path = self.folder / "conflicts.parquet"
        try:
            return pl.read_parquet(path, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: the conflicts cannot be read ({error})") from error

    def title(self, item: int) -> str:
        """The title of an item number; its id where it has none."""
        return self._titles[item] or self.item_id(item)

    def item_id(self, item: int) -> str:
        """The id of an item number."""
        return str(self._ids[item])

    def number(self, item_id: str) -> int | None:
        """The number of an item id."""
        place = int(self._sorted_ids.search_sorted(item_id)) if self.base else 0
        if place == self.base or self._sorted_ids[place] != item_id:
            return self._added.get(item_id)
        return place if self._by_id is None else int(self._by_id[place])

    def search(self, text: str, limit: int = 50) -> list[int]:
        """Item numbers that a text finds: the item with this id, ids that start so, titles that hold it.

        Titles are compared without regard to case; each group is in the order of the numbers.
        """
        if not text or limit < 1 or not self.n_items:
            return []
        exact = self.number(text)
        numbers = [] if exact is None else [exact]
        start = int(self._sorted_ids.search_sorted(text))
        after = int(self._sorted_ids.search_sorted(text + "\U0010ffff", side="right"))
        page = range(start, min(after, start + limit))
        numbers += sorted(p if self._by_id is None else int(self._by_id[p]) for p in page)
        numbers += [number for item, number in self._added.items() if item.startswith(text)][:limit]
        wanted = str(pl.Series([text]).str.to_lowercase()[0])
        for offset in range(0, self.n_items, CHUNK):
            if len(numbers) >= limit + (exact is not None):
                break
            hits = self._lower.slice(offset, CHUNK).str.contains(wanted, literal=True).arg_true()
            numbers += (hits.head(limit + len(numbers)) + offset).to_list()
        return list(dict.fromkeys(numbers))[:limit]

    def siblings(self, item: int, limit: int | None = SIBLINGS, offset: int = 0) -> tuple[int, list[int]]:
        """The items that share the longest prefix that this item shares with any other.

        Returns:
            How many there are, and a page of their numbers, in the order of their codes.
        """
        path = self._path(item)
        branch = next((row for row in reversed(path) if self.branches.size[row] > 1), path[0])
        under = self.branches.items(branch)
        if self.index.shared and branch == path[-1]:  # others may have the very same code
            same = under[(self.index.codes[under] == self.index.codes[item]).all(axis=1)]
            under = same if len(same) > 1 else under
        others = under[under != item]
        end = None if limit is None else offset + max(limit, 0)
        return len(others), [int(other) for other in others[offset:end]]

    def about(self, item: int) -> dict[str, Any]:
        """Everything the index knows of an item, as JSON values.

        Returns:
            `number`, `item_id`, `title`, `code` (tokens in a row), `codes`; `path`: for every prefix its `branch`,
            `token`, `words`, number of `items`; `siblings`: numbers of items that share the longest shared prefix, at
            most `SIBLINGS` of the `sibling_count`; `raw`: the code before conflicts were settled, empty where it is
            not known; `conflict`: the group it shared a code with, None where it did not; `added`, `removed`: whether
            it came after training, and whether it is recommended no longer.

        Raises:
            DataError: no item has that number.
        """
        if not 0 <= item < self.n_items:
            raise DataError(f"no item has the number {item}", f"they go from 0 to {self.n_items - 1}")
        table, codes = self.branches, [int(code) for code in self.index.codes[item]]
        count, siblings = self.siblings(item)
        return {
            "number": item,
            "item_id": self.item_id(item),
            "title": self.title(item),
            "code": self.index.text(item),
            "codes": codes,
            "path": [
                {
                    "branch": row,
                    "token": token(level, codes[level]),
                    "words": table.words(row),
                    "items": int(table.size[row]),
                }
                for level, row in enumerate(self._path(item)[1:])
            ],
            "siblings": siblings,
            "sibling_count": count,
            "raw": code_text(self.raw[item]) if self.raw is not None and item < self.base else "",
            "conflict": self.conflict(item),
            "added": self.is_added(item),
            "removed": self.is_removed(item),
        }

    def conflict(self, item: int) -> int | None:
        """The group of items that an item shared its code with; None where it had one of its own."""
        if "group" not in self.conflicts.columns:
            return None
        groups = self.conflicts.filter(pl.col("item") == item)["group"].drop_nulls()
        return int(groups[0]) if len(groups) else None

    def _path(self, item: int) -> list[int]:
        """The rows from the root to the deepest branch that holds an item."""
        codes = self.index.codes[item]
        row, path = 0, [0]
        for depth in range(1, self.branches.levels):
            row = self.branches.child(row, int(codes[depth - 1]))
            if row < 0:
                raise DataError(f"{self.folder}: the branches do not fit the codes", "train again with --new")
            path.append(row)
        return path


class _Written(ItemIndex):
    """An index as it was written: uniqueness, whose check takes seconds at a million items, was checked then."""

    def __post_init__(self) -> None:
        if len(self.codes) != len(self.item_ids) or self.codes.shape[1] != len(self.widths) or not self.levels:
            raise ValueError("it does not fit its catalogue")
        if len(self.codes) and ((self.codes < 0).any() or (self.codes >= np.array(self.widths)).any()):
            raise ValueError("a code lies outside its level")


def load_index(path: Path) -> ItemIndex:
    """`ItemIndex.load` in a tenth of its time: trusts that the codes are unique.

    Raises:
        DataError: the file is missing, or not an index.
    """
    try:
        table = pl.read_parquet(path, glob=False)
        names = [name.split(":") for name in table.columns[1:]]
        codes = np.ascontiguousarray(table.drop("item_id").to_numpy().astype(np.int32))
        widths, sources = tuple(int(width) for _, _, width in names), tuple(source for _, source, _ in names)
        about = pl.read_parquet_metadata(path)
        return _Written(table["item_id"], codes, widths, sources, SHARED in about, OWN in about)
    except (OSError, ValueError, IndexError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: not an item index ({error})", "train again with --new") from error


def _raw(path: Path, items: int) -> Int32 | None:
    """The codes before conflicts were settled, read as they are needed; None where they were not kept."""
    if not path.is_file():
        return None
    try:
        raw: Int32 = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({error})", "train again with --new") from error
    if raw.ndim != 2 or len(raw) != items or raw.dtype != np.int32:
        raise DataError(f"{path}: not the codes of {items} items", "train again with --new")
    return raw
