"""The verb `runs`: a project's runs, the newest first; it names, pins and deletes them, and frees the disk."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb
from eagertui.plain import size, typed, visible

if TYPE_CHECKING:
    from core.jobs.housekeeping import Deletion


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--rm", metavar="ID", action="append", help="delete a run and what no other run uses; repeatable")
    one.add_argument("--name", nargs=2, metavar=("ID", "NAME"), help="give a run a name; an empty one takes it away")
    one.add_argument("--pin", metavar="ID", help="let a run not be deleted")
    one.add_argument("--unpin", metavar="ID", help="let it be deleted again")
    one.add_argument("--prune", action="store_true", help="delete the artefacts that no run uses")
    parser.add_argument("--yes", action="store_true", help="delete without a question")


def runs(args: argparse.Namespace) -> int:
    """List the runs, or do what an option asks."""
    from core.jobs.housekeeping import pruning, removal
    from core.run.listing import closed_runs, find_run, list_runs
    from eagertui.cli.output.lists import run_row, show_runs

    runs_dir = load_project(args.project).runs_dir
    if args.rm:
        return _delete(removal(runs_dir, [find_run(runs_dir, given) for given in args.rm]), args)
    if args.prune:
        return _delete(pruning(runs_dir), args)
    if args.name:
        find_run(runs_dir, args.name[0]).set_label(label=" ".join(args.name[1].split()))
    if args.pin or args.unpin:
        find_run(runs_dir, args.pin or args.unpin).set_label(pinned=bool(args.pin))
    rows = list_runs(runs_dir)
    if closed := closed_runs(runs_dir):
        print(f"no permission to look into {len(closed)} more: {', '.join(closed[:8])}", file=sys.stderr)
    if args.json:
        print(json.dumps({"runs": [run_row(run) for run in rows]}))
    elif rows:
        show_runs(rows)
    elif not closed:
        print(f"no runs yet; start one: eagertui --headless train {typed(runs_dir.parent)}", file=sys.stderr)
    return 0


def _delete(deletion: Deletion, args: argparse.Namespace) -> int:
    """Delete, after a question where nobody said yes already."""
    from core.jobs.housekeeping import delete
    from eagertui.cli.output.narration import narration

    gone = bool(deletion.runs or deletion.artefacts)
    if gone and not args.yes and not _agreed(deletion):
        narration().print("nothing is deleted")
        return 0
    if gone:
        delete(deletion)
    if args.json:
        deleted = {"runs": [run.id for run in deletion.runs], "artefacts": [path.name for path in deletion.artefacts]}
        print(json.dumps({"deleted": deleted, "bytes": deletion.bytes if gone else 0}))
    else:
        narration().print(f"{size(deletion.bytes)} freed" if gone else "there is nothing that no run uses")
    return 0


def _agreed(deletion: Deletion) -> bool:
    """Whether a person says yes.

    Raises:
        ProjectError: there is nobody to ask.
    """
    from eagertui.cli.output.narration import narration

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ProjectError(f"this deletes {size(deletion.bytes)}, and nobody can be asked", "--yes deletes it")
    for row in deletion_lines(deletion):
        narration().print(row)
    narration().print(f"Delete {size(deletion.bytes)}? It cannot be undone. [y/N] ", end="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def deletion_lines(deletion: Deletion) -> list[str]:
    """What goes and what stays, in sentences."""
    count, shared, other = len(deletion.artefacts), deletion.shared, "other " if deletion.runs else ""
    lines = [f"run {visible(run.id)}" for run in deletion.runs]
    if count:
        lines.append(f"{count} artefact{'' if count == 1 else 's'} that no {other}run uses")
    if shared:
        lines.append("1 artefact stays: another run uses it" if shared == 1 else f"{shared} artefacts stay, in use")
    return lines


VERB = Verb("runs", "list, name, pin and delete runs", runs, arguments, place="home", order=90)
