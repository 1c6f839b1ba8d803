"""Which columns of a log hold users, items, ratings and positions, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.data.column_profile import ColumnProfile, cannot_be_id, is_clock, is_lossy, is_number, is_order, is_rating
from core.data.guess_times import named_time, time_by_values
from core.data.guessed import Guess, shell_word
from core.data.roles import plain, role_score
from core.errors import DataError

LOG_ROLES = ("user", "item", "time", "position", "rating")
UNIQUE = 0.9
"""A column with so many distinct values a row can be a table's key."""
_CLEARLY = 0.2  # so much more of its values must stand in the item table than of the next column's
_LABELS = 12  # a column of so few words without digits holds kinds of events, countries or the like
_NO_ORDER = frozenset({"dow", "day", "weekday", "hour", "week", "month", "year", "id", "status", "type", "total",
                       "value", "price", "amount", "qty", "quantity", "count", "size"})  # fmt: skip
_BASKETS = frozenset({"order", "visit", "session"})
BACKWARDS = frozenset({"recency", "ago", "age", "since", "reverse", "reversed", "desc"})
_MEASURES = frozenset({"pages", "count", "counts", "quantity", "qty", "price", "amount", "total", "cost", "revenue",
                       "discount", "age", "duration", "length", "size", "weight", "height", "width", "year", "month",
                       "day", "hour", "week", "weekday", "ms", "seconds", "minutes", "latitude", "longitude", "lat",
                       "lon", "lng", "rating", "ratings", "score", "percent"})  # fmt: skip
"""Words of columns of numbers that measure something and name nobody."""
_FEW_ROWS = 20  # of so short a log, one value in all rows says nothing


def log_columns(
    log: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile], known: Mapping[str, Any], path: Path
) -> dict[str, Guess]:
    """The log's columns by role, each at most once.

    Raises:
        DataError: nothing tells the users from the items, or which times order the rows, or these cannot be read.
    """
    columns = {role: Guess(str(known[role]), "as told") for role in LOG_ROLES if known.get(role)}
    free = {name: column for name, column in log.items() if name not in {guess.value for guess in columns.values()}}

    def take(role: str, guess: Guess | None) -> None:
        if guess and role not in columns:
            columns[role] = guess
            free.pop(guess.value, None)

    take("item", _by_shared_name(free, table))
    take("user", _by_name("user", free))
    take("item", _by_name("item", free))
    if "time" not in known and "position" not in known:
        take("time", named_time(free, path))
    rated = {name: column for name, column in free.items() if is_number(column) and not is_clock(column)}
    take("rating", _by_name("rating", rated))
    take("item", _by_overlap(_may_be_ids(free), table))
    if "time" not in columns:
        ordering = {
            name: column for name, column in free.items()
            if is_order(column) and _may_order(column) and not (_is_basket(column) and "user" not in columns)
        }  # fmt: skip
        take("position", _by_name("position", ordering))
    if "user" not in columns and "item" not in columns:
        for role, guess in _by_prefixes(_may_be_ids(free)).items():
            take(role, guess)
    ids = _may_be_ids(free)
    for role, other in (("user", "item"), ("item", "user")):
        # What is left over is taken only beside ids that come again: else the rows are no log of several users.
        alone = len(ids) == 1 and not (other in columns and _numbers_rows(log[columns[other].value]))
        if role not in columns and alone:
            take(role, Guess(next(iter(ids)), "the only column left that can hold ids"))
        ids = {name: column for name, column in ids.items() if name in free}
    _check_ids(log, columns, path)
    if missing := [role for role in ("user", "item") if role not in columns]:
        raise _unclear(log, columns, missing, list(ids), path)
    if "time" not in columns and "position" not in columns and "time" not in known and "position" not in known:
        take("time", time_by_values(free, path))
    return {role: columns.get(role, Guess("", "")) for role in LOG_ROLES}


def _by_name(role: str, columns: Mapping[str, ColumnProfile]) -> Guess | None:
    """The column whose name fits a role best; None where none does, or two alike."""
    scored = {name: role_score(name, role) for name in columns}
    if role in ("user", "item"):
        scored = {name: score for name, score in scored.items() if not cannot_be_id(columns[name])}
        # A row's own number, as the `item_id` of a line of an order is, gives way to ids that come again.
        again = {name: score for name, score in scored.items() if score > 500 and not _numbers_rows(columns[name])}
        scored = again or scored
    best = max(scored.values(), default=0)
    names = [name for name, score in scored.items() if score == best]
    if not best or (len(names) > 1 and role in ("user", "item")):
        return None
    return Guess(names[0], "by its name")


def _may_order(column: ColumnProfile) -> bool:
    """Whether a column called after an order says what came first: not its weekday, its hour, its amount or its age."""
    if set(plain(column.name).split("_")) & (_NO_ORDER | BACKWARDS):
        return False
    return not _is_basket(column) or column.low <= 1  # counted for each user, and not by the shop


def _is_basket(column: ColumnProfile) -> bool:
    """Whether a column numbers orders or visits, be it for each user or as their ids."""
    words = set(plain(column.name).split("_"))
    return "number" in words and bool(words & _BASKETS)


