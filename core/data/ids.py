"""Ids of a whole column: words that say that there is none, and one thing that is written in two ways."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

import polars as pl

_SURE = ("nan", "NaN", "NAN", "NULL", "<NA>", "<na>", "N/A", "n/a", "#N/A", "\\N", "(null)", "<null>", "<NULL>", "NaT",
         "nat", "(NULL)", "[null]", "(not set)", "(none)", "(empty)", "(unknown)", "[object Object]", "{}", "#VALUE!",
         "#REF!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "00000000-0000-0000-0000-000000000000")  # fmt: skip
"""What programs write where a value is missing; nobody calls anything so."""
_DOUBTFUL = ("None", "none", "NONE", "null", "Null", "Nan", "nil", "NIL", "NA", "na", "Na", "N.A.", "n.a.", "-", "--",
             "---", "?", ".", "undefined", "unknown", "Unknown", "UNKNOWN", "missing", "Missing")  # fmt: skip
"""What can also be somebody's name among names."""
_FREQUENT = 0.05
_LOOKED_AT, _MANY_IDS = 10_000, 1_000_000
_CONFUSABLE = "АВЕЗКМНОРСТУХаеорсухіАΒΕΖΗΙΚΜΝΟΡΤΥΧο"
_LATIN = "ABE3KMHOPCTYXaeopcyxiABEZHIKMNOPTYXo"
"""Letters of the Cyrillic and the Greek alphabet, and the Latin ones that look like them."""
_DIGITS = [chr(one) for one in range(0x80, 0x20000) if unicodedata.category(chr(one)) == "Nd"]
_ASCII_DIGITS = [str(unicodedata.decimal(one)) for one in _DIGITS]
"""Digits of all scripts, and what they are worth."""
_SIGNS = {"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"',
          **{chr(one): "-" for one in (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212)}}  # fmt: skip
"""Signs that editors put in the place of those on the keyboard."""
_THOUSANDS = r"^\d{1,3}([,. '\u00a0\u2009\u202f]\d{3})+$"
_ESCAPED = r"%[0-9A-Fa-f]{2}|&#?\w{2,8};"
_UUID = r"^\{?([0-9A-Fa-f]{8})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{4})-([0-9A-Fa-f]{12})\}?$"
_FOR_SHEETS = r"^='?\"(.*)\"$|^'([\w.-]*\d[\w.-]*)'?$"
"""What makes a spreadsheet take a number for text: `="0815"`, `'0815`."""
_SIGNED = r"^(?:97[89][- ](?:\d[- ]?){9}\d|\+\d{7,15}|mailto:\S+@\S+|[a-z]+[- _]\d+|\d+[- _][a-z]+)$"
"""Codes whose signs are left out as often as not: ISBNs, telephone numbers, addresses of mail, letters and digits."""
_TRACKED = r"[?&](?:utm_\w+|gclid|fbclid|msclkid|mc_[ce]id)=[^&#]*"
_AROUND = r"^https?://(www\.)?|/$"
"""What an address can begin and end with and be the same."""
_ODD = rf"[^\x20-\x7e]|  |{_THOUSANDS}|{_ESCAPED}|{_UUID}|{_FOR_SHEETS}|{_TRACKED}|^https?://|./$"
"""Ids that are looked at closely."""
_LONG, _MANY_LONG = 1 << 53, 20
"""The first whole number whose next one no float holds, and how many such ids are enough to tell."""
_PREFIXED, _MOSTLY = r"^(?:[A-Za-z]\S*[:/_#-]|#)([A-Za-z\d]*\d[A-Za-z\d]*)$", 0.5
"""A word and a sign before a code; a share that is most of them."""
_SYSTEMATIC = 0.05
"""The share of ids with a second writing above which the table says one thing in two ways."""


