"""Fused lists beside an oracle that scores every item with every part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core.baselines import popularity_of
from core.baselines.itemknn import ItemKNN
from core.baselines.transitions import Transitions
from core.data.arrays import Sequences
from core.errors import DataError
from core.index.revisions.changes import Growth
from core.model.checkpoint import TunedModel, generator_of
from core.model.dense import DenseHead
from core.model.trie import Trie
from core.recommend.beam import beam_search
from core.recommend.catalogue_parts import SMOOTHING, BaselinePart, Later, RepeatsPart, most_like, repeat_rate
from core.recommend.encoded import encode
from core.recommend.fusion import FusedSearch, Fusion, Parts, fused_lists, load_fusion, save_fusion, united
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from core.settings import SasrecSettings
from core.vectors.sasrec_model import SasRec
from tests.core.engine_tools import exhaustive, sequences, small_index, small_lm, uneven_codes

COUNT = 30
NAMES = ("dense", "sasrec", "transitions", "itemknn", "repeats")
HISTORIES = np.array([[4, 9, 2], [0, 29, 7], [7, 8, 9]])


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """An untrained model with a dense head, and three baselines."""
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    lm, vocabulary = small_lm("tiny", tmp_path_factory.mktemp("lm"), index)
    draw = torch.Generator().manual_seed(3)
    vectors = torch.nn.functional.normalize(torch.randn(COUNT, 8, generator=draw), dim=1)
    dense = DenseHead(torch.randn(8, 16, generator=draw), vectors, 0.1, -0.3)
    tuned = TunedModel(generator_of(lm, vocabulary, index).eval(), Trie(index.codes), index, vocabulary, dense)
    rng = np.random.default_rng(0)
    train = sequences(*(rng.permutation(20)[: rng.integers(3, 9)].tolist() for _ in range(25)))  # ten items never taken
    popularity = ((popularity_of(train, COUNT) + 1) / (len(train.items) + COUNT)).astype(np.float32)
    torch.manual_seed(0)
    sasrec = SasRec(COUNT, SasrecSettings(hidden_size=8, layers=1, heads=2)).frozen()
    baselines = {
        "sasrec": BaselinePart(sasrec, "logits", popularity),
        "transitions": BaselinePart(Transitions(train, COUNT), "counts", popularity),
        "itemknn": BaselinePart(ItemKNN(train, COUNT), "counts", popularity),
        "repeats": RepeatsPart(0.2, COUNT),
    }
    return Parts.of(NAMES, tuned, baselines)


@pytest.fixture(scope="module")
def tables(parts: Parts) -> np.ndarray:
    """What every part says of every item, computed apart; (parts, users, items)."""
    tuned = parts.checkpoint
    generator = [
        exhaustive(tuned.model.lm, tuned.vocabulary, tuned.index, row).sum(axis=1) for row in HISTORIES.tolist()
    ]
    states = encode(tuned.model, HISTORIES).states
    dense = tuned.dense.scores(states, torch.from_numpy(HISTORIES)).numpy()
    _, sasrec, *counted, _ = parts.catalogue
    rows = [np.array(generator), dense]
    scores = torch.from_numpy(sasrec.scorer.score(sequences(*HISTORIES.tolist())))
    rows.append(torch.log_softmax(scores, dim=1).numpy())
    for part in counted:
        found = part.scorer.score(sequences(*HISTORIES.tolist()))
        share = found / found.sum(axis=1, keepdims=True)
        rows.append(np.log((1 - SMOOTHING) * share + SMOOTHING * part.popularity))
    seen = np.array([np.isin(np.arange(COUNT), row) for row in HISTORIES])
    rows.append(np.log(np.where(seen, 0.2 / 3, 0.8 / (COUNT - 3))))  # histories of three different items
    return np.stack(rows)


def best_first(scores: np.ndarray, allowed: np.ndarray | None = None) -> list[int]:
    """Items by score, equal ones by number."""
    order = np.lexsort((np.arange(len(scores)), -scores)).tolist()
    return [item for item in order if allowed is None or allowed[item]]


def agrees(found: np.ndarray, scores: np.ndarray, allowed: np.ndarray | None = None) -> None:
    """The list is the oracle's, but for neighbours whose scores are as good as equal."""
    wanted = best_first(scores, allowed)
    items = found[found >= 0].tolist()
    assert sorted(items) == sorted(wanted)
    assert scores[items] == pytest.approx(scores[wanted], abs=1e-4)


