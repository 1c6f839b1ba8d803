"""How a stage tells its progress and hears what people want: through a Reporter, never by printing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from core.errors import StopRequested
from core.run.watched_list import WatchedList

Wish = Literal["go", "checkpoint", "stop"]


class Reporter(Protocol):
    """What every stage of the engine gets to speak through."""

    def stage_started(self, name: str, fingerprint: str = "") -> None:
        """A stage begins."""
        return None

    def stage_finished(self, name: str, seconds: float, summary: Mapping[str, Any]) -> None:
        """A stage is done; `summary` holds a few figures worth showing."""
        return None

    def stage_reused(self, name: str, fingerprint: str) -> None:
        """A stage's artefact was there already."""
        return None

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        """How far a task is; call it as often as you like. `total` 0 is unknown."""
        return None

    def meanwhile(self, stage: str, done: float, total: float, unit: str = "") -> None:
        """How far a stage is that another process makes ahead of its turn."""
        return None

    def metric(self, step: int, values: Mapping[str, float]) -> None:
        """Figures of a training step."""
        return None

    def evaluation(self, step: int, split: str, values: Mapping[str, float]) -> None:
        """Metrics of the model on a split, such as `ndcg@10`."""
        return None

    def checkpoint(self, path: Path | str, step: int, best: bool = False) -> None:
        """A checkpoint was written."""
        return None

    def artefact(self, name: str, path: Path | str) -> None:
        """A file that later stages or people use was written."""
        return None

    def sample(self, watched: WatchedList) -> None:
        """What the model would give a user now."""
        return None

    def log(self, text: str) -> None:
        """One line of narration."""
        return None

    def alert(self, level: str, title: str, text: str = "") -> None:
        """Something a person should know; `level` is info, warning or error."""
        return None

    def system(self, values: Mapping[str, float]) -> None:
        """Load of the machine."""
        return None

    def wants(self) -> Wish:
        """What people ask for; blocks while the run is paused. Each checkpoint wish is told once, stop for ever."""

    def stop_if_asked(self) -> None:
        """Leave the work here if people ask for it; for work that has no checkpoint of its own.

        Raises:
            StopRequested: they do.
        """
        if self.wants() == "stop":
            raise StopRequested


class NullReporter(Reporter):
    """Hears everything and says nothing: for use as a library and in tests."""

    def wants(self) -> Wish:
        """Always to go on."""
        return "go"


def in_passes(reporter: Reporter, task: str, passes: int) -> Reporter:
    """A reporter for a stage that does one task several times over data of about the same size.

    It tells each pass by its number, as `ranking 1 of 2`, and how far all of them are together, so that the time left
    is that of the stage and nothing begins again at 0 %.

    Args:
        reporter: hears everything.
        task: the task's name.
        passes: how often it is done.
    """
    return cast(Reporter, _InPasses(reporter, task, passes))


class _InPasses:
    def __init__(self, reporter: Reporter, task: str, passes: int) -> None:
        self._reporter, self._task, self._passes = reporter, task, passes
        self._pass, self._done = 0, math.inf

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reporter, name)

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        if task == self._task:
            self._pass += done <= self._done
            self._done, passes = done, max(self._pass, self._passes)
            before = (self._pass - 1) * total
            self._reporter.progress(f"{task} {self._pass} of {passes}", before + done, passes * total, unit)
        else:
            self._reporter.progress(task, done, total, unit)
