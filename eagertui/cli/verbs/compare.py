"""The verb `compare`: finished runs and baselines against each other."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb, positive
from eagertui.plain import near, typed, visible

if TYPE_CHECKING:
    from core.evaluate.comparison.measured_run import MeasuredRun
    from core.project import Project

METRIC = "ndcg@10"


def compare(args: argparse.Namespace) -> int:
    """Set runs side by side."""
    from core.evaluate.comparison.as_object import comparison_object
    from core.evaluate.comparison.comparison_of_runs import RANKING_METRICS, Comparison
    from core.run.listing import find_run
    from eagertui.cli.output import comparison_table
    from eagertui.cli.output.narration import narration

    if args.metric not in RANKING_METRICS:
        from core.errors import ProjectError

        raise ProjectError(f"no metric {args.metric}", f"one of {', '.join(RANKING_METRICS)}")
    project = load_project(args.project)
    runs, skipped = _runs(project, args.runs)
    against = find_run(project.runs_dir, args.against).id if args.against else ""
    comparison = Comparison(runs, against)
    comparison.notes += skipped
    found = comparison_object(comparison, args.metric, args.with_users or 0)
    if args.html is not None:
        _write_page(project, comparison.runs, found, args.html)
        narration().print(f"written: {visible(near(args.html))}")
    if args.json:
        print(json.dumps(found, allow_nan=False))
    elif args.csv:
        print(comparison_table.csv_text(found), end="")
    elif args.latex:
        print(comparison_table.latex_text(found), end="")
    elif args.html is None:
        comparison_table.show_comparison(found)
    return 0


def _runs(project: Project, names: list[str]) -> tuple[list[MeasuredRun], list[str]]:
    """The runs that are named, or every finished one, the newest first; and what is to be said of those left out.

    Raises:
        EagerError: a run that is named is not there or cannot be read, or there is none.
    """
    from core.errors import EagerError, ProjectError
    from core.evaluate.comparison.measured_run import load_run
    from core.run.listing import find_run, list_runs

    if names:
        return [load_run(folder) for folder in dict.fromkeys(find_run(project.runs_dir, name) for name in names)], []
    runs, skipped = [], []
    for info in list_runs(project.runs_dir):
        if info.status.state == "finished" and info.goal == "metrics":
            try:
                runs.append(load_run(info.folder))
            except EagerError as error:
                skipped.append(f"left out: {error.message}")
    if not runs:
        raise ProjectError("; ".join(skipped) or f"no finished run in {project.runs_dir}",
                           f"train one first: eagertui --headless train {typed(project.runs_dir.parent)}")  # fmt: skip
    return runs, skipped


def _write_page(project: Project, runs: tuple[MeasuredRun, ...], found: dict[str, Any], path: Path) -> None:
    from core.evaluate.comparison.validation_curves import validation_curves
    from core.files import write_atomic
    from eagertui.report.page import comparison_page

    write_atomic(path, comparison_page(project.name, found, validation_curves(list(runs))))


def _arguments(parser: argparse.ArgumentParser) -> None:
    text = "a run, or a part of its id that only it has; repeatable; none: every finished run"
    parser.add_argument("--run", dest="runs", action="append", default=[], metavar="ID", help=text)
    parser.add_argument(
        "--against", metavar="ID", help="the run that the others are held against; the first one without"
    )
    parser.add_argument(
        "--metric", default=METRIC, metavar="NAME", help=f"of differences and slices (default {METRIC})"
    )
    parser.add_argument("--csv", action="store_true", help="print a line a method, protocol and metric")
    parser.add_argument("--latex", action="store_true", help="print a table for a paper (booktabs)")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write one page with tables and charts")
    parser.add_argument("--with-users", type=positive, nargs="?", const=10, metavar="N",
                        help="name the N users who gained and lost most (10)")  # fmt: skip


VERB = Verb("compare", "runs and baselines against each other", compare, _arguments, place="compare", order=65)
