"""The client without a screen: one question, and the ways to get no answer."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from core.errors import DataError, EagerError, EnvironmentFault
from core.run.folder import RunFolder
from core.serve.client import ServingClient, ask_once

FAKE = Path(__file__).parents[2] / "fake_engine.py"


def engine(*options: str) -> list[str]:
    return [sys.executable, str(FAKE), *options]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "", "x")


def test_one_question(run: RunFolder) -> None:
    heard: list[str] = []
    answer = ask_once(run, "users", {"prefix": "reader-01", "limit": 2}, heard.append, engine())
    assert (answer, heard) == ({"users": ["reader-010", "reader-011"]}, ["loading the model"])


def test_no_answer_leaves_its_reason(run: RunFolder) -> None:
    with pytest.raises(EagerError, match="no user nobody") as error:
        ask_once(run, "recommend", {"user": "nobody"}, print, engine())
    assert (error.value.exit_code, bool(error.value.remedy)) == (DataError.exit_code, True)
    with pytest.raises(EagerError, match="no checkpoint") as error:
        ask_once(run, "recommend", {"user": "x"}, print, engine("--no-start"))
    assert (error.value.exit_code, error.value.remedy) == (1, "train it first")
    with pytest.raises(EagerError, match="no answer") as error:
        ask_once(run, "recommend", {"user": "x"}, print, engine("--die-on", "x"))
    assert (error.value.exit_code, error.value.remedy) == (1, "its messages stand above")
    with pytest.raises(EnvironmentFault, match="cannot start"):
        ask_once(run, "users", {}, print, ["/nowhere/python"])


SPEAK = "from core.serve import protocol as p; print(p.line(p.progress('x')), flush=True); "


def test_an_interrupt_leaves_no_process(run: RunFolder, capfd: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C while the model loads."""
    # Whoever starts the tests in the background may have told them to ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    load = f"import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); {SPEAK}time.sleep(600)"
    try:
        with pytest.raises(KeyboardInterrupt):
            ask_once(run, "users", {}, lambda text: signal.raise_signal(signal.SIGINT), [sys.executable, "-c", load])
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int(capfd.readouterr().err.split()[0]), 0)


async def test_a_death_is_told_with_the_last_line_of_the_log(run: RunFolder, tmp_path: Path) -> None:
    die = "import sys; sys.exit('line one\\nout of memory, it says')"
    log = tmp_path / "its.log"
    client = ServingClient(run, print, command=[sys.executable, "-c", die], log=log, again="press a key")
    with pytest.raises(EnvironmentFault, match=r"ended .*: out of memory, it says") as error:
        await client.start()
    assert error.value.remedy == f"press a key; {log}"


async def test_a_process_that_hears_nothing_is_ended_by_a_signal(run: RunFolder) -> None:
    deaf = f"import signal, time; {SPEAK}print(p.line(p.ready('x', 1, 1, [])), flush=True); time.sleep(600)"
    client = ServingClient(run, print, command=[sys.executable, "-c", deaf])
    await client.start()
    began = time.monotonic()
    await client.close(wait=0.2)
    assert not client.alive and time.monotonic() - began < 10
