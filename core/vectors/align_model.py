"""What RLMRec adds to a model of behaviour: vectors that find their own text among others.

RLMRec (arXiv 2310.15950, section 3.3), after its released code, with these departures: texts are the items' text
vectors, and those of users the mean of what they took, in place of profiles written by a language model; nodes of a
step are compared with one another, each once, while there a node that occurs twice is its own negative and users
compete with all users; nodes whose texts are the same are no negatives of each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.training.unit import unit_rows
from core.vectors.align import ITEMS, Aligning, NodeTexts
from core.vectors.sasrec_model import SequenceView
from core.vectors.text_projection import TextProjection, two_layers

SAME_TEXT = 0.999
"""Texts of a higher cosine are the same."""
AMONG = 256
"""Texts among which a vector's own is looked for, for the figure."""


class _Aligner(nn.Module, ABC):
    """An alignment by contrast: rows against the different texts of the step.

    Args:
        texts: by kind of node.
        temperature: cosines are divided by it.
    """

    def __init__(self, texts: Mapping[str, NodeTexts], temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        for kind, one in texts.items():
            self.register_buffer(f"texts_{kind}", torch.from_numpy(one.matrix), persistent=False)

    def texts(self, kind: str, numbers: Tensor) -> Tensor:
        """Text vectors of some nodes; (nodes, dim)."""
        found: Tensor = getattr(self, f"texts_{kind}")
        return found[numbers]

    @abstractmethod
    def compared(self, vectors: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors and texts in one space, of unit length; (rows, dim) and (nodes, dim)."""

    def forward(self, kind: str, vectors: Tensor, numbers: Tensor) -> tuple[Tensor, dict[str, float]]:
        """InfoNCE of each row's own text among those of the step; see `core.vectors.align.Alignment.build`."""
        if not len(numbers):
            return vectors.sum() * 0.0, {}
        # Every node once, (nodes,), and the place of each row's own, (rows,).
        nodes, own = numbers.unique(return_inverse=True)
        texts = self.texts(kind, nodes)
        queries, keys = self.compared(vectors.float(), texts)
        logits = (queries @ keys.T).float() / self.temperature  # (rows, nodes)
        # Another node with the same text is no negative.
        same = (texts @ texts.T)[own] > SAME_TEXT
        same[torch.arange(len(own)), own] = False
        logits = logits.masked_fill(same, -torch.inf)
        loss = functional.cross_entropy(logits, own)
        few = own < AMONG
        first = logits.detach()[few][:, :AMONG].argmax(dim=1) == own[few]
        return loss, {f"own_text_first_{kind}": float(first.float().mean())}


class ContrastAligner(_Aligner):
    """The projected text of a node is near its vector.

    Args:
        texts: by kind of node; all of one width.
        width: of the vectors.
        temperature: cosines are divided by it.
    """

    def __init__(self, texts: Mapping[str, NodeTexts], width: int, temperature: float) -> None:
        super().__init__(texts, temperature)
        self.projection = TextProjection(texts[ITEMS].matrix.shape[1], width)

    def compared(self, vectors: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """In the space of the vectors."""
        return unit_rows(vectors), self.projection(texts)


class GenerateAligner(_Aligner):
    """What is rebuilt of a node, lifted to the space of the texts, is near its text.

    Args:
        texts: by kind of node; all of one width.
        width: of the vectors.
        temperature: cosines are divided by it.
    """

    def __init__(self, texts: Mapping[str, NodeTexts], width: int, temperature: float) -> None:
        super().__init__(texts, temperature)
        self.lifting = two_layers(width, texts[ITEMS].matrix.shape[1])
        self.token = nn.Parameter(torch.randn(width) * 0.1)

    def compared(self, vectors: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
        """In the space of the texts."""
        return unit_rows(self.lifting(vectors).float()), texts


class SasrecAlignment(nn.Module):
    """An alignment as a further loss of SASRec: of item vectors, or of the states before the items it must rebuild.

    Args:
        aligning: method, weight, texts.
        width: of the model.
    """

    def __init__(self, aligning: Aligning, width: int) -> None:
        super().__init__()
        self.aligning, self.aligner = aligning, aligning.module(width)
        self.known: Tensor
        self.register_buffer("known", torch.from_numpy(aligning.items.known), persistent=False)

    def forward(self, view: SequenceView) -> tuple[Tensor, dict[str, float]]:
        """The weighted loss of a batch, and its figures."""
        asked = view.following[view.real]
        if self.aligning.method.hides:
            there = self.known[asked]
            numbers, vectors = asked[there], view.states[view.real][there]
        else:
            draw = self.aligning.generator(view.batch.epoch, view.batch.number)
            touched = asked.unique().numpy()
            numbers = torch.from_numpy(self.aligning.method.draw(touched, self.aligning.items.known, draw))
            vectors = view.item_vectors[numbers]
        loss, figures = self.aligner(ITEMS, vectors, numbers)
        return self.aligning.weight * loss, {"align_loss": loss.item(), **figures}
