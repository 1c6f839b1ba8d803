"""The verb `prompts`: rendered examples of the tasks."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from core.errors import EagerError, EnvironmentFault, ProjectError
from eagertui.cli.loading import load_project
from eagertui.cli.verb import Verb
from eagertui.plain import visible

ROWS = 3
"""Examples of one task; of all tasks one each."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("--task", metavar="NAME", help="one task, e.g. yes-no (default: all)")
    parser.add_argument("--wording", type=int, metavar="N", help="one wording of the task, from 1 (default: drawn)")
    parser.add_argument("--rows", type=int, metavar="K", help=f"examples a task (default: 1, of one task {ROWS})")


def prompts(args: argparse.Namespace) -> int:
    """Show examples."""
    from eagertui.cli.output.lists import output
    from eagertui.cli.output.narration import narration
    from eagertui.cli.output.prompt_report import show_prompts

    if args.rows is not None and args.rows < 1:
        raise ProjectError(f"--rows {args.rows}: expected at least 1")
    project = load_project(args.project, () if args.run else args.overrides)
    path = project.path
    if args.run:
        from core.run.folder import find_run

        path = find_run(project.runs_dir, args.run).project_path
    argv = [str(path), "--rows", str(args.rows or (ROWS if args.task else 1))]
    argv += [part for text in args.overrides for part in ("--set", text)]
    argv += [f"--task={args.task}"] if args.task is not None else []
    argv += [f"--wording={args.wording}"] if args.wording is not None else []
    console = narration()
    examples = _ask(argv, lambda text: console.print(visible(text), style="dim"))
    if args.json:
        print(json.dumps(examples))
    else:
        show_prompts(output(), examples)
    return 0


def _ask(argv: list[str], tell: Callable[[str], None]) -> dict[str, Any]:
    """The engine's answer to the errand `prompts`, in a process of its own.

    Raises:
        EagerError: what went wrong, in the engine's words.
    """
    import subprocess

    from core.run.launch import engine_command, engine_environment

    command = [*engine_command(), "errand", "prompts", *argv]
    try:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, encoding="utf-8",
            env=engine_environment(),
        )  # fmt: skip
    except OSError as error:
        raise EnvironmentFault(f"cannot start the engine: {error}") from error
    try:
        with child:
            assert child.stdout is not None
            for line in child.stdout:
                message = json.loads(line)
                if "progress" in message:
                    tell(str(message["progress"]))
                if refusal := message.get("error"):
                    fault = EagerError(str(refusal["message"]), str(refusal["remedy"]))
                    fault.exit_code = int(refusal["exit_code"])
                    raise fault
                if "result" in message:
                    return dict(message["result"])
    finally:
        if child.poll() is None:
            child.kill()
    raise EagerError(f"the engine gave no answer (exit code {child.returncode})", "its messages stand above")


TEXT = "show what the model is given and what it has to predict, task by task"
VERB = Verb("prompts", TEXT, prompts, arguments, sets=True, run=True, order=30)
