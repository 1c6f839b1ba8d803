"""States are kept small: the mean of their squares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.settings import opt
from core.tune.losses import Loss, LossValue, TargetStates
from core.vectors import ItemVectors

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class SmallOptions:
    """The table `[losses.toy-small]`."""

    power: float = opt(2.0, "of the states' absolute values", low=1.0, high=4.0)


class SmallStates(Loss):
    """The mean of the states' absolute values to a power, each multiplied by a learnt weight."""

    options = SmallOptions

    def build(self, hidden: int, vectors: Mapping[str, ItemVectors]) -> "nn.Module":
        """A module with a parameter of its own; torch is imported here, when it is needed."""
        import torch

        power = self.settings.power

        class Small(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = torch.nn.Parameter(torch.ones(hidden))

            def forward(self, batch: TargetStates) -> LossValue:
                if not len(batch.states):
                    return batch.states.new_zeros(()), {}
                loss = (batch.states.float() * self.weight).abs().pow(power).mean()
                return loss, {"size": loss.detach()}

        return Small()
