"""The command line; one file a verb. Never imports textual."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from eagertui.unfit import unfit

UNFIT = 3
"""The exit code of an `EnvironmentFault`, which cannot be imported where its package is hidden."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if why := unfit():
        print(f"error: {why}", file=sys.stderr)
        return UNFIT
    from eagertui.cli import parser

    return parser.main(argv)


__all__ = ["main"]
