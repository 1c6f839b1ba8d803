"""What a screen waits for, told again and again while it waits."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.dom import DOMNode
from textual.timer import Timer

INTERVAL = 0.5
"""Seconds between two drawings."""


class Waiting:
    """Something that takes a while, in words; false while nothing does.

    Args:
        screen: whose clock it is.
        draw: draws it; called at once and twice a second for as long as it lasts.
    """

    def __init__(self, screen: DOMNode, draw: Callable[[], None]) -> None:
        self._screen, self._draw = screen, draw
        self._since = 0.0
        self._timer: Timer | None = None
        self.text = ""

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def seconds(self) -> float:
        """For how long it has lasted."""
        return time.monotonic() - self._since

    def start(self, text: str) -> None:
        """Wait for this, or say anew what is waited for."""
        if not self.text:
            self._since = time.monotonic()
        self.text = text
        if self._timer is None:
            self._timer = self._screen.set_interval(INTERVAL, self._draw)
        self._timer.resume()
        self._draw()

    def stop(self) -> None:
        """Nothing is waited for any more."""
        self.text = ""
        if self._timer is not None:
            self._timer.pause()
