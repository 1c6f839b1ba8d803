"""A run's story in lines: what it said, its alerts, checkpoints and stages, in the order of time. Pure functions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache

from core.run.state import Alert, RunState, SavedCheckpoint, StageState
from core.run.status import Status
from core.safe_json import moment
from eagertui.plain import duration, figures
from eagertui.widgets.draw import FAINT, LEVELS, Part, checkpoint_name, safe

Line = tuple[Part, ...]
KEPT = 4096
"""Lines that are kept as they were written: a story is told again five times a second."""


@lru_cache(KEPT)
def _clock(second: int) -> Part:
    return (time.strftime("%H:%M:%S ", time.localtime(second)), FAINT)


@lru_cache(KEPT)
def _said(second: int, text: str) -> Line:
    return (_clock(second), (safe(text), ""))


@lru_cache(KEPT)
def _alert(alert: Alert) -> Line:
    glyph, style = LEVELS.get(alert.level, LEVELS["warning"])
    return (_clock(int(alert.ts)), (f"{glyph} {safe(alert.title)}  ", style), (safe(alert.text), ""))


@lru_cache(KEPT)
def _checkpoint(point: SavedCheckpoint) -> Line:
    best = " (best)" if point.best else ""
    step, name = f"step {point.step:,}" if point.step else "", checkpoint_name(point.path)
    told = "  ".join(part for part in (step, "" if point.best and name == "best" else name) if part)
    return (_clock(int(point.ts)), (f"◆ checkpoint{best} ", "$primary"), (told, FAINT))


def _stages(stage: StageState) -> list[tuple[float, Line]]:
    """When a stage began and ended; of one that was reused, only that."""
    if stage.state == "reused":
        return [(stage.started, (_clock(int(stage.started)), (f"= stage {safe(stage.name)} reused", FAINT)))]
    told: list[tuple[float, Line]] = []
    if stage.started:
        told.append((stage.started, (_clock(int(stage.started)), (f"▸ stage {safe(stage.name)}", "bold"))))
    if stage.state == "finished":
        end = moment(stage.started + stage.seconds - stage.before) or stage.started
        words = figures(stage.summary)
        told.append((end, (
            _clock(int(end)),
            (f"✓ stage {safe(stage.name)} ", "bold"),
            (f"{duration(stage.seconds)}  {safe(words)}".rstrip(), FAINT),
        )))  # fmt: skip
    return told


def story(state: RunState, status: Status, printed: Sequence[str]) -> list[Line]:
    """Every line of the story; of a run that died, also what its engine printed last."""
    told = [entry for stage in state.stages.values() for entry in _stages(stage)]
    told += [(ts, _said(int(ts), text)) for ts, text in state.logs]
    told += [(alert.ts, _alert(alert)) for alert in state.alerts]
    told += [(point.ts, _checkpoint(point)) for point in state.checkpoints]
    told.sort(key=lambda entry: entry[0])
    lines = [line for _, line in told]
    if status.state in ("lost", "failed") and printed:
        lines.append((("the last lines of stdout.log:", "bold"),))
        lines += [(("  " + safe(text), ""),) for text in printed]
    return lines


def matching(lines: Sequence[Line], wanted: str) -> list[Line]:
    """The lines that hold a text, or with a leading `!` those that do not; upper and lower case are the same."""
    word = wanted.removeprefix("!").lower()
    if not word:
        return list(lines)
    inside = not wanted.startswith("!")
    return [one for one in lines if (word in "".join(text for text, _ in one).lower()) is inside]
