"""What a list may hold: an SQL condition on the item table, lists of ids to allow and to deny, as one mask of items."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import DataError
from core.sql import check_condition

Mask = npt.NDArray[np.bool_]

_ALLOWED = "\x00allowed"


def condition_mask(table: pl.DataFrame, condition: str) -> Mask:
    """The rows of the item table that satisfy an SQL condition; where it is unknown (NULL), a row does not.

    Args:
        table: one row an item.
        condition: an expression of SQL over its columns, e.g. `categories LIKE '%nail%' AND price < 10`.

    Raises:
        DataError: it cannot be parsed, names no column of the table, is no condition, or is more than one expression.
    """
    check_condition(condition)
    try:
        expression = pl.sql_expr(condition)
        for name in expression.meta.root_names():
            if name not in table.columns:
                raise _no_column(name, table.columns)
        if expression.meta.has_multiple_outputs():
            raise DataError(f"{condition!r} is more than one expression", "join them with AND or OR")
        column = table.with_columns(expression.alias(_ALLOWED))[_ALLOWED]  # a constant is one value for all rows
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, TypeError, ValueError) as error:
        said = str(error).strip().splitlines()
        raise DataError(
            f"the condition {condition!r} cannot be used: {said[0] if said else error}",
            "text that holds numbers is compared as CAST(price AS DOUBLE) < 10; columns: " + _columns(table.columns),
        ) from None
    if column.dtype != pl.Boolean:
        raise DataError(f"{condition!r} is no condition: it gives {column.dtype}", "compare it with something")
    return column.fill_null(False).to_numpy()


def listed_mask(numbers: Mapping[str, int], ids: Collection[str], what: str) -> Mask:
    """The items of some ids; an id that no item has is passed over.

    Args:
        numbers: number of every item.
        ids: their ids.
        what: what the list is for, in an error's words.

    Raises:
        DataError: there are ids, and none is an item.
    """
    known = [numbers[one] for one in ids if one in numbers]
    if ids and not known:
        first = next(iter(ids))
        raise DataError(f"none of the items to {what} is an item of this run, e.g. {first[:80]!r}", _like(numbers))
    mask = np.zeros(len(numbers), dtype=bool)
    mask[known] = True
    return mask


def _like(numbers: Mapping[str, int]) -> str:
    return f"ids look like {', '.join(list(numbers)[:3])}"


def _no_column(name: str, columns: list[str]) -> DataError:
    near = difflib.get_close_matches(name, columns, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"its columns are {_columns(columns)}"
    return DataError(f"the item table has no column {name!r}", hint)


def _columns(columns: list[str]) -> str:
    return ", ".join(columns[:20]) + (", ..." if len(columns) > 20 else "")
