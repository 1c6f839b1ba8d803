"""What the cache's file holds: generations of lists, and one user's list in one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.recommend.cache.list_question import ListQuestion, ListSource

COLUMNS = "number, question, source, depth, made, refreshed, users, seconds"
"""Of the table of generations, in the order of `Generation`."""


@dataclass(frozen=True)
class Generation:
    """Every user's list for one question.

    Attributes:
        number: names its table.
        question: what was asked.
        source: what made the lists.
        depth: items of a list at most.
        made: when it took the place of the one before; Unix seconds.
        refreshed: when lists of it were last made anew.
        users: how many lists were made at first.
        seconds: of the work that made them.
    """

    number: int
    question: ListQuestion
    source: ListSource
    depth: int
    made: float
    refreshed: float
    users: int
    seconds: float


@dataclass(frozen=True)
class CachedRow:
    """One user's list as it lies there: mark and length of its history, when it was made, and its packed items."""

    mark: int
    length: int
    made: int
    packed: bytes


def generation_of(row: Sequence[Any]) -> Generation:
    """A generation from its row, `COLUMNS`."""
    number, question, source, *rest = row
    return Generation(number, *_parsed(question, source), *rest)


@lru_cache
def _parsed(question: str, source: str) -> tuple[ListQuestion, ListSource]:
    """A question and a source as JSON."""
    asked = json.loads(question)
    asked["allow"] = None if asked["allow"] is None else tuple(asked["allow"])
    asked["deny"] = tuple(asked["deny"])
    return ListQuestion(**asked), ListSource(**json.loads(source))
