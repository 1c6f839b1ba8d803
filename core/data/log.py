"""The interaction log: read, reject, filter, order, and cut to its k-core."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.data.arrays import Int32, Int64
from core.data.clean import bad_id, id_expr, lost_digits, number_expr
from core.data.data_report import DataReport, RejectedRow
from core.data.ids import missing_words, rounded, two_writings
from core.data.order import OrderReading, is_second_unit, order_readings, other_units, settled
from core.data.read import BAD, ROW, TableFile, collect, schema_of
from core.data.sniff import column_in, encoding_notes, open_table
from core.data.split import Mask, Split, TimeCuts, count_untrained, first_after, shuffled_ties, split_of
from core.data.timeline import timeline
from core.data.times import shown
from core.data.where import RowCondition, row_conditions
from core.errors import DataError
from core.files import resolved
from core.settings import DataSettings

EXAMPLES = 5
_ROUNDED = 0.02
_FILE, _USER, _ITEM, _ORDER, _RATING, _HOLDS = "file", "user", "item", "order", "rating", "holds"


@dataclass(frozen=True)
class Log:
    """The cleaned log.

    Attributes:
        user_ids: Ids by user number, in order of their first row.
        item_ids: Ids of the items that are left, in the order of the alphabet.
        items: Positions in `item_ids`, all users one after the other, oldest first.
        offsets: Where each user's items start; one more than there are users.
        split: How the lists are split by time; None = leave-one-out.
    """

    user_ids: pl.Series
    item_ids: pl.Series
    items: Int32
    offsets: Int64
    split: Split | None = None


def read_rows(data: DataSettings, root: Path, report: DataReport) -> pl.DataFrame:
    """Read the interactions' usable rows in the order of the file; the report is filled in.

    Clock times are of the type Datetime, other times and positions numbers.

    Args:
        data: Which file, which columns.
        root: The folder that relative paths start from.
        report: Filled in.

    Raises:
        ProjectError: a file or column is not there.
        DataError: unreadable content, or too many bad rows.
    """
    sources = open_table(resolved(data.interactions, root), "data.interactions", data.encoding, data.columns)
    wanted = {"user": data.user, "item": data.item, "time": data.time, "position": data.position, "rating": data.rating}
    for key, name in wanted.items():
        if name:
            column_in(sources, name, f"data.{key}")
    report.files = [_label(source.path, root) for source in sources]
    report.notes += encoding_notes(sources, data.encoding)
    report.order = f"time ({data.time})" if data.time else f"position ({data.position})" if data.position else "file"
    order = data.time or data.position
    readings = order_readings(sources, order) if order else []
    conditions = row_conditions(sources, data.where) if data.where.strip() else []
    parts = _parts(sources, data, readings, conditions)
    if any(_ORDER in part.columns and part[_ORDER].null_count() for part in parts):
        better = settled(readings)
        parts, readings = (
            (_parts(sources, data, better, conditions), better) if better is not readings else (parts, readings)
        )
    first = next((reading for reading in readings if reading.how), None)
    if first is not None and "%" in first.how:
        report.order += f", read as {shown(first.how)}"
    rows = pl.concat(parts, how="vertical_relaxed")
    if first is not None and first.clock:
        rows = rows.with_columns(pl.col(_ORDER).cast(pl.Int64).cast(pl.Datetime("us")))
    report.rows = rows.height
    if not rows.height:
        raise DataError(f"{sources[0].path}: has no rows")
    if data.time and first is not None and not first.clock:
        rows = _one_unit(rows, sources, data.time)
    rows = _reject(_wanted(rows, report), sources, data, report)
    for column, name in ((_USER, data.user), (_ITEM, data.item)):
        _one_writing(rows, column, name, sources, report)
    return rows


def _wanted(rows: pl.DataFrame, report: DataReport) -> pl.DataFrame:
    """The rows that `data.where` wants; those that cannot be read stay, to be rejected."""
    if _HOLDS not in rows.columns:
        return rows
    out = pl.col(BAD).is_null() & ~pl.col(_HOLDS).fill_null(False)
    report.left_out, report.unknown = rows.select(out.sum(), (out & pl.col(_HOLDS).is_null()).sum().alias("n")).row(0)
    if report.left_out == rows.height:
        raise DataError("data.where holds for no row", "See that it names values as the log writes them.")
    return rows.filter(~out).drop(_HOLDS)


def _label(path: Path, directory: Path) -> str:
    """The file's name as a person knows it; the same wherever the project's folder lies."""
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else path.name


def _parts(
    sources: list[TableFile], data: DataSettings, readings: list[OrderReading], conditions: list[RowCondition]
) -> list[pl.DataFrame]:
    """Every file's rows with typed columns."""
    orders, wheres = readings or [None] * len(sources), conditions or [None] * len(sources)
    each = enumerate(zip(sources, orders, wheres, strict=True))
    return [_typed(source, number, data, order, where) for number, (source, order, where) in each]


