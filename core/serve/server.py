"""The serving process: holds a run open and answers requests over stdin and stdout, as `core.serve.protocol` says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

from core.errors import EagerError
from core.serve import protocol
from core.serve.methods import answer
from core.serve.served_run import ServedRun


def serve(run: Path, lookup: bool = False) -> int:
    """Answer requests until `quit` or the end of stdin; returns the exit code.

    It starts with whatever stages the run has, the data at least.

    Args:
        run: the run's folder.
        lookup: load no model: it is ready at once, and `recommend` is refused.
    """
    # Libraries may print: what they print goes to stderr, and the protocol keeps the real stdout.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        served = ServedRun(run, lookup, lambda text: _send(out, protocol.progress(text)))
        ready = served.ready()
    except EagerError as error:
        _send(out, protocol.failure(error))
        return error.exit_code
    _send(out, ready)
    for line in sys.stdin:
        request = protocol.parse(line)
        if request.get("method") == protocol.QUIT:
            break
        _send(out, {"id": request.get("id"), **_reply(served, request)})
    return 0


def _reply(served: ServedRun, request: protocol.Message) -> protocol.Message:
    """The result of a request, or why there is none."""
    try:
        params = request.get("params") or {}
        if not isinstance(params, dict):
            raise ValueError("params are no object")
        return {"result": answer(served, request.get("method"), params)}
    except EagerError as error:
        return protocol.failure(error)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        return protocol.failure(EagerError(f"not a request: {error}"))


def _send(out: TextIO, message: protocol.Message) -> None:
    out.write(protocol.line(message))
    out.flush()