WEIGHTS = [
    *np.eye(6).tolist(), (0.1, 0.2, 0.3, 0.15, 0.25, 0.4),
]  # fmt: skip


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_list_is_that_of_scoring_every_item(parts: Parts, tables: np.ndarray, weights: tuple[float, ...]) -> None:
    """With as many beams as items nothing is missed; a weight of 1 is that part alone."""
    total = np.tensordot(np.array(weights), tables, axes=1)
    items, scores = fused_lists(parts, np.array(weights, dtype=np.float32), HISTORIES, COUNT)
    for user in range(len(HISTORIES)):
        agrees(items[user], total[user])
        norm = np.logaddexp.reduce(total[user])
        assert scores[user] == pytest.approx(total[user][items[user]] - norm, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_every_part_obeys_the_same_mask(parts: Parts, tables: np.ndarray, seed: int) -> None:
    """A restriction changes no score: the list is the whole one without the rest."""
    masks = np.random.default_rng(seed).random((len(HISTORIES), COUNT)) < (0.5, 0.2, 0.0)[seed]
    weights = np.array(WEIGHTS[-1])
    total = np.tensordot(weights, tables, axes=1)
    allowed = parts.checkpoint.trie.allow(torch.from_numpy(masks))
    items, _ = fused_lists(parts, weights.astype(np.float32), HISTORIES, COUNT, allowed)
    for user in range(len(HISTORIES)):
        agrees(items[user], total[user], masks[user])


def test_a_narrow_search_loses_little(parts: Parts, tables: np.ndarray) -> None:
    """Candidates are what five beams found and the five that the others like best together, each scored by all."""
    weights = np.array(WEIGHTS[-1], dtype=np.float32)
    search = FusedSearch(parts, HISTORIES, 5)
    items, scores = search.lists(weights)
    beams, _ = beam_search(parts.checkpoint.model, parts.checkpoint.trie, HISTORIES, 5)
    total = np.tensordot(weights, tables, axes=1)
    others = np.tensordot(weights[1:], tables[1:], axes=1)
    for user in range(len(HISTORIES)):
        found = items[user][items[user] >= 0]
        assert set(found.tolist()) == {*beams[user].tolist(), *best_first(others[user])[:5]}
        assert scores[user][: len(found)] == pytest.approx(
            total[user][found] - np.logaddexp.reduce(total[user][found]), abs=1e-4
        )
        assert np.isneginf(scores[user][len(found) :]).all()
    again, _ = search.lists(weights)  # what is known already is not asked again, and nothing else changed
    assert again.tolist() == items.tolist()


def test_who_shares_a_batch_changes_nothing(parts: Parts) -> None:
    weights = np.array(WEIGHTS[-1], dtype=np.float32)
    items, scores = fused_lists(parts, weights, HISTORIES, 8)
    for user in range(len(HISTORIES)):
        row = HISTORIES[user : user + 1]
        for alike in (row, np.pad(row, ((0, 0), (2, 0)), constant_values=-1)):  # alone, and behind padding
            own, own_scores = (rows[0] for rows in fused_lists(parts, weights, alike, 8))
            count = int((own >= 0).sum())
            assert items[user][:count].tolist() == own[:count].tolist() and (items[user][count:] < 0).all()
            assert scores[user][:count] == pytest.approx(own_scores[:count], abs=1e-5)


def test_a_part_of_no_weight_is_not_asked(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = np.array([0.5, 0, 1, 0, 0, 2], dtype=np.float32)
    every = FusedSearch(parts, HISTORIES, 5).lists(weights)

    def asked(*_: object) -> None:
        raise AssertionError("asked in vain")

    monkeypatch.setattr(DenseHead, "scores", asked)
    monkeypatch.setattr(ItemKNN, "score", asked)
    for one, other in zip(fused_lists(parts, weights, HISTORIES, 5), every, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_rate_of_repeats() -> None:
    assert repeat_rate(sequences([1, 2, 1, 1], [3, 3], [4])) == pytest.approx(3.5 / 5)
    assert 0 < repeat_rate(sequences([1], [2])) < 1


def test_united_lists_hold_each_item_once() -> None:
    found, more = torch.tensor([[3, 1, -1], [5, 6, 7]]), torch.tensor([[1, 4, 2], [7, -1, 5]])
    assert united(found, more).tolist() == [[3, 1, -1, 4, 2], [5, 6, 7, -1, -1]]


def test_items_that_came_later_are_like_those_of_the_longest_shared_prefix() -> None:
    old = np.array([[0, 0, 1], [0, 0, 2], [0, 1, 0], [2, 0, 0]])
    like = most_like(old, np.array([[0, 0, 9], [0, 1, 5], [0, 7, 0], [9, 9, 9]]))
    assert [sorted({*row}) for row in like.tolist()] == [[0, 1], [2], [0, 1, 2], [0, 1, 2, 3]]


def test_items_that_came_later_are_spoken_for_by_the_nearest_texts() -> None:
    """The nearer the more, where texts are known; else all of a prefix alike. A part gives the mean probability."""
    old = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    rows = pl.DataFrame({"item_id": ["n0", "n1"], "title": ["", ""], "text": ["", ""]})
    growth = Growth(1, "x", rows, np.array([[1, 5], [0, 9]]), frozenset(), ((3, 2), ()), ((0.9, 0.8), ()))
    later = Later.of(old, growth)
    assert later.items[0, :2].tolist() == [3, 2] and set(later.items[1].tolist()) == {0, 1}
    shares = np.exp(later.log_shares)
    assert shares[0, :3] == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1)), 0])
    assert shares[1] == pytest.approx(1 / 8)

    class Fixed:
        def score(self, histories: Sequences) -> np.ndarray:
            asked.append(histories.items.tolist())
            return np.array([[1.0, 2.0, 3.0, 4.0]], dtype=np.float32)

    asked: list[list[int]] = []
    part = BaselinePart(Fixed(), "logits", np.full(4, 0.25, dtype=np.float32), later=later)
    found = part.log_probs(torch.zeros(1, 2), np.array([[0, 4]]))[0].exp()
    assert asked == [[0, 3]]  # in a history the nearest stands for it
    known = torch.softmax(torch.tensor([1.0, 2.0, 3.0, 4.0]), dim=0)
    expected = [shares[0, 0] * known[3] + shares[0, 1] * known[2], (known[0] + known[1]) / 2]
    assert found.tolist() == pytest.approx([*known.tolist(), *map(float, expected)], rel=1e-5)


