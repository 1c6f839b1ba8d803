"""Mixture-of-Codes: learnt codebooks side by side, each on a linear map of its own of one encoding.

After Mixture-of-Codes (arXiv 2410.09560), known by its abstract, notes and public reviews: encoder, independent
codebooks and a decoder that reads their mean are theirs; sizes, start and dead codes are those of `rq-vae`, whose
options these are. Its codes feed click models there; here they are an item's code word. See
`core.index.quantize.moc_network`.
"""

from __future__ import annotations

from core.index.quantize import Quantized, Quantizer, Task


class Moc(Quantizer):
    """An item's code at each level is the nearest to that level's map of its encoding; `latent` holds all maps."""

    learns = True
    reads_options = ("rq-vae",)

    def quantize(self, task: Task) -> Quantized:
        """Train the auto-encoder on the items' vectors alone."""
        from core.index.quantize.autoencoder import learn
        from core.index.quantize.moc_network import MocNetwork

        return learn(task, kind=MocNetwork)[0]
