"""Vectors of items that training has never seen: text by the index's own encoder, behaviour from text neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import faiss
import numpy as np
import polars as pl

from core.errors import DataError, ProjectError
from core.index.revisions.free_codes import Matrix, Space
from core.machine import device_of, use_bf16
from core.project import Project
from core.run.reporter import Reporter
from core.vectors import ItemVectors, vectors_from_file
from core.vectors.lsa_model import Lsa, fit_lsa

NEIGHBOURS = 10
EXACT_ITEMS = 200_000
"""Catalogues up to this size are searched whole; larger ones where the nearest of many cells are."""
PROBES = 16
BLOCK = 65_536


def text_vectors(
    project: Project, data: Path, artefact: Path | None, fresh: pl.DataFrame, given: Path | None, reporter: Reporter
) -> tuple[Matrix, Matrix]:
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
        Two matrices, shape (items, dim) and (fresh, dim); items without a text of their own hold the base's mean.

    Raises:
        ProjectError: nothing is known of the texts, or `given` is missing, too much, or does not fit.
        EnvironmentFault: the encoder is not there any more.
    """
    source = project.vectors.semantic
    if given is not None and not source.startswith("file:"):
        raise ProjectError(
            f"the text vectors of this run come from {source!r}, so those of new items do too",
            "leave the file of vectors out",
        )
    base = ItemVectors.load(artefact / "vectors.npz") if artefact else None
    ids = pl.read_parquet(data / "items.parquet", columns=["item_id"], glob=False)["item_id"]
    if source.startswith("file:"):
        if given is None or given.suffix == ".npy":
            raise ProjectError(
                f"the text vectors of this run come from {source.removeprefix('file:')}, which cannot read new texts",
                "give the new items' vectors with --vectors FILE: Parquet, with item_id and vector (a list of numbers)",
            )
        old = base or vectors_from_file(project.resolve(source.removeprefix("file:")), ids)
        new = vectors_from_file(given, fresh["item_id"])
    elif source == "none" or not project.data.text:
        raise ProjectError(
            "this run knows no texts, and a new item has nothing else to be placed by",
            "name text columns in data.text, set vectors.semantic, and train again",
        )
    elif source.startswith("hf:"):
        from core.vectors.text_encoder import encoder_vectors

        folder = project.resolve(source.removeprefix("hf:"))
        model = str(folder) if folder.is_dir() else source.removeprefix("hf:")
        dtype, device = "bf16" if use_bf16(project.run) else "fp32", device_of(project.run)
        old = base or encoder_vectors(_base_texts(data), model, dtype, device, reporter)
        new = encoder_vectors(_texts(fresh), model, dtype, device, reporter)
    else:
        if base is not None and artefact is not None and (artefact / "lsa.npz").is_file():
            fitted, old = Lsa.load(artefact / "lsa.npz"), base
        else:
            fitted, old = fit_lsa(_base_texts(data), project.vectors.semantic_dim, project.seed)
        new = fitted.encode(_texts(fresh))
    if len(old.matrix) != len(ids):
        raise DataError(f"{artefact}: text vectors of {len(old.matrix)} items for {len(ids)}", "train again with --new")
    if new.known.any() and new.matrix.shape[1] != old.matrix.shape[1]:
        raise ProjectError(f"new text vectors of width {new.matrix.shape[1]}, the run's have {old.matrix.shape[1]}")
    mean = old.matrix[old.known].mean(axis=0) if old.known.any() else old.matrix.mean(axis=0)
    rows = np.tile(mean, (len(fresh), 1))
    rows[new.known] = new.matrix[new.known]
    return old.matrix, np.asarray(rows, dtype=np.float32)


def _base_texts(data: Path) -> Sequence[str]:
    return _texts(pl.read_parquet(data / "items.parquet", columns=["text"], glob=False))


def _texts(items: pl.DataFrame) -> Sequence[str]:
    return [text or "" for text in items["text"].to_list()]


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
    near = seen[_nearest(text, seen, fresh, min(NEIGHBOURS, len(seen)))]
    estimates = np.zeros((len(fresh), behavior.matrix.shape[1]), dtype=np.float32)
    for column in near.T:
        estimates += behavior.unit(column) / near.shape[1]
    return estimates


def _nearest(text: Space, seen: np.ndarray, fresh: Matrix, k: int) -> np.ndarray:
    """Places in `seen` of the k nearest by cosine; shape (new, k)."""
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
    _, near = index.search(np.ascontiguousarray(unit, dtype=np.float32), k)
    return np.where(near < 0, near[:, :1], near)  # fewer than k in the cells that were searched


def spaces_of(
    text: tuple[Matrix, Matrix], behavior: ItemVectors | None
) -> tuple[Mapping[str, Space], Mapping[str, Matrix]]:
    """The spaces of the base, and the new items' centred vectors in them, by source.

    Args:
        text: what `text_vectors` gives.
        behavior: the base's behaviour vectors; None where the run has none.
    """
    spaces = {"semantic": Space.of(text[0])}
    fresh = {"semantic": spaces["semantic"].centred(text[1])}
    if behavior is not None:
        spaces["behavior"] = Space.of(behavior.matrix)
        estimates = behaviour_estimates(spaces["semantic"], text[1], spaces["behavior"], behavior.known)
        fresh["behavior"] = spaces["behavior"].centred(estimates)
    return spaces, fresh
