"""A network on the weighted terms of each column of an item's text: its vector, without a language model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Int64
from core.errors import DataError
from core.training.unit import unit_rows
from core.vectors import ItemVectors
from core.vectors.lsa_model import count_terms, vectorizer_of

MAX_TERMS = 8_000
"""Of a column."""


@dataclass(frozen=True)
class ColumnTerms:
    """The terms of a column.

    Attributes:
        analyzer: as in `core.vectors.lsa_model`; empty where nothing of the column can be counted.
        terms: in the order of their numbers.
        idf: weight of each; (terms,).
    """

    analyzer: str
    terms: tuple[str, ...]
    idf: npt.NDArray[np.float64]

    @staticmethod
    def of(texts: Sequence[str]) -> ColumnTerms:
        """Those of a column's texts, one an item."""
        counted = count_terms(texts, MAX_TERMS)
        if counted is None:
            return ColumnTerms("", (), np.zeros(0))
        analyzer, words, _ = counted
        return ColumnTerms(analyzer, tuple(words.get_feature_names_out().tolist()), words.idf_)

    def weights(self, texts: Sequence[str]) -> sparse.csr_array:
        """TF-IDF weights, each row of unit length; (texts, terms)."""
        if not self.terms or not len(texts):
            return sparse.csr_array((len(texts), len(self.terms)), dtype=np.float32)
        words = vectorizer_of(self.analyzer, vocabulary=list(self.terms))
        words.idf_ = self.idf
        return sparse.csr_array(words.transform(texts), dtype=np.float32)


class Bags(NamedTuple):
    """Weighted terms of some items, one after the other.

    Attributes:
        terms: their numbers; (entries,).
        weights: (entries,).
        offsets: where each item begins; (items,).
    """

    terms: Tensor
    weights: Tensor
    offsets: Tensor


class FieldNetwork(nn.Module):
    """Weighted terms to a unit vector: a sum of learnt rows, GELU, a linear map.

    Args:
        width: terms of all columns, and one mark a column that says that it is there.
        dim: of the vectors, and of the layer inside.
        columns: of text.
    """

    def __init__(self, width: int, dim: int, columns: int) -> None:
        super().__init__()
        self.terms = nn.EmbeddingBag(width, dim, mode="sum", include_last_offset=False)
        self.bias = nn.Parameter(torch.zeros(dim))
        self.out = nn.Linear(dim, dim)
        # Each column brings terms of unit length: the states begin with a variance of about one.
        nn.init.normal_(self.terms.weight, std=columns**-0.5)

    def forward(self, bags: Bags) -> Tensor:
        """Shape (items, dim)."""
        states = self.terms(bags.terms, bags.offsets, per_sample_weights=bags.weights) + self.bias
        return unit_rows(torch.as_tensor(self.out(functional.gelu(states))))


@dataclass(frozen=True)
class FieldEncoder:
    """Encodes items by the columns of their text.

    Attributes:
        terms: by column, in order.
        network: trained.
    """

    terms: Mapping[str, ColumnTerms]
    network: FieldNetwork

    def weights(self, texts: Mapping[str, Sequence[str]]) -> sparse.csr_array:
        """Weighted terms of all columns, then a mark for each that is there; (items, width)."""
        blocks = [terms.weights(texts[name]) for name, terms in self.terms.items()]
        marks = np.array([[bool(text) for text in texts[name]] for name in self.terms], dtype=np.float32).T
        return sparse.csr_array(sparse.hstack([*blocks, sparse.csr_array(marks)], format="csr"))

    @property
    def column_of(self) -> Int64:
        """The number of the column that each term, and each mark, belongs to; (width,)."""
        sizes = [len(one.terms) for one in self.terms.values()]
        return np.concatenate([np.repeat(np.arange(len(sizes)), sizes), np.arange(len(sizes))])

    def encode(self, texts: Mapping[str, Sequence[str]]) -> ItemVectors:
        """Vectors of items; those of which no term is known count as unknown."""
        weights = self.weights(texts)
        known = np.diff(weights[:, : weights.shape[1] - len(self.terms)].indptr) > 0
        return ItemVectors.of(self.rows(weights), known, "contrastive")

    @torch.no_grad()
    def rows(self, weights: sparse.csr_array) -> npt.NDArray[np.float32]:
        """Unit vectors of weighted terms; (items, dim)."""
        self.network.eval()
        blocks = [self.network(bags_of(weights[at : at + 4096])) for at in range(0, weights.shape[0], 4096)]
        dim = self.network.out.out_features
        return np.concatenate([block.numpy() for block in blocks]) if blocks else np.zeros((0, dim), np.float32)

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        about = {name: {"analyzer": one.analyzer, "terms": one.terms} for name, one in self.terms.items()}
        tensors = {f"idf.{number}": torch.from_numpy(one.idf) for number, one in enumerate(self.terms.values())}
        tensors |= {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        save_file(tensors, path, metadata={"columns": json.dumps(about)})

    @staticmethod
    def load(path: Path) -> FieldEncoder:
        """Read what `save` wrote.

        Raises:
            DataError: the file is broken.
        """
        try:
            with safe_open(path, "pt") as file:
                about = json.loads(file.metadata()["columns"])
                state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, a file is no mapping
            terms = {
                name: ColumnTerms(one["analyzer"], tuple(one["terms"]), state.pop(f"idf.{number}").numpy())
                for number, (name, one) in enumerate(about.items())
            }
            width, dim = state["terms.weight"].shape
            network = FieldNetwork(width, dim, len(terms))
            network.load_state_dict(state)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            raise DataError(f"{path}: not an encoder of text ({error})", "train again with --new") from error
        return FieldEncoder(terms, network.eval())


def bags_of(weights: sparse.csr_array) -> Bags:
    """Rows of weighted terms as a network wants them."""
    return Bags(
        torch.from_numpy(weights.indices.astype(np.int64)),
        torch.from_numpy(weights.data.astype(np.float32)),
        torch.from_numpy(weights.indptr[:-1].astype(np.int64)),
    )
