"""What the Train place writes about a run: how it stands, how far it is, when it ends. Pure functions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.content import Content

from core.run.stage_plan import StagePlan
from core.run.state import Alert, RunState, StageState
from core.run.status import UNFINISHED, Status
from core.safe_json import number, read_object
from eagertui.plain import duration, from_to, roughly
from eagertui.widgets.draw import FAINT, LEVELS, Part, clip, line, metric, rule_of_three, safe, spread, status_parts
from eagertui.widgets.run_lines import bar_line, hint, scores

STAGE_GLYPHS = {"running": "●", "finished": "✓", "reused": "=", "failed": "✗", "stopped": "■", "cut off": "✗"}
STAGE_STYLES = {
    "running": "bold $success",
    "failed": "bold $error",
    "cut off": "bold $error",
    "stopped": "$warning",
    "reused": "$secondary",
}
MOST_LINES = 3
"""Of an error's message, and of its remedy."""
QUIET = 20.0
"""Seconds without a word from the work after which no remaining time is believed."""


def read_plan(folder: Path) -> StagePlan:
    """The plan of the run in a folder; it reads files, so it is for a thread."""
    from core.errors import EagerError
    from core.pipeline import recipes_of
    from core.project import Project

    told = read_object(folder / "estimate.json").get("stages")
    stages = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    measured = all(number(one.get("seconds"), -1.0) >= 0 for one in stages)
    known = {str(one.get("name")): number(one.get("seconds" if measured else "weight"), -1.0) for one in stages}
    seconds = {name: value for name, value in known.items() if value >= 0}
    try:
        names = tuple(recipes_of(Project.load(folder / "project.resolved.toml")))
    except (EagerError, OSError):
        names = ()
    return StagePlan(names if set(seconds) <= set(names) else tuple(seconds), seconds, measured)


def title(manifest: Mapping[str, Any], run_id: str, started: str) -> str:
    """The run's name: project, recipe, when it was made, and what tells it from the others."""
    parts = [manifest.get("name"), manifest.get("recipe"), started]
    return " · ".join([*(clip(part, 30) for part in parts if part), safe(run_id.rsplit("_", 1)[-1])])


def loud(state: RunState) -> list[Alert]:
    """The alerts that are more than a note."""
    return [alert for alert in state.alerts if alert.level != "info"]


def headline(state: RunState, status: Status, asked: float | None, plan: StagePlan, width: int) -> list[Content]:
    """How a run stands, how far it is and when it ends; of one that is over, why, and the next key."""
    return _live(state, status, asked, plan, width) if status.live else _over(state, status, plan, width)


def _live(state: RunState, status: Status, asked: float | None, plan: StagePlan, width: int) -> list[Content]:
    left: list[Part] = [*status_parts(status)]
    if asked is not None:
        left = [(f"◐ stopping, asked {duration(time.monotonic() - asked)} ago", "bold $warning")]
    left += _stage(state, plan)
    took: Part = (f"  {duration(status.seconds)}" if status.started else "", FAINT)
    right: list[Part] = []
    quiet = status.quiet >= QUIET and not status.paused
    span = None if quiet else plan.span(state)
    if span is not None:
        right += [("  run ", FAINT), (f"≈ {from_to(*span)} left", "bold")]
    elif state.best is not None and width >= 70:
        right += [("  best ", FAINT), *scores({"ndcg@10": state.best.values.get("ndcg@10", 0.0)})[:1]]
        right.append((metric(state.best.values.get("ndcg@10")), "bold"))
    alerts = _alerts(state)
    if line([*left, *alerts, *right]).cell_length >= width:
        alerts = [(text.split(" alert")[0], style) for text, style in alerts]
    if line([*left, took, *alerts, *right]).cell_length < width:  # on a small screen what is left comes first
        left.append(took)
    lines = [spread(left, [*alerts, *right], width), _far(state, width, quiet)]
    if not status.responding:
        lines.append(line([("no sign of life for a while: x stops it", "bold $warning")], width))
    elif errors := [alert for alert in state.alerts if alert.level == "error"]:
        lines.append(line([(f"✗ {safe(errors[-1].title)}  {safe(errors[-1].text)}", "bold $error")], width))
    elif quiet:
        lines.append(line([(f"it lives, but has told nothing new for {duration(status.quiet)}", "$warning")], width))
    return lines