def _by_shared_name(columns: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile]) -> Guess | None:
    """The one column that the item table has as well, and in which it repeats nothing.

    Not a key of its own that each table has (`id`), nor a user who made the item.
    """
    keys = {plain(key): key for key, column in table.items() if column.distinct >= UNIQUE and not cannot_be_id(column)}
    shared = [
        name for name, column in columns.items()
        if plain(name) in keys and not cannot_be_id(column) and column.values & table[keys[plain(name)]].values
        and not _numbers_rows(column) and (role_score(name, "user") <= 500 or role_score(name, "item") > 500)
    ]  # fmt: skip
    return Guess(shared[0], "the item table has a column of this name") if len(shared) == 1 else None


def _by_overlap(columns: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile]) -> Guess | None:
    """The column whose values stand in an id column of the item table; None where a second one's do nearly as well."""
    keys = {key: column for key, column in table.items() if column.distinct >= UNIQUE and not cannot_be_id(column)}
    shares = []
    for name, mine in columns.items():
        inside = {key: len(mine.values & column.values) / max(1, len(mine.values)) for key, column in keys.items()}
        if inside:
            key = max(inside, key=lambda one: inside[one])
            shares.append((inside[key], name, key))
    shares.sort(reverse=True)
    if not shares or shares[0][0] <= 0.5 or (len(shares) > 1 and shares[0][0] - shares[1][0] < _CLEARLY):
        return None
    share, name, key = shares[0]
    return Guess(name, f"{share:.0%} of its values stand in the item table's {key}")


def _by_prefixes(columns: Mapping[str, ColumnProfile]) -> dict[str, Guess]:
    """User and item by what their values begin with: `user_17` and `item_4`, or `u17` and `i4`."""
    found: dict[str, list[str]] = {"user": [], "item": []}
    for name, column in columns.items():
        for role, names in found.items():
            if column.prefix and (column.prefix == role[0] or role_score(column.prefix, role) > 500):
                names.append(name)
    if any(len(names) != 1 for names in found.values()) or found["user"] == found["item"]:
        return {}
    return {
        role: Guess(names[0], f'its values begin with "{columns[names[0]].prefix}"') for role, names in found.items()
    }


def _may_be_ids(columns: Mapping[str, ColumnProfile]) -> dict[str, ColumnProfile]:
    """The columns that can hold ids and look like nothing else: no rating, times, numbers of rows or kinds of rows."""
    return {
        name: column for name, column in columns.items()
        if not (cannot_be_id(column) or is_rating(column) or is_clock(column) or is_lossy(column))
        and not (_numbers_rows(column) or (column.count >= _FEW_ROWS and _is_label(column)))
        and not (is_number(column) and _MEASURES & set(plain(name).split("_")))
    }  # fmt: skip


def _numbers_rows(column: ColumnProfile) -> bool:
    """Whether no value comes twice in a log that is long enough to tell."""
    return column.count >= _FEW_ROWS and column.distinct == 1.0


def _is_label(column: ColumnProfile) -> bool:
    """Whether a column says what kind of row it is: one value for all, or a few words without digits."""
    few = len(column.values) <= min(_LABELS, column.count / 10)
    return len(column.values) == 1 or (few and not any(c.isdigit() for value in column.values for c in value))


def _check_ids(log: Mapping[str, ColumnProfile], columns: Mapping[str, Guess], path: Path) -> None:
    """Refuse ids that a spreadsheet has rounded.

    Raises:
        DataError: a column that is or could be one of ids has digits missing.
    """
    for name, column in log.items():
        role = next((role for role in ("user", "item") if role in columns and columns[role].value == name), "")
        if (role or {"user", "item"} - set(columns)) and is_lossy(column):
            raise _lossy(path, column)


def _lossy(path: Path, column: ColumnProfile) -> DataError:
    shown = min((value for value in column.values if "+" in value), default=column.example)
    return DataError(
        f'{path}: the column "{column.name}" holds ids in scientific notation, e.g. {shown[:40]}: digits are lost',
        "Export the column as text from where the data come from.",
    )


def _unclear(
    log: Mapping[str, ColumnProfile], columns: Mapping[str, Guess], missing: list[str], ids: list[str], path: Path
) -> DataError:
    """Why users and items cannot be told apart, with the ways to decide."""
    shown = ", ".join(f"{name} (e.g. {column.example})" for name, column in list(log.items())[:12])
    message = f"{path}: cannot tell which column holds the {' and the '.join(missing)} ids; the columns are: {shown}"
    if len(missing) == 2 and len(ids) == 2:
        ways = [
            f"--set {shell_word(f'data.user={a}')} --set {shell_word(f'data.item={b}')}" for a, b in (ids, ids[::-1])
        ]
        return DataError(message, f"Nothing tells the two apart. Tell it: either {ways[0]} or {ways[1]}.")
    if len(missing) == 1 and ids:
        ways = [f"--set {shell_word(f'data.{missing[0]}={name}')}" for name in ids[:6]]
        return DataError(message, f"Tell it: {' or '.join(ways)}.")
    return DataError(
        message, "Rename them user_id and item_id, or tell: --set data.user=COLUMN --set data.item=COLUMN."
    )
