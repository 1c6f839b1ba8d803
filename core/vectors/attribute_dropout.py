"""Text vectors by attribute dropout: two views of an item, each with some of its columns, have to find one another.

After LLMEmb (arXiv 2409.19925): there two prompts of an item, with attributes shuffled and left out, go
through a language model that learns by adapters. Here the encoder is `core.vectors.column_encoder`, which needs no
model; the order of columns is nothing to it. The targets are hard, and the temperature is fixed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Int64
from core.run.reporter import Reporter
from core.training.fitting import fit
from core.training.schedule import Schedule
from core.vectors import ItemVectors
from core.vectors.column_encoder import Bags, ColumnTerms, FieldEncoder, FieldNetwork

NOT_THERE = -1e4
"""A logit that is not to count."""
Bool = npt.NDArray[np.bool_]


class ViewSettings(Protocol):
    """What the views and their training are told; see `core.vectors.text.contrastive.ContrastiveOptions`."""

    @property
    def drop(self) -> float:
        """Share of an item's columns that a view leaves out."""

    @property
    def term_drop(self) -> float:
        """Share of the terms of the others that it leaves out."""

    @property
    def epochs(self) -> int:
        """Passes over the items."""

    @property
    def temperature(self) -> float:
        """Cosines are divided by this."""

    @property
    def batch(self) -> int:
        """Items a step."""

    @property
    def learning_rate(self) -> float:
        """Highest step size."""


def kept_columns(there: Bool, drop: float, draw: np.random.Generator) -> Bool:
    """Which columns a view of each item keeps: all but a share of those that are there.

    The share is cut to whole columns, as in LLMEmb's code, but one at least goes where there are two, and one stays.

    Args:
        there: which columns each item has; (items, columns).
        drop: share that is left out; 0 = none.
        draw: of this view alone.

    Returns:
        Same shape; nothing of an item that has no column.
    """
    count = there.sum(axis=1)
    going = np.floor(drop * count).astype(np.int64)
    going = np.where((drop > 0) & (count > 1), np.clip(going, 1, count - 1), 0)
    # The columns of an item in random order, those that are not there last: the first so many go. (items, columns)
    chance = np.where(there, draw.random(there.shape), np.inf)
    places = chance.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    kept: Bool = there & (places >= going[:, None])
    return kept


View = TypeVar("View")


class ViewBatch(NamedTuple, Generic[View]):
    """Two views of some items.

    Attributes:
        first: one view.
        second: the other.
        text_ids: a number that items of the same text share; (items,).
    """

    first: View
    second: View
    text_ids: Tensor


@dataclass(frozen=True)
class Views(Sequence[ViewBatch[View]], ABC):
    """The batches of an epoch, each drawn when it is asked for, and every time the same.

    Attributes:
        text_ids: see `ViewBatch`; of all items.
        batches: item numbers of each.
        settings: shares that are left out.
        seed: and the number of the epoch.
    """

    text_ids: Int64
    batches: Sequence[Int64]
    settings: ViewSettings
    seed: tuple[int, int]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> ViewBatch[View]:  # type: ignore[override]
        items = self.batches[number]
        draw = np.random.default_rng([*self.seed, number])
        first, second = (self.view(items, draw) for _ in range(2))
        return ViewBatch(first, second, torch.from_numpy(self.text_ids[items]))

    @abstractmethod
    def view(self, items: Int64, draw: np.random.Generator) -> View:
        """A view of some items, as the encoder reads it."""


@dataclass(frozen=True)
class FieldViews(Views[Bags]):
    """Views by weighted terms.

    Attributes:
        weights: of all items; (items, width).
        column_of: see `FieldEncoder`.
    """

    weights: sparse.csr_array
    column_of: Int64

    def view(self, items: Int64, draw: np.random.Generator) -> Bags:
        """See `Views`."""
        rows = self.weights[items]
        columns = int(self.column_of.max()) + 1
        marks = rows.shape[1] - columns  # the first of them
        there = rows[:, marks:].toarray() > 0
        kept = kept_columns(there, self.settings.drop, draw)
        # (entries,): the item and the column of each; a mark stays with its column, a term by chance too.
        item = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        stays = kept[item, self.column_of[rows.indices]]
        stays &= (rows.indices >= marks) | (draw.random(len(item)) >= self.settings.term_drop)
        counts = np.bincount(item[stays], minlength=rows.shape[0])
        offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return Bags(
            torch.from_numpy(rows.indices[stays].astype(np.int64)),
            torch.from_numpy(rows.data[stays]),
            torch.from_numpy(offsets.astype(np.int64)),
        )


