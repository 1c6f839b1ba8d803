"""A scripted engine: speaks the run folder's and the serving child's protocols, and misbehaves on demand.

Used as the engine's command: `python tests/fake_engine.py [options] train|serve RUN`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

import core.run.reporter
from core.errors import DataError, Interrupted
from core.files import write_atomic
from core.run.engine import run_engine
from core.run.folder import RunFolder
from core.run.reporter import RunReporter
from core.run.watched_list import ListedItem, WatchedList

HOSTILE = "[red]Bold[/] \x1b[31mescape\x07 \u202eright-to-left\u202c zero\u200bwidth 界 🙂 \ttab\nline"


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--tick", type=float, default=0.01, help="seconds a step")
    parser.add_argument("--crash-at", type=int, help="die without a word at this step")
    parser.add_argument("--fail-at", type=int, help="fail in an orderly way at this step")
    parser.add_argument("--hang-at", type=int, help="stop hearing anything at this step, SIGTERM included")
    parser.add_argument("--kill-at", type=int, help="be killed (SIGKILL) at this step, as for want of memory")
    parser.add_argument("--freeze-at", type=int, help="stand still at this step, heartbeat included (SIGSTOP)")
    parser.add_argument("--disk-full-at", type=int, help="no byte more fits into the events from this step on")
    parser.add_argument("--checkpoint-full-at", type=int, help="a checkpoint at this step does not fit on the disk")
    parser.add_argument("--fill-disk-at", type=int, help="fill the run's disk at this step (give it a small one)")
    parser.add_argument("--clock-jump-at", type=int, help="set the engine's wall clock at this step")
    parser.add_argument("--clock-jump", type=float, default=-7200.0, help="by how many seconds")
    parser.add_argument("--heartbeat", type=float, help="seconds between two heartbeats")
    parser.add_argument("--rich", action="store_true", help="tell as many metrics as the real training loop")
    parser.add_argument("--watched", action="store_true", help="a better checkpoint and two users' lists each 5 steps")
    parser.add_argument("--so-far", default="", help="serve: how far the training had come")
    parser.add_argument("--gate", type=int, help="wait at this step until the file `gate` lies in the run folder")
    parser.add_argument("--deaf", action="store_true", help="serve: never reply")
    parser.add_argument("--die-on", help="serve: die when asked for this user")
    parser.add_argument("--answers", type=Path, help="serve: a JSON file with users, history and items instead")
    parser.add_argument("--lookup", action="store_true", help="serve: the index alone; answers as ever")
    parser.add_argument("--no-start", action="store_true", help="die before the engine begins")
    parser.add_argument("work", choices=["train", "serve"])
    parser.add_argument("run", type=Path)
    return parser.parse_args(argv)


def train(args: argparse.Namespace) -> int:
    core.run.reporter.HEARTBEAT = args.heartbeat or core.run.reporter.HEARTBEAT
    return run_engine(RunFolder(args.run), lambda reporter: _train(args, reporter))


def _train(args: argparse.Namespace, reporter: RunReporter) -> None:
    for stage in ("data", "vectors", "index"):
        reporter.stage_started(stage, f"{stage}-0001")
        reporter.progress(stage, 1, 1, "parts")
        reporter.stage_finished(stage, 0.1, {"items": 800, "note": HOSTILE})
    reporter.stage_started("tune", "tune-0001")
    reporter.log(f"first title: {HOSTILE}")
    for step in range(1, args.steps + 1):
        _misbehave(args, reporter, step)
        while step == args.gate and not (reporter.folder.path / "gate").exists():
            time.sleep(0.01)
        wish = reporter.wants()
        if wish != "go":
            reporter.checkpoint(reporter.folder.path / "checkpoints" / f"step-{step}", step)
        if wish == "stop":
            raise Interrupted("stopped as asked", f"checkpoint: checkpoints/step-{step}")
        reporter.progress("tune", step, args.steps, "steps")
        loss = 6 * math.exp(-step / args.steps * 3) + 0.2 * math.sin(step)
        reporter.metric(step, {"loss": loss, "learning_rate": 1e-3, **(_rich(step, loss) if args.rich else {})})
        if step % 5 == 0:
            reporter.evaluation(step, "valid", {"ndcg@10": 0.04 * (1 - math.exp(-step / args.steps * 2))})
            if args.watched:
                _watch(reporter, step)
        time.sleep(args.tick)
    reporter.checkpoint("checkpoints/best", args.steps, best=True)
    reporter.stage_finished("tune", args.steps * args.tick, {"loss": 0.5})
    metrics = {"test": {"model": {"recall@10": 0.0648, "ndcg@10": 0.0384}, "popularity": {"recall@10": 0.0115}}}
    (reporter.folder.path / "metrics.json").write_text(json.dumps(metrics))
    reporter.evaluation(args.steps, "test", {"recall@10": 0.0648, "ndcg@10": 0.0384})


def _watch(reporter: RunReporter, step: int) -> None:
    """A better checkpoint, and the lists of two users after the epoch."""
    reporter.checkpoint(reporter.folder.path / "checkpoints" / "best", step, best=True)
    items = [ListedItem(f"b{n}", HOSTILE if n == 3 else f"The Lighthouse, volume {n}") for n in range(30)]
    for user in ("reader-000", "reader-007"):
        listed = tuple(items[(n + step // 5) % 30] for n in range(20))
        reporter.sample(WatchedList(user, "sequential", step // 5, step, listed, items[9]))


def _rich(step: int, loss: float) -> dict[str, float]:
    speed = 9000 + 500 * math.sin(step / 7)
    tasks = {f"loss/{task}": loss * share for task, share in (("next item", 0.7), ("title", 0.2), ("distil", 0.1))}
    return {**tasks, "tokens_per_second": speed, "targets_per_second": speed / 9, "gradient_norm": 1 + loss / 9}


def _misbehave(args: argparse.Namespace, reporter: RunReporter, step: int) -> None:
    run = reporter.folder.path
    if step == args.crash_at:
        print("Fatal: the fake engine was told to crash", flush=True)
        os._exit(9)
    if step == args.fail_at:
        raise DataError("logs.csv: row 7 has no item", "check the file with eagertui check")
    if step == args.hang_at:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(60)
    if step == args.kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if step == args.freeze_at:
        os.kill(os.getpid(), signal.SIGSTOP)
    if step == args.disk_full_at:
        _limit_files(reporter.folder.events_path.stat().st_size + 7)
    if step == args.checkpoint_full_at:
        _limit_files(1 << 18)
        write_atomic(run / "checkpoints" / "large", "0" * (1 << 20))
    if step == args.fill_disk_at:
        with contextlib.suppress(OSError), (run / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(512))
    if step == args.clock_jump_at:
        true = time.time
        time.time = lambda: true() + args.clock_jump


def _limit_files(size: int) -> None:
    """Let no file grow beyond a size: as close to a full disk as a process comes without one of its own."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def serve(args: argparse.Namespace) -> int:
    told = json.loads(args.answers.read_text()) if args.answers else {}
    users = told.get("users") or [f"reader-{n:03}" for n in range(60)]

    def say(**message: object) -> None:
        print(json.dumps(message), flush=True)

    print("a library prints something silly", flush=True)
    if args.no_start:
        say(error={"message": "run has no checkpoint", "remedy": "train it first"})
        return 1
    say(id=0, progress={"text": "loading the model"})
    say(ready=True, run=args.run.name, users=len(users), items=800, so_far=args.so_far)
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
        if method == "search_items" or (method == "neighbors" and "near" not in told):
            found = [{"item_id": f"b{n}", "title": f"The Lighthouse, volume {n}"} for n in range(30)]
            found = [row for row in found if params.get("text", "") in row["title"]][: params.get("limit", 3)]
            say(id=number, result={"items": found, "near": {"semantic": found}})
            continue
        user = params.get("user")
        if user and user == args.die_on:
            os._exit(9)
        if user is not None and user not in users:
            error = {"message": f"no user {user} in the data", "remedy": "the list shows known users", "exit_code": 4}
            say(id=number, error=error)
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
        if "history" in params:
            history = [{"item_id": item, "title": f"Title of {item}"} for item in params["history"]]
            items = items[1:] + items[:1]  # an edit changes the list
            items = [{**item, "rank": rank} for rank, item in enumerate(items, 1)]
        result = {"user": user, "history": history, "items": items, "seconds": 0.038, "target": "b9", **told}
        result["history_kind"] = None if user is None else "as tested" if params.get("as_tested") else "to date"
        result["target_title"] = "The Lighthouse, volume 9"
        say(id=number, result=_about(method, params, result, history))
    return 0


