"""The verb `control`: pause, resume, save, stop or kill a run at work."""

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
    parser.add_argument("command", choices=("pause", "resume", "checkpoint", "stop", "kill"), help="what to ask for")
    parser.add_argument("project", nargs="?", type=Path, help="project file or its folder (default: project.toml)")


def control(args: argparse.Namespace) -> int:
    """Ask the engine of a run for something, by default of the newest at work; `kill` loses what was not saved."""
    from core.run.launch import kill, send
    from core.run.listing import find_run, list_runs
    from eagertui.cli.output.narration import narration

    runs_dir = load_project(args.project).runs_dir
    live = next((run.folder for run in list_runs(runs_dir) if run.status.live), None)
    folder = find_run(runs_dir, args.run) if args.run is not None else live
    if folder is None or not folder.status().live:
        name = f"run {folder.id} is not" if folder else f"no run in {runs_dir} is"
        raise ProjectError(f"{name} at work", "`eagertui runs` lists them")
    command = args.command
    kill(folder) if command == "kill" else send(folder, command)
    if args.json:
        print(json.dumps({"run": str(folder.path.resolve()), "asked": command}))
    else:
        done = f"{visible(folder.id)} is ended" if command == "kill" else f"asked {visible(folder.id)} to {command}"
        narration().print(done)
    return 0


VERB = Verb("control", "ask a run at work for something", control, arguments, project=False, run=True, order=100)
