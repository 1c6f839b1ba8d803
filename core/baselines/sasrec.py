"""SASRec, trained with cross-entropy over the whole catalogue; its settings stand in [sasrec]."""

from __future__ import annotations

from core.baselines import Baseline, BaselineTask, Scorer
from core.settings import SasrecSettings


class SasRecBaseline(Baseline):
    """See `core.vectors.sasrec_model`; the stage `sasrec` fits it, for its item vectors are a source of vectors too."""

    options = SasrecSettings
    inputs = ("sasrec",)

    @classmethod
    def fit(cls, task: BaselineTask) -> Scorer:
        """Load the fitted model."""
        from core.vectors.sasrec_model import SasRec

        return SasRec.load(task.inputs["sasrec"] / "sasrec.safetensors", task.n_items, task.options)
