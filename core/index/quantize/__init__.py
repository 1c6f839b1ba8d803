"""Quantizers: from one source's vectors to codes. One small file each, one function each: `quantize(task)`.

What they find has one form. The codes of an item name one vector at every level, and their sum approximates the item
(a tree's levels hold its mean steps, parallel codebooks have dimensions of their own), so that settling conflicts,
adding items and measuring need to know nothing of how the codes came about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.run.reporter import Reporter
from core.settings import IndexSettings, RqVaeSettings

Matrix = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]

LEARNT = frozenset({"rq-vae", "letter", "aligned"})
"""Methods that train a network, so that the settings in `[rq_vae]` decide too."""


@dataclass(frozen=True)
class Task:
    """What a quantizer is given.

    Attributes:
        vectors: what is quantised, centred; shape (items, dim).
        widths: codes at each level.
        seed: of everything random.
        index: the settings of the index.
        rq_vae: the settings of the methods that train a network.
        other: the other source's vectors, centred, shape (items, other dim): `letter` and `aligned` read them.
        device: where a network is trained.
        reporter: hears the progress; may ask to stop.
        folder: where an interrupted training leaves its checkpoint; None = nowhere.
    """

    vectors: Matrix
    widths: tuple[int, ...]
    seed: int
    index: IndexSettings
    rq_vae: RqVaeSettings
    reporter: Reporter
    other: Matrix | None = None
    device: str = "cpu"
    folder: Path | None = None


@dataclass(frozen=True)
class Quantized:
    """What a quantizer found.

    Attributes:
        codes: shape (items, levels); equal rows are allowed, they are settled later.
        widths: codes at each level, used or not.
        latent: what the codes stand for: the vectors themselves, or a network's code for them; shape (items, dim).
        codebooks: a vector for each code, level by level; each of shape (width, dim).
        figures: worth telling about the making (epochs, loss ...), JSON values.
        token_vectors: vectors in the text space for each code, level by level, each of shape (width, text dim): a
            start for the new tokens of the language model; None where the method knows none.
    """

    codes: Codes
    widths: tuple[int, ...]
    latent: Matrix
    codebooks: tuple[Matrix, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    token_vectors: tuple[Matrix, ...] | None = None


def quantize(task: Task) -> Quantized:
    """Do what `task.index.method` says."""
    method = "paper-tree" if task.index.method == "kmeans-tree" and task.index.paper else task.index.method
    work = import_module(f"{__name__}.methods.{method.replace('-', '_')}")
    found: Quantized = work.quantize(task)
    return found
