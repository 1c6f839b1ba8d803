"""The long jobs: what they make is what `recommend_many` lists, whether or not they were interrupted."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core import add_items, remove_items
from core.errors import DataError, ProjectError
from core.recommend.cache import list_jobs
from core.recommend.cache.cached_lists import CachedLists
from core.recommend.cache.list_database import CACHE_FILE
from core.recommend.cache.lists_file import METADATA, export_cache
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_ITEMS, N_USERS, walks
from tests.core.recommend.cache import cache_tools as tools

LOG = walks()
AMBER = "title LIKE '%amber%' OR title LIKE '%coral%'"


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    return Recommender.load(trained.path)


@pytest.fixture
def run(
    trained: RunFolder, recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    tools.small_shards(monkeypatch)
    tools.loaded_once(monkeypatch, recommender)
    yield tools.copy_of(trained, tmp_path)


QUESTIONS = [
    {},
    {"hide_seen": True, "k": 4},
    {"as_tested": True},
    {"as_tested": True, "hide_seen": True, "k": 30},
    {"only": AMBER, "hide_seen": True},
]


@pytest.mark.parametrize("given", QUESTIONS, ids=str)
def test_cached_lists_are_what_recommend_many_lists(
    run: Path, recommender: Recommender, given: dict[str, object]
) -> None:
    done = tools.build(run, given)
    with CachedLists(run) as cache:
        question = cache.question(given)
        assert done["users"] == N_USERS and done["depth"] == question.k + list_jobs.MARGIN
        items, scores = tools.everyone(recommender, question.as_tested, question.hide_seen, question.k, question.only)
        for number, user in enumerate(LOG):
            found = cache.get(user, question)
            real = items[number] >= 0
            assert (found.state, found.short) == ("fresh", not real.all())
            assert found.items.tolist() == items[number][real].tolist()
            assert found.scores == pytest.approx(scores[number][real], abs=1e-3)
            if question.hide_seen and not question.as_tested:
                assert LOG[user][-1] not in [one["item_id"] for one in cache.titled(found.items.tolist())]
        assert cache.status()["hit_rate"] == 1.0


def test_a_beam_without_spare_items(run: Path, recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deeper lists than beams would come of a wider search; hidden items must not change the list either."""
    from dataclasses import replace

    project = recommender.project
    monkeypatch.setattr(recommender, "project", replace(project, recommend=replace(project.recommend, beams=16, k=5)))
    assert tools.build(run, {"hide_seen": True})["depth"] == 16
    items, _ = tools.everyone(recommender, False, True, 5)
    with CachedLists(run) as cache:
        question = cache.question({"hide_seen": True})
        assert [cache.get(user, question).items.tolist() for user in LOG] == items.tolist()
        assert cache.get("u000", cache.question({"hide_seen": True, "k": 17})).state == "outdated"


class Stop(Exception):
    """Somebody stopped the job."""


