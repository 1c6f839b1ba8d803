"""Parquet."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from core.data.packed import check_row_count
from core.data.read import BAD, ROW, Head, TableFile, first_line
from core.errors import DataError

_MARK = b"PAR1"
TEXT_RATIO = 2.5
"""Bytes of text a byte of the file, as in the item tables of Amazon's data sets."""


class Parquet(TableFile):
    """A Parquet file, whose columns have types."""

    format: ClassVar[str] = "parquet"
    typed: ClassVar[bool] = True

    @classmethod
    def recognise(cls, head: Head) -> Parquet | None:
        """By the mark at its beginning, which stands at its end again."""
        if not head.raw.startswith(_MARK):
            return None
        with head.path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 4))
            if size < 12 or file.read(4) != _MARK:
                raise DataError(f"{head.path}: the Parquet file is truncated", "Copy or write the file again.")
        try:
            one = cls(head.path, tuple(pl.scan_parquet(head.path, glob=False).collect_schema()))
            rows = one.row_count()
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DataError(f"{head.path}: the Parquet file is damaged ({first_line(error)})") from None
        check_row_count(head.path, rows, size)
        return one

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some columns, plus `ROW` and `BAD`, with the types that they have."""
        return pl.scan_parquet(self.path, glob=False, row_index_name=ROW, row_index_offset=1).select(
            *columns, pl.col(ROW).cast(pl.Int64), pl.lit(None, pl.String).alias(BAD)
        )

    def row_count(self) -> int:
        """How many rows there are, from the file's own metadata."""
        return int(pl.scan_parquet(self.path, glob=False).select(pl.len()).collect().item())

    def text_ratio(self) -> float:
        """About how many bytes of text a byte of the file holds."""
        return TEXT_RATIO
