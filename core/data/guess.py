"""Look at two unknown tables and say which columns are what, and why."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.data.column_profile import (
    SAMPLE_ROWS,
    ColumnProfile,
    cannot_be_id,
    headless,
    is_clock,
    is_code,
    is_lossy,
    is_number,
    is_order,
    is_rating,
    is_time,
    is_wordy,
    no_header,
    profile_columns,
)
from core.data.data_report import DataReport
from core.data.k_core import build_log
from core.data.log import read_rows
from core.data.roles import is_called, plain, role_score
from core.data.sniff import open_table
from core.errors import DataError, ProjectError
from core.settings import DataSettings

_TEXT_ORDER = ("title", "maker", "kind", "description")
_CORES = (5, 3, 2, 0)
_KEPT = 0.1  # a k-core that keeps less than this share of the interactions is too strict
_FEW_USERS = 100  # so does one that keeps fewer users
_LOG_ROLES = ("user", "item", "time", "position", "rating")
_UNIQUE = 0.9  # a column with so many distinct values a row can be a table's key
_CLEARLY = 0.2  # so much more of its values must stand in the item table than of the next column's
_ROW_NUMBERS = ("unnamed", "column_1", "row", "row_number", "no")  # what programs call a column of row numbers
_LABELS = 12  # a column of so few words without digits holds kinds of events, countries or the like
_FEW_ROWS = 20  # of so short a log, one value in all rows says nothing
_MAX_CHECKED_BYTES = 2 << 30  # of larger logs the k-core is not tried out


@dataclass(frozen=True)
class Guess:
    """A guessed value and why."""

    value: str
    why: str


@dataclass(frozen=True)
class GuessedData:
    """Settings for two tables that nobody has described.

    Attributes:
        data: The settings; paths as a project file in the folder asked for would name them.
        reasons: Why, in words, by the setting's name without `data.`.
    """

    data: DataSettings
    reasons: Mapping[str, str]


def guess_data(
    interactions: Path, items: Path | None, directory: Path, known: Mapping[str, Any] | None = None
) -> GuessedData:
    """Find out what the columns of a log and an item table are for, and how strict a k-core the log bears.

    Args:
        interactions: The log: a file, a glob or a folder.
        items: The item table, if there is one.
        directory: The folder that the project file will lie in; paths become relative to it where they are near.
        known: What the caller knows already, by the settings' names without `data.`: the columns are taken as they
            are, and all of it holds for what is read here.

    Raises:
        ProjectError: a file is not there, or has no such column.
        DataError: a file cannot be read, or its columns cannot be told apart.
    """
    known = {key: value for key, value in (known or {}).items() if key not in ("interactions", "items")}
    encoding = known.get("encoding", "")
    log = _profiles(interactions, "--interactions", encoding, known.get("columns", ()))
    table = _profiles(items, "--items", encoding, known.get("item_columns", ())) if items else {}
    for role, name in known.items():
        where = table if role == "item_key" else log
        if role in (*_LOG_ROLES, "item_key") and name and name not in where:
            raise ProjectError(f'there is no column "{name}" for data.{role}; there are: {", ".join(where)}')
    columns = _log_columns(log, table, known, interactions)
    key = _item_key(log[columns["item"].value], table, columns["item"].value, known) if table else Guess("", "")
    text = _text_columns(table, key.value)
    data = DataSettings(
        interactions=_path_text(interactions, directory),
        items=_path_text(items, directory) if items else "",
        item_key=key.value if key.value != columns["item"].value else "",
        text=tuple(text),
        user=columns["user"].value,
        item=columns["item"].value,
        time=columns["time"].value,
        position=columns["position"].value,
        rating=columns["rating"].value,
    )
    core, note = _core(_as_known(data, known, items), known, directory.absolute(), interactions)
    reasons = {role: guess.why for role, guess in columns.items()}
    reasons |= {"item_key": key.why, "text": _text_reason(table, key.value, text)}
    reasons |= {"min_user_interactions": note}
    return GuessedData(replace(data, min_user_interactions=core, min_item_interactions=core), reasons)


def _as_known(data: DataSettings, known: Mapping[str, Any], items: Path | None) -> DataSettings:
    """The settings with what the caller knows in place of the defaults, as far as it concerns reading the log."""
    values = {key: value for key, value in known.items() if key not in ("text", "item_key")}
    if not values.get("rating", data.rating):
        values.pop("min_rating", None)  # the project's own check says that it needs a column
    return replace(data, **values, items=data.items if items else "")


def _profiles(path: Path, key: str, encoding: str, names: Sequence[str]) -> dict[str, ColumnProfile]:
    """The columns of a table that is worth a guess.

    Raises:
        DataError: no rows, no header, or column names that are no text.
        ProjectError: the names do not fit the file.
    """
    sources = open_table(path.absolute(), key, encoding, names)
    columns = profile_columns(sources)
    if not names and headless(sources[0], columns):
        raise no_header(sources[0], columns, "--item-columns" if "items" in key else "--columns")
    if any("\ufffd" in name for name in columns):
        raise DataError(f"{path}: the column names are not UTF-8", "Convert it: iconv -f latin1 -t utf-8 OLD > NEW")
    if columns and not any(column.filled for column in columns.values()):
        raise DataError(f"{path}: the table has no values", "Name the file that holds the rows.")
    return columns


def _log_columns(
    log: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile], known: Mapping[str, Any], path: Path
) -> dict[str, Guess]:
    """The log's columns by role, each at most once.

    Raises:
        DataError: nothing tells the users from the items, or which times order the rows, or these cannot be read.
    """
    columns = {role: Guess(str(known[role]), "as told") for role in _LOG_ROLES if known.get(role)}
    free = {name: column for name, column in log.items() if name not in {guess.value for guess in columns.values()}}

    def take(role: str, guess: Guess | None) -> None:
        if guess and role not in columns:
            columns[role] = guess
            free.pop(guess.value, None)

    take("item", _by_shared_name(free, table))
    take("user", _by_name("user", free))
    take("item", _by_name("item", free))
    if "time" not in known and "position" not in known:
        take("time", _named_time(free, path))
    take("rating", _by_name("rating", {name: column for name, column in free.items() if is_number(column)}))
    take("item", _by_overlap(_may_be_ids(free), table))
    if "time" not in columns:
        take("position", _by_name("position", {name: column for name, column in free.items() if is_order(column)}))
    if "user" not in columns and "item" not in columns:
        for role, guess in _by_prefixes(_may_be_ids(free)).items():
            take(role, guess)
    ids = _may_be_ids(free)
    for role in ("user", "item"):
        if role not in columns and len(ids) == 1:
            take(role, Guess(next(iter(ids)), "the only column left that can hold ids"))
        ids = {name: column for name, column in ids.items() if name in free}
    _check_ids(log, columns, path)
    if missing := [role for role in ("user", "item") if role not in columns]:
        raise _unclear(log, columns, missing, list(ids), path)
    if "time" not in columns and "position" not in columns and "time" not in known and "position" not in known:
        take("time", _time_by_values(free, path))
    return {role: columns.get(role, Guess("", "")) for role in _LOG_ROLES}


def _by_name(role: str, columns: Mapping[str, ColumnProfile]) -> Guess | None:
    """The column whose name fits a role best; None where none does, or two alike."""
    scored = {name: role_score(name, role) for name in columns}
    if role in ("user", "item"):
        scored = {name: score for name, score in scored.items() if not cannot_be_id(columns[name])}
    best = max(scored.values(), default=0)
    names = [name for name, score in scored.items() if score == best]
    if not best or (len(names) > 1 and role in ("user", "item")):
        return None
    return Guess(names[0], "by its name")


def _by_shared_name(columns: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile]) -> Guess | None:
    """The one column that the item table has as well, and in which it repeats nothing."""
    keys = {plain(key): key for key, column in table.items() if column.distinct >= _UNIQUE and not cannot_be_id(column)}
    shared = [
        name for name, column in columns.items()
        if plain(name) in keys and not cannot_be_id(column) and column.values & table[keys[plain(name)]].values
    ]  # fmt: skip
    return Guess(shared[0], "the item table has a column of this name") if len(shared) == 1 else None


def _by_overlap(columns: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile]) -> Guess | None:
    """The column whose values stand in an id column of the item table; None where a second one's do nearly as well."""
    keys = {key: column for key, column in table.items() if column.distinct >= _UNIQUE and not cannot_be_id(column)}
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
        and not (column.count >= _FEW_ROWS and (column.distinct == 1.0 or _is_label(column)))
    }  # fmt: skip


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


