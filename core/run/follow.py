"""Look at a run from outside, once or for as long as it lasts."""

from __future__ import annotations

from itertools import chain

from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.reducer import reduce_all
from core.run.state import RunState
from core.run.status import Status


class Follower:
    """A run's state as its events and its process tell it; `poll` brings it up to date.

    One thread may poll while others read: what they find is always a whole state, which does not change any more.

    Args:
        folder: the run.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.state = RunState()
        """What the events said."""
        self.status: Status = folder.status()
        """How the run stands now; unlike the events it knows of an engine that died."""
        self._reader = EventReader(folder.events_path)
        self._restarts = 0

    def poll(self, max_bytes: int = 4 << 20) -> bool:
        """Read what is new, at most `max_bytes` of it; True where anything changed."""
        status = self.folder.status()
        changed, self.status = status != self.status, status
        events = self._reader.stream(max_bytes)
        first = next(events, None)
        state = self.state
        if self._reader.restarts != self._restarts:
            self._restarts, state, changed = self._reader.restarts, RunState(), True
        if first is not None:
            state, changed = reduce_all(state, chain((first,), events)), True
        self.state = state
        return changed

    @property
    def behind(self) -> int:
        """Bytes of events still to be read."""
        return self._reader.behind

    @property
    def bad_lines(self) -> int:
        """Lines of the events file that held no event."""
        return self._reader.bad

    @property
    def over(self) -> bool:
        """Whether nothing more will come: no engine is at work and everything is read."""
        return not self.status.live and self.status.state != "queued" and not self.behind
