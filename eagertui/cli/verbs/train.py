"""The verb `train`: every stage that is stale, to the metrics, or what that would cost."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from core.errors import ProjectError
from eagertui.cli.loading import load_project, say_copying
from eagertui.cli.verb import Verb
from eagertui.plain import project_file, roughly, visible

if TYPE_CHECKING:
    from core.project import Project


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    add_start_options(parser)
    parser.add_argument(
        "--seeds", dest="overrides", action="append", type=_seeds, metavar="N,N,...",
        help="one run a seed, one after the other, to be compared as one: as --set run.seeds=N,N",
    )  # fmt: skip
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--from", dest="base", metavar="RUN",
        help="learn on from a run, on grown data: its codes and weights, new items placed, half the epochs",
    )  # fmt: skip
    start.add_argument(
        "--final", action="store_true",
        help="fit to all interactions what a run's validation chose (--run ID, or the newest); nothing is measured",
    )  # fmt: skip
    parser.add_argument("--detach", action="store_true", help="do not wait for the end; prints the run's path")


def _seeds(text: str) -> str:
    """Seeds with commas between them as a `--set` text."""
    return f"run.seeds={text}"


def add_start_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of every verb that starts runs."""
    parser.add_argument("--dry-run", action="store_true", help="only say what would run and what it would cost")
    parser.add_argument("--new", action="store_true", help="start a new run, even where one could go on")


def train(args: argparse.Namespace) -> int:
    """Train, or say what training would do."""
    if args.base and args.run is not None:
        raise ProjectError("--from begins a new run, --run continues one", "leave out one of the two")
    if args.base or args.final:
        args.overrides, args.run = _after(args), None
    if args.dry_run:
        return dry_run(load_project(args.project, args.overrides), args.json)

    from core.run import launch
    from eagertui.cli import following

    if launch.rank():
        launch.join(project_file(args.project), args.overrides)
    if args.run is not None and (args.new or args.overrides):
        raise ProjectError("--run continues a run as it was started", "leave out --new, --set and --seeds")
    project = load_project(args.project, args.overrides)
    say_copying(*project.tables)
    return following.train(project, new=args.new, run_id=args.run, detach=args.detach, as_json=args.json)


def _after(args: argparse.Namespace) -> list[str]:
    """The `--set` texts of a training that follows another run; what it takes over wins, and epochs are halved once."""
    from core.jobs.retrain import continued, final

    project = load_project(args.project, args.overrides)
    wanted = final(project, args.run) if args.final else continued(project, args.base)
    return [*args.overrides, *wanted]


def dry_run(project: Project, as_json: bool) -> int:
    """Say which stages `train` would run and which it would reuse, and what that costs; changes nothing.

    Raises:
        EagerError: `train` would refuse to start.
    """
    from core.estimate import estimate
    from core.jobs.machine_needs import missing_models
    from core.jobs.start import check_start, find_unfinished
    from eagertui.cli.output.narration import narration

    say_copying(*project.tables)
    cost = estimate(project)
    unfinished = find_unfinished(project)
    if as_json:
        continues = str(unfinished.path.resolve()) if unfinished else None
        print(json.dumps({"project": str(project.path), "continues": continues, **cost.to_dict()}))
        check_start(project)
        return 0
    for stage in cost.stages:
        about = roughly(stage.seconds) if stage.state == "run" else ""
        print(f"{visible(stage.name):<12} {visible(stage.state):<6} {about:>11}  {visible(stage.note)}".rstrip())
    print(cost.words())
    for warning in (*(one.words for one in missing_models(project)), *cost.warnings):
        narration().print(f"warning: {visible(warning)}")
    check_start(project)  # what `train` would refuse is refused here, in the same words
    narration().print(f"would continue {visible(unfinished.path)}" if unfinished else "would start a new run")
    return 0


VERB = Verb(
    "train", "run every stage that is stale, to the metrics", train, arguments,
    sets=True, run=True, place="train", opens=True, prints_with=("dry_run", "detach", "base", "final"), order=40,
)  # fmt: skip
