"""What a stage says of its cost before it runs: its work, its memory, its disk; and what it is told of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.settings import MIN_EVALUATED

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Counts = npt.NDArray[np.int64]

MB = 1e-6
FP32, FP32_TRAINED, BF16, BF16_EMULATED = 90e9, 77e9, 225e9, 40e9
"""Operations a second and thread of the reference machine, of matrix products."""
ITEM_VECTOR = 2.5e-9
"""Seconds that a step spends on each number of the items' vectors: gradients and AdamW."""


@dataclass(frozen=True)
class Sizes:
    """The figures that every estimate starts from.

    Attributes:
        lengths: the different numbers of interactions that users have.
        users: how many users have each of them.
        items: items that are ranked.
        rows: rows of the log.
        text_mb: text of the items.
        known: whether they are counted; else guessed.
    """

    lengths: Counts
    users: Counts
    items: int
    rows: int
    text_mb: float
    known: bool = True

    @property
    def n_users(self) -> int:
        """Number of users."""
        return int(self.users.sum())

    @property
    def interactions(self) -> int:
        """Number of interactions."""
        return int((self.lengths * self.users).sum())

    @property
    def evaluated(self) -> int:
        """Users with a validation and a test target."""
        return int(self.users[self.lengths >= MIN_EVALUATED].sum())

    @property
    def train(self) -> Counts:
        """Training interactions of users of each length."""
        return self.lengths - 2 * (self.lengths >= MIN_EVALUATED)

    @property
    def longest(self) -> int:
        """Interactions of the busiest user."""
        return int(self.lengths.max(initial=0))

    def history(self, most: int) -> float:
        """Mean length of the histories that the model is asked about, cut to `most`."""
        asked = self.lengths >= MIN_EVALUATED
        seen = (self.lengths[asked] - 1).clip(max=most)
        return float((seen * self.users[asked]).sum() / max(1, self.evaluated))

    def windows(self, most: int) -> tuple[int, int, int]:
        """Rows, items in them and targets of an epoch of tuning (`core.tune.target_rows`)."""
        train, users = self.train[self.train > 1], self.users[self.train > 1]
        stride = max(1, most // 2)
        further = -(-(train - most - 1).clip(min=0) // stride)
        items = train.clip(max=most + 1) + further * (most + 1)
        return int(((1 + further) * users).sum()), int((items * users).sum()), int(((train - 1) * users).sum())


@dataclass(frozen=True)
class MachineSpeed:
    """What a run would compute with; how fast that is, is measured (`core.estimate.paces`).

    Attributes:
        threads: of the run.
        bf16: whether the model's matrix products run in bf16.
        native: whether the hardware multiplies bf16 itself.
        gpu: whether the model runs on a GPU, of whose speed the formulas say nothing.
    """

    threads: int
    bf16: bool = True
    native: bool = True
    gpu: bool = False


@dataclass(frozen=True)
class Work:
    """Seconds of one thread of the reference machine: of work that all threads share, and of work for one alone."""

    shared: float = 0.0
    single: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.shared + other.shared, self.single + other.single)

    def __mul__(self, factor: float) -> Work:
        return Work(self.shared * factor, self.single * factor)

    def seconds(self, machine: MachineSpeed) -> float:
        """How long it takes threads as fast as those of the reference machine."""
        return self.shared / machine.threads + self.single


class Job(Protocol):
    """A whole run, as the stages' formulas see it (`core.estimate.job`)."""

    @property
    def recipes(self) -> Mapping[str, Mapping[str, Any]]:
        """`settings` and `inputs` of every stage, by name."""

    @property
    def sizes(self) -> Sizes:
        """Of the data."""

    @property
    def machine(self) -> MachineSpeed:
        """Where it runs."""

    @property
    def resolve(self) -> Callable[[str], Path]:
        """Makes a path of the project file absolute."""

    def settings(self, stage: str) -> Mapping[str, Any]:
        """The settings of a stage, as its fingerprint has them."""

    @property
    def widths(self) -> tuple[tuple[int, ...], ...]:
        """Codes at each level, source by source."""

    @property
    def levels(self) -> int:
        """Codes an item."""

    @property
    def codes(self) -> int:
        """Code tokens."""

    @property
    def backbone(self) -> Any | None:
        """The language model's `core.model.size.DecoderShape`; None where it is not there yet."""

    def encoder(self, name: str) -> float | None:
        """Parameters of the layers of a text encoder in a folder; None where it is not there yet."""

    def decoder(self, name: str) -> Any | None:
        """The `core.model.size.DecoderShape` of a model's folder or file; None where it is not there yet."""

    @property
    def teachers(self) -> int:
        """Models that tuning learns from."""

    def trained(self, operations: float) -> Work:
        """Matrix products of the model in its number format."""


@dataclass(frozen=True)
class Cost:
    """The formulas of a stage; each gives None where it cannot be known yet.

    Attributes:
        work: what it has to do.
        memory: its peak in MB, beside the libraries.
        disk: what it takes in MB at its peak, its checkpoint for resuming included.
        epochs: the parts that it trains, from its settings: the folder of each below the artefact, and its epochs.
        gpu: whether its work is done by a GPU where there is one, of whose speed the formula says nothing.
    """

    work: Callable[[Job], Work | None]
    memory: Callable[[Job], float | None]
    disk: Callable[[Job], float | None]
    epochs: Callable[[Mapping[str, Any]], list[tuple[str, int]]] = lambda settings: []
    gpu: bool = False
