"""Tables as people write them in text: Markdown, Org mode, `psql`: a line drawn between the header and the rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from core.data.read import ROW, Head
from core.data.sources.delimited import Delimited

_DRAWN = re.compile(r"[\s|:+-]*-{2,}[\s|:+-]*")


@dataclass(frozen=True)
class DrawnTable(Delimited):
    """Text delimited by `|`, of which the line below the header is no row."""

    format: ClassVar[str] = "a table of Markdown"
    rank: ClassVar[int] = 1

    @classmethod
    def recognise(cls, head: Head) -> DrawnTable | None:
        """By the line below the header."""
        lines = head.content.decode("utf-8", errors="replace").lstrip("\r\n").splitlines()
        if not any(_DRAWN.fullmatch(line) for line in lines[1:20]):
            return None
        table = super().recognise(head)
        below = lines[table.above + 1] if table and len(lines) > table.above + 1 else ""
        return cls(**vars(table)) if table and table.delimiter == "|" and _DRAWN.fullmatch(below) else None

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read some columns as text, plus `ROW` and `BAD`."""
        return super().scan(columns).filter(pl.col(ROW) != 2 - int(self.header))