def stop_after(calls: int) -> list_jobs.Say:
    left = calls

    def tick(text: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Stop

    return tick


def test_an_interrupted_build_goes_on(run: Path, recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    many = recommender.recommend_many

    def counted(histories: object, *others: object) -> object:
        asked.append(len(histories))  # type: ignore[arg-type]
        return many(histories, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(recommender, "recommend_many", counted)
    with pytest.raises(Stop):
        list_jobs.build_cache(run, {}, print, stop_after(3))
    said: list[str] = []
    with pytest.raises(Stop):
        list_jobs.build_cache(run, {}, said.append, stop_after(2))
    assert any("goes on: " in text for text in said) and any("users to do, about" in text for text in said)
    with CachedLists(run) as cache:
        assert cache.get("u000").state == "missing"
    tools.build(run)
    assert sum(count for count in asked if count not in (1, 32)) == N_USERS  # beside the probes, each once
    assert not (run / list_jobs.PARTS).exists()
    with CachedLists(run) as cache:
        items, _ = tools.everyone(recommender, False, False, 5)
        assert [cache.get(user).items.tolist() for user in LOG] == items.tolist()


def test_every_user_in_a_file(run: Path, recommender: Recommender, tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    with pytest.raises(Stop):
        list_jobs.write_all_users(run, {"hide_seen": True}, out, False, print, stop_after(3))
    assert not out.exists() and list(tmp_path.glob(".lists.parquet.*"))
    done = list_jobs.write_all_users(run, {"hide_seen": True, "k": 7}, out, True, print, print)
    assert list(tmp_path.glob(".lists.parquet.*")) == []
    table = pl.read_parquet(out)
    assert table.columns == ["user_id", "rank", "item_id", "score", "title"] and table.height == done["rows"]
    about = json.loads(pl.read_parquet_metadata(out)[METADATA])
    assert (about["run"], about["history"], about["protocol"]) == (run.name, "to date", "seen items hidden")
    assert table["user_id"].unique(maintain_order=True).to_list() == list(LOG)
    for user in list(LOG)[::9]:
        rows = table.filter(pl.col("user_id") == user)
        listed = recommender.recommend(user=user, hide_seen=True, k=7).items
        assert rows["item_id"].to_list() == [one.item_id for one in listed]
        assert rows["title"].to_list() == [one.title for one in listed]
        assert rows["score"].to_list() == pytest.approx([one.score for one in listed], abs=1e-4)
        assert rows["rank"].to_list() == list(range(1, len(listed) + 1))
    list_jobs.write_all_users(run, {"as_tested": True, "k": 3}, out, False, print, print)
    assert pl.read_parquet(out).columns == ["user_id", "rank", "item_id", "score"]
    assert json.loads(pl.read_parquet_metadata(out)[METADATA])["history"] == "as tested"
    with pytest.raises(ProjectError, match="folder"):
        list_jobs.write_all_users(run, {}, tmp_path / "none" / "x.parquet", False, print, print)


@pytest.mark.slow  # the other worker is a process that loads the model
def test_two_workers_make_the_same(run: Path, recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys\nfrom core.recommend.cache import list_shards\nlist_shards.SHARD, list_shards.BLOCK = 24, 8\n"
    code += "from core.jobs.errands import main\nsys.exit(main(sys.argv[2:]))"
    monkeypatch.setattr(list_jobs, "engine_command", lambda: [sys.executable, "-c", code])
    made: list[str] = []
    list_jobs.build_cache(run, {}, print, made.append, workers=2)
    assert len(made) < 5  # of the five shards the other made some
    with CachedLists(run) as cache:
        items, _ = tools.everyone(recommender, False, False, 5)
        assert [cache.get(user).items.tolist() for user in LOG] == items.tolist()


def test_a_refresh_makes_the_lists_of_changed_users_anew(run: Path, recommender: Recommender, tmp_path: Path) -> None:
    tools.build(run, {"hide_seen": True})
    tools.build(run, {"as_tested": True})
    with pytest.raises(ProjectError, match="no cache"):
        list_jobs.refresh_cache(tmp_path, None, 0.0, print, print)
    first = next(item for item in recommender.items["item_id"] if item not in LOG["u001"])
    rows = [("u001", first, 90), ("u002", LOG["u002"][0], 91), ("new one", "i07", 5), ("new one", "i05", 4)]
    log = tools.write_log(tmp_path / "new.parquet", [*rows, ("u003", "no such item", 1)])
    done = list_jobs.refresh_cache(run, log, 0.0, print, print)
    assert {name: done[name] for name in ("rows", "changed_users", "new_users", "unknown_items", "refreshed")} == {
        "rows": 5, "changed_users": 3, "new_users": 1, "unknown_items": 1, "refreshed": 3,
    }  # fmt: skip
    numbers = {item: number for number, item in enumerate(recommender.items["item_id"])}
    with CachedLists(run) as cache:
        question = cache.question({"hide_seen": True})
        assert cache.database.pending(1) == []
        for user, took in (
            ("u001", [*LOG["u001"], first]),
            ("u002", [*LOG["u002"], LOG["u002"][0]]),
            ("new one", ["i05", "i07"]),
        ):
            found = cache.get(user, question)
            wanted, _ = recommender.recommend_many([[numbers[item] for item in took]], None, True)
            assert (found.state, found.items.tolist()) == ("fresh", wanted[0].tolist())
    again = list_jobs.refresh_cache(run, log, 0.0, print, print)
    assert (again["changed_users"], again["refreshed"]) == (0, 0)  # the same file tells nothing new
    time.sleep(1.1)  # times are kept in seconds
    everything = list_jobs.refresh_cache(run, None, 1e-9, print, print)
    assert everything["refreshed"] == 2 * N_USERS + 1  # all are older than that
    # A new build knows the newer histories and the new user too; what is as tested stays.
    assert tools.build(run, {"hide_seen": True})["users"] == N_USERS + 1
    assert tools.build(run, {"as_tested": True})["users"] == N_USERS


def test_lists_of_another_index_are_not_served(
    run: Path, recommender: Recommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools.build(run)
    remove_items(RunFolder(run), ["i07"])
    with CachedLists(run) as cache:
        found = cache.get("u000")
        assert (found.state, found.items.tolist()) == ("outdated", []) and "revision 0" in found.why
        assert not cache.status()["generations"][0]["current"]
    monkeypatch.undo()
    tools.small_shards(monkeypatch)
    done = list_jobs.refresh_cache(run, None, 0.0, print, print)
    assert done["rebuilt"] == 1
    with CachedLists(run) as cache:
        listed = {item for user in LOG for item in cache.get(user).items.tolist()}
        assert listed and 7 not in listed
    rows = {"item_id": ["late"], "title": ["A later book of amber"], "blurb": ["A tale of amber and amber weather"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "more.parquet")
    add_items(RunFolder(run), tmp_path / "more.parquet")
    with CachedLists(run) as cache:
        assert cache.get("u000").state == "outdated"
        assert cache.titled([N_ITEMS]) == [{"item_id": "late", "title": "A later book of amber"}]


def test_a_user_is_forgotten(run: Path, tmp_path: Path) -> None:
    tools.build(run)
    tools.build(run, {"hide_seen": True})
    log = tools.write_log(tmp_path / "new.parquet", [("u001", LOG["u005"][0], 90), ("somebody-else", "i07", 5)])
    list_jobs.refresh_cache(run, log, 0.0, print, print)
    with CachedLists(run) as cache:
        assert cache.database.forget(cache.number("u001")) == 2
        assert cache.database.forget(cache.number("somebody-else")) == 2
        assert cache.get("u001").state == "forgotten"
        with pytest.raises(DataError, match="no user"):
            cache.get("somebody-else")
    assert b"somebody-else" not in (run / CACHE_FILE).read_bytes()
    assert tools.build(run)["users"] == N_USERS - 1
    list_jobs.refresh_cache(run, log, 0.0, print, print)
    with CachedLists(run) as cache:
        assert cache.get("u001").state == "forgotten" and cache.database.history(1) is None


def test_an_export_holds_what_is_cached(run: Path, tmp_path: Path) -> None:
    tools.build(run)
    out = tmp_path / "cached.parquet"
    with CachedLists(run, read_only=True) as cache:
        told = export_cache(cache, cache.question(), out, True)
        table = pl.read_parquet(out)
        assert told["rows"] == table.height == N_USERS * (5 + list_jobs.MARGIN) and told["current"]
        rows = table.filter(pl.col("user_id") == "u042")
        found = cache.get("u042", cache.question({"k": 25}))
        assert rows["item_id"].to_list() == [one["item_id"] for one in cache.titled(found.items.tolist())]
        assert np.allclose(rows["score"].to_numpy(), found.scores)
        with pytest.raises(ProjectError, match="question"):
            export_cache(cache, cache.question({"only": AMBER}), out, False)
