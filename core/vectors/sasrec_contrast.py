"""Contrast inside SASRec: histories that say the same, and histories whose items are exchanged for their like.

After SRA-CL (arXiv 2503.04162, sections 3.2 and 3.3): the state of a history is pulled to a weighted sum of the states
of the histories nearest to it by text (`contrast_users`), and two copies of a history in which some items are exchanged
for near ones by text are pulled together (`contrast_items`), each beside the others of the batch. Departures:

* Texts are the items' text vectors and their recency-weighted means, no summaries of a language model's.
* A row of ours holds every prefix of a user, so each pass cuts it once at random; neighbours are prefixes of *other*
  users, as they were cut and as their states were in the pass before. Theirs are encoded anew with every row, which
  makes a step fourteen times as long, and are often the user's own prefixes, that hold the target.
* Neighbours are weighed by dot-product attention on the texts. Theirs scores the concatenated pair by one linear
  map, so a query cannot change the order of its neighbours.
* Cosines over `TEMPERATURE` in place of plain dot products; rows with the same next item are no negatives of one
  another.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Int64
from core.settings import SasrecSettings
from core.training.unit import unit_rows
from core.vectors import ItemVectors
from core.vectors.sasrec_model import SequenceView
from core.vectors.text_neighbours import NONE, nearest_texts, prefix_texts, unit_texts

TEMPERATURE = 0.2
ATTENTION = 64
"""Width of the attention's queries and keys."""
POOL = 1 << 15
"""Histories among which neighbours are looked for, at most; of more, so many are drawn in every pass."""
CUTS, POOLED, DRAWN, LIKE, EXCHANGED = range(5)
"""What a generator of its own is for: nothing is taken from that of dropout."""


class HistoryCuts:
    """Every row cut into a history and its next item.

    Args:
        rows: the users' items, by row number.
        cuts: how many of them are the history, 1 to all but one; (rows,).
        texts: of the items, of unit length or zero, (items, dim); None = they are not read.
    """

    def __init__(
        self, rows: Sequence[npt.NDArray[np.int32]], cuts: Int64, texts: npt.NDArray[np.float32] | None
    ) -> None:
        self.rows, self.cuts, self.texts = rows, cuts, texts
        self.neighbours: Int64 | None = None

    @functools.cached_property
    def prefix_texts(self) -> npt.NDArray[np.float32]:
        """The text of each history; (rows, dim)."""
        assert self.texts is not None
        return prefix_texts(self.rows, self.cuts, self.texts)


