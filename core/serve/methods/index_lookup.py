"""The item index: an item and its neighbours, a branch and what lies below it, titles."""

from __future__ import annotations

from typing import Any

from core.errors import DataError
from core.index.lookup import Lookup
from core.index.tokens import code_text, token
from core.serve.methods.params import Params, limit_of, offset_of
from core.serve.served_run import ServedRun

NEAREST = 10
"""Neighbours of an item by each source."""


def search_items(run: ServedRun, params: Params) -> dict[str, Any]:
    """At most `limit` items whose id begins with `text` or whose title holds it."""
    text, lookup = str(params.get("text", "")), run.lookup
    return {"items": [_row(lookup, number) for number in lookup.search(text, limit_of(params))]}


def item(run: ServedRun, params: Params) -> dict[str, Any]:
    """`item` (id or number) as `Lookup.about` describes it."""
    lookup = run.lookup
    return lookup.about(_number(lookup, params))


def neighbors(run: ServedRun, params: Params) -> dict[str, Any]:
    """The nearest items of `item` (id or number) by each source that has a vector of it.

    Returns:
        The fields of `item`, and `near`: for each source the nearest items, each with its cosine `similarity` and how
        many codes it `shared` from the first on; `kept`: for each source and depth the share of them that have the
        same prefix.
    """
    lookup = run.lookup
    number, nearest = _number(lookup, params), run.nearest
    codes, levels = lookup.index.codes, lookup.index.levels
    near: dict[str, list[dict[str, Any]]] = {}
    kept: dict[str, list[float]] = {}
    for source in nearest.sources:
        if lookup.is_added(number) or not nearest.known(number, source):
            continue
        rows = []
        for other, similarity in nearest.near(number, source, NEAREST):
            shared = (codes[other] == codes[number]).cumprod().sum()
            rows.append({**_row(lookup, other), "similarity": similarity, "shared": int(shared)})
        near[source] = rows
        depths = range(1, levels + 1)
        kept[source] = [round(sum(row["shared"] >= d for row in rows) / max(len(rows), 1), 4) for d in depths]
    return {**lookup.about(number), "near": near, "kept": kept}


def branch(run: ServedRun, params: Params) -> dict[str, Any]:
    """The branch at `prefix` (codes), the branches below it, and a page of its items (`offset`, `limit`)."""
    lookup = run.lookup
    table = lookup.branches
    prefix = [int(code) for code in params.get("prefix") or []]
    offset, limit = offset_of(params), limit_of(params)
    number = table.find(prefix)
    if number < 0:
        tokens = code_text(prefix[: table.levels]) or "nothing"
        raise DataError(f"no branch {tokens} in the index of this run", "its items have other codes")
    depth, (added, removed) = len(prefix), lookup.changes(number)
    children = [
        {
            "branch": row, "code": int(table.code[row]), "token": token(depth, int(table.code[row])),
            "items": int(table.size[row]), "rows": int(table.rows[row]), "words": table.words(row),
        }
        for row in table.children(number)
    ]  # fmt: skip
    return {
        "branch": number, "prefix": prefix, "depth": depth, "words": table.words(number),
        "count": int(table.size[number]), "rows": int(table.rows[number]), "added": added, "removed": removed,
        "children": children, "offset": offset,
        "items": [_row(lookup, int(row)) for row in table.items(number, offset, limit)],
    }  # fmt: skip


def _number(lookup: Lookup, params: Params) -> int:
    """The number of the item that is meant by an id or a number."""
    wanted = params.get("item")
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        if 0 <= wanted < lookup.n_items:
            return wanted
        raise DataError(f"no item has the number {wanted}", f"they go from 0 to {lookup.n_items - 1}")
    number = lookup.number(str(wanted))
    if number is None:
        near = [lookup.item_id(other) for other in lookup.search(str(wanted), 3)]
        hint = f"did you mean {', '.join(near)}?" if near else "search_items looks for ids and titles"
        raise DataError(f"no item {str(wanted)[:80]!r} in the index of this run", hint)
    return number


def _row(lookup: Lookup, number: int) -> dict[str, Any]:
    """An item in a list."""
    return {
        "number": number, "item_id": lookup.item_id(number), "title": lookup.title(number),
        "code": lookup.index.text(number), "added": lookup.is_added(number), "removed": lookup.is_removed(number),
    }  # fmt: skip
