"""Open the app from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from core.errors import EnvironmentFault
from eagertui.plain import project_file


def open_app(project: Path | None, place: str = "", overrides: Sequence[str] = (), user: str = "") -> int:
    """Open the app and stay in it; returns the exit code.

    Args:
        project: a project file or its folder; None: the one here, if there is one.
        place: where it begins; empty: where this project was left.
        overrides: `--set` texts for the runs that are started in the app.
        user: whose recommendations to show first.

    Raises:
        ProjectError: the path is no project.
        EnvironmentFault: there is no terminal, or it is told to take no UTF-8.
    """
    file = project_file(project) if project else None
    streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual reads the first and draws on the last
    if not all(stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        raise EnvironmentFault(
            "no terminal to draw the app on",
            "without one: eagertui --headless train; the other verbs always print",
        )
    encoding = sys.stderr.encoding or ""
    if "utf" not in encoding.lower():
        raise EnvironmentFault(
            f"the app draws with signs that {encoding} does not have",
            "tell that it takes UTF-8: export LC_ALL=C.UTF-8, without PYTHONIOENCODING; the other verbs print anyway",
        )
    from eagertui.app import run_app

    return run_app(file, place=place, overrides=overrides, user=user)
