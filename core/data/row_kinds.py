"""Rows that may not be meant to count: views beside purchases, refunds, rows marked with 0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from core.data.column_profile import ColumnProfile
from core.data.roles import plain, role_score
from core.settings import DataSettings

_EVENTS = frozenset(
    {"event", "event_type", "event_name", "eventtype", "behavior", "behaviour", "behavior_type", "action",
     "action_type", "interaction", "interaction_type", "activity", "activity_type", "type", "status", "order_status"}
)  # fmt: skip
_KINDS = ("purchase", "purchased", "buy", "bought", "transaction", "order", "ordered", "checkout", "sale",
          "complete", "completed", "delivered", "shipped", "paid", "fulfilled", "like", "rating", "read",
          "play", "cart", "add_to_cart", "addtocart", "fav", "favorite", "favourite", "wishlist", "click",
          "view", "pv", "impression", "skip", "dislike", "refund", "refunded", "partially_refunded", "return",
          "returned", "cancelled", "canceled", "storniert", "voided", "declined", "failed",
          "remove_from_cart")  # fmt: skip
"""What logs call the kinds of their rows, the likeliest to be meant first."""
_UNDONE = frozenset({"refund", "refunded", "return", "returned", "cancelled", "canceled", "remove_from_cart", "deleted",
                     "storniert", "voided", "declined", "failed", "partially_refunded",
                     "is_deleted", "is_returned", "is_refunded", "is_cancelled", "is_canceled", "skip", "skipped",
                     "dislike", "void", "is_bot", "bot", "is_test", "spam", "is_spam"})  # fmt: skip
"""What takes an interaction back, or marks one that nobody meant."""
_UNDOING = frozenset({"deleted", "deletion", "cancel", "cancelled", "canceled", "cancellation", "refund", "refunded",
                      "return", "returned", "voided", "revoked", "chargeback", "storno"})  # fmt: skip
"""Words of columns that are filled, or more than 0, where an interaction was taken back."""
_OF_PEOPLE = frozenset({"marital", "employment", "membership", "subscription", "civil"})
"""Whose status says nothing of an interaction, beside that of users."""
_FLAGS = ({"0", "1"}, {"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"ja", "nein"}, {"wahr", "falsch"},
          {"oui", "non"}, {"si", "no"}, {"s\u00ed", "no"}, {"sim", "n\u00e3o"}, {"vrai", "faux"}, {"-1", "1"},
          {"up", "down"}, {"thumbs up", "thumbs down"}, {"\U0001f44d", "\U0001f44e"})  # fmt: skip
_NO = frozenset({"0", "false", "no", "n", "f", "nein", "falsch", "non", "n\u00e3o", "faux", "-1", "down",
                 "thumbs down", "\U0001f44e"})  # fmt: skip
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
    found = (_events(column) or _refunds(column) or _flags(column) or _undone(column) for column in free.values())
    return [one for one in found if one]


def _events(column: ColumnProfile) -> RowKinds | None:
    """Kinds of events, by the column's name or by two well-known ones."""
    by_word = {plain(value): value for value in column.values} if len(column.values) <= _MOST else {}
    known = [by_word[word] for word in _KINDS if word in by_word]
    called = plain(column.name)
    named = called in _EVENTS or (
        called.endswith("status") and not role_score(column.name, "user") and not set(called.split("_")) & _OF_PEOPLE
    )
    named = named and column.distinct < 0.5
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
    """Rows marked with 0 and 1, true and false, yes and no, up and down; a mark may take the interaction back."""
    if {value.lower() for value in column.values} not in _FLAGS:
        return None
    off, on = sorted(column.values, key=lambda value: value.lower() not in _NO)
    wanted = off if plain(column.name) in _UNDONE else on
    bare = wanted in ("0", "1")
    what = f'"{column.name}" holds only {off} and {on}'
    condition = f"{_named(column.name)} = {wanted if bare else repr(wanted)}"
    return RowKinds(what, "" if {off.lower(), on.lower()} == {"true", "false"} else condition)


def _undone(column: ColumnProfile) -> RowKinds | None:
    """A time, a reason or an amount that stands only where an interaction was taken back."""
    if not set(plain(column.name).split("_")) & _UNDOING:
        return None
    if column.numbers == 1.0 and column.low == 0.0 < column.high:
        what = f'"{column.name}" is more than 0 in some rows: they were taken back, it seems'
        return RowKinds(what, f"{_named(column.name)} = 0")
    if not 0.0 < column.filled < 1.0:
        return None
    what = f'"{column.name}" is filled in {column.filled:.0%} of the rows: they were taken back, it seems'
    return RowKinds(what, f"{_named(column.name)} IS NULL")


def _named(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else f'"{name}"'


def _quoted(condition: str) -> str:
    if "'" not in condition:
        return f"'{condition}'"
    escaped = condition.replace('"', '\\"')
    return f'"{escaped}"'
