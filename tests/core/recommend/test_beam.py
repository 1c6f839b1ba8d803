"""The beam search against scoring every item, for every family of language models that is promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from core.index.table import ItemIndex
from core.model.checkpoint import generator_of
from core.model.generator import Generator
from core.model.trie import Trie
from core.model.vocabulary import Vocabulary
from core.recommend import encoded
from core.recommend.beam import beam_search
from core.recommend.encoded import encode
from core.recommend.exact import exact_log_probs
from core.tune.soft_targets import SoftTargets
from core.tune.target_rows import every_item_rows
from tests.core.engine_tools import (
    FAMILIES,
    exhaustive,
    item_ids,
    plain_beam,
    sequences,
    small_index,
    small_lm,
    uneven_codes,
)
from tests.core.tune.tools import batch_of, objective_of

COUNT = 30
HISTORIES = [[4], [0, 29, 7], [11, 11, 11, 2, 3]]
Small = tuple[PreTrainedModel, Vocabulary, ItemIndex]


@pytest.fixture(scope="module", params=FAMILIES)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Small:
    """A random model of a family over 30 items, some of whose codes are decided after one level, some after three."""
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 5, 4))
    lm, vocabulary = small_lm(request.param, tmp_path_factory.mktemp("lm"), index, "a coral story")
    return lm, vocabulary, index


def ready(small: Small) -> tuple[Generator, Trie]:
    lm, vocabulary, index = small
    return generator_of(lm, vocabulary, index).eval(), Trie(index.codes)


@pytest.mark.parametrize("history", HISTORIES, ids=len)
@pytest.mark.parametrize("beams", [COUNT, COUNT + 25])
def test_a_wide_beam_is_exhaustive(small: Small, history: list[int], beams: int) -> None:
    table = exhaustive(*small, history).sum(axis=1)
    items, scores = beam_search(*ready(small), np.array([history]), beams)
    assert items.shape == scores.shape == (1, COUNT)
    assert sorted(items[0].tolist()) == list(range(COUNT))
    assert np.exp(scores.astype(np.float64)).sum() == pytest.approx(1.0, abs=1e-5)
    assert scores[0] == pytest.approx(table[items[0]], abs=1e-4)
    assert items[0].tolist() == np.argsort(-table, kind="stable").tolist()
    assert table.max() - table.min() > 1.0  # the model has opinions, so the test can fail


@pytest.mark.parametrize("beams", [1, 2, 5, 13])
def test_a_narrow_beam_is_the_textbooks(small: Small, beams: int) -> None:
    for history in HISTORIES:
        expected = plain_beam(small[2], exhaustive(*small, history), beams)
        items, scores = beam_search(*ready(small), np.array([history]), beams)
        assert items.shape == (1, beams)
        assert items[0].tolist() == [item for item, _ in expected]
        assert scores[0] == pytest.approx([score for _, score in expected], abs=1e-4)


def test_users_together_are_users_alone(small: Small) -> None:
    model, trie = ready(small)
    histories = np.random.default_rng(0).integers(0, COUNT, (9, 4))
    for beams in (3, COUNT):
        items, scores = beam_search(model, trie, histories, beams)
        for user in range(9):
            alone, own = beam_search(model, trie, histories[user : user + 1], beams)
            assert alone[0].tolist() == items[user].tolist()
            assert own[0] == pytest.approx(scores[user], abs=1e-5)


def test_a_shorter_history_is_read_alike_in_a_longer_row(small: Small) -> None:
    model, trie = ready(small)
    padded = np.full((len(HISTORIES), 8), -1)
    for row, history in zip(padded, HISTORIES, strict=True):
        row[-len(history) :] = history
    items, scores = beam_search(model, trie, padded, 13)
    every = torch.arange(COUNT).expand(len(HISTORIES), -1)
    exact = exact_log_probs(model, trie, encode(model, padded), every).numpy()
    for user, history in enumerate(HISTORIES):
        alone, own = beam_search(model, trie, np.array([history]), 13)
        assert alone[0].tolist() == items[user].tolist()
        assert own[0] == pytest.approx(scores[user], abs=1e-5)
        wanted = exhaustive(*small, history).sum(axis=1)
        assert exact[user] == pytest.approx(wanted, abs=1e-4)


def test_what_items_share_of_their_paths_is_read_once(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each user has other items, some twice and some none: the right scores, and no more codes than paths differ."""
    model, trie = ready(small)
    items = torch.tensor([[4, 4, -1, 9, 2], [-1, 0, 1, 2, 3], [COUNT - 1, -1, -1, -1, -1]])
    histories = np.array([[3, 1], [0, 2], [5, 5]])
    lengths = []
    states = type(model).states

    def counted(self: object, embedded: torch.Tensor, **more: object) -> torch.Tensor:
        lengths.append(embedded.shape[1])
        return states(self, embedded, **more)

    read = encode(model, histories)
    monkeypatch.setattr(type(model), "states", counted)
    exact = exact_log_probs(model, trie, read, items)
    for user, history in enumerate(histories.tolist()):
        there = items[user] >= 0
        wanted = exhaustive(*small, history).sum(axis=1)[items[user][there]]
        assert exact[user][there].numpy() == pytest.approx(wanted, abs=1e-4)
    codes = small[2].codes
    widest = [max(len({tuple(codes[i][:n]) for i in row if i >= 0}) for row in items.tolist()) for n in (1, 2)]
    assert len(lengths) <= 1 and sum(lengths) <= sum(widest)


