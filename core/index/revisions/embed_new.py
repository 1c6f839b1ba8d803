"""Vectors of items that training has never seen: text by the index's own encoder, behaviour from text neighbours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import faiss
import numpy as np
import polars as pl

from core.data.dataset import Dataset
from core.errors import DataError, ProjectError
from core.index.revisions.changes import LIKE
from core.index.revisions.free_codes import Matrix, Space
from core.project import Project
from core.registry import TEXT_VECTORS
from core.run.reporter import Reporter
from core.vectors import ItemVectors, VectorProvider, vectors_from_file
from core.vectors.stage import vector_task

NEIGHBOURS = 10
EXACT_ITEMS = 200_000
"""Catalogues up to this size are searched whole; larger ones where the nearest of many cells are."""
PROBES = 16
BLOCK = 65_536


class Texts(NamedTuple):
    """Text vectors of a run's items and of new ones, in one space."""

    base: ItemVectors
    fresh: ItemVectors


def text_vectors(
    project: Project, data: Path, artefact: Path | None, fresh: pl.DataFrame, given: Path | None, reporter: Reporter
) -> Texts:
    """Text vectors of the base and of new items, in one space.

    Args:
        project: of the run.
        data: the run's artefact of data, for the base's ids and texts.
        artefact: the run's artefact of text vectors; None where it has none, e.g. for an index of behaviour alone: the
            base is then read by the encoder as well.
        fresh: the new items' `item_id` and `text`; at least one.
        given: a Parquet file of the new items' vectors, for a project whose vectors come from a file.
        reporter: hears the progress.

    Returns:
        Both; new items without a text of their own hold the base's mean.

    Raises:
        ProjectError: nothing is known of the texts, or `given` is missing, too much, or does not fit.
        EnvironmentFault: the encoder is not there any more.
    """
    source = project.vectors.semantic
    provider: VectorProvider | None = None if source == "none" else TEXT_VECTORS.get(source)()
    if given is not None and (provider is None or provider.encodes()):
        raise ProjectError(
            f"the text vectors of this run come from {source!r}, so those of new items do too",
            "leave the file of vectors out",
        )
    if provider is None or (provider.encodes() and not project.data.text):
        raise ProjectError(
            "this run knows no texts, and a new item has nothing else to be placed by",
            "name text columns in data.text, set vectors.semantic, and train again",
        )
    if not provider.encodes() and (given is None or given.suffix == ".npy"):
        raise ProjectError(
            f"the text vectors of this run come from {source.removeprefix('file:')}, which cannot read new texts",
            "give the new items' vectors with --vectors FILE: Parquet, with item_id and vector (a list of numbers)",
        )
    dataset = Dataset.load(data)
    ids = dataset.items["item_id"]
    with TemporaryDirectory() as scratch:
        # Where the run has no text vectors, or not all that was kept beside them, the base is encoded anew.
        whole = artefact is not None and all((artefact / name).is_file() for name in provider.kept)
        folder = artefact if artefact is not None and whole else Path(scratch)
        task = vector_task(project, TEXT_VECTORS, dataset, {}, folder, reporter)
        old = ItemVectors.load(folder / "vectors.npz") if whole else provider.vectors(task)
        if given is not None:
            new = vectors_from_file(given, fresh["item_id"])
        else:
            new = provider.encode(replace(task, items=fresh))
    if len(old.matrix) != len(ids):
        raise DataError(f"{artefact}: text vectors of {len(old.matrix)} items for {len(ids)}", "train again with --new")
    if new.known.any() and new.matrix.shape[1] != old.matrix.shape[1]:
        raise ProjectError(f"new text vectors of width {new.matrix.shape[1]}, the run's have {old.matrix.shape[1]}")
    mean = old.matrix[old.known].mean(axis=0) if old.known.any() else old.matrix.mean(axis=0)
    rows = np.tile(mean, (len(fresh), 1))
    rows[new.known] = new.matrix[new.known]
    return Texts(old, replace(new, matrix=np.asarray(rows, dtype=np.float32)))


