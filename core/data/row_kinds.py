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
_KINDS = ("purchase", "purchased", "buy", "bought", "transaction", "order", "ordered", "checkout", "sale",
          "complete", "completed", "delivered", "shipped", "paid", "fulfilled", "like", "rating", "read",
          "play", "cart", "add_to_cart", "addtocart", "fav", "favorite", "favourite", "wishlist", "click",
          "view", "pv", "impression", "skip", "dislike", "refund", "return", "returned", "cancelled",
          "canceled", "remove_from_cart")  # fmt: skip
"""What logs call the kinds of their rows, the likeliest to be meant first."""
_UNDONE = frozenset({"refund", "refunded", "return", "returned", "cancelled", "canceled", "remove_from_cart", "deleted",
                     "is_deleted", "is_returned", "is_refunded", "is_cancelled", "is_canceled", "skip", "skipped",
                     "dislike", "void", "voided", "is_bot", "bot", "is_test", "spam", "is_spam"})  # fmt: skip
"""What takes an interaction back, or marks one that nobody meant."""
_FLAGS = ({"0", "1"}, {"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"ja", "nein"}, {"wahr", "falsch"},
          {"oui", "non"}, {"si", "no"}, {"s\u00ed", "no"}, {"sim", "n\u00e3o"}, {"vrai", "faux"})  # fmt: skip
_NO = frozenset({"0", "false", "no", "n", "f", "nein", "falsch", "non", "n\u00e3o", "faux"})
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
    sign = "<>" if known and plain(known[0]) in _UNDONE else "="
    return RowKinds(
        f'"{column.name}" holds kinds of rows: {shown[:200]}', f"{_named(column.name)} {sign} {text}" if text else ""
    )


def _refunds(column: ColumnProfile) -> RowKinds | None:
    """Negative numbers where things are counted or paid for."""
    if column.numbers < 0.9 or column.low >= 0 or not any(word in plain(column.name) for word in _AMOUNTS):
        return None
    what = f'"{column.name}" holds negative numbers, down to {column.low:g}: refunds or corrections, it seems'
    return RowKinds(what, f"{_named(column.name)} > 0")


def _flags(column: ColumnProfile) -> RowKinds | None:
    """Rows marked with 0 and 1, true and false, yes and no; a mark may take the interaction back."""
    if {value.lower() for value in column.values} not in _FLAGS:
        return None
    off, on = sorted(column.values, key=lambda value: value.lower() not in _NO)
    wanted = off if plain(column.name) in _UNDONE else on
    bare = wanted in ("0", "1")
    what = f'"{column.name}" holds only {off} and {on}'
    condition = f"{_named(column.name)} = {wanted if bare else repr(wanted)}"
    return RowKinds(what, "" if {off.lower(), on.lower()} == {"true", "false"} else condition)


def _named(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f'"{name}"'


def _quoted(condition: str) -> str:
    return f"'{condition}'" if "'" not in condition else f'"{condition}"'
