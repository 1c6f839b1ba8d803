"""The serving protocol: one JSON object a line, over the stdin and stdout of a process that holds a run open.

The process speaks first: any number of `progress`, then `ready`, or `failure` without an id where the run cannot be
opened; it then ends. After that every `request` is answered by a `result` or a `failure` of the same id, in any order;
`progress` may come in between. It ends at `quit`, and after the last answer where its stdin ends. Lines of the process
that are no JSON object are what some library printed, and mean nothing.

| message | fields |
|---|---|
| progress | `id` 0, `progress`: `{text}` |
| ready | `ready` true, `run`, `users`, `items`: how many; `has`: what can be asked about; `so_far`: see below |
| request | `id`: a number from 1, or a text; `method`, `params`: `{name: value}`; `channel`: see below |
| result | `id`, `result`: `{name: value}` |
| failure | `id`, `error`: `{message, remedy, exit_code, kind}` |

`so_far` says how far a training had come whose best checkpoint answers; it is empty for a finished run.

Where a request names a `channel`, it takes the place of those of the same channel that are not answered yet: these
fail as `replaced`. A line of more than `MAX_REQUEST` bytes fails as `too long`; one that is no JSON object, or names no
method, as `malformed` or `unknown method`, with the id null where none could be read; a request that would have to wait
behind `MAX_WAITING` others as `busy`. `core.serve.methods` lists the methods; assets/docs/serving.md explains them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from core.errors import EagerError

Message = dict[str, Any]
Kind = Literal["refused", "malformed", "too long", "unknown method", "busy", "cancelled", "replaced", "internal"]
"""Why a request failed; `refused`: the method itself says why."""

QUIT = "quit"
"""The method that ends the process; it has no answer."""
CANCEL, STATS = "cancel", "stats"
"""Methods that are answered at once, also while others are at work."""
MAX_REQUEST = 1 << 20
"""Bytes of a request at most."""
MAX_WAITING = 64
"""Requests that wait at most."""
MAX_NAME = 100
"""Characters of an id or a channel at most."""


def progress(text: str) -> Message:
    """What the process does before it can answer."""
    return {"id": 0, "progress": {"text": text}}


def ready(run: str, users: int, items: int, has: Sequence[str], so_far: str = "") -> Message:
    """The process can be asked."""
    return {"ready": True, "run": run, "users": users, "items": items, "has": list(has), "so_far": so_far}


def request(number: int, method: str, params: Mapping[str, Any] | None = None, channel: str = "") -> Message:
    """A question."""
    message = {"id": number, "method": method, "params": dict(params or {})}
    return {**message, "channel": channel} if channel else message


def failure(error: EagerError, kind: Kind = "refused") -> Message:
    """Why the run cannot be opened; with an `id` beside it, why a question has no answer."""
    words = {"message": error.message, "remedy": error.remedy, "exit_code": error.exit_code}
    return {"error": {**words, "kind": kind}}


def error_of(message: Message) -> EagerError | None:
    """The error that a message tells; None where it tells none."""
    if "error" not in message:
        return None
    fields = message["error"] if isinstance(message["error"], dict) else {"message": message["error"]}
    error = EagerError(str(fields.get("message", "")), str(fields.get("remedy") or ""))
    code = fields.get("exit_code")
    error.exit_code = code if isinstance(code, int) and code else EagerError.exit_code
    return error


def line(message: Message) -> str:
    """A message as it is written."""
    return json.dumps(message) + "\n"


def parse(text: str | bytes) -> Message:
    """A line as a message; empty for anything else that a process prints."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
