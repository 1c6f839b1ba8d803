"""Runs that differ in their seed alone (`run.seeds`): made together as one group, done one after the other.

They share every artefact that no seed decides, and a comparison shows them as one line.
"""

from __future__ import annotations

from core.run.folder import RunFolder
from core.run.listing import RunInfo, list_runs
from core.run.status import UNFINISHED


def group_of(folder: RunFolder) -> list[RunInfo]:
    """The runs of a run's group in the order in which they are done; itself where it has none."""
    group = folder.manifest().get("group")
    known = [info for info in list_runs(folder.path.parent) if info.folder == folder or (group and info.group == group)]
    return sorted(known, key=lambda info: info.created)


def next_of_group(folder: RunFolder) -> RunFolder | None:
    """The run of the same group that is at work, or else the first that is not finished; None where all are."""
    group = group_of(folder)
    at_work = [info.folder for info in group if info.status.live]
    return next(iter([*at_work, *(info.folder for info in group if info.status.state in UNFINISHED)]), None)
