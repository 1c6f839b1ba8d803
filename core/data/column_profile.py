"""What a column looks like: enough of its content and name to guess what it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from core.data.clean import id_expr, text_expr, time_format
from core.data.read import BAD, ROW, TableFile
from core.data.roles import NAMES, is_no_text, role_score
from core.data.time_values import DAY, are_clocks
from core.data.times import decimal_point, parsed
from core.errors import DataError, ProjectError

SAMPLE_ROWS = 20_000

_DESCRIBING = ("title", "maker", "kind", "description")
_MONTHS = (
    "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mrz|mai|okt|dez|fév|fev|avr|jui|aoû|aou|déc|ene|abr|ago|dic|"
    "gen|mag|giu|lug|set|ott|out|maj|янв|фев|апр|мая|май|июн|июл|авг|сен|окт|ноя|дек"
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_REST = r"(?:[T ,;:_-].*)?"
_OF_DAY = "times of day without a date"
_WRITTEN_TIMES = {
    "dates": (
        rf"{_YEAR}[-/._ ]{_MONTH}[-/._ ]{_DAY}{_REST}",
        rf"{_DAY}[-/._ ]{_DAY}[-/._ ](?:\d\d|{_YEAR}){_REST}",
        rf"{_DAY}[-/._ ]{_DAY},? {_YEAR}{_REST}",
        rf"{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[T _-]?\d{{4,6}}.*)?",
        rf"(?:[^\d]*[^\p{{L}}\d])?\d{{1,4}}\W{{0,3}}(?:{_MONTHS})\p{{L}}*[\W\d].*\d\d.*",
        rf"(?:\p{{L}}+[,.]?\s+)?(?:{_MONTHS})\p{{L}}*\W.*\d\d.*",
        rf"{_YEAR}\s*年.*|{_YEAR}\s*년.*",
        rf"{_YEAR}-?W\d\d(?:-?\d)?|{_YEAR}[-/.](?:0[1-9]|1[0-2])|{_YEAR}-\d{{3}}",
        r".*\bDate\(.*\d{9,}.*|.*\$date.*",
    ),
    _OF_DAY: (
        r"[0-5]?\d:[0-5]\d\.\d+",
        r"(?:[01]?\d|2[0-4])(?:[:h][0-5]\d|\.[0-5]\d\.[0-5]\d)(?::[0-5]\d(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?",
    ),
    "times before now": (r"(?:\d+|an?)\s+(?:second|minute|hour|day|week|month|year)s?\s+ago",),
}
"""Writings of times, whether or not the reader knows them; regular expressions for whole values, capitals ignored."""
_COUNTED_TIMES = {
    "seconds since 1970": (631_152_000, 2_500_000_000),
    "milliseconds since 1970": (631_152_000_000, 2_500_000_000_000),
    "microseconds since 1970": (631_152_000_000_000, 2_500_000_000_000_000),
    "nanoseconds since 1970": (631_152_000_000_000_000, 2_500_000_000_000_000_000),
}
"""Ranges of numbers that count time from 1990 to 2049."""
_SERIALS = (25_569, 73_051)
"""1970 to 2099 in days since 1900, as spreadsheets count."""
_NOON, _LAST_MINUTE, _LAST_SECOND = 1200, 2359, 235_959
"""Minutes of a day, and its last second, written in digits."""
_MANY_TIMES, _MOST_DAYS, _MINUTES = 20, 31, 60
"""Distinct numbers that are enough to tell; days of a month; minutes of an hour."""
_MOST_RATINGS, _ROWS_A_RATING = 21, 5
_PAIR = r"\d{5,}\.\d{8,}"
_SCIENTIFIC = r"^-?\d(?:[.,]\d+)?[eE]\+\d+$"


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
        count: How many values the sample has.
        scientific: Share written in scientific notation, as spreadsheets write long codes.
        times: What kind of times the values look like, in words, whether or not they can be read; empty = none.
        steps: Whether all values are whole or half numbers.
        prefix: The small letters that nearly all values begin with, before a number.
        name: The column's name; `example`: one value.
        days: Whether it holds several days and no times of day; `one_day`: times that differ, within a single day.
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
    count: int = 0
    scientific: float = 0.0
    times: str = ""
    steps: bool = False
    prefix: str = ""
    days: bool = False
    one_day: bool = False


def profile_columns(sources: list[TableFile]) -> dict[str, ColumnProfile]:
    """Look at the beginning of a table's first file; the columns in the file's order."""
    source = sources[0]
    frame = source.table(rows=SAMPLE_ROWS)
    frame = frame.filter(pl.col(BAD).is_null()).drop(BAD, ROW)
    return {name: _profile(frame[name]) for name in source.columns}


def _profile(column: pl.Series) -> ColumnProfile:
    kind = column.dtype
    text = _text(column)
    rows = max(1, len(column))
    t, number = pl.col("t"), _number("t")
    shares = {
        "numbers": number.is_not_null(),
        "integers": t.str.contains(r"^-?\d+(\.0)?$"),
        "spaced": t.str.contains(r"\p{L}{2}\S*\s+\S*\p{L}"),
        "lettered": t.str.count_matches(r"[\p{L}\s]") > 0.7 * t.str.len_chars(),
        "urls": t.str.contains(r"(?i)^[\[\s'\x22]*(https?://|www\.)|\.(jpe?g|png|gif|webp)\b"),
        "codes": t.str.contains(r"^[A-Z0-9_.:/#-]*\d[A-Z0-9_.:/#-]*$|^[0-9a-f-]{8,}$"),
        "scientific": t.str.contains(_SCIENTIFIC),
    }
    figures = text.to_frame("t").select(
        *(mask.fill_null(False).mean().fill_null(0.0).alias(name) for name, mask in shares.items()),
        number.min().alias("low"), number.max().alias("high"), ((number * 2) % 1 == 0).all().alias("steps"),
    ).row(0, named=True)  # fmt: skip
    distinct = text.unique(maintain_order=True)
    few = distinct.head(500)
    written = "" if figures["numbers"] > 0.5 or kind.is_nested() else time_format(few)
    times = _OF_DAY if kind == pl.Time else "dates" if kind.is_temporal() else _times(few, column.name)
    moments = _moments(column if kind.is_temporal() else distinct, written)
    low, high = int(moments.min() or 0), int(moments.max() or 0)  # type: ignore[arg-type]
    return ColumnProfile(
        name=column.name,
        values=frozenset(distinct),
        filled=len(text) / rows,
        distinct=len(distinct) / max(1, len(text)),
        numbers=figures["numbers"],
        integers=figures["integers"],
        dates=kind.is_temporal() or (len(text) > 0 and "%" in written),
        spaced=figures["spaced"],
        lettered=figures["lettered"],
        urls=figures["urls"],
        codes=figures["codes"],
        nested=kind.is_nested() and not len(text),
        low=float(figures["low"] or 0.0),
        high=float(figures["high"] or 0.0),
        example=_example(column, text),
        count=len(text),
        scientific=figures["scientific"],
        times=_OF_DAY if are_clocks(low, high) else times,
        steps=figures["numbers"] == 1.0 and bool(figures["steps"]),
        prefix=_prefix(few),
        days=low < high and bool((moments % DAY == 0).all()),
        one_day=low < high and low // DAY == high // DAY,
    )


def _example(column: pl.Series, text: pl.Series) -> str:
    """One value as the file writes it."""
    if column.dtype == pl.String:
        written = column.str.strip_chars()
        text = written.filter((written != "").fill_null(False))
    return repr(text[0][:30]) if len(text) else "empty"


def _text(column: pl.Series) -> pl.Series:
    """The values of a column as ids are read, where the type can hold ids, else as texts; without empty ones."""
    frame = pl.DataFrame({"t": column})
    try:
        try:
            text = frame.select(id_expr("t", column.dtype, "")).to_series()
        except DataError:
            text = frame.select(text_expr("t", column.dtype, "")).to_series().str.strip_chars()
    except ProjectError:
        return pl.Series("t", [], dtype=pl.String)
    except (pl.exceptions.PanicException, pl.exceptions.InvalidOperationError):
        # a time that no calendar holds has no words, nor has a span of time
        text = column.to_physical().cast(pl.String).alias("t")
    return text.filter((text != "").fill_null(False))


def _moments(values: pl.Series, form: str) -> pl.Series:
    """Dates and times in microseconds since 1970, be they typed or written in a format; empty where they are none."""
    if values.dtype == pl.Date or isinstance(values.dtype, pl.Datetime):
        return values.cast(pl.Datetime("us"), strict=False).cast(pl.Int64).drop_nulls()
    if "%" not in form:
        return pl.Series([], dtype=pl.Int64)
    return values.to_frame("t").select(parsed(pl.col("t"), form).cast(pl.Int64)).to_series().drop_nulls()


def _times(values: pl.Series, name: str) -> str:
    """What kind of times most of some distinct values look like."""
    if not len(values):
        return ""
    frame = values.to_frame("t")
    forms = [(kind, form) for kind, some in _WRITTEN_TIMES.items() for form in some]
    fits = frame.select(
        pl.col("t").str.contains(f"(?i)^(?:{form})$").sum().alias(str(n)) for n, (_, form) in enumerate(forms)
    ).row(0)
    for (kind, _), count in zip(forms, fits, strict=True):
        if count > 0.8 * len(values):
            return kind
    numbers = frame.select(_number("t")).to_series()
    if numbers.null_count() > 0.05 * len(values):
        return ""
    low, high = float(str(numbers.min())), float(str(numbers.max()))
    kinds = [kind for kind, (first, last) in _COUNTED_TIMES.items() if first <= low <= high <= last]
    broken = int((numbers % 1 != 0).sum()) > 0.5 * len(values)
    if not kinds and (broken or role_score(name, "time")) and _SERIALS[0] <= low <= high <= _SERIALS[1]:
        return "days since 1900, as spreadsheets count"
    if not kinds and not broken and role_score(name, "time") and _are_times_of_day(numbers.drop_nulls()):
        return _OF_DAY
    return kinds[0] if kinds else ""


def _are_times_of_day(numbers: pl.Series) -> bool:
    """Whether numbers say hours and minutes, or seconds too, by their digits: 705 is 07:05, and 70509 is 07:05:09."""
    last = int(numbers.max() or 0)  # type: ignore[arg-type]
    if len(numbers) < _MANY_TIMES or bool((numbers < 0).any()) or not _NOON <= last <= _LAST_SECOND:
        return False
    parts = [numbers % 100, *([numbers // 100 % 100] if last > _LAST_MINUTE else [])]
    # Days and months go less far than seconds and minutes.
    return all(_MOST_DAYS < int(part.max()) < _MINUTES for part in parts)  # type: ignore[arg-type]


def _number(name: str) -> pl.Expr:
    return decimal_point(pl.col(name)).cast(pl.Float64, strict=False)


def _prefix(values: pl.Series) -> str:
    begun = values.str.extract(r"^([A-Za-z]+)[-_: #]?\d+$").str.to_lowercase()
    common = begun.drop_nulls().mode().sort()
    return str(common[0]) if len(common) and (begun == common[0]).sum() > 0.9 * len(values) else ""


def cannot_be_id(column: ColumnProfile) -> bool:
    """Whether a column can hold no ids: dates, prose, fractions, true and false, nothing."""
    fractions = column.numbers > 0.5 and column.integers < 0.5 * column.numbers and not _is_pair(column)
    dates = column.dates and column.numbers < 0.5
    flags = bool(column.values) and {value.lower() for value in list(column.values)[:3]} <= {"true", "false"}
    return column.nested or column.filled < 0.5 or fractions or dates or flags or column.spaced > 0.5


def _is_pair(column: ColumnProfile) -> bool:
    """Whether all values are two long numbers with a point between, as the ids of Google Analytics are."""
    return bool(column.values) and all(re.fullmatch(_PAIR, value) for value in column.values)


def is_number(column: ColumnProfile) -> bool:
    """Whether a column holds numbers."""
    return column.numbers > 0.5


def is_time(column: ColumnProfile) -> bool:
    """Whether a column can hold times: dates, or numbers large enough to count seconds or days."""
    return column.filled > 0.5 and (column.dates or column.numbers > 0.5) and column.times != _OF_DAY


def is_rating(column: ColumnProfile) -> bool:
    """Whether a column looks like a rating: a few whole or half numbers of at most 10 that come again and again."""
    few = round(column.distinct * column.count)
    return column.steps and -10 <= column.low <= column.high <= 10 and few <= min(
        _MOST_RATINGS, column.count / _ROWS_A_RATING
    )  # fmt: skip


def is_clock(column: ColumnProfile) -> bool:
    """Whether most values look like times, be they ones that the reader knows or not."""
    return bool(column.times) or column.dates


def is_lossy(column: ColumnProfile) -> bool:
    """Whether a column of long codes went through a spreadsheet, which wrote some as `9.78267E+12`."""
    return column.scientific > 0.02


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
    named = any(role_score(column.name, role) for role in _DESCRIBING)
    return column.spaced >= 0.3 or (named and column.lettered >= 0.6)


def headless(source: TableFile, columns: Mapping[str, ColumnProfile]) -> bool:
    """Whether the first line of a text file, which was taken for the names of its columns, looks like a row."""
    names = list(columns)
    if not source.header_line or not names or any(role_score(name, role) > 500 for name in names for role in NAMES):
        return False
    counted = [str(first + number) for first in (0, 1) for number in range(len(names))]
    if (len(names) > 2 and names == counted[: len(names)]) or (len(names) > 3 and names == counted[len(names) :]):
        return False  # positions for names, as pandas writes them
    return any(_is_value(name, column) for name, column in columns.items())


def _is_value(name: str, column: ColumnProfile) -> bool:
    """Whether a column's name could be one of its values: a number over numbers, a time over times, or one of them."""
    name = re.sub(r"(?<=.)_\d+$", "", name) if name not in column.values else name
    timed = bool(column.times) and bool(_times(pl.Series([name]), "time"))
    number = column.numbers > 0.9 and bool(re.match(r"^-?\d+([.,]\d+)?([eE][+-]?\d+)?$", name))
    alike = bool(column.prefix) and _prefix(pl.Series([name])) == column.prefix
    return column.count > 0 and (name in column.values or timed or number or alike)


def no_header(source: TableFile, columns: Mapping[str, ColumnProfile], option: str) -> DataError:
    """Why a file without names for its columns cannot be used, and how to give them."""
    key = "data.item_columns" if "item" in option else "data.columns"
    usual = ["item", "title", "category"] if "item" in option else ["user", "item", "rating", "time"]
    example = ",".join(
        (usual + [f"column_{number}" for number in range(len(usual) + 1, len(columns) + 1)])[: len(columns)]
    )
    first = ", ".join(columns)[:200]
    return DataError(
        f"{source.path}: the first line looks like data, not like the names of the columns: {first}",
        f"Name all {len(columns)} columns in their order, e.g. init {option} {example}, or {key} in the project file.",
    )
