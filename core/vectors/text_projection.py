"""From text vectors to behaviour vectors: learnt by an alignment, kept beside the vectors, asked for new items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import DataError
from core.training.unit import unit_rows

FILE = "projection.safetensors"
"""Beside the vectors, where an alignment has learnt one."""


def two_layers(inner: int, outer: int) -> nn.Sequential:
    """A network whose hidden layer is as wide as the mean of both ends, as in RLMRec's code; Xavier's start."""
    hidden = (inner + outer) // 2
    lower, upper = nn.Linear(inner, hidden), nn.Linear(hidden, outer)
    for layer in (lower, upper):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(lower, nn.LeakyReLU(), upper)


class TextProjection(nn.Module):
    """RLMRec's projection (arXiv 2310.15950, appendix A.2): text vectors into the space of the behaviour vectors.

    Args:
        dim: width of the text vectors.
        width: of the behaviour vectors.
    """

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.layers, self.widths = two_layers(dim, width), (dim, width)

    def forward(self, texts: Tensor) -> Tensor:
        """Of unit length; (rows, dim) -> (rows, width)."""
        return unit_rows(self.layers(texts).float())

    @torch.inference_mode()
    def project(self, texts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The same for a matrix whose rows may have any length."""
        unit = texts / np.maximum(np.linalg.norm(texts, axis=1, keepdims=True), 1e-9)
        found: npt.NDArray[np.float32] = self(torch.from_numpy(np.asarray(unit, dtype=np.float32))).numpy()
        return found

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, path)

    @staticmethod
    def load(path: Path) -> TextProjection:
        """Read what `save` wrote.

        Raises:
            DataError: the file is broken.
        """
        try:
            state = load_file(path)
            model = TextProjection(state["layers.0.weight"].shape[1], state["layers.2.weight"].shape[0])
            model.load_state_dict(state)
        except (OSError, KeyError, RuntimeError, SafetensorError) as error:
            raise DataError(f"{path}: not a projection of texts ({error})", "train again with --new") from error
        return model.eval()


def keep_projection(aligner: nn.Module, folder: Path) -> None:
    """Write the projection that an alignment has learnt, if it learns one."""
    projection = getattr(aligner, "projection", None)
    if isinstance(projection, TextProjection):
        projection.save(folder / FILE)
