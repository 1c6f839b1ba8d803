"""A question on its way through the serving process: its parameters, and whether somebody still waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from core.errors import EagerError
from core.serve.protocol import Kind


class Withdrawn(EagerError):
    """Nobody waits for the answer any more: it was cancelled, or a newer question took its place."""

    def __init__(self, message: str, kind: Kind) -> None:
        super().__init__(message)
        self.kind: Kind = kind


class Request(Mapping[str, Any]):
    """One question. It is the mapping of its own parameters.

    Args:
        method: what is asked.
        params: the parameters.
        number: the asker's id, sent back with the answer.
        channel: of the questions of one channel only the newest is answered; empty = of none.
    """

    def __init__(
        self, method: str, params: Mapping[str, Any], number: int | str | None = None, channel: str = ""
    ) -> None:
        self.method, self.number, self.channel = method, number, channel
        self.came = time.perf_counter()
        self._params = params
        self._withdrawn = threading.Event()
        self._why: tuple[str, Kind] = ("", "cancelled")

    def __getitem__(self, name: str) -> Any:
        return self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def withdraw(self, why: str, kind: Kind) -> None:
        """Nobody waits any more: a method that looks stops at its next look."""
        if not self.cancelled():
            self._why = why, kind
            self._withdrawn.set()

    def cancelled(self) -> bool:
        """Whether nobody waits any more; a method that takes long looks now and then, and ends early."""
        return self._withdrawn.is_set()

    def check(self) -> None:
        """Go on only while somebody waits.

        Raises:
            Withdrawn: nobody does.
        """
        if self.cancelled():
            raise Withdrawn(*self._why)
