"""Alignment tokenization of Semantic Convergence: the auto-encoder's codes are pulled to the other source.

Our reading of Semantic Convergence (arXiv 2412.13771), alignment tokenization; no code was published. See
`core.index.quantize.guides`. The auto-encoder's own options are those of `rq-vae`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.index.quantize import Quantized, Quantizer, Task
from core.settings import opt


@dataclass(frozen=True)
class AlignedOptions:
    """The loss that joins those of the auto-encoder."""

    align: float = opt(0.1, "weight of the pull to the text vectors (aligned)", low=0.0, high=100.0)
    temperature: float = opt(0.1, "of that pull", above=0.0, high=10.0)


class Aligned(Quantizer):
    """The codes, and `token_vectors`: each code vector's image in the space of the other source.

    The map is linear without an offset, so the images of an item's codes add up to the item's image. A quantizer does
    not know which source it codes: the images lie in the text space where the other source is the text, that is for the
    behaviour source, and only there they can start the language model's tokens.
    """

    options = AlignedOptions
    learns = True
    reads_other = True
    reads_options = ("rq-vae",)

    def quantize(self, task: Task) -> Quantized:
        """Train the auto-encoder with the guide, and map the code vectors."""
        from core.index.quantize.autoencoder import learn
        from core.index.quantize.guides import AlignedGuide

        found, guide = learn(task, lambda: AlignedGuide(task))
        assert isinstance(guide, AlignedGuide)
        return replace(found, token_vectors=guide.images(found.codebooks))
