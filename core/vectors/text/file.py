"""Text vectors from a file: Parquet with item_id and vector, or a .npy matrix."""

from __future__ import annotations

from core.cost import Job, Work
from core.vectors import ItemVectors, VectorProvider, VectorTask, vectors_from_file


class TextVectorFile(VectorProvider):
    """See `core.vectors.vectors_from_file`."""

    def vectors(self, task: VectorTask) -> ItemVectors:
        """As they stand in the file."""
        return vectors_from_file(task.resolve(task.argument), task.items["item_id"])

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """The file read."""
        return Work(single=0.5)