class SasrecContrast(nn.Module):
    """The two losses, weighted; a module of the training, of which nothing stays.

    Args:
        rows: the users' items that training sees, by row number.
        n_items: size of the catalogue.
        settings: weights, neighbours, share of exchanged items.
        texts: the items' text vectors; None = they are not read (`random`, `self`).
        seed: of cuts and draws.

    Raises:
        ValueError: the neighbours are those by text, and there are no texts.
    """

    def __init__(
        self,
        rows: Sequence[npt.NDArray[np.int32]],
        n_items: int,
        settings: SasrecSettings,
        texts: ItemVectors | None,
        seed: int,
    ) -> None:
        super().__init__()
        self.rows, self.n_items, self.settings, self.seed = rows, n_items, settings, seed
        self.lengths = np.array([len(row) for row in rows], dtype=np.int64)
        self.kind = settings.contrast_neighbours  # text, random or self
        self._cuts: dict[int, HistoryCuts] = {}
        if self.kind == "text" and texts is None:
            raise ValueError("neighbours by text, and no texts")
        self.texts = unit_texts(texts) if texts is not None and self.kind == "text" else None
        # The state of every row at its cut, in this pass and in the one before; (rows, width) both.
        self.now: Tensor
        self.before: Tensor
        self.epoch: Tensor
        self.register_buffer("now", torch.zeros(len(rows), settings.hidden_size))
        self.register_buffer("before", torch.zeros(len(rows), settings.hidden_size))
        self.register_buffer("epoch", torch.zeros((), dtype=torch.int64))
        if self.texts is not None:
            with torch.random.fork_rng(devices=()):  # the model's own draws stay what they are
                torch.manual_seed(seed)
                self.query = nn.Linear(self.texts.shape[1], ATTENTION, bias=False)
                self.key = nn.Linear(self.texts.shape[1], ATTENTION, bias=False)

    def forward(self, view: SequenceView) -> tuple[Tensor, dict[str, float]]:
        """Both losses of a batch as far as they have a weight, weighted and added up, and each by itself."""
        epoch, rows, width = view.batch.epoch, view.batch.rows, view.states.shape[2]
        if epoch != int(self.epoch):  # a new pass begins: what it has seen last is what it looks back at
            self.before.copy_(self.now)
            self.epoch.fill_(epoch)
        # Each row's history ends at its cut, whose item is the next one: states (batch, width), items (batch,).
        cuts = torch.from_numpy(self.cuts(epoch).cuts[rows.numpy()])
        places = torch.arange(len(rows))
        states = unit_rows(view.states[places, cuts - 1].float())
        targets = view.batch.items[places, cuts]
        self.now[rows] = states.detach()
        total, figures = states.new_zeros(()), dict[str, float]()
        copies = None
        if self.settings.contrast_items or self.kind == "self":
            copies = self._copies(view, cuts)
        if self.settings.contrast_users:
            positives, usable = (copies[0], places) if self.kind == "self" and copies else self._combined(epoch, rows)
            loss = pair_loss(states[usable], positives.view(-1, width), targets[usable])
            total, figures["contrast_users"] = total + self.settings.contrast_users * loss, loss.item()
        if self.settings.contrast_items and copies:
            loss = pair_loss(*copies, targets)
            total, figures["contrast_items"] = total + self.settings.contrast_items * loss, loss.item()
        return total, figures

    def cuts(self, epoch: int) -> HistoryCuts:
        """Where each row is cut in a pass; this one and the one before are kept."""
        if epoch not in self._cuts:
            drawn = self._draw(epoch, CUTS).integers(1, self.lengths)
            kept = {past: cuts for past, cuts in self._cuts.items() if abs(past - epoch) == 1}
            self._cuts = {**kept, epoch: HistoryCuts(self.rows, drawn, self.texts)}
        return self._cuts[epoch]

    def neighbours(self, epoch: int) -> Int64:
        """Rows whose histories of the pass before are near each row's history of this one, never the row itself.

        `NONE` where there are fewer; shape (rows, neighbours).
        """
        cuts = self.cuts(epoch)
        if cuts.neighbours is None:
            cuts.neighbours = self._neighbours(epoch)
        return cuts.neighbours

    def _neighbours(self, epoch: int) -> Int64:
        count, every = self.settings.neighbours, np.arange(len(self.rows))
        if self.kind == "random":
            return _others(self._draw(epoch, DRAWN), every, len(self.rows), count)
        pool = every
        if len(pool) > POOL:
            pool = np.sort(self._draw(epoch, POOLED).choice(len(pool), POOL, replace=False))
        own = np.full(len(every), NONE, dtype=np.int64)
        own[pool] = np.arange(len(pool))
        found = nearest_texts(self.cuts(epoch).prefix_texts, self.cuts(epoch - 1).prefix_texts[pool], own, count)
        return np.where(found == NONE, NONE, pool[found])

    @functools.cached_property
    def like_items(self) -> Int64:
        """The items that each one may be exchanged for, `NONE` where there are fewer; (items + 1, neighbours).

        The last row is that of padding.
        """
        every, count = np.arange(self.n_items), self.settings.neighbours
        like = np.full((self.n_items + 1, count), NONE, dtype=np.int64)
        if self.kind == "random":
            like[:-1] = _others(self._draw(0, LIKE), every, self.n_items, count)
        elif self.texts is not None:
            like[:-1] = nearest_texts(self.texts, self.texts, every, count)
        return like

    def exchanged(self, items: Tensor, draw: np.random.Generator) -> Tensor:
        """A copy in which each item is exchanged with the chance `replace` for one of its like; (batch, length)."""
        numbers = items.numpy()
        like = self.like_items[numbers]  # (batch, length, neighbours)
        # One of those that are there, (batch, length); they stand first.
        there = (like != NONE).sum(axis=2)
        which = draw.integers(0, np.maximum(there, 1))
        other = np.take_along_axis(like, which[..., None], axis=2)[..., 0]
        change = (draw.random(numbers.shape) < self.settings.replace) & (there > 0)
        return torch.from_numpy(np.where(change, other, numbers))

    def attention(self, asked: Tensor, neighbours: Tensor, there: Tensor) -> Tensor:
        """What each neighbour weighs, adding up to one over those that are there.

        Args:
            asked: texts of histories; (batch, dim).
            neighbours: texts of their neighbours; (batch, neighbours, dim).
            there: which neighbours there are; bool, (batch, neighbours), one a row at least.

        Returns:
            Shape (batch, neighbours).
        """
        scores = torch.einsum("bd,bkd->bk", self.query(asked), self.key(neighbours)).float() / math.sqrt(ATTENTION)
        return scores.masked_fill(~there, -torch.inf).softmax(dim=1)

    def _combined(self, epoch: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted sums of neighbours' states, of unit length, (usable, width), and which rows have one, (usable,).

        In the first pass there are none.
        """
        numbers = rows.numpy()
        if not epoch:
            return self.before[:0], rows[:0]
        near = self.neighbours(epoch)[numbers]
        usable = np.flatnonzero((near != NONE).any(axis=1))
        near = near[usable]
        there = torch.from_numpy(near != NONE)
        # States of the pass before, (usable, neighbours, width), and their weights; missing ones weigh nothing.
        states = self.before[torch.from_numpy(np.maximum(near, 0))]
        if self.texts is None:
            weights = there / there.sum(dim=1, keepdim=True).clamp_min(1)
        else:
            asked = torch.from_numpy(self.cuts(epoch).prefix_texts[numbers[usable]])
            weights = self.attention(asked, torch.from_numpy(self.cuts(epoch - 1).prefix_texts[near]), there)
        return unit_rows((weights[..., None] * states).sum(dim=1)), torch.from_numpy(usable)

    def _copies(self, view: SequenceView, cuts: Tensor) -> tuple[Tensor, Tensor]:
        """States of two copies of each history, of unit length, (batch, width) both; dropout differs in any case."""
        items = view.batch.items[:, : int(cuts.max())]
        draw = self._draw(view.batch.epoch, EXCHANGED, view.batch.number)
        both = torch.cat([self.exchanged(items, draw), self.exchanged(items, draw)])
        states = view.model.encoded(both, view.item_vectors)[torch.arange(len(both)), cuts.repeat(2) - 1]
        one, other = unit_rows(states.float()).chunk(2)
        return one, other

    def _draw(self, epoch: int, purpose: int, *more: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, epoch, purpose, *more])


def pair_loss(one: Tensor, other: Tensor, targets: Tensor) -> Tensor:
    """Each row of both halves should be nearest to its partner, among all rows of both (NT-Xent).

    Args:
        one: unit vectors; (rows, width).
        other: their partners, unit vectors; (rows, width).
        targets: the item that each row asks for: rows that ask for the same one are no negatives; (rows,).

    Returns:
        The mean over all 2 * rows; zero without rows.
    """
    count = len(one)
    if not count:
        return one.sum()
    both = torch.cat([one, other])
    cosines = (both @ both.T).float() / TEMPERATURE  # (2 * rows, 2 * rows)
    place = torch.arange(2 * count)
    partner = (place + count) % (2 * count)
    alike = targets.repeat(2)[:, None] == targets.repeat(2)
    alike[place, partner] = False
    return functional.cross_entropy(cosines.masked_fill(alike, -torch.inf), partner)


def _others(draw: np.random.Generator, own: Int64, among: int, count: int) -> Int64:
    """For each number some others, drawn at random, never itself; `NONE` where there is no other. (own, count)."""
    if among < 2:
        return np.full((len(own), count), NONE, dtype=np.int64)
    drawn = draw.integers(0, among - 1, size=(len(own), count))
    return drawn + (drawn >= own[:, None])
