"""Look at two unknown tables and say which columns are what, and why."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from core.data.column_profile import (
    ColumnProfile,
    cannot_be_id,
    is_code,
    is_number,
    is_order,
    is_time,
    is_wordy,
    profile_columns,
)
from core.data.data_report import DataReport
from core.data.log import build_log, read_rows
from core.data.roles import fit
from core.data.sniff import open_table
from core.errors import DataError, ProjectError
from core.settings import DataSettings

_TEXT_ORDER = ("title", "maker", "kind", "description")
_CORES = (5, 3, 2, 0)
_KEPT = 0.1  # a k-core that keeps less than this share of the interactions is too strict
_FEW_USERS = 100  # so does one that keeps fewer users
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
    interactions: Path, items: Path | None, directory: Path, known: Mapping[str, str] | None = None
) -> GuessedData:
    """Find out what the columns of a log and an item table are for, and how strict a k-core the log bears.

    Args:
        interactions: The log: a file, a glob or a folder.
        items: The item table, if there is one.
        directory: The folder that the project file will lie in; paths become relative to it where they are near.
        known: Columns that the caller knows already: `user`, `item`, `item_key`, `time`, `position`, `rating`.

    Raises:
        ProjectError: a file is not there, or the columns cannot be told apart.
        DataError: a file cannot be read.
    """
    known = dict(known or {})
    log = _profiles(interactions, "--interactions")
    table = _profiles(items, "--items") if items else {}
    for role, name in known.items():
        where = table if role == "item_key" else log
        if name and name not in where:
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
    core, note = _core(data, directory.absolute(), interactions)
    reasons = {role: guess.why for role, guess in columns.items()}
    reasons |= {"item_key": key.why, "text": _text_reason(table, key.value, text)}
    reasons |= {"min_user_interactions": note}
    return GuessedData(replace(data, min_user_interactions=core, min_item_interactions=core), reasons)


def _profiles(path: Path, key: str) -> dict[str, ColumnProfile]:
    """The columns of a table that is worth a guess.

    Raises:
        DataError: no rows, or column names that are no text.
    """
    columns = profile_columns(open_table(path.absolute(), key))
    if any("\ufffd" in name for name in columns):
        raise DataError(f"{path}: the column names are not UTF-8", "Convert it: iconv -f latin1 -t utf-8 OLD > NEW")
    if columns and not any(column.filled for column in columns.values()):
        raise DataError(f"{path}: the table has no values", "Name the file that holds the rows.")
    return columns


def _log_columns(
    log: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile], known: Mapping[str, str], path: Path
) -> dict[str, Guess]:
    """The log's columns by role, each at most once."""
    columns = {role: Guess(name, "as told") for role, name in known.items() if name and role != "item_key"}
    free = {name: column for name, column in log.items() if name not in {guess.value for guess in columns.values()}}

    def take(role: str, guess: Guess | None) -> None:
        if guess and role not in columns:
            columns[role] = guess
            free.pop(guess.value, None)

    take("user", _by_name("user", free))
    take("item", _by_name("item", free))
    if "time" not in known and "position" not in known:
        take("time", _by_name("time", {name: column for name, column in free.items() if is_time(column)}))
    take("rating", _by_name("rating", {name: column for name, column in free.items() if is_number(column)}))
    take("item", _by_overlap(free, table))
    ids = {name: column for name, column in free.items() if not cannot_be_id(column)}
    if "time" not in columns:
        take("position", _by_name("position", {name: column for name, column in free.items() if is_order(column)}))
        ids.pop(columns["position"].value, None) if "position" in columns else None
    for role in ("user", "item"):
        if role not in columns and len(ids) == 1:
            take(role, Guess(next(iter(ids)), "the only column left that can hold ids"))
        ids = {name: column for name, column in ids.items() if name in free}
    if missing := [role for role in ("user", "item") if role not in columns]:
        shown = ", ".join(f"{name} (e.g. {column.example})" for name, column in list(log.items())[:12])
        raise ProjectError(
            f"{path}: cannot tell which column holds the {' and the '.join(missing)} ids; the columns are: {shown}",
            "Rename them user_id and item_id, or tell: --set data.user=COLUMN --set data.item=COLUMN.",
        )
    if "time" not in columns and "position" not in columns:
        take("time", next((Guess(name, "its values are times") for name, column in free.items() if column.dates), None))
    return {role: columns.get(role, Guess("", "")) for role in ("user", "item", "time", "position", "rating")}


def _by_name(role: str, columns: Mapping[str, ColumnProfile]) -> Guess | None:
    scored = [(fit(name, role), -number, name) for number, name in enumerate(columns)]
    if role in ("user", "item"):
        scored = [one for one in scored if not cannot_be_id(columns[one[2]])]
    best = max(scored, default=(0, 0, ""))
    return Guess(best[2], "by its name") if best[0] else None


def _by_overlap(columns: Mapping[str, ColumnProfile], table: Mapping[str, ColumnProfile]) -> Guess | None:
    """The column whose values stand in an id column of the item table."""
    best = (0.0, "", "")
    for key, column in table.items():
        if cannot_be_id(column) or column.distinct < 0.9:
            continue
        for name, mine in columns.items():
            if not cannot_be_id(mine) and mine.values:
                best = max(best, (len(mine.values & column.values) / len(mine.values), name, key))
    share, name, key = best
    return Guess(name, f"its values stand in the item table's {key}") if share > 0.5 else None


def _item_key(item: ColumnProfile, table: Mapping[str, ColumnProfile], name: str, known: Mapping[str, str]) -> Guess:
    """The item table's id column: the one that holds most of the log's items; the same name wins a tie."""
    if known.get("item_key"):
        return Guess(known["item_key"], "as told")

    def score(key: str) -> tuple[float, bool, int]:
        share = len(item.values & table[key].values) / max(1, len(item.values))
        return (round(share, 1), key == name, fit(key, "item"))

    candidates = [key for key, column in table.items() if not cannot_be_id(column)]
    best = max(candidates, key=score, default="")
    if not best or score(best)[0] == 0.0:
        raise DataError(
            f"no column of the item table holds the log's items (column {name}, e.g. {item.example})",
            "Check that both files speak of the same items.",
        )
    return Guess(best, f"{score(best)[0]:.0%} of the log's items looked at stand in it")


def _text_columns(table: Mapping[str, ColumnProfile], key: str) -> list[str]:
    """Columns made of words, most telling first."""
    wordy = [name for name, column in table.items() if name != key and is_wordy(column)]

    def rank(name: str) -> tuple[int, int]:
        roles = [number for number, role in enumerate(_TEXT_ORDER) if fit(name, role)]
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


def _core(data: DataSettings, root: Path, interactions: Path) -> tuple[int, str]:
    """The strictest usual k-core that leaves enough to learn from, and what it keeps."""
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
            stricter = replace(data, min_user_interactions=core, min_item_interactions=core)
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
