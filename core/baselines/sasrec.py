"""SASRec, trained with cross-entropy over the whole catalogue; its settings stand in [sasrec]."""

from __future__ import annotations

from core.baselines import Baseline, BaselineTask, Scorer
from core.cost import FP32, Job, Work
from core.settings import SasrecSettings


class SasRecBaseline(Baseline):
    """See `core.vectors.sasrec_model`; the stage `sasrec` fits it, for its item vectors are a source of vectors too."""

    options = SasrecSettings
    inputs = ("sasrec",)

    @classmethod
    def fit(cls, task: BaselineTask) -> Scorer:
        """Load the fitted model."""
        from core.vectors.sasrec_model import SasRec

        (stage,) = cls.inputs
        return SasRec.load(task.inputs[stage] / "sasrec.safetensors", task.n_items, task.options).frozen()

    @classmethod
    def work(cls, job: Job) -> Work:
        """The histories read, and every item scored by a product."""
        (stage,) = cls.inputs
        settings, asked = job.settings(stage), 2.0 * job.sizes.evaluated
        width, layers = int(settings["hidden_size"]), int(settings["layers"])
        padded = min(int(settings["max_history"]), job.sizes.longest)
        return Work(shared=asked * (padded * layers * 24.0 * width**2 + 2.0 * job.sizes.items * width) / FP32)
