"""Jobs on a cache in processes of their own that are killed at a moment, or after some seconds."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

from core.run.launch import engine_environment

CHILD = """
import json, sys, time
from pathlib import Path
from core.recommend.cache import list_jobs, list_shards
from core.recommend.recommender import Recommender
list_shards.SHARD, list_shards.BLOCK = 24, 8
moment, run, job, argument = sys.argv[1:]
rows = list_jobs._rows
def held(table):
    for number, row in enumerate(rows(table)):
        if number == 3:
            print("MOMENT", flush=True)
            time.sleep(120)
        yield row
def say(text):
    print(text, flush=True)
    if moment == "shards" and text.startswith("48 of"):
        print("MOMENT", flush=True)
        time.sleep(120)
if moment == "load":
    list_jobs._rows = held
loaded = Recommender.load(Path(run))
Recommender.load = classmethod(lambda cls, run: loaded)
print("READY", flush=True)
if job == "build":
    list_jobs.build_cache(Path(run), json.loads(argument), say, say)
else:
    list_jobs.refresh_cache(Path(run), Path(argument) if argument else None, 0.0, say, say)
print("DONE", flush=True)
"""


def start(run: Path, job: str, argument: str, moment: str = "") -> subprocess.Popen[str]:
    """A job that waits at a moment to be killed: `shards`, `load`, or none."""
    argv = [sys.executable, "-c", CHILD, moment, str(run), job, argument]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=engine_environment())


def kill_at(child: subprocess.Popen[str]) -> None:
    """Wait for the moment, then kill -9."""
    assert child.stdout is not None
    for line in child.stdout:
        assert line.strip() != "DONE", "it ended before its moment"
        if line.strip() == "MOMENT":
            break
    child.kill()
    child.wait()
    child.stdout.close()


def kill_after(child: subprocess.Popen[str], seconds: float) -> float | None:
    """Kill -9 some seconds after the model is loaded; the seconds that the job took where it was done before."""
    assert child.stdout is not None
    while child.stdout.readline().strip() != "READY":
        assert child.poll() is None
    began = time.perf_counter()
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    done = "DONE" in child.stdout.read()
    timer.cancel()
    child.wait()
    child.stdout.close()
    return time.perf_counter() - began if done else None
