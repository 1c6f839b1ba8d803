"""The verbs that start an engine, without a screen: train, evaluate, recommend, export. Never imports textual.

The engine is a process of its own, so nothing heavy is imported here. stdout is data, stderr is narration.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console

from core.errors import EnvironmentFault, ProjectError
from core.jobs.start import create_run, find_unfinished
from core.project import Project
from core.run.events import VERSION, Event, EventReader
from core.run.folder import RunFolder, find_run, list_runs
from core.run.launch import engine_command, engine_environment, join, kill, rank, send, start, stop
from core.run.state import RunState, reduce, reduce_all
from eagertui.cli.output.narration import Printer, narration
from eagertui.plain import project_file, visible

TICK = 0.1
INTERRUPTED = 130
EXIT_CODES = (0, 1, 2, 3, 4, INTERRUPTED)
TABLE_WIDTH = 140


def train(
    path: Path, overrides: Sequence[str], *, new: bool = False, run_id: str | None = None, detach: bool = False,
    as_json: bool = False,
) -> int:  # fmt: skip
    """Start, continue or attach to the training of a project and follow it to its end.

    Args:
        path: the project file.
        overrides: the `--set` texts.
        new: start a new run in any case.
        run_id: continue this run.
        detach: leave the engine alone once it runs, and print the run's path.
        as_json: print the event lines instead of a table.

    Returns:
        The exit code.
    """
    if rank():
        join(path, overrides)
    if run_id is not None and (new or overrides):
        raise ProjectError("--run continues a run as it was started", "leave out --new and --set")
    project = Project.load(path, overrides)
    folder = find_run(project.runs_dir, run_id) if run_id is not None else None
    if folder is None and not new:
        folder = find_unfinished(project)
    status = folder.status() if folder else None
    if folder is None or status is None:
        folder, how = create_run(project), "new run"
    elif status.live:
        how = "attached to the run at work; Ctrl-C stops it"
    elif status.state == "finished":
        narration().print(f"run {visible(folder.id)} is finished already; --new starts another")
        return _show_result(folder, as_json)
    else:
        how = "continues" if status.started else "starts"
    console = narration()
    console.print(f"{how}: {visible(folder.path)}")
    if detach:
        if not (status and status.live):
            start(folder)
        print(json.dumps({"run": str(folder.path.resolve())}) if as_json else folder.path.resolve())
        return 0
    return follow(folder, launch=not (status and status.live), as_json=as_json, console=console)


def follow(folder: RunFolder, *, launch: bool, as_json: bool = False, console: Console | None = None) -> int:
    """Watch a run to its end, its engine started by us or by somebody else; signals are passed on to it.

    Returns:
        The exit code of the engine.
    """
    console = console or narration()
    reader = EventReader(folder.events_path)
    state = reduce_all(RunState(), reader.poll())
    while reader.behind:
        state = reduce_all(state, reader.poll())
    with _signals() as signals, Printer(console, live=False if as_json else None) as printer:
        child = start(folder, nice=0) if launch else None
        told = 0
        while True:
            over = child.poll() is not None if child else not folder.status().live
            for event in reader.poll():
                state = reduce(state, event)
                if as_json:
                    print(_line(event), flush=True)
                else:
                    printer.event(event, state)
            if over and not reader.behind:
                break
            while told < len(signals):
                told += 1
                again = "; once more ends it at once" if told == 1 else ""
                printer.say(f"stopping: the engine saves a checkpoint{again}", "bold")
                stop(folder, escalate=True)
            time.sleep(TICK)
    if child and child.returncode == EnvironmentFault.exit_code and folder.status().live:
        console.print("another engine was quicker; attached to it")
        return follow(folder, launch=False, as_json=as_json, console=console)
    code = _exit_code(folder, state, child, bool(signals))
    if as_json:
        if state.state == "running" or not state.ended:
            print(_line(_last_word(folder, state, code)), flush=True)
    elif code == 0:
        _show_result(folder, as_json=False)
    if code == INTERRUPTED:
        console.print(_interrupted(folder))
    elif code:
        _explain(folder, state, console)
    return code


def _exit_code(folder: RunFolder, state: RunState, child: subprocess.Popen[bytes] | None, asked: bool) -> int:
    """The engine's exit code; one that died by a signal failed, unless we had asked it to stop."""
    code = child.returncode if child else folder.status().exit_code
    if code in EXIT_CODES:
        return code
    if state.ended and state.exit_code in EXIT_CODES:
        return state.exit_code
    return INTERRUPTED if asked else 1


