"""What one training step sees: examples of any task, padded or packed, and where something is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.prompts.example import Example

Int64 = npt.NDArray[np.int64]


class Batch(NamedTuple):
    """Some examples, side by side. Places count through all rows: row * length + column.

    Attributes:
        tokens: token ids, padded with zeros; shape (rows, length).
        positions: position inside the own example; same shape, or empty where every row is one example: then the
            attention is plainly causal, and padding on the right disturbs nobody.
        heads: place of the state that predicts an item's first code; shape (items,).
        items: number of that item.
        item_tasks: its task.
        words: place of the state that predicts a token outside of codes; shape (words,).
        word_ids: that token.
        word_tasks: its task.
        ends: place of the last token of examples whose answer is an item, which has read its code; shape (ends,).
            Empty where nobody asked for summaries.
        end_items: number of that item.
        past_heads: places in `heads`, once for every other item of the history before that item, where histories were
            asked for; shape (pasts,).
        past_items: number of that item of the history; same shape.
        lesson_heads: places in `heads` of the items that a teacher has an opinion on; shape (taught,).
        taught: item numbers that the teachers expect there; shape (taught, top).
        trust: the teachers' probabilities of these; same shape.
        asking: place of every word of a wording in the prompts; shape (asking,).
        token_count: how many of the tokens are no padding.
    """

    tokens: Tensor
    positions: Tensor
    heads: Tensor
    items: Tensor
    item_tasks: Tensor
    words: Tensor
    word_ids: Tensor
    word_tasks: Tensor
    ends: Tensor
    end_items: Tensor
    past_heads: Tensor
    past_items: Tensor
    lesson_heads: Tensor
    taught: Tensor
    trust: Tensor
    asking: Tensor
    token_count: Tensor

    def to(self, device: str) -> Batch:
        """The same on another device."""
        return Batch(*(tensor.to(device) for tensor in self))

    @property
    def targets(self) -> int:
        """Items and words that are predicted."""
        return len(self.heads) + len(self.words)


def collate(
    examples: Sequence[Example],
    levels: int,
    packed: int = 0,
    summaries: bool = False,
    pasts: bool = False,
    lessons: tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]] | None = None,
) -> Batch:
    """Lay examples out as a batch.

    Args:
        examples: at least one.
        levels: codes an item.
        packed: tokens a row may hold when several examples share it; 0 = one example a row.
        summaries: whether the state at the last token is wanted; that token predicts nothing and is else left out.
        pasts: whether the histories of the sequential items are wanted.
        lessons: expected items and their probabilities, which the examples' `lessons` point into.
    """
    sizes = [len(one.tokens) - (not summaries) for one in examples]
    rows = _packed(sizes, packed) if packed else [[n] for n in range(len(examples))]
    length = max(sum(sizes[n] for n in row) for row in rows)
    tokens = np.zeros((len(rows), length), dtype=np.int64)
    positions = np.zeros((len(rows), length), dtype=np.int64)
    heads, words, word_ids, ends, asking = [], [], [], [], []
    order = [n for row in rows for n in row]
    for line, row in enumerate(rows):
        at = 0
        for n in row:
            one, size, base = examples[n], sizes[n], line * length + at
            tokens[line, at : at + size] = one.tokens[:size]
            positions[line, at : at + size] = np.arange(size)
            plain = _words(one, levels)
            heads.append(base + one.codes - 1)
            words.append(base + plain - 1)
            word_ids.append(one.tokens[plain])
            asking.append(base + one.asking)
            ends.append([base + size - 1] if summaries and len(one.items) else [])
            at += size
        positions[line, at:] = np.arange(length - at)  # an example of its own, which nobody looks at
    chosen = [examples[n] for n in order]
    counts = [len(one.codes) for one in chosen]
    past_heads, past_items = _pasts(chosen, counts) if pasts else (_joined([]), _joined([]))
    opinions = _joined([one.lessons for one in chosen])
    taught, trust = np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=np.float32)
    lesson_heads = np.zeros(0, dtype=np.int64)
    if lessons is not None and len(opinions):
        taught, trust = lessons[0][opinions].astype(np.int64), lessons[1][opinions]
        has = np.repeat([len(one.lessons) > 0 for one in chosen], counts)
        lesson_heads = np.flatnonzero(has)
    arrays = (
        tokens,
        positions if packed else np.zeros((0, 0), dtype=np.int64),
        _joined(heads),
        _joined([one.items for one in chosen]),
        np.repeat([one.task for one in chosen], counts).astype(np.int64),
        _joined(words),
        _joined(word_ids),
        np.repeat([one.task for one in chosen], [len(some) for some in words]).astype(np.int64),
        _joined(ends),
        np.array([one.items[-1] for one in chosen if summaries and len(one.items)], dtype=np.int64),
        past_heads,
        past_items,
        lesson_heads,
        taught,
        trust,
        _joined(asking),
        np.array(sum(sizes), dtype=np.int64),
    )
    return Batch(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))


def _words(one: Example, levels: int) -> Int64:
    """Places of the predicted tokens that are no part of a predicted item's code."""
    plain = one.targets.copy()
    plain[(one.codes[:, None] + np.arange(levels)).reshape(-1)] = False
    return np.flatnonzero(plain)


def _pasts(chosen: Sequence[Example], counts: Sequence[int]) -> tuple[Int64, Int64]:
    """Every head of a history beside each different item before it: place of the head, number of the item."""
    heads, items = [], []
    for one, first in zip(chosen, np.cumsum([0, *counts]), strict=False):
        if not len(one.before):
            continue
        window = np.concatenate([one.before, one.items])
        fresh = np.zeros(len(window), dtype=np.bool_)
        fresh[np.unique(window, return_index=True)[1]] = True
        ends = len(one.before) + np.arange(len(one.items))
        head, place = np.nonzero(fresh & (np.arange(len(window)) < ends[:, None]))
        heads.append(first + head)
        items.append(window[place])
    return _joined(heads), _joined(items)


def _joined(parts: Sequence[npt.ArrayLike]) -> Int64:
    return np.concatenate([np.asarray(part, dtype=np.int64) for part in parts] or [np.zeros(0, dtype=np.int64)])


def _packed(lengths: Sequence[int], room: int) -> list[list[int]]:
    """First fit, the longest first: examples of each row. An example longer than `room` has a row of its own."""
    rows: list[list[int]] = []
    left: list[int] = []
    for n in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        place = next((row for row, free in enumerate(left) if free >= lengths[n]), -1)
        if place < 0:
            rows.append([])
            left.append(max(room, lengths[n]))
        rows[place].append(n)
        left[place] -= lengths[n]
    return rows
