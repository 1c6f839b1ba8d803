"""Parameters of a request, as strangers may have written them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Params = Mapping[str, Any]

MAX_ROWS = 1000
"""Rows of an answer at most."""
MAX_LIST = 10_000
"""Items of a list at most."""


def limit_of(params: Params, default: int = 50) -> int:
    """`limit`: how many rows are wanted, 0 to `MAX_ROWS`."""
    return min(max(int(params.get("limit", default)), 0), MAX_ROWS)


def length_of(params: Params) -> int | None:
    """`k`: items in a list, 1 to `MAX_LIST`; None where it is not given.

    Raises:
        ValueError: it is another number.
    """
    k = params.get("k")
    if k is None:
        return None
    if isinstance(k, bool) or not 1 <= int(k) <= MAX_LIST:
        raise ValueError(f"k is {k}, not 1 to {MAX_LIST:,}")
    return int(k)


def offset_of(params: Params) -> int:
    """`offset`: how many rows to skip."""
    return max(int(params.get("offset") or 0), 0)


def ids_of(params: Params, name: str) -> list[str] | None:
    """A list of ids; None where there is none.

    Raises:
        ValueError: it is no list.
    """
    ids = params.get(name)
    if ids is None:
        return None
    if not isinstance(ids, list):
        raise ValueError(f"{name} is no list")
    return [str(one) for one in ids]


def wish_of(params: Params) -> str | None:
    """`wish`: words to find items by; None where there is none.

    Raises:
        ValueError: it is no text.
    """
    wish = params.get("wish")
    if wish is not None and not isinstance(wish, str):
        raise ValueError("wish is no text")
    return wish
