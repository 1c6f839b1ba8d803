"""A Hugging Face encoder or decoder, a folder or a hub id; its last states, mean-pooled."""

from __future__ import annotations

from core.vectors import ItemVectors, VectorProvider, VectorTask


class EncoderVectors(VectorProvider):
    """See `core.vectors.text_encoder`."""

    encodes = True

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
