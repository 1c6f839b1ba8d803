"""What the screens write about a run; pure functions from its state to lines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from textual.content import Content

from core.run.folder import RunInfo
from core.run.state import RunState, Stage
from core.run.status import UNFINISHED, Status
from eagertui.plain import duration
from eagertui.widgets.draw import (
    LEVELS,
    Part,
    bar,
    clip,
    fill,
    line,
    metric,
    progress_bar,
    rule_of_three,
    safe,
    short_id,
    spread,
    state_word,
    status_parts,
    when,
)

FAINT = "$foreground 60%"
STAGE_GLYPHS = {"running": "●", "finished": "✓", "reused": "=", "failed": "✗", "stopped": "■"}
STAGE_STYLES = {"running": "bold $success", "failed": "bold $error", "stopped": "$warning", "reused": "$secondary"}


def scores(metrics: Mapping[str, float]) -> list[Part]:
    """Recall and NDCG where they are known."""
    parts: list[Part] = []
    for name, label in (("recall@10", "R@10"), ("ndcg@10", "N@10")):
        if name in metrics:
            parts += [(f"{label} ", FAINT), (f"{metric(metrics[name])}  ", "bold")]
    return parts


def run_row(run: RunInfo, width: int) -> Content:
    """A run in a list: state, day, recipe, and then what matters most of it."""
    status = run.status
    glyph, style = status_parts(status)[0]
    left: list[Part] = [(fill(glyph, 12), style), (f" {fill(when(run.created), 11)} ", "")]
    if width >= 60:
        left.append((f" {fill(run.recipe or run.name, 12 if width >= 90 else 8)} ", ""))
    if width >= 100:
        left.append((f" {fill(short_id(run), 5)} ", FAINT))
    if status.live and status.total > 0:
        share = status.done / status.total
        right = scores({k: v for k, v in status.best.items() if k == "ndcg@10"}) if width >= 70 else []
        right.append((f"{duration(status.eta)} left" if status.eta is not None else "", FAINT))
        left.append((clip(status.task, 8) + " ", "bold"))
        cells = width - sum(len(text) for text, _ in (*left, *right)) - 6
        return spread([*left, *progress_bar(share, max(3, min(40, cells))), (f" {share:4.0%}", "bold")], right, width)
    if status.live:
        return spread([*left, (clip(status.stage or "starting", 20), FAINT)], [], width)
    if status.state == "finished":
        return spread([*left, *scores(run.metrics)], [(duration(status.seconds), FAINT)], width)
    why = status.error or ("not started" if status.state == "queued" else "")
    left.append((safe(why), "$error" if status.state in ("failed", "lost") else FAINT))
    return spread(left, scores({k: v for k, v in run.metrics.items() if k == "ndcg@10"}), width)


def run_detail(run: RunInfo, width: int) -> list[Content]:
    """A few lines about one run, the next step named."""
    status = run.status
    lines = [line([*status_parts(status), ("  " + safe(run.id), FAINT)], width)]
    if status.live:
        lines.append(progress_line(status, width))
        if status.best:
            lines.append(line([("best on validation  ", FAINT), *scores(status.best)], width))
        lines.append(hint("enter", "watch it live", "x", "stop it"))
    elif status.state == "finished":
        lines.append(line([*scores(run.metrics), (f"in {duration(status.seconds)}", FAINT)], width))
        lines.append(hint("enter", "the whole story", "e", "recommendations"))
    else:
        if status.error:
            lines.append(line([(safe(status.error), "$error" if status.state != "stopped" else "")], width))
        if status.remedy:
            lines.append(line([(safe(status.remedy), FAINT)], width))
        if status.checkpoint:
            lines.append(line([("last checkpoint  ", FAINT), safe(status.checkpoint)], width))
        if status.state in UNFINISHED:
            lines.append(hint("r", "goes on from there", "enter", "the whole story"))
    lines.append(line([(safe(run.folder.path), FAINT)], width))
    return lines


def hint(*pairs: str) -> Content:
    """Keys and what they do."""
    parts: list[Part] = []
    for key, text in zip(pairs[::2], pairs[1::2], strict=True):
        parts += [(key, "bold $accent"), (f" {text}   ", "")]
    return line(parts)


def progress_line(status: Status, width: int) -> Content:
    """Bar, share, count and time left of the current task, from a status alone."""
    share = status.done / status.total if status.total > 0 else 0.0
    return _bar_line(status.task, share, rule_of_three(status.done, status.total, status.unit), status.eta, width)


def _bar_line(task: str, share: float, count: str, eta: float | None, width: int) -> Content:
    right: list[Part] = [(f"{duration(eta)} left", "bold")] if eta else []
    name = f"{fill(task, 10)} " if width >= 70 else ""
    middle = f" {share:4.0%}  {count}"
    cells = max(6, width - len(name) - len(middle) - sum(len(text) for text, _ in right) - 2)
    return spread([(name, "bold"), *progress_bar(share, min(cells, 60)), (middle, "")], right, width)


def headline(state: RunState, status: Status, asked: float | None, width: int) -> list[Content]:
    """Three lines: how it stands, how far it is, and what else is worth knowing."""
    left: list[Part] = [*status_parts(status)]
    if asked is not None and status.live:
        left = [(f"◐ stopping, asked {duration(time.monotonic() - asked)} ago", "bold $warning")]
    stage = state.stage
    if status.live and stage and stage.state == "running":
        left += [("  stage ", FAINT), (clip(stage.name, 16), "bold")]
    left.append((f"  {duration(status.seconds)}" if status.started else "", FAINT))
    right: list[Part] = []
    if state.best is not None:
        right = [("best valid ", FAINT), *scores({"ndcg@10": state.best.values.get("ndcg@10", 0.0)})]
        right.append((f"step {state.best.step:,}", FAINT))
    lines = [spread(left, right if width >= 70 else [], width), _far(state, status, width)]
    lines.append(_third(state, status, width))
    return lines


def _far(state: RunState, status: Status, width: int) -> Content:
    if not status.live:
        if status.error:
            return line([("✗ " if status.state != "stopped" else "■ ", "bold $error"), safe(status.error)], width)
        return line([("every stage is done", FAINT)] if status.state == "finished" else [], width)
    progress = state.progress
    if progress is None:
        what = "between two tasks" if state.stages else "the engine is starting"
        return line([(what, FAINT)], width)
    count = rule_of_three(progress.done, progress.total, progress.unit)
    if state.pace and width >= 90:
        count += f"  {state.pace:,.1f}/s"
    return _bar_line(progress.task, progress.share, count, state.eta, width)


def _third(state: RunState, status: Status, width: int) -> Content:
    if not status.live:
        if status.state in UNFINISHED:
            parts: list[Part] = [("r", "bold $accent"), (" lets it go on   ", ""), (safe(status.remedy), FAINT)]
            return line(parts, width)
        return hint("e", "recommendations of this run", "t", "train again").truncate(width, ellipsis=True)
    if not status.responding:
        return line([("no sign of life for a while: x stops it", "bold $warning")], width)
    parts = []
    for name, unit in (("cpu_percent", "%"), ("memory_mb", "MB")):
        if name in state.system:
            parts += [(name.split("_")[0] + " ", FAINT), (f"{state.system[name]:,.0f} {unit}  ", "")]
    if status.checkpoint:
        parts += [("checkpoint ", FAINT), (safe(status.checkpoint), "")]
    return line(parts or [("no checkpoint yet", FAINT)], width)


def stage_lines(stages: Mapping[str, Stage], width: int) -> list[Content]:
    """One line a stage: what happened to it and how long it took."""
    lines = []
    for stage in stages.values():
        style = STAGE_STYLES.get(stage.state, "")
        left = [(f"{STAGE_GLYPHS.get(stage.state, '?')} {clip(stage.name, 14)}", style)]
        took = {"running": "running", "reused": "reused"}.get(stage.state) or duration(stage.seconds)
        word = "" if stage.state in ("finished", "running", "reused") else f"{stage.state} "
        lines.append(spread(left, [(word + took, FAINT)], width))
    return lines


def story(state: RunState, status: Status, printed: list[str]) -> list[list[Part]]:
    """The log: alerts and checkpoints among the lines; of a run that died, what it printed last."""
    told: list[tuple[float, list[Part]]] = [(ts, [(safe(text), "")]) for ts, text in state.logs]
    for alert in state.alerts:
        glyph, style = LEVELS.get(alert.level, LEVELS["warning"])
        told.append((alert.ts, [(f"{glyph} {safe(alert.title)}  ", style), (safe(alert.text), "")]))
    for point in state.checkpoints:
        best = " (best)" if point.best else ""
        told.append(
            (point.ts, [(f"◆ checkpoint{best} ", "$primary"), (f"step {point.step:,}  {safe(point.path)}", FAINT)])
        )
    for stage in state.stages.values():
        if stage.started and stage.state == "running":
            told.append((stage.started, [(f"▸ stage {safe(stage.name)}", "bold")]))
    told.sort(key=lambda entry: entry[0])
    lines = [[(time.strftime("%H:%M:%S ", time.localtime(ts)), FAINT), *parts] for ts, parts in told]
    if status.state in ("lost", "failed") and printed:
        lines.append([("the last lines of stdout.log:", "bold")])
        lines += [[("  " + safe(text), "")] for text in printed]
    return lines


def metric_lines(metrics: Mapping[str, Any], width: int) -> list[Content]:
    """Model and baselines on the test split, recall as a bar as well."""
    test = metrics.get("test")
    if not isinstance(test, Mapping):
        return []
    rows = [(name, values) for name, values in test.items() if isinstance(values, Mapping)]
    rows.sort(key=lambda row: (not str(row[0]).startswith("model"), -_value(row[1], "ndcg@10")))
    most = max((_value(values, "ndcg@10") for _, values in rows), default=0.0) or 1.0
    cells = max(0, width - 12 - 16)
    lines = [line([(f"{'method':<12}{'R@10':>8}{'N@10':>8}", FAINT)], width)]
    for name, values in rows:
        style = "bold" if str(name).startswith("model") else ""
        figures = "".join(f"{metric(values.get(key)):>8}" for key in ("recall@10", "ndcg@10"))
        drawn = bar(_value(values, "ndcg@10") / most, cells - 1) if cells > 4 else ""
        lines.append(line([(fill(name, 12), style), (figures, style), (" " + drawn, "$primary")], width))
    return lines


def _value(values: Mapping[str, Any], key: str) -> float:
    value = values.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def summary(run: RunInfo) -> str:
    """A run in a few words, for a message."""
    return f"{safe(run.name)} {safe(run.recipe)} {short_id(run)}: {state_word(run.status)}"
