"""Quantizers: from one source's vectors to codes. One small file each in `methods`, one class each.

What they find has one form. The codes of an item name one vector at every level, and their sum approximates the item
(a tree's levels hold its mean steps, parallel codebooks have dimensions of their own), so that settling conflicts,
adding items and measuring need to know nothing of how the codes came about.

Imports nothing heavy: the list of methods, their options and the shapes that they want are asked for everywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import ProjectError
from core.index.shape import IndexShape, method_of, named_after_groups
from core.registry import QUANTIZERS
from core.run.protocol import Reporter
from core.settings import IndexSettings

if TYPE_CHECKING:
    from core.index.quantize.methods.rq_vae import RqVaeOptions

Matrix = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Task:
    """What a quantizer is given.

    Attributes:
        vectors: what is quantised, centred; shape (items, dim).
        widths: codes at each level; none for codes that were made elsewhere.
        seed: of everything random.
        index: the settings of the index.
        rq_vae: the options of the auto-encoder that the methods that learn share.
        reporter: hears the progress; may ask to stop.
        options: the method's own options, an object of its class `options`; None where it has none.
        other: the other source's vectors, centred, shape (items, other dim); None where there is only one source.
        device: where a network is trained.
        folder: where an interrupted training leaves its checkpoint; None = nowhere.
        item_ids: id of every item number, for codes that were made elsewhere.
        codes_file: where these are.
    """

    vectors: Matrix
    widths: tuple[int, ...]
    seed: int
    index: IndexSettings
    rq_vae: RqVaeOptions
    reporter: Reporter
    options: Any = None
    other: Matrix | None = None
    device: str = "cpu"
    folder: Path | None = None
    item_ids: pl.Series | None = None
    codes_file: Path | None = None


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


class Quantizer(ABC):
    """A way to make codes of vectors; registered by its file in `methods`, or by another package's entry point.

    Attributes:
        version: raised where the same vectors and settings give other codes than before.
        options: its own settings, a frozen dataclass of fields declared with `core.settings.opt`; None = none.
        learns: whether it trains a network.
        reads_other: whether it needs the other source too.
        tree: whether its levels are those of a tree with a leaf for each item.
        reads_vectors: whether it looks at vectors at all.
        reads_options: other methods whose options it reads besides its own.
    """

    version: ClassVar[int] = 1
    options: ClassVar[type | None] = None
    learns: ClassVar[bool] = False
    reads_other: ClassVar[bool] = False
    tree: ClassVar[bool] = False
    reads_vectors: ClassVar[bool] = True
    reads_options: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def shape(cls, sources: int, items: int, depth: int, width: int, spare: float) -> IndexShape:
        """The levels that it wants for a catalogue, source by source.

        Args:
            sources: how many get a code word.
            items: size of the catalogue.
            depth: levels a source; 0 = by the catalogue's size.
            width: codes a level, at most.
            spare: share of codes kept free for items to come.
        """
        return named_after_groups(sources, items, depth, width, spare, tree=cls.tree)

    @abstractmethod
    def quantize(self, task: Task) -> Quantized:
        """Give every item a code at each level.

        Raises:
            StopRequested: somebody asked to stop.
        """


def quantize(task: Task) -> Quantized:
    """Do what `task.index.method` says.

    Raises:
        ProjectError: there is no such method, or it reads both sources and there is only one.
        StopRequested: somebody asked to stop; an unfinished training is in the task's folder.
    """
    method = method_of(vars(task.index))
    kind: type[Quantizer] = QUANTIZERS.get(method)
    if kind.reads_other and task.other is None:
        raise ProjectError(
            f"index.method {method!r} reads both sources, and there is only one", "take rq-vae, which needs one"
        )
    return kind().quantize(task)