def missing_words(rows: pl.LazyFrame, column: str, order: pl.Expr | None = None) -> tuple[list[str], list[str]]:
    """Words among the ids of a column that mean that there is no id.

    Among codes and numbers every such word does. Among names (`anna`, `none`) one that may be a name does where it is
    far more frequent than any name.

    Args:
        rows: The table.
        column: The ids, as text.
        order: By what the rows are in order; None = as they come.

    Returns:
        The words that are no ids, and those that look like it but are kept.
    """
    ids = pl.col(column)
    words = rows.filter(ids.is_in([*_SURE, *_DOUBTFUL])).group_by(column).len().collect(engine="streaming")
    if not words.height:
        return [], []
    counts = {str(word): int(count) for word, count in words.iter_rows()}
    others = rows.filter(~ids.is_in(list(counts)) & ids.is_not_null())
    if order is None:
        looks = others.select(ids).head(_LOOKED_AT).collect()[column]
    else:
        looks = others.select(ids, order.alias("at")).bottom_k(_LOOKED_AT, by="at").collect(engine="streaming")[column]
    if not len(looks) or float(looks.str.contains(r"\d").mean() or 0.0) >= 0.5:  # type: ignore[arg-type]
        return sorted(counts), []
    most, total = (
        int(frame.collect(engine="streaming").item() or 0)
        for frame in (others.group_by(column).len().select(pl.col("len").max()), rows.select(pl.len()))
    )
    frequent = {word for word, count in counts.items() if count > 3 * most or count > max(most, _FREQUENT * total)}
    gone = {word for word in counts if word in _SURE or word in frequent}
    return sorted(gone), sorted(set(counts) - gone)


def rounded(ids: pl.Series) -> pl.Series:
    """Distinct ids that a spreadsheet has rounded: in scientific notation (`9.78267E+12`)."""
    return ids.filter(ids.str.contains(r"^-?\d(?:[.,]\d+)?[eE]\+\d+$"))


def as_floats(ids: pl.Series) -> list[str]:
    """Ids of more than 15 digits, all of which are such as a float or a spreadsheet holds; none where one is not.

    Args:
        ids: Distinct ids.
    """
    long = [one for one in ids.filter(ids.str.contains(r"^[1-9]\d{15,18}$")).head(_LOOKED_AT) if int(one) > _LONG]
    held = all(int(float(one)) == int(one) for one in long) or all(int(one[15:]) == 0 for one in long)
    return long if held and len(long) >= _MANY_LONG else []


def with_prefix(ids: pl.Series) -> tuple[str, int]:
    """An id with a word in front (`user_17`, `gid://shop/Product/17`) of many whose bare twins are ids as well.

    Args:
        ids: Distinct ids.

    Returns:
        It, and how many there are; empty and 0 where they are few, or few of those with a word.
    """
    long = ids.filter(ids.str.contains(_PREFIXED))
    bare = long.str.replace(_PREFIXED, "${1}")
    twins = long.filter(bare.is_in(ids.implode()))
    few = len(twins) < max(_MANY_LONG, _MOSTLY * len(long)) or len(twins) < _MOSTLY * (len(ids) - len(long))
    return ("", 0) if few else (str(twins[0]), len(twins))


@dataclass(frozen=True)
class TwoWritings:
    """Ids that are one and the same but for how they are written.

    Attributes:
        one: An id as most are written; `other`: the same one, written otherwise.
        count: How many ids have two writings.
        systematic: Whether they are too many to be chance.
        look: Whether they look alike on a screen, so that only escapes tell them apart.
    """

    one: str
    other: str
    count: int
    systematic: bool
    look: bool = False

    def shown(self, value: str) -> str:
        """One of the ids as a message shows it."""
        text = value[:40].encode("ascii", "backslashreplace").decode() if self.look else value[:40]
        return f'"{text}"'


def two_writings(ids: pl.Series) -> TwoWritings | None:
    """Ids that differ only in leading zeros, in small and capital letters, or in what nobody sees.

    Nobody sees how an accent is composed, letters of another alphabet that look alike, signs without width, which dash
    or apostrophe it is, and how many blanks there are; `1,001` and `1001` are one number, in whatever script; `="1001"`
    is for spreadsheets, `%20` and `&amp;` are for the web, as are marks of a campaign behind an address.

    Args:
        ids: Distinct ids.
    """
    for writing in (_without_zeros(ids), _in_small(ids), _look_alike(ids), _all_at_once(ids)):
        if writing is not None:
            return writing
    return None


