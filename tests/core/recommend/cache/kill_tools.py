"""Jobs on a cache in processes of their own that are killed (-9) at a moment, or at one of their calls."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from core.run.launch import engine_environment

CHILD = """
import json, os, signal, sys, time
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
last, calls = int(moment) if moment.isdigit() else -1, 0
def watch(frame, event, argument):
    global calls
    if "recommend/cache" in frame.f_code.co_filename:
        calls += 1
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(watch)
if job == "build":
    list_jobs.build_cache(Path(run), json.loads(argument), say, say)
else:
    list_jobs.refresh_cache(Path(run), Path(argument) if argument else None, 0.0, say, say)
sys.setprofile(None)
print("DONE", calls, flush=True)
"""


def start(run: Path, job: str, argument: str, moment: str = "") -> subprocess.Popen[str]:
    """A job that waits at a moment to be killed (`shards`, `load`), dies at its n-th call (a number), or does not."""
    argv = [sys.executable, "-c", CHILD, moment, str(run), job, argument]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=engine_environment())


def kill_at(child: subprocess.Popen[str]) -> None:
    """Wait for the moment, then kill -9."""
    assert child.stdout is not None
    for line in child.stdout:
        assert not line.startswith("DONE"), "it ended before its moment"
        if line.strip() == "MOMENT":
            break
    child.kill()
    child.wait()
    child.stdout.close()


def calls_of(child: subprocess.Popen[str]) -> int | None:
    """How many calls a job made to its end; None where it was killed before."""
    out, _ = child.communicate()
    last = (out.splitlines() or [""])[-1].split()
    if last[:1] == ["DONE"]:
        return int(last[1])
    assert child.returncode == -signal.SIGKILL, out
    return None