def test_a_worded_frame_is_read_once_for_all(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    model, trie = ready(small)
    histories = np.array([[-1, -1, 4], [0, 29, 7], [-1, 11, 2]])
    read, lists = encode(model, histories), beam_search(model, trie, histories, 5)
    assert len(model.frame) >= encoded.SHARED_FRAME
    monkeypatch.setattr(encoded, "SHARED_FRAME", 1000)
    apart = encode(model, histories)
    torch.testing.assert_close(read.states, apart.states, rtol=1e-4, atol=1e-4)
    assert read.cache.get_seq_length() == apart.cache.get_seq_length()
    assert lists[0].tolist() == beam_search(model, trie, histories, 5)[0].tolist()


def test_the_search_leaves_the_model_and_what_it_read_alone(small: Small) -> None:
    model, trie = ready(small)
    before = [parameter.clone() for parameter in model.parameters()]
    read = encode(model, np.array([[1, 2]]))
    first, again = (beam_search(model, trie, read, 7) for _ in range(2))
    assert first[0].tobytes() == again[0].tobytes() and first[1].tobytes() == again[1].tobytes()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_bf16_lists_are_legal_and_sorted(small: Small) -> None:
    model, trie = ready(small)
    with torch.autocast("cpu", torch.bfloat16):
        items, scores = beam_search(model, trie, np.array(HISTORIES[1:2] * 3), 12)
    exact, _ = beam_search(model, trie, np.array(HISTORIES[1:2]), 12)
    for row, values in zip(items, scores, strict=True):
        assert len(set(row.tolist())) == 12 and row.min() >= 0
        assert (np.diff(values) <= 0).all()
    assert len(set(items[0].tolist()) & set(exact[0].tolist())) >= 8


@pytest.fixture(scope="module")
def any_codes(tmp_path_factory: pytest.TempPathFactory) -> tuple[PreTrainedModel, Vocabulary]:
    """A model that speaks codes of four levels of five."""
    return small_lm("llama", tmp_path_factory.mktemp("lm"), small_index([[4, 4, 4, 4]]))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_tree_any_beam(any_codes: tuple[PreTrainedModel, Vocabulary], data: Any) -> None:
    """Lists are legal, unique, sorted and the textbook's, whatever the shape of the tree."""
    levels, width = data.draw(st.integers(1, 4)), data.draw(st.integers(2, 5))
    count = data.draw(st.integers(1, min(20, width**levels)))
    beams = data.draw(st.integers(1, count + 3))
    history = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=3))
    codes = uneven_codes(count, levels, width, data.draw(st.integers(0, 50)))
    lm, speech = any_codes
    index = small_index(codes, (5,) * levels)
    vocabulary = Vocabulary(speech.tokenizer, speech.code_ids[:levels], speech.frame)
    items, scores = beam_search(generator_of(lm, vocabulary, index).eval(), Trie(codes), np.array([history]), beams)
    expected = plain_beam(index, exhaustive(lm, vocabulary, index, history), beams)
    assert items.shape == (1, min(beams, count))
    assert len(set(items[0].tolist())) == min(beams, count) and (np.diff(scores[0]) <= 0).all()
    assert items[0].tolist() == [item for item, _ in expected]
    assert scores[0] == pytest.approx([score for _, score in expected], abs=1e-4)


