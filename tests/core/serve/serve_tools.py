"""A conversation with the serving loop, in this process: what is asked, line by line, and what comes back."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from core.serve.protocol import Message
from core.serve.served_run import ServedRun
from core.serve.server import Server


class Conversation:
    """The real loop of the serving process over a run, in a thread, its stdin a pipe of ours."""

    def __init__(self, run: ServedRun) -> None:
        read, write = os.pipe()
        self._in, self._out = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        self.answers: list[Message] = []
        self._more = threading.Condition()
        self._thread = threading.Thread(target=lambda: Server(run, self._heard).answer_all(self._in))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._out.close()
        self._thread.join()
        self._in.close()

    def _heard(self, message: Message) -> None:
        with self._more:
            self.answers.append(json.loads(json.dumps(message, allow_nan=False)))
            self._more.notify_all()

    def say(self, line: bytes | Message) -> None:
        self._out.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
        self._out.flush()

    def wait(self, count: int, seconds: float = 60.0) -> list[Message]:
        """All answers, once there are so many."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.answers) >= count, seconds), (len(self.answers), count)
            return list(self.answers)

    def ask(self, number: int, method: str, **params: Any) -> Message:
        """The answer to one question."""
        self.say({"id": number, "method": method, "params": params})
        with self._more:

            def there() -> list[Message]:
                return [answer for answer in self.answers if answer.get("id") == number]

            assert self._more.wait_for(lambda: bool(there()), 60.0)
            return there()[0]


ODD: tuple[Any, ...] = (
    None, True, -1, 0, 3, 10**30, 1.5, float("nan"), float("inf"), "", "i07", "u001", "\x00\x1b[31m", "\ud800",
    "[bold]", "界" * 50, [], [[]], ["i07"], [1, None], {}, {"a": 1}, "1 = 1", "title LIKE '%amber%'", "select 1",
    1 << 53,
)  # fmt: skip
NAMES = ("user", "history", "k", "hide_seen", "as_tested", "only", "allow", "deny", "text", "item", "prefix", "limit",
         "offset", "id", "channel", "nonsense")  # fmt: skip


def request_lines(methods: tuple[str, ...], seed: int) -> Callable[[], bytes]:
    """Draws requests, most of them well formed with odd parameters, others no requests at all."""
    draw = random.Random(seed)

    def value() -> Any:
        return draw.choice(ODD) if draw.random() < 0.6 else f"{draw.choice('iu')}{draw.randrange(100):02}"

    def line() -> bytes:
        kind = draw.random()
        if kind < 0.85:
            message: Any = {
                "id": draw.randrange(1 << 40),
                "method": draw.choice(methods),
                "params": {draw.choice(NAMES): value() for _ in range(draw.randrange(4))},
            }
            for name in ("id", "method", "params", "channel"):
                if draw.random() < 0.04:
                    message[name] = draw.choice(ODD)
        elif kind < 0.92:
            message = draw.choice(ODD)
        else:
            size = draw.choice((1, 5, 40, 300))
            raw = bytes(draw.randrange(256) for _ in range(size)).replace(b"\n", b" ")
            return (raw if raw.strip() else b"x") + b"\n"
        text = json.dumps(message).encode()
        if draw.random() < 0.04:
            text = text[: draw.randint(1, len(text))]
        return text + b"\n"

    return line
