"""When a run will end, from what was expected of its stages and from the pace that its own events tell. Pure."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.run.state import RunState, StageState

SPREAD, SPREAD_BESIDE = 1.6, 1.95
"""How far off, as a factor, the time that is left may be; and where other programs are at work beside the run."""
OTHERS = 40.0
"""Percent of a core from which on other programs count as at work."""
MOST_DRIFT = 50.0
"""Expectations are believed to be wrong by this factor at most."""
FEW_SECONDS = 2.0
"""Stages that were to take so long together say little of the machine: a process has to begin, too."""
ENOUGH_SECONDS = 5.0
"""Of work that says how fast a machine is of which nothing was known before."""
LONGER = 0.05
"""Of the time that a stage took so far it takes more, where it is beyond what was expected and tells nothing."""
RECENT = 300.0
"""Seconds of finished stages, the newest first, that say how fast it goes now: the machine was another before."""


@dataclass(frozen=True)
class StagePlan:
    """The stages that a run goes through, and how long each was expected to take.

    Attributes:
        names: of all stages, in order.
        seconds: expected of those that are computed.
        measured: whether these are seconds of this machine; else only their proportions count.
    """

    names: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    measured: bool = True

    def place(self, state: RunState) -> tuple[int, int]:
        """The number of the stage at work, and of how many; 0 where it is unknown."""
        stage = state.stage
        if stage is None:
            return 0, len(self.names)
        if stage.name in self.names:
            return self.names.index(stage.name) + 1, len(self.names)
        return len(state.stages), 0

    def drift(self, state: RunState) -> float | None:
        """How many times as long as expected everything takes here, from what is done and what is at work.

        None where nothing was known of this machine, and too little is done yet.
        """
        took = planned = 0.0
        silent: tuple[float, float] | None = None
        for stage in reversed(state.stages.values()):
            expected = self.seconds.get(stage.name)
            if expected is None:
                continue
            if stage.state == "finished" and stage.seconds > stage.before:
                if took < RECENT:
                    took, planned = took + stage.seconds - stage.before, planned + expected
            elif stage.state == "running":
                spent, rest = _spent(stage, state), state.stage_eta
                if rest is not None and spent + rest >= expected / 2:
                    took, planned = took + spent, planned + expected * spent / max(spent + rest, 1e-9)
                else:
                    silent = spent, expected
        drift = self._ratio(took, planned)
        if silent is not None and silent[0] > silent[1] * (drift or 1.0):
            # Of a stage that is within its time nothing is known yet; one beyond it says that all is slower.
            drift = self._ratio(took + silent[0], planned + silent[1])
        return drift

    def _ratio(self, took: float, planned: float) -> float | None:
        known = FEW_SECONDS if self.measured else 0.0
        if not self.measured and took < ENOUGH_SECONDS:
            return None
        drift = (took + known) / (planned + known) if planned + known else 1.0
        return min(MOST_DRIFT, max(1 / MOST_DRIFT, drift))

    def expected(self, name: str, state: RunState | None = None) -> float | None:
        """Seconds that a stage to come likely takes at the pace seen so far; None where that is not known."""
        seconds = self.seconds.get(name)
        drift = (1.0 if self.measured else None) if state is None else self.drift(state)
        return seconds * drift if seconds is not None and drift is not None else None

    def left(self, state: RunState) -> float | None:
        """Seconds until the run ends: what was expected, at the pace seen so far; None where it is not known."""
        if not self.seconds or state.state != "running" or state.paused:
            return None
        drift, left = self.drift(state), 0.0
        if drift is None:
            return None
        for name, seconds in self.seconds.items():
            stage = state.stages.get(name)
            if stage is None or stage.state not in ("finished", "reused", "running"):
                left += seconds * drift
            elif stage.state == "running":
                spent, eta = _spent(stage, state), state.stage_eta
                rest = max(LONGER * spent, seconds * drift - spent)
                if eta is None:
                    left += rest
                elif spent + eta >= seconds * drift / 2 or eta >= rest:
                    left += eta  # a task that is most of its stage knows better than what was expected
                else:
                    left += math.sqrt(rest * eta)  # either it is a small part of its stage, or all goes faster now
        return left

    def span(self, state: RunState, cores: int | None = None) -> tuple[float, float] | None:
        """The shortest and the longest that is likely left, in seconds; None where it is not known.

        Args:
            state: of the run.
            cores: of its machine; None = this one's.
        """
        left = self.left(state)
        if left is None:
            return None
        load = state.system.get("machine_cpu_percent", 0.0) * (cores or os.cpu_count() or 1)
        others = load - state.system.get("cpu_percent", load)
        spread = SPREAD_BESIDE if others > OTHERS else SPREAD
        return left / spread, left * spread


def _spent(stage: StageState, state: RunState) -> float:
    return max(0.0, state.last_ts - stage.started)