def shell_word(text: str) -> str:
    """A text as one word of a command line, on one line."""
    return shlex.quote("".join(c if c.isprintable() else "?" for c in text))


def _named_time(columns: Mapping[str, ColumnProfile], path: Path) -> Guess | None:
    """The column of times whose name fits best.

    Raises:
        DataError: two names fit alike, or the column that fits is written in no known way and no other is there.
    """
    scored = {
        name: score for name, column in columns.items() if column.filled > 0.5 and (score := role_score(name, "time"))
    }
    read = {
        name: score for name, score in scored.items()
        if is_time(columns[name]) and (score > 500 or is_clock(columns[name]))
    }  # fmt: skip
    best = max(read.values(), default=0)
    names = [name for name, score in read.items() if score == best]
    if len(names) > 1:
        raise _two_times(columns, names, path)
    if names:
        return Guess(names[0], "by its name")
    unread = max((name for name in scored if scored[name] > 500 or is_clock(columns[name])), key=scored.get, default="")  # type: ignore[arg-type]
    if unread and not any(column.dates for column in columns.values()):
        raise _unread_time(columns[unread], path)
    return None


def _time_by_values(columns: Mapping[str, ColumnProfile], path: Path) -> Guess | None:
    """The only column whose values look like times.

    Raises:
        DataError: there are several, or it is written in no known way.
    """
    clocks = {name: column for name, column in columns.items() if is_clock(column) and column.filled > 0.5}
    read = [name for name, column in clocks.items() if is_time(column)]
    if len(read) > 1:
        raise _two_times(columns, read, path)
    if read:
        return Guess(read[0], f"its values look like {columns[read[0]].times or 'times'}")
    if clocks:
        raise _unread_time(next(iter(clocks.values())), path)
    return None