def likes(text: Texts) -> tuple[list[list[int]], list[list[float]]]:
    """For every new item the known ones whose text is nearest, the nearest first, and their cosines.

    Nothing for an item without a text, or where no known item has one.
    """
    seen, found = np.flatnonzero(text.base.known), np.flatnonzero(text.fresh.known)
    items: list[list[int]] = [[] for _ in text.fresh.matrix]
    cosines: list[list[float]] = [[] for _ in text.fresh.matrix]
    if len(seen) and len(found):
        near, similar = _nearest(Space.of(text.base.matrix), seen, text.fresh.matrix[found], min(LIKE, len(seen)))
        for row, place in enumerate(found.tolist()):
            items[place], cosines[place] = seen[near[row]].tolist(), similar[row].tolist()
    return items, cosines


def behaviour_estimates(text: Space, fresh: Matrix, behavior: Space, known: np.ndarray) -> Matrix:
    """What new items would have been taken with: the mean behaviour of their nearest text neighbours.

    Args:
        text: the base's text vectors.
        fresh: the new items' text vectors, as encoded; shape (new, dim).
        behavior: the base's behaviour vectors.
        known: which items of the base training has seen.

    Returns:
        Shape (new, behaviour dim), not centred; zeros where training has seen nothing.
    """
    seen = np.flatnonzero(known)
    if not len(seen):
        return np.zeros((len(fresh), behavior.matrix.shape[1]), dtype=np.float32)
    near = seen[_nearest(text, seen, fresh, min(NEIGHBOURS, len(seen)))[0]]
    estimates = np.zeros((len(fresh), behavior.matrix.shape[1]), dtype=np.float32)
    for column in near.T:
        estimates += behavior.unit(column) / near.shape[1]
    return estimates


def projected(file: Path, texts: Matrix, width: int) -> Matrix:
    """Behaviour vectors of new items by the projection that an alignment has learnt, of unit length; (new, width).

    Raises:
        DataError: the file is broken, or made for vectors of other widths.
    """
    from core.vectors.text_projection import TextProjection

    projection = TextProjection.load(file)
    inner, outer = projection.widths
    if (inner, outer) != (texts.shape[1], width):
        raise DataError(f"{file}: from {inner} to {outer} numbers, not {texts.shape[1]} to {width}", "train again")
    return projection.project(texts)


def _nearest(text: Space, seen: np.ndarray, fresh: Matrix, k: int) -> tuple[np.ndarray, Matrix]:
    """Places in `seen` of the k nearest by cosine, and these cosines; shape (new, k)."""
    dim = text.matrix.shape[1]
    index: faiss.Index = faiss.IndexFlatIP(dim)
    if len(seen) > EXACT_ITEMS:
        cells = int(np.sqrt(len(seen)))
        index = faiss.IndexIVFFlat(index, dim, cells, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter = 10
        index.train(text.unit(seen[:: max(1, len(seen) // (64 * cells))]))
        index.nprobe = PROBES
    for start in range(0, len(seen), BLOCK):
        index.add(text.unit(seen[start : start + BLOCK]))
    unit = fresh / np.maximum(np.linalg.norm(fresh, axis=1, keepdims=True), 1e-9)
    similar, near = index.search(np.ascontiguousarray(unit, dtype=np.float32), k)
    missing = near < 0  # fewer than k in the cells that were searched
    return np.where(missing, near[:, :1], near), np.where(missing, similar[:, :1], similar)


def spaces_of(
    text: Texts, behavior: ItemVectors | None, projection: Path | None = None
) -> tuple[Mapping[str, Space], Mapping[str, Matrix]]:
    """The spaces of the base, and the new items' centred vectors in them, by source.

    Args:
        text: what `text_vectors` gives.
        behavior: the base's behaviour vectors; None where the run has none.
        projection: where these followed the text while they were learnt, what has been learnt of that: it then says
            where new items lie, in place of their text neighbours.

    Raises:
        DataError: the projection is broken, or one of other texts.
    """
    spaces = {"semantic": Space.of(text.base.matrix)}
    fresh = {"semantic": spaces["semantic"].centred(text.fresh.matrix)}
    if behavior is not None:
        spaces["behavior"] = Space.of(behavior.matrix)
        if projection is not None:
            estimates = projected(projection, text.fresh.matrix, behavior.matrix.shape[1])
        else:
            estimates = behaviour_estimates(spaces["semantic"], text.fresh.matrix, spaces["behavior"], behavior.known)
        fresh["behavior"] = spaces["behavior"].centred(estimates)
    return spaces, fresh
