"""The verb `check`: the data, read and profiled."""

from __future__ import annotations

import argparse
import json

from eagertui.cli.loading import load_project, say_copying
from eagertui.cli.verb import Verb


def check(args: argparse.Namespace) -> int:
    """Profile the data."""
    from core.data import load_dataset, profile
    from core.data.doubts import check_measurable, doubts

    project = load_project(args.project, args.overrides)
    say_copying(*project.tables)
    dataset = load_dataset(project.data, project.directory, seed=project.seed)
    result = {**profile(dataset), "doubts": doubts(project.data, project.directory)}
    if args.json:
        print(json.dumps(result))
    else:
        from eagertui.cli.output.data_profile import lines

        print("\n".join(lines(result)))
    if project.run.goal == "metrics":
        check_measurable(dataset.sequences.lengths, dataset.split)
    return 0


VERB = Verb("check", "read and profile the data, change nothing", check, sets=True, place="data", order=20)