def _typed(
    source: TableFile, number: int, data: DataSettings, order: OrderReading | None, where: RowCondition | None
) -> pl.DataFrame:
    """One file's rows with typed columns."""
    rating = data.rating if data.min_rating > 0 else ""
    wanted = [data.user, data.item, order.name if order else "", rating, *(where.columns if where else ())]
    names = list(dict.fromkeys(name for name in wanted if name))
    schema = schema_of(source, names)
    place = str(source.path)
    columns = [
        id_expr(data.user, schema[data.user], place).alias(_USER),
        id_expr(data.item, schema[data.item], place).alias(_ITEM),
        pl.lit(number, pl.Int32).alias(_FILE),
        pl.col(ROW),
        pl.coalesce(
            BAD,
            lost_digits(data.user, schema[data.user], "user id"),
            lost_digits(data.item, schema[data.item], "item id"),
        ).alias(BAD),
    ]
    if order:
        columns.append(order.expression.alias(_ORDER))
    if where:
        columns[4] = pl.coalesce(columns[4], where.unreadable).alias(BAD)
        columns.append(where.holds.alias(_HOLDS))
    if rating:
        columns.append(number_expr(rating, schema[rating], place).alias(_RATING))
    return collect(source, names, *columns)


def _one_unit(rows: pl.DataFrame, sources: list[TableFile], name: str) -> pl.DataFrame:
    """Refuse times that count in two units, such as seconds and milliseconds; a single one is a bad row.

    Raises:
        DataError: names both units with a row of each.
    """
    mixed = other_units(rows[_ORDER])
    if mixed is None:
        return rows
    others, most, second = mixed
    if is_second_unit(others):
        places = [
            f"{sources[row[_FILE]].path.name} row {row[ROW]}: {_digits(row[_ORDER])} ({unit})"
            for unit, mask in ((most, ~others), (second, others))
            for row in rows.filter(mask & rows[_ORDER].is_not_null()).head(1).iter_rows(named=True)
        ]
        raise DataError(
            f'"{name}" is written in different ways: {", but ".join(places)} ({int(others.sum()):,} of '
            f"{rows.height:,} rows)",
            "Write the times of all rows in one unit.",
        )
    unit = pl.lit(f"a time in {second} among {most}")
    return rows.with_columns(pl.coalesce(pl.col(BAD), pl.when(others).then(unit)).alias(BAD))


def _digits(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.17g}"


def _one_writing(rows: pl.DataFrame, column: str, name: str, sources: list[TableFile], report: DataReport) -> None:
    """Refuse ids that are written in two ways throughout, or rounded; say where only a few are.

    Raises:
        DataError: names both writings with a row of each.
    """
    ids = rows[column].unique(maintain_order=True)
    if len(lost := rounded(ids)):
        text = f'"{name}" holds ids in scientific notation, e.g. {lost[0]}: digits are lost ({len(lost):,} ids)'
        if len(lost) > _ROUNDED * len(ids):
            raise DataError(text, "Export the column as text from where the data come from.")
        report.notes.append(text)
    clash = two_writings(ids)
    if clash is None:
        return
    places = [
        f'{sources[row[_FILE]].path.name} row {row[ROW]}: "{value[:40]}"'
        for value in (clash.one, clash.other)
        for row in rows.filter(pl.col(column) == value).head(1).iter_rows(named=True)
    ]
    text = f'the ids in "{name}" are written in two ways: {", but ".join(places)} ({clash.count:,} ids)'
    if clash.systematic:
        raise DataError(text, "Write every id in one way in all files.")
    report.notes.append(f"{text}; they are kept apart")


