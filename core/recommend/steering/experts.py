"""Moves that depend on the user: a gate and an expert for "more", and others for "less".

After the abstract of DPR (arXiv 2602.18929): experts keep both directions apart because their gradients conflict. What
stands here is our reading. With h a user's query and p the direction of a tag, the move is
gate([h; p]) * E([h; p; h * p]), E = Linear - GELU - Linear. E's last layer starts at zero: an untrained expert is the
method `vector`, and without words nothing is moved at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Sequences
from core.model.dense import DenseHead
from core.model.generator import Generator
from core.run.reporter import Reporter
from core.training.fitting import fit
from core.training.schedule import Schedule

EPOCHS, BATCH, RATE = 2, 256, 1e-3
ROWS = 16_384
"""Training positions of an epoch at most."""
MASS = 0.02
"""A tag that a "less" is drawn from holds at least so much of what the user would get."""
USERS = 64
"""Users whose states are computed at a time."""


class Experts(nn.Module):
    """Gate and expert of both directions.

    Args:
        dim: width of the users' space.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.gates = nn.ModuleList(nn.Linear(2 * dim, 1) for _ in range(2))
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(3 * dim, dim), nn.GELU(), nn.Linear(dim, dim)) for _ in range(2)
        )
        for expert in self.experts:
            last = expert[2]  # type: ignore[index]
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    __call__: Callable[..., Tensor]

    def forward(self, queries: Tensor, prompts: Tensor, sign: int) -> Tensor:
        """The move of each user; (users, dim) both -> (users, dim). `sign`: 1 = more, -1 = less."""
        which = 0 if sign > 0 else 1
        gate = torch.sigmoid(self.gates[which](torch.cat([queries, prompts], dim=1)))
        move: Tensor = gate * self.experts[which](torch.cat([queries, prompts, queries * prompts], dim=1))
        return move


@dataclass(frozen=True)
class Lessons:
    """What experts learn from.

    Attributes:
        queries: of every training position; shape (positions, dim).
        targets: the item that came next; shape (positions,).
        past: the items before it.
        items: unit vectors; shape (items, dim).
        repeat: added to the cosine of an item of the history.
        temperature: cosines are divided by it.
        vectors: direction of every tag; shape (tags, dim).
        gains: what the method `vector` adds to each item's log-score for a tag; shape (tags, items).
        members: which items carry a tag; bool, shape (tags, items).
    """

    queries: Tensor
    targets: Tensor
    past: Sequences
    items: Tensor
    repeat: float
    temperature: float
    vectors: Tensor
    gains: Tensor
    members: Tensor


@dataclass(frozen=True)
class _Draw:
    """Positions of a batch, and a number in [0, 1) for each, by which its tag is drawn."""

    rows: npt.NDArray[np.int64]
    lots: Tensor
    sign: int


