"""DIN: behaviour vectors from an attention unit that asks, for each candidate, which past items matter.

Zhou et al. 2018, "Deep Interest Network" (arXiv 1706.06978: local activation unit, Dice), in the form
of the behaviour encoder in EAGER-LLM's released code (commit d3c7016): a window of 19 past items whose older part is
averaged in groups, an attention unit on [q, h, q - h, q * h], and a softmax over 60 items sampled evenly.

Unlike the released code it is free of leaks: that trains on validation targets and stops by 5,000 test users; here
only training prefixes are seen, and the number of epochs is fixed. It is smaller, too: their vectors are 1024 wide and
the layers grow with them; here attention and output layers have 16 and 64 units. No softmax goes over the attention
weights, for their sum tells how strong an interest is, as in the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Int64, Sequences
from core.run.reporter import Reporter
from core.training.dropout import dropout
from core.training.fitting import fit
from core.training.schedule import Schedule
from core.vectors import ItemVectors

GROUPS = (5, 4, 2, 2, 1, 1, 1, 1, 1, 1)
"""How many past items are averaged into one, oldest first."""
WINDOW = sum(GROUPS)
NEGATIVES, BATCH = 60, 256
EPOCHS, RATE = 12, 4e-3
ATTENTION, OUTPUT, DROP = 16, 64, 0.1
"""Units of the attention unit and of the output layer; the dropout before the latter."""
START = 0.1
"""Standard deviation of the fresh vectors."""


class _Batch(NamedTuple):
    """Some targets, (batch,), their past items, (batch, window), and the negatives that all share, (NEGATIVES,).

    Past items stand oldest first, padded on the left with the number of items.
    """

    past: Tensor
    target: Tensor
    negatives: Tensor


class _Targets(Sequence[_Batch]):
    """The batches of an epoch, made when they are asked for: every training item after a user's first is a target."""

    def __init__(self, train: Sequences, places: Int64, first: Int64, n_items: int, seed: tuple[int, int]) -> None:
        self.train, self.n_items, self.seed = train, n_items, seed
        order = np.random.default_rng(seed).permutation(len(places))
        self.places, self.first = places[order], first[order]

    def __len__(self) -> int:
        return -(-len(self.places) // BATCH)

    def __getitem__(self, number: int) -> _Batch:  # type: ignore[override]  # nobody slices an epoch
        part = slice(number * BATCH, (number + 1) * BATCH)
        places, first = self.places[part, None], self.first[part, None]
        # The places before each target, (batch, window); those before the user's first are padding.
        window = places + np.arange(-WINDOW, 0)
        past = np.where(window >= first, self.train.items[np.maximum(window, 0)], self.n_items)
        negatives = np.random.default_rng((*self.seed, number)).integers(self.n_items, size=NEGATIVES)
        target = self.train.items[places[:, 0]]
        return _Batch(*(torch.from_numpy(array.astype(np.int64)) for array in (past, target, negatives)))


class _Dice(nn.Module):
    """The activation of DIN: how much of a negative value passes depends on the batch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width, affine=False)
        self.slope = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape whose last axis is the width."""
        share = torch.sigmoid(self.norm(x.flatten(0, -2))).view_as(x)
        return x * (share + (1.0 - share) * self.slope)


class Din(nn.Module):
    """Scores of candidates after a window of past items.

    Args:
        n_items: size of the catalogue; that number is padding.
        dim: width of the item vectors.
    """

    def __init__(self, n_items: int, dim: int) -> None:
        super().__init__()
        self.n_items = n_items
        self.items = nn.Embedding(n_items + 1, dim, padding_idx=n_items)
        nn.init.normal_(self.items.weight, std=START)
        with torch.no_grad():
            self.items.weight[n_items].zero_()
        # One layer on [q, h, q - h, q * h] is one on q, one on h and one on q * h; q - h is in the first two.
        self.from_candidate, self.from_past = nn.Linear(dim, ATTENTION), nn.Linear(dim, ATTENTION, bias=False)
        self.from_product = nn.Parameter(torch.randn(ATTENTION, dim) / dim**0.5)
        self.attention = nn.Sequential(_Dice(ATTENTION), nn.Linear(ATTENTION, 1))
        self.hidden, self.active = nn.Linear(3 * dim, OUTPUT), _Dice(OUTPUT)
        self.score = nn.Linear(OUTPUT, 1)
        # Which group each place of the window belongs to, 0 or 1; (groups, window).
        sizes = torch.tensor(GROUPS)
        member = torch.repeat_interleave(torch.arange(len(GROUPS)), sizes)
        self.member: Tensor
        self.register_buffer("member", functional.one_hot(member).T.float(), persistent=False)

    def forward(self, batch: _Batch) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`: each target against the sampled items."""
        rows = len(batch.target)
        # The target first, then the negatives; (batch, 1 + negatives).
        candidates = torch.cat([batch.target[:, None], batch.negatives.expand(rows, -1)], dim=1)
        scores = self.scores(batch.past, candidates)
        # A negative that is the target itself does not count. Sampled evenly, so the log q correction is a constant.
        same = candidates[:, 1:] == batch.target[:, None]
        scores = torch.cat([scores[:, :1], scores[:, 1:].masked_fill(same, -torch.inf)], dim=1)
        loss = functional.cross_entropy(scores, scores.new_zeros(rows, dtype=torch.long))
        return loss, {"din_loss": loss.item()}, rows

    def scores(self, past: Tensor, candidates: Tensor) -> Tensor:
        """(batch, window) and (batch, candidates) item numbers -> (batch, candidates)."""
        # The mean of each group's real items, (batch, groups, dim), and how many there are, (batch, groups).
        real = past.ne(self.n_items).float()
        count = real @ self.member.T
        groups = torch.einsum("gw,bwd->bgd", self.member, self.items(past)) / count.clamp_min(1.0)[..., None]
        # The attention unit's first layer, (batch, candidates, groups, ATTENTION). Its part on q * h is q times the
        # weights scaled by h, so that no (batch, candidates, groups, dim) is ever made.
        query = self.items(candidates)
        scaled = (groups[:, :, None] * self.from_product).flatten(1, 2)
        product = (query @ scaled.transpose(1, 2)).unflatten(2, (len(GROUPS), ATTENTION))
        mixed = product + self.from_candidate(query)[:, :, None] + self.from_past(groups)[:, None]
        # A weight a group, 0 where it is empty, (batch, candidates, groups), and the sum, (batch, candidates, dim).
        weight = self.attention(mixed)[..., 0] * (count > 0)[:, None]
        interest = weight @ groups
        # The output network on [q, interest, q * interest]; (batch, candidates).
        joined = dropout(torch.cat([query, interest, query * interest], dim=2), DROP, self.training)
        return torch.as_tensor(self.score(self.active(self.hidden(joined)))[..., 0])


def din_vectors(train: Sequences, n_items: int, dim: int, seed: int, reporter: Reporter, folder: Path) -> ItemVectors:
    """The item vectors of a DIN fitted on every training prefix, rows of unit length; on the CPU.

    Args:
        train: training sequences.
        n_items: size of the catalogue; items that no training prefix holds get the mean vector.
        dim: width of the vectors.
        seed: of weights, order and samples.
        reporter: hears the progress; may ask to stop.
        folder: where a checkpoint is left for resuming.

    Raises:
        StopRequested: somebody asked to stop.
    """
    torch.manual_seed(seed)
    model = Din(n_items, dim)
    known = np.bincount(train.items, minlength=n_items) > 0
    # The start of its user's list for every interaction; targets are all but those starts.
    first = np.repeat(train.offsets[:-1], train.lengths)
    places = np.flatnonzero(np.arange(len(train.items)) > first)
    if len(places):

        def batches(epoch: int) -> _Targets:
            return _Targets(train, places, first[places], n_items, (seed, epoch))

        fit("din", model, batches, Schedule(EPOCHS, RATE), seed, reporter, folder)
    vectors = functional.normalize(model.items.weight[:n_items].detach(), dim=1)
    return ItemVectors.of(vectors.numpy(), known, "din")
