"""Packages with plug-ins, installed for the length of a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from core.registry import REGISTRIES


def install(
    folder: Path, patch: pytest.MonkeyPatch, package: str, points: Mapping[str, str], files: Mapping[str, str]
) -> None:
    """Lay a package and what pip writes of it into a folder, and put that on Python's path.

    Args:
        folder: new, or of packages that were installed so.
        patch: takes the folder from the path again.
        package: its name; its version is 1.5.
        points: entry points, `GROUP NAME` -> `module:Class`.
        files: its modules and whatever else it brings.
    """
    about = folder / f"{package}-1.5.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n")
    lines = [f"[{key.partition(' ')[0]}]\n{key.partition(' ')[2]} = {target}" for key, target in points.items()]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    patch.syspath_prepend(str(folder))
    forget()


def forget() -> None:
    """Have every registry look again."""
    for registry in REGISTRIES:
        registry.forget()
