"""What sequential models have in common: rows of histories, one way to train on them, one way to score."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.data.arrays import Sequences
from core.run.reporter import Reporter
from core.training.bucketing import bucketed
from core.training.fitting import fit
from core.training.schedule import Schedule

SCORE_BATCH = 512
"""Histories that are scored at once."""
Rows = Sequence[npt.NDArray[np.int32]]


class SequenceSettings(Protocol):
    """What every sequential model is told; one step of its training sees `batch_users` rows at most."""

    @property
    def hidden_size(self) -> int:
        """Width of the states."""

    @property
    def max_history(self) -> int:
        """Items of a history that it sees."""

    @property
    def learning_rate(self) -> float:
        """Highest step size."""

    @property
    def weight_decay(self) -> float:
        """Of AdamW."""

    @property
    def batch_users(self) -> int:
        """Rows a step, at most."""

    @property
    def epochs(self) -> int:
        """Passes over the rows."""


class SequenceBatch(NamedTuple):
    """Rows of users' items.

    Attributes:
        items: padded on the right with the number of items; (batch, length).
        rows: which rows of the training these are; (batch,).
        epoch: the pass over the rows that it belongs to.
        number: its place among the batches of that pass.
    """

    items: Tensor
    rows: Tensor
    epoch: int
    number: int


class SequenceModel(nn.Module):
    """A model that reads a history and scores every item as the next one.

    Args:
        n_items: size of the catalogue.
        max_history: items of a history that it sees.
    """

    def __init__(self, n_items: int, max_history: int) -> None:
        super().__init__()
        self.n_items, self.max_history = n_items, max_history

    @abstractmethod
    def last_logits(self, histories: Tensor, last: Tensor) -> Tensor:
        """Scores after whole histories.

        Args:
            histories: item numbers, padded on the right with the number of items; (batch, length).
            last: the place of the newest item of each; (batch,).

        Returns:
            Shape (batch, items).
        """

    @torch.inference_mode()
    def score(self, histories: Sequences) -> npt.NDArray[np.float32]:
        """Scores of every item after each history; shape (histories, items). Computed in fp32."""
        self.eval()
        rows = []
        for start in range(0, len(histories), SCORE_BATCH):
            # The newest items of each history, padded to (batch, length); the last one's state scores, (batch, items).
            lists = [
                histories[i][-self.max_history :] for i in range(start, min(start + SCORE_BATCH, len(histories)))
            ]
            last = torch.tensor([len(items) - 1 for items in lists])
            with torch.autocast("cpu", enabled=False):
                rows.append(self.last_logits(padded(lists, self.n_items), last).float().numpy())
        return np.concatenate(rows)

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, path)


class TrainedModel(SequenceModel):
    """A sequential model that is its own objective, as `core.training.loop.Loop` wants it."""

    settings: SequenceSettings

    @abstractmethod
    def rows(self, train: Sequences) -> Rows:
        """What it is trained on: lists of items, the newest last, of two items or more."""

    @abstractmethod
    def forward(self, batch: SequenceBatch) -> tuple[Tensor, dict[str, float], int]:
        """Loss, figures by name, and how many targets they are the mean of."""

    def load(self, path: Path) -> None:
        """Take the weights that `save` wrote."""
        self.load_state_dict(load_file(path))
        self.eval()

    def train_on(
        self, name: str, train: Sequences, seed: int, bf16: bool, reporter: Reporter, folder: Path
    ) -> None:
        """Train on every training prefix, on the CPU.

        Args:
            name: names it in the progress.
            train: training sequences.
            seed: of order and dropout.
            bf16: whether matrix products run in bf16.
            reporter: hears the progress; may ask to stop.
            folder: where a checkpoint is left for resuming.

        Raises:
            StopRequested: somebody asked to stop.
        """
        rows = self.rows(train)
        if len(rows):
            fit_rows(name, self, rows, self.n_items, self.settings, seed, bf16, reporter, folder)
        self.eval()


def padded(lists: Sequence[npt.NDArray[np.int32]], pad: int) -> Tensor:
    """Lists as one matrix, padded on the right; (lists, longest)."""
    matrix = np.full((len(lists), max(map(len, lists))), pad, dtype=np.int64)
    for row, items in zip(matrix, lists, strict=True):
        row[: len(items)] = items
    return torch.from_numpy(matrix)


def training_rows(train: Sequences, max_history: int) -> list[npt.NDArray[np.int32]]:
    """A row a user of two items or more: the newest ones, one more than the model sees, for the last is a target."""
    return [items[-max_history - 1 :] for items in (train[i] for i in range(len(train))) if len(items) > 1]


def prefix_rows(train: Sequences, max_history: int) -> list[npt.NDArray[np.int32]]:
    """A row a target: every item after the first, behind the newest ones before it."""
    lists = (train[i] for i in range(len(train)))
    return [items[max(0, end - max_history - 1) : end] for items in lists for end in range(2, len(items) + 1)]


def fit_rows(
    name: str,
    objective: nn.Module,
    rows: Rows,
    n_items: int,
    settings: SequenceSettings,
    seed: int,
    bf16: bool,
    reporter: Reporter,
    folder: Path,
    budget: int = 0,
) -> None:
    """Train to the end of the schedule, on the CPU; resumable.

    Args:
        name: names it in the progress.
        objective: takes a `SequenceBatch`; see `core.training.loop.Loop`.
        rows: lists of items.
        n_items: size of the catalogue.
        settings: the schedule.
        seed: of order and dropout.
        bf16: whether matrix products run in bf16.
        reporter: hears the progress; may ask to stop.
        folder: where a checkpoint is left for resuming.
        budget: items of a batch at most, padding included; 0 = no bound.

    Raises:
        StopRequested: somebody asked to stop.
    """
    lengths = np.array([len(row) for row in rows])

    def batches(epoch: int) -> list[SequenceBatch]:
        order = bucketed(lengths, settings.batch_users, (seed, epoch), budget)
        return [
            SequenceBatch(padded([rows[i] for i in batch], n_items), torch.from_numpy(batch), epoch, number)
            for number, batch in enumerate(order)
        ]

    schedule = Schedule(settings.epochs, settings.learning_rate, settings.weight_decay)
    fit(name, objective, batches, schedule, seed, reporter, folder, bf16)
