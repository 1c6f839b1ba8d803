"""Histograms of upright bars, drawn in eighths of a cell."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from eagertui.widgets.draw import FAINT, clip, line

EIGHTHS = " ▁▂▃▄▅▆▇█"
ASCII = " ....####"
WIDEST = 14
"""Cells of one bar and the gap beside it."""

Bar = tuple[str, str, int]
"""What stands below a bar, the same in short, and how much it counts."""


def compact(count: int, room: int = 5) -> str:
    """A count in few characters: 960, 15.9k, 2.1M; without its fraction where there is no room for it."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            share = count / size
            exact = f"{share:.1f}{unit}"
            return exact if share < 99.95 and len(exact) <= room else f"{share:.0f}{unit}"
    return f"{count}"


def upright(bars: Sequence[Bar], width: int, height: int, style: str, ascii_only: bool = False) -> list[Content]:
    """Bars side by side with their labels below, and their counts above where there are four lines or more."""
    if not bars or width < len(bars) or height < 1:
        return []
    step = min(WIDEST, width // len(bars))
    thick = max(1, step - 1)
    rows = height - (1 if height >= 2 else 0) - (1 if height >= 4 else 0)
    drawn = _heights([count for *_, count in bars], rows, thick, step, ascii_only)
    lines = [line([(row, style)]) for row in drawn]
    if height >= 4:
        lines.insert(0, _below([compact(count, step - 1) if count else "" for *_, count in bars], step, width, ""))
    if height >= 2:
        whole = all(len(label) < step for label, _, _ in bars)
        lines.append(_below([label if whole else short for label, short, _ in bars], step, width, FAINT))
    return lines


def dense(counts: Sequence[int], ends: tuple[str, str], width: int, height: int, style: str,
          ascii_only: bool = False) -> list[Content]:  # fmt: skip
    """Bars without gaps, as many as there is room for, and below them where they begin and end."""
    if not counts or width < 1 or height < 1:
        return []
    many = merged(len(counts), width)
    groups = [counts[at : at + many] for at in range(0, len(counts), many)]
    means = [-(-sum(group) // len(group)) for group in groups]  # not sums, for the last one may be shorter
    step = max(1, min(WIDEST, width // len(means)))
    rows = height - (1 if height >= 2 else 0)
    lines = [line([(row, style)]) for row in _heights(means, rows, step, step, ascii_only)]
    if height >= 2:
        first, last = ends
        room = max(step * len(means), len(first) + len(last) + 2)
        both = first + " " * (min(room, width) - len(first) - len(last)) + last
        lines.append(line([(clip(both if len(both) <= width else first, width), FAINT)]))
    return lines


def merged(count: int, width: int) -> int:
    """How many of so many counts one bar stands for."""
    return -(-count // max(1, width))


def _heights(counts: Sequence[int], rows: int, thick: int, step: int, ascii_only: bool) -> list[str]:
    """The bars' rows from the top; what counts anything is seen."""
    most = max(1, *counts) if len(counts) > 1 else max(1, counts[0])
    eighths = [max(1, round(count * rows * 8 / most)) if count else 0 for count in counts]
    glyphs = ASCII if ascii_only else EIGHTHS
    drawn = []
    for row in range(rows - 1, -1, -1):
        cells = (glyphs[min(8, max(0, height - row * 8))] * thick for height in eighths)
        drawn.append("".join(cell.ljust(step) for cell in cells))
    return drawn


def _below(labels: Sequence[str], step: int, width: int, style: str) -> Content:
    """Texts where their bars begin; one that would touch the text before it is left out."""
    text = ""
    for number, label in enumerate(labels):
        at = number * step
        if label and (at > len(text) or not text) and at + len(label) <= width:
            text = text.ljust(at) + label
    return line([(text, style)])
