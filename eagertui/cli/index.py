"""The verb `index`: item indices alone, without a screen. Never imports textual."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ProjectError
from eagertui.plain import project_file, visible

if TYPE_CHECKING:
    from core.run.folder import RunFolder

Work = Callable[[argparse.Namespace], int]
ONLY_INDEX = "run.goal=index"


def add_index_verb(make: Callable[..., argparse.ArgumentParser], parser: argparse.ArgumentParser) -> None:
    """Put the verbs of item indices below `index`.

    Args:
        make: adds a verb to a group, with the options that every verb has.
        parser: that of `index`.
    """
    works = parser.add_subparsers(dest="work_on_index", metavar="WORK", parser_class=type(parser))
    build = make(works, "build", build_verb, "make the item index and report on it", sets=True)
    build.add_argument("--new", action="store_true", help="start a new run, even where one could go on")
    build.add_argument("--dry-run", action="store_true", help="only say what would run and what it would cost")

    make(works, "show", show_verb, "report on the item index of a run", run=True)

    add = make(works, "add", add_verb, "give new items a free code; a finished run recommends them at once", run=True)
    add.add_argument("file", type=Path, metavar="FILE", help="item table, with the project's columns")
    add.add_argument("--vectors", type=Path, metavar="FILE", help="their vectors, where vectors.semantic is a file")

    remove = make(works, "remove", remove_verb, "recommend items no longer", run=True)
    remove.add_argument("items", metavar="ID,ID", help="item ids")

    diff = make(works, "diff", diff_verb, "two item indices side by side")
    diff.add_argument("a", metavar="A", help="a run: its id, a part of it, or its folder")
    diff.add_argument("b", metavar="B", help="another one")

    take = make(works, "import", import_verb, "take an index that was made elsewhere, and report on it", sets=True)
    take.add_argument("file", type=Path, metavar="FILE", help="LC-Rec's .index.json, or Parquet with item_id and codes")

    give = make(works, "export", export_verb, "write the item index into a file", run=True)
    give.add_argument("--out", type=Path, required=True, metavar="FILE", help="LC-Rec's format for .json, or .parquet")
    give.add_argument("--raw", action="store_true", help="the codes as they were before conflicts were settled")


def build_verb(args: argparse.Namespace) -> int:
    """Make the index."""
    from eagertui.cli import headless

    path, overrides = project_file(args.project), [*args.overrides, ONLY_INDEX]
    if args.dry_run:
        return headless.plan(path, overrides, args.json)
    return headless.train(path, overrides, new=args.new, as_json=args.json)


def show_verb(args: argparse.Namespace) -> int:
    """Show the report of an index."""
    from core.index.revisions.changes import load_revisions
    from eagertui.cli.output.index_report import report_of, show_report

    run = _run(args)
    folder, growth = _index_of(run), load_revisions(run)
    if args.json:
        print(json.dumps(report_of(folder, growth), indent=1, ensure_ascii=False))
    else:
        show_report(folder, growth)
    return 0


def add_verb(args: argparse.Namespace) -> int:
    """Add items to the index of a run."""
    from core.index.revisions.add import add_items

    run = _run(args)
    return _told(args, run, add_items(run, args.file, args.vectors).to_dict())


def remove_verb(args: argparse.Namespace) -> int:
    """Take items out of a run's recommendations."""
    from core.index.revisions.add import remove_items

    run = _run(args)
    return _told(args, run, remove_items(run, [one.strip() for one in args.items.split(",") if one.strip()]).to_dict())


def diff_verb(args: argparse.Namespace) -> int:
    """Compare the indices of two runs."""
    from core.index.measure.diff import diff
    from eagertui.cli.output.index_report import show_diff

    runs = [_find(args, name) for name in (args.a, args.b)]
    found = diff(*(_index_of(run) for run in runs))
    if args.json:
        print(json.dumps({"a": runs[0].id, "b": runs[1].id, **found}))
    else:
        show_diff(found, *(run.id for run in runs))
    return 0


def import_verb(args: argparse.Namespace) -> int:
    """Build an index from a file of codes."""
    from core.fields import toml_value
    from eagertui.cli import headless
    from eagertui.cli.output.narration import narration

    path = project_file(args.project)
    if not args.file.is_file():
        raise ProjectError(
            f"no file of codes at {args.file}", "LC-Rec's .index.json, or Parquet with item_id and codes"
        )
    setting = f"index.method={toml_value('file:' + str(args.file.resolve()))}"
    code = headless.train(path, [*args.overrides, setting, ONLY_INDEX], as_json=args.json)
    if code == 0:
        narration().print(f"to train with it: eagertui --headless train {visible(path)} --set '{visible(setting)}'")
    return code


def export_verb(args: argparse.Namespace) -> int:
    """Write an index into a file."""
    from core.index.exchange.in_out import export_index

    export_index(_index_of(_run(args)), args.out, raw=args.raw)
    print(json.dumps({"file": str(args.out.resolve())}) if args.json else args.out)
    return 0


def _told(args: argparse.Namespace, run: RunFolder, told: dict[str, object]) -> int:
    if args.json:
        print(json.dumps({"run": str(run.path.resolve()), **told}))
    else:
        for name, value in told.items():
            print(f"{name.replace('_', ' ')}: {visible(value)}")
    return 0


def _run(args: argparse.Namespace) -> RunFolder:
    """The run that is meant: by default the newest with an index."""
    return _find(args, args.run)


def _find(args: argparse.Namespace, name: str | None) -> RunFolder:
    from core.project import Project
    from core.run.folder import find_run, list_runs

    if name and (Path(name) / "run.json").is_file():
        return find_run(Path(), name)
    runs_dir = Project.load(project_file(args.project)).runs_dir
    if name:
        return find_run(runs_dir, name)
    with_index = [run.folder for run in list_runs(runs_dir) if (run.folder.path / "stages" / "index.json").is_file()]
    if not with_index:
        raise ProjectError(f"no run in {runs_dir} has an item index", "make one: eagertui --headless index build")
    return with_index[0]


def _index_of(run: RunFolder) -> Path:

    return run.artefact("index")
