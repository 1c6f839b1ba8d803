"""The verb `recommend`: one ranked list, for whomever and as they like it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb, positive


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("--user", metavar="ID", help="a user of the data")
    parser.add_argument("--history", metavar="ID,ID", action="append", help="item ids, the oldest first; repeatable")
    parser.add_argument("--wish", metavar="TEXT", help="items found by words, alone or for a user or history")
    for name, text in (("--more", "more of a tag or of what words say"), ("--less", "less; of a known tag nothing")):
        parser.add_argument(name, metavar="TEXT", action="append", help=f"{text}; repeatable")
    for name, text in (("--like", "more items like this one"), ("--unlike", "fewer items like this one")):
        parser.add_argument(name, metavar="ID|TITLE", action="append", help=f"{text}; repeatable")
    parser.add_argument("--k", type=positive, metavar="N", help="items in the list (default: the project's)")
    parser.add_argument(
        "--as-tested", action="store_true", help="a user's history without the held-out item, as evaluation saw it"
    )
    parser.add_argument("--only", metavar="SQL", help="items that satisfy it, e.g. \"price < 10 AND brand LIKE 'A%%'\"")
    for name, text in (("--allow", "the only items to list"), ("--deny", "items to leave out")):
        parser.add_argument(
            name, metavar="FILE|ID,ID", action="append", help=f"{text}: ids, or a file with one a line; repeatable"
        )
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--hide-seen", action="store_true", default=None, help="leave items of the history out")
    seen.add_argument("--keep-seen", dest="hide_seen", action="store_false", help="list them like any other")


def recommend(args: argparse.Namespace) -> int:
    """Ask a run's serving process for one list and show it."""
    from core.data.known_ids import check_user
    from core.run.folder import find_run
    from core.run.launch import engine_command
    from core.serve.client import ask_once
    from eagertui.cli.engine_process import tell_progress
    from eagertui.cli.output.lists import remarks, show_recommendation

    if args.user is not None and args.history is not None:
        raise ProjectError("recommend takes either --user ID or --history ID,ID,...")
    request: dict[str, Any] = {}
    if args.user is not None:
        request["user"] = args.user
    elif args.history is not None:
        ids = [part.strip() for text in args.history for part in text.split(",")]
        request["history"] = [one for one in ids if one]
    if args.as_tested and args.user is None:
        raise ProjectError("--as-tested is about a user's history: give --user ID")
    for name in ("k", "only", "hide_seen", "as_tested", "wish", "more", "less", "like", "unlike"):
        if (value := getattr(args, name)) not in (None, "") or (name == "wish" and value is not None):
            request[name] = value
    request |= {name: _ids(texts) for name in ("allow", "deny") if (texts := getattr(args, name))}
    folder = find_run(load_project(args.project).runs_dir, args.run)
    if args.user is not None:
        check_user(folder.artefact("data"), args.user)
    result = ask_once(folder, "recommend", request, tell_progress, engine_command())
    if args.json:
        print(json.dumps({"run": str(folder.path.resolve()), **result}))
    else:
        show_recommendation(result)
    for sentence in remarks(result):
        tell_progress(sentence)
    return 0


def _ids(texts: list[str]) -> list[str]:
    """Item ids from the command line: in files, one a line, or between commas."""
    ids = []
    for text in texts:
        try:
            inside = Path(text).read_text(encoding="utf-8").splitlines() if Path(text).is_file() else text.split(",")
        except (OSError, UnicodeError) as error:
            raise ProjectError(f"{text}: cannot be read ({error})", "a text file with one item id a line") from error
        ids += [part.strip() for part in inside if part.strip()]
    return ids


VERB = Verb(
    "recommend", "rank items for a user, a history or a wish", recommend, arguments, run=True, place="explore", order=70
)
