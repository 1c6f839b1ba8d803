"""The verb `evaluate`: a run's metrics, measured again."""

from __future__ import annotations

import argparse
import json

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb
from eagertui.plain import visible


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument(
        "--faithfulness", action="store_true",
        help="measure instead how far the evidence of `recommend --why` can be believed; about a minute",
    )  # fmt: skip


def evaluate(args: argparse.Namespace) -> int:
    """Measure a run again and show its metrics."""
    from core.run.listing import find_run
    from eagertui.cli import engine_process
    from eagertui.cli.output.metrics_table import show_metrics
    from eagertui.cli.output.narration import narration
    from eagertui.cli.output.why import show_faithfulness

    if args.faithfulness and args.overrides:
        raise ProjectError("--faithfulness measures a run as it is", "leave --set out")
    folder = find_run(load_project(args.project, args.overrides).runs_dir, args.run)
    narration().print(f"evaluates: {visible(folder.path)}")
    sets = [part for text in args.overrides for part in ("--set", text)]
    work = "faithfulness" if args.faithfulness else "evaluate"
    with engine_process.engine_process(work, folder, *sets) as child:
        out, _ = child.communicate()
    if child.returncode:
        return child.returncode if child.returncode > 0 else 1
    found = json.loads(out)
    if args.json:
        print(json.dumps({"run": str(folder.path.resolve()), _NAMES[work]: found}))
    elif args.faithfulness:
        show_faithfulness(found)
    else:
        show_metrics(found)
    return 0


_NAMES = {"evaluate": "metrics", "faithfulness": "faithfulness"}

VERB = Verb("evaluate", "measure a run again", evaluate, arguments, sets=True, run=True, place="train", order=60)
