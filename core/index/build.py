"""From vectors to the item index: one code word a source, joined, unique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from core.index.balance import Matrix
from core.index.table import ItemIndex
from core.index.tree import Codes, coarse_widths, full_widths, kmeans_tree, random_codes
from core.settings import IndexSettings
from core.vectors import ItemVectors

COARSE_SHARE = 0.8


def build_index(
    item_ids: pl.Series, vectors: Mapping[str, ItemVectors], sources: Sequence[str], settings: IndexSettings, seed: int
) -> ItemIndex:
    """Give every item its code.

    The last source's tree has a leaf for every item, so the whole code is unique. The trees of the sources before it
    only sort the items into groups (about `items ** COARSE_SHARE` of them): were they as deep, the first code word
    alone would name the item and the second one would never be asked.

    Args:
        item_ids: id of every item number.
        vectors: the sources' vectors; not read by the method `random`.
        sources: which sources, in the order of their code words.
        settings: method, depth and width.
        seed: of k-means.
    """
    count = len(item_ids)
    parts: list[Codes] = []
    widths: list[int] = []
    names: list[str] = []
    for place, source in enumerate(sources):
        last = place == len(sources) - 1
        shape = (
            full_widths(count, settings.depth, settings.width)
            if last
            else coarse_widths(count, settings.depth, settings.width, COARSE_SHARE)
        )
        parts.append(
            random_codes(count, shape, seed + place)
            if settings.method == "random"
            else kmeans_tree(centred(vectors[source].matrix), shape, seed)
        )
        widths += shape
        names += [source] * len(shape)
    return ItemIndex(item_ids, np.concatenate(parts, axis=1).astype(np.int32), tuple(widths), tuple(names))


def centred(matrix: Matrix) -> Matrix:
    """Rows of unit length around the mean: what k-means should tell apart is direction, not size or common offset."""
    unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    return np.asarray(unit - unit.mean(axis=0), dtype=np.float32)
