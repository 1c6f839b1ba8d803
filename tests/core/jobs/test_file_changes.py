"""A change of the project file or of any file of its tables is seen."""

from __future__ import annotations

import os
from pathlib import Path

from core.jobs.file_changes import stamp


def test_a_change_of_any_file_is_seen(tmp_path: Path) -> None:
    project = tmp_path / "project.toml"
    folder = tmp_path / "parts"
    (folder / "deep").mkdir(parents=True)
    part = folder / "deep" / "one.csv"
    part.write_text("user_id,item_id\nu,a\n")
    project.write_text('[data]\ninteractions = "parts"\nitems = "*.none"\n')
    first = stamp(project, ())
    assert first == stamp(project, ())
    os.utime(part, ns=(1, 1))
    second = stamp(project, ())
    assert second != first
    (tmp_path / "late.none").write_text("item_id\na\n")
    third = stamp(project, ())
    assert third != second
    project.write_text("not toml [")
    assert stamp(project, ()) not in (first, second, third)
    project.unlink()
    assert stamp(project, ()) == ((str(project), -1, -1),)
