"""The interaction log: read, rows that cannot be used rejected, users and items as numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.data.addresses import copy_note
from core.data.arrays import Int64
from core.data.clean import bad_id, id_expr, lost_digits, number_expr
from core.data.data_report import DataReport, RejectedRow
from core.data.id_numbers import ItemNumbers, first_places, positions
from core.data.ids import missing_words
from core.data.joined import condemning, header_again, ill_joined
from core.data.order import OrderReading, order_readings, settled
from core.data.partitions import FILE, USER, Frames, TypedRows, WorkFolder, partition_count, place
from core.data.placeholders import item_for_nothing, user_for_nobody
from core.data.read import BAD, ROW, TableFile, collect, schema_of
from core.data.sniff import column_in, log_files, source_notes
from core.data.time_values import no_times, other_units
from core.data.times import shown
from core.data.where import RowCondition, row_conditions
from core.data.writings import check_writing
from core.errors import DataError
from core.files import resolved
from core.settings import DataSettings

EXAMPLES = 5
ITEM, ORDER, RATING, PLACE = "item", "order", "rating", "place"
"""Columns of `LogRows.frames`, beside `USER`."""
_REASON, _HOLDS = "reason", "holds"


@dataclass(frozen=True)
class LogRows:
    """The usable rows of a log, in partitions.

    Attributes:
        user_ids: Ids by number: partition after partition, in each in order of their first row.
        item_ids: Ids by number, in no order that says anything.
        bounds: Where the numbers of each partition's users begin; one more than there are partitions.
        frames: A frame a partition, in the order of the files: `user` and `item` (numbers, int32), `place` (see
            `core.data.partitions.place`), `order` (time or position, where there is one), `rating` (where it counts).
        clock: Whether `order` is in microseconds since 1970.
        work: Where further frames can be written; None = in memory.
    """

    user_ids: pl.Series
    item_ids: pl.Series
    bounds: tuple[int, ...]
    frames: Frames
    clock: bool
    work: Path | None


def read_rows(data: DataSettings, root: Path, report: DataReport, work: WorkFolder | None = None) -> LogRows:
    """Read the interactions' usable rows; the report is filled in.

    Args:
        data: Which file, which columns.
        root: The folder that relative paths start from.
        report: Filled in.
        work: Where a large log is kept in partitions; it must stay until the rows are no longer needed. None = all of
            it is in memory.

    Raises:
        ProjectError: a file or column is not there.
        DataError: unreadable content, or too many bad rows.
        EnvironmentFault: too little memory, or the disk fails.
    """
    sources = log_files(data, root)
    wanted = {"user": data.user, "item": data.item, "time": data.time, "position": data.position, "rating": data.rating}
    for key, name in wanted.items():
        if name:
            column_in(sources, name, f"data.{key}")
    report.files = [_label(source.path, root) for source in sources]
    report.notes += copy_note(resolved(data.interactions, root), "the log")
    report.notes += source_notes(sources, data.encoding, data.table)
    report.order = f"time ({data.time})" if data.time else f"position ({data.position})" if data.position else "file"
    order = data.time or data.position
    readings = order_readings(sources, order) if order else []
    count = 1 if work is None else partition_count(sources)
    work = work or WorkFolder()
    conditions = row_conditions(sources, data.where, (data.user, data.item)) if data.where.strip() else []
    rows = _typed_rows(sources, data, readings, conditions, count, work)
    if ORDER in rows.schema and rows.scan().select(pl.col(ORDER).null_count()).collect(engine="streaming").item():
        better = settled(readings)
        if better is not readings:
            rows, readings = _typed_rows(sources, data, better, conditions, count, work), better
    first = next((reading for reading in readings if reading.how), None)
    if first is not None and "%" in first.how:
        report.order += f", read as {shown(first.how)}"
    report.rows = int(rows.scan().select(pl.len()).collect(engine="streaming").item())
    if not report.rows:
        raise DataError(f"{sources[0].path}: has no rows")
    clock = first is not None and first.clock
    reasons = [pl.col(BAD)]
    if data.time and first is not None:
        if not clock:
            reasons += _one_unit(rows, sources, data.time)
        none = no_times(rows.scan(), ORDER, clock, f'{sources[0].path}: "{data.time}"')
        reasons += [none] if none is not None else []
    reasons += _reasons(rows, report)
    return _numbered(rows, reasons, sources, data, report, clock, work.path if count > 1 else None)


def _label(path: Path, directory: Path) -> str:
    """The file's name as a person knows it; the same wherever the project's folder lies."""
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else path.name


def _typed_rows(
    sources: list[TableFile], data: DataSettings, readings: list[OrderReading], conditions: list[RowCondition],
    count: int, work: WorkFolder,
) -> TypedRows:  # fmt: skip
    """Every file's rows with typed columns."""
    orders: Sequence[OrderReading | None] = readings or [None] * len(sources)
    wheres: Sequence[RowCondition | None] = conditions or [None] * len(sources)
    each = enumerate(zip(sources, orders, wheres, strict=True))
    files = [(source, *_typed(source, number, data, order, where)) for number, (source, order, where) in each]
    return TypedRows(files, count, work)


