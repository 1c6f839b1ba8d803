"""A project in a list: name, size, and how its newest run stands."""

from __future__ import annotations

from textual.content import Content

from eagertui.places.home.projects import ProjectInfo
from eagertui.plain import near
from eagertui.widgets.draw import FAINT, Part, clip, fill, spread, status_parts, when
from eagertui.widgets.run_lines import scores


def project_row(project: ProjectInfo, opened: bool, width: int) -> Content:
    """One line; the open project has a mark in front."""
    left: list[Part] = [("▸ " if opened else "  ", "bold $accent")]
    left.append((fill(project.name, 18 if width >= 70 else 12), "bold" if opened else ""))
    folder = near(project.file.parent)
    if not project.there:
        return spread([*left, ("  the file is gone", "$error")], [(clip(folder, 40), FAINT)], width)
    if width >= 90 and project.users:
        left.append((f"  {project.users:>9,} users {project.items:>9,} items", FAINT))
    run = project.newest
    if run is None:
        return spread([*left, ("  no run yet", FAINT)], [(clip(folder, max(0, width - 40)), FAINT)], width)
    left += [("  ", ""), *status_parts(run.status)]
    if run.status.live and run.status.total > 0:
        task = f"{clip(run.status.task, 16)} " if width >= 70 else ""
        left.append((f"  {task}{run.status.done / run.status.total:.0%}", ""))
    known = {name: value for name, value in run.metrics.items() if name == "ndcg@10"}
    return spread([*left, ("  ", ""), *scores(known)], [(when(run.created), FAINT)], width)
