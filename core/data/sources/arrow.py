"""Arrow: IPC files (Feather 2) and streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from core.data.read import BAD, ROW, Head, TableFile, first_line
from core.errors import DataError

_FILE = b"ARROW1"
_STREAM = b"\xff\xff\xff\xff"


@dataclass(frozen=True)
class Arrow(TableFile):
    """An Arrow file, whose columns have types.

    Attributes:
        stream: Whether it is a stream, which is read as a whole.
    """

    format: ClassVar[str] = "arrow"
    typed: ClassVar[bool] = True

    stream: bool = False

    @classmethod
    def recognise(cls, head: Head) -> Arrow | None:
        """By the mark at its beginning; a file's stands at its end again."""
        file = head.raw.startswith(_FILE)
        if not file and not head.raw.startswith(_STREAM):
            return None
        if file:
            with head.path.open("rb") as opened:
                opened.seek(max(0, opened.seek(0, 2) - len(_FILE)))
                if opened.read() != _FILE:
                    raise DataError(f"{head.path}: the Arrow file is truncated", "Copy or write the file again.")
        try:
            one = cls(head.path, (), stream=not file)
            return cls(head.path, tuple(one._frame().collect_schema()), stream=not file)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DataError(f"{head.path}: the Arrow file is damaged ({first_line(error)})") from None

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some columns, plus `ROW` and `BAD`, with the types that they have."""
        numbered = self._frame().with_row_index(ROW, 1)
        return numbered.select(*columns, pl.col(ROW).cast(pl.Int64), pl.lit(None, pl.String).alias(BAD))

    def row_count(self) -> int:
        """How many rows there are."""
        return int(self._frame().select(pl.len()).collect().item())

    def _frame(self) -> pl.LazyFrame:
        return pl.read_ipc_stream(self.path).lazy() if self.stream else pl.scan_ipc(self.path, glob=False)
