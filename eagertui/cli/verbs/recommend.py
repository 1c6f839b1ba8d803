"""The verb `recommend`: one ranked list."""

from __future__ import annotations

import argparse
import json
from typing import Any

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb, positive


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("--user", metavar="ID", help="a user of the data")
    parser.add_argument("--history", metavar="ID,ID", action="append", help="item ids, the oldest first; repeatable")
    parser.add_argument("--k", type=positive, metavar="N", help="items in the list (default: the project's)")


def recommend(args: argparse.Namespace) -> int:
    """Ask a run's serving process for one list and show it."""
    from core.run.folder import find_run
    from core.run.launch import engine_command
    from core.serve.client import ask_once
    from eagertui.cli.engine_process import tell_progress
    from eagertui.cli.output.lists import show_recommendation

    if (args.user is None) == (args.history is None):
        raise ProjectError("recommend needs either --user ID or --history ID,ID,...")
    request: dict[str, Any] = {}
    if args.user is not None:
        request["user"] = args.user
    else:
        ids = [part.strip() for text in args.history for part in text.split(",")]
        request["history"] = [one for one in ids if one]
    if args.k:
        request["k"] = args.k
    folder = find_run(load_project(args.project).runs_dir, args.run)
    result = ask_once(folder, "recommend", request, tell_progress, engine_command())
    if args.json:
        print(json.dumps({"run": str(folder.path.resolve()), **result}))
    else:
        show_recommendation(result)
    return 0


VERB = Verb(
    "recommend", "rank items for a user or a history", recommend, arguments, run=True, place="explore", order=70
)
