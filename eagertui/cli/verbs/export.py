"""The verb `export`: a run's model as a plain Hugging Face folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb
from eagertui.plain import visible


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("project", nargs="?", type=Path, help="project file, its folder, or a run's folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the new folder")


def export(args: argparse.Namespace) -> int:
    """Write a run's model and print where."""
    from core.run.folder import RunFolder
    from core.run.listing import WITH_MODEL, find_run
    from eagertui.cli import engine_process
    from eagertui.cli.output.narration import narration

    path, out = args.project, str(args.out.resolve())
    if args.out.exists():
        raise ProjectError(f"{args.out} is there already", "name a folder that is not there yet")
    if path is not None and (path / "run.json").is_file():
        folder = RunFolder(path)
    else:
        folder = find_run(load_project(path).runs_dir, args.run, WITH_MODEL)
    narration().print(f"exports: {visible(folder.path)}")
    with engine_process.engine_process("export", folder, "--out", out) as child:
        child.communicate()
    if child.returncode:
        return child.returncode if child.returncode > 0 else 1
    print(json.dumps({"run": str(folder.path.resolve()), "folder": out}) if args.json else out)
    return 0


TEXT = "write a run's model as a plain Hugging Face folder, its index beside it"
VERB = Verb("export", TEXT, export, arguments, project=False, run=True, order=80)
