"""Objects of one user with a list of items: `{"user_id": 1, "items": [3, 5]}`, or a list of records as Steam's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import polars as pl

from core.data.read import BAD, ROW, Head, TableFile, filled
from core.data.roles import role_score
from core.data.sources.json_lines import JsonLines, parse_object, plain_text

_LOOKED_AT = 200
_ALIKE = 0.9
"""The share of objects whose lists must be of one length to belong together."""
_LISTS = frozenset(
    {"items", "item_ids", "item_id_list", "item_list", "item_seq", "history", "histories", "sequence", "products",
     "movies", "books", "games", "songs", "tracks", "articles", "asins", "reviews", "interactions", "purchases",
     "clicks", "events", "line_items", "order_items"}
)  # fmt: skip


@dataclass(frozen=True)
class NestedHistories(TableFile):
    """A text file with one object a line: a user, and a list of the user's items in their order.

    A row for each element of the list: its own keys where it is a record, else `item_id`; and what stands beside the
    list, the user first.

    Attributes:
        items: The key of the list.
        around: Keys beside the list, which hold for all its elements; of times only where the elements have none.
        beside: Keys of other lists, which hold a value for each element (`{"item_ids": [3, 5], "times": [7, 9]}`).
    """

    format: ClassVar[str] = "histories"
    rank: ClassVar[int] = 1

    items: str = ""
    around: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    @classmethod
    def recognise(cls, head: Head) -> NestedHistories | None:
        """By a key called like a user, none called like an item, and one list that is called like items."""
        if head.content.lstrip()[:1] != b"{":
            return None
        lines = head.content.split(b"\n")
        lines = lines if head.whole else lines[:-1]
        parsed = (parse_object(line.decode("utf-8", errors="replace")) for line in lines[:_LOOKED_AT] if line.strip())
        objects = [one for one in parsed if one is not None]
        lists = {key for one in objects for key, value in one.items() if isinstance(value, list) and key in _LISTS}
        plain = {key for one in objects for key, value in one.items() if not isinstance(value, list | dict)}
        users = sorted(plain, key=lambda key: -role_score(key, "user"))
        if len(lists) != 1 or not users or role_score(users[0], "user") <= 500:
            return None
        if any(role_score(key, "item") > 500 for key in plain):
            return None
        key = lists.pop()
        elements = [element for one in objects for element in one.get(key) or ()]
        keys: dict[str, None] = {}
        for element in elements:
            keys.update(dict.fromkeys(element if isinstance(element, dict) else ("item_id",)))
        if not elements or not any(role_score(name, "item") > 500 for name in keys):
            return None
        timed = any(role_score(name, "time") > 500 for name in keys)
        order = sorted(plain - {users[0]}, key=lambda name: (role_score(name, "time") <= 500, name))
        kept = [name for name in order if name not in keys and not (timed and role_score(name, "time") > 500)]
        around = (users[0], *kept)
        own = tuple(name for name in keys if name != users[0])
        beside = tuple(name for name in _parallel(objects, key) if name not in (*around, *own))
        return cls(head.path, (*around, *own, *beside), items=key, around=around, beside=beside)

    def scan(self, columns: list[str]) -> pl.LazyFrame:
        """Some columns as text, plus `ROW` (a number an interaction) and `BAD`."""
        frame = self._frame(columns, None, join=False)
        return frame.lazy().with_columns(filled(name) for name in columns)

    def table(self, rows: int | None = None, key: str = "") -> pl.DataFrame:
        """All columns as text, plus `ROW` and `BAD`."""
        return self._frame(list(self.columns), rows, join=True)

    def _frame(self, columns: list[str], rows: int | None, join: bool) -> pl.DataFrame:
        values: dict[str, list[str | None]] = {name: [] for name in columns}
        bad: list[str | None] = []
        for row, reason in islice(self._rows(), rows):
            bad.append(reason)
            for name in columns:
                values[name].append(plain_text(row.get(name), join=join))
                if not join and bad[-1] is None and isinstance(row.get(name), list | dict):
                    bad[-1] = "a list or record where one value belongs"
        frame = pl.DataFrame(values, schema={name: pl.String for name in columns})
        number = pl.Series(ROW, range(1, len(bad) + 1), dtype=pl.Int64)
        return frame.with_columns(number, pl.Series(BAD, bad, dtype=pl.String))

    def _rows(self) -> Iterator[tuple[Mapping[str, Any], str | None]]:
        for one in JsonLines(self.path, (), encoding=self.encoding).objects():
            if one is None:
                yield {}, "not a JSON object"
                continue
            taken = one.get(self.items)
            if taken is not None and not isinstance(taken, list):
                yield {}, f"no list of {self.items}"
                continue
            around = {name: one.get(name) for name in self.around}
            lists = [one.get(name) for name in self.beside]
            others = [other for other in lists if isinstance(other, list) and len(other) == len(taken or ())]
            if len(others) < len(self.beside):
                yield {}, f"lists that are not as long as that of {self.items}"
                continue
            for place, element in enumerate(taken or ()):
                more = around | {name: other[place] for name, other in zip(self.beside, others, strict=True)}
                if isinstance(element, dict):
                    yield {**element, **more}, None
                elif isinstance(element, list):
                    yield {}, "a list where an item belongs"
                else:
                    yield {"item_id": element, **more}, None


def _parallel(objects: list[dict[str, Any]], key: str) -> list[str]:
    """Keys of lists of plain values that nearly always are as long as that of the items."""
    names = dict.fromkeys(name for one in objects for name, value in one.items() if isinstance(value, list))
    long = [one for one in objects if isinstance(one.get(key), list) and len(one[key]) > 1]

    def fits(one: dict[str, Any], name: str) -> bool:
        value = one.get(name)
        plain = isinstance(value, list) and not any(isinstance(element, list | dict) for element in value)
        return plain and len(value) == len(one[key])  # type: ignore[arg-type]

    return [name for name in names if name != key and long and sum(fits(o, name) for o in long) >= _ALIKE * len(long)]
