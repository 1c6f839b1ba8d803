"""What a task of the tuning is: the fields of its wordings, and the rows that fill them. One file a task."""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from core.prompts.wordings import Wording
from core.registry import TASKS

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData

Value = int | str | tuple[str, int] | npt.NDArray[np.integer]
"""A field: an item number; item numbers, the oldest first; a text; or a table of texts and a place in it."""
Fields = Mapping[str, Value]
Draw = np.random.Generator


@dataclass(frozen=True)
class FieldRows:
    """The rows of a task before they are put into words.

    Attributes:
        count: how many rows there are.
        fields: from a row's number and a source of chance to the values of its placeholders.
        reason: why there are no rows, where there are none.
    """

    count: int
    fields: Callable[[int, Draw], dict[str, Value]]
    reason: str


class TextTask(ABC):
    """One task: what is asked about whom, from the training sequences alone.

    A wording's fields are named in braces. `item`, `history` and `candidates` are written in codes, `titles` is a list
    of titles; any other field is a text: a string, an item's number (`title`, `description`), or a table and a place in
    it. The wordings stand in a TOML file `NAME.toml`: of a built-in task in `assets/prompts`, of another package's
    beside its module. A person's own folder of wordings wins over both.

    Args:
        settings: the task's own options; None = their defaults.
    """

    version: ClassVar[int] = 1
    options: ClassVar[type | None] = None
    prompt_fields: ClassVar[tuple[str, ...]]
    """Fields of the prompt, which is given; every wording has each exactly once."""
    response_fields: ClassVar[tuple[str, ...]]
    """Fields of the response, which is predicted."""
    brings_answers: ClassVar[bool] = False
    """Whether every wording brings two answers of its own, which the field `answer` chooses from by number."""
    needs_user_texts: ClassVar[bool] = False
    """Whether rows are made from texts about users."""
    scales_with: ClassVar[Literal["users", "items", "prefixes"]] = "prefixes"
    """What there is about one row of; a prefix is a training item with a history. The estimate asks for it."""

    def __init__(self, settings: Any = None) -> None:
        self.settings = self.options() if settings is None and self.options is not None else settings

    @abstractmethod
    def rows(self, data: TaskData) -> FieldRows:
        """The rows that these data give."""

    def problem(self, wording: Wording) -> tuple[str, str] | None:
        """What is wrong with a wording whose fields are right, and the remedy; None = nothing."""
        return None


def task_number(name: str) -> int:
    """The number of a task in training rows and batches: its place among all tasks that are installed."""
    return TASKS.all_names.index(name)


def task_seed(name: str) -> int:
    """What tells the draws of a task from those of others.

    A built-in task has its place; another package's depends on its name alone, not on what else is installed.
    """
    return task_number(name) if TASKS.origin(name) is None else zlib.crc32(name.encode())
