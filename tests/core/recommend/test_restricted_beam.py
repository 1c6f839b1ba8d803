"""A beam search over some of the items, against scoring those items alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from core.model.backbone import build_backbone
from core.model.checkpoint import TunedModel, generator_of
from core.model.dense import DenseHead
from core.model.trie import Trie
from core.model.vocabulary import Vocabulary, build_vocabulary
from core.model_settings import BackboneSettings
from core.recommend.beam import beam_search
from core.recommend.fusion import Parts, fused_lists
from tests.core.engine_tools import exhaustive, small_index, small_lm, uneven_codes
from tests.core.model.families import FOUR, write_family
from tests.core.recommend.test_beam import sharing_index

COUNT = 30
INDEX = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 5, 4))
HISTORIES = np.array([[4, 9, 21], [0, 29, 7]])


def masks_of(count: int, users: int, seed: int) -> np.ndarray:
    """A mask a user: half of the items, three, one, none ..."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((users, count), dtype=bool)
    for user, share in enumerate(rng.permutation([0.5, 0.1, 1 / count, 0.0, 0.9, 1.0])[:users]):
        masks[user, rng.permutation(count)[: round(share * count)]] = True
    return masks


@pytest.mark.parametrize("family", FOUR)
def test_it_equals_scoring_the_allowed_items_alone(family: str, tmp_path: Any) -> None:
    backbone = BackboneSettings(str(write_family(family, tmp_path)))
    vocabulary = build_vocabulary(backbone, INDEX, [], "a coral story")
    lm = build_backbone(backbone, vocabulary, 0.0, "cpu", 0).eval()
    model, trie = generator_of(lm, vocabulary, INDEX).eval(), Trie(INDEX.codes)
    tables = [exhaustive(lm, vocabulary, INDEX, history).sum(axis=1) for history in HISTORIES.tolist()]
    for seed in range(4):
        masks = masks_of(COUNT, 2, seed)
        for shared in (True, False):
            allowed = trie.allow(torch.from_numpy(masks[0] if shared else masks))
            beams = max(int(masks.sum(axis=1).max()), 1)
            items, scores = beam_search(model, trie, HISTORIES, beams, allowed)
            for user, table in enumerate(tables):
                mask = masks[0 if shared else user]
                expected = [n for n in np.argsort(-table, kind="stable").tolist() if mask[n]]
                found = items[user][items[user] >= 0]
                assert found.tolist() == expected
                assert scores[user][: len(found)] == pytest.approx(table[expected], abs=1e-4)
                assert (scores[user][len(found) :] == -np.inf).all()


@pytest.fixture(scope="module")
def any_codes(tmp_path_factory: pytest.TempPathFactory) -> tuple[PreTrainedModel, Vocabulary]:
    """A model that speaks codes of four levels of five."""
    return small_lm("llama", tmp_path_factory.mktemp("lm"), small_index([[4, 4, 4, 4]]))


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_tree_any_mask_any_beam(any_codes: tuple[PreTrainedModel, Vocabulary], data: Any) -> None:
    """Codes may be shared; a narrow beam gives a full list all the same, of allowed items only, each once, sorted."""
    levels, width, count = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4)), data.draw(st.integers(1, 25))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    codes, masks = rng.integers(0, width, (count, levels)), rng.random((2, count)) < rng.random()
    beams = data.draw(st.integers(1, count + 3))
    lm, words = any_codes
    index = sharing_index(codes)
    vocabulary = Vocabulary(words.tokenizer, words.code_ids[:levels], words.frame)
    trie, histories = Trie(codes), np.array([[0, count - 1], [count // 2, 0]])
    model = generator_of(lm, vocabulary, index).eval()
    items, scores = beam_search(model, trie, histories, beams, trie.allow(torch.from_numpy(masks)))
    for user, history in enumerate(histories.tolist()):
        found = items[user][items[user] >= 0].tolist()
        assert len(found) == len(set(found)) == min(beams, int(masks[user].sum())) and masks[user][found].all()
        table = exhaustive(lm, vocabulary, index, history).sum(axis=1)
        assert scores[user][: len(found)] == pytest.approx(table[found], abs=1e-4)
        assert all(a >= b for a, b in zip(scores[user], scores[user][1:], strict=False))
        if beams >= count:
            assert table[found] == pytest.approx(np.sort(table[masks[user]])[::-1], abs=1e-4)


def test_the_dense_head_obeys_the_same_mask(tmp_path: Any) -> None:
    lm, vocabulary = small_lm("tiny", tmp_path, INDEX)
    trie = Trie(INDEX.codes)
    draw = torch.Generator().manual_seed(3)
    vectors = torch.nn.functional.normalize(torch.randn(COUNT, 8, generator=draw), dim=1)
    dense = DenseHead(torch.randn(8, 16, generator=draw), vectors, 0.1, -0.3)
    tuned = TunedModel(generator_of(lm, vocabulary, INDEX).eval(), trie, INDEX, vocabulary, dense)
    parts, weights = Parts.of(["dense"], tuned, {}), np.array([0.4, 0.6], dtype=np.float32)
    whole, _ = fused_lists(parts, weights, HISTORIES, COUNT)
    for seed in range(4):
        masks = masks_of(COUNT, 2, seed)
        allowed = trie.allow(torch.from_numpy(masks))
        items, scores = fused_lists(parts, weights, HISTORIES, max(int(masks.sum(axis=1).max()), 1), allowed)
        for user in range(2):
            assert items[user][items[user] >= 0].tolist() == [
                n for n in whole[user].tolist() if n >= 0 and masks[user][n]
            ]
            listed = scores[user][np.isfinite(scores[user])]
            assert np.exp(listed).sum() == pytest.approx(1.0 if len(listed) else 0.0, abs=1e-4)
