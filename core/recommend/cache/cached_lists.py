"""Reading the cache: what is served of a list that is fresh, out of date, of another model, or not there."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import DataError, ProjectError
from core.index.revisions.changes import load_revisions, newest_revision
from core.project import Project
from core.recommend.cache.generation import CachedRow, Generation
from core.recommend.cache.list_database import CACHE_FILE, ListDatabase
from core.recommend.cache.list_question import ListQuestion, ListSource
from core.recommend.cache.list_shards import history_mark
from core.recommend.cache.packed_list import unpack
from core.run.folder import RunFolder
from core.units import duration

State = Literal["fresh", "changed", "missing", "outdated", "forgotten"]
"""How a list stands: as it would be made now; older than the newest of the history; not there; of another model or
index, or too old; of a user who was forgotten. Lists are served of the first two."""
FLUSHED, FLUSH_EVERY = 1000, 10.0
"""Answers, and seconds, between two writings of the counters."""
DAY = 86_400.0
_EMPTY = np.zeros(0, np.int32), np.zeros(0, np.float32)


@dataclass(frozen=True)
class CachedList:
    """What the cache says to a question about a user.

    Attributes:
        user: the id.
        state: see `State`; the list is empty unless it is fresh or changed.
        why: what is behind the state, in words; empty where it is fresh.
        items: item numbers, best first; int32.
        scores: as `core.recommend.recommendation.Ranked` has them, to within a 130,000th of their span; float32.
        history_kind: which of the user's histories the list follows.
        made: when the list was made; Unix seconds, 0 without one.
        short: fewer items than asked for.
    """

    user: str
    state: State
    why: str
    items: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    history_kind: str
    made: int
    short: bool

    @property
    def served(self) -> bool:
        """Whether there is a list to serve."""
        return self.state in ("fresh", "changed")


class CachedLists:
    """The cache of a run, open for questions; threads may share it.

    Args:
        run: the run's folder.
        max_age: days after which a list counts as outdated; 0 = never.
        read_only: change nothing: no counters, no marks.

    Raises:
        ProjectError: there is no cache yet, or no trained run.
        DataError: the cache, or a file of the run, is damaged.
    """

    def __init__(self, run: RunFolder | Path | str, max_age: float = 0.0, read_only: bool = False) -> None:
        self.folder = run if isinstance(run, RunFolder) else RunFolder(Path(run))
        path = self.folder.path / CACHE_FILE
        if not path.is_file():
            raise ProjectError(f"run {self.folder.id} has no cache yet", "make it: eagertui cache build")
        self.max_age = max_age
        self.database = ListDatabase(path, read_only)
        self._project = Project.load(self.folder.project_path)
        self._source = ListSource.of(self.folder)
        users = self._table("users", "user_id")["user_id"]
        self._numbers = {user: number for number, user in enumerate(users.to_list())}
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._flushed = time.monotonic()

    def __enter__(self) -> Self:
        """Nothing more than opening it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Write the counters and close the file."""
        with self._lock:
            self._flush()
            self.database.close()

    def question(self, given: Mapping[str, Any] | None = None) -> ListQuestion:
        """A question as `ListQuestion.of` reads it, with this project's rules."""
        return ListQuestion.of(self._project, given or {})

    def number(self, user: str) -> int:
        """The number of a user.

        Raises:
            DataError: neither the data nor the cache know them.
        """
        number = self._numbers.get(user)
        if number is None:
            number = self.database.number_of(user)
        if number is None:
            near = ", ".join(list(self._numbers)[:3])
            raise DataError(f"no user {user[:80]!r} among the {len(self._numbers):,} of this run", f"e.g. {near}")
        return number

    def get(self, user: str, question: ListQuestion | None = None, history: Sequence[int] | None = None) -> CachedList:
        """What the cache says of a user.

        A list after a history that grew since is served without what was taken since, and made anew by the next
        refresh.

        Args:
            user: the id.
            question: what the list is to be; by default the project's rules.
            history: item numbers of all that the user took up to now, where the asker knows; by default what the
                cache knows.

        Raises:
            DataError: unknown user, or a damaged cache.
        """
        question = question or self.question()
        with self._lock:
            answer = self._answer(user, question, history)
            self._counts[answer.state] += 1
            if self._counts.total() >= FLUSHED or time.monotonic() - self._flushed > FLUSH_EVERY:
                self._flush()
        return answer

    def _answer(self, user: str, question: ListQuestion, history: Sequence[int] | None) -> CachedList:
        number = self.number(user)

        def none(state: State, why: str, made: int = 0) -> CachedList:
            return CachedList(user, state, why, *_EMPTY, question.history_kind, made, True)

        kept = self.database.row(question.restriction, number)
        if kept is None:
            return none("missing", "no lists of this question are cached")
        generation, row = kept
        if why := self._outdated(generation, row, question):
            return none("outdated", why, row.made if row else 0)
        if row is None:
            if number in self.database.forgotten():
                return none("forgotten", "the user was forgotten; no list is kept")
            return none("missing", "the cache holds no list of this user")
        took = None if question.as_tested else self._took(number, row, history)
        try:
            items, scores = unpack(row.packed)
        except ValueError as error:
            raise DataError(f"{self.database.path}: damaged ({error})", "build the cache again") from error
        full = len(items) == generation.depth
        if took is not None:
            left = ~np.isin(items, took)
            items, scores = items[left], scores[left]
        short = len(items) < question.k
        state: State = "fresh" if took is None else "changed"
        why = "" if took is None else f"made before the newest {len(took)} of the history, which are left out"
        if took is not None and short and full:
            why += "; too few are left until the next refresh"
        return CachedList(
            user, state, why, items[: question.k], scores[: question.k], question.history_kind, row.made, short
        )

    def _outdated(self, generation: Generation, row: CachedRow | None, question: ListQuestion) -> str:
        """Why a list counts for nothing; empty where it counts."""
        source, revision = generation.source, newest_revision(self.folder)
        if (source.model, source.base_id) != (self._source.model, self._source.base_id):
            return "made by another model"
        if source.revision != revision:
            return f"made with revision {source.revision} of the index; it is {revision} now"
        if question.k > generation.depth:
            return f"lists of {generation.depth} items are cached, not of {question.k}"
        if row is not None and self.max_age and time.time() - row.made > self.max_age * DAY:
            return f"older than {duration(self.max_age * DAY)}"
        return ""

    def _took(self, user: int, row: CachedRow, history: Sequence[int] | None) -> npt.NDArray[np.int32] | None:
        """What the user took since their list was made; None = nothing. A newer history is kept for the refresh."""
        if history is not None:
            now = np.asarray(history, dtype=np.int32)
            mark = history_mark(now)
            if mark != row.mark and not self.database.read_only and len(now):
                known = self.database.history(user)
                if known is None or known[0] != mark:
                    self.database.set_histories([(user, mark, now.astype("<i4").tobytes())])
        else:
            newer = self.database.history(user)
            if newer is None:
                return None
            mark, now = newer[0], np.frombuffer(newer[1], "<i4")
        if mark == row.mark:
            return None
        before, after = now[: row.length], now[row.length :]
        return np.unique(after if history_mark(before) == row.mark else now)

    def _flush(self) -> None:
        if self._counts and not self.database.read_only:
            self.database.count(self._counts)
        self._counts.clear()
        self._flushed = time.monotonic()

    def _table(self, name: str, *columns: str) -> pl.DataFrame:
        path = self.folder.artefact("data") / f"{name}.parquet"
        try:
            return pl.read_parquet(path, columns=list(columns), glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: cannot be read ({error})", "train again with --new") from error

    # --- ids and titles ---------------------------------------------------------------------------------------------

    def items(self) -> pl.DataFrame:
        """`item_id` and `title` of every item number, added ones included."""
        table, growth = self._table("items", "item_id", "title"), load_revisions(self.folder)
        if growth.number:
            table = pl.concat([table, growth.items.select("item_id", "title")])
        return table.with_columns(pl.coalesce("title", "item_id").alias("title"))

    def titled(self, items: Sequence[int]) -> list[dict[str, str]]:
        """`item_id` and `title` of some item numbers."""
        return self.items()[list(items)].to_dicts() if len(items) else []

    def user_ids(self) -> pl.DataFrame:
        """`user` (number) and `user_id` of everybody."""
        more = self.database.more_users()
        numbers, ids = [*self._numbers.values(), *more], [*self._numbers, *more.values()]
        return pl.DataFrame({"user": numbers, "user_id": ids}, schema={"user": pl.Int32(), "user_id": pl.String()})

    def generation(self, question: ListQuestion) -> tuple[Generation, str]:
        """The lists of a question, and why they are outdated; empty where they are not.

        Raises:
            ProjectError: there are none.
        """
        for one in self.database.generations():
            if one.question.restriction == question.restriction:
                return one, self._outdated(one, None, question)
        raise ProjectError("no lists of this question are cached", "eagertui cache status shows those that are")

    # --- how it stands ----------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """How the cache stands, as JSON values.

        Returns:
            `path`, `journal` and why it is that, `bytes`, `lists`, `bytes_a_user`; `answers`: counts by state since
            the cache was made, `hit_rate`: the share of them that were served; `generations`: each with its question,
            whether it is `current` and why not, `users`, `pending`: users whose history grew since, `age_days`
            (median and oldest), `users_per_second` of the work that made it.
        """
        base = self.database
        with self._lock:
            self._flush()
            answers, lists, size = base.counters(), base.lists(), base.nbytes()
            rows = []
            for one in base.generations():
                ages, now = base.ages(one.number), time.time()
                why = self._outdated(one, None, one.question)
                days = [round((now - ages[place]) / DAY, 2) for place in (len(ages) // 2, 0)] if ages else []
                rows.append(
                    {
                        "k": one.question.k, "depth": one.depth, "hide_seen": one.question.hide_seen,
                        "history_kind": one.question.history_kind, "only": one.question.only,
                        "allow": None if one.question.allow is None else len(one.question.allow),
                        "deny": len(one.question.deny), "current": not why, "why": why,
                        "made": one.made, "refreshed": one.refreshed, "users": len(ages),
                        "pending": 0 if one.question.as_tested else len(base.pending(one.number)),
                        "age_days": dict(zip(("median", "oldest"), days, strict=False)),
                        "users_per_second": round(one.users / one.seconds, 1) if one.seconds else None,
                    }
                )  # fmt: skip
        asked = sum(answers.values())
        served = sum(answers.get(state, 0) for state in ("fresh", "changed"))
        return {
            "path": str(base.path), "journal": base.journal(), "bytes": size, "lists": lists,
            "bytes_a_user": round(size / lists, 1) if lists else None, "answers": answers,
            "hit_rate": round(served / asked, 4) if asked else None, "generations": rows,
        }  # fmt: skip
