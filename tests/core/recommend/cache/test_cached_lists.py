"""The rules of reading: fresh lists, lists after a history that grew, lists that count for nothing; threads."""

from __future__ import annotations

import os
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, EnvironmentFault, ProjectError
from core.recommend.cache import cached_lists, list_database
from core.recommend.cache.cached_lists import CachedLists
from core.recommend.cache.list_database import CACHE_FILE, ListDatabase
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from core.serve.methods import answer
from core.serve.served_run import ServedRun
from tests.core.engine_tools import N_USERS, walks
from tests.core.recommend.cache import cache_tools as tools

LOG = walks()


@pytest.fixture(scope="module")
def built(trained: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tools.copy_of(trained, tmp_path_factory.mktemp("built"))
    tools.build(run)
    return run


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    """A copy of the run with its cache."""
    copy = tools.copy_of(RunFolder(built), tmp_path)
    assert (copy / CACHE_FILE).is_file()
    return copy


def history(run: Path, user: str) -> list[int]:
    return [int(item[1:]) for item in LOG[user]]


def test_a_history_that_grew(run: Path) -> None:
    """Served without what was taken since, marked for the refresh, which makes it anew."""
    with CachedLists(run) as cache:
        before = cache.get("u001")
        took = [int(before.items[0]), int(before.items[3])]
        grown = [*history(run, "u001"), *took]
        found = cache.get("u001", history=grown)
        assert (found.state, found.short, len(found.items)) == ("changed", False, 5)
        spare = cache.get("u001", cache.question({"k": 7}), history=grown).items.tolist()
        assert found.items.tolist() == spare[:5] and not set(took) & set(spare)
        assert cache.get("u001").items.tolist() == found.items.tolist()  # it is known from now on
        assert cache.get("u001", history=history(run, "u001")).state == "fresh"
        cache.get("u001", history=grown)
        assert cache.database.pending(1) == [1] and cache.status()["generations"][0]["pending"] == 1
        unrelated = cache.get("u002", history=[5])
        assert unrelated.state == "changed" and 5 not in unrelated.items
        # More was taken than there is to spare: the list is short, and says so.
        everything = cache.get("u003", cache.question({"k": 25}), history=[*history(run, "u003"), took[0]])
        assert everything.short == (len(everything.items) < 25)
    with CachedLists(run) as cache:
        assert cache.database.counters()["changed"] >= 4


def test_lists_that_count_for_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CachedLists(run, max_age=1.0) as cache:
        assert cache.get("u001").state == "fresh"
        now = cached_lists.time.time()
        monkeypatch.setattr(cached_lists.time, "time", lambda: now + 2 * 86_400)
        old = cache.get("u001")
        assert (old.state, old.served, len(old.items)) == ("outdated", False, 0) and "older than 24 h" in old.why
        monkeypatch.undo()
        assert cache.get("u001", cache.question({"k": 26})).state == "outdated"
        for other in ({"hide_seen": True}, {"only": "title LIKE '%a%'"}, {"deny": ["i01"]}, {"as_tested": True}):
            assert cache.get("u001", cache.question(other)).state == "missing"
        with pytest.raises(DataError, match="no user 'nobody'"):
            cache.get("nobody")
        with pytest.raises(ProjectError, match="k is"):
            cache.question({"k": 0})
    settings = run / "project.resolved.toml"
    settings.write_text(settings.read_text().replace("beams = 60", "beams = 59"))
    with CachedLists(run) as cache:
        assert cache.get("u001").why == "made by another model"


def test_threads_may_share_it(run: Path) -> None:
    with CachedLists(run) as cache, ThreadPoolExecutor(8) as pool:
        users = list(LOG) * 6
        alone = [cache.get(user).items.tolist() for user in LOG] * 6
        assert [found.items.tolist() for found in pool.map(cache.get, users)] == alone
        assert cache.status()["answers"] == {"fresh": 7 * N_USERS}


def test_a_cache_that_cannot_be_written_is_read(run: Path) -> None:
    with CachedLists(run, read_only=True) as cache:
        assert cache.get("u001", history=[*history(run, "u001"), 3]).state == "changed"
        assert cache.database.pending(1) == [] and "reading alone" in cache.status()["journal"]
        with pytest.raises(EnvironmentFault, match="cannot write"):
            cache.database.set_histories([(1, 2, b"")])
    assert ListDatabase(run / CACHE_FILE).counters() == {}


def test_other_machines_may_share_the_disk(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_database, "is_remote", lambda folder: True)
    with ListDatabase(tmp_path / "remote.sqlite") as base:
        assert "rollback journal" in base.journal()
    assert sqlite3.connect(tmp_path / "remote.sqlite").execute("PRAGMA journal_mode").fetchone() == ("delete",)
    with CachedLists(run) as cache:
        assert cache.get("u001").state == "fresh"


def test_what_is_no_cache(run: Path, trained: RunFolder) -> None:
    with pytest.raises(ProjectError, match="no cache yet"):
        CachedLists(trained)
    (run / CACHE_FILE).write_bytes(b"not a database, but long enough to look like one " * 40)
    with pytest.raises(DataError, match="not a cache"):
        CachedLists(run)
    (run / CACHE_FILE).write_bytes(b"")
    with pytest.raises(DataError, match="no cache of this version"):
        CachedLists(run, read_only=True)


def test_a_reader_sees_the_old_lists_until_the_new_ones_are_whole(run: Path) -> None:
    with CachedLists(run) as cache, ListDatabase(run / CACHE_FILE) as other:
        (old,) = other.generations()
        fresh = other.begin(old.question, old.source, old.depth)
        rows = [(user, row.mark, row.length, b"") for page in other.rows(old.number) for user, row in page]
        other.load(fresh, rows[:50])
        assert len(cache.get("u001").items) == 5 and [one.number for one in cache.database.generations()] == [
            old.number
        ]
        other.load(fresh, rows[50:])
        other.swap(fresh, 1.0)
        assert len(cache.get("u001").items) == 0 and cache.get("u001").short
        left = other.begin(old.question, old.source, old.depth)
        assert other.begin(old.question, old.source, old.depth) > fresh  # what was left is dropped
        names = {name for (name,) in sqlite3.connect(run / CACHE_FILE).execute("SELECT name FROM sqlite_master")}
        assert f"lists_{old.number}" not in names and f"lists_{fresh}" in names and left == fresh + 1


def test_the_serving_process_answers_from_the_cache(run: Path) -> None:
    """Without a model too; what the cache does not have, the model lists."""
    lookup = ServedRun(run, True, str)
    told = answer(lookup, "recommend", {"user": "u001", "cached": True, "k": 4})
    assert (told["source"], told["state"], told["history_kind"]) == ("cache", "fresh", "to date")
    with pytest.raises(ProjectError, match="index alone"):
        answer(lookup, "recommend", {"user": "u001", "cached": True, "hide_seen": True})
    served = ServedRun(run, False, str)
    live = answer(served, "recommend", {"user": "u001", "k": 4})
    assert live["source"] == "model"
    for name in ("user", "history", "target", "short"):
        assert told[name] == live[name]
    for ours, theirs in zip(told["items"], live["items"], strict=True):
        assert {**ours, "score": pytest.approx(theirs["score"], abs=1e-3)} == theirs
    assert answer(served, "recommend", {"user": "u001", "cached": True, "hide_seen": True})["source"] == "model"
    assert isinstance(served.recommender, Recommender)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(run: Path) -> None:
    shutil.copy(run / CACHE_FILE, run / "copy.sqlite")
    run.chmod(0o555)
    try:
        with CachedLists(run) as cache:
            assert cache.get("u001").state == "fresh" and cache.database.read_only
    finally:
        run.chmod(0o755)


def test_scores_are_those_of_the_list(run: Path) -> None:
    with CachedLists(run) as cache:
        for user in LOG:
            scores = cache.get(user, cache.question({"k": 25})).scores
            assert (np.diff(scores) <= 0).all()
