"""Which column of an item table holds the ids, and which are text for people."""

from __future__ import annotations

from collections.abc import Mapping

from core.data.column_profile import SAMPLE_ROWS, ColumnProfile, cannot_be_id, is_code, is_wordy
from core.data.guess_columns import UNIQUE
from core.data.guessed import Guess, shell_word
from core.data.roles import is_called, plain, role_score
from core.errors import DataError

_TEXT_ORDER = ("title", "maker", "kind", "description")
_ROW_NUMBERS = ("unnamed", "column_1", "row", "row_number", "no")  # what programs call a column of row numbers


def item_key(item: ColumnProfile, table: Mapping[str, ColumnProfile], name: str, known: Mapping[str, str]) -> Guess:
    """The item table's id column: the one that holds most of the log's items; the same name wins a tie."""
    if known.get("item_key"):
        return Guess(known["item_key"], "as told")

    def share(key: str) -> float:
        return len(item.values & table[key].values) / max(1, len(item.values))

    def score(key: str) -> tuple[float, bool, bool, int]:
        numbered = plain(key) in _ROW_NUMBERS or is_called(key, "position")
        unique = table[key].distinct >= UNIQUE
        called = -1 if numbered else (role_score(key, "item") > 0) + (role_score(key, "item") > 500)
        return (round(share(key), 1), plain(key) == plain(name), unique, called)

    candidates = [key for key, column in table.items() if not cannot_be_id(column)]
    best = max(candidates, key=score, default="")
    if best and score(best)[0] == 0.0 and table[best].count >= SAMPLE_ROWS and max(score(best)[1:]):
        return Guess(best, "by its name; the table is too long to see all of it here")
    if not best or score(best)[0] == 0.0:
        raise DataError(
            f"no column of the item table holds the log's items (column {name}, e.g. {item.example})",
            "Check that both files speak of the same items.",
        )
    own = [key for key in candidates if plain(key) == "id" and not score(best)[1] and score(key)[:3] == score(best)[:3]]
    alike = [key for key in candidates if score(key) == score(best) or key in own]  # each table calls its own key id
    if len(alike) > 1:
        ways = " or ".join(f"--set {shell_word(f'data.item_key={key}')}" for key in alike[:6])
        shown = " and ".join(f"{key} (e.g. {table[key].example})" for key in alike[:6])
        raise DataError(
            f"the item table has several columns that hold the log's items alike: {shown}", f"Tell it: {ways}."
        )
    return Guess(best, f"{share(best):.0%} of the log's items looked at stand in it")


def text_columns(table: Mapping[str, ColumnProfile], key: str) -> list[str]:
    """Columns made of words, most telling first."""
    wordy = [name for name, column in table.items() if name != key and is_wordy(column)]

    def rank(name: str) -> tuple[int, int]:
        roles = [number for number, role in enumerate(_TEXT_ORDER) if role_score(name, role)]
        return (roles[0] if roles else len(_TEXT_ORDER), list(table).index(name))

    return sorted(wordy, key=rank)


def text_reason(table: Mapping[str, ColumnProfile], key: str, text: list[str]) -> str:
    """Which columns are no text, and why."""
    left = [f"{name} ({_left_out(column)})" for name, column in table.items() if name not in (*text, key)]
    return ("left out: " + ", ".join(left)) if left else ""


def _left_out(column: ColumnProfile) -> str:
    if column.filled < 0.05:
        return "nearly empty"
    if column.urls > 0.2:
        return "links"
    if column.numbers > 0.5:
        return "numbers"
    if column.dates:
        return "dates"
    return "codes" if is_code(column) else "records" if column.nested else "no words"
