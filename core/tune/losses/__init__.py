"""Losses that join that of the next code, with a weight in each stage; one file each.

A loss's module is imported to list its options, so it must be cheap: torch belongs inside its methods, or into a module
that they import.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from core.model_settings import StageSettings
from core.project import Project
from core.registry import LOSSES
from core.stage import options_for
from core.vectors import ItemVectors

if TYPE_CHECKING:
    from torch import Tensor, nn

    from core.model.dense import DenseHead

CONTRAST = "contrast"


@dataclass(frozen=True)
class TargetStates:
    """What a loss sees of a batch: the targets of the sequential task, and the ends of rows.

    Attributes:
        states: before each target's code, which they have not read; (targets, hidden).
        items: the targets' item numbers; (targets,).
        past_rows: a row of `states` for every different item of its history, in the order they were first taken;
            (pasts,). Empty where the loss does not ask for histories.
        past_items: number of that item; (pasts,).
        end_states: at the last token of rows whose answer is an item, which have read its code; (ends, hidden). Empty
            where the loss does not ask for ends.
        end_items: number of that item; (ends,).
        teacher_items: items that the teachers expect at each target; (targets, top). None = nobody was asked.
        teacher_probs: their probabilities; same shape.
        distill: share of the main objective that follows the teachers.
    """

    states: Tensor
    items: Tensor
    past_rows: Tensor
    past_items: Tensor
    end_states: Tensor
    end_items: Tensor
    teacher_items: Tensor | None = None
    teacher_probs: Tensor | None = None
    distill: float = 0.0


LossValue = tuple["Tensor", Mapping[str, "Tensor"]]
"""A loss, and its parts by name as the metrics show them: `loss/NAME PART`, or `loss/NAME` where the part has none."""


class Loss(ABC):
    """One further loss of the tuning.

    Args:
        settings: the loss's own options; None = their defaults.
    """

    version: ClassVar[int] = 1
    options: ClassVar[type | None] = None
    inputs: ClassVar[tuple[str, ...]] = ()
    """Stages whose item vectors it may read: `semantic`, `behavior`."""

    def __init__(self, settings: Any = None) -> None:
        self.settings = self.options() if settings is None and self.options is not None else settings

    @property
    def sources(self) -> tuple[str, ...]:
        """Those of `inputs` that it reads under its settings."""
        return self.inputs

    @property
    def needs_ends(self) -> bool:
        """Whether it reads the states at the rows' ends."""
        return False

    @property
    def needs_histories(self) -> bool:
        """Whether it reads the items of the histories."""
        return True

    @abstractmethod
    def build(self, hidden: int, vectors: Mapping[str, ItemVectors]) -> nn.Module | None:
        """A module whose parameters are trained, and saved with the training's state.

        Its forward takes a `TargetStates` and returns a `LossValue`; with no target it must return zero.

        Args:
            hidden: width of a state.
            vectors: of the items, by source; only those of `sources` that the project has.

        Returns:
            The module; None where it cannot work with what is there, e.g. without any vectors.
        """

    def dense(self, module: nn.Module) -> DenseHead | None:
        """The scorer of the whole catalogue that the module has learnt, for the checkpoint; None = it learns none."""
        return None


def stage_losses(project: Project, stage: StageSettings) -> dict[str, float]:
    """The weight of each further loss in a stage, the contrast first.

    The contrast stands in its own table `[contrast]`, which weighs its sources; where it is on, its weight here is one.
    """
    contrast = {CONTRAST: 1.0} if stage.contrast and project.contrast.form != "none" else {}
    return {name: weight for name, weight in {**contrast, **stage.losses}.items() if weight > 0}


def project_losses(project: Project) -> dict[str, Loss]:
    """The losses that some stage of a project has, by name, with their settings.

    Raises:
        ProjectError: there is no such loss.
    """
    names = dict.fromkeys(name for stage in project.tune.stages for name in stage_losses(project, stage))
    ordered = sorted(names, key=lambda name: name != CONTRAST)  # its first weights are drawn before those of others
    return {name: LOSSES.get(name)(options_for(project, LOSSES, name)) for name in ordered}


def loss_sources(project: Project) -> tuple[str, ...]:
    """Stages whose item vectors some loss of a project reads."""
    wanted = {source for loss in project_losses(project).values() for source in loss.sources}
    return tuple(source for source in ("semantic", "behavior") if source in wanted)
