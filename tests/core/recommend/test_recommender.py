"""The recommender of a trained run, as a library and through the serving child."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DataError, EagerError, ProjectError
from core.project import Project
from core.recommend.recommendation import Recommendation
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_ITEMS, N_USERS, walks, write_world

LOG = walks()
USER = next(user for user, items in LOG.items() if len(items) >= 10)
NEARLY = USER.replace("u", "u0")


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    return Recommender.load(trained.path)


def ids(found: Recommendation) -> list[str]:
    return [item.item_id for item in found.items]


def test_for_a_user_as_tested(recommender: Recommender) -> None:
    found = recommender.recommend(user=USER, as_tested=True)
    assert found.user == USER and found.history_kind == "as tested" and not found.short
    assert [item for item, _ in found.history] == LOG[USER][:-1] and found.target == LOG[USER][-1]
    assert found.history[0][1].startswith("The ")
    assert [item.rank for item in found.items] == [1, 2, 3, 4, 5]  # the project's own k
    assert len(set(ids(found))) == 5
    scores = [item.score for item in found.items]
    assert scores == sorted(scores, reverse=True) and max(scores) <= 0
    for item in found.items:
        assert item.seen == (item.item_id in LOG[USER][:-1])
        number = recommender.dataset.items["item_id"].to_list().index(item.item_id)
        assert item.code == recommender.checkpoint.index.text(number)
        assert item.title == recommender.dataset.items["title"][number]


def test_for_a_user_to_date(recommender: Recommender) -> None:
    """Everything the user took is history: nothing is held out, and hidden seen items include the last."""
    found = recommender.recommend(user=USER, k=N_ITEMS, hide_seen=True)
    assert [item for item, _ in found.history] == LOG[USER]
    assert found.history_kind == "to date" and found.target is None
    assert sorted(ids(found)) == sorted({f"i{n:02}" for n in range(N_ITEMS)} - set(LOG[USER]))
    assert found.short  # asked for more than there are
    assert recommender.recommend(user=USER).items == recommender.recommend(history=LOG[USER]).items
    assert ids(recommender.recommend(user=USER)) != ids(recommender.recommend(user=USER, as_tested=True))


def test_for_a_history(recommender: Recommender) -> None:
    """The same items as a bare history give the same list; only the last `max_history` of them count."""
    found = recommender.recommend(history=LOG[USER][:-1])
    assert found.user is None and found.target is None and found.history_kind is None
    assert found.items == recommender.recommend(user=USER, as_tested=True).items
    longer = recommender.recommend(history=["i00"] * 3 + LOG[USER][-6:])
    assert ids(longer) == ids(recommender.recommend(history=LOG[USER][-6:]))
    assert [item for item, _ in longer.history] == ["i00"] * 3 + LOG[USER][-6:]


def test_the_lists_are_those_that_were_measured(recommender: Recommender, trained: RunFolder) -> None:
    import polars as pl

    ranks = pl.read_parquet(trained.path / "ranks.parquet").filter(pl.col("split") == "test")
    for row in ranks.head(10).iter_rows(named=True):
        for hide, column in ((False, "rank_model+fused"), (True, "masked_rank_model+fused")):
            found = recommender.recommend(user=row["user_id"], k=50, hide_seen=hide, as_tested=True)
            assert found.target == row["item_id"]
            rank = ids(found).index(row["item_id"]) + 1 if row["item_id"] in ids(found) else 0
            assert rank == row[column]


def test_a_list_longer_than_the_catalogue_is_the_catalogue(recommender: Recommender) -> None:
    found = recommender.recommend(user=USER, k=N_ITEMS + 40)
    assert sorted(ids(found)) == [f"i{n:02}" for n in range(N_ITEMS)]
    assert np.exp([item.score for item in found.items]).sum() == pytest.approx(1.0, abs=1e-3)
    assert [item.item_id for item in found.items if item.seen] != []


def test_seen_items_can_be_hidden(recommender: Recommender) -> None:
    history = LOG[USER][:-1]
    hidden, wide = (recommender.recommend(user=USER, k=k, hide_seen=True, as_tested=True) for k in (20, N_ITEMS))
    assert len(hidden.items) == 20 and not set(ids(hidden)) & set(history)
    assert not any(item.seen for item in hidden.items)
    assert [item.rank for item in hidden.items] == list(range(1, 21))
    assert ids(wide)[:20] == ids(hidden)
    assert set(ids(wide)) == {f"i{n:02}" for n in range(N_ITEMS)} - set(history)
    everything = recommender.recommend(user=USER, k=N_ITEMS, hide_seen=True, as_tested=True)
    assert len(everything.items) == N_ITEMS - len(history)


def test_repeated_items_in_a_history(recommender: Recommender) -> None:
    found = recommender.recommend(history=["i05", "i05", "i05"], k=3, hide_seen=True)
    assert len(found.items) == 3 and "i05" not in ids(found)


def test_an_unknown_user_is_told_the_nearest(recommender: Recommender) -> None:
    with pytest.raises(DataError) as told:
        recommender.recommend(user=NEARLY)
    assert repr(NEARLY) in told.value.message and "100" in told.value.message and USER in told.value.remedy
    with pytest.raises(DataError) as lost:
        recommender.recommend(user="[red]somebody")
    assert "u000" in lost.value.remedy  # what ids look like here


def test_an_unknown_item_is_told_the_nearest(recommender: Recommender) -> None:
    with pytest.raises(DataError, match="i007") as told:
        recommender.recommend(history=["i01", "i007"])
    assert "i07" in told.value.remedy


@pytest.mark.parametrize("history", [[], [""], ["", ""]])
def test_an_empty_history_is_refused_in_words(recommender: Recommender, history: list[str]) -> None:
    with pytest.raises(DataError, match="empty") as told:
        recommender.recommend(history=history)
    assert "--history" in told.value.remedy


def test_one_question_at_a_time(recommender: Recommender) -> None:
    with pytest.raises(DataError):
        recommender.recommend(user=USER, history=["i01"])


def test_users_by_prefix(recommender: Recommender) -> None:
    assert recommender.users("u00") == [f"u{n:03}" for n in range(10)]
    assert recommender.users(limit=3) == ["u000", "u001", "u002"]
    assert recommender.users("nobody") == []


def test_it_is_part_of_the_library(trained: RunFolder) -> None:
    import core

    assert core.Recommender is Recommender and core.Project is Project
    found = core.Recommender.load(str(trained.path)).recommend(user=USER, k=1)
    assert len(found.items) == 1


def test_a_run_that_is_not_trained_is_refused(tmp_path: Path) -> None:
    project = Project.load(write_world(tmp_path, LOG))
    folder = RunFolder.create(project.runs_dir, project.to_toml(), "x")
    with pytest.raises(ProjectError, match="train"):
        Recommender.load(folder.path)
    with pytest.raises(EagerError):
        Recommender.load(tmp_path / "nowhere")


def converse(run: Path, *lines: str) -> tuple[int, list[dict[str, Any]], list[dict[str, Any]]]:
    """Exit code, the lines before the first answer, and the answers of a serving child."""
    asked = "".join(line + "\n" for line in lines)
    child = subprocess.run(
        [sys.executable, "-m", "core", "serve", str(run)], input=asked, capture_output=True, text=True, timeout=600
    )
    told = [json.loads(line) for line in child.stdout.splitlines()]
    start = next((n for n, line in enumerate(told) if "ready" in line or ("error" in line and "id" not in line)), -1)
    return child.returncode, told[: start + 1], told[start + 1 :]


def test_the_serving_child(trained: RunFolder, recommender: Recommender) -> None:
    def ask(number: int, method: str, **params: Any) -> str:
        return json.dumps({"id": number, "method": method, "params": params})

    code, before, answers = converse(
        trained.path,
        ask(1, "recommend", user=USER, k=3, as_tested=True),
        ask(2, "recommend", history=["i01", "i02"], k=4, hide_seen=True),
        ask(3, "recommend", user=NEARLY),
        ask(4, "recommend", history=[]),
        ask(5, "users", prefix="u09", limit=2),
        ask(6, "dance"),
        "this is no JSON",
        "[1, 2]",
        "null",
        ask(7, "recommend", user=USER, k="many"),
        json.dumps({"id": 8, "method": "recommend", "params": [USER]}),
        "",
        ask(9, "recommend", user=USER),
        ask(12, "recommend", user=USER, only="title LIKE '%part 1%' AND title LIKE '%amber%'", deny=["i01", "no"], k=9),
        ask(13, "recommend", user=USER, only="titel = 'x'"),
        ask(14, "recommend", user=USER, allow="i01"),
        ask(15, "recommend", more=["amber"], wish="tale", k=3),
        ask(16, "steer", more=["zzzz"], less=["zzzz", "ambr"]),
        ask(17, "recommend", wish=["tale"]),
    )
    assert code == 0
    assert all(line["id"] == 0 and line["progress"]["text"] for line in before[:-1])
    has = ["data", "index", "model", "semantic", "behavior"]
    size = {"users": N_USERS, "items": N_ITEMS}
    assert before[-1] == {"ready": True, "run": trained.id, **size, "has": has, "so_far": ""}
    by_id = {answer["id"]: answer for answer in answers if answer["id"] is not None}
    own = recommender.recommend(user=USER, k=3, as_tested=True)
    result = by_id[1]["result"]
    assert [item["item_id"] for item in result["items"]] == ids(own)
    assert set(result["items"][0]) == {"rank", "item_id", "title", "score", "seen", "code", "words"}
    assert result["user"] == USER and result["target"] == own.target and result["seconds"] >= 0
    assert result["history"][0] == {"item_id": own.history[0][0], "title": own.history[0][1], "time": None}
    assert by_id[2]["result"]["user"] is None and len(by_id[2]["result"]["items"]) == 4
    assert not any(item["seen"] for item in by_id[2]["result"]["items"])
    assert USER in by_id[3]["error"]["remedy"] and "empty" in by_id[4]["error"]["message"]
    assert by_id[5]["result"] == {"users": ["u090", "u091"]}
    for number in (6, 7, 8):
        assert by_id[number]["error"]["message"]
    assert [answer["id"] for answer in answers if answer["id"] is None] == [None] * 3  # broken lines get an answer too
    assert len(by_id[9]["result"]["items"]) == 5
    wished, steered = by_id[15]["result"], by_id[16]["result"]
    assert wished["source"] == "wish" and set(wished["weights"]) == {"words", "steering"}  # "tale" is everywhere
    assert len(wished["items"]) == 3 and wished["notes"] == [] and wished["history"] == []
    assert (steered["method"], steered["strength"], steered["left_out"]) == ("vector", 1.0, 0)
    assert [(one["text"], one["direction"]) for one in steered["texts"]] == [
        ("zzzz", "more"), ("zzzz", "less"), ("ambr", "less")]  # fmt: skip
    assert "cancel out" in steered["notes"][0] and "ambr" in steered["notes"][1]
    assert "no text" in by_id[17]["error"]["message"]
    assert (result["history_kind"], by_id[9]["result"]["history_kind"]) == ("as tested", "to date")
    assert by_id[2]["result"]["history_kind"] is None and by_id[9]["result"]["target"] is None
    assert not result["short"] and result["unknown"] == []
    some = by_id[12]["result"]
    assert sorted(item["item_id"] for item in some["items"]) == ["i10", "i11"]
    assert some["short"] and some["unknown"] == ["no"]
    assert "title" in by_id[13]["error"]["remedy"] and "list" in by_id[14]["error"]["message"]


def test_a_serving_child_of_a_broken_run_says_so(tmp_path: Path) -> None:
    project = Project.load(write_world(tmp_path, LOG))
    folder = RunFolder.create(project.runs_dir, project.to_toml(), "x")
    code, before, _ = converse(folder.path)
    assert code == ProjectError.exit_code
    assert "train" in before[-1]["error"]["remedy"] and before[-1]["error"]["message"]
