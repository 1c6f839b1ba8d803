"""From vectors to the item index: one code word a source, joined, conflicts settled, unique."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.index.conflicts.resolve import Resolution, resolve
from core.index.quantize import Matrix, Quantized, Task, quantize
from core.index.quantize.methods.rq_vae import RqVaeOptions
from core.index.shape import IndexShape, index_shape, method_of
from core.index.table import ItemIndex
from core.registry import QUANTIZERS
from core.run.reporting import Reporter
from core.settings import IndexSettings
from core.vectors import ItemVectors, refuse_broken


@dataclass(frozen=True)
class Built:
    """An index and how it came about.

    Attributes:
        index: the codes that training uses.
        parts: what the quantizer found, source by source.
        resolution: the codes before, and how conflicts were settled.
        figures: method, shape with its reason, seconds of each step, and the quantizers' figures; JSON values.
    """

    index: ItemIndex
    parts: tuple[Quantized, ...]
    resolution: Resolution
    figures: Mapping[str, Any]


def build_index(
    item_ids: pl.Series,
    vectors: Mapping[str, ItemVectors],
    sources: Sequence[str],
    settings: IndexSettings,
    seed: int,
    reporter: Reporter,
    options: Mapping[str, Any] | None = None,
    device: str = "cpu",
    folder: Path | None = None,
    codes_file: Path | None = None,
) -> Built:
    """Give every item its code.

    Args:
        item_ids: id of every item number.
        vectors: the sources' vectors, also those that only guide another source; not read by the method `random`.
        sources: which sources get a code word, in this order.
        settings: method, depth, width, conflicts.
        seed: of everything random.
        reporter: hears the progress; may ask to stop.
        options: the options of methods, by name, each an object of the method's class `options`; those that are missing
            have their defaults. The ones of `rq-vae` count for every method that learns, and for the conflicts.
        device: where a network is trained.
        folder: where an interrupted training leaves its checkpoint.
        codes_file: codes that were made elsewhere, for the method `file:`; the vectors only measure them.

    Raises:
        DataError: the file's codes do not fit the catalogue.
        ProjectError: a vector holds NaN or infinity; the item is named. Or there is no such method.
        StopRequested: somebody asked to stop.
    """
    for name, source_vectors in vectors.items():
        refuse_broken(source_vectors.matrix, name, item_ids)
    centre = {name: centred(source_vectors.matrix) for name, source_vectors in vectors.items()}
    nothing = np.zeros((len(item_ids), 1), dtype=np.float32)
    if codes_file is not None:  # one part for all sources; what its codes stand for is the text, where there is any
        settings = replace(settings, method=f"file:{codes_file}")
        shape, sources = IndexShape(((),), f"as in {codes_file.name}"), ("imported",)
        centre = {"imported": centre.get("semantic", next(iter(centre.values()), nothing))}
    else:
        shape = index_shape(asdict(settings), sources, len(item_ids))
        sources = sources[: len(shape.widths)]
    options = options or {}
    method = method_of(asdict(settings))
    kind = QUANTIZERS.options(method)
    rq_vae = options.get("rq-vae") or RqVaeOptions()
    seconds: dict[str, float] = {}
    parts = []
    for source, widths in zip(sources, shape.widths, strict=True):
        began = time.monotonic()
        task = Task(
            vectors=centre.get(source, nothing),
            widths=widths,
            seed=seed,
            index=settings,
            rq_vae=rq_vae,
            reporter=reporter,
            options=options.get(method) or (kind() if kind else None),
            other=next((matrix for name, matrix in centre.items() if name != source), None),
            device=device,
            folder=folder / source if folder else None,
            item_ids=item_ids,
            codes_file=codes_file,
        )
        part = quantize(task)
        # Only vectors in the space of the text can start a language model's tokens.
        parts.append(replace(part, token_vectors=None) if source == "semantic" else part)
        seconds[source] = round(time.monotonic() - began, 3)
    began = time.monotonic()
    strategy = "matching" if settings.conflicts == "own" and not shape.own else settings.conflicts
    settled = resolve(parts, strategy, rq_vae.uniform, rq_vae.rounds, shape.own)
    seconds["conflicts"] = round(time.monotonic() - began, 3)
    names = [source for source, part in zip(sources, parts, strict=True) for _ in part.widths]
    names += names[-1:] * (len(settled.widths) - len(names))  # an extra level belongs to the last source
    marks = {"shared": strategy == "share", "own": strategy == "own"}
    index = ItemIndex(item_ids, settled.codes, settled.widths, tuple(names), **marks)
    figures = {
        "method": method,
        "strategy": strategy,
        "shape": shape.reason,
        "seconds": seconds,
        "making": {source: dict(part.figures) for source, part in zip(sources, parts, strict=True)},
    }
    return Built(index, tuple(parts), settled, figures)


def centred(matrix: Matrix) -> Matrix:
    """Rows of unit length around the mean: what k-means should tell apart is direction, not size or common offset."""
    unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    unit = np.asarray(unit, dtype=np.float32)
    unit -= unit.mean(axis=0)
    return unit
