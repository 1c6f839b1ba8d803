"""Which column of an item table holds the titles: by its name, else by what its texts look like."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from core.data.roles import is_called, role_score

_OTHERS = ("maker", "kind", "keywords")
_LONGEST = 120
"""Characters of the middle title; what is longer describes."""


def title_column(names: Sequence[str], texts: Callable[[str], pl.Series]) -> str:
    """The column of the titles; empty where none is.

    Args:
        names: The columns that become text, in order.
        texts: Gives the clean texts of a column, one an item; null where there is none.

    Returns:
        A column that is called a title; else one of whose name a word says so; else the first that looks like titles:
        several words, not long, mostly another for every item.
    """
    called = next((name for name in names if is_called(name, "title")), "")
    if called:
        return called
    rest = [name for name in names if not any(role_score(name, role) for role in _OTHERS)]
    worded = [name for name in rest if role_score(name, "title") and _tells_apart(texts(name))]
    return next(iter(worded), "") or next((name for name in rest if _like_titles(texts(name))), "")


def _tells_apart(texts: pl.Series) -> bool:
    """Whether most items have a text, and mostly one of their own."""
    there = texts.drop_nulls()
    return len(there) > 0.5 * len(texts) and there.n_unique() > 0.8 * len(there)


def _like_titles(texts: pl.Series) -> bool:
    there = texts.drop_nulls()
    if not _tells_apart(texts):
        return False
    middle = there.str.len_chars().sort()[len(there) // 2]
    return middle <= _LONGEST and there.str.contains(r"\p{L}{2}\S*\s+\S").sum() > 0.5 * len(there)