def _stage(state: RunState, plan: StagePlan) -> list[Part]:
    stage = state.stage
    if stage is None:
        return []
    place, whole = plan.place(state)
    return [("  stage ", FAINT), (f"{place}/{whole} " if whole else "", ""), (clip(stage.name, 16), "bold")]


def _alerts(state: RunState) -> list[Part]:
    alerts = loud(state)
    if not alerts:
        return []
    worst = "error" if any(alert.level == "error" for alert in alerts) else "warning"
    glyph, style = LEVELS[worst]
    return [(f"{glyph} {len(alerts)} alert{'s' if len(alerts) > 1 else ''}", style)]


def _far(state: RunState, width: int, quiet: bool) -> Content:
    progress = state.progress
    if progress is None:
        return line([(_without_progress(state.stage), FAINT)], width)
    count = rule_of_three(progress.done, progress.total, progress.unit)
    if state.pace and width >= 74 and not quiet:
        count += f"  {state.pace:,.1f}/s"
    return bar_line(progress.task, progress.share, count, None if quiet else state.eta, width)


def _without_progress(stage: StageState | None) -> str:
    """What is being done while no task tells how far it is."""
    if stage is None:
        return "the engine is starting"
    return f"{clip(stage.name, 14)} is at work" if stage.state == "running" else "the next stage begins"


def _over(state: RunState, status: Status, plan: StagePlan, width: int) -> list[Content]:
    left: list[Part] = [*status_parts(status)]
    if status.state == "finished":
        left.append((f"  in {duration(status.seconds)}", FAINT))
        right: list[Part] = [*_alerts(state)]
        if state.best is not None:
            long = width >= 70
            right += [("  best on validation " if long else "  best ", FAINT)]
            right.append((metric(state.best.values.get("ndcg@10")), "bold"))
            right.append((f" at {'step ' if long else ''}{state.best.step:,}", FAINT))
        keys = hint("e", "recommendations", "t", "train again", "6", "compare")
        return [spread(left, right, width), keys.truncate(width, ellipsis=True)]
    left += _stage(state, plan)
    if status.seconds >= 1:  # one that was cut off before its first heartbeat does not say how long it worked
        left.append((f"  after {duration(status.seconds)}", FAINT))
    lines = [spread(left, _alerts(state), width)]
    style = "$warning" if status.state in ("stopped", "queued") else "bold $error"
    if status.error:
        glyph = "■" if status.state == "stopped" else "✗"
        lines += line([(f"{glyph} {safe(status.error)}", style)]).wrap(max(1, width))[:MOST_LINES]
    if status.remedy:
        lines += line([safe(status.remedy)]).wrap(max(1, width))[:MOST_LINES]
    if status.state in UNFINISHED:
        keys = hint("r", "lets it go on", "o", "what it printed", "t", "another run")
        lines.append(keys.truncate(width, ellipsis=True))
    return lines


def stage_lines(
    stages: Mapping[str, StageState], plan: StagePlan, width: int, live: bool = True, state: RunState | None = None
) -> list[Content]:
    """One line a stage: what became of it and how long it took, or is expected to take.

    Args:
        stages: as far as the run has come.
        plan: those that follow.
        width: cells.
        live: whether an engine is at work; without one a stage that began and did not end was cut off.
        state: of the run at work: the stages to come are expected to go at its pace.
    """
    lines = []
    for stage in stages.values():
        how = "cut off" if stage.state == "running" and not live else stage.state
        glyph, style = STAGE_GLYPHS.get(how, "?"), STAGE_STYLES.get(how, "")
        told = {"finished": duration(stage.seconds)}.get(how, how)
        more = f" {duration(stage.seconds)}" if how in ("stopped", "failed") else ""
        left = [(f"{glyph} {clip(stage.name, 14)}", style)]
        if len(told) + len(more) + min(len(stage.name), 14) + 3 > width:
            more = ""  # which stage it is comes first
        lines.append(spread(left, [(told + more, FAINT)], width))
    for name in plan.names:
        if name not in stages and live and state is not None and name in state.ahead:
            glyph, style = STAGE_GLYPHS["running"], STAGE_STYLES["running"]
            share = [(f"{state.ahead[name].share:.0%}", FAINT)]
            lines.append(spread([(f"{glyph} {clip(name, 14)}", style)], share, width))
        elif name not in stages:
            seconds = plan.expected(name, state)
            expected = [(f"≈ {roughly(seconds)}", FAINT)] if seconds is not None else []
            lines.append(spread([(f"· {clip(name, 14)}", FAINT)], expected, width))
    return lines
