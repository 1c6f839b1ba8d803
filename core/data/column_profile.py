"""What a column looks like: enough of its content and name to guess what it is for."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from core.data.clean import text_expr, time_format
from core.data.read import BAD, ROW, TableFile
from core.data.roles import fit, is_no_text
from core.errors import ProjectError

SAMPLE_ROWS = 20_000

_DESCRIBING = ("title", "maker", "kind", "description")


@dataclass(frozen=True)
class ColumnProfile:
    """What a sample of a column shows; all shares are of its non-empty values.

    Attributes:
        values: The distinct values as text.
        filled: Share of rows that are not empty.
        distinct: Distinct values per filled row.
        numbers: Share that are numbers; `integers`: whole numbers.
        dates: Whether most values are written as dates or times (or are of such a type).
        spaced: Share that hold two words of letters; `lettered`: share that are mostly letters.
        urls: Share that are links; `codes`: share that look like codes: one token of digits and capitals.
        nested: Whether it holds records.
        low: Smallest number; `high`: largest.
        name: The column's name; `example`: one value.
    """

    name: str
    values: frozenset[str]
    filled: float
    distinct: float
    numbers: float
    integers: float
    dates: bool
    spaced: float
    lettered: float
    urls: float
    codes: float
    nested: bool
    low: float
    high: float
    example: str


def profile_columns(sources: list[TableFile]) -> dict[str, ColumnProfile]:
    """Look at the beginning of a table's first file; the columns in the file's order."""
    source = sources[0]
    frame = source.table(rows=SAMPLE_ROWS)
    frame = frame.filter(pl.col(BAD).is_null()).drop(BAD, ROW)
    return {name: _profile(frame[name]) for name in source.columns}


def _profile(column: pl.Series) -> ColumnProfile:
    kind = column.dtype
    try:
        frame = pl.DataFrame({"t": column}).select(text_expr("t", kind, ""))
    except ProjectError:
        frame = pl.DataFrame({"t": pl.Series([None] * len(column), dtype=pl.String)})
    rows = max(1, len(column))
    text = frame["t"].str.strip_chars()
    text = text.filter((text != "").fill_null(False))
    values = text.to_frame("t")
    t = pl.col("t")

    def share(expression: pl.Expr) -> float:
        return float(values.select(expression.fill_null(False).mean()).item() or 0.0)

    number = t.cast(pl.Float64, strict=False)
    low, high = values.select(number.min().alias("low"), number.max().alias("high")).row(0)
    numbers = share(number.is_not_null())
    written = "" if numbers > 0.5 or kind.is_nested() else time_format(text.unique(maintain_order=True).head(500))
    return ColumnProfile(
        name=column.name,
        values=frozenset(text.unique()),
        filled=len(text) / rows,
        distinct=text.n_unique() / max(1, len(text)),
        numbers=numbers,
        integers=share(t.str.contains(r"^-?\d+(\.0)?$")),
        dates=kind.is_temporal() or (len(text) > 0 and "%" in written),
        spaced=share(t.str.contains(r"\p{L}{2}\S*\s+\S*\p{L}")),
        lettered=share(t.str.count_matches(r"[\p{L}\s]") > 0.7 * t.str.len_chars()),
        urls=share(t.str.contains(r"(?i)^[\[\s'\x22]*(https?://|www\.)|\.(jpe?g|png|gif|webp)\b")),
        codes=share(t.str.contains(r"^[A-Z0-9_.:/#-]*\d[A-Z0-9_.:/#-]*$|^[0-9a-f-]{8,}$")),
        nested=kind.is_nested() and not len(text),
        low=float(low) if low is not None else 0.0,
        high=float(high) if high is not None else 0.0,
        example=repr(text[0][:30]) if len(text) else "empty",
    )


def cannot_be_id(column: ColumnProfile) -> bool:
    """Whether a column can hold no ids: dates, prose, fractions, nothing."""
    fractions = column.numbers > 0.5 and column.integers < 0.5 * column.numbers
    dates = column.dates and column.numbers < 0.5
    return column.nested or column.filled < 0.5 or fractions or dates or column.spaced > 0.5


def is_number(column: ColumnProfile) -> bool:
    """Whether a column holds numbers."""
    return column.numbers > 0.5


def is_time(column: ColumnProfile) -> bool:
    """Whether a column can hold times: dates, or numbers large enough to count seconds or days."""
    return column.filled > 0.5 and (column.dates or column.numbers > 0.5)


def is_order(column: ColumnProfile) -> bool:
    """Whether a column can hold the order inside a user: whole numbers."""
    return column.filled > 0.5 and column.integers > 0.9


def is_code(column: ColumnProfile) -> bool:
    """Whether a column's values are codes rather than words."""
    return column.codes > 0.5 or is_no_text(column.name)


def is_wordy(column: ColumnProfile) -> bool:
    """Whether a column is text for people: words, neither ids nor codes, links, numbers or dates."""
    if column.nested or column.filled < 0.05 or column.dates or is_code(column):
        return False
    if column.urls > 0.2 or column.numbers > 0.5:
        return False
    named = any(fit(column.name, role) for role in _DESCRIBING)
    return column.spaced >= 0.3 or (named and column.lettered >= 0.6)
