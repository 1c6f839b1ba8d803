"""The verb `cache`: every user's list made beforehand, and served without the model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import DataError, ProjectError
from eagertui.cli.loading import file_now, load_project
from eagertui.cli.verb import Verb
from eagertui.cli.verbs.recommend import add_list_options, add_workers, list_question, show_list
from eagertui.plain import visible

if TYPE_CHECKING:
    from core.run.folder import RunFolder


def build(args: argparse.Namespace) -> int:
    """Make every user's list for one question."""
    return _long(args, "cache-build", {"question": list_question(args), "workers": args.workers})


def refresh(args: argparse.Namespace) -> int:
    """Make the lists anew that are out of date."""
    request: dict[str, Any] = {"max_age": args.max_age, "workers": args.workers}
    if args.interactions is not None:
        interactions = file_now(args.interactions, "--interactions")
        if not interactions.exists():
            raise ProjectError(f"no file {args.interactions}")
        request["interactions"] = str(interactions)
    return _long(args, "cache-refresh", request)


def get(args: argparse.Namespace) -> int:
    """Show a user's list from the cache; where it has none to serve, the model is asked."""
    from core.recommend.cache.cached_lists import CachedLists
    from core.run.launch import engine_command
    from core.serve.client import ask_once
    from eagertui.cli.engine_process import tell_progress

    run = _run(args)
    with CachedLists(run, args.max_age) as cache:
        found = cache.get(args.user, cache.question(list_question(args)))
        titled = cache.titled(found.items.tolist())
    if found.state == "forgotten" or (not found.served and args.cached):
        raise DataError(f"no list of user {args.user}: {found.why}", "eagertui cache refresh, or build")
    if not found.served:
        tell_progress(f"not from the cache: {found.why}; the model makes the list")
        asked = {**list_question(args), "user": args.user}
        result = {"source": "model", **ask_once(run, "recommend", asked, tell_progress, engine_command())}
    else:
        if found.why:
            tell_progress(found.why)
        items = [
            {"rank": rank, **item, "score": round(score, 6)}
            for rank, (item, score) in enumerate(zip(titled, found.scores.tolist(), strict=True), 1)
        ]
        result = {
            "user": found.user, "history_kind": found.history_kind, "items": items, "short": found.short,
            "source": "cache", "state": found.state, "made": found.made,
        }  # fmt: skip
    show_list(run, result, args.json)
    return 0


def status(args: argparse.Namespace) -> int:
    """Show how the cache stands."""
    from core.recommend.cache.cached_lists import CachedLists
    from eagertui.cli.output.cache_status import show_cache

    run = _run(args)
    with CachedLists(run) as cache:
        told = cache.status()
    if args.json:
        print(json.dumps({"run": str(run.path.resolve()), **told}))
    else:
        show_cache(told)
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the cached lists into a Parquet file."""
    from core.recommend.cache.cached_lists import CachedLists
    from core.recommend.cache.lists_file import export_cache
    from eagertui.cli.engine_process import tell_progress

    run = _run(args)
    with CachedLists(run, read_only=True) as cache:
        told = export_cache(cache, cache.question(list_question(args)), args.out.absolute(), args.titles)
    if told["why"]:
        tell_progress(f"these lists are out of date: {told['why']}")
    print(json.dumps({"run": str(run.path.resolve()), **told}) if args.json else visible(told["file"]))
    return 0


def forget(args: argparse.Namespace) -> int:
    """Remove all that the cache keeps of a user."""
    from core.recommend.cache.cached_lists import CachedLists

    run = _run(args)
    with CachedLists(run) as cache:
        lists = cache.database.forget(cache.number(args.user))
    told = {"user": args.user, "lists": lists}
    print(json.dumps({"run": str(run.path.resolve()), **told}) if args.json else f"removed: {lists} lists")
    return 0


def _long(args: argparse.Namespace, work: str, request: dict[str, Any]) -> int:
    """Have the engine do a long job on the cache, and print what came of it."""
    from eagertui.cli.engine_process import errand, tell_progress

    run = _run(args)
    try:
        result = errand(work, str(run.path.resolve()), json.dumps(request))
    except KeyboardInterrupt:
        tell_progress("what is made is kept; the same command goes on from there")
        raise
    if args.json:
        print(json.dumps({"run": str(run.path.resolve()), **result}))
    else:
        print("\n".join(f"{name.replace('_', ' ')}: {visible(value)}" for name, value in result.items()))
    return 0


def _run(args: argparse.Namespace) -> RunFolder:
    from core.run.listing import WITH_MODEL, find_run

    return find_run(load_project(args.project).runs_dir, args.run, WITH_MODEL)


def _build_arguments(parser: argparse.ArgumentParser) -> None:
    add_workers(parser)
    add_list_options(parser)


def _get_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", required=True, metavar="ID", help="a user of the data, or one that a refresh told of")
    parser.add_argument("--cached", action="store_true", help="an error instead of a list that the model makes")
    _add_max_age(parser, "older lists are not served")
    add_list_options(parser)


def _refresh_arguments(parser: argparse.ArgumentParser) -> None:
    text = "what users took since the data were read, with the project's columns"
    parser.add_argument("--interactions", type=Path, metavar="FILE", help=text)
    _add_max_age(parser, "older lists are made anew too")
    add_workers(parser)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="Parquet file")
    parser.add_argument("--titles", action="store_true", help="the titles too")
    add_list_options(parser)


def _forget_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--user", required=True, metavar="ID", help="whose lists and newer history are removed")


def _add_max_age(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--max-age", type=float, default=0.0, metavar="DAYS", help=f"{text} (default: any age)")


VERBS = (
    Verb("build", "make every user's list; goes on where it was interrupted", build, _build_arguments, run=True),
    Verb("get", "a user's list, without the model where the cache has it", get, _get_arguments, run=True),
    Verb("refresh", "make the lists anew of users whose history grew", refresh, _refresh_arguments, run=True),
    Verb("status", "how many lists, how old, how often they served", status, run=True),
    Verb("export", "write the cached lists into a Parquet file", export, _export_arguments, run=True),
    Verb("forget", "remove all that the cache keeps of a user", forget, _forget_arguments, run=True),
)
VERB = Verb("cache", "every user's list made beforehand", verbs=VERBS, order=72)
