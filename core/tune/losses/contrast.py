"""The contrast: states of the language model are pulled to the vectors that the items' codes were made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.model_settings import ContrastSettings
from core.tune.losses import Loss
from core.vectors import ItemVectors

if TYPE_CHECKING:
    from torch import nn

    from core.model.dense import DenseHead


class Contrast(Loss):
    """EAGER-LLM's contrast in the form that `[contrast]` names; see `core.tune.contrastive`."""

    options = ContrastSettings  # the table [contrast]
    inputs = ("semantic", "behavior")
    settings: ContrastSettings

    @property
    def sources(self) -> tuple[str, ...]:
        """See `Loss`."""
        weights = {"semantic": self.settings.semantic, "behavior": self.settings.behavior}
        return tuple(name for name in self.inputs if weights[name] > 0)

    @property
    def needs_ends(self) -> bool:
        """See `Loss`."""
        return self.settings.form == "summary"

    @property
    def needs_histories(self) -> bool:
        """See `Loss`."""
        return self.settings.form == "next"

    def build(self, hidden: int, vectors: Mapping[str, ItemVectors]) -> nn.Module | None:
        """See `Loss`."""
        from core.tune.contrastive import NextContrast, SummaryContrast

        if not vectors or self.settings.form == "none":
            return None
        form = SummaryContrast if self.settings.form == "summary" else NextContrast
        return form(self.settings, hidden, vectors)

    def dense(self, module: nn.Module) -> DenseHead | None:
        """See `Loss`."""
        from core.tune.contrastive import NextContrast

        return module.dense() if isinstance(module, NextContrast) else None
