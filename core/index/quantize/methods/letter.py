"""LETTER: the auto-encoder's codes also follow the other source, and are used evenly.

LETTER (arXiv 2405.07314), its collaborative and its diversity regularization, and the released folder `RQ-VAE`; see
`core.index.quantize.guides`. The auto-encoder's own options are those of `rq-vae`.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.index.quantize import Quantized, Quantizer, Task
from core.settings import opt


@dataclass(frozen=True)
class LetterOptions:
    """The weights of the two losses that join those of the auto-encoder."""

    collaborative: float = opt(0.02, "weight of the behaviour vectors (letter)", low=0.0, high=100.0)
    diversity: float = opt(1e-4, "weight of the codes' even use (letter)", low=0.0, high=100.0)


class Letter(Quantizer):
    """The codes of the auto-encoder, trained with both losses."""

    options = LetterOptions
    learns = True
    reads_other = True
    reads_options = ("rq-vae",)

    def quantize(self, task: Task) -> Quantized:
        """Train the auto-encoder with the guide."""
        from core.index.quantize.autoencoder import learn
        from core.index.quantize.guides import LetterGuide

        return learn(task, lambda: LetterGuide(task))[0]
