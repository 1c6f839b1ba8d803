"""Excel workbooks (.xlsx), a sheet of them as text, by fastexcel through Polars: the extra `excel`."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import polars as pl

from core.data.inner_tables import chosen_table, column_names
from core.data.read import BAD, ROW, Head, TableFile, filled, first_line
from core.errors import DataError, EnvironmentFault
from core.units import size

_ZIP = b"PK\x03\x04"
_PARTS = "xl/worksheets/", "xl/sharedStrings.xml"
_MOST_CELLS, _MOST_BYTES = 20_000_000, 1 << 30
"""Cells from the first to the last corner of a sheet, all of which are in memory, and bytes of a workbook unpacked."""
_CELL = re.compile(rb'<(?:\w+:)?c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
_STEP, _OVERLAP = 1 << 20, 200
_LOOKED = 20
"""Rows among which the header is looked for."""
_ROUNDED = r"^\d{16,}$"


@dataclass(frozen=True)
class Excel(TableFile):
    """A sheet of a workbook, its cells as text; dates are written as ISO 8601 has them.

    Attributes:
        above: Rows above the header that belong to no table: a title, a blank line.
        header: Whether the first row behind them holds the names.
    """

    format: ClassVar[str] = "excel"
    header_line: ClassVar[bool] = True

    above: int = 0
    header: bool = True

    @classmethod
    def recognise(cls, head: Head) -> Excel | None:
        """By what lies in the archive.

        Raises:
            DataError: it is damaged, unpacks without end, or has several sheets and none is named.
            ProjectError: it has no such sheet.
            EnvironmentFault: nothing here reads it.
        """
        if not head.raw.startswith(_ZIP):
            return None
        if not zipfile.is_zipfile(head.path):
            return None
        try:
            with zipfile.ZipFile(head.path) as archive:
                if "xl/workbook.xml" not in archive.namelist():
                    return None
                _check_size(head.path, archive)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise _damaged(head.path, error) from None
        if find_spec("fastexcel") is None:
            raise EnvironmentFault(
                f"{head.path}: is an Excel workbook, and nothing here reads it",
                "Save the sheet as CSV, or install what does: pip install 'eagertui[excel]'.",
            )
        one = cls(head.path, ())
        filled_sheets = [name for name in one._sheets() if one._cells(name).height]
        sheet = chosen_table(head.path, "an Excel workbook", "sheet", filled_sheets, head.inner)
        cells = one._cells(sheet)
        above = _rows_above(cells)
        names = _names(cells, above)
        return cls(head.path, tuple(names), inner=sheet, above=above)

    def named(self, names: Sequence[str], key: str) -> Excel:
        """The same sheet with names for its columns, its first row being a row like the others.

        Raises:
            ProjectError: see `column_names`.
        """
        return replace(self, columns=column_names(self.path, self.columns, names, key), header=False)

    def notes(self) -> list[str]:
        """Rows above the header."""
        what = "the row" if self.above == 1 else f"{self.above} rows"
        return [f"left out: {what} above the header"] if self.above else []

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Some columns as text, plus `ROW` and `BAD`."""
        cells = self._cells(self.inner)
        cells = cells.rename(dict(zip(cells.columns, self.columns, strict=False)))[self.above + int(self.header) :]
        numbered = cells.with_columns(pl.Series(ROW, range(1, cells.height + 1), dtype=pl.Int64))
        numbered = numbered.with_columns(_as_shown(name) for name in self._numbers(cells.select(columns)))
        bad = pl.lit(None, pl.String).alias(BAD)
        blank = pl.all_horizontal(pl.col(name).is_null() for name in self.columns)
        return numbered.lazy().filter(~blank).select(*(filled(name) for name in columns), ROW, bad)

    def row_count(self) -> int:
        """How many rows there are."""
        return self._cells(self.inner).height - self.above - int(self.header)

    def _numbers(self, cells: pl.DataFrame) -> list[str]:
        """Columns with numbers of more digits than Excel keeps, where they are numbers and not text."""
        long = [name for name in cells.columns if cells[name].str.contains(_ROUNDED).any()]
        if not long:
            return []
        typed = pl.read_excel(
            self.path, sheet_name=self.inner, engine="calamine", infer_schema_length=None,
            read_options={"header_row": None, "skip_rows": self.above + int(self.header)},
        )  # fmt: skip
        return [name for name in long if typed.dtypes[self.columns.index(name)].is_numeric()]

    def _sheets(self) -> list[str]:
        """Names of the sheets.

        Raises:
            DataError: the workbook is damaged.
        """
        import fastexcel

        try:
            return list(fastexcel.read_excel(self.path).sheet_names)
        except (fastexcel.FastExcelError, pl.exceptions.PanicException) as error:
            raise _damaged(self.path, error) from None

    def _cells(self, sheet: str) -> pl.DataFrame:
        """All cells of a sheet as text, from its first row that holds any."""
        stat = self.path.stat()
        return _read(self.path, sheet, stat.st_mtime_ns, stat.st_size)


