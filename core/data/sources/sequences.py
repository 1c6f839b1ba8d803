"""Sequences, one user a line: `user item item item`, oldest first, as many research data sets are published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from core.data.read import BAD, ROW, Head, TableFile, scan_text

_LINE = "\x00line"
_VARIED = 0.5
"""The share of lines that must be of another length than the most usual one."""


@dataclass(frozen=True)
class Sequences(TableFile):
    """A text without a header; the first token of a line is a user, the others are the user's items in order.

    Attributes:
        sign: Between tokens; a blank for one or more blanks or tabs.
    """

    format: ClassVar[str] = "sequences"
    rank: ClassVar[int] = 1

    sign: str = " "

    @classmethod
    def recognise(cls, head: Head) -> Sequences | None:
        """By lines of ids, each of its own length and with its own first id."""
        text = head.content.decode("utf-8", errors="replace")
        if not head.whole:
            text = text.rpartition("\n")[0]
        lines = [line for line in text.splitlines() if line.strip()][:500]
        for sign in (" ", ","):
            rows = [line.replace("\t", " ").split() if sign == " " else line.split(sign) for line in lines]
            widths = [len(row) for row in rows]
            if len(rows) < 3 or min(widths) < 2 or max(widths) < 4:
                continue
            usual = max(widths.count(width) for width in set(widths))
            tokens = [token for row in rows for token in row]
            ids = all(any(c.isdigit() for c in token) and token.isalnum() for token in tokens)
            if ids and len(rows) - usual >= _VARIED * len(rows) and len({row[0] for row in rows}) == len(rows):
                return cls(head.path, ("user_id", "item_id"), sign)
        return None

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Lazily read users and items, plus `ROW` (a number an interaction) and `BAD`."""
        line = pl.col(_LINE).str.strip_chars(" \t\r")
        line = line.str.replace_all(r"[ \t]+", " ") if self.sign == " " else line
        frame = scan_text(self.path, [_LINE], "\x01", None, "\n", 0, self.encoding).filter(line != "")
        tokens = frame.select(line.str.split(self.sign).alias(_LINE))
        pairs = tokens.select(
            pl.col(_LINE).list.first().alias("user_id"), pl.col(_LINE).list.slice(1).alias("item_id")
        ).explode("item_id")
        numbered = pairs.with_row_index(ROW, 1)
        return numbered.select(*columns, pl.col(ROW).cast(pl.Int64), pl.lit(None, pl.String).alias(BAD))
