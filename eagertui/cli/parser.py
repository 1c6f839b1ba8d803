"""The command line: `eagertui [--headless] VERB [PROJECT]`. Without `--headless` it opens the app at the verb's place.

Each verb imports what it needs when it runs, so that `--version`, `--help` and the app's first paint cost little.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from core.errors import EagerError, EnvironmentFault, ProjectError
from eagertui.cli.index import add_index_verb
from eagertui.cli.prompts import add_prompts_verb
from eagertui.plain import project_file

INTERRUPTED = 130
VERBS = (
    "init", "check", "prompts", "train", "index", "evaluate", "recommend", "export", "runs", "control", "doctor"
)  # fmt: skip
PLAIN = frozenset({"init", "prompts", "doctor", "control", "export"})
"""Verbs that never open the app."""


class _Parser(argparse.ArgumentParser):
    """Errors in our own form; the settings are listed only when somebody asks for help."""

    settings = False

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}\nsee: {self.prog} --help", file=sys.stderr)
        raise SystemExit(ProjectError.exit_code)

    def format_help(self) -> str:
        if self.settings:
            self.epilog = _settings_help()
        return super().format_help()


def _settings_help() -> str:
    from core.project import all_settings

    rows = ["settings for --set, with their defaults (a table's default comes from the recipe):"]
    for setting in all_settings():
        allowed = f" [{setting.allowed}]" if setting.allowed else ""
        rows.append(f"  {setting.key} = {setting.default_toml}\n      {setting.doc}{allowed}")
    return "\n".join(rows)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = _Parser(
        prog="eagertui",
        description="From interaction logs to a generative LLM recommender, in the terminal.",
        epilog="Without a verb, with a project alone, or with a verb but without --headless, the app opens.",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--completion", choices=("bash", "zsh", "fish"), help="print a shell's completion script")
    parser.add_argument("--headless", action="store_true", default=False, help="work without a screen")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)

    init = _verb(verbs, "init", init_verb, "write a project from an interaction log and an item table", project=False)
    init.add_argument("directory", type=Path, metavar="DIR", help="the new project's folder")
    init.add_argument("--interactions", type=Path, metavar="FILE", help="interactions: Parquet, CSV, TSV or JSON lines")
    init.add_argument("--items", type=Path, metavar="FILE", help="item table, for the items' text")
    init.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="data.user=COLUMN",
        help="tell a value instead of letting it guess: any data.* key, name, recipe; repeatable",
    )  # fmt: skip
    init.add_argument("--sample", action="store_true", help="copy the sample project, a synthetic bookshop")

    _verb(verbs, "check", check_verb, "read and profile the data, change nothing", sets=True)

    add_prompts_verb(_verb, verbs)

    train = _verb(verbs, "train", train_verb, "run every stage that is stale, to the metrics", sets=True, run=True)
    train.add_argument("--dry-run", action="store_true", help="only say what would run and what it would cost")
    train.add_argument("--new", action="store_true", help="start a new run, even where one could go on")
    train.add_argument("--detach", action="store_true", help="do not wait for the end; prints the run's path")

    index = verbs.add_parser("index", help="item indices alone: build, show, add, remove, diff, import, export")
    index.description = "Item indices alone."
    add_index_verb(_verb, index)

    _verb(verbs, "evaluate", evaluate_verb, "measure a run again", sets=True, run=True)

    recommend = _verb(verbs, "recommend", recommend_verb, "rank items for a user or a history", run=True)
    recommend.add_argument("--user", metavar="ID", help="a user of the data")
    recommend.add_argument("--history", metavar="ID,ID", action="append", help="item ids, the oldest first; repeatable")
    recommend.add_argument("--k", type=_positive, metavar="N", help="items in the list (default: the project's)")

    told = "write a run's model as a plain Hugging Face folder, its index beside it"
    give = _verb(verbs, "export", export_verb, told, project=False, run=True)
    give.add_argument("project", nargs="?", type=Path, help="project file, its folder, or a run's folder")
    give.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the new folder")

    _verb(verbs, "runs", runs_verb, "list the runs")

    control = _verb(verbs, "control", control_verb, "ask a run at work for something", project=False, run=True)
    control.add_argument("command", choices=("pause", "resume", "checkpoint", "stop", "kill"), help="what to ask for")
    control.add_argument("project", nargs="?", type=Path, help="project file or its folder (default: project.toml)")
    _verb(verbs, "doctor", doctor_verb, "versions, devices, memory, paths")
    return parser


def _verb(
    verbs: argparse._SubParsersAction[_Parser], name: str, work: Callable[[argparse.Namespace], int], text: str,
    *, project: bool = True, sets: bool = False, run: bool = False,
) -> argparse.ArgumentParser:  # fmt: skip
    raw = argparse.RawDescriptionHelpFormatter
    parser = verbs.add_parser(name, help=text, description=f"{text.capitalize()}.", formatter_class=raw)
    parser.set_defaults(work=work)
    if project:
        parser.add_argument("project", nargs="?", type=Path, help="project file or its folder (default: project.toml)")
    # SUPPRESS: a default here would undo a --headless that stood before the verb.
    parser.add_argument("--headless", action="store_true", default=argparse.SUPPRESS, help="work without a screen")
    parser.add_argument("--json", action="store_true", help="print JSON; implies --headless")
    if sets:
        parser.settings = True
        told = "override a setting; repeatable"
        parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help=told)
    if run:
        parser.add_argument("--run", metavar="ID", help="a run, or a part of its id that only it has")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a title that the terminal cannot show is no reason to fail
    parser = build_parser()
    args = parser.parse_args(_with_verb(sys.argv[1:] if argv is None else list(argv)))
    try:
        code = _dispatch(parser, args)
        sys.stdout.flush()
        return code
    except EagerError as error:
        return _complain(error.message, error.remedy, error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted", "", INTERRUPTED)
    except BrokenPipeError:  # whoever read our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _complain("out of memory", "", EnvironmentFault.exit_code)
    except OSError as error:
        return _complain(str(error), "look at the path, the permissions and the disk", EnvironmentFault.exit_code)


def _with_verb(argv: list[str]) -> list[str]:
    """`eagertui shop` opens the app on the project `shop`: `runs` without a screen is the app at Home."""
    first = argv[0] if argv else ""
    is_project = first not in VERBS and (Path(first).is_file() or (Path(first) / "project.toml").is_file())
    return ["runs", *argv] if first and is_project else argv


def _complain(message: str, remedy: str, code: int) -> int:
    from eagertui.plain import visible

    print(f"error: {visible(message)}" + (f"\n{visible(remedy)}" if remedy else ""), file=sys.stderr)
    return code


def _dispatch(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    if args.version:
        from eagertui.cli.doctor import version

        print(f"eagertui {version() or '(a checkout, not installed)'}")
        return 0
    if args.completion:
        from eagertui.cli.completion import script

        print(script(parser, args.completion))
        return 0
    if args.verb is None and args.headless:
        parser.error("--headless needs a verb")
    plain = ("json", "dry_run", "detach", "work_on_index")
    wants_text = args.headless or any(getattr(args, name, False) for name in plain)
    if args.verb in PLAIN or (args.verb and wants_text):
        if not hasattr(args, "work"):
            parser.error(f"{args.verb} needs one of its own verbs")
        work: Callable[[argparse.Namespace], int] = args.work
        return work(args)
    return _open_app(args)


def _open_app(args: argparse.Namespace) -> int:
    streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual reads the first and draws on the last
    if not all(stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        verb = f" {args.verb}" if args.verb else " VERB"
        raise EnvironmentFault("no terminal to draw the app on", f"without a screen: eagertui --headless{verb}")
    from eagertui.app import run_app

    given = getattr(args, "project", None)
    project, overrides = (project_file(given) if given else None), getattr(args, "overrides", [])
    return run_app(project, verb=args.verb or "", overrides=overrides, user=getattr(args, "user", None) or "")


def init_verb(args: argparse.Namespace) -> int:
    """Write a project."""
    from eagertui.cli import init

    if args.sample == bool(args.interactions):
        raise ProjectError("init needs either --interactions FILE [--items FILE] or --sample")
    if args.sample and (args.items or args.overrides):
        raise ProjectError("--sample brings its own items and columns; leave out --items and --set")
    if args.sample:
        path = init.copy_sample(args.directory)
    else:
        path = init.write_project(args.directory, args.interactions, args.items, args.overrides)
    print(json.dumps({"project": str(path.resolve())}) if args.json else path)
    if not args.json:
        print(f"next: eagertui --headless check {path}\n      eagertui --headless train {path}", file=sys.stderr)
    return 0


def check_verb(args: argparse.Namespace) -> int:
    """Profile the data."""
    from core.data import load_dataset, profile
    from core.project import Project

    project = Project.load(project_file(args.project), args.overrides)
    found = profile(load_dataset(project.data, project.directory))
    if args.json:
        print(json.dumps(found))
    else:
        from eagertui.cli.output.data_profile import lines

        print("\n".join(lines(found)))
    return 0


def train_verb(args: argparse.Namespace) -> int:
    """Train, or say what training would do."""
    from eagertui.cli import headless

    path = project_file(args.project)
    if args.dry_run:
        return headless.plan(path, args.overrides, args.json)
    return headless.train(
        path, args.overrides, new=args.new, run_id=args.run, detach=args.detach, as_json=args.json
    )  # fmt: skip


def evaluate_verb(args: argparse.Namespace) -> int:
    """Measure a run."""
    from eagertui.cli import headless

    return headless.evaluate(project_file(args.project), args.overrides, args.run, args.json)


def recommend_verb(args: argparse.Namespace) -> int:
    """Rank items for somebody."""
    from eagertui.cli import headless

    if (args.user is None) == (args.history is None):
        raise ProjectError("recommend needs either --user ID or --history ID,ID,...")
    request: dict[str, object] = {}
    if args.user is not None:
        request["user"] = args.user
    else:
        ids = [part.strip() for text in args.history for part in text.split(",")]
        request["history"] = [one for one in ids if one]
    if args.k:
        request["k"] = args.k
    return headless.recommend(project_file(args.project), request, args.run, args.json)


def export_verb(args: argparse.Namespace) -> int:
    """Write a model for others."""
    from eagertui.cli import headless

    return headless.export(args.project, args.out, args.run, args.json)


def runs_verb(args: argparse.Namespace) -> int:
    """List the runs."""
    from core.project import Project
    from core.run.folder import list_runs
    from eagertui.cli.output.lists import run_row, show_runs

    runs = list_runs(Project.load(project_file(args.project)).runs_dir)
    if args.json:
        print(json.dumps({"runs": [run_row(run) for run in runs]}))
    elif runs:
        show_runs(runs)
    else:
        print("no runs yet; start one: eagertui --headless train", file=sys.stderr)
    return 0


def control_verb(args: argparse.Namespace) -> int:
    """Pause, resume, save or stop a run."""
    from eagertui.cli import headless

    return headless.control(project_file(args.project), args.command, args.run, args.json)


def doctor_verb(args: argparse.Namespace) -> int:
    """Tell what this installation and machine are."""
    from eagertui.cli import doctor

    report = doctor.examine(project_file(args.project) if args.project else None)
    print(json.dumps(report) if args.json else "\n".join(doctor.lines(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
