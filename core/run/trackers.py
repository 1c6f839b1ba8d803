"""A run's figures in TensorBoard, Weights & Biases or trackio too, through accelerate's trackers.

What a tracker is told comes from the run's events, so a run that goes on finds its place in what it said before.
Nothing heavy is loaded until a tracker is asked for.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from core.errors import ProjectError
from core.run.events import Event
from core.run.folder import RunFolder
from core.run.rankings import FUSED
from core.safe_json import figures, number

METRICS_FILE = "metrics.json"
_METHODS = {"model": "test/", FUSED: f"test/{FUSED} "}


def require(names: Sequence[str]) -> None:
    """Look whether the packages of the trackers are there; imports none of them.

    Args:
        names: of `run.report_to`; each is also its package's.

    Raises:
        ProjectError: one is not installed.
    """
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:  # a folder of that name, such as wandb's own, is no package
            raise ProjectError(
                f"run.report_to names {name}, which is not installed",
                f"pip install {name}, or take it out of run.report_to",
            )


class StepCounter:
    """One row of steps for a whole run: every training in it counts from 0 again, a tracker's step only grows."""

    def __init__(self) -> None:
        self.stage = ""
        """The stage at work."""
        self.last = 0
        """The highest step that was told."""
        self._base, self._within, self._resumed = 0, -1, False

    def step(self, event: Event) -> int | None:
        """The step of an event's figures; None for one without, or with figures that were told before."""
        if event.kind == "run.started":
            self._resumed = True
        elif event.kind == "stage.started" and event.data.get("stage") != self.stage:
            self.stage = str(event.data.get("stage"))
            self._base, self._within = self.last + (self._within >= 0), -1
        elif event.kind in ("metric", "eval"):
            own = int(number(event.data.get("step")))
            # A checkpoint lies before the newest step, and what follows it is said again; 0 is another training.
            if own < self._within and (own == 0 or not self._resumed):
                self._base = self.last + 1
            self._within, self._resumed = own, False
            if self._base + own >= self.last:
                self.last = self._base + own
                return self.last
        return None


class Trackers:
    """The trackers of one run, of which none can end it.

    Args:
        names: of `run.report_to`.
        project: name of the project; wandb and trackio keep runs under it.
        folder: the run; TensorBoard's files go below it.
        events: of the run so far.
    """

    def __init__(self, names: Sequence[str], project: str, folder: RunFolder, events: Iterable[Event] = ()) -> None:
        self.folder, self.steps = folder, StepCounter()
        self.broken: dict[str, Exception] = {}
        """Trackers that failed since somebody asked last; they are not asked again."""
        self._trackers: dict[str, Any] = {}
        for event in events:
            self.steps.step(event)
        for name in names:
            try:
                self._trackers[name] = _started(name, project, folder)
            except Exception as error:  # theirs may be of any kind, and a run is worth more than its curves
                self.broken[name] = error

    def hear(self, event: Event) -> None:
        """Pass on the figures of an event, if it has any that are new."""
        step = self.steps.step(event)
        if event.kind == "artefact" and event.data.get("name") == METRICS_FILE:
            self._log(self._final(), self.steps.last)
        elif step is not None and event.data.get("split") != "test":  # these come with the others, at the end
            part = str(event.data["split"]) if event.kind == "eval" else self.steps.stage
            self._log({f"{part}/{name}": v for name, v in figures(event.data.get("values")).items()}, step)

    def close(self) -> None:
        """Let every tracker end its run."""
        for name, tracker in self._trackers.items():
            try:
                tracker.finish()
            except Exception as error:
                self.broken[name] = error
        self._trackers = {}

    def _log(self, values: dict[str, float], step: int) -> None:
        for name, tracker in list(self._trackers.items()) if values else ():
            try:
                tracker.log(values, step=step)
            except Exception as error:
                self.broken[name] = error
                del self._trackers[name]

    def _final(self) -> dict[str, float]:
        """The test metrics of the model."""
        test = self.folder.metrics().get("test")
        rows = test if isinstance(test, dict) else {}
        return {
            f"{before}{name}": value
            for method, before in _METHODS.items()
            for name, value in figures(rows.get(method)).items()
        }


def _started(name: str, project: str, folder: RunFolder) -> Any:
    """A tracker of accelerate's at work on the run; where it knows the run already, it goes on with it."""
    from accelerate import tracking

    # accelerate's own logger asks for the group of processes, which does not meet before the tuning.
    tracking.logger = logging.getLogger(tracking.__name__)
    if name == "tensorboard":
        tracker: Any = tracking.TensorBoardTracker("tensorboard", logging_dir=folder.path)
        tracker.main_process_only = False  # this is the first process: only that one reports
    elif name == "wandb":
        tracker = tracking.WandBTracker(
            project, id=folder.id, name=folder.id, resume="allow", dir=str(folder.path.resolve())
        )
    else:
        tracker = tracking.TrackioTracker(project, name=folder.id, resume="allow")
    tracker.start()
    return tracker
