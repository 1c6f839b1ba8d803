"""What a run takes of its machine: processor, memory, graphics processor, disk; as one line or as a panel."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from core.run.state import SYSTEM, RunState
from eagertui.plain import size
from eagertui.widgets.chart.ticks import compact, figure
from eagertui.widgets.draw import FAINT, Part, line

SPARKS = {"braille": "▁▂▃▄▅▆▇█", "block": "▁▂▃▄▅▆▇█", "ascii": "_.-=+*#"}
FULL = 90.0
"""Percent from which on memory is shown as scarce."""
LOW_DISK = 1024.0
"""Megabytes below which the disk is."""


@dataclass(frozen=True)
class Reading:
    """One figure of the machine.

    Attributes:
        label: a short word.
        text: the figure with its unit.
        history: its values over time, for a sparkline.
        most: the value of a full sparkline; None: the greatest there was.
        scarce: whether there is little left.
    """

    label: str
    text: str
    history: Sequence[float] = ()
    most: float | None = None
    scarce: bool = False


def spark(values: Sequence[float], cells: int, most: float | None = None, symbols: str = "braille") -> str:
    """The last values as a row of small bars, the greatest of each cell's share; exactly so many cells."""
    finite = [value if math.isfinite(value) and value > 0 else 0.0 for value in values]
    if not finite or cells <= 0:
        return " " * max(0, cells)
    top = most or max(finite) or 1.0
    count, marks = len(finite), SPARKS[symbols]
    if count > cells:
        finite = [max(finite[k * count // cells : (k + 1) * count // cells]) for k in range(cells)]
    drawn = "".join(marks[min(len(marks) - 1, int(value / top * len(marks)))] for value in finite)
    return drawn.rjust(cells)


def readings(state: RunState) -> list[Reading]:
    """What is known of the machine and of the training's speed; a missing graphics processor is a dash."""
    now = state.system

    def history(name: str) -> list[float]:
        series = state.series.get(SYSTEM + name)
        return [value for _, value in series.points[-120:]] if series else []

    told = []
    if "cpu_percent" in now:
        percent, threads = now["cpu_percent"], os.cpu_count() or 1
        here = percent <= 110.0 * threads  # else it is another machine's
        text = f"{percent:.0f} %" + (f" of {threads} threads" if here else "")
        told.append(Reading("cpu", text, history("cpu_percent"), 100.0 * threads if here else None))
    if "memory_mb" in now:
        told.append(Reading("engine", _megabytes(now["memory_mb"]), history("memory_mb")))
    if "machine_memory_percent" in now:
        percent, past = now["machine_memory_percent"], history("machine_memory_percent")
        told.append(Reading("machine", f"memory {percent:.0f} %", past, 100.0, scarce=percent >= FULL))
    told.append(_gpu(now, history("gpu_percent")))
    if "disk_free_mb" in now:
        told.append(Reading("disk", f"{_megabytes(now['disk_free_mb'])} free", scarce=now["disk_free_mb"] < LOW_DISK))
    return told


def _gpu(now: Mapping[str, float], history: list[float]) -> Reading:
    figures = []
    if "gpu_percent" in now:
        figures.append(f"{now['gpu_percent']:.0f} %")
    if "gpu_memory_mb" in now:
        whole = now.get("gpu_memory_total_mb")
        figures.append(_megabytes(now["gpu_memory_mb"]) + (f" of {_megabytes(whole)}" if whole else ""))
    if watts := now.get("gpu_watts"):
        figures.append(f"{watts:.0f} W")
    return Reading("gpu", "  ".join(figures) or "–", history, 100.0)


def speeds(state: RunState) -> list[Reading]:
    """How fast and how calmly it learns."""
    told = []
    for name, label, unit in (
        ("targets_per_second", "targets", "/s"),
        ("tokens_per_second", "tokens", "/s"),
        ("gradient_norm", "gradient", ""),
        ("learning_rate", "rate", ""),
    ):
        if (series := state.series.get(name)) and series.points and math.isfinite(series.last):
            value = compact(series.last) if unit else figure(series.last)
            told.append(Reading(label, value + unit, [value for _, value in series.points[-120:]]))
    return told


def _megabytes(count: float) -> str:
    return size(count * 2**20)


def strip(state: RunState, width: int, symbols: str = "braille") -> Content:
    """The readings on one line, as many as fit; the machine's first."""
    told = [*readings(state), *speeds(state)]
    if not state.system:
        told = speeds(state)
    bare = sum(len(one.label) + len(one.text) + 4 for one in told)
    drawn = sum(1 for one in told if one.history)
    cells = min(8, max(0, (width - bare) // drawn - 1)) if drawn else 0
    parts: list[Part] = []
    for one in told:
        piece: list[Part] = [("   " if parts else "", ""), (f"{one.label} ", FAINT)]
        if cells >= 3 and one.history:
            piece.append((spark(one.history, cells, one.most, symbols) + " ", "$primary"))
        piece.append((one.text, "bold $error" if one.scarce else ""))
        if line([*parts, *piece]).cell_length > width:
            break
        parts += piece
    return line(parts)


def panel(state: RunState, width: int, height: int, symbols: str = "braille") -> list[Content]:
    """One reading a line, each with its sparkline."""
    told = readings(state) if state.system else []
    told = [*told, *speeds(state)][:height]
    if not told:
        return [line([("no figures yet", FAINT)])]
    longest = max(len(one.text) for one in told)
    cells = max(0, width - 9 - longest - 1)
    lines = []
    for one in told:
        drawn = spark(one.history, cells, one.most, symbols) if one.history else " " * cells
        style = "bold $error" if one.scarce else ""
        lines.append(line([(f"{one.label:<9}", FAINT), (drawn, "$primary"), (f" {one.text:>{longest}}", style)], width))
    return lines
