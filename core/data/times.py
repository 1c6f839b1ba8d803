"""How the times of a column are written: one writing for the whole column, decided on its values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import product

import polars as pl

_ZONED = ("%+", "%a %b %d %H:%M:%S %z %Y", "%d/%b/%Y:%H:%M:%S %z")
_CLOCKS = tuple(
    f"{day}{between}{clock}"
    for day in ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y")
    for between in (" ", "T")
    for clock in ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
    if between == " " or day == "%Y-%m-%d"
)
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m %d, %Y", "%b %d, %Y",
         "%B %d, %Y", "%d %b %Y", "%d %B %Y")  # fmt: skip
_COMMON = (*_ZONED, *_CLOCKS, *_DAYS)

# The rest of the world's writings, made of their parts; their values are brought into one form first (`_even`).
_WIDE_DAYS = (
    "%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y", "%m-%d-%Y",
    "%d.%m.%y", "%d-%m-%y", "%m-%d-%y", "%Y.%m.%d", "%Y_%m_%d", "%Y%m%d", "%Y年%m月%d日",
    "%d-%B-%Y", "%d %B %Y", "%d/%B/%Y", "%d.%B.%Y", "%d%B%Y", "%d_%B_%Y", "%d %B, %Y", "%d. %B %Y", "%d-%B-%y",
    "%d %B %y", "%d/%B/%y", "%d%B%y", "%B %d, %Y", "%B %d %Y", "%B-%d-%Y", "%B/%d/%Y", "%Y-%B-%d", "%Y %B %d",
    "%Y/%B/%d", "%Y.%B.%d", "%y-%m-%d", "%y/%m/%d", "%y.%m.%d",
)  # fmt: skip
_WIDE_CLOCKS = (
    "%H:%M:%S%.f", "%H:%M", "%I:%M:%S%.f %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p", "%H:%M:%S,%3f", "%H:%M:%S,%6f",
    "%H:%M:%S:%3f", "%H%M%S%.f", "%H%M", "%H.%M.%S", "%H.%M.%S.%6f", "%I.%M.%S.%6f %p",
    "%H-%M-%S", "%H_%M_%S",
)  # fmt: skip
_BETWEEN = (" ", "T", ":", ", ", "-", "_", " at ")
_PATTERNS = {
    "Y": r"\d{4}", "y": r"\d\d", "m": r"\d{1,2}", "d": r"\d{1,2}", "H": r"\d{1,2}", "I": r"\d{1,2}", "M": r"\d\d",
    "S": r"\d\d", "B": r"[A-Za-z]{3,9}", "b": r"[A-Za-z]{3}", "p": r"[AaPp][Mm]", "z": r"[+-]\d\d:?\d\d",
    ".f": r"(?:\.\d{1,9})?", "3f": r"\d{3}", "6f": r"\d{6}",
}  # fmt: skip
_DIGITS = "".join(chr(begin + n) for begin in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50, 0xFF10) for n in range(10))
"""Those of Arabic, Persian, Hindi, Bengali and Thai, and full-width ones."""
_EVENED = " *"
"""Behind a common format whose values are brought into one form first."""
_ENOUGH, _FIRST_YEAR, _LAST_YEAR = 5, 1980, 2060
"""Values that are enough to tell, and the years in which people have logs."""
_SHOWN = 24
"""Values by which the writings that are tried are chosen."""
_TRIED = 1000
"""Values on which they are tried before all are read by those that are left."""


def time_format(values: pl.Series) -> str:
    """How most of the values are written: `integer`, `number`, or a time format; empty where nothing fits half of them.

    Of two ways that fit alike the first known one.
    """
    if not len(values):
        return "number"
    frame = values.to_frame("t")
    numbers = _share(frame, _number(pl.col("t")))
    if numbers > 0.5:
        whole = _share(frame, pl.col("t").cast(pl.Int64, strict=False))
        return "integer" if whole == numbers else "number"
    forms = _candidates(values)
    if len(values) > _TRIED:
        some = values.gather_every(len(values) // _TRIED)
        forms = tuple(form for form in forms if share_of(some, form) > 0.3)
    best = max(((share_of(values, form), -rank, form) for rank, form in enumerate(forms)), default=(0.0, 0, ""))
    if best[0] < 0.5:
        return ""
    return min(same_look(values, best[2]), key=lambda form: _years(values, form))


def same_look(values: pl.Series, form: str) -> list[str]:
    """A format, and the one with day and year in each other's place where that reads as many of the values."""
    day, year = form.find("%d"), form.find("%y")
    if min(day, year) < 0:
        return [form]
    first, second = sorted((day, year))
    turned = form[:first] + form[second : second + 2] + form[first + 2 : second] + form[first : first + 2]
    turned = turned + form[second + 2 :]
    turned = turned if form.endswith(_EVENED) else turned + _EVENED
    return [form, turned] if share_of(values, turned) == share_of(values, form) else [form]


