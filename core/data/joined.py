"""Files that were joined into one and do not go together: a second header, line ends of another kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from core.errors import DataError

TWO_LINE_ENDS = "a line in which others end in another way (CR)"
OTHER_HEADER = "a header with the columns in another order"
_DRAWN = r"^[-=]{2,}$"
_TYPE = r":(token|token_seq|float|float_seq)$"


def header_again(user: str, item: str, names: Sequence[str]) -> pl.Expr:
    """Why a row is a header: the same again, which is a bad row, or one from which on the columns change places.

    Args:
        user: The column of the users.
        item: The column of the items.
        names: All columns.
    """
    one, other = (pl.col(name).cast(pl.String).str.strip_chars().str.replace(_TYPE, "") for name in (user, item))
    same = (one == user) & (other == item)
    words = [name for name in names if len(name) > 2 and any(letter.isalpha() for letter in name)]  # and no ids
    turned = one.is_in(words) & other.is_in(words) & (one != other)
    drawn = one.str.contains(_DRAWN) & other.str.contains(_DRAWN)
    return _reason(same, turned, drawn)


def item_header_again(key: str, names: Sequence[str]) -> pl.Expr:
    """Why a row of an item table is a header, as `header_again` says it.

    Args:
        key: The column of the ids.
        names: All columns.
    """
    texts = {name: pl.col(name).cast(pl.String).str.strip_chars().str.replace(_TYPE, "") for name in names}
    words = [name for name in names if len(name) > 2 and any(letter.isalpha() for letter in name)]
    # A name that stands in the header twice has its number behind it.
    own = {name: texts[name].is_in([name, re.sub(r"_\d+$", "", name)]).fill_null(False) for name in names}
    name_of = {name: own[name] | texts[name].is_in(words).fill_null(False) for name in names}
    others = [name for name in names if name != key]
    header = name_of[key] & pl.any_horizontal(name_of[name] for name in others) if others else own[key]
    same = pl.all_horizontal(own[name] | ~name_of[name] for name in names)
    drawn = pl.all_horizontal(text.str.contains(_DRAWN).fill_null(False) for text in texts.values())
    return _reason(header & same, header, drawn)


def _reason(same: pl.Expr, turned: pl.Expr, drawn: pl.Expr) -> pl.Expr:
    return (
        pl.when(same).then(pl.lit("the header again"))
        .when(turned).then(pl.lit(OTHER_HEADER))
        .when(drawn).then(pl.lit("a line drawn below the header"))
    )  # fmt: skip


def condemning(reasons: Collection[str]) -> str:
    """The reason that makes not a row but the rows below it bad; empty where there is none."""
    return next((reason for reason in (OTHER_HEADER, TWO_LINE_ENDS) if reason in reasons), "")


def ill_joined(path: Path, row: int, reason: str) -> DataError:
    """The error for a file in which such a row stands."""
    return DataError(
        f"{path}: row {row} is {reason}: files that do not go together were joined, it seems",
        "Put them into a folder instead, each as it was, and name the folder: it is read as one table.",
    )