def _typed(
    source: TableFile, number: int, data: DataSettings, order: OrderReading | None, where: RowCondition | None
) -> tuple[list[str], list[pl.Expr]]:
    """The columns that are read of a file, and what is made of them."""
    rating = data.rating if data.min_rating > 0 else ""
    wanted = [data.user, data.item, order.name if order else "", rating, *(where.columns if where else ())]
    names = list(dict.fromkeys(name for name in wanted if name))
    schema, path = schema_of(source, names), str(source.path)
    ids = ((data.user, "user id"), (data.item, "item id"))
    bad = [pl.col(BAD), *(lost_digits(name, schema[name], what) for name, what in ids)]
    bad += [] if source.typed else [header_again(data.user, data.item, source.columns)]
    columns = [
        id_expr(data.user, schema[data.user], path).alias(USER),
        id_expr(data.item, schema[data.item], path).alias(ITEM),
        pl.lit(number, pl.Int32).alias(FILE),
        pl.col(ROW),
        pl.coalesce([*bad, *([where.unreadable] if where else [])]).alias(BAD),
    ]
    if where:
        columns.append(where.holds.alias(_HOLDS))
    if order:
        columns.append(order.expression.alias(ORDER))
    if rating:
        columns.append(number_expr(rating, schema[rating], path).alias(RATING))
    return names, columns


def _one_unit(rows: TypedRows, sources: list[TableFile], name: str) -> list[pl.Expr]:
    """Refuse times that count in two units, such as seconds and milliseconds; a single one is a bad row.

    Returns:
        Why such a row is bad, where there is one.

    Raises:
        DataError: names both units with a row of each.
    """
    mixed = other_units(rows.scan(), ORDER)
    if mixed is None:
        return []
    if mixed.systematic:
        places = [
            f"{sources[row[FILE]].path.name} row {row[ROW]}: {_digits(row[ORDER])} ({unit})"
            for unit, mask in ((mixed.most, ~mixed.rows), (mixed.second, mixed.rows))
            for row in _first(rows.scan().filter(mask & pl.col(ORDER).is_not_null()), 1).iter_rows(named=True)
        ]
        raise DataError(
            f'"{name}" is written in different ways: {", but ".join(places)} ({mixed.count:,} of {mixed.total:,} rows)',
            "Write the times of all rows in one unit.",
        )
    return [pl.when(mixed.rows).then(pl.lit(f"a time in {mixed.second} among {mixed.most}"))]


def _first(rows: pl.LazyFrame, count: int) -> pl.DataFrame:
    """The first rows in the order of the files."""
    return rows.with_columns(place().alias(PLACE)).bottom_k(count, by=PLACE).sort(PLACE).collect(engine="streaming")


def _digits(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.17g}"


