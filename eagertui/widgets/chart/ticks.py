"""Round numbers along an axis, and how they are written. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from eagertui.widgets.chart.curves import power
from eagertui.widgets.draw import number

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round values from low to high; fewer than two where the range holds no more."""
    rough = (high / most - low / most) if most > 0 else 0.0
    if not rough > 0 or not math.isfinite(rough) or rough < 1e-300:
        return []
    size = 10.0 ** math.floor(math.log10(rough))
    for factor in (f * size * decade for decade in (1, 10) for f in _ROUND[:-1]):
        if factor < rough * 0.999 or not math.isfinite(factor):
            continue
        begin, end = math.ceil(low / factor - 1e-9), math.floor(high / factor + 1e-9)
        if end - begin + 1 <= most:
            return [k * factor for k in range(begin, end + 1)]
    return []


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round values of a logarithmic axis from 10^low to 10^high: powers of ten, else finer ones."""
    if most < 1:
        return []
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    if last - first >= 1:
        every = max(1, math.ceil((last - first + 1) / most))
        decades = [10.0**k for k in range(first, last + 1) if k % every == 0 and -307 <= k <= 307]
        if len(decades) > 1 and (len(decades) > 2 or most < 4):
            return decades
    bottom, top = power(low), power(high)
    for factors in ((1, 2, 5), (1, 3)):
        steps = [f * 10.0**k for k in range(first - 1, last + 1) if -306 <= k <= 306 for f in factors]
        inside = [value for value in steps if bottom * 0.999 <= value <= top * 1.001]
        if 3 <= len(inside) <= most:
            return inside
    return [mark for mark in ticks(bottom, top, most) if mark > 0]


def labels(values: Sequence[float], share: bool = False) -> list[str]:
    """The values written alike, with as many decimals as tell them apart.

    Args:
        values: ticks.
        share: whether they are metrics between 0 and 1, written without the leading zero.
    """
    largest = max((abs(value) for value in values), default=0.0)
    gaps = [abs(b - a) for a, b in pairwise(values)]
    gap = min((g for g in gaps if g > 0), default=largest)
    if largest >= 1e7 or (largest and gap < (1e-5 if share else 1e-3)):
        written = [[scientific(value, digits) for value in values] for digits in (1, 2, 3, 4)]
        return next((texts for texts in written if len(set(texts)) == len(set(values))), written[-1])
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if largest >= 10 * size:
            return [f"{_plain(value / size, gap / size)}{unit}" if value else "0" for value in values]
    return [_bare(_plain(value, gap)) if share else _plain(value, gap) for value in values]


def figure(value: float) -> str:
    """Any value of a curve in a few characters."""
    return scientific(value) if value and math.isfinite(value) and not 1e-3 <= abs(value) < 1e7 else number(value)


def log_labels(values: Sequence[float], share: bool = False) -> list[str]:
    """Values of many sizes, each in as few characters as it takes."""
    if max(values) < 10 * min(values):
        return labels(values, share)
    return [f"{value:.3g}" if 1e-2 <= value < 1e4 else scientific(value) for value in values]


def compact(value: float) -> str:
    """A figure in few characters: `980`, `3.1k`, `2.4M`."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= size:
            return f"{value / size:.1f}{unit}"
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"


def scientific(value: float, digits: int = 1) -> str:
    """A few characters for a very large or very small figure: `1.4e-3`."""
    if not value or not math.isfinite(value):
        return "0" if value == 0 else "–"
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _plain(value: float, gap: float) -> str:
    decimals = 0
    while decimals < 5 and abs(gap - round(gap, decimals)) > gap * 0.01:
        decimals += 1
    text = f"{value:.{decimals}f}"
    return "0" if not float(text) else text


def _bare(text: str) -> str:
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
