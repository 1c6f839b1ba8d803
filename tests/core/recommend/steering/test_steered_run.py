"""Steering a trained run: its stage, its lists, and runs that have no such stage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import add_items, remove_items
from core.errors import DataError, ProjectError
from core.pipeline import STAGES, plan, recipes_of, run_stages
from core.project import Project
from core.recommend.recommendation import Recommendation
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from tests.core.engine_tools import KINDS, N_ITEMS, walks

LOG = walks()
USERS = [user for user, items in LOG.items() if len(items) >= 10][:5]


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    return Recommender.load(trained.path)


def ids(found: Recommendation) -> list[str]:
    return [item.item_id for item in found.items]


def histories(recommender: Recommender) -> list[list[int]]:
    return [recommender.history_of(user)[0] for user in USERS]


def kind_of(items: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.asarray(items) * len(KINDS) // N_ITEMS


def test_the_stage_is_one_of_its_own(trained_project: Project, trained: RunFolder) -> None:
    names = [stage.name for stage in STAGES]
    assert names.index("tune") < names.index("steer") < names.index("evaluate")
    recipes = recipes_of(trained_project)
    assert all("steer" not in recipe["inputs"] for recipe in recipes.values())
    assert set(recipes["steer"]["inputs"]) == {"data", "semantic", "behavior", "index", "tune"}
    made = {file.name for file in trained.artefact("steer").iterdir()}
    assert made == {"steer.safetensors", "tags.parquet", "stage.json"}
    without = recipes_of(replace(trained_project, steer=replace(trained_project.steer, method="none")))
    assert "steer" not in without and without == {name: one for name, one in recipes.items() if name != "steer"}
    served = replace(trained_project, steer=replace(trained_project.steer, strength=3.0, hard_less=False))
    assert recipes_of(served) == recipes


def test_no_words_and_no_strength_are_the_plain_list(recommender: Recommender) -> None:
    some = histories(recommender)
    items, scores = recommender.recommend_many(some, k=20)
    for steer in (recommender.steering(), recommender.steering(more=["amber"], strength=0.0)):
        same, same_scores = recommender.recommend_many(some, k=20, steer=steer)
        assert np.array_equal(items, same) and np.array_equal(scores, same_scores)
    unknown = recommender.recommend(user=USERS[0], more=["zzzz qqqq"])
    assert ids(unknown) == ids(recommender.recommend(user=USERS[0])) and "zzzz" in unknown.notes[0]


def test_words_lift_what_they_say(recommender: Recommender) -> None:
    """The share of a kind rises with the strength, in the lists of all users together."""
    some = histories(recommender)
    for kind in ("amber", "coral"):
        shares = []
        for strength in (0.0, 0.1, 0.3, 1.0, 3.0):
            lists, _ = recommender.recommend_many(some, k=10, steer=recommender.steering([kind], strength=strength))
            shares.append(float((kind_of(lists) == KINDS.index(kind)).mean()))
        assert shares == sorted(shares) and shares[-1] > 0.8 > shares[0]
        assert (np.sort(lists, axis=1)[:, 1:] != np.sort(lists, axis=1)[:, :-1]).all()
        lists, _ = recommender.recommend_many(some, k=10, steer=recommender.steering(less=[kind], strength=3.0))
        assert (kind_of(lists) == KINDS.index(kind)).mean() < 0.6 * shares[0]


def test_less_of_a_known_tag_is_exact(recommender: Recommender) -> None:
    tag = max(recommender.words.steerer.tags.tags, key=lambda tag: len(tag.items))
    asked = recommender.steering(less=[tag.name])
    lists, _ = recommender.recommend_many(histories(recommender), k=N_ITEMS, steer=asked)
    assert not np.isin(lists, tag.items).any() and (lists[:, : N_ITEMS - len(tag.items)] >= 0).all()
    plain, _ = recommender.recommend_many(histories(recommender), k=N_ITEMS)
    for row, order in zip(lists, plain, strict=True):
        assert row[row >= 0].tolist() == [item for item in order if item not in tag.items]
    none = ~np.isin(np.arange(N_ITEMS), tag.items)
    narrower, _ = recommender.recommend_many(histories(recommender), ~none, k=5, steer=asked)
    assert (narrower == -1).all()


def test_every_history_may_ask_for_something_else(recommender: Recommender) -> None:
    tag = max(recommender.words.steerer.tags.tags, key=lambda tag: len(tag.items))
    ways = [{"more": ["amber"]}, {}, {"less": [tag.name]}, {"more": ["coral"], "less": [tag.name]}, {"more": ["amber"]}]
    each = [recommender.steering(**way) for way in ways]
    some = histories(recommender)
    together, _ = recommender.recommend_many(some, k=8, steer=each)
    for row, history, steer in zip(together, some, each, strict=True):
        assert row.tolist() == recommender.recommend_many([history], k=8, steer=steer)[0][0].tolist()
    with pytest.raises(DataError, match="2 steerings for 5"):
        recommender.recommend_many(some, steer=each[:2])


def test_restrictions_and_seen_items_hold_in_steered_lists(recommender: Recommender) -> None:
    allowed = np.arange(N_ITEMS) % 2 == 0
    asked = recommender.steering(more=["birch"])
    some = histories(recommender)
    lists, scores = recommender.recommend_many(some, allowed, hide_seen=True, k=12, steer=asked)
    assert (lists >= 0).all() and allowed[lists].all() and (np.diff(scores, axis=1) <= 0).all()
    assert all(not set(row) & set(history) for row, history in zip(lists.tolist(), some, strict=True))
    alone = [recommender.recommend_many([history], allowed, True, 12, asked)[0][0] for history in some]
    assert np.array_equal(lists, np.stack(alone))


def test_nobody_and_items(recommender: Recommender) -> None:
    found = recommender.recommend()
    counts = np.bincount(recommender.dataset.sequences.items, minlength=N_ITEMS)
    assert found.source == "popularity" and found.history == () and found.user is None
    assert [counts[int(one[1:])] for one in ids(found)] == sorted(counts, reverse=True)[:5]
    found = recommender.recommend(more=["ember"], k=8)
    assert found.source == "popularity" and (kind_of([int(one[1:]) for one in ids(found)]) == 4).all()
    found = recommender.recommend(like=["the AMBER book, part 3"], unlike=["i50"], k=10)
    assert "i03" not in ids(found) and "i50" not in ids(found) and "(i03)" in found.notes[0]
    assert (kind_of([int(one[1:]) for one in ids(found)]) == 0).mean() > 0.5
    with pytest.raises(DataError, match="no item is called 'qqqq'"):
        recommender.recommend(like=["qqqq"])


def copy_of(trained: RunFolder, folder: Path) -> RunFolder:
    shutil.copytree(trained.path.parents[1], folder)
    return RunFolder(folder / "runs" / trained.id)


def test_an_older_run_is_steered_and_says_so(trained: RunFolder, recommender: Recommender, tmp_path: Path) -> None:
    older = copy_of(trained, tmp_path / "older")
    (older.path / "stages" / "steer.json").unlink()
    loaded = Recommender.load(older.path)
    found, known = (one.recommend(user=USERS[0], more=["amber"]) for one in (loaded, recommender))
    assert ids(found) == ids(known) and "no stage steer" in found.notes[0] and known.notes == ()


def test_what_does_not_belong_together_is_refused(trained: RunFolder, tmp_path: Path) -> None:
    run = copy_of(trained, tmp_path / "other")
    kept = run.artefact("steer")
    (kept / "steer.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        Recommender.load(run.path).recommend(user=USERS[0], more=["amber"])
    shutil.copyfile(trained.artefact("steer") / "steer.safetensors", kept / "steer.safetensors")
    moved = run.artefact("tune").rename(run.artefact("tune").with_name("another"))
    note = run.path / "stages" / "tune.json"
    note.write_text(json.dumps({"artefact": f"../.store/{moved.name}"}))
    with pytest.raises(DataError, match="another tune"):
        Recommender.load(run.path).recommend(user=USERS[0], more=["amber"])


def test_steering_may_be_off(trained: RunFolder, tmp_path: Path) -> None:
    run = copy_of(trained, tmp_path / "off")
    text = run.project_path.read_text().replace('method = "vector"', 'method = "none"')
    run.project_path.write_text(text)
    loaded = Recommender.load(run.path)
    assert loaded.project.steer.method == "none"
    with pytest.raises(ProjectError, match=r"steer\.method"):
        loaded.recommend(user=USERS[0], more=["amber"])
    assert "zzzz" in loaded.recommend(wish="zzzz").notes[0]


def test_added_and_removed_items(trained: RunFolder, tmp_path: Path) -> None:
    import polars as pl

    run = copy_of(trained, tmp_path / "grown")
    table = {"item_id": ["new"], "title": ["The dusk book, part 99"], "blurb": ["A tale of dusk and amber weather"]}
    pl.DataFrame(table).write_parquet(tmp_path / "new.parquet")
    add_items(run, tmp_path / "new.parquet")
    remove_items(run, ["i40"])
    loaded = Recommender.load(run.path)
    found = ids(loaded.recommend(user=USERS[0], more=["dusk"], k=20))
    assert "new" in found and "i40" not in found
    assert "i40" not in ids(loaded.recommend(k=N_ITEMS)) and "new" in ids(loaded.recommend(wish="dusk part 99"))


def test_experts_are_a_stage_that_reuses_the_rest(trained_project: Project, trained: RunFolder, tmp_path: Path) -> None:
    folder = copy_of(trained, tmp_path / "experts")
    project = Project.load(folder.path.parents[1] / "project.toml", ["steer.method=experts"])
    states = {stage.name: stage.state for stage in plan(project)}
    assert states.pop("steer") == "run" and set(states.values()) == {"reuse"}
    run = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    run_stages(project, NullReporter(), run)
    loaded = Recommender.load(run.path)
    assert loaded.words.steerer.method == "experts"
    lists, _ = loaded.recommend_many(histories(loaded), k=10)
    plain, _ = Recommender.load(trained.path).recommend_many(histories(loaded), k=10)
    assert np.array_equal(lists, plain)
    found = loaded.recommend(user=USERS[0], more=["amber"], k=6)
    assert (kind_of([int(one[1:]) for one in ids(found)]) == 0).mean() > 0.5
