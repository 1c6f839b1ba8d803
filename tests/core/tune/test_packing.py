"""A batch is the same however it is laid out: padded, packed, or example by example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.model.backbone import build_backbone
from core.model.vocabulary import build_vocabulary
from core.model_settings import BackboneSettings
from core.prompts.render import RenderedRow
from core.prompts.tasks import task_number
from core.registry import TASKS
from core.tune.batch import Batch, collate
from core.tune.batches import PACKED_ROW
from core.tune.target_rows import SequentialRows, every_item_rows, last_item_rows
from tests.core.engine_tools import FAMILIES, sequences, small_index, small_lm, uneven_codes
from tests.core.model.families import write_family
from tests.core.tune.tools import objective_of

COUNT, LEVELS = 30, 3
SEQUENTIAL, TITLE, PICK = (task_number(name) for name in ("sequential", "code-to-title", "title-to-code"))


def text_row(rng: np.random.Generator, words: int) -> RenderedRow:
    """A prompt of some words, an answer of others."""
    tokens = rng.integers(3, 250, size=words + 6)
    targets = np.arange(len(tokens)) >= words
    return RenderedRow(tokens, targets, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), TITLE)


def code_row(rng: np.random.Generator, item_tokens: np.ndarray, words: int, end: int) -> RenderedRow:
    """A prompt of some words, an item as the answer, and the end."""
    item = int(rng.integers(COUNT))
    tokens = np.concatenate([rng.integers(3, 250, size=words), item_tokens[item], [end]])
    targets = np.arange(len(tokens)) >= words
    return RenderedRow(tokens, targets, np.array([words]), np.array([item]), PICK)


@pytest.mark.parametrize("softmax", ["legal", "level", "vocabulary"])
@pytest.mark.parametrize("family", [*FAMILIES, "gemma3"])
def test_packed_is_unpacked(family: str, softmax: str, tmp_path: Path) -> None:
    """The loss and every gradient, in fp32."""
    index = small_index(uneven_codes(COUNT, LEVELS, 4, 0), (4, 4, 4))
    if family == "gemma3":  # whose first layer looks back five tokens
        settings = BackboneSettings(str(write_family("gemma3", tmp_path / "lm", window=5)))
        vocabulary = build_vocabulary(settings, index, [], "a coral story")
        lm = build_backbone(settings, vocabulary, 0.0, "cpu", 0).eval()
    else:
        lm, vocabulary = small_lm(family, tmp_path, index, "a coral story")
    rng = np.random.default_rng(1)
    rows = every_item_rows(sequences([3, 17, 4, 4, 29], [8, 1], list(range(9))), 4)
    item_tokens = vocabulary.item_tokens(index)
    sequential = SequentialRows(rows, item_tokens, (vocabulary.frame,), vocabulary.end)
    examples = [sequential.example(row, 0, False) for row in range(len(sequential))]
    examples += [text_row(rng, words) for words in (2, 9, 5)]
    examples += [code_row(rng, item_tokens, words, vocabulary.end) for words in (7, 3)]
    objective = objective_of(lm, vocabulary, index, softmax=softmax)
    objective.task_weights[:] = torch.rand(len(TASKS.all_names)) + 0.5
    found = []
    for packed, with_ends in ((0, False), (0, True), (40, False), (64, True)):
        batch = collate(examples, LEVELS, packed, with_ends)
        objective.zero_grad()
        loss, parts, targets = objective(batch)
        loss.backward()
        gradients = [p.grad.clone() for p in objective.parameters() if p.grad is not None]
        states = objective._states(batch)[batch.ends].detach()
        found.append((loss.item(), parts, targets, gradients, states, sorted(batch.end_items.tolist())))
    first = found[0]
    assert first[2] == rows.targets + 3 * 6 + 2 * (1 + 1)
    for other in found[1:]:
        assert other[0] == pytest.approx(first[0], abs=1e-5)
        assert other[1] == pytest.approx(first[1], abs=1e-5)
        for one, two in zip(first[3], other[3], strict=True):
            assert torch.allclose(one, two, atol=1e-5)
    padded, packed = found[1], found[3]
    assert padded[5] == packed[5] and len(packed[5]) == len(sequential) + 2
    assert torch.allclose(padded[4].sum(dim=0), packed[4].sum(dim=0), atol=1e-3)


def test_last_item_rows_are_the_same_targets_one_by_one() -> None:
    train = sequences([3, 17, 4, 4, 29], [8, 1], [5], list(range(9)))
    every, last = every_item_rows(train, 4), last_item_rows(train, 4)
    assert every.targets == last.targets == len(last.first_target)
    histories = [last.windows[n].tolist() for n in range(len(last.first_target))]
    assert histories[:4] == [[3, 17], [3, 17, 4], [3, 17, 4, 4], [3, 17, 4, 4, 29]]
    assert histories[-1] == [4, 5, 6, 7, 8]
    targets = [int(item) for n, first in enumerate(every.first_target) for item in every.windows[n][int(first) :]]
    assert sorted(targets) == sorted(items[-1] for items in histories)


@given(lengths=st.lists(st.integers(2, 90), min_size=1, max_size=30), room=st.sampled_from([0, 32, 90, PACKED_ROW]))
def test_every_example_lies_whole_in_one_row(lengths: list[int], room: int) -> None:
    examples = [
        RenderedRow(
            np.full(size, n + 1), np.arange(size) > 0, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), TITLE
        )
        for n, size in enumerate(lengths)
    ]
    batch: Batch = collate(examples, LEVELS, room)
    width = batch.tokens.shape[1]
    assert width <= max(room, max(lengths) - 1)
    flat, seen = batch.tokens.reshape(-1), []
    for n, size in enumerate(lengths):
        places = (flat == n + 1).nonzero()[:, 0]
        assert len(places) == size - 1 and int(places[-1] - places[0]) == size - 2
        assert int(places[0]) // width == int(places[-1]) // width
        if room:
            assert batch.positions.reshape(-1)[places].tolist() == list(range(size - 1))
        seen += places.tolist()
    assert sorted(batch.words.tolist()) == sorted(seen)  # all but the first are targets, each from the place before
    assert (flat[batch.words] == batch.word_ids).all()


@pytest.mark.parametrize("packed", [0, 64])
@pytest.mark.parametrize("rows_of", [every_item_rows, last_item_rows])
def test_histories_go_with_their_heads(rows_of: Any, packed: int) -> None:
    """Every head stands beside each different item that its row holds before it, once; other tasks have no history."""
    draw = np.random.default_rng(4)
    train = sequences(*[draw.integers(8, size=length).tolist() for length in (2, 5, 3, 9, 6)])
    rows = rows_of(train, 4)
    tokens = np.arange(24).reshape(8, 3)
    sequential = SequentialRows(rows, tokens, ((30,),))
    other = RenderedRow(np.arange(6), np.array([0, 0, 1, 1, 1, 0], dtype=bool), np.array([2]), np.array([7]), 3)
    examples = [
        sequential.example(0, 0, False),
        other,
        *(sequential.example(n, 0, False) for n in range(1, len(rows.first_target))),
    ]
    batch = collate(examples, 3, packed, with_histories=True)
    flat = batch.tokens.flatten().tolist()
    found: dict[int, set[int]] = {}
    for head, item in zip(batch.past_heads.tolist(), batch.past_items.tolist(), strict=True):
        assert item not in found.setdefault(head, set())
        found[head].add(item)
    for place, (head, task) in enumerate(zip(batch.heads.tolist(), batch.item_tasks.tolist(), strict=True)):
        history = set()
        at = head
        while task == SEQUENTIAL and flat[at] != 30:  # back to the frame, item by item
            history.add(flat[at] // 3)
            at -= 3
        assert found.get(place, set()) == history
    assert not len(collate(examples, 3, packed).past_heads)


@pytest.mark.parametrize("packed", [0, 90])
def test_hidden_words_are_those_of_wordings_alone(packed: int, tmp_path: Path) -> None:
    """In training about the wished share of them is zero or a drawn word, which learns nothing; all else stays."""
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    lm, vocabulary = small_lm("tiny", tmp_path, index)
    objective = objective_of(lm, vocabulary, index, word_dropout=0.5)
    seen: list[torch.Tensor] = []
    objective.model.states = lambda embedded, **_: seen.append(embedded) or embedded  # type: ignore[method-assign]
    draw = np.random.default_rng(0)
    words = np.flatnonzero(~objective.model.is_code.numpy())
    code = vocabulary.item_tokens(index)[3]
    frame, text = words[:20], words[20:]
    none, asking = np.zeros(0, np.int64), np.r_[1:21, 28:30]
    rows = [
        RenderedRow(np.concatenate([text[:1], frame, code, draw.choice(text, 4), frame[:2]]), np.arange(30) > 23, none,
                none, TITLE, asking=asking[asking < 24])
        for _ in range(30)
    ]  # fmt: skip
    batch = collate(rows, LEVELS, packed)
    assert sorted(batch.tokens.flatten()[batch.asking].tolist()) == sorted(frame.tolist() * 30)
    for training in (False, True):
        objective.train(training)._states(batch)
    whole, some = (one.flatten(0, 1) for one in seen)
    table = objective.model.lm.get_input_embeddings().weight
    zero, other = (some == 0).all(dim=1), (some != whole).any(dim=1)
    assert set(other.nonzero()[:, 0].tolist()) <= set(batch.asking.tolist())
    assert 0.4 < other[batch.asking].float().mean() < 0.6 and 0.2 < zero[batch.asking].float().mean() < 0.35
    swapped = some[other & ~zero]
    assert len(swapped) > 50 and (swapped[:, None] == table[torch.from_numpy(words)]).all(dim=2).any(dim=1).all()
    some.sum().backward()
    taught = (table.grad != 0).any(dim=1)
    kept = set(batch.tokens.flatten()[~other].tolist())
    assert taught[code].all() and set(taught.nonzero()[:, 0].tolist()) <= kept
