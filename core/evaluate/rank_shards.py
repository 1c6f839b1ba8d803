"""Ranks by several processes: parts of the users, each claimed by a lock that goes with its process.

Files in the stage's folder are all that they share, so a process that dies costs its part alone: whoever is left does
it again. A list does not depend on who shares its batch, so the ranks are those of one process.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from core.evaluate.ranks import Ranking, load_ranking, save_ranking
from core.files import WAIT, taken
from core.run.reporting import Reporter

SHARDS = "shards"
PARTS_EACH = 3
"""Parts of a split for each process: who is done early takes another."""

Places = npt.NDArray[np.int64]
RankUsers = Callable[[Places, Reporter], Sequence[Ranking]]


class RankShards:
    """The parts of one split.

    Args:
        folder: of the stage.
        split: its name.
        users: of the split.
        processes: that share the work.
    """

    def __init__(self, folder: Path, split: str, users: int, processes: int) -> None:
        self._folder, self._users = folder / SHARDS, users
        self._count = max(1, min(users, processes * PARTS_EACH))
        self._name = f"{split}-{self._count}"

    def places(self, part: int) -> Places:
        """The users of a part, as places in the split."""
        return np.arange(part, self._users, self._count, dtype=np.int64)

    def lead(self, rank: RankUsers, reporter: Reporter) -> list[Ranking]:
        """Rank every part that nobody else ranks, and wait for the others; where these die, rank theirs too.

        Args:
            rank: some users' rankings, one a method.
            reporter: hears the progress; may ask to stop.

        Returns:
            All users' rankings, one a method.

        Raises:
            StopRequested: somebody asked to stop; parts that are ranked stay.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        while self._missing():
            for part in self._missing():
                self._claim(part, rank, reporter)
            if self._missing():
                reporter.stop_if_asked()
                time.sleep(WAIT)
        parts = [self._load(part) for part in range(self._count)]
        return [self._joined([found[method] for found in parts]) for method in range(len(parts[0]))]

    def help(self, rank: RankUsers, reporter: Reporter) -> None:
        """Rank the parts that nobody else ranks, for the process that leads; its folder goes when it has all.

        Raises:
            StopRequested: somebody asked to stop.
        """
        with contextlib.suppress(FileNotFoundError):
            for part in range(self._count):
                self._claim(part, rank, reporter)

    def _joined(self, parts: Sequence[Ranking]) -> Ranking:
        ranks, masked = (np.zeros(self._users, dtype=parts[0].ranks.dtype) for _ in range(2))
        for number, part in enumerate(parts):
            ranks[self.places(number)], masked[self.places(number)] = part.ranks, part.masked
        shown, hidden = (np.sum([getattr(p, name) for p in parts], axis=0) for name in ("shown", "shown_masked"))
        return Ranking(ranks, masked, shown, hidden)

    def _claim(self, part: int, rank: RankUsers, reporter: Reporter) -> None:
        if self._done(part):
            return
        handle = os.open(self._folder / f"{self._name}-{part}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not taken(handle) or self._done(part):
                return
            before = self._users - sum(len(self.places(one)) for one in self._missing())
            found = rank(self.places(part), cast(Reporter, _OfMany(reporter, before, self._users)))
            for method, ranking in enumerate(found):
                save_ranking(self._file(part, method), ranking)
            self._file(part, len(found)).with_suffix(".all").touch()
        finally:
            os.close(handle)

    def _file(self, part: int, method: int) -> Path:
        return self._folder / f"{self._name}-{part}-{method}.npz"

    def _done(self, part: int) -> bool:
        return any(self._folder.glob(f"{self._name}-{part}-*.all"))

    def _missing(self) -> list[int]:
        return [part for part in range(self._count) if not self._done(part)]

    def _load(self, part: int) -> list[Ranking]:
        (end,) = self._folder.glob(f"{self._name}-{part}-*.all")
        methods = int(end.stem.rpartition("-")[2])
        return [load_ranking(self._file(part, method)) for method in range(methods)]


class _OfMany:
    """Tells a part's progress as that of the whole."""

    def __init__(self, reporter: Reporter, before: int, whole: int) -> None:
        self._reporter, self._before, self._whole = reporter, before, whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reporter, name)

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        self._reporter.progress(task, self._before + done, self._whole, unit)
