"""The serving child: a run that answers requests in JSON lines over stdin and stdout."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from core.errors import EagerError
from core.serve.methods import Answers


def serve(run: Path, lookup: bool = False) -> int:
    """Answer requests until `quit` or the end of stdin; returns the exit code.

    It starts with whatever stages the run has, the data at least. The first line is `{"ready": true, "run", "users",
    "items", "has"}`, or `{"error": ...}` where the run cannot be loaded; lines `{"id": 0, "progress": {"text"}}` may
    come before any other. A request is `{"id", "method", "params"}`, its answer `{"id", "result"}` or
    `{"id", "error": {"message", "remedy"}}`. Methods:

    * `recommend` (`user` or `history`, `k`, `hide_seen`), `users` (`prefix`, `limit`);
    * `index.item` (`item`: id or number): `Lookup.about`, with the nearest items of each source and how many of them
      share its prefixes; `index.branch` (`prefix`: codes, `offset`, `limit`); `index.find` (`text`, `limit`);
      `index.siblings` (`item`, `offset`, `limit`);
    * `quit`.

    Args:
        run: the run's folder.
        lookup: load no model: it is ready at once, and `recommend` is refused.
    """
    # Libraries may print: what they print goes to stderr, and the protocol keeps the real stdout.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def progress(text: str) -> None:
        _say(out, {"id": 0, "progress": {"text": text}})

    try:
        answers = Answers(run, lookup, progress)
        hello = answers.hello()
    except EagerError as error:
        _say(out, {"error": _told(error)})
        return error.exit_code
    _say(out, hello)
    for line in sys.stdin:
        request: Any = {}
        try:
            request = json.loads(line)
            if request.get("method") == "quit":
                break
            params = request.get("params") or {}
            if not isinstance(params, dict):
                raise ValueError("params are no object")
            _say(out, {"id": request.get("id"), "result": answers.answer(request.get("method"), params)})
        except EagerError as error:
            _say(out, {"id": request.get("id"), "error": _told(error)})
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            told = {"message": f"not a request: {error}", "remedy": ""}
            _say(out, {"id": request.get("id") if isinstance(request, dict) else None, "error": told})
    return 0


def _told(error: EagerError) -> dict[str, str]:
    return {"message": error.message, "remedy": error.remedy}


def _say(out: TextIO, line: dict[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()