def _reject(rows: pl.DataFrame, sources: list[TableFile], data: DataSettings, report: DataReport) -> pl.DataFrame:
    """Drop unusable rows, counted by reason with a few examples.

    Raises:
        DataError: there are more than the project allows.
    """
    limit = data.max_rejected
    reasons = [pl.col(BAD)]
    for column, what in ((_USER, "user id"), (_ITEM, "item id")):
        missing, kept = missing_words(rows[column])
        reasons += [bad_id(column, what, missing)]
        if kept:
            report.notes.append(f"the {what} {' and '.join(map(repr, kept))} looks like a missing one and is kept")
    if _ORDER in rows.columns:
        reasons.append(pl.when(pl.col(_ORDER).is_null()).then(pl.lit("no readable time or position")))
    if _RATING in rows.columns:
        reasons.append(pl.when(pl.col(_RATING).is_null()).then(pl.lit("no readable rating")))
    rows = rows.with_columns(pl.coalesce(reasons).alias(BAD))
    bad = rows.filter(pl.col(BAD).is_not_null())
    if not bad.height:
        return rows
    counts = bad.group_by(BAD).len().sort("len", BAD, descending=[True, False])
    report.rejected = {str(reason): int(count) for reason, count in counts.iter_rows()}
    for reason in report.rejected:
        few = bad.filter(pl.col(BAD) == reason).head(EXAMPLES)
        report.examples[reason] = [_example(row, sources) for row in few.iter_rows(named=True)]
    if bad.height > limit * rows.height:
        reason, examples = next(iter(report.examples.items()))
        first = examples[0]
        raise DataError(
            f"{sources[bad[_FILE][0]].path}: {bad.height:,} of {rows.height:,} rows cannot be used; "
            f"most often: {reason}, e.g. {first['file']} row {first['row']} ({first['value']})",
            f"Mend the rows, or raise data.max_rejected (now {limit:g}).",
        )
    return rows.filter(pl.col(BAD).is_null())


def _example(row: dict[str, Any], sources: list[TableFile]) -> RejectedRow:
    value = f"user {_short(row[_USER])}, item {_short(row[_ITEM])}"
    return {"file": sources[row[_FILE]].path.name, "row": row[ROW], "value": value}


def _short(text: str | None) -> str:
    if text is None:
        return "missing"
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:40])
    return f'"{shown}"' + ("..." if len(text) > 40 else "")


def build_log(rows: pl.DataFrame, data: DataSettings, report: DataReport, seed: int = 0) -> Log:
    """Filter by rating, order, drop duplicates, and cut the rows of `read_rows` to their k-core.

    Args:
        rows: What `read_rows` gives.
        data: How the rows are cleaned and split.
        report: Filled in.
        seed: Of the order of ties, where `data.ties` shuffles them.

    Raises:
        DataError: nothing is left.
    """
    rows = _rated(rows, data, report)

    # From here on ids are numbers: users (rows,) and items (rows,), int32. Users count by their first row, items by the
    # alphabet; order (rows,) is the time or position, empty where the file's order is all there is.
    user_ids, item_ids = rows[_USER].unique(maintain_order=True), rows[_ITEM].unique().sort()
    users, items = _codes(rows[_USER], user_ids), _codes(rows[_ITEM], item_ids)
    timed = _ORDER in rows.columns
    order = rows[_ORDER].to_physical().to_numpy() if timed else np.zeros(0)

    # The oldest first over all users; of equal times the earlier row, for the sort is stable, or a drawn one.
    if timed:
        shuffle = data.ties == "shuffle"
        sort = np.lexsort((shuffled_ties(users, items, seed), order)) if shuffle else np.argsort(order, kind="stable")
        users, items, order = users[sort], items[sort], order[sort]

    # Duplicates go before the k-core counts; the oldest of them stays. keep (kept,): positions in users and items.
    keep = _unique(users, items, order, data.duplicates)
    report.duplicates = int(len(users) - len(keep))
    users, items, order = users[keep], items[keep], order[keep] if timed else order

    # The k-core. inside (kept,): True where user and item both have enough rows. Split by time, training rows alone
    # count; targets (2, kept): each user's first row after either cut.
    cuts = TimeCuts.of(data, order, rows.schema[_ORDER] == pl.Datetime) if data.split == "time" else None
    if cuts is None:
        inside = _core(users, items, data.min_user_interactions, data.min_item_interactions, report)
    else:
        before = order < cuts.valid
        inside = _core_of_training(users, items, before, data, report)
        spans = ((cuts.valid, cuts.test), (cuts.test, np.inf))
        targets = np.stack([first_after(users, order, start, end) for start, end in spans])
        count_untrained(users, items, before, inside, targets, report)
    if not inside.any():
        raise DataError(
            "no interactions are left after cleaning: "
            f"{report.rows:,} rows, {report.rejected_rows:,} rejected, {report.below_rating:,} below the rating, "
            f"{report.duplicates:,} duplicates, {report.core_rows:,} outside the k-core",
            f"Lower data.min_user_interactions ({data.min_user_interactions}) and "
            f"data.min_item_interactions ({data.min_item_interactions}).",
        )

    # User after user, each oldest first: again stable, so that the order inside a user stays.
    users, items = users[inside], items[inside]
    sort = np.argsort(users, kind="stable")
    users, items = users[sort], items[sort]
    if timed:
        order = order[inside][sort]
        same_user = users[1:] == users[:-1]  # (kept - 1,): neighbours that belong to one user
        tied = same_user & (order[1:] == order[:-1])
        report.tied = float(tied.sum() / max(1, same_user.sum()))
    if data.time:
        times = timeline(order, rows.schema[_ORDER] == pl.Datetime)
        report.timeline, report.time_step = times.spans, times.step
        report.first_time, report.last_time = times.first, times.last

    # Numbers without gaps for what is left: lengths (users before,), 0 for those who went; numbers (kept,), int32;
    # offsets (users left + 1,).
    lengths, taken = np.bincount(users), np.bincount(items) > 0
    left_users = np.flatnonzero(lengths)
    numbers = (np.cumsum(taken) - 1).astype(np.int32)[items]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[left_users], dtype=np.int64)])
    split = None
    if cuts is not None:
        split = split_of(offsets, before[inside][sort], targets[:, inside][:, sort])
    return Log(user_ids[left_users], item_ids[np.flatnonzero(taken)], numbers, offsets, split)