def _reasons(rows: TypedRows, report: DataReport) -> list[pl.Expr]:
    """Why a row cannot be used; null for one that can."""
    reasons = []
    for column, what in ((USER, "user id"), (ITEM, "item id")):
        missing, kept = missing_words(rows.scan(), column, place())
        reasons += [bad_id(column, what, missing)]
        if kept:
            report.notes.append(f"the {what} {' and '.join(map(repr, kept))} looks like a missing one and is kept")
    if ORDER in rows.schema:
        reasons.append(pl.when(pl.col(ORDER).is_null()).then(pl.lit("no readable time or position")))
    if RATING in rows.schema:
        reasons.append(pl.when(pl.col(RATING).is_null()).then(pl.lit("no readable rating")))
    return reasons


def _numbered(
    rows: TypedRows, reasons: list[pl.Expr], sources: list[TableFile], data: DataSettings, report: DataReport,
    clock: bool, work: Path | None,
) -> LogRows:  # fmt: skip
    """Drop unusable rows, counted by reason with a few examples, and number users and items.

    Raises:
        DataError: there are more unusable rows than the project allows, or ids are written in two ways.
    """
    counts: Counter[str] = Counter()
    examples: list[pl.DataFrame] = []
    frames, bounds = Frames(work, "numbered"), [0]
    users: list[pl.Series] = []
    items = ItemNumbers()
    item_rows = np.zeros(0, dtype=np.int64)
    user_first: list[Int64] = []
    user_rows: list[Int64] = []
    for frame in rows.frames():
        frame = _wanted(frame, report)
        judged = frame.with_columns(pl.coalesce(reasons).alias(_REASON), place().alias(PLACE))
        bad = judged.filter(pl.col(_REASON).is_not_null())
        for reason, count in bad.group_by(_REASON).len().iter_rows():
            counts[reason] += count
        examples.append(bad.group_by(_REASON, maintain_order=True).head(EXAMPLES).drop(BAD))
        good = judged.filter(pl.col(_REASON).is_null()) if bad.height else judged
        # Numbers of the users, (rows,), in order of their first row; those of the partitions before come first.
        ids = good[USER].unique(maintain_order=True)
        codes = positions(good[USER], pl.DataFrame({"id": ids, "n": np.arange(len(ids), dtype=np.int32)}))
        places = good[PLACE].to_numpy()
        user_first.append(first_places(codes, places, len(ids)))
        user_rows.append(np.bincount(codes, minlength=len(ids)))
        numbered = {USER: codes + np.int32(bounds[-1]), ITEM: items.number(good[ITEM], places)}
        item_rows = np.concatenate([item_rows, np.zeros(len(items.first) - len(item_rows), np.int64)])
        item_rows += np.bincount(numbered[ITEM], minlength=len(item_rows))
        more = [name for name in (PLACE, ORDER, RATING) if name in good.columns]
        frames.add(good.select(pl.Series(name, values) for name, values in numbered.items()).hstack(good.select(more)))
        users.append(ids)
        bounds.append(bounds[-1] + len(ids))
    if report.left_out == report.rows:
        raise DataError("data.where holds for no row", "See that it names values as the log writes them.")
    _reject(counts, pl.concat(examples), sources, data, report)
    user_ids = pl.concat(users)
    report.notes += user_for_nobody(user_ids, np.concatenate(user_rows), data.user)
    report.notes += item_for_nothing(items.ids, item_rows, data.item)
    check_writing(user_ids, np.concatenate(user_first), data.user, sources, report)
    check_writing(items.ids, items.first, data.item, sources, report)
    return LogRows(user_ids, items.ids, tuple(bounds), frames, clock, work)


def _wanted(rows: pl.DataFrame, report: DataReport) -> pl.DataFrame:
    """The rows that `data.where` wants; those that cannot be read stay, to be rejected."""
    if _HOLDS not in rows.columns:
        return rows
    out, unknown = pl.col(BAD).is_null() & ~pl.col(_HOLDS).fill_null(False), pl.col(_HOLDS).is_null()
    report.left_out += int(rows.select(out.sum()).item())
    report.unknown += int(rows.select((out & unknown).sum()).item())
    return rows.filter(~out).drop(_HOLDS)


