"""The long jobs: every user's list into the cache or into a Parquet file, and changed users' lists anew.

Each may be killed at any moment: what was made stays in shards, and the same job goes on from there.
"""

from __future__ import annotations

import contextlib
import glob
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from core.assets import refuse_demo
from core.errors import EagerError, EnvironmentFault, ProjectError
from core.files import locked
from core.recommend.cache.list_database import CACHE_FILE, ListDatabase, Row
from core.recommend.cache.list_question import ListQuestion, ListSource
from core.recommend.cache.list_shards import ListShards, writable
from core.recommend.cache.list_users import NewInteractions, everybody, take_interactions
from core.recommend.cache.lists_file import write_lists
from core.recommend.cache.packed_list import pack
from core.run.folder import RunFolder
from core.run.launch import engine_command, engine_environment
from core.units import duration

if TYPE_CHECKING:
    from core.recommend.recommender import Recommender

Say = Callable[[str], None]
"""Hears a sentence."""
MARGIN = 20
"""Items that a cached list has more than it is asked for, to be served when some of it was consumed."""
PARTS = "cache.parts"
"""Folder of a run's shards while its cache is made."""


class _Job:
    """What the jobs share: the run, loaded once, and whoever hears how it goes."""

    def __init__(self, run: Path, say: Say, tick: Say, workers: int) -> None:
        self.folder, self.say, self.tick, self.workers = RunFolder(run), say, tick, workers
        self.source = ListSource.of(self.folder)
        say("loading the model")
        from core.recommend.recommender import Recommender

        self.recommender: Recommender = Recommender.load(run)
        self.project = self.recommender.project
        if workers > 1:
            _share_threads(workers)

    def question(self, given: Mapping[str, Any]) -> ListQuestion:
        """The question that is asked; says which of its ids no item has."""
        question = ListQuestion.of(self.project, given)
        if unknown := self.recommender.unknown([*(question.allow or ()), *question.deny]):
            self.say(f"{len(unknown):,} ids are of no item of this run, e.g. {unknown[0][:80]!r}")
        return question

    def shards(self, place: Path, question: ListQuestion, depth: int, users: Any, histories: Any) -> ListShards:
        """The shards of a job, below a folder where those of other jobs are no longer wanted."""
        mark = ListShards.mark(question, self.source, depth, users, histories)
        folder = place.with_name(f"{place.name}{mark}")
        for other in place.parent.glob(f"{glob.escape(place.name)}{'[0-9a-f]' * len(mark)}"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return ListShards(folder, question, users, histories, depth, self.project.data.max_history)

    def fill(self, shards: ListShards, request: Mapping[str, Any]) -> None:
        """Make the shards that are missing, with other workers where some are wanted; says what it will take."""
        total, before = len(shards.users), shards.done()
        if not shards.missing():
            return
        if before:
            self.say(f"goes on: {before:,} of {total:,} users are done")
        pace = shards.probe(self.recommender)
        self.say(f"{total - before:,} users to do, about {duration((total - before) / pace)} at {pace:,.0f} a second")
        began = time.perf_counter()

        def progress(done: int, of: int) -> None:
            spent = time.perf_counter() - began
            pace = (done - before) / spent if done > before else 0.0
            left = f", {pace:,.0f} a second, {duration((of - done) / pace)} left" if pace else ""
            self.tick(f"{done:,} of {of:,} users{left}")

        with self._others(shards, request):
            shards.fill(self.recommender, progress, 0, self.workers)
        if shards.missing():  # a worker ended early; what it left is made here
            shards.fill(self.recommender, progress)

    @contextlib.contextmanager
    def _others(self, shards: ListShards, request: Mapping[str, Any]) -> Iterator[None]:
        """The other workers, processes of their own that are gone when the block ends."""
        words = json.dumps({**request, "folder": str(shards.folder), "depth": shards.depth, "parts": self.workers})
        argv = [*engine_command(), "errand", "list-shards", str(self.folder.path.resolve())]
        others = [
            subprocess.Popen(
                [*argv, json.dumps({**json.loads(words), "part": part})],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=engine_environment(),
            )
            for part in range(1, self.workers)
        ]  # fmt: skip
        try:
            yield
            for other in others:
                other.wait()
        finally:
            for other in others:
                if other.poll() is None:
                    other.kill()
                other.wait()


def work_on_shards(run: Path, request: Mapping[str, Any]) -> None:
    """One of several workers: make a part of the shards of a job that another process leads."""
    job = _Job(run, lambda text: None, lambda text: None, int(request["parts"]))
    question = ListQuestion.of(job.project, request["question"])
    cache = ListDatabase(job.folder.path / CACHE_FILE, True) if request["cached"] else None
    users, histories = everybody(job.recommender.dataset, question, cache)
    depth, folder = int(request["depth"]), Path(request["folder"])
    if not folder.name.endswith(ListShards.mark(question, job.source, depth, users, histories)):
        raise EagerError("the run or its cache changed meanwhile", "start the job again")
    shards = ListShards(folder, question, users, histories, depth, job.project.data.max_history)
    shards.fill(job.recommender, lambda done, of: None, int(request["part"]), int(request["parts"]))


def build_cache(run: Path, given: Mapping[str, Any], say: Say, tick: Say, workers: int = 1) -> dict[str, Any]:
    """Make every user's list for one question, and serve them in place of those of the same restriction.

    Args:
        run: the run's folder.
        given: the question, as `ListQuestion.of` reads it.
        say: hears what is worth a line.
        tick: hears how far it is, now and then.
        workers: processes that make lists.

    Returns:
        `users`, `depth`, `seconds` of this process, `users_per_second` of what it made.

    Raises:
        EagerError: why there is no cache.
    """
    with _alone(run):
        return _build(_Job(run, say, tick, workers), given)


def _build(job: _Job, given: Mapping[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    question = job.question(given)
    # With more items than beams the search would be a wider one, and its list another than the one that is served live.
    depth = min(question.k + MARGIN, max(job.project.recommend.beams, question.k))
    if depth < question.k + MARGIN:
        job.say(f"lists of {depth} items: a search of {job.project.recommend.beams} beams finds no spare ones")
    with ListDatabase(job.folder.path / CACHE_FILE) as cache:
        job.say(f"cache: {cache.journal()}")
        users, histories = everybody(job.recommender.dataset, question, cache)
        shards = job.shards(job.folder.path / PARTS / "all-", question, depth, users, histories)
        fresh = len(users) - shards.done()
        job.fill(shards, {"question": dict(given), "cached": True})
        spent = time.perf_counter() - began
        number = cache.begin(question, job.source, depth)
        loaded = time.perf_counter()
        for table in shards.tables():
            cache.load(number, _rows(table))
        loaded = time.perf_counter() - loaded
        cache.swap(number, spent * len(users) / fresh if fresh else 0.0)
        shards.remove()
    pace = round(fresh / spent, 1) if fresh else None
    return {
        "users": len(users), "depth": depth, "seconds": round(time.perf_counter() - began, 2),
        "users_per_second": pace, "loaded_per_second": round(len(users) / max(loaded, 1e-9)),
    }  # fmt: skip


def refresh_cache(
    run: Path, interactions: Path | None, max_age: float, say: Say, tick: Say, workers: int = 1
) -> dict[str, Any]:
    """Make the lists anew of users whose history grew, and all of those of another model or index.

    Args:
        run: the run's folder.
        interactions: a file of what users took since, in the project's columns.
        max_age: days after which a list is made anew; 0 = never.
        say: hears what is worth a line.
        tick: hears how far it is, now and then.
        workers: processes that make whole generations.

    Returns:
        `rows`, `changed_users`, `new_users`, `unknown_items`, `rejected` of the file; `rebuilt`: generations that were
        made anew; `refreshed`: lists; `seconds`.

    Raises:
        ProjectError: there is no cache yet.
        EagerError: why it is not refreshed.
    """
    began = time.perf_counter()
    path = run / CACHE_FILE
    if not path.is_file():
        raise ProjectError(f"run {run.name} has no cache yet", "make it: eagertui cache build")
    with _alone(run):
        job = _Job(run, say, tick, workers)
        taken, changes, rebuilt = NewInteractions(0, 0, 0, 0, 0), dict[int, list[Row]](), 0
        with ListDatabase(path) as cache:
            if interactions is not None:
                numbers = {item: number for number, item in enumerate(job.recommender.items["item_id"].to_list())}
                taken = take_interactions(cache, job.project, job.recommender.dataset, numbers, interactions)
                say(
                    f"{taken.rows:,} rows, {taken.users:,} users with a longer history, {taken.new_users:,} of them new"
                )
            generations = cache.generations()
            folders: list[ListShards] = []
            for one in generations:
                if one.source != job.source:
                    say("lists of another model or index: all are made anew")
                    _build(job, asdict(one.question))
                    rebuilt += 1
                    continue
                users, histories = everybody(job.recommender.dataset, one.question, cache)
                wanted = set() if one.question.as_tested else set(cache.pending(one.number))
                if max_age:
                    ages = cache.older(one.number, time.time() - max_age * 86_400)
                    wanted |= set(ages)
                chosen = np.flatnonzero(np.isin(users, list(wanted)))
                if not len(chosen):
                    continue
                place = job.folder.path / PARTS / f"changed-{one.number}-"
                shards = job.shards(place, one.question, one.depth, users[chosen], histories.take(chosen))
                workers, job.workers = job.workers, 1  # other workers make whole generations alone
                job.fill(shards, {})
                job.workers = workers
                changes[one.number] = [row for table in shards.tables() for row in _rows(table)]
                folders.append(shards)
            if changes:
                cache.refresh(changes)
            for shards in folders:
                shards.remove()
    return {
        "rows": taken.rows, "changed_users": taken.users, "new_users": taken.new_users,
        "unknown_items": taken.unknown_items, "rejected": taken.rejected, "rebuilt": rebuilt,
        "refreshed": sum(map(len, changes.values())), "seconds": round(time.perf_counter() - began, 2),
    }  # fmt: skip


def write_all_users(
    run: Path, given: Mapping[str, Any], out: Path, titles: bool, say: Say, tick: Say, workers: int = 1
) -> dict[str, Any]:
    """Write every user's list into a Parquet file, as `core.recommend.cache.lists_file` describes it.

    Args:
        run: the run's folder.
        given: the question, as `ListQuestion.of` reads it.
        out: the file; its parts lie in a hidden folder beside it until it is whole.
        titles: whether there is a column of titles.
        say: hears what is worth a line.
        tick: hears how far it is, now and then.
        workers: processes that make lists.

    Returns:
        `file`, `users`, `rows`, `short`: users with fewer items than asked for; `seconds`.

    Raises:
        EagerError: why there is no file.
    """
    began = time.perf_counter()
    if not out.parent.is_dir():
        raise ProjectError(f"no folder {out.parent}", "make it first")
    writable(out.parent)
    job = _Job(run, say, tick, workers)
    question = job.question(given)
    dataset = job.recommender.dataset
    users, histories = everybody(dataset, question)
    shards = job.shards(out.parent / f".{out.name}.", question, question.k, users, histories)
    job.fill(shards, {"question": dict(given), "cached": False})
    lists = pl.concat(list(shards.tables()))
    user_ids = pl.DataFrame({"user": np.arange(dataset.n_users, dtype=np.int32), "user_id": dataset.users})
    rows = write_lists(out, lists, user_ids, job.recommender.items, question, job.source, titles)
    shards.remove()
    short = int((lists["items"].list.len() < question.k).sum())
    return {
        "file": str(out.resolve()), "users": len(users), "rows": rows, "short": short,
        "history_kind": question.history_kind, "seconds": round(time.perf_counter() - began, 2),
    }  # fmt: skip


def _rows(table: pl.DataFrame) -> Iterator[Row]:
    """A shard as rows of the cache."""
    items, scores = (table[name].explode(empty_as_null=False).to_numpy() for name in ("items", "scores"))
    ends = np.cumsum(table["items"].list.len().to_numpy(), dtype=np.int64)
    starts = ends - table["items"].list.len().to_numpy()
    plain = zip(table["user"], table["history"], table["length"], starts.tolist(), ends.tolist(), strict=True)
    for user, mark, length, start, end in plain:
        yield user, mark, length, pack(items[start:end], scores[start:end])


@contextlib.contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Nobody else makes or refreshes the cache of this run meanwhile; whoever comes second waits."""
    refuse_demo(run)
    folder = run / PARTS
    try:
        lock = contextlib.ExitStack()
        lock.enter_context(locked(folder))
    except OSError as error:
        raise EnvironmentFault(f"cannot write {folder}: {error.strerror or error}", "copy the project") from error
    with lock:
        yield
        with contextlib.suppress(OSError):
            folder.rmdir()


def _share_threads(workers: int) -> None:
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // workers))