def test_equal_scores_stand_by_item_number(any_codes: tuple[PreTrainedModel, Vocabulary]) -> None:
    """Were every code as likely as any other, five items of one level would stand in their own order."""
    lm, speech = any_codes
    index = small_index([[3], [1], [4], [0], [2]], (5,))
    model = generator_of(lm, Vocabulary(speech.tokenizer, speech.code_ids[:1], speech.frame), index).eval()
    head = lm.get_output_embeddings().weight
    kept = head.detach().clone()
    with torch.no_grad():
        head.zero_()
        items, scores = beam_search(model, Trie(index.codes), np.array([[0]]), 5)
        head.copy_(kept)
    assert items[0].tolist() == [0, 1, 2, 3, 4]
    assert scores[0] == pytest.approx(np.full(5, np.log(0.2)), abs=1e-6)


def test_uneven_users_in_one_batch(any_codes: tuple[PreTrainedModel, Vocabulary]) -> None:
    """One user's beams may be decided where another's are open: both get whole lists."""
    lm, speech = any_codes
    codes = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [3, 0, 1], [3, 1, 0], [3, 1, 1], [3, 2, 0], [3, 2, 4]]
    index = small_index(codes, (5, 5, 5))
    model = generator_of(lm, Vocabulary(speech.tokenizer, speech.code_ids[:3], speech.frame), index).eval()
    histories = np.array([[n, (n * 5 + 1) % 9] for n in range(9)])
    for beams in (2, 4, 9):
        items, scores = beam_search(model, Trie(index.codes), histories, beams)
        assert (items >= 0).all() and np.isfinite(scores).all()
        for user, history in enumerate(histories):
            vocabulary = Vocabulary(speech.tokenizer, speech.code_ids[:3], speech.frame)
            expected = plain_beam(index, exhaustive(lm, vocabulary, index, history.tolist()), beams)
            assert items[user].tolist() == [item for item, _ in expected]


def sharing_index(codes: np.ndarray) -> ItemIndex:
    """An index of the strategy `share`, four levels of five at most."""
    levels = codes.shape[1]
    return ItemIndex(item_ids(len(codes)), codes.astype(np.int32), (5,) * levels, ("semantic",) * levels, shared=True)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_shared_code_lists_its_items_by_number(any_codes: tuple[PreTrainedModel, Vocabulary], data: Any) -> None:
    levels, width, count = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4)), data.draw(st.integers(1, 25))
    codes = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, width, (count, levels))
    beams = data.draw(st.integers(1, count + 3))
    lm, speech = any_codes
    index = sharing_index(codes)
    vocabulary = Vocabulary(speech.tokenizer, speech.code_ids[:levels], speech.frame)
    histories = np.array([[0, count - 1], [count // 2, 0]])
    items, scores = beam_search(generator_of(lm, vocabulary, index).eval(), Trie(codes), histories, beams)
    assert items.shape == scores.shape == (2, min(beams, count))
    for user, history in enumerate(histories.tolist()):
        kept = plain_beam(index, exhaustive(lm, vocabulary, index, history), beams)
        expected = [
            (item, score) for first, score in kept for item in range(count) if (codes[item] == codes[first]).all()
        ][: min(beams, count)]
        assert len(set(items[user].tolist())) == min(beams, count) and (np.diff(scores[user]) <= 0).all()
        assert items[user].tolist() == [item for item, _ in expected]
        assert scores[user] == pytest.approx([score for _, score in expected], abs=1e-4)


def test_training_on_shared_codes_learns_the_code(any_codes: tuple[PreTrainedModel, Vocabulary]) -> None:
    """The loss of an item is that of its code, and what a teacher expects of twins adds up."""
    lm, speech = any_codes
    codes = np.array([[0, 0], [0, 1], [0, 0], [1, 2], [1, 2], [1, 2], [2, 0]])
    index = sharing_index(codes)
    vocabulary = Vocabulary(speech.tokenizer, speech.code_ids[:2], speech.frame)
    rows = every_item_rows(sequences([6, 2, 4]), 20)
    loss, _, targets = objective_of(lm, vocabulary, index)(batch_of(rows, vocabulary, index))
    parts = [exhaustive(lm, vocabulary, index, before)[item].sum() for before, item in (([6], 2), ([6, 2], 4))]
    assert targets == 2
    assert loss.item() == pytest.approx(-np.mean(parts), abs=1e-4)
    soft_targets = SoftTargets(np.array([[0, 2], [3, 4]], dtype=np.int32), np.full((2, 2), 0.5, dtype=np.float32))
    taught_batch = batch_of(rows, vocabulary, index, soft_targets)
    taught_loss, _, _ = objective_of(lm, vocabulary, index, distill=0.5)(taught_batch)
    assert taught_loss.item() == pytest.approx(loss.item(), abs=1e-4)  # the teacher expects the very code
