"""LC-Rec's item tokenizer: codes of a residual-quantised auto-encoder.

LC-Rec (arXiv 2311.09049), its item indexing, and the released folder `index`; see `core.index.quantize.network`.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.index.quantize import Quantized, Quantizer, Task
from core.settings import opt


@dataclass(frozen=True)
class RqVaeOptions:
    """The auto-encoder behind this method, and behind `letter` and `aligned` too."""

    layers: tuple[int, ...] = opt((512, 256), "widths of the encoder's hidden layers", low=1, high=65536)
    latent: int = opt(10, "width of what is quantised; wider keeps more and shares more codes", low=1, high=4096)
    batch_norm: bool = opt(False, "batch norm on the hidden layers; LC-Rec's published script has it on")
    epochs: int = opt(100, "most passes over the items; the first quarter without codes", low=1, high=100000)
    steps: int = opt(5000, "most steps; a large catalogue gets fewer passes", low=1, high=10**8)
    patience: int = opt(5, "looks without progress before it stops", low=1, high=1000)
    learning_rate: float = opt(2e-3, "highest step size of AdamW", above=0.0, high=1.0)
    weight_decay: float = opt(1e-4, "weight decay of AdamW", low=0.0, high=10.0)
    batch_items: int = opt(1024, "items a step", low=2, high=10**7)
    commitment: float = opt(0.25, "weight of the pull of an item to its code", low=0.0, high=100.0)
    uniform: float = opt(0.003, "softness of the last level's uniform semantic mapping; 0 = off", low=0.0, high=10.0)
    rounds: int = opt(50, "iterations of the uniform semantic mapping", low=1, high=10000)


class RqVae(Quantizer):
    """An item's codes are the nearest ones to its encoding; `latent` is the encoding."""

    options = RqVaeOptions
    learns = True

    def quantize(self, task: Task) -> Quantized:
        """Train the auto-encoder on the items' vectors alone."""
        from core.index.quantize.autoencoder import learn

        return learn(task)[0]
