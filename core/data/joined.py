"""Files that were joined into one and do not go together: a second header, line ends of another kind."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from core.data.read import BAD, ROW
from core.errors import DataError

TWO_LINE_ENDS = "a line in which others end in another way (CR)"
OTHER_HEADER = "a header with the columns in another order"
_DRAWN = r"^[-=]{2,}$"
_WHY = "\x00why"
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


def without_headers(table: pl.DataFrame, key: str, path: Path) -> pl.DataFrame:
    """An item table as it was read, in which headers among the rows are bad rows.

    Args:
        table: Its columns, those of text being the file's own, and `ROW` and `BAD`.
        key: The column of the ids.
        path: The file.

    Raises:
        DataError: from one of them on the columns change places.
    """
    names = [name for name, kind in table.schema.items() if kind == pl.String and name not in (BAD, ROW)]
    if key not in names:
        return table
    words = [name for name in names if len(name) > 2 and any(letter.isalpha() for letter in name)]
    texts = {name: pl.col(name).str.strip_chars().str.replace(_TYPE, "") for name in names}
    # A name that stands in the header twice has its number behind it.
    own = {name: texts[name].is_in([name, re.sub(r"_\d+$", "", name)]).fill_null(False) for name in names}
    a_name = {name: own[name] | texts[name].is_in(words).fill_null(False) for name in names}
    drawn = {name: texts[name].str.contains(_DRAWN).fill_null(False) for name in names}
    others = [a_name[name] for name in names if name != key]
    header = a_name[key] & pl.any_horizontal(others) if others else own[key]
    same = header & pl.all_horizontal(own[name] | ~a_name[name] for name in names)
    reason = _reason(same, header, pl.all_horizontal(drawn.values()))
    # Of most rows the id alone says that they are none.
    rows = table.filter(pl.col(BAD).is_null() & (a_name[key] | drawn[key])).select(ROW, reason.alias(_WHY))
    if (turned := rows.filter(pl.col(_WHY) == OTHER_HEADER)).height:
        raise ill_joined(path, turned[ROW][0], OTHER_HEADER)
    table = table.join(rows.unique(ROW), on=ROW, how="left", maintain_order="left")
    return table.with_columns(pl.coalesce(BAD, _WHY).alias(BAD)).drop(_WHY)


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