def contrast_of_views(first: Tensor, second: Tensor, text_ids: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy of finding each item's other view among those of the batch, the mean of both directions.

    Args:
        first: unit vectors of one view; (items, dim).
        second: of the other.
        text_ids: items that share a number have the same text, and are no negatives of each other; (items,).
        temperature: cosines are divided by this.

    Returns:
        The loss, and the share of items whose own other view is the nearest.
    """
    logits = first.float() @ second.float().T / temperature  # (items, items)
    same = (text_ids[:, None] == text_ids) & ~torch.eye(len(text_ids), dtype=torch.bool, device=text_ids.device)
    logits = logits.masked_fill(same, NOT_THERE)
    own = torch.arange(len(text_ids), device=text_ids.device)
    loss = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
    return loss, (logits.argmax(dim=1) == own).float().mean()


class ViewContrast(nn.Module):
    """The training objective: two views of an item find one another.

    Args:
        encoder: what learns.
        encode: by it, a view to vectors.
        temperature: cosines are divided by this.
    """

    def __init__(self, encoder: nn.Module, encode: Callable[[Any], Tensor], temperature: float) -> None:
        super().__init__()
        self.encoder, self.encode, self.temperature = encoder, encode, temperature

    def forward(self, batch: ViewBatch[Any]) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`."""
        views = self.encode(batch.first), self.encode(batch.second)
        loss, right = contrast_of_views(*views, batch.text_ids.to(views[0].device), self.temperature)
        return loss, {"text_contrast": loss.item(), "own_view_first": right.item()}, len(batch.text_ids)


def text_ids_of(texts: Sequence[str]) -> Int64:
    """A number that items of the same text share; (items,)."""
    return np.unique(np.asarray(texts, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64).ravel()


def item_batches(items: Int64, size: int, seed: Sequence[int]) -> list[Int64]:
    """All items in random order, in batches of about equal size."""
    order = np.random.default_rng(list(seed)).permutation(items)
    return [part for part in np.array_split(order, max(1, -(-len(order) // size))) if len(part)]


def fit_contrastive(
    texts: Mapping[str, Sequence[str]], whole: Sequence[str], settings: ViewSettings, dim: int, seed: int,
    reporter: Reporter, folder: Path,
) -> tuple[FieldEncoder, ItemVectors]:  # fmt: skip
    """Train on a catalogue, on the CPU; resumable.

    Args:
        texts: by column a text an item, empty where it has none.
        whole: the whole text of each item; those whose texts are equal are no negatives of each other.
        settings: of views and training.
        dim: of the vectors.
        seed: of weights, views and order.
        reporter: hears the progress; may ask to stop.
        folder: where a checkpoint is left for resuming.

    Returns:
        The encoder, and vectors of unit length; an item without any text has none of its own.

    Raises:
        StopRequested: somebody asked to stop.
    """
    terms = {name: ColumnTerms.of(column) for name, column in texts.items()}
    width = sum(len(one.terms) for one in terms.values()) + len(terms)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        encoder = FieldEncoder(terms, FieldNetwork(width, dim, len(terms)))
    weights, column_of, text_ids = encoder.weights(texts), encoder.column_of, text_ids_of(whole)
    known = np.array([bool(text.strip()) for text in whole])

    def batches(epoch: int) -> FieldViews:
        parts = item_batches(np.flatnonzero(known), settings.batch, (seed, epoch))
        return FieldViews(text_ids, parts, settings, (seed, epoch), weights, column_of)

    if known.sum() > 1:
        objective = ViewContrast(encoder.network, encoder.network, settings.temperature)
        schedule = Schedule(settings.epochs, settings.learning_rate)
        fit("text vectors", objective, batches, schedule, seed, reporter, folder)
    return encoder, ItemVectors.of(encoder.rows(weights), known, "contrastive")