def _years(values: pl.Series, form: str) -> int:
    """How many years the values lie in: of two readings that part day from year the one of fewer is meant."""
    return int(values.to_frame("t").select(parsed(pl.col("t"), form).dt.year().n_unique()).item())


def format_of_all(*groups: pl.Series) -> str:
    """The first time format that reads every value of all the groups; empty where none does."""
    forms = _candidates(pl.concat([group.head(_SHOWN) for group in groups]))
    return next((form for form in forms if all(share_of(group, form) == 1.0 for group in groups)), "")


def shown(form: str) -> str:
    """A format as people are told of it."""
    return form.removesuffix(_EVENED)


def share_of(values: pl.Series, form: str) -> float:
    """The share of the values that a time format reads."""
    return _share(values.to_frame("t"), parsed(pl.col("t"), form))


def parsed(text: pl.Expr, form: str) -> pl.Expr:
    """The times in a text column by a format that `time_format` gave; null where a value is written otherwise.

    Returns:
        Of type Datetime: in UTC where the format has a zone, else as written.
    """
    if form not in _COMMON:
        form, text = form.removesuffix(_EVENED), _even(text)
    if form in _ZONED or "%z" in form:
        return text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
    if "%H" in form or "%I" in form:
        times = text.str.to_datetime(form, time_unit="us", strict=False)
    else:
        times = text.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    return pl.when(times.dt.year() >= 1000).then(times) if "%Y" in form else times  # 13.09.20 is no year of Nero's


def year_last(digits: pl.Series) -> bool:
    """Whether texts of digits alone are dates with the year behind day and month (`28112019`), which numbers misorder.

    Args:
        digits: Distinct texts, of which a leading zero may be lost.
    """
    length = int(digits.str.len_chars().max() or 0)  # type: ignore[arg-type]
    length += length % 2
    text = digits.str.pad_start(length, "0")
    if len(digits) < _ENOUGH or length not in (6, 8, 12, 14):
        return False
    for form in ("%d%m", "%m%d"):
        year = "%y" if length == 6 else "%Y"
        times = pl.select(parsed(pl.lit(text), form + year + {12: "%H%M", 14: "%H%M%S"}.get(length, ""))).to_series()
        if not times.null_count() and times.dt.year().is_between(_FIRST_YEAR, _LAST_YEAR).all():
            # 281119 can begin with the year as well: of two readings the one of fewer years is meant.
            return length != 6 or times.dt.year().n_unique() < text.str.slice(0, 2).n_unique()
    return False