class _Objective(nn.Module):
    """More: cross-entropy of the true next item. Less: the same, and as little as possible of what is not wanted."""

    def __init__(self, experts: Experts, lessons: Lessons) -> None:
        super().__init__()
        self.experts, self._lessons = experts, lessons

    def forward(self, draw: _Draw) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`."""
        known = self._lessons
        rows = torch.from_numpy(draw.rows)
        queries, targets = known.queries[rows], known.targets[rows]
        # Plain logits of every item, (rows, items), those of the history with their offset.
        offset = torch.zeros(len(rows), len(known.items))
        for number, row in enumerate(draw.rows.tolist()):
            offset[number, torch.from_numpy(known.past[row]).long()] = known.repeat
        plain = (queries @ known.items.T + offset) / known.temperature
        # Tags that may be drawn, (rows, tags): of the next item; or others that the user would get much of.
        own = known.members[:, targets].T
        if draw.sign < 0:
            own = (torch.softmax(plain, dim=1) @ known.members.T.float() >= MASS) & ~own
        real = own.any(dim=1)
        # The lot's share of the way through a row's tags.
        place = (draw.lots * own.sum(dim=1)).long() + 1
        tags = (own.cumsum(dim=1) >= place[:, None]).int().argmax(dim=1)
        prompts = known.vectors[tags]
        move = self.experts(queries, prompts, draw.sign)
        logits = plain + draw.sign * known.gains[tags] + move @ known.items.T / known.temperature
        loss = functional.cross_entropy(logits, targets, reduction="none")
        if draw.sign < 0:
            inside = (torch.softmax(logits, dim=1) * known.members[tags]).sum(dim=1)
            loss = loss - torch.log1p(-inside.clamp_max(1 - 1e-6))
        loss = (loss * real).sum() / real.sum().clamp_min(1)
        return loss, {"more_loss" if draw.sign > 0 else "less_loss": loss.item()}, int(real.sum())


def fit_experts(lessons: Lessons, seed: int, reporter: Reporter, folder: Path) -> Experts:
    """Fit both experts on a sample of the training positions, on the CPU; resumable.

    Args:
        lessons: what they learn from.
        seed: of weights, positions and tags.
        reporter: hears the progress; may ask to stop.
        folder: where a checkpoint is left for resuming.

    Raises:
        StopRequested: somebody asked to stop.
    """
    torch.manual_seed(seed)
    experts = Experts(lessons.items.shape[1])

    def batches(epoch: int) -> Sequence[_Draw]:
        draw = np.random.default_rng([seed, epoch])
        rows = draw.permutation(len(lessons.targets))[:ROWS]
        lots = torch.from_numpy(draw.random(len(rows))).float()
        return [
            _Draw(rows[start : start + BATCH], lots[start : start + BATCH], 1 if number % 2 == 0 else -1)
            for number, start in enumerate(range(0, len(rows), BATCH))
        ]

    if len(lessons.targets) and len(lessons.vectors):
        fit("experts", _Objective(experts, lessons), batches, Schedule(EPOCHS, RATE, 0.01), seed, reporter, folder)
    return experts.eval()


@torch.inference_mode()
def positions(
    model: Generator, head: DenseHead, train: Sequences, max_history: int, reporter: Reporter
) -> tuple[Tensor, Tensor, Sequences]:
    """Queries before every training target of at most `max_history` predecessors, one pass over each user.

    Args:
        model: the generator, in evaluation mode.
        head: the dense head.
        train: training sequences.
        max_history: items of history the model sees; of a longer sequence the newest part is read.
        reporter: hears the progress; may ask to stop.

    Returns:
        Queries (positions, dim), targets (positions,), and what stood before each.
    """
    lengths = np.minimum(train.lengths, max_history + 1)
    queries, targets, past = [], [], list[npt.NDArray[np.int32]]()
    done = 0
    for length in np.unique(lengths[lengths > 1]).tolist():
        group = np.flatnonzero(lengths == length)
        for start in range(0, len(group), USERS):
            rows = np.stack([train[int(user)][-length:] for user in group[start : start + USERS]])
            prompt = model.prompt(torch.from_numpy(rows[:, :-1].astype(np.int64)).to(head.items.device))
            # The state after each item's last code is what predicts the next item; (users, length - 1, hidden).
            ends = prompt.shape[1] - 1 - model.levels * np.arange(length - 2, -1, -1)
            states = model.states(model.embed(prompt))[:, torch.from_numpy(ends)]
            queries.append(head.queries(states.flatten(0, 1)).cpu())
            targets.append(torch.from_numpy(rows[:, 1:].reshape(-1).astype(np.int64)))
            past += [row[:end] for row in rows for end in range(1, length)]
            done += len(rows)
            reporter.progress("states", done, int((lengths > 1).sum()), "users")
            reporter.stop_if_asked()
    if not past:
        return (
            torch.zeros(0, head.items.shape[1]),
            torch.zeros(0, dtype=torch.long),
            Sequences(np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64)),
        )
    offsets = np.cumsum([0, *map(len, past)], dtype=np.int64)
    return torch.cat(queries), torch.cat(targets), Sequences(np.concatenate(past), offsets)
