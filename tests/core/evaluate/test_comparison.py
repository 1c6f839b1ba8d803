"""Runs side by side, on made-up ranks in which everything is known."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.evaluate.compare import BETTER, NOT_CLEAR, WORSE, in_full
from core.evaluate.comparison.as_object import comparison_object
from core.evaluate.comparison.comparison_of_runs import METRICS, Comparison
from core.evaluate.comparison.measured_run import load_run
from core.evaluate.comparison.settings_that_differ import seed_groups
from core.evaluate.comparison.validation_curves import validation_curves
from core.evaluate.metrics import ranking_metrics
from tests.core.evaluate.comparison_tools import hidden, like, made_up_dataset, some_ranks, write_project, write_run

USERS, ITEMS = 400, 60


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop")


def two_runs(project: Path, *settings: str) -> Comparison:
    """The second run's lists are worse for a third of the users."""
    dataset = made_up_dataset(USERS, ITEMS)
    first = some_ranks(USERS)
    second = {**first, "model+dense": np.where(np.arange(USERS) % 3 == 0, 0, first["model+dense"]).astype(np.int32)}
    runs = [write_run(project, 1, dataset, first), write_run(project, 2, dataset, second, *settings)]
    return Comparison([load_run(run) for run in runs])


def test_figures_are_those_of_the_evaluation(project: Path) -> None:
    ranks = some_ranks(USERS)
    comparison = Comparison([load_run(write_run(project, 1, made_up_dataset(USERS, ITEMS), ranks))])
    assert [one.method for one in comparison.contenders] == list(ranks)
    assert comparison.reference.method == "model+dense" and comparison.reference.main
    for one in comparison.contenders:
        for masked, made in ((False, ranks[one.method]), (True, hidden(ranks[one.method]))):
            for name, value in ranking_metrics(made).items():
                assert comparison.value(one, name, masked) == pytest.approx(value, abs=1e-6)
        assert (comparison.value(one, "coverage@10", False), comparison.value(one, "coverage@10", True)) == (0.5, 0.75)
        assert comparison.value(one, "gini@10", False) is None  # an old file may not hold it
        assert comparison.interval(one, "coverage@10", False) is None


def test_what_the_run_wrote_down_stands(project: Path) -> None:
    """The table behind a training and the comparison say the same figures, to the last digit."""
    ranks = some_ranks(USERS)
    run = write_run(project, 1, made_up_dataset(USERS, ITEMS), ranks)
    comparison = Comparison([load_run(run)])
    (_, sasrec) = comparison.reference, comparison.contenders[-1]
    written = run.metrics()["differences"]["test"]["sasrec"]["ndcg@10"]
    found = comparison.difference(sasrec, "ndcg@10", False)
    assert found is not None and (found.low, found.high) == (-written["high"], -written["low"])
    other = comparison.difference(sasrec, "ndcg@10", True)  # was not written down
    assert other is not None and other.low != found.low
    back = Comparison([load_run(run)], against=sasrec.key)
    there = back.difference(back.contenders[0], "ndcg@10", False)
    assert there is not None and (there.low, there.high) == (written["low"], written["high"])


def test_two_runs_and_their_verdict(project: Path) -> None:
    comparison = two_runs(project, "recommend.beams=5")
    assert [(one.key, one.values) for one in comparison.settings] == [("recommend.beams", ("50", "5"))]
    labels = [one.label for one in comparison.contenders]
    assert labels[:2] == ["light 0001 model+dense", "light 0002 model+dense"]
    assert labels[-4:] == ["popularity", "transitions", "itemknn", "sasrec"]  # once: they rank alike in both runs
    second = comparison.contenders[1]
    found = comparison.difference(second, "recall@10", False)
    assert found is not None and found.verdict == WORSE and found.in_full == in_full(WORSE, 1, 1)
    assert "these users" in found.in_full and "one seed" in found.in_full
    back = Comparison(comparison.runs, against=comparison.runs[1].id)
    opposite = back.difference(back.contenders[0], "recall@10", False)
    assert opposite is not None and opposite.verdict == BETTER and opposite.value == -found.value
    with pytest.raises(DataError, match="nothing-like-it"):
        Comparison(comparison.runs, against="nothing-like-it")


def test_slices_part_the_users(project: Path) -> None:
    comparison = two_runs(project)
    second = comparison.contenders[1]
    rows = comparison.slices(second, "recall@10", False)
    families: dict[str, int] = {}
    for row in rows:
        families[row.family] = families.get(row.family, 0) + row.users
    assert families == dict.fromkeys(("history", "target in training", "step to the target", "category"), USERS)
    whole = sum(row.value * row.users for row in rows if row.family == "category") / USERS
    assert whole == pytest.approx(comparison.value(second, "recall@10", False))
    assert all(row.difference is not None and row.difference.value <= 0 for row in rows)
    assert [row.difference for row in comparison.slices(comparison.reference, "recall@10", False)] == [None] * len(rows)