def plain_digits(text: pl.Expr) -> pl.Expr:
    """Text with the digits of other scripts as ours."""
    return text.str.replace_many(list(_DIGITS), list("0123456789" * (len(_DIGITS) // 10)))


def decimal_point(text: pl.Expr) -> pl.Expr:
    """Numbers with a decimal comma (`4,5`) written with a point; `1,250`, which can be thousands, stays as it is."""
    comma = text.str.contains(r"^[+-]?\d+,\d+$") & ~text.str.contains(r"^[+-]?[1-9]\d{0,2},\d{3}$")
    return pl.when(comma).then(text.str.replace(",", ".", literal=True)).otherwise(text)


def _number(text: pl.Expr) -> pl.Expr:
    return decimal_point(text).cast(pl.Float64, strict=False)


def _share(frame: pl.DataFrame, expression: pl.Expr) -> float:
    return float(frame.select(expression.is_not_null().mean()).item() or 0.0)


def _candidates(values: pl.Series) -> tuple[str, ...]:
    """The formats that are worth a try: the common ones, and those of the others that fit the look of some value."""
    some = values.gather_every(max(1, len(values) // _SHOWN)).head(_SHOWN).to_frame("t")
    if not some.select(pl.col("t").str.count_matches(r"\d") >= 3).to_series().any():
        return ()
    looks = [text for text in some.select(_even(pl.col("t"))).to_series() if text and len(text) < 60]
    wide = dict.fromkeys(form for look in looks for form, pattern in _wide() if pattern.fullmatch(look))
    return (*_COMMON, *(form + _EVENED if form in _COMMON else form for form in wide))


def _even(text: pl.Expr) -> pl.Expr:
    """Times in plain digits and with `+0000` for UTC.

    Without weekday, ordinal ending, point behind a month, and the name of a zone in brackets behind its offset.
    """
    return (
        plain_digits(text)
        .str.replace(r"([+-]\d\d:?\d\d|UTC|GMT|Z)\s*\([^)]*\)$", "${1}")
        .str.replace(r"(?i)\s*\((mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?\)$", "")
        .str.replace(r"(?i)^(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+", "")
        .str.replace(r"(?i)(\d)(st|nd|rd|th)\b", "${1}")
        .str.replace(r"(?i)\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)t?\.", "${1}")
        .str.replace(r"(?i)\bsept\b", "Sep")
        .str.replace(r"(\d|[AaPp][Mm])\s*(?:UTC|GMT|Z)$", "${1}+0000")
        .str.replace(r"(:\d\d(?:\.\d+)?|[AaPp][Mm])\s*(?:UTC|GMT)?\s*([+-]\d\d):?(\d\d)$", "${1}${2}${3}")
        .str.replace(r"(:\d\d(?:\.\d+)?)\s*([+-]\d\d)$", "${1}${2}00")
        .str.replace(r"(:\d\d)\s+(?:UTC|GMT)\s+(\d{4})$", "${1} ${2}")
        .str.replace_all(r"\s+", " ")
    )


@cache
def _wide() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """All formats that the parts make, each with the pattern of what it reads."""
    forms = [*_WIDE_DAYS]
    for day, between, clock in product(_WIDE_DAYS, _BETWEEN, _WIDE_CLOCKS):
        forms += [f"{day}{between}{clock}", f"{day}{between}{clock}%z"]
    forms += [f"%Y%m%d{clock}%z" for clock in ("%H%M%S%.f", "%H%M")]
    forms += [f"{clock}{between}{day}" for clock in ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
              for between in (" ", ", ") for day in _WIDE_DAYS]  # fmt: skip
    forms += ["%B %d %H:%M:%S %Y", "%B %d %H:%M:%S%.f %Y"]
    return tuple((form, _pattern(form)) for form in _unique(forms))


def _pattern(form: str) -> re.Pattern[str]:
    narrow = "%m%d" in form or "%H%M" in form  # without anything between them, numbers have two digits

    def piece(match: re.Match[str]) -> str:
        part = _PATTERNS[match[1]]
        return r"\d\d" if narrow and part == r"\d{1,2}" else part

    return re.compile(re.sub(r"%(\.f|3f|6f|.)", piece, form.replace(".%", r"\.%").replace("%%", "%")))


def _unique(forms: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(forms))
