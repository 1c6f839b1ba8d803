"""The verb `evaluate`: a run's metrics, measured again."""

from __future__ import annotations

import argparse
import json

from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb
from eagertui.plain import visible


def evaluate(args: argparse.Namespace) -> int:
    """Measure a run again and show its metrics."""
    from core.run.folder import find_run
    from eagertui.cli import engine_process
    from eagertui.cli.output.metrics_table import show_metrics
    from eagertui.cli.output.narration import narration

    folder = find_run(load_project(args.project, args.overrides).runs_dir, args.run)
    narration().print(f"evaluates: {visible(folder.path)}")
    sets = [part for text in args.overrides for part in ("--set", text)]
    with engine_process.engine_process("evaluate", folder, *sets) as child:
        out, _ = child.communicate()
    if child.returncode:
        return child.returncode if child.returncode > 0 else 1
    metrics = json.loads(out)
    if args.json:
        print(json.dumps({"run": str(folder.path.resolve()), "metrics": metrics}))
    else:
        show_metrics(metrics)
    return 0


VERB = Verb("evaluate", "measure a run again", evaluate, sets=True, run=True, place="train", order=60)
