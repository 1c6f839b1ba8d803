"""What runs reached on validation, step by step, out of their events."""

from __future__ import annotations

import math

from core.evaluate.comparison.measured_run import MeasuredRun
from core.run.folder import RunFolder
from core.run.follow import Follower
from core.run.state import TARGET_METRIC, RunState

Points = list[tuple[int, float]]


def run_state(folder: RunFolder) -> RunState:
    """Everything that a run's events say. Blocks for as long as they are to be read."""
    follower = Follower(folder)
    follower.poll()
    while follower.behind and follower.poll():
        pass
    return follower.state


def validation_curve(state: RunState, metric: str = TARGET_METRIC) -> Points:
    """Step and value of a metric at each validation; those of the one that chooses the best where it is not there."""
    series = state.series.get(f"valid {metric}") or state.series.get(f"valid {TARGET_METRIC}")
    return [(step, value) for step, value in series.points if math.isfinite(value)] if series else []


def validation_curves(runs: list[MeasuredRun]) -> dict[str, Points]:
    """The validation curve of each run by its id; those without one are left out."""
    curves = {run.id: validation_curve(run_state(run.folder)) for run in runs}
    return {name: points for name, points in curves.items() if points}
