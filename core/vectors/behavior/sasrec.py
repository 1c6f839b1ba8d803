"""The item vectors of SASRec, as wide as [sasrec] says."""

from __future__ import annotations

import shutil

from core.settings import SasrecSettings
from core.vectors import ItemVectors, VectorProvider, VectorTask


class SasRecVectors(VectorProvider):
    """See `core.vectors.sasrec_model`; the stage `sasrec` fits it, for the baseline is that model too."""

    options = SasrecSettings
    inputs = ("sasrec",)
    aligned_in = "sasrec"

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length; a projection of texts that the model's training has learnt is handed on."""
        from core.vectors.sasrec_model import SasRec
        from core.vectors.text_projection import FILE

        if (task.inputs["sasrec"] / FILE).is_file():
            shutil.copyfile(task.inputs["sasrec"] / FILE, task.folder / FILE)
        return SasRec.load(task.inputs["sasrec"] / "sasrec.safetensors", task.n_items, task.options).vectors(task.train)