def test_memory_is_a_step_that_somebody_made_in_training(project: Path) -> None:
    dataset = made_up_dataset(USERS, ITEMS)
    comparison = Comparison([load_run(write_run(project, 1, dataset, some_ranks(USERS)))])
    train = dataset.train()
    prefixes = [train[user].tolist() for user in range(USERS)]
    made = {pair for one in prefixes for pair in pairwise(one)}
    questions = dataset.evaluation("test")
    wanted = [(int(questions.histories[u][-1]), int(questions.targets[u])) in made for u in range(USERS)]
    family = next(one for one in comparison.families if "step" in one.title)
    assert (family.labels == 0).tolist() == wanted and 0 < sum(wanted) < USERS


def test_who_gained_and_lost(project: Path) -> None:
    comparison = two_runs(project)
    second = comparison.contenders[1]
    movers = comparison.movers(second, "ndcg@10", False, most=5)
    assert not movers.gained and movers.gained_users == 0 and len(movers.lost) == 5
    assert movers.lost_users + movers.same_users == USERS
    worst = movers.lost[0]
    assert worst.gain == -1.0 and worst.ranks == (0,) and worst.other_ranks == (1,)
    assert int(worst.user[1:]) % 3 == 0 and worst.title == f"Item {int(worst.item[1:])}"
    rows = comparison.slices(second, "ndcg@10", False)
    part = comparison.movers(second, "ndcg@10", False, 5, (rows[0].family, rows[0].name))
    assert part.lost_users + part.same_users == rows[0].users < USERS


