"""The codes of a run for grown data: what is known keeps its code, what is new gets a free one.

So the tokens of the run's model go on to mean what they meant, and its weights can be trained further.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.errors import DataError
from core.index.build import Built, centred
from core.index.conflicts.resolve import resolve
from core.index.quantize import Codes, Matrix, Quantized
from core.index.quantize.mean_steps import mean_steps
from core.index.revisions.changes import Growth
from core.index.revisions.embed_new import behaviour_estimates
from core.index.revisions.free_codes import Places, Space
from core.index.table import ItemIndex
from core.run.reporting import Reporter
from core.vectors import ItemVectors

TELL_EVERY = 200


@dataclass(frozen=True)
class KeptCodes:
    """An index made of another one.

    Attributes:
        built: the index, as if a quantizer had made it.
        kept: items that have the code that they had.
        placed: items that were given one.
        gone: items of the other index that are not among these; their codes stay theirs.
    """

    built: Built
    kept: int
    placed: int
    gone: int


def keep_codes(
    base: ItemIndex, growth: Growth, item_ids: pl.Series, vectors: Mapping[str, ItemVectors], reporter: Reporter
) -> KeptCodes:
    """Give every item of a catalogue the code that it has in an index, and new ones free codes there.

    Args:
        base: the index.
        growth: what was added to it since.
        item_ids: id of every item number.
        vectors: of these items, by source: a new item goes where its nearest neighbours among the known ones are.
        reporter: hears the progress; may ask to stop.

    Raises:
        DataError: no item is known, or there are more new items than free codes.
        StopRequested: somebody asked to stop.
    """
    known = pl.concat([base.item_ids.cast(pl.String), growth.items["item_id"]]).to_list()
    every = np.concatenate([base.codes, growth.codes.reshape(-1, base.levels)])
    row_of = {one: row for row, one in enumerate(known)}
    # Row of each item among the known ones, -1 for a new one; shape (items,).
    rows = np.array([row_of.get(one, -1) for one in item_ids.cast(pl.String).to_list()], dtype=np.int64)
    old, new = np.flatnonzero(rows >= 0), np.flatnonzero(rows < 0)
    if not len(old):
        raise DataError("no item of these data is known to the run that is started from", "see run.base and data.item")
    codes = np.zeros((len(rows), base.levels), dtype=np.int32)
    codes[old] = every[rows[old]]
    gone = np.setdiff1d(np.arange(len(known)), rows[old])
    if len(new):
        there = base.with_items(item_ids[old.tolist()], codes[old])
        codes[new] = _placed(there, every[gone], old, new, vectors, reporter)
    index = base.with_items(item_ids, codes)
    parts = _parts(index, vectors)
    figures = {
        "method": "kept",
        "strategy": "kept",
        "shape": "as in the run that is started from",
        "seconds": {},
        "making": {name: {"kept": len(old), "placed": len(new), "gone": len(gone)} for name, _ in parts},
    }
    quantized = tuple(part for _, part in parts)
    return KeptCodes(
        Built(index, quantized, resolve(quantized, "share", 0.0, 1), figures), len(old), len(new), len(gone)
    )


def _placed(
    there: ItemIndex,
    taken: Codes,
    old: np.ndarray,
    new: np.ndarray,
    vectors: Mapping[str, ItemVectors],
    reporter: Reporter,
) -> Codes:
    """Codes of the new items; shape (new, levels)."""
    spaces = {name: Space.of(np.ascontiguousarray(one.matrix[old])) for name, one in vectors.items()}
    fresh = {name: spaces[name].centred(one.matrix[new]) for name, one in vectors.items()}
    if {"semantic", "behavior"} <= set(vectors):
        text, behavior = vectors["semantic"], vectors["behavior"]
        unseen = ~behavior.known[new]  # nobody has taken them in training: as their neighbours by text
        if unseen.any():
            guess = behaviour_estimates(
                spaces["semantic"], text.matrix[new[unseen]], spaces["behavior"], behavior.known[old]
            )
            fresh["behavior"][unseen] = spaces["behavior"].centred(guess)
    places, codes = Places(there, taken, spaces), []
    for row in range(len(new)):
        code = places.take({name: matrix[row] for name, matrix in fresh.items()})
        if code is None:
            raise DataError(
                f"the index has room for {row:,} more items, and {len(new):,} are new",
                "train from scratch, with a larger index.spare or index.depth",
            )
        codes.append(code)
        if row % TELL_EVERY == 0 or row == len(new) - 1:
            reporter.progress("new items", row + 1, len(new), "items")
            reporter.stop_if_asked()
    return np.array(codes, dtype=np.int32)


def _parts(index: ItemIndex, vectors: Mapping[str, ItemVectors]) -> list[tuple[str, Quantized]]:
    """The index as quantizers would have found it, source by source."""
    nothing: Matrix = np.zeros((len(index.codes), 1), dtype=np.float32)
    found = []
    for source in dict.fromkeys(index.sources):
        levels = [level for level, name in enumerate(index.sources) if name == source]
        one = vectors.get(source) or next(iter(vectors.values()), None)
        latent = centred(one.matrix) if one is not None else nothing
        codes, widths = index.codes[:, levels], tuple(index.widths[level] for level in levels)
        found.append((source, Quantized(codes, widths, latent, mean_steps(latent, codes, widths))))
    return found
