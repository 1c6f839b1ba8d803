"""A scripted engine: speaks the run folder's and the serving child's protocols, and misbehaves on demand.

Used as the engine's command: `python tests/fake_engine.py [options] train|serve RUN`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import time
from pathlib import Path

from core.errors import DataError, Interrupted
from core.run.engine import run_engine
from core.run.folder import RunFolder
from core.run.reporter import RunReporter

HOSTILE = "[red]Bold[/] \x1b[31mescape\x07 \u202eright-to-left\u202c zero\u200bwidth 界 🙂 \ttab\nline"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tick", type=float, default=0.01, help="seconds a step")
    parser.add_argument("--crash-at", type=int, help="die without a word at this step")
    parser.add_argument("--fail-at", type=int, help="fail in an orderly way at this step")
    parser.add_argument("--hang-at", type=int, help="stop hearing anything at this step, SIGTERM included")
    parser.add_argument("--gate", type=int, help="wait at this step until the file `gate` lies in the run folder")
    parser.add_argument("--deaf", action="store_true", help="serve: never reply")
    parser.add_argument("--die-on", help="serve: die when asked for this user")
    parser.add_argument("--no-start", action="store_true", help="die before the engine begins")
    parser.add_argument("work", choices=["train", "serve"])
    parser.add_argument("run", type=Path)
    return parser.parse_args(argv)


def train(args: argparse.Namespace) -> int:
    return run_engine(RunFolder(args.run), lambda reporter: _train(args, reporter))


def _train(args: argparse.Namespace, reporter: RunReporter) -> None:
    for stage in ("data", "vectors", "index"):
        reporter.stage_started(stage, f"{stage}-0001")
        reporter.progress(stage, 1, 1, "parts")
        reporter.stage_finished(stage, 0.1, {"items": 800, "note": HOSTILE})
    reporter.stage_started("tune", "tune-0001")
    reporter.log(f"first title: {HOSTILE}")
    for step in range(1, args.steps + 1):
        _misbehave(args, step)
        while step == args.gate and not (reporter.folder.path / "gate").exists():
            time.sleep(0.01)
        wish = reporter.wants()
        if wish != "go":
            reporter.checkpoint(reporter.folder.path / "checkpoints" / f"step-{step}", step)
        if wish == "stop":
            raise Interrupted("stopped as asked", f"checkpoint: checkpoints/step-{step}")
        reporter.progress("tune", step, args.steps, "steps")
        loss = 6 * math.exp(-step / args.steps * 3) + 0.2 * math.sin(step)
        reporter.metric(step, {"loss": loss, "learning_rate": 1e-3})
        if step % 5 == 0:
            reporter.evaluation(step, "valid", {"ndcg@10": 0.04 * (1 - math.exp(-step / args.steps * 2))})
        time.sleep(args.tick)
    reporter.checkpoint("checkpoints/best", args.steps, best=True)
    reporter.stage_finished("tune", args.steps * args.tick, {"loss": 0.5})
    metrics = {"test": {"model": {"recall@10": 0.0648, "ndcg@10": 0.0384}, "popularity": {"recall@10": 0.0115}}}
    (reporter.folder.path / "metrics.json").write_text(json.dumps(metrics))
    reporter.evaluation(args.steps, "test", {"recall@10": 0.0648, "ndcg@10": 0.0384})


def _misbehave(args: argparse.Namespace, step: int) -> None:
    if step == args.crash_at:
        print("Fatal: the fake engine was told to crash", flush=True)
        os._exit(9)
    if step == args.fail_at:
        raise DataError("logs.csv: row 7 has no item", "check the file with eagertui check")
    if step == args.hang_at:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)


def serve(args: argparse.Namespace) -> int:
    users = [f"reader-{n:03}" for n in range(60)]

    def say(**message: object) -> None:
        print(json.dumps(message), flush=True)

    print("a library prints something silly", flush=True)
    if args.no_start:
        say(error={"message": "run has no checkpoint", "remedy": "train it first"})
        return 1
    say(id=0, progress={"text": "loading the model"})
    say(ready=True, run=args.run.name, users=len(users), items=800)
    for line in sys.stdin:
        request = json.loads(line)
        method, params, number = request["method"], request.get("params", {}), request["id"]
        if method == "quit":
            break
        if args.deaf:
            continue
        if method == "users":
            say(id=number, result={"users": [u for u in users if u.startswith(params["prefix"])][: params["limit"]]})
            continue
        user = params.get("user")
        if user and user == args.die_on:
            os._exit(9)
        if user is not None and user not in users:
            say(id=number, error={"message": f"no user {user} in the data", "remedy": "the list shows known users"})
            continue
        history = [{"item_id": f"b{n}", "title": f"The Lighthouse, volume {n}"} for n in range(1, 7)]
        history.append({"item_id": "x", "title": HOSTILE})
        items = [
            {
                "rank": n + 1,
                "item_id": f"b{n + 4}",
                "title": HOSTILE if n == 3 else f"The Lighthouse, volume {n + 4}",
                "score": -0.7 - 0.4 * n,
                "seen": n < 3,
                "code": [n, 2, 3, 4],
            }
            for n in range(params.get("k", 10))
        ]
        result = {"user": user, "history": history, "items": items, "seconds": 0.038, "target": "b9"}
        say(id=number, result=result)
    return 0


if __name__ == "__main__":
    arguments = parse()
    if arguments.work == "train" and arguments.no_start:
        print("ImportError: the fake engine was told not to start", file=sys.stderr)
        sys.exit(1)
    sys.exit(train(arguments) if arguments.work == "train" else serve(arguments))
