"""The verb `recommend`: one ranked list, for whomever and as they like it, or every user's into a file."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb, positive
from eagertui.plain import visible

if TYPE_CHECKING:
    from core.run.folder import RunFolder


WORDS = ("wish", "more", "less", "like", "unlike")
"""What a list may follow besides a history."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--user", metavar="ID", help="a user of the data")
    who.add_argument("--history", metavar="ID,ID", action="append", help="item ids, the oldest first; repeatable")
    who.add_argument("--all-users", action="store_true", help="every user of the data, into --out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="Parquet file of --all-users; goes on where it was")
    parser.add_argument("--titles", action="store_true", help="the titles too in the file of --all-users")
    parser.add_argument("--wish", metavar="TEXT", help="items found by words, alone or for a user or history")
    for name, text in (("--more", "more of a tag or of what words say"), ("--less", "less; of a known tag nothing")):
        parser.add_argument(name, metavar="TEXT", action="append", help=f"{text}; repeatable")
    for name, text in (("--like", "more items like this one"), ("--unlike", "fewer items like this one")):
        parser.add_argument(name, metavar="ID|TITLE", action="append", help=f"{text}; repeatable")
    parser.add_argument(
        "--why", nargs="?", const="", metavar="ITEM", help="why an item is listed or is not (default: the list's first)"
    )
    add_workers(parser)
    add_list_options(parser)


def add_list_options(parser: argparse.ArgumentParser) -> None:
    """Add what a list is to be."""
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


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add how many processes make lists."""
    parser.add_argument("--workers", type=positive, default=1, metavar="N", help="processes that make lists")


def list_question(args: argparse.Namespace) -> dict[str, Any]:
    """What a list is to be, as the arguments say it; what they do not say is left out."""
    question: dict[str, Any] = {}
    for name in ("k", "only", "hide_seen", "as_tested"):
        if (value := getattr(args, name)) not in (None, "", False) or (name == "hide_seen" and value is False):
            question[name] = value
    return question | {name: _ids(texts) for name in ("allow", "deny") if (texts := getattr(args, name))}


def recommend(args: argparse.Namespace) -> int:
    """Ask a run's serving process for one list and show it."""
    from core.data.known_ids import check_user
    from core.run.launch import engine_command
    from core.run.listing import WITH_MODEL, find_run
    from core.serve.client import ask_once
    from eagertui.cli.engine_process import tell_progress

    words = {name: value for name in WORDS if (value := getattr(args, name)) is not None}
    if words and (args.all_users or args.why is not None):
        raise ProjectError(f"--{next(iter(words))} is about one list, and --why explains one that follows no words")
    if args.all_users:
        return _all_users(args)
    if args.out is not None or args.titles or args.workers > 1:
        raise ProjectError("--out, --titles and --workers are about --all-users")
    if args.user is not None and args.history is not None:
        raise ProjectError("recommend follows either a user's history or the one of --history, not both")
    request = {**list_question(args), **words}
    if args.user is not None:
        request["user"] = args.user
    elif args.history is not None:
        ids = [part.strip() for text in args.history for part in text.split(",")]
        request["history"] = [one for one in ids if one]
    if args.as_tested and args.user is None:
        raise ProjectError("--as-tested is about a user's history: give --user ID")
    folder = find_run(load_project(args.project).runs_dir, args.run, WITH_MODEL)
    if args.user is not None:
        with contextlib.suppress(ProjectError):  # a run without data: the process says what is missing
            check_user(folder.artefact("data"), args.user)
    if args.why:
        request["item"] = args.why
    method = "recommend" if args.why is None else "explain"
    show_list(folder, ask_once(folder, method, request, tell_progress, engine_command()), args.json)
    return 0


def show_list(folder: RunFolder, result: dict[str, Any], as_json: bool) -> None:
    """Print the answer of a serving process, with the evidence where it has any, and on stderr what is to be said."""
    from eagertui.cli.engine_process import tell_progress
    from eagertui.cli.output.lists import remarks, show_recommendation

    if as_json:
        print(json.dumps({"run": str(folder.path.resolve()), **result}))
    else:
        show_recommendation(result)
        if "evidence" in result:
            from eagertui.cli.output.why import show_evidence

            show_evidence(result)
    for sentence in remarks(result):
        tell_progress(sentence)


def _all_users(args: argparse.Namespace) -> int:
    """Write every user's list into a file."""
    from core.run.listing import WITH_MODEL, find_run
    from eagertui.cli.engine_process import errand, tell_progress

    if args.out is None:
        raise ProjectError("--all-users needs --out FILE.parquet")
    if args.out.suffix != ".parquet":
        raise ProjectError(f"{args.out}: the lists are written as Parquet", "name it FILE.parquet")
    folder = find_run(load_project(args.project).runs_dir, args.run, WITH_MODEL)
    out = args.out.absolute()
    request = {"question": list_question(args), "out": str(out), "titles": args.titles, "workers": args.workers}
    try:
        result = errand("all-users", str(folder.path.resolve()), json.dumps(request))
    except KeyboardInterrupt:
        tell_progress(f"what is made lies beside {out}; the same command goes on from there")
        raise
    if result["short"]:
        tell_progress(f"{result['short']:,} users have fewer items than asked for: no more may be listed")
    print(json.dumps({"run": str(folder.path.resolve()), **result}) if args.json else visible(result["file"]))
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
    "recommend", "rank items for a user, a history, a wish or every user", recommend, arguments, run=True,
    place="explore", order=70,
)  # fmt: skip
