"""Latent semantic analysis: vectors of texts without a model, and the fitted analysis kept for new items.

Deerwester et al. 1990, "Indexing by Latent Semantic Analysis" (JASIS 41(6)): a truncated SVD of weighted term counts.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.errors import DataError
from core.vectors import ItemVectors

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

MAX_TERMS = 20_000
ANALYZERS: dict[str, dict[str, Any]] = {
    "word": {"max_df": 0.5, "ngram_range": (1, 2)},
    "char_wb": {"ngram_range": (2, 4)},
}


@dataclass(frozen=True)
class Lsa:
    """A fitted analysis: TF-IDF of known terms, projected.

    Attributes:
        analyzer: `word` (words and pairs of them) or `char_wb` (pieces of words).
        terms: what is counted, in the order of the next two.
        idf: weight of each term; shape (terms,).
        components: shape (dim, terms).
        unit: whether rows get unit length.
    """

    analyzer: str
    terms: tuple[str, ...]
    idf: npt.NDArray[np.float64]
    components: npt.NDArray[np.float32]
    unit: bool

    def encode(self, texts: Sequence[str]) -> ItemVectors:
        """Vectors of texts in the same space; texts of which no term is known count as unknown."""
        from sklearn.preprocessing import normalize

        if not self.terms or not texts:
            empty = np.zeros((len(texts), len(self.components)), dtype=np.float32)
            return ItemVectors.of(empty, np.zeros(len(texts), dtype=bool), "lsa")
        words = vectorizer_of(self.analyzer, vocabulary=list(self.terms))
        words.idf_ = self.idf
        counts = words.transform(texts)
        rows = counts @ self.components.T
        known = np.asarray(counts.sum(axis=1)).ravel() > 0
        return ItemVectors.of(normalize(rows) if self.unit else rows, known, "lsa")

    def save(self, path: Path) -> None:
        """Write `path` (a .npz file)."""
        header = json.dumps({"analyzer": self.analyzer, "unit": self.unit, "terms": self.terms})
        about = np.frombuffer(header.encode(), dtype=np.uint8)
        np.savez(path, about=about, idf=self.idf, components=self.components)

    @staticmethod
    def load(path: Path) -> Lsa:
        """Read what `save` wrote.

        Raises:
            DataError: where the file is broken.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                terms = tuple(about["terms"])
                return Lsa(about["analyzer"], terms, arrays["idf"], arrays["components"], about["unit"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: not a fitted text analysis ({error})", "train again with --new") from error


def vectorizer_of(analyzer: str, **more: Any) -> TfidfVectorizer:
    """What counts and weighs terms of a kind; see `ANALYZERS`."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = analyzer == "word"
    return TfidfVectorizer(analyzer=analyzer, sublinear_tf=words, **{**ANALYZERS[analyzer], **more})


def count_terms(texts: Sequence[str], most: int) -> tuple[str, TfidfVectorizer, Any] | None:
    """Weighted counts of the words and pairs of words of some texts; of pieces of words where no word is in two texts.

    Args:
        texts: one an item.
        most: terms at most.

    Returns:
        The analyzer, what counts, and the TF-IDF weights, sparse and with rows of unit length, (items, terms); None
        where nothing can be counted.
    """
    # Where no word survives, e.g. when every text is unique or every text is the same, pieces of words may.
    for analyzer, least in (("word", {"min_df": min(2, len(texts))}), ("char_wb", {})):
        words = vectorizer_of(analyzer, max_features=most, **least)
        try:
            return analyzer, words, words.fit_transform(texts)
        except ValueError:
            continue
    return None


def fit_lsa(texts: Sequence[str], dim: int, seed: int) -> tuple[Lsa, ItemVectors]:
    """Fit on a catalogue: TF-IDF of words and word pairs, truncated SVD, rows of unit length.

    Needs no model and no network, in any language that separates words. Items without text get the mean vector.

    Args:
        texts: one an item.
        dim: width of the vectors, at most.
        seed: of the solver's start.

    Returns:
        The analysis, and the vectors of these texts.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    known = np.array([bool(text.strip()) for text in texts])
    counted = count_terms(texts, MAX_TERMS)
    if counted is None:
        nothing = Lsa("word", (), np.zeros(0), np.zeros((1, 0), dtype=np.float32), False)
        return nothing, ItemVectors.of(np.zeros((len(texts), 1), dtype=np.float32), known, "lsa")
    analyzer, words, counts = counted
    terms = tuple(words.get_feature_names_out().tolist())
    if min(counts.shape) == 1:
        first = np.eye(1, len(terms), dtype=np.float32)
        return Lsa(analyzer, terms, words.idf_, first, False), ItemVectors.of(counts.toarray()[:, :1], known, "lsa")
    rank = max(1, min(dim, min(counts.shape) - 1))
    # ARPACK is exact, and here several times faster than the randomised solver.
    solver = TruncatedSVD(rank, algorithm="arpack", random_state=seed)
    rows = normalize(solver.fit_transform(counts))
    fitted = Lsa(analyzer, terms, words.idf_, np.asarray(solver.components_, dtype=np.float32), True)
    return fitted, ItemVectors.of(rows, known, "lsa")
