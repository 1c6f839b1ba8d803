"""The verb `prompts`: rendered examples of the tasks."""

from __future__ import annotations

import argparse
import json

from core.errors import ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb

ROWS = 3
"""Examples of one task; of all tasks one each."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("--task", metavar="NAME", help="one task, e.g. yes-no (default: all)")
    parser.add_argument("--wording", type=int, metavar="N", help="one wording of the task, from 1 (default: drawn)")
    parser.add_argument("--rows", type=int, metavar="K", help=f"examples a task (default: 1, of one task {ROWS})")


def prompts(args: argparse.Namespace) -> int:
    """Show examples."""
    from eagertui.cli.engine_process import errand
    from eagertui.cli.output.lists import output
    from eagertui.cli.output.prompt_report import show_prompts

    if args.rows is not None and args.rows < 1:
        raise ProjectError(f"--rows {args.rows}: expected at least 1")
    project = load_project(args.project, () if args.run else args.overrides)
    path = project.path
    if args.run:
        from core.run.listing import find_run

        path = find_run(project.runs_dir, args.run).project_path
    argv = [str(path), "--rows", str(args.rows or (ROWS if args.task else 1))]
    argv += [part for text in args.overrides for part in ("--set", text)]
    argv += [f"--task={args.task}"] if args.task is not None else []
    argv += [f"--wording={args.wording}"] if args.wording is not None else []
    examples = errand("prompts", *argv)
    if args.json:
        print(json.dumps(examples))
    else:
        show_prompts(output(), examples)
    return 0


TEXT = "show what the model is given and what it has to predict, task by task"
VERB = Verb("prompts", TEXT, prompts, arguments, sets=True, run=True, order=30)
