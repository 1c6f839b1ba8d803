"""What one training step sees: examples of any task, padded or packed, and where something is predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.prompts.render import RenderedRow
from core.tune.soft_targets import SoftTargets

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
            Empty where nobody asked for ends.
        end_items: number of that item.
        past_heads: places in `heads`, once for every different item of the history before that item, where histories
            were asked for; shape (pasts,).
        past_items: number of that item of the history; same shape.
        teacher_heads: places in `heads` of the items that teachers were asked about; shape (asked,).
        teacher_items: item numbers that the teachers expect there; shape (asked, top).
        teacher_probs: the teachers' probabilities of these; same shape.
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
    teacher_heads: Tensor
    teacher_items: Tensor
    teacher_probs: Tensor
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
    examples: Sequence[RenderedRow],
    levels: int,
    packed: int = 0,
    with_ends: bool = False,
    with_histories: bool = False,
    soft_targets: SoftTargets | None = None,
) -> Batch:
    """Lay examples out as a batch.

    Args:
        examples: at least one.
        levels: codes an item.
        packed: tokens a row may hold when several examples share it; 0 = one example a row.
        with_ends: whether the state at the last token is wanted; that token predicts nothing and is else left out.
        with_histories: whether the histories of the sequential items are wanted.
        soft_targets: what teachers expect; the examples' `soft` point into it.
    """
    # The layout: tokens that are fed of each example, and the examples of each row.
    sizes = [len(one.tokens) - (not with_ends) for one in examples]
    rows = _packed(sizes, packed) if packed else [[n] for n in range(len(examples))]
    length = max(sum(sizes[n] for n in row) for row in rows)
    # Tokens and positions, both (rows, length); and per example the places of what it predicts, through all rows.
    tokens = np.zeros((len(rows), length), dtype=np.int64)
    positions = np.zeros((len(rows), length), dtype=np.int64)
    heads, words, word_ids, ends, asking = [], [], [], [], []
    for line, row in enumerate(rows):
        start = 0
        for n in row:
            one, size, base = examples[n], sizes[n], line * length + start
            tokens[line, start : start + size] = one.tokens[:size]
            positions[line, start : start + size] = np.arange(size)
            plain = _words(one, levels)
            heads.append(base + one.codes - 1)  # the state before a token predicts it
            words.append(base + plain - 1)
            word_ids.append(one.tokens[plain])
            asking.append(base + one.asking)
            ends.append([base + size - 1] if with_ends and len(one.items) else [])
            start += size
        positions[line, start:] = np.arange(length - start)  # an example of its own, which nobody looks at
    # From here on everything stands in the order of the rows: items (items,), words (words,), ends (ends,).
    chosen = [examples[n] for row in rows for n in row]
    counts = [len(one.codes) for one in chosen]
    past_heads, past_items = _histories(chosen, counts) if with_histories else (_joined([]), _joined([]))
    # Soft targets: rows of the table for every item that has one, (asked, top), and which heads these are, (asked,).
    places = _joined([one.soft for one in chosen])
    teacher_items, teacher_probs = np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=np.float32)
    teacher_heads = np.zeros(0, dtype=np.int64)
    if soft_targets is not None and len(places):
        teacher_items, teacher_probs = soft_targets.items[places].astype(np.int64), soft_targets.probs[places]
        teacher_heads = np.flatnonzero(np.repeat([len(one.soft) > 0 for one in chosen], counts))
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
        np.array([one.items[-1] for one in chosen if with_ends and len(one.items)], dtype=np.int64),
        past_heads,
        past_items,
        teacher_heads,
        teacher_items,
        teacher_probs,
        _joined(asking),
        np.array(sum(sizes), dtype=np.int64),
    )
    return Batch(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))


def _words(row: RenderedRow, levels: int) -> Int64:
    """Places of the predicted tokens that are no part of a predicted item's code; shape (words,)."""
    plain = row.targets.copy()
    plain[(row.codes[:, None] + np.arange(levels)).reshape(-1)] = False
    return np.flatnonzero(plain)


def _histories(chosen: Sequence[RenderedRow], counts: Sequence[int]) -> tuple[Int64, Int64]:
    """Every head of a history beside each different item before it: place of the head, number of the item; (pasts,)."""
    heads, items = [], []
    for one, first in zip(chosen, np.cumsum([0, *counts]), strict=False):
        if not len(one.before):
            continue
        window = np.concatenate([one.before, one.items])
        # Mask of the first time that each item stands in the window; (window,).
        new = np.zeros(len(window), dtype=np.bool_)
        new[np.unique(window, return_index=True)[1]] = True
        # Mask of the new items in front of each target; (targets, window).
        ends = len(one.before) + np.arange(len(one.items))
        head, place = np.nonzero(new & (np.arange(len(window)) < ends[:, None]))
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
