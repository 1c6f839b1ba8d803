"""What a person should look at before they trust a reading: what was not used, or could be read in another way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from core.data.arrays import Int64
from core.data.clean import text_expr, time_format
from core.data.column_profile import (
    ColumnProfile,
    headless,
    is_clock,
    is_lossy,
    is_number,
    is_rating,
    no_header,
    profile_columns,
)
from core.data.guessed import shell_word
from core.data.order_doubts import other_beginning, unused_orders
from core.data.read import TableFile, first_line
from core.data.roles import plain, role_score
from core.data.row_kinds import row_kinds
from core.data.sniff import item_files, log_files
from core.data.sources.nested_histories import NestedHistories
from core.data.split import Split
from core.data.times import plain_digits, same_look, shown
from core.data.titles import title_column
from core.errors import DataError, ProjectError
from core.settings import MIN_EVALUATED, DataSettings

_LOOKED_AT = 2000
_RATINGS = 21
"""Writings of ratings: ten stars and their halves."""
_CALENDARS = {"the Buddhist calendar of Thailand": -543, "the Persian calendar": 621}
_ZONE_NAMES = frozenset({"tz", "timezone", "timezoneid", "timezonename", "eventtimezone", "usertimezone"})
_MANY, _OFTEN, _SHARED = 20, 0.2, 0.5
"""Rows of which something can be said; a share of values; a share of ids that stand in both places."""
_CLOCK_TIMES, _HOURS, _FEWER, _MOSTLY = 100, 12, 0.9, 0.7
"""Times of day that are enough to tell, the hours of a clock, shares that are clearly fewer and most."""
_FEW_IDS = 12
"""Values of which fewer can be ids by chance."""
_AT = re.compile(r"_(at|date|time|timestamp)$")
_ID_NAME = re.compile(r"(^|_)(u?id|ids|uuid|guid|key|hash|nr|no|number|e?_?mail)$")
_VISIT = re.compile(r"session|order|visit|device|cookie|basket|cart|invoice")
_MAIL = re.compile(r"(^|_)e?_?mail$")
_JANUARY, _DECEMBER, _YEARS_END = 131, 1201, 1231
"""The last day of January, the first and the last of December, as numbers."""
_LEAST, _MOST = 1980, 2060
_COUNTED = ("seconds", "milliseconds", "microseconds", "nanoseconds", "days since")
"""How other calendars count this year, and the years in which people have logs; times that have no years."""


def doubts(data: DataSettings, root: Path) -> list[str]:
    """Sentences about a project's two tables, the weightiest first; from the beginning of each.

    Args:
        data: Which files, which columns.
        root: The folder that relative paths start from.

    Raises:
        ProjectError: a file is not there.
        DataError: a file cannot be read.
    """
    try:
        return _doubts(data, root)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:  # values that no type of theirs holds
        return [f"the beginning of the tables cannot be looked at ({first_line(error)})"]


def _doubts(data: DataSettings, root: Path) -> list[str]:
    sources = log_files(data, root)
    log = profile_columns(sources)
    said = [] if data.columns or not headless(sources[0], log) else [no_header(sources[0], log, "--columns").message]
    if data.item in log and is_rating(log[data.item]) and not role_score(data.item, "item"):
        said.append(f'data.item: the column "{data.item}" looks like a rating: {_few_values(log[data.item])}')
    for key, name in (("data.user", data.user), ("data.item", data.item)):
        if name in log and is_lossy(log[name]):
            said.append(
                f'{key}: ids in "{name}" are in scientific notation: digits are lost, export the column as text'
            )
    said += (
        _unused_times(data, log)
        + unused_orders(data, sources[0], log)
        + _two_readings(data, sources[0], log)
        + _half_days(data, log)
        + _other_users(data, sources[0], log)
        + _histories(data, sources[0], log)
        + _unused_ratings(data, log)
        + _one_time(data, log)
        + _other_years(data, log)
        + other_beginning(data, log)
        + _amounts(data, log)
        + _no_years(data, log)
        + _zones(data, log)
        + _several("data.user", data.user, log)
        + _several("data.item", data.item, log)
    )
    said += [str(one) for one in row_kinds(data, log)]
    if not data.items:
        return [*said, "no item table: items have no titles and no text, only ids"]
    tables = item_files(data, root)
    table = profile_columns(tables)
    if not data.item_columns and headless(tables[0], table):
        said.append(no_header(tables[0], table, "--item-columns").message)
    return said + _no_titles(data, tables[0], table)


def check_measurable(lengths: Int64, split: Split) -> None:
    """Refuse data on which nobody can be measured.

    Args:
        lengths: How many interactions each user has; (users,).
        split: How they are divided.

    Raises:
        DataError: nobody has a validation target, or a test target.
    """
    lacking = [name for name, part in (("validation", split.valid), ("test", split.test)) if not (part >= 0).any()]
    if not lacking:
        return
    most = int(lengths.max(initial=0))
    if most >= MIN_EVALUATED:
        raise DataError(
            f"nothing can be evaluated: no user has a {' or a '.join(lacking)} target, which is the first interaction "
            "from the cut on, of an item and a user that trained",
            "Move data.valid_from and data.test_from; the data's reach stands in the timeline of check.",
        )
    each = "every user has one interaction" if most == 1 else f"no user has more than {most} interactions"
    raise DataError(
        f"nothing can be evaluated: {each}, and a user needs {MIN_EVALUATED} "
        "(a history, the validation target, the test target)",
        "See that data.user names the column of the people, not one that differs in every row, and give a longer log; "
        "an item index alone needs none of it: --set run.goal=index.",
    )


def _few_values(column: ColumnProfile) -> str:
    return ", ".join(sorted(column.values)[:8])


def _unused_times(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Columns that look like times, by name or by values, while another one or none orders the interactions."""
    used = (data.user, data.item, data.time, data.position, data.rating)
    left = []
    for name, column in log.items():
        if name in used or not column.filled:
            continue
        called = role_score(name, "time") > 500 or bool(_AT.search(plain(name)))
        if is_clock(column) or called:
            left.append(f"{name} (e.g. {column.example}{', ' + column.times if column.times else ''})")
    if not left:
        return []
    order = f'the order is that of "{data.time or data.position}"' if data.time or data.position else (
        "the order is that of the file: set data.time to use one"
    )  # fmt: skip
    return [f"not used, though it looks like times: {', '.join(left)}; {order}"]


