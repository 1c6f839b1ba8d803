"""The epochs of a stage: which rows of which tasks, in which batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, overload

import numpy as np
import numpy.typing as npt

from core.model_settings import StageSettings, TuneSettings
from core.prompts.render import RenderedRow
from core.prompts.tasks import task_seed
from core.training.bucketing import bucketed
from core.tune.batch import Batch, collate
from core.tune.soft_targets import SoftTargets
from core.tune.target_rows import SequentialRows, TargetRows

KEPT = 1 << 16
"""Rows in words of a task that an epoch keeps once their length is known; the others are rendered again."""
PACKED_ROW = 256
"""Tokens of a packed row, at least: attention costs the square of it, and padding is what does not fit."""


class WordedRows(Protocol):
    """Rows of a task in words, as `core.prompts.task_data.TaskRows` has them."""

    def __len__(self) -> int: ...

    def example(self, row: int, seed: tuple[int, ...]) -> RenderedRow:
        """One row; the seed draws its wording and whatever else is random."""
        ...


@dataclass(frozen=True)
class DrawnRows:
    """The rows of a task in an epoch.

    Attributes:
        lengths: tokens of each; (rows,).
        render: makes the row at a place.
    """

    lengths: npt.NDArray[np.int64]
    render: Callable[[int], RenderedRow]


@dataclass(frozen=True)
class EpochBatches(Sequence[Batch]):
    """The batches of an epoch, rendered and laid out when they are asked for.

    Attributes:
        tasks: the rows, task after task.
        places: those of each batch, counted through all tasks.
        levels: codes an item; the others are those of `collate`.
        device: where the batches should lie.
    """

    tasks: Sequence[DrawnRows]
    places: Sequence[npt.NDArray[np.int64]]
    levels: int
    packed: int
    with_ends: bool
    with_histories: bool
    soft_targets: SoftTargets | None
    device: str

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, number: int) -> Batch: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Batch]: ...

    def __getitem__(self, number: int | slice) -> Batch | Sequence[Batch]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        starts = np.cumsum([0, *(len(task.lengths) for task in self.tasks)])  # (tasks + 1,)
        which = np.searchsorted(starts, self.places[number], side="right") - 1  # the task of each row, (rows,)
        chosen = [
            self.tasks[task].render(int(place - starts[task]))
            for task, place in zip(which.tolist(), self.places[number], strict=True)
        ]
        batch = collate(chosen, self.levels, self.packed, self.with_ends, self.with_histories, self.soft_targets)
        return batch.to(self.device)


@dataclass(frozen=True)
class StageBatches:
    """What a stage trains on, epoch by epoch.

    Attributes:
        sequential: rows of the sequential task; None where the stage has none.
        tasks: rows of the other tasks, by name.
        stage: weights and caps.
        tune: batch size, packing.
        levels: codes an item.
        soft_targets: what teachers expect at the sequential targets.
        with_ends: whether the state at a row's end is wanted.
        with_histories: whether the histories of the sequential items are wanted.
        device: where the batches should lie.
        seed: of everything drawn, and the stage's number.
        drawn: gives other rows to an epoch after the first, and what teachers expect there; None = all have the same.
    """

    sequential: SequentialRows | None
    tasks: Mapping[str, WordedRows]
    stage: StageSettings
    tune: TuneSettings
    levels: int
    soft_targets: SoftTargets | None
    with_ends: bool
    with_histories: bool
    device: str
    seed: tuple[int, int]
    drawn: Callable[[int], tuple[TargetRows, SoftTargets]] | None = None

    def epoch(self, number: int) -> EpochBatches:
        """The batches of an epoch: the same for the same number."""
        if self.drawn is not None and self.sequential is not None and number:
            rows, soft_targets = self.drawn(number)
            own = replace(self.sequential, rows=rows)
            return replace(self, sequential=own, soft_targets=soft_targets, drawn=None).epoch(number)
        tasks = [] if self.sequential is None else [self._sequential(self.sequential, number)]
        for name, task_rows in self.tasks.items():
            seed = (*self.seed, number, task_seed(name) + 2)
            tasks.append(_worded(task_rows, self._drawn(name, len(task_rows), number), seed))
        # Tokens of every row, task after task, and the rows of each batch as places among them.
        lengths = np.concatenate([np.zeros(0, dtype=np.int64), *(task.lengths for task in tasks)])
        packed = self._packed(lengths)
        budget, seeds = self.tune.batch_tokens, (*self.seed, number)
        places = _filled(lengths, budget, seeds) if packed else bucketed(lengths, len(lengths), seeds, budget)
        return EpochBatches(
            tasks, places, self.levels, packed, self.with_ends, self.with_histories, self.soft_targets, self.device
        )

    def _sequential(self, sequential: SequentialRows, epoch: int) -> DrawnRows:
        """Windows of histories, each behind a frame that is drawn."""
        rows = self._drawn("sequential", len(sequential), epoch)
        rng = np.random.default_rng([*self.seed, epoch, 1])
        frames = rng.integers(len(sequential.frames), size=len(rows))

        def render(place: int) -> RenderedRow:
            return sequential.example(int(rows[place]), int(frames[place]), self.soft_targets is not None)

        return DrawnRows(sequential.lengths(rows, frames), render)

    def _drawn(self, task: str, rows: int, epoch: int) -> npt.NDArray[np.int64]:
        """Rows of a task in an epoch: all of them, or as many as its cap says, other ones every time."""
        cap = int(self.stage.caps.get(task, rows))
        if cap >= rows:
            return np.arange(rows)
        rng = np.random.default_rng([*self.seed, epoch, 0, task_seed(task)])
        return np.sort(rng.choice(rows, cap, replace=False))

    def _packed(self, lengths: npt.NDArray[np.int64]) -> int:
        if not self.tune.packing or not len(lengths):
            return 0
        return max(int(lengths.max()), min(PACKED_ROW, self.tune.batch_tokens))


def _worded(task: WordedRows, rows: npt.NDArray[np.int64], seed: tuple[int, ...]) -> DrawnRows:
    """Rows in words, whose length only their rendering tells."""
    lengths, kept = np.zeros(len(rows), dtype=np.int64), []
    for place, row in enumerate(rows.tolist()):
        one = task.example(row, seed)
        lengths[place] = len(one.tokens)
        if place < KEPT:
            kept.append(one)
    return DrawnRows(lengths, lambda place: kept[place] if place < KEPT else task.example(int(rows[place]), seed))


def _filled(lengths: npt.NDArray[np.int64], budget: int, seed: Sequence[int]) -> list[npt.NDArray[np.int64]]:
    """Parts of a random order, each of at most `budget` tokens, or of one example."""
    order = np.random.default_rng(list(seed)).permutation(len(lengths))
    parts: list[list[int]] = [[]]
    tokens = 0
    for place in order:
        if parts[-1] and tokens + lengths[place] > budget:
            parts.append([])
            tokens = 0
        parts[-1].append(int(place))
        tokens += int(lengths[place])
    return [np.array(part, dtype=np.int64) for part in parts if part]
