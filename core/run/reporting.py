"""How a stage tells its progress and hears what people want: through a Reporter, never by printing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from core.errors import StopRequested

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

    def sample(self, text: str) -> None:
        """An example of what the model does, for a person to read."""
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
