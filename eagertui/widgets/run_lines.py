"""What the screens write about a run; pure functions from its state to lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from textual.content import Content

from core.evaluate.compare import BETTER, NOT_CLEAR, WORSE, read_difference
from core.run.listing import RunInfo
from core.run.rankings import OURS, both_protocols, headline, protocol_of
from core.run.status import UNFINISHED, Status
from core.safe_json import number
from eagertui.cli.output.lists import PIN
from eagertui.plain import duration, near
from eagertui.widgets.draw import (
    FAINT,
    Part,
    bar,
    checkpoint_name,
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

SHORTEST = 6
"""Cells of a bar below which a figure beside it gives way."""
STANDING: dict[str, tuple[Part, str]] = {
    WORSE: (("! ", "bold $warning"), "than"),
    NOT_CLEAR: (("· ", FAINT), "against"),
    BETTER: (("✓ ", "bold $success"), "than"),
}
"""How a verdict is drawn, and the word between it and the methods that the run's own lists are held against."""


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
        left.append((f" {fill(run.label or run.recipe or run.name, 12 if width >= 90 else 8)} ", ""))
    if width >= 74:
        left.append((f" {fill(short_id(run) + PIN * run.pinned, 5)} ", FAINT))
    if status.live and status.total > 0:
        share = status.done / status.total
        best = scores({k: v for k, v in status.best.items() if k == "ndcg@10"}) if width >= 70 else []
        right: list[Part] = [(f"{duration(status.eta)} left" if status.eta is not None else "", FAINT)]
        cells = width - line(left).cell_length - line(right).cell_length - 6
        task = clip(status.task, 16 if width >= 90 else 8) + " "
        if cells - cell_len(task) >= SHORTEST:
            left, cells = [*left, (task, "bold")], cells - cell_len(task)
        if cells - line(best).cell_length >= SHORTEST:  # how far and how long come before how good
            right, cells = [*best, *right], cells - line(best).cell_length
        return spread([*left, *progress_bar(share, max(3, min(40, cells))), (f" {share:4.0%}", "bold")], right, width)
    if status.live:
        return spread([*left, (clip(status.stage or "starting", 20), FAINT)], [], width)
    if status.state == "finished":
        took, both = [(duration(status.seconds), FAINT)], scores(run.metrics)
        if not run.has_model:
            both = [("item index  ", FAINT)]
        if line([*left, *both, *took]).cell_length > width + 1:
            both = scores({k: v for k, v in run.metrics.items() if k == "ndcg@10"})
        return spread([*left, *both], took, width)
    why = status.error or ("not started" if status.state == "queued" else "")
    left.append((safe(why), "$error" if status.state in ("failed", "lost") else FAINT))
    return spread(left, scores({k: v for k, v in run.metrics.items() if k == "ndcg@10"}), width)


def run_detail(run: RunInfo, width: int) -> list[Content]:
    """A few lines about one run, the next step named."""
    status = run.status
    label: list[Part] = [("  " + clip(run.label, 30), "bold")] if run.label else []
    pinned: list[Part] = [(f"  {PIN} pinned", FAINT)] if run.pinned else []
    lines = [line([*status_parts(status), *label, ("  " + safe(run.id), FAINT), *pinned], width)]
    if status.live:
        lines.append(progress_line(status, width))
        if status.best:
            lines.append(line([("best on validation  ", FAINT), *scores(status.best)], width))
        lines.append(hint("enter", "watch it live", "x", "stop it"))
    elif status.state == "finished":
        none: Part = ("no metrics  ", "$warning")
        if run.goal != "metrics":
            none = ("fitted to everything  " if run.has_model else "item index alone  ", FAINT)
        lines.append(line([*(scores(run.metrics) or [none]), (f"in {duration(status.seconds)}", FAINT)], width))
        lines.append(hint("enter", "the whole story", *(("e", "recommendations") if run.has_model else ("3", "index"))))
    else:
        if status.error:
            lines.append(line([(safe(status.error), "$error" if status.state != "stopped" else "")], width))
        if status.remedy:
            lines.append(line([(safe(status.remedy), FAINT)], width))
        if status.checkpoint:
            lines.append(line([("last checkpoint  ", FAINT), checkpoint_name(status.checkpoint) or "saved"], width))
        if status.state in UNFINISHED:
            lines.append(hint("r", "goes on from there", "enter", "the whole story"))
    if not status.live:
        lines.append(hint("N", "name it", "P", "unpin it" if run.pinned else "pin it", "D", "delete it"))
    lines.append(line([(safe(near(run.folder.path)), FAINT)], width))
    return lines


def hint(*pairs: str) -> Content:
    """Keys and what they do."""
    parts: list[Part] = []
    for key, text in zip(pairs[::2], pairs[1::2], strict=True):
        parts += [(key, "bold $accent"), (f" {text}   ", "")]
    return line(parts)


