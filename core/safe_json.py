"""Objects and numbers out of files that anybody may have written or damaged: never a surprise behind them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

LATEST = 253_402_300_800.0
"""The end of the year 9999 in Unix seconds, behind which no calendar goes."""


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a small file; empty where the file is missing, unreadable, or holds something else."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return raw if isinstance(raw, dict) else {}


def number(value: Any, default: float = 0.0) -> float:
    """A finite number as it is; `default` for everything else."""
    if type(value) is not float and type(value) is not int:  # a bool is neither
        return default
    try:
        finite = float(value)
    except OverflowError:
        return default
    return finite if math.isfinite(finite) else default


def moment(value: Any) -> float:
    """A time in Unix seconds; 0 for what is none."""
    seconds = number(value)
    return seconds if 0.0 <= seconds < LATEST else 0.0


def figures(values: Any) -> dict[str, float]:
    """The finite numbers of a mapping; empty where it is none."""
    if not isinstance(values, dict):
        return {}
    numbers = {str(name): number(value, math.nan) for name, value in values.items()}
    return {name: value for name, value in numbers.items() if math.isfinite(value)}
