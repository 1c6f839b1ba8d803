"""The item vectors of SASRec, as wide as [sasrec] says."""

from __future__ import annotations

from core.settings import SasrecSettings
from core.vectors import ItemVectors, VectorProvider, VectorTask


class SasRecVectors(VectorProvider):
    """See `core.vectors.sasrec_model`; the stage `sasrec` fits it, for the baseline is that model too."""

    options = SasrecSettings
    inputs = ("sasrec",)

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length."""
        from core.vectors.sasrec_model import SasRec

        return SasRec.load(task.inputs["sasrec"] / "sasrec.safetensors", task.n_items, task.options).vectors(task.train)
