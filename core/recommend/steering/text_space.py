"""The items' text vectors, and any sentence among them: by the encoder that the run's own vectors came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.dataset import Dataset
from core.errors import ProjectError
from core.project import Project
from core.registry import TEXT_VECTORS
from core.run.folder import RunFolder
from core.run.reporting import NullReporter
from core.stage import Artefacts
from core.vectors import ItemVectors, VectorProvider
from core.vectors.stage import vector_task

Matrix = npt.NDArray[np.float32]
Known = npt.NDArray[np.bool_]


class TextSpace:
    """Unit text vectors of the items and an encoder of sentences. Make it with `of`.

    Args:
        provider: encodes.
        project: all settings.
        dataset: logs and catalogue.
        folder: artefacts; `semantic` is read.
    """

    def __init__(self, provider: VectorProvider, project: Project, dataset: Dataset, folder: Artefacts) -> None:
        self._provider = provider
        self._task = vector_task(project, TEXT_VECTORS, dataset, {}, folder["semantic"], NullReporter())
        vectors = ItemVectors.load(folder["semantic"] / "vectors.npz")
        self.items: Matrix = _unit(vectors.matrix, vectors.known)
        """Shape (items, dim); zeros where an item has no text."""

    @staticmethod
    def of(project: Project, dataset: Dataset, made: Artefacts) -> TextSpace | None:
        """The text space of a project; None where it has no text vectors, or they read no new text.

        Args:
            project: all settings.
            dataset: logs and catalogue.
            made: artefacts; `semantic` is read where it is there.
        """
        source = project.vectors.semantic
        if source == "none" or "semantic" not in made:
            return None
        provider: VectorProvider = TEXT_VECTORS.get(source)()
        whole = all((made["semantic"] / name).is_file() for name in provider.kept)
        return TextSpace(provider, project, dataset, made) if provider.encodes() and whole else None

    def encode(self, texts: Sequence[str]) -> tuple[Matrix, Known]:
        """Unit vectors of sentences, and of which of them any word is known; zeros for the others."""
        rows = pl.DataFrame({"item_id": list(texts), "title": list(texts), "text": list(texts)})
        vectors = self._provider.encode(replace(self._task, items=rows))
        if not vectors.known.any():
            return np.zeros((len(texts), self.items.shape[1]), dtype=np.float32), vectors.known
        return _unit(vectors.matrix, vectors.known), vectors.known

    def grown(self, texts: Sequence[str]) -> Matrix:
        """The items' vectors and those of further items' texts."""
        return np.concatenate([self.items, self.encode(texts)[0]]) if texts else self.items


def _unit(matrix: Matrix, known: Known) -> Matrix:
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit = np.where(known[:, None], matrix / np.maximum(lengths, 1e-9), 0.0)
    return np.ascontiguousarray(unit, dtype=np.float32)


def artefacts_of(run: RunFolder, stages: Sequence[str]) -> dict[str, Path]:
    """The artefacts of a run that are there."""
    made = {}
    for stage in stages:
        try:
            made[stage] = run.artefact(stage)
        except ProjectError:
            continue
    return made
