"""A run told on stderr: a live line with a bar on a terminal, sparse plain lines in a pipe. Never imports textual."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from core.run.events import Event
from core.run.rankings import SEEN_KEPT
from core.run.state import RunState
from eagertui.plain import duration, figure, figures, visible

INTERVAL = 10.0
"""Seconds between two progress lines in a pipe."""

SHOWN_METRICS = 3


def narration() -> Console:
    """The console on stderr; what is printed there is text, never markup."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)


class Printer:
    """Shows events as they come.

    Args:
        console: where to print; a terminal gets the live line.
        live: force the live line on or off.
        clock: seconds, for tests.
    """

    def __init__(self, console: Console, live: bool | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self.live = console.is_terminal if live is None else live
        self._clock = clock
        self._said = clock()
        self._metrics = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Draw the live line, where there is one."""
        if self.live:
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[after]}", markup=False),
            )
            self._bar = Progress(*columns, console=self.console, transient=True, refresh_per_second=4, expand=True)
            self._task = self._bar.add_task("starting", total=1, after="")
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take the live line away."""
        if self._bar:
            self._bar.stop()

    def say(self, text: str, style: str = "") -> None:
        """One line of narration."""
        self.console.print(Text(text, style=style))

    def event(self, event: Event, state: RunState) -> None:
        """Tell one event; `state` is the run's after it."""
        teller = _TELLERS.get(event.kind)
        if teller:
            teller(self, event.data, state)

    # --- one method a kind of event ---------------------------------------------------------------------------------

    def _run_started(self, data: Any, state: RunState) -> None:
        self.say(f"run {visible(state.run)} {'goes on' if data.get('resumed') else 'started'}", "bold")

    def _run_finished(self, data: Any, state: RunState) -> None:
        self.say(f"run {state.state} after {duration(data.get('seconds'))}", "bold")

    def _stage_started(self, data: Any, state: RunState) -> None:
        self._metrics = ""
        self._stage(data.get("stage"), "started")
        self._draw(visible(data.get("stage")), None, 0.0, "")

    def _stage_finished(self, data: Any, state: RunState) -> None:
        summary = figures(data.get("summary"))
        self._stage(data.get("stage"), f"done in {duration(data.get('seconds'))}" + (f": {summary}" if summary else ""))

    def _stage_reused(self, data: Any, state: RunState) -> None:
        self._stage(data.get("stage"), "reused, nothing changed")

    def _stage(self, name: object, text: str) -> None:
        self.say(f"{visible(name):<12} {text}")

    def _progress(self, data: Any, state: RunState) -> None:
        now = state.progress
        if now is None or "ahead" in data:  # what is made ahead of its turn stands behind the task at work
            return
        count = f"{figure(now.done)}/{figure(now.total)}" if now.total > 0 else figure(now.done)
        after = f"{count} {visible(now.unit)}".rstrip()
        if state.pace:
            after += f", {figure(state.pace)}/s"
        if state.eta:
            after += f", eta {duration(state.eta)}"
        for stage, far in state.ahead.items():
            after += f", {visible(stage)} {far.share:.0%}"
        if self._metrics:
            after += f", {self._metrics}"
        name = visible(now.task)
        self._draw(name, now.total or None, now.done, after)
        if not self.live and self._clock() - self._said >= INTERVAL:
            self._said = self._clock()
            share = f"{now.share:4.0%}  " if now.total > 0 else ""
            self.say(f"{name:<12} {share}{after}")

    def _metric(self, data: Any, state: RunState) -> None:
        values = data.get("values")
        if isinstance(values, dict):
            self._metrics = figures(dict(list(values.items())[:SHOWN_METRICS]))

    def _eval(self, data: Any, state: RunState) -> None:
        values = data.get("values")
        if not isinstance(values, dict):
            return
        best = state.best is not None and state.evaluations and state.best is state.evaluations[-1]
        step = f"step {figure(data.get('step'))}  " if data.get("step") else ""
        shown = {k: v for k, v in values.items() if k in ("recall@10", "ndcg@10", "loss")} or values
        self.say(
            f"{visible(data.get('split')):<12} {step}{figures(shown)}, {SEEN_KEPT}{'  best so far' if best else ''}"
        )

    def _alert(self, data: Any, state: RunState) -> None:
        style = {"error": "bold red", "warning": "yellow"}.get(str(data.get("level")), "")
        text = visible(data.get("text", ""))
        self.say(f"! {visible(data.get('title'))}" + (f": {text}" if text else ""), style)

    def _checkpoint(self, data: Any, state: RunState) -> None:
        if not data.get("best"):
            self.say(f"{'checkpoint':<12} {visible(data.get('path'))}", "dim")

    def _text(self, data: Any, state: RunState) -> None:
        self.say(visible(data.get("text")), "dim")

    def _draw(self, name: str, total: float | None, done: float, after: str) -> None:
        if self._bar and self._task is not None:
            done = done if total else 0  # an unknown end is an empty bar
            self._bar.update(self._task, description=name, total=total or 1, completed=done, after=after)


_TELLERS: dict[str, Callable[[Printer, Any, RunState], None]] = {
    "run.started": Printer._run_started,
    "run.finished": Printer._run_finished,
    "stage.started": Printer._stage_started,
    "stage.finished": Printer._stage_finished,
    "stage.reused": Printer._stage_reused,
    "progress": Printer._progress,
    "metric": Printer._metric,
    "eval": Printer._eval,
    "alert": Printer._alert,
    "checkpoint": Printer._checkpoint,
    "log": Printer._text,
}
