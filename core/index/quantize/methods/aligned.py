"""Alignment tokenization of Semantic Convergence, our reading (methods dossier, section 4.2; no code was published).

The auto-encoder of `rq-vae` over one source, with a pull to the other one: a linear map of the code vectors' sum must
be nearest to the item's own vector of the other source among those of the batch (InfoNCE of cosines). As the paper has
it, behaviour is coded and pulled to the text; with text as the coded source, the same runs with roles exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.errors import ProjectError
from core.index.quantize import Quantized, Task
from core.index.quantize.autoencoder import learn
from core.index.quantize.network import Guide


def quantize(task: Task) -> Quantized:
    """The codes, and `token_vectors`: each code vector's image in the space of `task.other`.

    The map is linear without an offset, so the images of an item's codes add up to the item's image. A quantizer is
    not told which source it codes: the images lie in the text space where `task.other` is the text, that is for the
    behaviour source, and only there they can start the language model's tokens.

    Raises:
        ProjectError: there is no other source to be pulled to.
        StopRequested: somebody asked to stop; the checkpoint is in the task's folder.
    """
    other = task.other
    if other is None:
        raise ProjectError(
            "index.method 'aligned' reads both sources, and there is only one", "take rq-vae, which needs one"
        )
    held = torch.from_numpy(np.ascontiguousarray(other, dtype=np.float32))
    found, guide = learn(task, lambda: Pull(held, task))
    assert isinstance(guide, Pull)
    with torch.inference_mode():
        images = [guide.project(torch.from_numpy(book).to(task.device)).cpu().numpy() for book in found.codebooks]
    return replace(found, token_vectors=tuple(images))


class Pull(Guide):
    """InfoNCE between the mapped code vectors and the other source.

    Args:
        other: shape (items, other dim).
        task: weight and temperature.
    """

    def __init__(self, other: Tensor, task: Task) -> None:
        super().__init__()
        self.settings = task.rq_vae
        self.other: Tensor
        self.register_buffer("other", functional.normalize(other, dim=1), persistent=False)
        self.project = nn.Linear(task.rq_vae.latent, other.shape[1], bias=False)

    def forward(self, rows: Tensor, quantised: Tensor, codes: Tensor, books: Sequence[Tensor]) -> dict[str, Tensor]:
        """The loss of a batch."""
        scores = functional.normalize(self.project(quantised), dim=1) @ self.other[rows].T
        own = torch.arange(len(rows), device=rows.device)
        return {"align": self.settings.align * functional.cross_entropy(scores / self.settings.temperature, own)}
