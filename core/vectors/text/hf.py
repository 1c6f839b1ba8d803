"""A Hugging Face encoder or decoder, a folder or a hub id; its last states, mean-pooled."""

from __future__ import annotations

from typing import Any

from core.cost import Job, Work
from core.vectors import ItemVectors, VectorProvider, VectorTask


class EncoderVectors(VectorProvider):
    """See `core.vectors.text_encoder`."""

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length.

        Raises:
            EnvironmentFault: the model cannot be loaded.
        """
        from core.vectors.text_encoder import encoder_vectors

        folder = task.resolve(task.argument)
        model = str(folder) if folder.is_dir() else task.argument
        return encoder_vectors(task.texts, model, task.dtype, task.device, task.reporter)

    def encode(self, task: VectorTask) -> ItemVectors:
        """As any text."""
        return self.vectors(task)

    @classmethod
    def model(cls, argument: str, options: Any) -> str:
        """See `VectorProvider`."""
        return argument

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """Every item's text read once."""
        body = job.encoder(source.partition(":")[2])
        tokens = min(job.sizes.text_mb * 1e6 / 4, job.sizes.items * 256.0)
        return None if body is None else Work(single=5.0) + job.trained(2.0 * body * tokens)