def progress_line(status: Status, width: int) -> Content:
    """Bar, share, count and time left of the current task, from a status alone."""
    if status.total <= 0:
        return line([(f"{safe(status.stage)} is at work" if status.stage else "the engine is starting", FAINT)], width)
    share = status.done / status.total
    return bar_line(status.task, share, rule_of_three(status.done, status.total, status.unit), status.eta, width)


def bar_line(task: str, share: float, count: str, eta: float | None, width: int) -> Content:
    """A task's bar, share and count, and the time that it still takes."""
    right: list[Part] = [(f"{duration(eta)} left", "bold")] if eta else []
    name, middle = f"{fill(task, max(10, min(16, cell_len(task))))} ", f" {share:4.0%}  {count}"
    room = width - len(middle) - sum(len(text) for text, _ in right) - 2
    if width < 70:  # the name where the bar keeps some cells
        name = f"{clip(task, 16)} " if room - min(16, cell_len(task)) > SHORTEST else ""
    cells = max(SHORTEST, room - cell_len(name))
    return spread([(name, "bold"), *progress_bar(share, min(cells, 60)), (middle, "")], right, width)


def metric_lines(metrics: Mapping[str, Any], width: int) -> list[Content]:
    """Model and baselines on the test split: figures, half their 95 % intervals where there is room, and a bar.

    They are those of the protocol that stands first, which is named; of the other one the model's own are said.
    """
    splits = both_protocols(metrics)
    if not splits:
        return []
    test = metrics[splits[0]]
    rows = [(str(name), values) for name, values in test.items() if isinstance(values, Mapping)]
    ours = headline(test)
    rows.sort(key=lambda row: (row[0] != ours, row[0] not in OURS, -_value(row[1], "ndcg@10")))
    most = max((_value(values, "ndcg@10") for _, values in rows), default=0.0) or 1.0
    halves = {(name, key): _half(metrics, splits[0], name, key) for name, _ in rows for key in ("recall@10", "ndcg@10")}
    wide = width >= 12 + 2 * 15 and any(halves.values())
    column = 15 if wide else 8
    cells = max(0, width - 12 - 2 * column)
    head = "".join(f"{label:>8}{'':{column - 8}}" for label in ("R@10", "N@10"))
    lines = [line([(f"test, {protocol_of(splits[0], metrics)}", FAINT)], width)]
    lines.append(line([(f"{'method':<12}{head}", FAINT)], width))
    for name, values in rows:
        style = "bold" if name == ours else ""
        parts: list[Part] = [(fill(name, 12), style)]
        for key in ("recall@10", "ndcg@10"):
            parts.append((f"{metric(values.get(key)):>8}", style))
            if wide:
                parts.append((f"{halves[name, key]:<7}", FAINT))
        drawn = bar(_value(values, "ndcg@10") / most, cells - 1) if cells > 4 else ""
        lines.append(line([*parts, (" " + drawn, "$primary")], width))
    lines += _standing(metrics, splits[0], [name for name, _ in rows if name not in OURS], width)
    for split in splits[1:]:
        own = metrics[split].get(ours)
        figures = scores(own) if isinstance(own, Mapping) else []
        lines += line([(f"{protocol_of(split, metrics)}: {ours} ", FAINT), *figures]).wrap(max(1, width))
    return lines


def _standing(metrics: Mapping[str, Any], split: str, others: Sequence[str], width: int) -> list[Content]:
    """What the figures mean for somebody who sees them for the first time: a line for each verdict."""
    verdicts: dict[str, list[str]] = {WORSE: [], NOT_CLEAR: [], BETTER: []}
    for name in others:
        if gain := read_difference(metrics, split, name, "ndcg@10"):
            verdicts[gain.verdict].append(clip(name, 12))
    if others and not any(verdicts.values()):
        return [line([("no paired test in this run", FAINT)], width)]
    told = []
    for word, names in verdicts.items():
        if names:
            verdict = line([STANDING[word][0], (f"{word} {STANDING[word][1]} {', '.join(names)} in N@10", FAINT)])
            told += verdict.wrap(max(1, width))
    return told


def _half(metrics: Mapping[str, Any], split: str, method: str, key: str) -> str:
    """Half the width of a figure's interval; empty where there is none."""
    found: Any = metrics.get("intervals")
    for name in (split, method, key):
        found = found.get(name) if isinstance(found, Mapping) else None
    ends = found if isinstance(found, list) and len(found) == 2 else (None, None)
    low, high = (number(end, math.nan) for end in ends)
    return f" ±{metric((high - low) / 2)}" if high >= low else ""


def _value(values: Mapping[str, Any], key: str) -> float:
    return number(values.get(key))


def summary(run: RunInfo) -> str:
    """A run in a few words, for a message."""
    return f"{safe(run.name)} {safe(run.recipe)} {short_id(run)}: {state_word(run.status)}"