def _unused_ratings(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Columns of ratings by their name and by their few values, which are written with more than a number."""
    if data.rating:
        return []
    left = [
        f"{name} (e.g. {column.example})"
        for name, column in log.items()
        if name not in (data.user, data.item, data.time, data.position)
        and not is_number(column)
        and role_score(name, "rating") > 500
        and 1 < len(column.values) <= _RATINGS
        and all(re.search(r"\d|[★⭐☆*]", value) for value in column.values)
    ]
    if not left:
        return []
    return [f"not used, though it looks like ratings: {', '.join(left)}; write them as numbers and set data.rating"]


def _one_time(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether all rows have the same time."""
    column = log.get(data.time)
    if column is None or column.count < 2 or len(column.values) > 1:
        return []
    return [
        f'data.time: all rows looked at have one and the same time in "{data.time}", {column.example}: the order of a '
        "user's interactions is that of the file"
    ]


def _other_years(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether dates count their years from another beginning, as in Thailand (543 more) or in Iran (621 less)."""
    column = log.get(data.time)
    if column is None or column.times.startswith(_COUNTED) or not column.values:
        return []
    values = pl.select(plain_digits(pl.lit(pl.Series(sorted(column.values))))).to_series()
    years = values.str.extract(r"\b(\d{4})(?:\b|\d{4}|\D)").cast(pl.Int64, strict=False).drop_nulls()
    middle = int(years.median() or 0) if 2 * len(years) > len(column.values) else 0  # type: ignore[arg-type]
    for whose, begin in _CALENDARS.items():
        if _LEAST <= middle + begin <= _MOST:
            return [
                f'data.time: the years of "{data.time}", e.g. {column.example}, seem to be those of {whose}: they are '
                "read as they are, which keeps the order where the months are the same; the dates that are shown, and "
                "cuts by date, count like them"
            ]
    return []


def _amounts(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether what is called a time says how long something took: the same few small numbers again and again."""
    column = log.get(data.time)
    if column is None or is_clock(column) or not is_number(column) or column.count < _MANY or column.distinct > _OFTEN:
        return []
    return [
        f'data.time: "{data.time}" holds the same numbers again and again, {column.low:g} to {column.high:g}, and no '
        "dates: where it says how long something took, set data.time to nothing or to another column"
    ]


def _no_years(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether numbers say month and day (`829`, `1111`) and go round the end of a year."""
    column = log.get(data.time)
    if column is None or column.low > _JANUARY or not _DECEMBER <= column.high <= _YEARS_END:
        return []
    form = re.compile(r"(?:0?[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
    if len(column.values) < _MANY or not all(form.fullmatch(value) for value in column.values):
        return []
    return [
        f'data.time: "{data.time}" holds months and days without a year, e.g. {column.example}: January counts as '
        "before December; write the year too"
    ]


def _zones(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether a column names the time zone of each row, which nothing reads."""
    time = log.get(data.time)
    if time is None or time.times != "dates":
        return []
    named = [name for name in log if plain(name).replace("_", "") in _ZONE_NAMES and len(log[name].values) > 1]
    return [
        f'data.time: the times are read as they are written; "{name}" names their zones (e.g. {log[name].example}) and '
        "is not used: write them in UTC"
        for name in named[:1]
    ]


def _several(key: str, name: str, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether cells hold several ids each, which count as one: what stands first in some stands second in others."""
    values = sorted(log[name].values) if name in log else []
    for sign in ("|", ";", ",", "+", "/", " "):
        bare = [value.strip(" '\"[](){}") for value in values]
        parts = [[part.strip(" '\"") for part in value.split(sign)] for value in bare if sign in value]
        if len(parts) < max(2, _OFTEN * len(values)):
            continue
        if sign in "+/ " and not all(re.search(r"\d", part) for one in parts for part in one if part):
            continue  # words of names and of addresses
        first, second = {one[0] for one in parts}, {one[1] for one in parts}
        if len(first & second) >= _SHARED * min(len(first), len(second)):
            return [
                f'{key}: cells of "{name}" seem to hold several ids, e.g. {log[name].example}, and each cell counts as '
                "one: write a row for each of them"
            ]
    return []


def _two_readings(data: DataSettings, source: TableFile, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether the days of the month could as well be months."""
    if data.time not in log or log[data.time].times.startswith("times"):
        what = log[data.time].times if data.time in log else ""
        return [f'data.time: the column "{data.time}" holds {what}, e.g. {log[data.time].example}'] if what else []
    frame = source.table(rows=20 * _LOOKED_AT)
    try:
        texts = frame.select(text_expr(data.time, frame.schema[data.time], "")).to_series().str.strip_chars()
    except ProjectError:
        return []
    values = texts.drop_nulls().unique(maintain_order=True)
    if frame.schema[data.time].is_temporal() or not len(values) or not re.search("%[md]", time_format(values)):
        return []
    form = time_format(values)
    if len(turned := same_look(values, form)) > 1:
        return [
            f'data.time: no value of "{data.time}" tells the day from the year; {values[0][:30]} is read as '
            f"{shown(form)}, and not as {shown(turned[1])}. Write the times as 2024-12-31 23:59:59"
        ]
    parts = values.str.extract_groups(r"^(\d{1,2})[-/._ ](\d{1,2})[-/._ ,]+(\d{2,4})\b").struct.unnest()
    first, second = (parts[parts.columns[n]].cast(pl.Int64, strict=False) for n in (0, 1))
    both = ((first <= 12) & (second <= 12)).sum() == len(values)
    if not both or bool((first == second).all()):
        return []
    example = next(text for text, a, b in zip(values, first, second, strict=True) if a != b)
    reading, other = ("month", "day") if form.find("%m") < form.find("%d") else ("day", "month")
    return [
        f'data.time: no value of "{data.time}" tells the day from the month; {example[:30]} is read with the {reading} '
        f"first ({form}). Where the {other} comes first, write the times as 2024-12-31 23:59:59"
    ]


def _half_days(data: DataSettings, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether all hours are those of a clock of twelve, and nothing tells the morning from the evening."""
    values = log[data.time].values if data.time in log else frozenset()
    found = (re.search(r"\b(\d{1,2}):\d\d(?!.*[AaPp]\.? ?[Mm])", value) for value in values)
    hours = [int(one[1]) for one in found if one]
    if len(hours) < _CLOCK_TIMES or min(hours) < 1 or max(hours) != _HOURS or len(set(hours)) < _HOURS - 1:
        return []
    return [
        f'data.time: all hours of "{data.time}" are 1 to 12, e.g. {log[data.time].example}, and nothing says which are '
        "in the afternoon: export it with AM and PM, or by a clock of 24 hours"
    ]


def _other_users(data: DataSettings, source: TableFile, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether another column of ids joins several users, as `customer_unique_id` does the customers of orders.

    Or parts them, as ids do people of one name.
    """
    near = [
        name for name in log
        if name not in (data.user, data.item) and data.user in log and not is_clock(log[name])
        and (role_score(name, "user") or _MAIL.search(plain(name))) and _ID_NAME.search(plain(name))
    ]  # fmt: skip
    if not near:
        return []
    frame = source.table(rows=10 * _LOOKED_AT)
    for name in near:
        pairs = frame.select(pl.col(data.user).cast(pl.String), pl.col(name).cast(pl.String)).drop_nulls().unique()
        users, others = pairs[data.user].n_unique(), pairs[name].n_unique()
        if pairs.height == others >= _MANY and users < _FEWER * others and not (
            _ID_NAME.search(plain(data.user)) or _VISIT.search(plain(name))
        ):
            return [
                f'data.user: several ids of "{name}" have one value of "{data.user}" ({others:,} for {users:,} in the '
                f"rows looked at): where that is a name that people share, --set data.user={shell_word(name)}"
            ]
        if pairs.height == users >= _MANY and _MANY <= others < _FEWER * users:
            return [
                f'data.user: each id of "{data.user}" has one of "{name}", of which there are fewer ({others:,} for '
                f"{users:,} in the rows looked at): where that is the person, --set data.user={shell_word(name)}"
            ]
    return []


def _histories(data: DataSettings, source: TableFile, log: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether cells hold the items before one, as in RecBole's `item_id_list`, or the one after a list."""
    known = log[data.item].values if data.item in log else frozenset()
    beside = source.around if isinstance(source, NestedHistories) else ()
    for name, column in log.items():
        if name in (data.user, data.item, data.time, data.position, data.rating) or is_clock(column):
            continue
        ids = column.values
        if name in beside and len(ids) >= _FEW_IDS and len(ids & known) >= _MOSTLY * len(ids):
            return [
                f'"{name}" holds ids of "{data.item}", e.g. {column.example}: where it is what came after the list, it '
                "is not read; write it into the list"
            ]
        cells = [[part.strip(" '\"[]()") for part in re.split(r"[ ,;|]+", value)] for value in column.values]
        cells = [cell for cell in cells if len(cell) > 1]
        if len(cells) < max(_MANY, _SHARED * len(column.values)):
            continue
        parts = [one for cell in cells for one in cell]
        if sum(one in known for one in parts) >= _MOSTLY * len(parts):
            return [
                f'cells of "{name}" hold ids of "{data.item}", several each, e.g. {column.example}: where a row is a '
                "history and what came next, what stands there alone is not read; write a row for each interaction"
            ]
    return []


def _no_titles(data: DataSettings, source: TableFile, table: Mapping[str, ColumnProfile]) -> list[str]:
    """Whether the item table has titles, and which columns could be."""
    frame = source.table(rows=_LOOKED_AT)

    def texts(name: str) -> pl.Series:
        try:
            one = frame.select(text_expr(name, frame.schema[name], "")).to_series().str.strip_chars()
        except ProjectError:
            return pl.Series([], dtype=pl.String)
        return one.set((one == "").fill_null(False), None)

    named = [name for name in data.text if name in table]
    if found := title_column(named, texts):
        one = len(table[found].values) == 1 < table[found].count
        return [f'the titles are all alike: "{found}" holds {table[found].example} in every row'] if one else []
    others = [name for name in table if name not in named and plain(name) != plain(data.item_key or data.item)]
    could = title_column(others, texts)
    hint = f'; "{could}" looks like one: add it to data.text' if could else ""
    words = "have no text, only ids" if not named else f"no column of data.text ({', '.join(named)}) is a title"
    who = "" if named else "items "
    return [f"no titles: {who}{words}{hint}; items show their ids, and title tasks get no rows"]