def _all_at_once(ids: pl.Series) -> TwoWritings | None:
    """Ids that differ in several of these ways, or in the signs of codes: `AB-107`, `ab 107`; ISBNs; `+49`, `mailto:`.

    A hyphen may tell two codes apart, so that no number of them is sure; braces, capitals and zeros do not.
    """
    codes = ids.head(_MANY_IDS).filter(ids.head(_MANY_IDS).str.contains(r"\d"))
    if not codes.str.contains(r"\D").any():
        return None
    sure = evened(codes).str.to_lowercase().str.replace(r"^0+(\d+)$", "${1}")
    loose = _changed(sure, _SIGNED, lambda some: some.str.replace(r"^(mailto:|\+)", "").str.replace_all(r"[- _]", ""))
    table = pl.DataFrame({"id": codes, "sure": sure, "loose": loose})
    for key in ("sure", "loose"):
        other = pl.col("id").first().over(key)
        twins = table.with_columns(other.alias("other")).filter(pl.col("id") != pl.col("other"))
        if twins.height:
            systematic = key == "sure" and twins.height >= _SYSTEMATIC * (len(codes) - twins.height)
            return TwoWritings(twins["other"][0], twins["id"][0], twins.height, systematic)
    return None


def evened(ids: pl.Series) -> pl.Series:
    """Ids as they look: composed, in plain signs, Cyrillic and Greek letters as the Latin ones that look like them."""
    plain = _changed(ids, _ESCAPED, lambda some: pl.Series([html.unescape(unquote(one)) for one in some]))
    plain = _changed(plain, r"[^\x20-\x7e]", _in_plain_signs).str.replace_all(r"\s+", " ")
    plain = plain.str.replace(_FOR_SHEETS, "${1}${2}").str.replace(_UUID, "${1}${2}${3}${4}${5}")
    plain = _changed(plain, "/", lambda some: some.str.replace_all(_TRACKED, "").str.replace_all(_AROUND, ""))
    return _changed(plain, _THOUSANDS, lambda some: some.str.replace_all(r"\D", ""))


def _changed(ids: pl.Series, pattern: str, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Ids of which those that fit a pattern are changed."""
    some = ids.str.contains(pattern)
    return ids.clone().scatter(some.arg_true(), change(ids.filter(some))) if some.any() else ids


def _in_plain_signs(ids: pl.Series) -> pl.Series:
    plain = ids.str.normalize("NFKC").str.replace_all(r"\p{Cf}", "")
    return plain.str.replace_many([*_CONFUSABLE, *_SIGNS, *_DIGITS], [*_LATIN, *_SIGNS.values(), *_ASCII_DIGITS])


def _look_alike(ids: pl.Series) -> TwoWritings | None:
    odd = ids.filter(ids.str.contains(_ODD))
    if not len(odd):
        return None
    table = pl.DataFrame({"id": odd, "even": evened(odd)})
    twins = table.join(pl.DataFrame({"even": ids, "other": ids}), on="even", how="inner", maintain_order="left")
    twins = twins.filter(pl.col("id") != pl.col("other"))
    among = table.filter(~pl.col("even").is_in(ids.implode())).with_columns(
        pl.col("id").first().over("even").alias("other")
    )
    among = among.filter(pl.col("id") != pl.col("other"))
    both = pl.concat([twins, among.select(twins.columns)])
    if not both.height:
        return None
    systematic = both.height >= _SYSTEMATIC * min(len(odd), max(len(ids) - len(odd), both.height))
    return TwoWritings(both["other"][0], both["id"][0], both.height, systematic, look=True)


def _without_zeros(ids: pl.Series) -> TwoWritings | None:
    padded = ids.filter(ids.str.contains(r"^0+\d+$"))
    plain = ids.filter(ids.str.contains(r"^(0|[1-9]\d*)$"))
    return _clash(padded, padded.str.replace(r"^0+(\d)", "${1}"), plain)


def _in_small(ids: pl.Series) -> TwoWritings | None:
    longer = ids.filter(ids.str.len_chars() > 1)
    capital = longer.filter(longer.str.contains(r"\p{Lu}"))
    return _clash(capital, capital.str.to_lowercase(), longer.filter(~longer.str.contains(r"\p{Lu}")))


def _clash(odd: pl.Series, evened: pl.Series, plain: pl.Series) -> TwoWritings | None:
    if not len(odd) or not len(plain):
        return None
    both = evened.is_in(plain.implode())
    count = int(both.sum())
    if not count:
        return None
    systematic = count >= _SYSTEMATIC * min(len(odd), len(plain))
    return TwoWritings(evened.filter(both)[0], odd.filter(both)[0], count, systematic)