def _reject(
    counts: Counter[str], examples: pl.DataFrame, sources: list[TableFile], data: DataSettings, report: DataReport
) -> None:
    """Report the unusable rows.

    Raises:
        DataError: there are more than the project allows.
    """
    total = sum(counts.values())
    if not total:
        return
    if reason := condemning(counts):
        row = examples.filter(pl.col(_REASON) == reason).sort(PLACE).row(0, named=True)
        raise ill_joined(sources[row[FILE]].path, row[ROW], reason)
    report.rejected = dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
    for reason in report.rejected:
        few = examples.filter(pl.col(_REASON) == reason).sort(PLACE).head(EXAMPLES)
        report.examples[reason] = [_example(row, sources) for row in few.iter_rows(named=True)]
    limit = data.max_rejected
    if total > limit * (report.rows - report.left_out):
        reason, some = next(iter(report.examples.items()))
        blamed = {"no readable rating": data.rating, "no readable time or position": data.time or data.position}
        value = _written(examples.filter(pl.col(_REASON) == reason).sort(PLACE), sources, blamed.get(reason, ""))
        where = sources[int(examples.sort(PLACE)[FILE][0])].path
        raise DataError(
            f"{where}: {total:,} of {report.rows - report.left_out:,} rows cannot be used; "
            f"most often: {reason}, e.g. {some[0]['file']} row {some[0]['row']} ({some[0]['value']}{value})",
            f"Mend the rows, or raise data.max_rejected (now {limit:g}).",
        )


def _written(bad: pl.DataFrame, sources: list[TableFile], name: str) -> str:
    """What stands in a column of the first of some bad rows, for a message; empty where no column is to blame."""
    if not name or not bad.height:
        return ""
    file, row = bad.row(0, named=True)[FILE], bad.row(0, named=True)[ROW]
    text = collect(sources[file], [name], pl.col(name).filter(pl.col(ROW) == row).cast(pl.String).alias(name))[name]
    return f", {name} {_short(text[0])}" if len(text) else ""


def _example(row: dict[str, Any], sources: list[TableFile]) -> RejectedRow:
    value = f"user {_short(row[USER])}, item {_short(row[ITEM])}"
    return {"file": sources[row[FILE]].path.name, "row": row[ROW], "value": value}


def _short(text: str | None) -> str:
    if text is None:
        return "missing"
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:40])
    return f'"{shown}"' + ("..." if len(text) > 40 else "")


def read_in_order(data: DataSettings, root: Path, report: DataReport) -> pl.DataFrame:
    """Read interactions that come to a finished data set: `user` and `item` of the usable rows, the oldest first.

    Ids, times, ratings and duplicates are read as for training; nothing is dropped for a k-core.

    Args:
        data: Which file, which columns.
        root: The folder that relative paths start from.
        report: Filled in.

    Raises:
        ProjectError: a file or column is not there.
        DataError: unreadable content, or too many bad rows.
    """
    log = read_rows(data, root, report)
    rows = rated(next(iter(log.frames)), data, report)
    timed = ORDER in rows.columns
    if timed:
        rows = rows.sort(ORDER, maintain_order=True)
    if data.duplicates != "keep":
        same = [USER, ITEM, *([ORDER] if timed and data.duplicates == "exact" else [])]
        rows = rows.unique(same, keep="first", maintain_order=True)
    return pl.DataFrame({USER: log.user_ids[rows[USER]], ITEM: log.item_ids[rows[ITEM]]})


def rated(rows: pl.DataFrame, data: DataSettings, report: DataReport) -> pl.DataFrame:
    """A partition's rows with a rating that is high enough; those that are not are counted."""
    if data.min_rating <= 0:
        return rows
    kept = rows.filter(pl.col(RATING) >= data.min_rating)
    report.below_rating += rows.height - kept.height
    return kept
