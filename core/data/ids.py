"""Ids of a whole column: words that say that there is none, and one thing that is written in two ways."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

_SURE = ("nan", "NaN", "NAN", "NULL", "<NA>", "<na>", "N/A", "n/a", "#N/A", "\\N", "(null)", "<null>", "<NULL>", "NaT",
         "nat", "(NULL)", "[null]", "(not set)", "(none)", "(empty)", "(unknown)", "[object Object]", "{}", "#VALUE!",
         "#REF!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "00000000-0000-0000-0000-000000000000")  # fmt: skip
"""What programs write where a value is missing; nobody calls anything so."""
_DOUBTFUL = ("None", "none", "NONE", "null", "Null", "Nan", "nil", "NIL", "NA", "na", "Na", "N.A.", "n.a.", "-", "--",
             "---", "?", ".", "undefined", "unknown", "Unknown", "UNKNOWN", "missing", "Missing")  # fmt: skip
"""What can also be somebody's name among names."""
_FREQUENT = 0.05
_LOOKED_AT = 10_000
_CONFUSABLE = "АВЕЗКМНОРСТУХаеорсухіАΒΕΖΗΙΚΜΝΟΡΤΥΧο"
_LATIN = "ABE3KMHOPCTYXaeopcyxiABEZHIKMNOPTYXo"
"""Letters of the Cyrillic and the Greek alphabet, and the Latin ones that look like them."""
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
        return ascii(value[:40]).replace("'", '"') if self.look else f'"{value[:40]}"'


def two_writings(ids: pl.Series) -> TwoWritings | None:
    """Ids that differ only in leading zeros, in small and capital letters, or in what nobody sees.

    Nobody sees how an accent is composed, full-width digits, letters of another alphabet that look alike, signs without
    width, and how many blanks there are; `1,001` and `1001` are one number.

    Args:
        ids: Distinct ids.
    """
    for writing in (_without_zeros(ids), _in_small(ids), _look_alike(ids)):
        if writing is not None:
            return writing
    return None


def evened(ids: pl.Series) -> pl.Series:
    """Ids as they look: composed, in plain signs, Cyrillic and Greek letters as the Latin ones that look like them."""
    plain = ids.str.normalize("NFKC").str.replace_all(r"\p{Cf}", "").str.replace_all(r"\s+", " ")
    plain = plain.str.replace_many(list(_CONFUSABLE), list(_LATIN))
    numbers = plain.str.contains(r"^\d{1,3}(,\d{3})+$")
    return pl.select(pl.when(numbers).then(plain.str.replace_all(",", "")).otherwise(plain)).to_series()


def _look_alike(ids: pl.Series) -> TwoWritings | None:
    odd = ids.filter(ids.str.contains(r"[^\x20-\x7e]|  |^\d{1,3}(,\d{3})+$"))
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
