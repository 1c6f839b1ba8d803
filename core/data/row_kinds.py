"""Rows that may not be meant to count: views beside purchases, refunds, rows marked with 0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.data.column_profile import ColumnProfile
from core.data.roles import plain
from core.settings import DataSettings

_EVENTS = frozenset(
    {"event", "event_type", "event_name", "eventtype", "behavior", "behaviour", "behavior_type", "action",
     "action_type", "interaction", "interaction_type", "activity", "activity_type", "type", "status", "order_status"}
)  # fmt: skip
_KINDS = ("purchase", "purchased", "buy", "bought", "transaction", "order", "ordered", "checkout", "sale", "complete",
          "completed", "like", "rating", "read", "play", "cart", "add_to_cart", "addtocart", "fav", "favorite",
          "favourite", "wishlist", "click", "view", "pv", "impression", "skip", "dislike", "refund", "return",
          "returned", "cancelled", "canceled", "remove_from_cart")  # fmt: skip
"""What logs call the kinds of their rows, the likeliest to be meant first."""
_AMOUNTS = ("quantity", "qty", "menge", "anzahl", "amount", "price", "total", "units", "revenue", "sales", "value")
_MOST = 12


@dataclass(frozen=True)
class RowKinds:
    """A column by which some rows may not be meant.

    Attributes:
        what: What it holds, in a sentence.
        condition: What `data.where` could be; empty where nothing can be proposed.
    """

    what: str
    condition: str

    def __str__(self) -> str:
        way = f"data.where = {_quoted(self.condition)}" if self.condition else "data.where"
        return f"{self.what}; all of them count alike. To take some only, set {way}"


def row_kinds(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[RowKinds]:
    """Columns of a log that say what kind of row it is and that nothing asks for.

    Args:
        data: The settings.
        log: The columns, from the beginning of the log.
    """
    used = {data.user, data.item, data.time, data.position, data.rating if data.min_rating > 0 else ""}
    free = {name: one for name, one in log.items() if name not in used and name not in data.where and one.count}
    found = (_events(column) or _refunds(column) or _flags(column) for column in free.values())
    return [one for one in found if one]


def _events(column: ColumnProfile) -> RowKinds | None:
    """Kinds of events, by the column's name or by two well-known ones."""
    by_word = {plain(value): value for value in column.values} if len(column.values) <= _MOST else {}
    known = [by_word[word] for word in _KINDS if word in by_word]
    named = plain(column.name) in _EVENTS and column.distinct < 0.5
    if len(by_word) < 2 or not (named or len(known) > 1):
        return None
    shown = ", ".join((*known, *sorted(set(column.values) - set(known))))
    text = f"'{known[0]}'".replace("\\", "") if known and "'" not in known[0] else ""
    return RowKinds(
        f'"{column.name}" holds kinds of rows: {shown[:200]}', f"{_named(column.name)} = {text}" if text else ""
    )


def _refunds(column: ColumnProfile) -> RowKinds | None:
    """Negative numbers where things are counted or paid for."""
    if column.numbers < 0.9 or column.low >= 0 or not any(word in plain(column.name) for word in _AMOUNTS):
        return None
    what = f'"{column.name}" holds negative numbers, down to {column.low:g}: refunds or corrections, it seems'
    return RowKinds(what, f"{_named(column.name)} > 0")


def _flags(column: ColumnProfile) -> RowKinds | None:
    """Rows marked with 0 and 1, or true and false."""
    if column.values == {"0", "1"}:
        return RowKinds(f'"{column.name}" holds only 0 and 1', f"{_named(column.name)} = 1")
    if {value.lower() for value in column.values} == {"true", "false"}:
        return RowKinds(f'"{column.name}" holds only true and false', "")
    return None


def _named(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f'"{name}"'


def _quoted(condition: str) -> str:
    return f"'{condition}'" if "'" not in condition else f'"{condition}"'
