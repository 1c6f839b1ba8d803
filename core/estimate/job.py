"""A whole run as the stages' formulas see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.cost import BF16, BF16_EMULATED, FP32_TRAINED, MachineSpeed, Sizes, Work
from core.index.shape import IndexShape, index_shape
from core.model.size import DecoderShape, config_shape, shape_of


@dataclass(frozen=True)
class RunJob:
    """A whole run, as the stages' formulas see it (`core.cost.Job`).

    Attributes:
        recipes: `settings` and `inputs` of every stage, by name.
        sizes: of the data.
        machine: where it runs.
        resolve: makes a path of the project file absolute.
    """

    recipes: Mapping[str, Mapping[str, Any]]
    sizes: Sizes
    machine: MachineSpeed
    resolve: Callable[[str], Path]

    def settings(self, stage: str) -> Mapping[str, Any]:
        """The settings of a stage."""
        found: Mapping[str, Any] = self.recipes[stage]["settings"]
        return found

    @property
    def shape(self) -> IndexShape:
        """The levels of the index."""
        settings = self.settings("index")
        return index_shape(settings, list(settings["active"]), self.sizes.items)

    @property
    def widths(self) -> tuple[tuple[int, ...], ...]:
        """Codes at each level, source by source; without a level of the items' own."""
        return self.shape.widths

    @property
    def levels(self) -> int:
        """Codes an item."""
        return len(self.shape.levels)

    @property
    def codes(self) -> int:
        """Code tokens."""
        return sum(self.shape.levels)

    @property
    def backbone(self) -> DecoderShape | None:
        """The language model; None where it is not there yet."""
        return shape_of(self.settings("tune")["backbone"], self.codes, self.resolve)

    def decoder(self, name: str) -> DecoderShape | None:
        """The shape of a language model in a folder or file; None where it is not there yet."""
        return shape_of({"model": name}, 0, self.resolve)

    def encoder(self, name: str) -> float | None:
        """Parameters of the layers of a text encoder in a folder; None where it is not there yet."""
        shape = config_shape(self.resolve(name))
        return None if shape is None else float(shape.body)

    @property
    def teachers(self) -> int:
        """Models that tuning learns from."""
        return len({"sasrec", "teacher"} & set(self.recipes["tune"]["inputs"]))

    def trained(self, operations: float) -> Work:
        """Matrix products of the model in its number format."""
        fast = BF16 if self.machine.native else BF16_EMULATED
        return Work(shared=operations / (fast if self.machine.bf16 else FP32_TRAINED))