def test_the_fusion_is_kept(tmp_path: Path) -> None:
    fusion = Fusion(("model", "dense", "sasrec"), (0.25, 0.75, 0.0), (0.5, 0.0, 0.5))
    assert load_fusion(tmp_path) is None
    save_fusion(tmp_path, fusion)
    assert load_fusion(tmp_path) == fusion
    assert fusion.weights(True) == (0.5, 0.0, 0.5) and fusion.baselines == ("sasrec",)
    (tmp_path / "fusion.json").write_text('{"parts": ["model"], "kept": [NaN], "hidden": []}')
    with pytest.raises(DataError, match="no parts and weights"):
        load_fusion(tmp_path)
    (tmp_path / "fusion.json").unlink()
    (tmp_path / "blend.json").write_text('{"weight": 0.7}')  # as version 0.1 wrote it
    assert load_fusion(tmp_path) == Fusion(("model", "dense"), (1 - 0.7, 0.7), (1 - 0.7, 0.7))


def test_seen_items_hidden_have_weights_of_their_own(trained: RunFolder) -> None:
    recommender = Recommender.load(trained.path)
    saved = json.loads((trained.artefact("evaluate") / "fusion.json").read_text())
    for hide, name in ((False, "kept"), (True, "hidden")):
        found = recommender.score_items([[1, 2, 3]], np.array([[4, 5]]), hide_seen=hide)
        assert list(found.names) == saved["parts"] and found.weights.tolist() == pytest.approx(saved[name], abs=1e-6)
    with pytest.raises(DataError, match="shape"):
        recommender.score_items([[1], [2]], np.array([[4]]))
