"""The serving process: holds a run open and answers requests over stdin and stdout, as `core.serve.protocol` says.

One thread reads, so that a question can be cancelled or replaced while another is at work; one answers what needs the
model, and one answers the look-ups, which never wait for a list.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import polars as pl

from core.errors import EagerError, EnvironmentFault
from core.serve import protocol
from core.serve.methods import LOOKUPS, METHODS
from core.serve.request import Request, Withdrawn
from core.serve.served_run import ServedRun
from core.serve.server_stats import ServerStats

Send = Callable[[protocol.Message], None]


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
    send = _sender(out)
    try:
        served = ServedRun(run, lookup, lambda text: send(protocol.progress(text)))
        ready = served.ready()
    except EagerError as error:
        send(protocol.failure(error))
        return error.exit_code
    send(ready)
    try:
        Server(served, send).answer_all(sys.stdin.buffer)
    finally:
        served.close()
    return 0


def _sender(out: TextIO) -> Send:
    """Writes whole lines, whichever thread sends them."""
    lock = threading.Lock()

    def send(message: protocol.Message) -> None:
        text = protocol.line(message)
        with lock, contextlib.suppress(BrokenPipeError):  # nobody listens any more; stdin will end too
            out.write(text)
            out.flush()

    return send


class Server:
    """Takes requests line by line and answers each of them once.

    Args:
        run: what it answers from.
        send: writes a message; called by several threads.
    """

    def __init__(self, run: ServedRun, send: Send) -> None:
        self._run, self._send = run, send
        self._stats = ServerStats()
        self._state = threading.Condition()
        # Under `_state`: what waits in either lane, what is at work there, and whether no more will come.
        self._waiting: dict[bool, deque[Request]] = {True: deque(), False: deque()}
        self._working: dict[bool, Request | None] = {True: None, False: None}
        self._over = False

    def answer_all(self, lines: BinaryIO) -> None:
        """Answer every line until `quit`, which withdraws what is unanswered, or the end of the lines."""
        lanes = [threading.Thread(target=self._work, args=(lane,), daemon=True) for lane in (True, False)]
        for thread in lanes:
            thread.start()
        try:
            while (line := self._next(lines)) is not None:
                if not self._take(line):
                    self._withdraw(lambda request: True, "the process ends", "cancelled")
                    break
        finally:
            with self._state:
                self._over = True
                self._state.notify_all()
        for thread in lanes:
            thread.join()

    def _next(self, lines: BinaryIO) -> bytes | None:
        """The next line, of one that is too long only its beginning; None at the end."""
        line = lines.readline(protocol.MAX_REQUEST + 1)
        rest = line
        while len(rest) > protocol.MAX_REQUEST and not rest.endswith(b"\n"):
            rest = lines.readline(protocol.MAX_REQUEST + 1)
        return line or None

    def _take(self, line: bytes) -> bool:
        """Answer a line at once or let it wait; False at `quit`."""
        if len(line) > protocol.MAX_REQUEST:
            self._fail(None, f"a request of more than {protocol.MAX_REQUEST:,} bytes", "too long")
            return True
        if not line.strip():
            return True
        message = protocol.parse(line)
        number, method = message.get("id"), message.get("method")
        params, channel = message.get("params"), message.get("channel")
        params, channel = {} if params is None else params, "" if channel is None else channel
        if not _is_name(number):
            number = None
        if not message:
            self._fail(number, "not a request: no JSON object", "malformed")
        elif method == protocol.QUIT:
            return False
        elif not isinstance(method, str) or method not in METHODS:
            self._fail(number, f"no method {str(method)[: protocol.MAX_NAME]!r}", "unknown method")
        elif not isinstance(params, dict):
            self._fail(number, "not a request: params are no object", "malformed")
        elif not isinstance(channel, str) or len(channel) > protocol.MAX_NAME:
            self._fail(number, "not a request: channel is no short text", "malformed")
        else:
            self._accept(Request(method, params, number, channel))
        return True

    def _accept(self, request: Request) -> None:
        """Answer what is answered at once; let the rest wait, if there is room."""
        self._stats.came(request.method)
        if request.method == protocol.CANCEL:
            self._send({"id": request.number, "result": {"cancelled": self._cancel(request)}})
            return
        if request.method == protocol.STATS:
            with self._state:
                waiting = sum(map(len, self._waiting.values()))
            self._send({"id": request.number, "result": self._stats.figures(waiting)})
            return
        if request.channel:
            same = request.channel
            self._withdraw(lambda other: other.channel == same, "a newer question took its place", "replaced")
        with self._state:
            room = sum(map(len, self._waiting.values())) < protocol.MAX_WAITING
            if room:
                self._waiting[request.method in LOOKUPS].append(request)
                self._state.notify_all()
        if not room:
            self._fail(request.number, f"{protocol.MAX_WAITING} questions wait already", "busy")

    def _cancel(self, asked: Request) -> int:
        """Withdraw what a `cancel` names by `id` or `channel`; how many there were."""
        number, channel = asked.get("id"), asked.get("channel")

        def meant(other: Request) -> bool:
            by_id = number is not None and type(other.number) is type(number) and other.number == number
            return by_id or (isinstance(channel, str) and channel != "" and other.channel == channel)

        return self._withdraw(meant, "it was cancelled", "cancelled")

    def _withdraw(self, meant: Callable[[Request], bool], why: str, kind: protocol.Kind) -> int:
        """Fail what waits, and tell what is at work; how many there were."""
        gone: list[Request] = []
        with self._state:
            for lane, queue in self._waiting.items():
                gone += [request for request in queue if meant(request)]
                self._waiting[lane] = deque(request for request in queue if not meant(request))
            working = [request for request in self._working.values() if request is not None and meant(request)]
            for request in working:
                request.withdraw(why, kind)
        for request in gone:
            self._fail(request.number, why, kind)
        return len(gone) + len(working)

    def _work(self, lane: bool) -> None:
        """Answer what waits in a lane, one after the other, until no more will come."""
        while True:
            with self._state:
                self._working[lane] = None
                while not self._waiting[lane]:
                    if self._over:
                        return
                    self._state.wait()
                request = self._working[lane] = self._waiting[lane].popleft()
            self._send({"id": request.number, **self._reply(request)})

    def _reply(self, request: Request) -> protocol.Message:
        """The result of a request, or why there is none."""
        began = time.perf_counter()
        try:
            result = METHODS[request.method](self._run, request)
            request.check()
        except Withdrawn as error:
            return self._failure(error, error.kind)
        except EagerError as error:
            return self._failure(error, "refused")
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            return self._failure(EagerError(f"not a request: {error}"), "malformed")
        except MemoryError:
            return self._failure(EnvironmentFault("out of memory", "ask for less at a time"), "internal")
        except (Exception, pl.exceptions.PanicException) as error:
            traceback.print_exc()
            return self._failure(EagerError(f"{type(error).__name__}: {error}", "its log says where"), "internal")
        self._stats.answered(request.method, time.perf_counter() - began)
        return {"result": result}

    def _fail(self, number: int | str | None, words: str, kind: protocol.Kind) -> None:
        self._send({"id": number, **self._failure(EagerError(words), kind)})

    def _failure(self, error: EagerError, kind: protocol.Kind) -> protocol.Message:
        self._stats.failed(kind)
        return protocol.failure(error, kind)


def _is_name(value: Any) -> bool:
    """Whether a value can be an id: a whole number that JSON readers agree on, or a short text."""
    if isinstance(value, str):
        return len(value) <= protocol.MAX_NAME
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53
