"""The verb `runs`: a project's runs, the newest first."""

from __future__ import annotations

import argparse
import json
import sys

from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb


def runs(args: argparse.Namespace) -> int:
    """List the runs."""
    from core.run.folder import list_runs
    from eagertui.cli.output.lists import run_row, show_runs

    rows = list_runs(load_project(args.project).runs_dir)
    if args.json:
        print(json.dumps({"runs": [run_row(run) for run in rows]}))
    elif rows:
        show_runs(rows)
    else:
        print("no runs yet; start one: eagertui --headless train", file=sys.stderr)
    return 0


VERB = Verb("runs", "list the runs", runs, place="home", order=90)