def _two_times(columns: Mapping[str, ColumnProfile], names: list[str], path: Path) -> DataError:
    shown = ", ".join(f"{name} (e.g. {columns[name].example})" for name in names[:6])
    ways = " or ".join(f"--set {shell_word(f'data.time={name}')}" for name in names[:6])
    return DataError(f"{path}: cannot tell which column orders the interactions: {shown}", f"Tell it: {ways}.")


def _unread_time(column: ColumnProfile, path: Path) -> DataError:
    what = column.times if column.times.startswith("times") else "times that are written in no known way"
    return DataError(
        f'{path}: the column "{column.name}" seems to hold {what}, e.g. {column.example}',
        "Write them as 2024-12-31 23:59:59 or as seconds since 1970, "
        "or go on in the order of the file: --set data.time= (nothing behind the sign).",
    )


def _item_key(item: ColumnProfile, table: Mapping[str, ColumnProfile], name: str, known: Mapping[str, str]) -> Guess:
    """The item table's id column: the one that holds most of the log's items; the same name wins a tie."""
    if known.get("item_key"):
        return Guess(known["item_key"], "as told")

    def share(key: str) -> float:
        return len(item.values & table[key].values) / max(1, len(item.values))

    def score(key: str) -> tuple[float, bool, bool, int]:
        numbered = plain(key) in _ROW_NUMBERS or is_called(key, "position")
        unique = table[key].distinct >= _UNIQUE
        return (round(share(key), 1), plain(key) == plain(name), unique, -1 if numbered else role_score(key, "item"))

    candidates = [key for key, column in table.items() if not cannot_be_id(column)]
    best = max(candidates, key=score, default="")
    if best and score(best)[0] == 0.0 and table[best].count >= SAMPLE_ROWS and max(score(best)[1:]):
        return Guess(best, "by its name; the table is too long to see all of it here")
    if not best or score(best)[0] == 0.0:
        raise DataError(
            f"no column of the item table holds the log's items (column {name}, e.g. {item.example})",
            "Check that both files speak of the same items.",
        )
    alike = [key for key in candidates if score(key) == score(best)]
    if len(alike) > 1:
        ways = " or ".join(f"--set {shell_word(f'data.item_key={key}')}" for key in alike[:6])
        shown = " and ".join(f"{key} (e.g. {table[key].example})" for key in alike[:6])
        raise DataError(
            f"the item table has several columns that hold the log's items alike: {shown}", f"Tell it: {ways}."
        )
    return Guess(best, f"{share(best):.0%} of the log's items looked at stand in it")


def _text_columns(table: Mapping[str, ColumnProfile], key: str) -> list[str]:
    """Columns made of words, most telling first."""
    wordy = [name for name, column in table.items() if name != key and is_wordy(column)]

    def rank(name: str) -> tuple[int, int]:
        roles = [number for number, role in enumerate(_TEXT_ORDER) if role_score(name, role)]
        return (roles[0] if roles else len(_TEXT_ORDER), list(table).index(name))

    return sorted(wordy, key=rank)


def _text_reason(table: Mapping[str, ColumnProfile], key: str, text: list[str]) -> str:
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


def _path_text(path: Path, directory: Path) -> str:
    """The path relative to the project's folder where they are near each other, else absolute."""
    near = Path(os.path.relpath(path, directory))
    return near.as_posix() if near.parts.count("..") <= 2 else Path(os.path.abspath(path)).as_posix()  # noqa: PTH100


def _core(data: DataSettings, known: Mapping[str, Any], root: Path, interactions: Path) -> tuple[int, str]:
    """The strictest usual k-core that leaves enough to learn from, and what it keeps; what is known of it stays."""
    bounds = ("min_user_interactions", "min_item_interactions")
    try:
        large = interactions.is_file() and interactions.stat().st_size > _MAX_CHECKED_BYTES
    except OSError:
        large = False
    if large:
        return _CORES[0], "the usual 5-core; the log is too large to try it out here"
    report = DataReport()
    rows = read_rows(data, root, report)
    total, best = 0, (0, "")
    for core in reversed(_CORES):
        try:
            stricter = replace(data, **{key: known.get(key, core) for key in bounds})
            log = build_log(rows, stricter, replace(report))
        except DataError:
            if core == 0:
                raise
            break
        kept, users = len(log.items), len(log.user_ids)
        total = total or kept
        if core and (kept < _KEPT * total or users < min(_FEW_USERS, _KEPT * total)):
            break
        best = (core, f"keeps {kept:,} of {total:,} interactions, {users:,} users, {len(log.item_ids):,} items")
    return best