def _damaged(path: Path, error: BaseException) -> DataError:
    return DataError(f"{path}: the Excel workbook is damaged ({first_line(error)})", "Save it again, or as CSV.")


@lru_cache(maxsize=2)
def _read(path: Path, sheet: str, modified: int, size: int) -> pl.DataFrame:
    """See `Excel._cells`; a sheet is read once.

    Raises:
        DataError: the workbook is damaged.
    """
    import fastexcel

    try:
        return pl.read_excel(
            path, sheet_name=sheet, engine="calamine", has_header=False, infer_schema_length=0, raise_if_empty=False,
            drop_empty_rows=False, drop_empty_cols=False,
        )  # fmt: skip
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(path, error) from None


def _as_shown(name: str) -> pl.Expr:
    """Long numbers in scientific notation, as Excel shows them: digits of theirs are lost, whatever it wrote."""
    column, digits = pl.col(name), pl.col(name).str.len_chars() - 1
    shown = pl.format("{}.{}E+{}", column.str.slice(0, 1), column.str.slice(1, 14), digits)
    return pl.when(column.str.contains(_ROUNDED)).then(shown).otherwise(column).alias(name)


def _rows_above(cells: pl.DataFrame) -> int:
    """How many rows stand above the header: those that fill less than half of what the rows below them fill."""
    counts = [sum(value is not None for value in row) for row in cells.head(_LOOKED).iter_rows()]
    enough = max(counts, default=0) / 2
    return next((number for number, count in enumerate(counts) if count and count >= enough), 0)


def _names(cells: pl.DataFrame, row: int) -> list[str]:
    """Names of the columns: what stands in the header, numbered where it is blank or stands there twice."""
    names: dict[str, None] = {}
    for number, value in enumerate(cells.row(row) if cells.height else (), start=1):
        name = (value or "").strip().replace("\0", "") or f"column_{number}"
        names[name if name not in names else f"{name}_{number}"] = None
    return list(names)


def _check_size(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse a workbook that is small on the disk and fills the memory, whatever its parts say of their size.

    Raises:
        DataError: it is one.
    """
    length = 0
    for part in archive.infolist():
        if not part.filename.startswith(_PARTS):
            continue
        part.file_size = _MOST_BYTES  # read to the end of what is packed, however long it claims to be
        columns = rows = 0
        with archive.open(part) as file:
            before = b""
            while block := file.read(_STEP):
                length += len(block)
                for column, row in _CELL.findall(before + block):
                    columns, rows = max(columns, _number(column)), max(rows, int(row))
                before = block[-_OVERLAP:]
                if length > _MOST_BYTES or columns * rows > _MOST_CELLS:
                    raise DataError(
                        f"{path}: a sheet of {rows:,} rows and {columns:,} columns, or more than "
                        f"{size(_MOST_BYTES)}, which no log is",
                        "Save the rows as CSV.",
                    )


def _number(column: bytes) -> int:
    """The number of a column that Excel names by letters."""
    number = 0
    for letter in column:
        number = 26 * number + letter - 64
    return number
