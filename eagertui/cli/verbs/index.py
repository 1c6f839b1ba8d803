"""The verb `index`: item indices alone."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ProjectError
from eagertui.cli.loading import file_now, load_project
from eagertui.cli.verb import Verb
from eagertui.cli.verbs.train import add_start_options, dry_run
from eagertui.plain import project_file, visible

if TYPE_CHECKING:
    from core.run.folder import RunFolder

ONLY_INDEX = "run.goal=index"
"""The `--set` text of a run that ends with its item index."""


SHOWN, BESIDE = 10, 3
"""New items that are shown, and what stands beside each."""


def build(args: argparse.Namespace) -> int:
    """Make the index."""
    from eagertui.cli import following

    project = load_project(args.project, [*args.overrides, ONLY_INDEX])
    if args.dry_run:
        return dry_run(project, args.json)
    return following.train(project, new=args.new, as_json=args.json)


def show(args: argparse.Namespace) -> int:
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


def add(args: argparse.Namespace) -> int:
    """Add items to the index of a run."""
    from core.index.revisions.add import add_items

    run = _run(args)
    revision = add_items(run, file_now(args.file, "FILE"), args.vectors)
    _show_changes(args, run, revision.to_dict())
    if not args.json:
        _show_new(run, revision.items["item_id"].to_list())
    return 0


def remove(args: argparse.Namespace) -> int:
    """Take items out of a run's recommendations."""
    from core.index.revisions.add import remove_items

    run, items = _run(args), [one.strip() for one in args.items.split(",") if one.strip()]
    return _show_changes(args, run, remove_items(run, items).to_dict())


def diff(args: argparse.Namespace) -> int:
    """Compare the indices of two runs."""
    from core.index.measure import diff as measure
    from eagertui.cli.output.index_report import show_diff

    runs = _find(args, args.a, args.b)
    difference = measure.diff(*(_index_of(run) for run in runs))
    if args.json:
        print(json.dumps({"a": runs[0].id, "b": runs[1].id, **difference}))
    else:
        show_diff(difference, *(run.id for run in runs))
    return 0


def take(args: argparse.Namespace) -> int:
    """Build an index from a file of codes."""
    from core.setting_values import toml_value
    from eagertui.cli import following
    from eagertui.cli.output.narration import narration

    if not args.file.is_file():
        raise ProjectError(
            f"no file of codes at {args.file}", "LC-Rec's .index.json, or Parquet with item_id and codes"
        )
    setting = f"index.method={toml_value('file:' + str(args.file.resolve()))}"
    project = load_project(args.project, [*args.overrides, setting, ONLY_INDEX])
    code = following.train(project, as_json=args.json)
    if code == 0:
        path = visible(project_file(args.project))
        narration().print(f"to train with it: eagertui --headless train {path} --set '{visible(setting)}'")
    return code


def export(args: argparse.Namespace) -> int:
    """Write an index into a file."""
    from core.index.exchange.in_out import export_index

    export_index(_index_of(_run(args)), args.out, raw=args.raw)
    print(json.dumps({"file": str(args.out.resolve())}) if args.json else args.out)
    return 0


def _show_changes(args: argparse.Namespace, run: RunFolder, changes: dict[str, object]) -> int:
    """Print what was changed in an index."""
    if args.json:
        print(json.dumps({"run": str(run.path.resolve()), **changes}))
    else:
        for name, value in changes.items():
            if value in ({}, [], None):
                continue
            print(f"{name.replace('_', ' ')}: {visible(value)}")
    return 0


def _show_new(run: RunFolder, ids: list[str]) -> None:
    """The code of each new item, and what shares its beginning: where it will be recommended."""
    from core.index.lookup import Lookup
    from core.index.revisions.changes import load_revisions

    lookup = Lookup.load(_index_of(run), run.artefact("data")).grown(load_revisions(run))
    for item_id in ids[:SHOWN]:
        number = lookup.number(item_id)
        if number is None:
            continue
        print(f"{visible(item_id)}  {lookup.index.text(number)}  {visible(lookup.title(number))}")
        for sibling in lookup.siblings(number, BESIDE)[1]:
            print(f"    beside {visible(lookup.item_id(sibling))}  {visible(lookup.title(sibling))}")
    if len(ids) > SHOWN:
        print(f"and {len(ids) - SHOWN:,} more; the app's Index place shows each one")


def _run(args: argparse.Namespace) -> RunFolder:
    """The run that is meant: by default the newest with an index."""
    return _find(args, args.run)[0]


def _find(args: argparse.Namespace, *names: str | None) -> list[RunFolder]:
    """The runs of these names; None is the newest with an index."""
    from core.run.folder import RunFolder
    from core.run.listing import find_run, list_runs

    if all(name and (Path(name) / "run.json").is_file() for name in names):
        return [RunFolder(Path(name)) for name in names if name]
    runs_dir = load_project(args.project).runs_dir
    if all(names):
        return [find_run(runs_dir, name) for name in names]
    with_index = [run.folder for run in list_runs(runs_dir) if (run.folder.path / "stages" / "index.json").is_file()]
    if not with_index:
        raise ProjectError(f"no run in {runs_dir} has an item index", "make one: eagertui index build")
    return with_index[:1]


def _index_of(run: RunFolder) -> Path:
    return run.artefact("index")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="item table, with the project's columns")
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="their vectors, where vectors.semantic is a file")


def _remove_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("items", metavar="ID,ID", help="item ids")


def _diff_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", metavar="A", help="a run: its id, a part of it, or its folder")
    parser.add_argument("b", metavar="B", help="another one")


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    text = "LC-Rec's .index.json, or Parquet with item_id and codes"
    parser.add_argument("file", type=Path, metavar="FILE", help=text)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    text = "LC-Rec's format for .json, or .parquet"
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=text)
    parser.add_argument("--raw", action="store_true", help="the codes as they were before conflicts were settled")


VERBS = (
    Verb("build", "make the item index and report on it", build, add_start_options, sets=True),
    Verb("show", "report on the item index of a run", show, run=True),
    Verb("add", "give new items a free code; a finished run recommends them at once", add, _add_arguments, run=True),
    Verb("remove", "recommend items no longer", remove, _remove_arguments, run=True),
    Verb("diff", "two item indices side by side", diff, _diff_arguments),
    Verb("import", "take an index that was made elsewhere, and report on it", take, _import_arguments, sets=True),
    Verb("export", "write the item index into a file", export, _export_arguments, run=True),
)
VERB = Verb("index", "item indices alone", verbs=VERBS, place="index", order=50)
