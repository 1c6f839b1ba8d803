"""The item index as a table: item number <-> codes, one row an item, unique."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import DataError
from core.index.tokens import code_text, letter, token

SHARED, OWN = "eagertui.shared", "eagertui.own"


@dataclass(frozen=True)
class ItemIndex:
    """Codes of every item.

    Attributes:
        item_ids: id of every item number.
        codes: int32, shape (items, levels); row = item number; no two rows are equal.
        widths: codes at each level, used or not.
        sources: the source of each level, e.g. ("semantic", "semantic", "behavior", "behavior").
        shared: whether items may share a code (the conflict strategy `share`); a list then ranks them by number.
        own: whether every item's last code is its alone (the strategy `own`).
    """

    item_ids: pl.Series
    codes: npt.NDArray[np.int32]
    widths: tuple[int, ...]
    sources: tuple[str, ...]
    shared: bool = False
    own: bool = False

    def __post_init__(self) -> None:
        """Refuse a table that is not an index.

        Raises:
            DataError: where two items share a code, or a code lies outside its level.
        """
        if len(self.codes) != len(self.item_ids) or self.codes.shape[1] != len(self.widths):
            raise DataError("the item index does not fit its catalogue")
        if len(self.codes) and ((self.codes < 0).any() or (self.codes >= np.array(self.widths)).any()):
            raise DataError("the item index holds a code outside its level")
        if not self.shared and len(np.unique(self.codes, axis=0)) != len(self.codes):
            raise DataError("two items of the index share one code")
        if self.own and len(np.unique(self.codes[:, -1])) != len(self.codes):
            raise DataError("two items of the index share a last code that should be one item's own")

    @property
    def levels(self) -> int:
        """Codes an item."""
        return len(self.widths)

    @property
    def base_id(self) -> str:
        """Names the index: a hash of ids and codes."""
        digest = hashlib.sha256("\n".join(self.item_ids.to_list()).encode())
        digest.update(np.ascontiguousarray(self.codes).tobytes())
        return digest.hexdigest()[:16]

    def with_items(self, item_ids: pl.Series, codes: npt.NDArray[np.int32]) -> ItemIndex:
        """The codes of another catalogue in these levels; last codes that are items' own may make theirs wider.

        Args:
            item_ids: id of every item number.
            codes: theirs; int32, shape (items, levels).

        Raises:
            DataError: they are no index; a `ValueError` where this one was trusted as it was written.
        """
        widest = max(self.widths[-1], int(codes[:, -1].max(initial=-1)) + 1 if self.own else 0)
        return replace(self, item_ids=item_ids, codes=codes, widths=(*self.widths[:-1], widest))

    def text(self, item: int) -> str:
        """The code of an item number as tokens in a row."""
        return code_text(self.codes[item])

    def tokens(self) -> list[str]:
        """Every code of every level as a token, level by level."""
        return [token(level, code) for level, width in enumerate(self.widths) for code in range(width)]

    def save(self, path: Path) -> None:
        """Write a Parquet file; widths and sources travel in the names of its columns, the rest in its metadata."""
        columns = {
            f"{letter(i)}:{s}:{w}": self.codes[:, i]
            for i, (s, w) in enumerate(zip(self.sources, self.widths, strict=True))
        }
        about = {name: "yes" for name, there in ((SHARED, self.shared), (OWN, self.own)) if there}
        pl.DataFrame({"item_id": self.item_ids, **columns}).write_parquet(path, metadata=about)

    @staticmethod
    def load(path: Path) -> ItemIndex:
        """Read what `save` wrote.

        Raises:
            DataError: where the file is broken or is not an index.
        """
        try:
            table = pl.read_parquet(path, glob=False)
            names = [name.split(":") for name in table.columns[1:]]
            codes = table.drop("item_id").to_numpy().astype(np.int32)
            widths = tuple(int(width) for _, _, width in names)
            about, sources = pl.read_parquet_metadata(path), tuple(source for _, source, _ in names)
            return ItemIndex(table["item_id"], codes, widths, sources, SHARED in about, OWN in about)
        except (OSError, ValueError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: not an item index ({error})") from error