def _explain(folder: RunFolder, state: RunState, console: Console) -> None:
    """Say in two or three lines why a run failed."""
    status = folder.status()
    error = state.error or status.error or "the engine ended without a word; the system may have run out of memory"
    console.print(f"error: {visible(error)}", style="bold red")
    if remedy := state.remedy or status.remedy:
        console.print(visible(remedy))
    if not state.error and (tail := folder.log_tail(3)):
        console.print("\n".join(f"  {visible(line)}" for line in tail))
    console.print(f"its output: {visible(folder.stdout_path)}")


def _interrupted(folder: RunFolder) -> str:
    checkpoint = folder.status().checkpoint
    where = f"checkpoint: {visible(folder.path / checkpoint)}" if checkpoint else "no checkpoint yet, whole stages stay"
    return f"interrupted; {where}\nthe same command goes on from there"


def _last_word(folder: RunFolder, state: RunState, code: int) -> Event:
    """The closing event of an engine that died before it could write one."""
    error = state.error or folder.status().error or "the engine ended without a word"
    ending = {"run": str(folder.path.resolve()), "state": folder.status().state, "exit_code": code, "error": error}
    return Event(state.last_seq + 1, round(time.time(), 3), "run.finished", ending)


def _line(event: Event) -> str:
    """An event as its line in the file."""
    return json.dumps({"v": VERSION, "seq": event.seq, "ts": event.ts, "kind": event.kind, **event.data})


def _show_result(folder: RunFolder, as_json: bool) -> int:
    """The metrics and the path of a finished run, on stdout."""
    metrics = folder.metrics()
    if as_json:
        ends = [e for e in EventReader(folder.events_path).poll(sys.maxsize) if e.kind == "run.finished"]
        print(_line(ends[-1] if ends else _last_word(folder, RunState(), 0)))
        return 0
    if metrics:
        show_metrics(metrics)
    elif folder.manifest().get("goal") == "index":
        from core.index.revisions.changes import load_revisions
        from eagertui.cli.output.index_report import show_report

        show_report(folder.artefact("index"), load_revisions(folder))
    print(folder.path.resolve())
    return 0


def show_metrics(metrics: dict[str, Any]) -> None:
    """The table of methods and metrics, on stdout."""
    from eagertui.cli.output.metrics_table import metrics_table

    width = None if sys.stdout.isatty() else TABLE_WIDTH
    # Its cells are ours, names of methods and figures, so the markup in them is meant.
    Console(highlight=False, emoji=False, width=width).print(metrics_table(metrics))


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """The list of the SIGINTs and SIGTERMs that arrive inside; they interrupt nothing."""
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def plan(path: Path, overrides: Sequence[str], as_json: bool) -> int:
    """Say which stages `train` would run and which it would reuse, and what that costs; changes nothing."""
    from core.estimate import estimate
    from core.estimate.words import roughly

    project = Project.load(path, overrides)
    told = estimate(project)
    found = find_unfinished(project)
    if as_json:
        goes_on = str(found.path.resolve()) if found else None
        print(json.dumps({"project": str(project.path), "continues": goes_on, **told.to_dict()}))
        return 0
    for stage in told.stages:
        about = roughly(stage.seconds) if stage.state == "run" else ""
        print(f"{visible(stage.name):<12} {visible(stage.state):<6} {about:>11}  {visible(stage.note)}".rstrip())
    print(told.words())
    for warning in told.warnings:
        narration().print(f"warning: {visible(warning)}")
    narration().print(f"would continue {visible(found.path)}" if found else "would start a new run")
    return 0


