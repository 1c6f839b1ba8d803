"""The serving protocol: one JSON object a line, over the stdin and stdout of a process that holds a run open.

The process speaks first: any number of `progress`, then `ready`, or `failure` without an id where the run cannot be
opened; it then ends. After that every `request` is answered by a `result` or a `failure` of the same id, in any order;
`progress` may come in between. It ends at `quit` and at the end of its stdin. Lines that are no JSON object are what
some library printed, and mean nothing.

| message | fields |
|---|---|
| progress | `id` 0, `progress`: `{text}` |
| ready | `ready` true, `run`, `users`, `items`: how many; `has`: what can be asked about |
| request | `id` from 1, `method`, `params`: `{name: value}` |
| result | `id`, `result`: `{name: value}` |
| failure | `id`, `error`: `{message, remedy, exit_code}` |

`core.serve.methods` lists the methods.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import EagerError

Message = dict[str, Any]

QUIT = "quit"
"""The method that ends the process; it has no answer."""


def progress(text: str) -> Message:
    """What the process does before it can answer."""
    return {"id": 0, "progress": {"text": text}}


def ready(run: str, users: int, items: int, has: Sequence[str]) -> Message:
    """The process can be asked."""
    return {"ready": True, "run": run, "users": users, "items": items, "has": list(has)}


def request(number: int, method: str, params: Mapping[str, Any] | None = None) -> Message:
    """A question."""
    return {"id": number, "method": method, "params": dict(params or {})}


def failure(error: EagerError) -> Message:
    """Why the run cannot be opened; with an `id` beside it, why a question has no answer."""
    return {"error": {"message": error.message, "remedy": error.remedy, "exit_code": error.exit_code}}


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
