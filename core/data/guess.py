"""Look at two unknown tables and say which columns are what, and why."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from core.data.addresses import on_disk
from core.data.column_profile import SAMPLE_ROWS, ColumnProfile, headless, no_header, profile_columns
from core.data.data_report import DataReport
from core.data.guess_columns import LOG_ROLES, log_columns
from core.data.guess_items import item_key, text_columns, text_reason
from core.data.guess_times import finer_time
from core.data.guessed import Guess
from core.data.k_core import build_log
from core.data.log import read_rows
from core.data.read import BAD, ROW
from core.data.row_kinds import row_kinds
from core.data.sniff import open_table, table_files
from core.errors import DataError, ProjectError
from core.files import address_of
from core.settings import DataSettings

_CORES = (5, 3, 2, 0)
_KEPT = 0.1  # a k-core that keeps less than this share of the interactions is too strict
_FEW_USERS = 100  # so does one that keeps fewer users
_MAX_CHECKED_BYTES = 2 << 30  # of larger logs the k-core is not tried out


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
    log = _profiles(interactions, "--interactions", encoding, known.get("columns", ()), known.get("table", ""))
    inner = known.get("item_table", "")
    table = _profiles(items, "--items", encoding, known.get("item_columns", ()), inner) if items else {}
    for role, name in known.items():
        where = table if role == "item_key" else log
        if role in (*LOG_ROLES, "item_key") and name and name not in where:
            raise ProjectError(f'there is no column "{name}" for data.{role}; there are: {", ".join(where)}')
    columns = log_columns(log, table, known, interactions)
    if "time" not in known and columns["time"].value:
        used = {guess.value for role, guess in columns.items() if role != "time"}
        free = {name: column for name, column in log.items() if name not in used}
        names, inner_log = known.get("columns", ()), known.get("table", "")
        sources = open_table(interactions.absolute(), "--interactions", encoding, names, inner_log)
        columns["time"] = finer_time(sources[0], free, columns["time"].value) or columns["time"]
    key = item_key(log[columns["item"].value], table, columns["item"].value, known) if table else Guess("", "")
    text = text_columns(table, key.value)
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
    reasons |= {"item_key": key.why, "text": text_reason(table, key.value, text)}
    reasons |= {"min_user_interactions": note}
    if "where" not in known and (kinds := row_kinds(data, log)):
        reasons["where"] = "; ".join(f"{one.what}: {one.condition or 'which of them count?'}" for one in kinds)
    return GuessedData(replace(data, min_user_interactions=core, min_item_interactions=core), reasons)


def _as_known(data: DataSettings, known: Mapping[str, Any], items: Path | None) -> DataSettings:
    """The settings with what the caller knows in place of the defaults, as far as it concerns reading the log."""
    values = {key: value for key, value in known.items() if key not in ("text", "item_key")}
    if not values.get("rating", data.rating):
        values.pop("min_rating", None)  # the project's own check says that it needs a column
    return replace(data, **values, items=data.items if items else "")


def _profiles(path: Path, key: str, encoding: str, names: Sequence[str], inner: str) -> dict[str, ColumnProfile]:
    """The columns of a table that is worth a guess.

    Raises:
        DataError: no rows, no header, or column names that are no text.
        ProjectError: the names do not fit the file.
    """
    sources = open_table(path.absolute(), key, encoding, names, inner)
    columns = profile_columns(sources)
    if not names and headless(sources[0], columns):
        raise no_header(sources[0], columns, "--item-columns" if "items" in key else "--columns")
    if any("\ufffd" in name for name in columns):
        raise DataError(f"{path}: the column names are not UTF-8", "Convert it: iconv -f latin1 -t utf-8 OLD > NEW")
    if columns and not any(column.filled for column in columns.values()):
        rows = sources[0].table(rows=SAMPLE_ROWS).filter(pl.col(BAD).is_not_null())
        if rows.height:
            raise DataError(
                f"{sources[0].path}: no row can be read; the first, row {rows[ROW][0]}: {rows[BAD][0]}",
                f"The columns were taken to be: {', '.join(columns)[:200]}. See that the first line names them all, no "
                "other line stands above it, and quotes protect whole fields.",
            )
        raise DataError(f"{path}: the table has no values", "Name the file that holds the rows.")
    return columns


def _path_text(path: Path, directory: Path) -> str:
    """The path relative to the project's folder where they are near each other, else absolute; an address as it is."""
    if address := address_of(path):
        return address
    near = Path(os.path.relpath(path, directory))
    return near.as_posix() if near.parts.count("..") <= 2 else Path(os.path.abspath(path)).as_posix()  # noqa: PTH100


def _core(data: DataSettings, known: Mapping[str, Any], root: Path, interactions: Path) -> tuple[int, str]:
    """The strictest usual k-core that leaves enough to learn from, and what it keeps; what is known of it stays."""
    bounds = ("min_user_interactions", "min_item_interactions")
    files = table_files(on_disk(interactions.absolute()), "--interactions")
    if sum(file.stat().st_size for file in files) > _MAX_CHECKED_BYTES:
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
