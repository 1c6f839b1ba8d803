"""One vector an item: from its text (semantic) and from who took it when (behaviour).

Providers are plug-ins: a built-in one is one file in `text/` or `behavior/`, named as in `vectors.semantic` or
`vectors.behavior`; see `core.registry`. The models that they fit stand beside those folders.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from core.cost import Job, Work
from core.data.arrays import Sequences
from core.data.items import field_texts
from core.errors import ProjectError
from core.run.reporting import Reporter
from core.settings import VectorSettings

if TYPE_CHECKING:
    from core.vectors.align import Aligning

KINDS = ("semantic", "behavior")
"""The kinds of vectors: their stages, and what `index.sources` may hold."""
RECENCY = 0.8
"""An item of a history counts this much of the one after it, wherever a history's items are weighted by age: for the
texts of a history (after SRA-CL, arXiv 2503.04162), its groups, and the mean that stands for a user."""
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
        with np.load(path, allow_pickle=False) as arrays:
            return ItemVectors(arrays["matrix"], arrays["known"], str(arrays["source"]))


@dataclass(frozen=True)
class VectorTask:
    """What a provider gets to make vectors of.

    Attributes:
        items: one row an item number: `item_id`, `title`, `text` (null = none), then the item table's own columns.
        train: every user's training sequence of item numbers; no validation or test target is in it.
        settings: the table [vectors].
        options: the provider's own settings, an instance of its `options`; None where it has none.
        argument: what stands behind `hf:` or `file:` in the setting; else empty.
        inputs: the folder of each further artefact that the provider reads, by stage.
        folder: of the artefact that is made: for a checkpoint to resume from, and for what is kept beside the vectors.
        resolve: makes a path of the project file absolute.
        seed: of everything random.
        device: cpu, cuda or cuda:1.
        dtype: fp32 or bf16, the number format of matrix products.
        reporter: hears the progress; may ask to stop.
        aligning: what the vectors follow while they are learnt, where the project wants that of this stage.
        fields: the columns of the item table that became text (`data.text`).
    """

    items: pl.DataFrame
    train: Sequences
    settings: VectorSettings
    options: Any
    argument: str
    inputs: Mapping[str, Path]
    folder: Path
    resolve: Callable[[str], Path]
    seed: int
    device: str
    dtype: str
    reporter: Reporter
    aligning: Aligning | None = None
    fields: tuple[str, ...] = ()

    @property
    def n_items(self) -> int:
        """Size of the catalogue."""
        return self.items.height

    @property
    def texts(self) -> list[str]:
        """The text of every item; empty where it has none."""
        return [text or "" for text in self.items["text"].to_list()]

    @property
    def field_texts(self) -> dict[str, list[str]]:
        """The texts of single columns, by column; nothing of items of which only the whole text is known."""
        return field_texts(self.items, self.fields)


class VectorProvider(ABC):
    """A source of item vectors.

    Its module is imported whenever its name is looked up, so heavy libraries belong inside its methods.

    Attributes:
        version: raised when the code changes its vectors.
        options: a frozen dataclass of settings, each declared with `core.settings.opt`; None = it has none.
        inputs: stages besides `data` whose artefacts it reads, e.g. `sasrec`. Text vectors are made before all others,
            so a provider of those has none.
        kept: files that `vectors` leaves beside the vectors for `encode`.
        aligned_in: the stage in which its vectors can follow texts (`core.vectors.align`): `behavior`, where it learns
            them itself, or one of `inputs`; empty = they cannot.
    """

    version: ClassVar[int] = 1
    options: ClassVar[type | None] = None
    inputs: ClassVar[tuple[str, ...]] = ()
    kept: ClassVar[tuple[str, ...]] = ()
    aligned_in: ClassVar[str] = ""

    @abstractmethod
    def vectors(self, task: VectorTask) -> ItemVectors:
        """One vector an item number, made by `ItemVectors.of`.

        Raises:
            ProjectError: the settings do not fit the data.
            StopRequested: somebody asked to stop.
        """

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """What `vectors` has to do, for the estimate of a run; None where that cannot be known yet.

        Args:
            job: the data's sizes, the machine, the settings of the stages.
            source: the setting that names it, its argument included, as `hf:MODEL`.
            dim: the width of the vectors that the project asks for.
        """
        return Work(single=0.03)

    @classmethod
    def model(cls, argument: str, options: Any) -> str:
        """The Hugging Face model that it loads, a hub id or a folder; empty = none.

        Args:
            argument: what stands behind `hf:` in the setting.
            options: its own settings; None where it has none.
        """
        return ""

    @classmethod
    def encodes(cls) -> bool:
        """Whether it can encode new items: it has an `encode` of its own."""
        return cls.encode is not VectorProvider.encode

    def encode(self, task: VectorTask) -> ItemVectors:
        """Vectors of new items' texts, in the space of an artefact that `vectors` made; only where `encodes`.

        Args:
            task: `items` are the new ones, `folder` is the artefact's.
        """
        raise TypeError(f"{type(self).__name__} encodes no new items")


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
