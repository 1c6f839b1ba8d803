"""SQLite databases, a table of them, by Python's own module."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, ClassVar

import polars as pl

from core.data.inner_tables import chosen_table
from core.data.read import BAD, ROW, Head, TableFile
from core.errors import DataError

_MARK = b"SQLite format 3\0"


class Sqlite(TableFile):
    """A table of a database, whose columns become text; it is opened for reading only."""

    format: ClassVar[str] = "sqlite"

    @classmethod
    def recognise(cls, head: Head) -> Sqlite | None:
        """By the mark at its beginning.

        Raises:
            DataError: it is damaged, or has several tables and none is named.
            ProjectError: it has no such table.
        """
        if not head.raw.startswith(_MARK[:16]):
            return None
        log = head.path.with_name(f"{head.path.name}-wal")
        if log.is_file() and log.stat().st_size:
            raise DataError(
                f"{head.path}: rows that were written lately stand in {log.name} and not in the database yet",
                f"Close what writes it, or: sqlite3 {head.path.name} 'PRAGMA wal_checkpoint(TRUNCATE)'",
            )
        one = cls(head.path, ())
        name = chosen_table(head.path, "an SQLite database", "table", one._tables(), head.inner)
        columns = [str(row[1]) for row in one._rows(f"PRAGMA table_info({_quoted(name)})")]
        return cls(head.path, tuple(columns), inner=name)

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Some columns as text, plus `ROW` and `BAD`."""
        wanted = ", ".join(_quoted(name) for name in columns)
        # An index that holds the columns would be read instead, in its own order.
        rows = self._rows(f"SELECT {wanted} FROM {_quoted(self.inner)} NOT INDEXED")
        texts = [[_text(value) for value in row] for row in rows]
        frame = pl.DataFrame(texts, schema={name: pl.String for name in columns}, orient="row")
        number = pl.Series(ROW, range(1, len(texts) + 1), dtype=pl.Int64)
        return frame.with_columns(number, pl.lit(None, pl.String).alias(BAD)).lazy()

    def row_count(self) -> int:
        """How many rows there are."""
        return int(self._rows(f"SELECT count(*) FROM {_quoted(self.inner)}")[0][0])

    def _tables(self) -> list[str]:
        """Names of the tables; views stay out, for they can compute without end."""
        names = self._rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [str(name) for (name,) in names if not str(name).startswith("sqlite_")]

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives.

        Raises:
            DataError: the database is damaged.
        """
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as base:
                base.execute("PRAGMA trusted_schema = OFF")
                base.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
                return base.execute(query).fetchall()
        except sqlite3.Error as error:
            raise DataError(f"{self.path}: the SQLite database cannot be read ({error})") from None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))
    return None if value is None or value == "" else str(value)