def _core_of_training(users: Int32, items: Int32, before: Mask, data: DataSettings, report: DataReport) -> Mask:
    """Rows whose user and item are in the k-core of the training rows, be they before or after the cut."""
    core = _core(users[before], items[before], data.min_user_interactions, data.min_item_interactions, report)
    stay = [np.bincount(side[before][core], minlength=side.max() + 1) > 0 for side in (users, items)]
    return (before & _spread(core, before)) | (~before & stay[0][users] & stay[1][items])


def _spread(values: Mask, places: Mask) -> Mask:
    """Values at the places that are True, False elsewhere; as long as the places."""
    spread = np.zeros(len(places), dtype=bool)
    spread[places] = values
    return spread


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
    rows = _rated(read_rows(data, root, report), data, report)
    timed = _ORDER in rows.columns
    if timed:
        rows = rows.sort(_ORDER, maintain_order=True)
    if data.duplicates != "keep":
        same = [_USER, _ITEM, *([_ORDER] if timed and data.duplicates == "exact" else [])]
        rows = rows.unique(same, keep="first", maintain_order=True)
    return rows.select(_USER, _ITEM)


def _rated(rows: pl.DataFrame, data: DataSettings, report: DataReport) -> pl.DataFrame:
    """The rows with a rating that is high enough, in the order of the files."""
    if data.min_rating > 0:
        kept = rows.filter(pl.col(_RATING) >= data.min_rating)
        report.below_rating = rows.height - kept.height
        rows = kept
    return rows.sort(_FILE, ROW) if not _in_file_order(rows) else rows  # streaming may mix a file's pieces


def _in_file_order(rows: pl.DataFrame) -> bool:
    places = rows.select(pl.col(_FILE).cast(pl.Int64) * (1 << 40) + pl.col(ROW)).to_series()
    return places.is_sorted()


def _codes(values: pl.Series, ids: pl.Series) -> Int32:
    """The position of every value among the distinct ids, int32; as long as the values."""
    table = pl.DataFrame({"id": ids, "code": pl.Series(np.arange(len(ids), dtype=np.int32))})
    joined = pl.DataFrame({"id": values}).join(table, on="id", how="left", maintain_order="left")
    return joined["code"].to_numpy()


def _unique(users: Int32, items: Int32, order: np.ndarray[Any, Any], rule: str) -> Int64:
    """Positions of the rows that the duplicates rule keeps, in order."""
    if rule == "keep":
        return np.arange(len(users), dtype=np.int64)
    frame = pl.DataFrame({"u": users, "i": items, "n": np.arange(len(users), dtype=np.int64)})
    subset = ["u", "i"]
    if rule == "exact" and len(order):
        frame = frame.with_columns(pl.Series("o", order))
        subset.append("o")
    return frame.unique(subset, keep="first", maintain_order=True)["n"].to_numpy()


def _core(users: Int32, items: Int32, min_user: int, min_item: int, report: DataReport) -> Mask:
    """Rows of the k-core: users and items with too few rows go, both sides at once, until nothing changes.

    Returns:
        True for the rows that stay; as long as `users` and `items`.
    """
    keep = np.ones(len(users), dtype=bool)
    if not len(users):
        return keep
    n_users, n_items = int(users.max()) + 1, int(items.max()) + 1
    before: tuple[int, int] | None = None
    while True:
        # Rows that each user and each item still has, (n_users,) and (n_items,); a row needs enough of both.
        by_user = np.bincount(users[keep], minlength=n_users)
        by_item = np.bincount(items[keep], minlength=n_items)
        left = (int((by_user > 0).sum()), int((by_item > 0).sum()))
        before = before or left
        fewer = keep & (by_user >= min_user)[users] & (by_item >= min_item)[items]
        if fewer.sum() == keep.sum():
            break
        keep = fewer
        report.core_rounds += 1
    report.core_rows = int(len(keep) - keep.sum())
    report.core_users, report.core_items = before[0] - left[0], before[1] - left[1]
    return keep