def test_only_users_with_the_same_target_count(project: Path) -> None:
    """Another data set: half of the users, in another order."""
    dataset = made_up_dataset(USERS, ITEMS)
    ranks = some_ranks(USERS)
    first = write_run(project, 1, dataset, ranks)
    other = write_run(project, 2, made_up_dataset(USERS, ITEMS, seed=1), ranks)
    path = other.path / "ranks.parquet"
    whole = pl.read_parquet(first.path / "ranks.parquet").filter(pl.col("split") == "test")
    whole.reverse().head(USERS // 2).write_parquet(path)
    note = json.loads((other.path / "stages" / "data.json").read_text())
    (other.path / "stages" / "data.json").write_text(json.dumps({**note, "fingerprint": "another"}))
    comparison = Comparison([load_run(first), load_run(other)])
    assert comparison.users == USERS // 2 and "200 of 400" in comparison.notes[0]
    mine, theirs = (next(c for c in comparison.contenders if c.main and run in c.runs) for run in comparison.runs)
    assert np.array_equal(mine.kept[0], theirs.kept[0])
    found = comparison.difference(theirs, "ndcg@10", False)
    assert found is not None and found.verdict == NOT_CLEAR and comparison.settings[0].key == "data set"
    assert sum(row.users for row in comparison.slices(theirs, "ndcg@10", False) if row.family == "history") == 200
    whole.with_columns(item_id=pl.lit("x")).write_parquet(path)
    with pytest.raises(DataError, match="no user has the same target"):
        Comparison([load_run(first), load_run(other)])


def test_runs_that_differ_in_their_seed_are_one(project: Path) -> None:
    dataset = made_up_dataset(USERS, ITEMS)
    rng = np.random.default_rng(3)
    base = some_ranks(USERS)
    shared = {name: base[name] for name in ("popularity", "transitions")}
    runs = []
    for seed in range(3):
        drawn = {"model": like(rng, base["model"], 0.9), "sasrec": like(rng, base["sasrec"], 0.9)}
        runs.append(write_run(project, seed, dataset, {**drawn, **shared}, f"seed={seed}", "run.threads=1"))
    alone = write_run(project, 7, dataset, {**base, **shared}, "recommend.beams=7")
    comparison = Comparison([load_run(run) for run in (*runs, alone)])
    group = comparison.contenders[0]
    assert (group.seeds, group.label) == (3, "light 0000 and 2 more seeds model")
    values = comparison.seed_values(group, "ndcg@10", False)
    assert comparison.value(group, "ndcg@10", False) == pytest.approx(np.mean(values)) and len(set(values)) == 3
    assert next(c for c in comparison.contenders if c.method == "popularity").seeds == 1  # it draws nothing
    lone = next(c for c in comparison.contenders if c.main and c.seeds == 1)
    found = comparison.difference(lone, "ndcg@10", False)
    assert found is not None and (found.seeds, found.other_seeds) == (1, 3)
    assert found.in_full == NOT_CLEAR or "1 seed against 3" in found.in_full
    # Over users alone the interval would be narrower than with the spread of the seeds.
    gains = np.mean([comparison._pairs(lone, "ndcg@10", False).of_users], axis=0)
    assert found.high - found.low > 2 * 1.9 * gains.std() / np.sqrt(USERS)
    movers = comparison.movers(lone, "ndcg@10", False, 1)
    assert len(movers.gained[0].other_ranks) == 3
    object_ = comparison_object(comparison, "ndcg@10")
    assert len(object_["results"][0]["rows"][0]["seed_values"]["ndcg@10"]) == 3


def test_a_seed_twice_is_a_repetition() -> None:
    same = {"seed": 0, "x": 1, "run.threads": 2}
    assert seed_groups([same, {**same, "seed": 1, "run.threads": 1}, {**same, "x": 2}], ["d"] * 3) == [(0, 1), (2,)]
    assert seed_groups([same, same], ["d"] * 2) == [(0,), (1,)]
    assert seed_groups([same, {**same, "seed": 1}], ["d", "e"]) == [(0,), (1,)]
    assert seed_groups([{}, {}], ["d", "d"]) == [(0,), (1,)]  # settings that nobody could read


def test_everything_as_json(project: Path) -> None:
    comparison = two_runs(project, "recommend.beams=5")
    found = json.loads(json.dumps(comparison_object(comparison, "mrr@50"), allow_nan=False))
    assert [one["protocol"] for one in found["results"]] == ["seen items kept", "seen items hidden"]
    rows = found["results"][0]["rows"]
    assert set(rows[0]["values"]) == set(METRICS) - {"gini@10", "popularity@10"} and rows[0]["differences"] == {}
    assert set(rows[1]["differences"]) == set(rows[1]["intervals"]) == {"mrr@50", "recall@10", "ndcg@10"}
    assert rows[1]["differences"]["recall@10"]["verdict"] == WORSE
    ids = [run.id for run in comparison.runs]
    assert found["settings"][0]["values"] == dict(zip(ids, ("50", "5"), strict=True))
    assert len(found["slices"]) == 2 * 5 and "movers" not in found and "u0" not in json.dumps(found)
    assert found["protocol"]["users"] == "400" and "leave-one-out" in found["protocol"]["split"]
    named = comparison_object(comparison, "ndcg@10", with_users=2)
    assert len(named["movers"][0]["lost"]) == 2
    assert validation_curves(list(comparison.runs)) == {key: [(10, 0.1), (20, 0.15), (30, 0.17)] for key in ids}


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"PAR1 nothing"),
        lambda path: path.write_bytes(path.read_bytes()[:3_000]),
        lambda path: path.unlink(),
        lambda path: pl.read_parquet(path).head(0).write_parquet(path),
        lambda path: pl.read_parquet(path).drop("history").write_parquet(path),
        lambda path: pl.read_parquet(path).select(pl.exclude("^rank_.*$")).write_parquet(path),
        lambda path: pl.read_parquet(path).with_columns(rank_model=pl.lit("x")).write_parquet(path),
        lambda path: pl.read_parquet(path).with_columns(rank_model=-pl.col("rank_model") - 1).write_parquet(path),
        lambda path: pl.read_parquet(path).with_columns(rank_model=pl.lit(None, pl.Int32)).write_parquet(path),
    ],
)  # fmt: skip
def test_damaged_ranks_are_a_sentence(project: Path, damage) -> None:
    run = write_run(project, 1, made_up_dataset(USERS, ITEMS), some_ranks(USERS), bootstrap=False)
    damage(run.path / "ranks.parquet")
    with pytest.raises(DataError, match=r"ranks\.parquet") as caught:
        load_run(run)
    assert f"--run {run.id}" in caught.value.remedy


def test_what_else_is_damaged_costs_itself(project: Path) -> None:
    run = write_run(project, 1, made_up_dataset(USERS, ITEMS), some_ranks(USERS))
    for damaged in ("{", '{"test": 3, "differences": [], "best_reachable": {"ndcg@10": "x"}}'):
        (run.path / "metrics.json").write_text(damaged)
        (run.path / "project.resolved.toml").write_text("x = [")
        comparison = Comparison([load_run(run)])
        assert comparison.difference(comparison.contenders[-1], "ndcg@10", False) is not None
        assert comparison.value(comparison.reference, "coverage@10", False) is None
        assert comparison.best_reachable("ndcg@10", False) is None
    store = next((run.path.parent / ".store").iterdir())
    (store / "sequences.parquet").write_bytes(b"x")
    comparison = Comparison([load_run(run)])
    rows = comparison.slices(comparison.contenders[-1], "ndcg@10", False)
    assert {row.family for row in rows} == {"history", "target in training"} and "no slices by" in comparison.notes[0]
    (store / "items.parquet").unlink()
    assert comparison.movers(comparison.contenders[-1], "ndcg@10", False, 1).lost[0].title == ""
    made_up_dataset(USERS, ITEMS, seed=9).save(store)
    other = Comparison([load_run(run)])
    assert len(other.families) == 2 and "not the one that was measured" in other.notes[0]
