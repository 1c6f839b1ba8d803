"""The curve of one metric, of a bounded size however long the run is."""

from __future__ import annotations

import math

MAX_POINTS = 2000


class Series:
    """Points (step, value) of one metric, thinned evenly when they become too many; a null is a NaN."""

    __slots__ = ("_pending", "_stride", "points", "rewind", "turn")

    def __init__(self, turn: int = 0) -> None:
        self.points: list[tuple[int, float]] = []
        self.rewind = False
        """Set when a run goes on: the next point takes the place of those that the checkpoint did not hold."""
        self.turn = turn
        """Which turn of the state may change it; later ones share it and copy it before they do."""
        self._stride = 1
        self._pending = 0

    def add(self, step: int, value: float) -> None:
        """Append a point; the newest always stands at the end."""
        points = self.points
        if self.rewind:
            self.rewind, self._pending = False, 0
            while points and points[-1][0] >= step:
                points.pop()
        if self._pending:
            points[-1] = (step, value)
        else:
            points.append((step, value))
            if len(points) > MAX_POINTS:
                del points[1::2]
                self._stride *= 2
                return
        pending = self._pending + 1
        self._pending = 0 if pending == self._stride else pending

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1] if self.points else math.nan

    def copy(self, turn: int = 0) -> Series:
        """A series that grows apart from this one."""
        other = Series(turn)
        other.points, other.rewind = list(self.points), self.rewind
        other._stride, other._pending = self._stride, self._pending
        return other
