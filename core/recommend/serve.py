"""The serving child: a loaded recommender that answers requests in JSON lines over stdin and stdout."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from core.errors import EagerError


def serve(run: Path) -> int:
    """Answer requests until `quit` or the end of stdin; returns the exit code.

    The first line is `{"ready": true, ...}`, or `{"error": ...}` where the run cannot be loaded. A request is
    `{"id", "method", "params"}`, its answer `{"id", "result"}` or `{"id", "error": {"message", "remedy"}}`. Methods:
    `recommend` (`user` or `history`, `k`, `hide_seen`), `users` (`prefix`, `limit`), `quit`.
    """
    # Libraries may print: what they print goes to stderr, and the protocol keeps the real stdout.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _say(out, {"id": 0, "progress": {"text": "loading the libraries"}})
    try:
        from core.recommend.recommender import Recommender

        _say(out, {"id": 0, "progress": {"text": "loading the model"}})
        recommender = Recommender.load(run)
    except EagerError as error:
        _say(out, {"error": _told(error)})
        return error.exit_code
    _say(
        out,
        {"ready": True, "run": run.name, "users": recommender.dataset.n_users, "items": recommender.dataset.n_items},
    )
    for line in sys.stdin:
        request: dict[str, Any] = {}
        try:
            request = json.loads(line)
            if request.get("method") == "quit":
                break
            _say(out, {"id": request.get("id"), "result": _answer(recommender, request)})
        except EagerError as error:
            _say(out, {"id": request.get("id"), "error": _told(error)})
        except (ValueError, TypeError, AttributeError) as error:
            told = {"message": f"not a request: {error}", "remedy": ""}
            _say(out, {"id": request.get("id") if isinstance(request, dict) else None, "error": told})
    return 0


def _answer(recommender: Any, request: dict[str, Any]) -> dict[str, Any]:
    params = request.get("params") or {}
    if request.get("method") == "users":
        return {"users": recommender.users(str(params.get("prefix", "")), int(params.get("limit", 50)))}
    if request.get("method") != "recommend":
        raise ValueError(f"no method {request.get('method')!r}")
    began = time.perf_counter()
    history, k = params.get("history"), params.get("k")
    found = recommender.recommend(
        params.get("user"), [str(item) for item in history] if history is not None else None, int(k) if k else None,
        bool(params.get("hide_seen")),
    )  # fmt: skip
    return {
        "user": found.user,
        "history": [{"item_id": item, "title": title} for item, title in found.history],
        "items": [asdict(item) for item in found.items],
        "target": found.target,
        "seconds": round(time.perf_counter() - began, 4),
    }


def _told(error: EagerError) -> dict[str, str]:
    return {"message": error.message, "remedy": error.remedy}


def _say(out: TextIO, line: dict[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()
