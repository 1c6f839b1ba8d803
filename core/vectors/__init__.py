"""One vector an item: from its text (semantic) and from who bought it when (behaviour)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.errors import ProjectError

BLOCK = 1 << 14


@dataclass(frozen=True)
class ItemVectors:
    """A matrix with one row an item number.

    Attributes:
        matrix: float32, shape (items, dim).
        known: Whether the item has a vector of its own; shape (items,). The others hold the mean of the known ones.
        source: What made it, e.g. `lsa`.
    """

    matrix: npt.NDArray[np.float32]
    known: npt.NDArray[np.bool_]
    source: str

    @staticmethod
    def of(
        matrix: npt.NDArray[np.floating],
        known: npt.NDArray[np.bool_],
        source: str,
        item_ids: pl.Series | None = None,
    ) -> ItemVectors:
        """Fill the rows of unknown items with the mean of the known ones.

        Raises:
            ProjectError: where a known row holds NaN or infinity; the item is named.
        """
        filled = np.ascontiguousarray(matrix, dtype=np.float32)
        refuse_broken(filled, source, item_ids, known)
        if known.any() and not known.all():
            filled = np.where(known[:, None], filled, filled[known].mean(axis=0))
        return ItemVectors(np.nan_to_num(filled), known, source)

    def save(self, path: Path) -> None:
        """Write `path` (a .npz file)."""
        np.savez(path, matrix=self.matrix, known=self.known, source=np.array(self.source))

    @staticmethod
    def load(path: Path) -> ItemVectors:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as held:
            return ItemVectors(held["matrix"], held["known"], str(held["source"]))


def refuse_broken(
    matrix: npt.NDArray[np.float32],
    source: str,
    item_ids: pl.Series | None = None,
    known: npt.NDArray[np.bool_] | None = None,
) -> None:
    """Refuse vectors that are no numbers.

    Args:
        matrix: shape (items, dim).
        source: what made it.
        item_ids: id of every item number, for the message; None = the number has to do.
        known: rows that are looked at, shape (items,); None = all.

    Raises:
        ProjectError: where a row holds NaN or infinity; the item is named.
    """
    for start in range(0, len(matrix), BLOCK):
        broken = ~np.isfinite(matrix[start : start + BLOCK]).all(axis=1)
        if known is not None:
            broken &= known[start : start + BLOCK]
        if broken.any():
            number = start + int(broken.argmax())
            name = f"item {item_ids[number]!r}, number {number}," if item_ids is not None else f"item number {number}"
            raise ProjectError(
                f"the {source} vector of {name} holds NaN or infinity", "leave the item out of the vectors, or mend it"
            )


def vectors_from_file(path: Path, item_ids: pl.Series) -> ItemVectors:
    """Vectors that somebody else made.

    Args:
        path: a .npy matrix whose rows are the item numbers, or a Parquet file with `item_id` and `vector` (a list).
        item_ids: id of every item number.

    Raises:
        ProjectError: where the file is missing or does not fit the catalogue.
    """
    if not path.is_file():
        raise ProjectError(f"{path}: no such file of vectors", "check vectors.semantic and vectors.behavior")
    if path.suffix == ".npy":
        try:
            matrix = np.load(path, allow_pickle=False).astype(np.float32)
        except (ValueError, EOFError, OSError) as error:
            raise ProjectError(f"{path}: not a plain .npy matrix of numbers ({error})") from error
        if matrix.ndim != 2 or len(matrix) != len(item_ids):
            shape = "x".join(map(str, matrix.shape))
            raise ProjectError(
                f"{path}: a matrix of {shape} for {len(item_ids)} items",
                "a .npy file has one row an item, in the order of the dataset; Parquet with item_id is safer",
            )
        return ItemVectors.of(matrix, np.ones(len(item_ids), dtype=bool), f"file:{path.name}", item_ids)
    try:
        table = pl.read_parquet(path, columns=["item_id", "vector"], glob=False)
        table = table.select(pl.col("item_id").cast(pl.String), pl.col("vector").cast(pl.List(pl.Float32)))
        table = table.drop_nulls().unique("item_id", keep="first", maintain_order=True)
        widths = table["vector"].list.len().unique()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ProjectError(f"{path}: cannot read item_id and vector, a list of numbers ({error})") from error
    if table.schema["vector"] != pl.List(pl.Float32) or len(widths) != 1:
        raise ProjectError(f"{path}: vectors of different lengths: {sorted(widths.to_list())[:5]}")
    joined = item_ids.alias("item_id").to_frame().join(table, on="item_id", how="left", maintain_order="left")
    known = joined["vector"].is_not_null().to_numpy()
    if not known.any():
        raise ProjectError(f"{path}: none of its item ids is in the catalogue")
    matrix = np.zeros((len(item_ids), widths[0]), dtype=np.float32)
    matrix[known] = np.stack([np.asarray(v, dtype=np.float32) for v in joined["vector"].drop_nulls()])
    return ItemVectors.of(matrix, known, f"file:{path.name}", item_ids)
