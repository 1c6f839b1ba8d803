"""What the command line writes: safe text, figures, and how often it speaks."""

from __future__ import annotations

import io
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from core.run.events import Event
from core.run.reducer import reduce
from core.run.state import RunState
from eagertui.cli.output.narration import INTERVAL, Printer
from eagertui.cli.verbs import doctor
from eagertui.plain import figure, figures, visible


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text):
    shown = visible(text)
    left = {unicodedata.category(c) for c in shown.replace("\u200d", "")}
    assert not left & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    shown.encode()


def test_ordinary_titles_stay_as_they_are():
    for title in ("The Lighthouse, vol. 2", "界 🙂 café", "[red]Bold[/]", "a\u00a0b", "👩\u200d🚀"):
        assert visible(title) == title
    assert visible("a\tb\n\x1b[31m\x7f") == "a␉b␊␛[31m␡"


def test_figures():
    values = {12101: "12,101", 0.06481: "0.06481", 2.0: "2", None: "–", True: "yes", (2, 3): "2/3"}
    assert [figure(value) for value in values] == list(values.values())
    assert figures({"items": 5, "in_it": {"no": 1}, "wall_s": 2.5}) == "items 5, wall s 2.5"


def test_a_pipe_hears_of_progress_now_and_then():
    now, written = 0.0, io.StringIO()
    state = RunState()
    printer = Printer(Console(file=written, width=100, markup=False), clock=lambda: now)
    events = [Event(1, 0.0, "run.started", {"run": "r"}), Event(2, 0.0, "stage.started", {"stage": "tune"})]
    known = {"task": "tune", "total": 1000, "unit": "steps"}
    events += [Event(3 + n, n / 5, "progress", {**known, "done": n}) for n in range(1000)]
    with printer:
        for event in events:
            now = event.ts
            state = reduce(state, event)
            printer.event(event, state)
    lines = [line for line in written.getvalue().splitlines() if "steps" in line]
    assert len(lines) == 200 // INTERVAL - 1 or len(lines) == 200 // INTERVAL
    assert "eta" in lines[-1]
    assert "%" in lines[-1]
    assert "5/s" in lines[-1]


def test_a_pipe_hears_of_the_stage_that_another_process_is_ahead_with():
    written = io.StringIO()
    state, printer = RunState(), Printer(Console(file=written, width=100, markup=False), clock=lambda: 0.0)
    printer._said = -INTERVAL
    told = [
        ("stage.started", {"stage": "sasrec"}),
        ("progress", {"ahead": "teacher", "task": "teacher", "done": 3, "total": 10, "unit": "steps"}),
        ("progress", {"task": "sasrec", "done": 1, "total": 10, "unit": "steps"}),
    ]
    for number, (kind, data) in enumerate(told, start=1):
        event = Event(number, float(number), kind, data)
        state = reduce(state, event)
        printer.event(event, state)
    assert written.getvalue().splitlines()[1:] == ["sasrec        10%  1/10 steps, teacher 30%"]


def test_unknown_kinds_and_odd_events_are_no_trouble():
    state, printer = RunState(), Printer(Console(file=io.StringIO()), live=False)
    odd = [
        ("dream", {}), ("metric", {"values": None}), ("eval", {"values": 3}), ("alert", {}), ("stage.finished", {}),
        ("progress", {}), ("log", {}), ("run.finished", {"seconds": "x"}),
    ]  # fmt: skip
    for number, (kind, data) in enumerate(odd, start=1):
        event = Event(number, 0.0, kind, data)
        state = reduce(state, event)
        printer.event(event, state)


def test_gpus_are_read_from_nvidia_smi(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.gpus() == []
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB, 143000 MiB, 570.1'\n")
    tool.chmod(0o755)
    assert doctor.gpus()[0]["name"] == "NVIDIA H200"
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert doctor.gpus() == []