def control(path: Path, command: str, run_id: str | None, as_json: bool) -> int:
    """Ask the engine of a run for something and say what it is about to do.

    Args:
        path: the project file.
        command: pause, resume, checkpoint, stop, or kill, which loses what was not saved.
        run_id: the run; None is the newest one at work.
        as_json: print one object.
    """
    runs_dir = Project.load(path).runs_dir
    live = next((run.folder for run in list_runs(runs_dir) if run.status.live), None)
    folder = find_run(runs_dir, run_id) if run_id is not None else live
    if folder is None or not folder.status().live:
        name = f"run {folder.id} is not" if folder else f"no run in {runs_dir} is"
        raise ProjectError(f"{name} at work", "`eagertui --headless runs` lists them")
    kill(folder) if command == "kill" else send(folder, command)
    if as_json:
        print(json.dumps({"run": str(folder.path.resolve()), "asked": command}))
    else:
        done = f"{visible(folder.id)} is ended" if command == "kill" else f"asked {visible(folder.id)} to {command}"
        narration().print(done)
    return 0


def evaluate(path: Path, overrides: Sequence[str], run_id: str | None, as_json: bool) -> int:
    """Measure a run again and show its metrics."""
    folder = find_run(Project.load(path, overrides).runs_dir, run_id)
    narration().print(f"evaluates: {visible(folder.path)}")
    sets = [part for text in overrides for part in ("--set", text)]
    with _engine("evaluate", folder, *sets) as child:
        out, _ = child.communicate()
    if child.returncode:
        return child.returncode if child.returncode > 0 else 1
    metrics = json.loads(out)
    if as_json:
        print(json.dumps({"run": str(folder.path.resolve()), "metrics": metrics}))
    else:
        show_metrics(metrics)
    return 0


def recommend(path: Path, request: dict[str, Any], run_id: str | None, as_json: bool) -> int:
    """Ask a run's serving process for one list and show it.

    Args:
        path: the project file.
        request: the parameters of the serving protocol's `recommend`.
        run_id: the run; None is the newest finished one.
        as_json: print the reply as one object.
    """
    from core.serve.client import ask_once
    from eagertui.cli.output.lists import show_recommendation

    folder = find_run(Project.load(path).runs_dir, run_id)
    result = ask_once(folder, "recommend", request, _progress, engine_command())
    if as_json:
        print(json.dumps({"run": str(folder.path.resolve()), **result}))
    else:
        show_recommendation(result)
    return 0


def export(path: Path | None, out: Path, run_id: str | None, as_json: bool) -> int:
    """Write a run's model as a plain Hugging Face folder and print where.

    Args:
        path: the project file, its folder, or a run's folder.
        out: the new folder.
        run_id: the run; None is the newest finished one.
        as_json: print one object.
    """
    if out.exists():
        raise ProjectError(f"{out} is there already", "name a folder that is not there yet")
    if path is not None and (path / "run.json").is_file():
        folder = RunFolder(path)
    else:
        folder = find_run(Project.load(project_file(path)).runs_dir, run_id)
    narration().print(f"exports: {visible(folder.path)}")
    with _engine("export", folder, "--out", str(out.resolve())) as child:
        child.communicate()
    if child.returncode:
        return child.returncode if child.returncode > 0 else 1
    told = str(out.resolve())
    print(json.dumps({"run": str(folder.path.resolve()), "folder": told}) if as_json else told)
    return 0


@contextlib.contextmanager
def _engine(work: str, folder: RunFolder, *extra: str) -> Iterator[subprocess.Popen[str]]:
    """A process of the engine on a run, its stdout ours to read; it ends with us."""
    argv = [*engine_command(), work, str(folder.path.resolve()), *extra]
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=engine_environment()
        )
    except OSError as error:
        raise EnvironmentFault(f"cannot start the engine: {error}") from error
    try:
        with child:
            yield child
    finally:
        if child.poll() is None:
            child.kill()


def _progress(text: str) -> None:
    narration().print(visible(text), style="dim")
