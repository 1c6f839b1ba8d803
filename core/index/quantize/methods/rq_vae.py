"""LC-Rec's item tokenizer: codes of a residual-quantised auto-encoder (methods dossier, section 1.3)."""

from __future__ import annotations

from core.index.quantize import Quantized, Task
from core.index.quantize.autoencoder import learn


def quantize(task: Task) -> Quantized:
    """An item's codes are the nearest ones to its encoding; `latent` is the encoding.

    Raises:
        StopRequested: somebody asked to stop; the checkpoint is in the task's folder.
    """
    return learn(task)[0]
