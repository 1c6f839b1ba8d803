"""Follow a run to its end, without a screen: its events as they come, signals passed on, what came of it.

The engine is a process of its own, so nothing heavy is imported here. stdout is data, stderr is narration.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from types import FrameType

from rich.console import Console

from core.errors import EagerError, EnvironmentFault, Interrupted
from core.jobs.seeds import group_of, next_of_group
from core.jobs.start import How, Start, start_training
from core.project import Project
from core.run.events import VERSION, Event, EventReader
from core.run.folder import RunFolder
from core.run.launch import NICE, stop
from core.run.reducer import reduce, reduce_all
from core.run.state import RunState
from eagertui.cli.output.metrics_table import show_metrics
from eagertui.cli.output.narration import Printer, narration
from eagertui.plain import visible

TICK = 0.1
CHUNK = 4 << 20
INTERRUPTED = Interrupted.exit_code
EXIT_CODES = (0, 1, 2, 3, 4, INTERRUPTED)
HOW: dict[How, str] = {
    "new": "new run",
    "started": "starts",
    "continued": "continues",
    "attached": "attached to the run at work; Ctrl-C stops it",
}


def train(project: Project, *, new: bool = False, run_id: str | None = None, detach: bool = False,
          as_json: bool = False) -> int:  # fmt: skip
    """Start, continue or attach to the training of a project and follow it to its end.

    Args:
        project: what is trained.
        new: start a new run in any case.
        run_id: continue this run.
        detach: leave the engine alone once it runs, and print the run's path.
        as_json: print the event lines instead of a table.

    Returns:
        The exit code.
    """
    signals: list[int] = []
    past = 0
    nice = NICE if detach else 0
    with contextlib.ExitStack() as stack:

        def begin(folder: RunFolder, how: How) -> None:
            nonlocal past
            _tell(folder, how)
            if not detach:
                with contextlib.suppress(OSError):
                    past = folder.events_path.stat().st_size
                stack.enter_context(_noted(signals))  # from here on they are the engine's

        start = start_training(project, new=new, run_id=run_id, on_choice=begin, nice=nice)
        if start.how == "finished":
            return show_result(start.folder, as_json)
        if detach:
            path = str(start.folder.path.resolve())
            print(json.dumps({"run": path}) if as_json else path)
            return 0
        code = _follow(start, past, signals, as_json)
        while code == 0 and not signals and (following := next_of_group(start.folder)) is not None:
            start = start_training(project, run_id=str(following.path), on_choice=begin, nice=nice)
            code = _follow(start, past, signals, as_json)
        if code == 0 and not as_json:
            show_group([info.folder for info in group_of(start.folder)])
        return code


def _tell(folder: RunFolder, how: How) -> None:
    """Say which run it is."""
    if how == "finished":
        narration().print(f"run {visible(folder.id)} is finished already; --new starts another")
    else:
        narration().print(f"{HOW[how]}: {visible(folder.path)}")


@contextlib.contextmanager
def _noted(signals: list[int]) -> Iterator[None]:
    """The SIGINTs and SIGTERMs that arrive inside interrupt nothing and go into the list."""

    def note(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(start: Start, past: int, signals: list[int], as_json: bool) -> int:
    """Watch a run to its end, its engine started by us or by somebody else.

    Args:
        start: the run, and the engine if it is ours.
        past: bytes of its events that are not shown any more.
        signals: those that arrived and arrive; each is taken out and passed on to the engine.
        as_json: print the event lines instead of a table.

    Returns:
        The exit code of the engine.
    """
    folder, engine, console = start.folder, start.engine, narration()
    reader, state = EventReader(folder.events_path), RunState()
    while reader.offset < past:
        before = reader.offset
        state = reduce_all(state, reader.poll(min(CHUNK, past - reader.offset)))
        if reader.offset == before:
            break  # half a line, which a dead engine left
    passed_on = 0
    with Printer(console, live=False if as_json else None) as printer:
        while True:
            over = engine.poll() is not None if engine else not folder.status().live
            for event in reader.poll():
                state = reduce(state, event)
                if as_json:
                    print(_line(event), flush=True)
                else:
                    printer.event(event, state)
            if over and not reader.behind:
                break
            while signals:
                signals.pop(0)
                passed_on += 1
                again = "; once more ends it at once" if passed_on == 1 else ""
                printer.say(f"stopping: the engine saves a checkpoint{again}", "bold")
                stop(folder, escalate=True)
            time.sleep(TICK)
    if engine and engine.returncode == EnvironmentFault.exit_code and folder.status().live:
        console.print("another engine was quicker; attached to it")
        return _follow(replace(start, how="attached", engine=None), reader.offset, signals, as_json)
    code = _exit_code(folder, state, engine, bool(passed_on or signals))
    if as_json:
        if state.state == "running" or not state.ended:
            print(_line(_last_word(folder, state, code)), flush=True)
    elif code == 0:
        show_result(folder, as_json=False)
    if code == INTERRUPTED:
        console.print(_interrupted(folder))
    elif code:
        _explain(folder, state, console)
    return code


def _exit_code(folder: RunFolder, state: RunState, engine: subprocess.Popen[bytes] | None, asked: bool) -> int:
    """The engine's exit code; one that died by a signal failed, unless we had asked it to stop."""
    code = engine.returncode if engine else folder.status().exit_code
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


def show_group(folders: list[RunFolder]) -> None:
    """Runs that differ in their seed alone as one line a method, on stdout; nothing of a single run."""
    if len(folders) < 2 or any(folder.manifest().get("goal") == "index" for folder in folders):
        return
    from core.evaluate.comparison.as_object import comparison_object
    from core.evaluate.comparison.comparison_of_runs import HEAD_METRIC, Comparison
    from core.evaluate.comparison.measured_run import load_run
    from eagertui.cli.output.comparison_table import show_comparison

    try:
        comparison = Comparison([load_run(folder) for folder in folders])
    except EagerError as error:
        narration().print(f"the seeds are not compared: {visible(error.message)}")
        return
    show_comparison(comparison_object(comparison, HEAD_METRIC))


def show_result(folder: RunFolder, as_json: bool) -> int:
    """The metrics and the path of a finished run, on stdout."""
    metrics = folder.metrics()
    if as_json:
        reader, ends = EventReader(folder.events_path), []
        while (events := reader.poll()) or reader.behind:  # piece by piece: a read of any size is asked for in memory
            ends += [event for event in events if event.kind == "run.finished"]
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
