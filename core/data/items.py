"""The item table: one row an item that is ranked, with its title and its text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from core.data.addresses import copy_note
from core.data.arrays import Int32
from core.data.clean import MAX_TEXT_CHARS, bad_id, cleaned, id_expr, lost_digits, text_expr
from core.data.data_report import DataReport
from core.data.ids import missing_words, two_writings
from core.data.joined import without_headers
from core.data.read import BAD, ROW, TableFile
from core.data.sniff import column_in, open_table, source_notes
from core.data.titles import title_column
from core.data.writings import check_rounded
from core.errors import DataError
from core.files import resolved
from core.settings import DataSettings

ID = "\x00id"
"""The column of the clean id in a table that is being read; no table has one of that name."""
_GARBLED = "[\u00c3\u00c2][\u0080-\u00bf\u0152-\u0153\u0160-\u0161\u0178\u017d-\u017e\u2018-\u2022]|\u00e2\u20ac"
"""Letters of UTF-8 that was read as cp1252."""


def load_items(data: DataSettings, root: Path, log_ids: pl.Series, report: DataReport) -> tuple[pl.DataFrame, Int32]:
    """Build the table of ranked items, sorted by id.

    Args:
        data: Which file, which columns, and what is ranked.
        root: The folder that relative paths start from.
        log_ids: Ids of the items in the cleaned log.
        report: Filled in.

    Returns:
        The table, and for every id of the log its row.

    Raises:
        ProjectError: a file or column is not there.
        DataError: unreadable content, or no item of the log has a row in the table.
    """
    if not data.items:
        report.items_without_row = report.items_without_text = len(log_ids)
        frame = pl.DataFrame({"item_id": log_ids, "title": log_ids, "text": pl.repeat("", len(log_ids), eager=True)})
        return frame, np.arange(len(log_ids), dtype=np.int32)
    sources = open_items(resolved(data.items, root), data, "data.items")
    where, key = str(sources[0].path), data.item_key or data.item
    report.notes += copy_note(resolved(data.items, root), "the item table")
    report.notes += source_notes(sources, data.encoding, data.item_table)
    unique = read_items(sources, key, data.max_rejected, report)
    if not unique.height:
        raise DataError(f"{where}: has no rows")
    ids = log_ids if data.catalogue == "interacted" else pl.concat([log_ids, unique[ID]]).unique().sort()
    known = log_ids.is_in(unique[ID].implode())
    report.items_without_row = int((~known).sum())
    clash = two_writings(pl.concat([log_ids, unique[ID]]).unique().sort()) if report.items_without_row else None
    if clash is not None and clash.systematic:
        inside = [
            f"{clash.shown(one)} stands in {'the log' if one in log_ids else where}" for one in (clash.one, clash.other)
        ]
        raise DataError(
            f"the log and the item table write item ids in two ways: {', but '.join(inside)} ({clash.count:,} ids)",
            "Write every id in one way in both.",
        )
    if not known.any():
        raise DataError(
            f"{where}: none of the log's items has a row in it, e.g. {log_ids[0][:60]!r} is not in its "
            f'column "{key}", which holds e.g. {unique[ID][0][:60]!r}',
            "Set data.item_key to the item table's id column.",
        )
    rows = pl.DataFrame({ID: ids}).join(unique, on=ID, how="left", maintain_order="left")
    numbers = pl.DataFrame({ID: log_ids}).join(
        pl.DataFrame({ID: ids, "n": np.arange(len(ids), dtype=np.int32)}), on=ID, how="left", maintain_order="left"
    )
    return with_texts(rows, data.text, where, report), numbers["n"].to_numpy()


def open_items(where: Path, data: DataSettings, setting: str) -> list[TableFile]:
    """The files of an item table that has the columns that the settings name.

    Args:
        where: A file, a glob or a folder.
        data: Which columns hold the id and the text.
        setting: What names the table, for messages.

    Raises:
        ProjectError: a file or column is not there.
        DataError: a file of no supported format.
    """
    sources = open_table(where, setting, data.encoding, data.item_columns, data.item_table)
    column_in(sources, data.item_key or data.item, "data.item_key" if data.item_key else "data.item")
    for name in data.text:
        column_in(sources, name, "data.text")
    return sources


def read_items(sources: list[TableFile], key: str, max_rejected: float, report: DataReport) -> pl.DataFrame:
    """The usable rows of an item table, the first of each id, in the order of the file.

    Args:
        sources: Its files.
        key: The column of the id.
        max_rejected: The share of unusable rows above which reading fails; 1 = never.
        report: Filled in: rows, rejected, duplicates.

    Returns:
        The table's own columns and `ID`, the id as clean text.

    Raises:
        DataError: unreadable content, or too many unusable rows.
    """
    table = pl.concat([_read(source, key) for source in sources], how="diagonal_relaxed")
    missing, kept = missing_words(table.lazy(), ID)
    table = table.with_columns(pl.coalesce(pl.col(BAD), bad_id(ID, "item id", missing)).alias(BAD))
    if kept:
        report.notes.append(f"the item id {' and '.join(map(repr, kept))} looks like a missing one and is kept")
    report.item_rows = table.height
    bad = table.group_by(BAD).len().drop_nulls().sort("len", BAD, descending=[True, False])
    report.item_rejected = {str(reason): int(count) for reason, count in bad.iter_rows()}
    if bad.height and bad["len"].sum() > max_rejected * table.height:
        reason, count = bad.row(0)
        row = table.filter(pl.col(BAD) == reason)[ROW][0]
        raise DataError(
            f"{sources[0].path}: {bad['len'].sum():,} of {table.height:,} rows cannot be used; most often: {reason} "
            f"({count:,}), first in row {row}",
            f"Mend the rows, or raise data.max_rejected (now {max_rejected:g}).",
        )
    table = table.filter(pl.col(BAD).is_null()).drop(BAD, ROW)
    check_rounded(table[ID].unique(maintain_order=True), f'{sources[0].path}: "{key}"', report)
    unique = table.unique(ID, keep="first", maintain_order=True)
    report.item_duplicates = table.height - unique.height
    if report.item_duplicates and (odd := _different(table)):
        report.notes.append(
            f"{len(odd):,} ids stand in several rows of {sources[0].path.name} that differ, e.g. {odd[0][:60]!r}: the "
            "first counts"
        )
    return unique


def _different(table: pl.DataFrame) -> list[str]:
    """Ids of rows that repeat an id and are not the same in every column; lists and records are not compared."""
    repeated = table.filter(pl.col(ID).is_duplicated())
    plain = repeated.select(name for name, kind in repeated.schema.items() if not kind.is_nested())
    left = plain.unique(maintain_order=True).filter(pl.col(ID).is_duplicated())
    return [str(one) for one in left[ID].unique(maintain_order=True)]


def _read(source: TableFile, key: str) -> pl.DataFrame:
    where = str(source.path)
    frame = source.table(key=key)
    if not source.typed:
        frame = without_headers(frame, key, source.path)
        good = frame[BAD].is_null()
        frame = frame.with_columns(_numbers(frame[name], good) for name in source.columns if name != key)
    lost = pl.coalesce(BAD, lost_digits(key, frame.schema[key], "item id")).alias(BAD)
    return frame.with_columns(id_expr(key, frame.schema[key], where).alias(ID), lost)


def _numbers(column: pl.Series, good: pl.Series) -> pl.Series:
    """A text column as numbers where every value of the good rows is one and none would change, as `007` would."""
    text = column.filter(good)
    if text.dtype != pl.String or text.null_count() == len(text):
        return column
    if text.str.contains(r"^-?(0|[1-9]\d{0,17})$").all():
        return column.cast(pl.Int64, strict=False)
    whole = text.str.contains(r"^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$").all()
    return column.cast(pl.Float64, strict=False) if whole else column


def _text_of(rows: pl.DataFrame, name: str, where: str) -> pl.Series:
    """A column as clean text; null where there is none."""
    return cleaned(rows.select(text_expr(name, rows.schema[name], where))[name])


def field_texts(items: pl.DataFrame, names: Sequence[str]) -> dict[str, list[str]]:
    """The texts of single columns, which are one in the column `text` of the item table that `with_texts` makes.

    Args:
        items: that table, or items of which only the whole text is known.
        names: the columns that became text, in this order.

    Returns:
        By column a text an item, empty where it has none; nothing where a column is not there.
    """
    ours = ("title", "text")
    if any(name not in items.columns for name in names if name not in ours):
        return {}
    parts = {name: _text_of(items, name, "the items") for name in names if name not in ours}
    if "title" in names:  # the id stands in for a title that is missing
        parts["title"] = items.select(pl.when(pl.col("title") != pl.col("item_id")).then(pl.col("title")))["title"]
    texts = {
        name: part.str.slice(0, MAX_TEXT_CHARS).str.strip_chars_end(" .").fill_null("").to_list()
        for name, part in parts.items()
    }
    if "text" in names:  # what stands between the others in the whole
        place = list(names).index("text")
        joined = [
            [". ".join(texts[name][row] for name in some if texts[name][row]) for row in range(items.height)]
            for some in (names[:place], names[place + 1 :])
        ]
        texts["text"] = [
            whole.removeprefix(front).removesuffix(back).strip(" .")
            for whole, front, back in zip(items["text"].fill_null(""), *joined, strict=True)
        ]
    return {name: texts[name] for name in names}


def with_texts(rows: pl.DataFrame, names: Sequence[str], where: str, report: DataReport) -> pl.DataFrame:
    """Items with their title and their text in front of the table's own columns.

    Args:
        rows: One row an item, with `ID`.
        names: The columns that become text, in this order.
        where: The file, for messages.
        report: Filled in: what is missing, cut or broken.

    Returns:
        `item_id`, `title` (the id where there is none), `text`, then the other columns of `rows`.
    """
    texts: dict[str, pl.Series] = {}
    garbled: dict[str, int] = {}
    for name in names:
        text = _text_of(rows, name, where)
        long = text.str.len_chars() > MAX_TEXT_CHARS
        for counts, count in (
            (report.text_missing, text.null_count()),
            (report.text_cut, int(long.sum())),
            (report.text_broken, int(text.str.contains("\ufffd").sum())),
            (garbled, int(text.str.contains(_GARBLED).sum())),
        ):
            if count:
                counts[name] = count
        texts[name] = text.str.slice(0, MAX_TEXT_CHARS)
    report.notes += [
        f'"{name}" of {Path(where).name} holds {count:,} texts of signs such as \u00c3\u00b6 or '
        "\u00e2\u20ac\u2122: UTF-8 that was once read as something else; export them anew"
        for name, count in garbled.items()
    ]
    ids = rows[ID]
    titled = title_column(names, lambda name: texts[name])
    title = texts[titled].fill_null(ids) if titled else ids
    parts = pl.DataFrame([text.str.strip_chars_end(" .").alias(name) for name, text in texts.items()])
    if names:
        text = parts.select(pl.concat_str(pl.all(), separator=". ", ignore_nulls=True)).to_series().fill_null("")
    else:
        text = pl.repeat("", rows.height, eager=True)
    report.items_without_text = int((text == "").sum())
    own = [name for name in rows.columns if name not in (ID, "item_id", "title", "text")]
    return pl.DataFrame([rows[ID].alias("item_id"), title.alias("title"), text.alias("text"), *rows.select(own)])
