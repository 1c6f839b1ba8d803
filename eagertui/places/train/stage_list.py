"""The box of a run's stages, which keeps the one at work in sight, and what comes after it."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.events import Resize
from textual.geometry import Size

AFTER = 2
"""Lines below the stage at work."""


class StageList(VerticalScroll):
    """Scrolls when a stage begins, and when its room or its length is another; else it stays where somebody put it."""

    _stages = (0, 0)

    def follow(self, begun: int, planned: int) -> None:
        """Tell how many stages have begun, the last of which is at work, and how many are planned."""
        if (begun, planned) != self._stages:
            self._stages = (begun, planned)
            self._to_work()

    def on_resize(self, event: Resize) -> None:
        """What was in sight in another room may not be in this one."""
        self._to_work()

    def watch_virtual_size(self, old: Size, new: Size) -> None:
        """A list that is longer can be scrolled further; no event tells it, for its room is the same."""
        if old.height != new.height:
            self._to_work()

    def _to_work(self) -> None:
        self.scroll_to(y=max(0, self._stages[0] - max(1, self.size.height - AFTER)), animate=False)
