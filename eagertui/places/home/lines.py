"""A project in a list: name, size, and how its newest run stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from textual.content import Content

from eagertui.places.home.projects import ProjectInfo
from eagertui.plain import from_home
from eagertui.widgets.draw import FAINT, Part, clip, clip_left, fill, line, safe, spread, status_parts, when
from eagertui.widgets.run_lines import scores

ROOMY = 92
"""Cells from which on a row always says where its project lies: a terminal of 100 columns has them."""
FOLDER = (14, 20, 28)
"""Cells for the folder of projects of one name in a narrow row, in one of 70 cells, and in a roomy one."""


def folders(projects: Sequence[ProjectInfo]) -> dict[Path, str]:
    """By project file the end of its folder's path that tells it from all others; empty where its name is enough.

    As editors name tabs of files of one name: `…/trial/bookshop`.
    """
    alike = Counter(one.name for one in projects)
    paths = {one.file: from_home(one.file.parent) for one in projects}
    parts = {one.file: Path(paths[one.file]).parts for one in projects}
    ends: dict[Path, str] = {}
    for one in projects:
        if alike[one.name] < 2:
            ends[one.file] = ""
            continue
        own, others = parts[one.file], [parts[other.file] for other in projects if other.file != one.file]
        size = next((n for n in range(1, len(own)) if all(other[-n:] != own[-n:] for other in others)), len(own))
        end = paths[one.file] if size == len(own) else "/".join(("…", *own[-size:]))
        ends[one.file] = end
    return ends


def project_row(project: ProjectInfo, opened: bool, width: int, end: str = "") -> Content:
    """One line; the open project has a mark in front.

    Args:
        project: what is known of it.
        opened: whether it is the open one.
        width: cells.
        end: the end of its folder's path, where the name does not tell it from others.
    """
    left: list[Part] = [("▸ " if opened else "  ", "bold $accent")]
    left.append((fill(project.name, 18 if width >= 70 else 12), "bold" if opened else ""))
    folder = from_home(project.file.parent)
    run = project.newest
    if not project.there or run is None:
        left.append(("  no run yet" if project.there else "  the file is gone", FAINT if project.there else "$error"))
        return spread(left, [(clip_left(folder, max(0, width - line(left).cell_length - 2)), FAINT)], width)
    if width >= ROOMY or end:
        cells = FOLDER[0 if width < 70 else 1 if width < ROOMY else 2]
        shown = safe(folder) if width >= ROOMY and cell_len(safe(folder)) <= cells else end or folder
        left.append((f"  {fill(clip_left(shown, cells), cells)}", FAINT))
    if width >= ROOMY + 18 and project.users:
        left.append((f"  {project.users:>9,} users {project.items:>9,} items", FAINT))
    left += [("  ", ""), *status_parts(run.status)]
    right: list[Part] = [(when(run.created), FAINT)]
    if run.status.live and run.status.total > 0:
        named = width >= 70 + (FOLDER[1] if end else 0)
        left.append((f"  {clip(run.status.task, 16)} " if named else "  ", ""))
        left.append((f"{run.status.done / run.status.total:.0%}", ""))
    known = [("  ", ""), *scores({name: value for name, value in run.metrics.items() if name == "ndcg@10"})]
    if line([*left, *known]).rstrip().cell_length + line(right).cell_length < width:
        left += known
    return spread(left, right, width)