def _about(
    method: str, params: dict[str, Any], result: dict[str, Any], history: list[dict[str, str]]
) -> dict[str, Any]:
    """What is told of one item of a list, in the shapes of the real engine."""
    item = {"item_id": str(params.get("item") or "b4"), "title": f"Why {params.get('item')} {HOSTILE}"}
    last = {"code": "<a_1>", "words": ["sea", "storm"], "items": 9, "title": "", "log_prob": -4.5}
    levels = [{"level": 1, "kept": 20, "alive": True, "log_prob": -1.0, "last": last},
              {"level": 2, "kept": 20, "alive": False, "log_prob": -5.5, "last": last}]  # fmt: skip
    trace = {"item": item, "beams": 20, "fell": 2, "levels": levels, "sentence": "It fell off the search at level 2."}
    if method == "explain":
        evidence = {
            "item": item, "rank": 1, "k": params.get("k", 10), "score": -0.7, "margin": 1.2, "seen": False,
            "listable": True, "beam": trace,
            "parts": [{"name": "model", "value": -0.5, "weight": 0.6, "contribution": -0.3, "lead": 0.9},
                      {"name": "sasrec", "value": -0.9, "weight": 0.4, "contribution": -0.4, "lead": -0.2}],
            "path": [{"level": 1, "token": "<a_7>", "words": ["harbour", "light"], "items": 12, "log_prob": -0.4,
                      "probability": 0.67}],
            "removals": [{"place": 1, "item": one, "drop": 0.9} for one in history[:2]],
            "preferences": [{"label": ["harbour"], "weight": 0.7, "fitness": 0.55, "drop": 1.0, "items": history[:2]}],
            "transition": {"item": history[0], "count": 12, "total": 40},
            "baselines": [{"name": "sasrec", "rank": 4}],
        }  # fmt: skip
        return {**result, "evidence": evidence, "sentences": [], "writer": "template", "faith": "not measured"}
    if method == "beam":
        prefix = {**last, "title": "The Lighthouse, volume 4", "items": 1}
        return {"levels": [{"kept": 20, "prefixes": [last] * 9}, {"kept": 20, "prefixes": [prefix]}], "items": [trace]}
    if method == "smallest_change":
        edit = {"kind": "remove", "item": history[0], "score": -3.0, "rank": None}
        attempt = {"kind": "remove", "edits": [edit], "reached": True, "most": 5}
        return {"item": item, "wanted": "out", "k": 10, "attempts": [attempt], "sentence": "It comes out of the list."}
    if method == "baseline_list":
        name = params.get("baseline") or "sasrec"
        return {**result, "items": result["items"][::-1], "baseline": name, "baselines": ["sasrec", "popularity"]}
    return result


if __name__ == "__main__":
    arguments = parse()
    if arguments.work == "train" and arguments.no_start:
        print("ImportError: the fake engine was told not to start", file=sys.stderr)
        sys.exit(1)
    sys.exit(train(arguments) if arguments.work == "train" else serve(arguments))
