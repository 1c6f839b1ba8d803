"""A trained recommender after items were added and removed: the same model, new lists."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core.errors import DataError
from core.index.revisions.add import add_items, remove_items
from core.index.revisions.changes import load_revisions
from core.model.checkpoint import load_checkpoint
from core.recommend.encoded import encode
from core.recommend.fusion import fused_lists
from core.recommend.recommendation import Recommendation
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_ITEMS, copied_run, exhaustive, walks

LOG = walks()
USER = next(user for user, items in LOG.items() if len(items) >= 10)
EVERY = N_ITEMS + 4


@pytest.fixture(scope="module")
def run(trained: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A copy of the trained run with four new items."""
    runs = tmp_path_factory.mktemp("grown")
    run = copied_run(trained, runs)
    kinds = ["amber", "coral", "ember", "dusk"]
    rows = {
        "item_id": [f"new{n}" for n in range(4)],
        "title": [f"The {kind} book, part {n + 80}" for n, kind in enumerate(kinds)],
        "blurb": [f"A tale of {kind} and {kind} weather" for kind in kinds],
    }
    pl.DataFrame(rows).write_csv(runs / "new.csv")
    assert add_items(run.path, runs / "new.csv").figures["added"] == 4
    return run


@pytest.fixture(scope="module")
def grown(run: RunFolder) -> Recommender:
    return Recommender.load(run.path)


@pytest.fixture(scope="module")
def alone(run: RunFolder) -> Recommender:
    """The generator without other scorers."""
    held = Recommender.load(run.path)
    checkpoint = load_checkpoint(run.artefact("tune") / "best")
    return Recommender(held.project, held.dataset, checkpoint, load_revisions(run))


def ids(found: Recommendation) -> list[str]:
    return [item.item_id for item in found.items]


def test_new_items_are_recommended_with_title_and_code(grown: Recommender) -> None:
    found = grown.recommend(user=USER, k=EVERY)
    assert sorted(ids(found)) == sorted([f"i{n:02}" for n in range(N_ITEMS)] + [f"new{n}" for n in range(4)])
    assert np.exp([item.score for item in found.items]).sum() == pytest.approx(1.0, abs=1e-3)
    assert grown.n_items == EVERY
    coral = next(item for item in found.items if item.item_id == "new1")
    assert coral.title == "The coral book, part 81"
    assert coral.code == grown.checkpoint.index.text(N_ITEMS + 1)
    assert len({item.code for item in found.items}) == EVERY


def test_the_scorer_knows_where_new_items_are(grown: Recommender) -> None:
    """Its vector of a new item is the mean of those that share the most of its code, and lists follow it."""
    dense, index = grown.checkpoint.dense, grown.checkpoint.index
    assert dense is not None and len(dense.items) == EVERY
    for number in range(N_ITEMS, EVERY):
        shared = (np.cumprod(index.codes[:N_ITEMS] == index.codes[number], axis=1)).sum(axis=1)
        near = dense.items[np.flatnonzero(shared == shared.max())].sum(dim=0)
        assert dense.items[number].numpy() == pytest.approx((near / near.norm()).numpy(), abs=1e-5)
    history = np.array([[3, N_ITEMS + 2, 4]])
    weights = np.eye(len(grown.parts.names), dtype=np.float32)[grown.parts.names.index("dense")]
    found, scores = (rows[0] for rows in fused_lists(grown.parts, weights, history, EVERY))
    states = encode(grown.checkpoint.model, history).states
    wanted = dense.scores(states, torch.from_numpy(history))[0].numpy()
    assert scores == pytest.approx(wanted[found], abs=1e-4) and sorted(found.tolist()) == list(range(EVERY))


def test_the_scores_are_those_of_the_model_over_all_codes(alone: Recommender) -> None:
    """Checked against transformers' own forward pass over every item, old and new, after a history with both."""
    from core.model.vocabulary import Vocabulary

    model, index = alone.checkpoint.model, alone.checkpoint.index
    parts = tuple(model.code_ids(level).numpy() for level in range(model.levels))
    history = ["i03", "new2", "i04"]
    numbers = [3, N_ITEMS + 2, 4]
    found = alone.recommend(history=history, k=EVERY)
    vocabulary = Vocabulary(None, parts, tuple(model.frame.tolist()))  # type: ignore[arg-type]
    expected = exhaustive(model.lm, vocabulary, index, numbers).sum(axis=1)
    names = index.item_ids.to_list()
    for item in found.items:
        assert item.score == pytest.approx(float(expected[names.index(item.item_id)]), abs=2e-3)
    assert [item for item, _ in found.history] == history and found.history[1][1] == "The ember book, part 82"


def test_known_items_keep_numbers_and_codes(grown: Recommender, trained: RunFolder) -> None:
    plain = Recommender.load(trained.path)
    assert plain.n_items == N_ITEMS and plain.checkpoint.index.item_ids.len() == N_ITEMS
    assert grown.checkpoint.index.codes[:N_ITEMS].tolist() == plain.checkpoint.index.codes.tolist()
    before = ids(plain.recommend(user=USER, k=N_ITEMS))
    after = [item for item in ids(grown.recommend(user=USER, k=EVERY)) if not item.startswith("new")]
    assert len(set(before[:20]) & set(after[:20])) >= 15  # new ones only take their share


def test_removed_items_are_not_listed_but_may_be_history(run: RunFolder, grown: Recommender, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / ".store").symlink_to(run.path.parent / ".store")
    shutil.copytree(run.path, runs / run.id)
    history = [item for item, _ in grown.recommend(user=USER).history]
    gone = [history[-1], "new0", ids(grown.recommend(user=USER))[0]]
    remove_items(runs / run.id, gone)
    left = Recommender.load(runs / run.id)
    found = left.recommend(user=USER, k=EVERY)
    assert len(found.items) == left.n_items == EVERY - len(set(gone)) and not set(ids(found)) & set(gone)
    assert np.exp([item.score for item in found.items]).sum() == pytest.approx(1.0, abs=1e-3)
    assert [item for item, _ in found.history] == history
    assert {item.item_id: item.title for item in found.items}["new1"] == "The coral book, part 81"
    numbers = left.checkpoint.index.item_ids.to_list()
    assert all(item.code == left.checkpoint.index.text(numbers.index(item.item_id)) for item in found.items)
    hidden = left.recommend(history=["new0", "new1"], k=EVERY, hide_seen=True)
    assert not {"new0", "new1"} & set(ids(hidden)) and len(hidden.items) == left.n_items - 1
    some = left.recommend(user=USER, k=4, allowed=left.allowed(allow=["new0", "new1", "new3", "i05", "i07"]))
    wanted = [item for item in ids(left.recommend(user=USER, k=EVERY)) if item in ("new1", "new3", "i05", "i07")]
    assert ids(some) == wanted[:4] and "new1" in wanted and some.short == (len(wanted) < 4)
    named = left.allowed("title = 'The coral book, part 81'")
    assert ids(left.recommend(user=USER, k=3, allowed=named)) == ["new1"]


def test_revisions_of_another_index_are_refused(run: RunFolder, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / ".store").symlink_to(run.path.parent / ".store")
    shutil.copytree(run.path, runs / run.id)
    path = runs / run.id / "revisions" / "0001.parquet"
    pl.read_parquet(path).write_parquet(path, metadata={"eagertui.base_id": "another"})
    with pytest.raises(DataError, match="another index"):
        Recommender.load(runs / run.id)
