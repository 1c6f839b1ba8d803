"""kill -9 while a cache is made or refreshed: readers see the old lists or the new ones, and the job goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.recommend.cache import list_jobs
from core.recommend.cache.cached_lists import CachedLists
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_USERS, walks
from tests.core.recommend.cache import cache_tools as tools
from tests.core.recommend.cache import kill_tools

LOG = walks()
GROWN = ("u001", "u002", "u003")
MOMENTS = 20


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    return Recommender.load(trained.path)


@pytest.fixture
def run(
    trained: RunFolder, recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """With lists of 3 items, and a log that three users go on in."""
    tools.small_shards(monkeypatch)
    tools.loaded_once(monkeypatch, recommender)
    copy = tools.copy_of(trained, tmp_path)
    tools.build(copy, {"k": 3})
    tools.write_log(tmp_path / "new.parquet", [(user, f"i{n:02}", 90 + n) for user in GROWN for n in (4, 44)])
    yield copy


def states(run: Path) -> tuple[int, list[int], set[int]]:
    """k of the generation that is served, lengths of its lists, and how long the grown users' histories are there."""
    with CachedLists(run, read_only=True) as cache:
        (one,) = cache.database.generations()
        rows = dict(pair for page in cache.database.rows(one.number) for pair in page)
        assert sorted(rows) == list(range(N_USERS))
        lengths = [len(cache.get(user, cache.question({"k": one.depth})).items) for user in LOG if user not in GROWN]
        grown = {rows[cache.number(user)].length - len(LOG[user]) for user in GROWN}
        return one.question.k, lengths, grown


@pytest.mark.slow  # a process that loads the model, as below; those of interrupted jobs are quick
def test_killed_while_the_shards_are_loaded(run: Path) -> None:
    before = states(run)
    assert before[0] == 3
    kill_tools.kill_at(kill_tools.start(run, "build", json.dumps({"k": 4}), "load"))
    assert states(run) == before
    said: list[str] = []
    list_jobs.build_cache(run, {"k": 4}, said.append, said.append)
    assert not any("users to do" in text for text in said)  # every list was made already
    assert states(run) == (4, [24] * (N_USERS - len(GROWN)), {0})


@pytest.mark.slow
@pytest.mark.parametrize("job", ["build", "refresh"])
def test_killed_at_many_moments(run: Path, job: str) -> None:
    argument = json.dumps({"k": 4}) if job == "build" else str(run.parent.parent / "new.parquet")
    old, new = states(run), (4, [24] * (N_USERS - len(GROWN)), {0})
    if job == "refresh":
        new = (old[0], old[1], {2})
    clean = run.parent / "clean"
    shutil.copytree(run, clean)
    calls = kill_tools.calls_of(kill_tools.start(run, job, argument))
    assert calls is not None and calls > 10 * MOMENTS and states(run) == new
    killed = interrupted = 0
    for moment in range(MOMENTS):
        if moment % 4 == 0:  # from the start again; the others go on where the one before was killed
            shutil.rmtree(run)
            shutil.copytree(clean, run)
        at = str(int(calls * (moment + 0.5) / MOMENTS))
        killed += kill_tools.calls_of(kill_tools.start(run, job, argument, at)) is None
        interrupted += (run / list_jobs.PARTS).exists()
        assert states(run) in (old, new)
    assert killed >= MOMENTS // 4 and interrupted > 0
    assert kill_tools.calls_of(kill_tools.start(run, job, argument)) is not None
    assert states(run) == new and not (run / list_jobs.PARTS).exists()
