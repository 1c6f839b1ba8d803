"""Words for every branch: the terms that set its items apart, so that `<a_12>` reads "nail, polish, lacquer".

Class-based TF-IDF (after BERTopic, arXiv 2203.05794) over the items' titles and texts, with a branch as
the class and its parent as the collection: deeper words say what is special below, they do not repeat what is said
above. A term's score is its share of the branch's items, times the root of the logarithm of how much oftener it is
there than in the parent, times how far it keeps to few branches of the first level, which no stop word of any language
does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer

from core.index.branches import BranchTable
from core.index.words.terms import alike, is_piece, terms_of
from core.run.reporting import Reporter

MOST, LEAST = 5, 3
"""Words of a branch."""
CHARACTERS = 60_000_000
"""Characters that are read in all; of each item as many as that allows, within the two limits below."""
SHORTEST, LONGEST = 100, 400
VOCABULARY = 100_000
SMALL = 1000
"""Items from which on a term must be in two of them."""
CANDIDATES = 16
"""Terms of a branch that are looked at for its words."""
BLOCK = 1 << 15
"""Branches at a time."""
DOUBT = 1.0
"""A term counts as if this many items more were like the parent's: one item alone proves little."""
RARE = 2.0
"""A term of so many items counts half: nobody knows the rarest words."""
OFTENER = 1.5
"""So much oftener than in its parent must a word be in a branch to be said again."""
LONGER = 0.1
"""So much more counts a piece of a text without spaces for each character: of equal ones the longest is the word."""
NOTHING = 1e-9
"""A score up to twice this tells nothing."""
WORTH = 0.1
"""The fourth and fifth word must set the items apart at least this much, against the first one."""

Floats = npt.NDArray[np.float64]
Counts = Any
"""A sparse matrix, rows compressed (`scipy.sparse.csr_matrix`)."""


def branch_words(
    table: BranchTable, titles: Sequence[str], texts: Sequence[str], reporter: Reporter | None = None
) -> list[list[str]]:
    """Find the words of every branch.

    Args:
        table: the branches.
        titles: of every item; empty where there is none.
        texts: of every item; may begin with the title.
        reporter: hears the progress; may ask to stop.

    Returns:
        For every row of the table its words, the most telling first: 3 to 5, fewer where the text gives no more, none
        for the root.

    Raises:
        StopRequested: somebody asked to stop.
    """
    words: list[list[str]] = [[] for _ in range(len(table))]
    items = len(table.order)
    if not items or len(table) == 1:
        return words
    counts, vocabulary = _counts(titles, texts)
    if not vocabulary:
        return words
    counts = counts[table.order]  # a branch's items are now rows in a row
    everywhere = np.asarray(counts.sum(axis=0)).ravel()
    weight = _concentration(table, counts, everywhere) * everywhere / (everywhere + RARE)
    weight *= np.array([1.0 + LONGER * len(term) if is_piece(term) else 1.0 for term in vocabulary])
    for start in range(0, len(table), BLOCK):
        _tell(reporter, start, len(table))
        rows = np.arange(max(start, 1), min(start + BLOCK, len(table)))
        for depth in np.unique(table.depth[rows]):
            some = rows[table.depth[rows] == depth]
            candidates = _candidates(table, some, counts, everywhere, weight)
            for row, (terms, scores, lifts) in zip(some, candidates, strict=True):
                parent = int(table.parent[row])
                if parent and table.size[row] == table.size[parent]:
                    words[row] = words[parent]  # it is all of its parent, and says what that says
                else:
                    said = [word for above in table.path(parent) for word in words[above]]
                    words[row] = _pick([vocabulary[term] for term in terms], scores, lifts, said)
    return words


def _tell(reporter: Reporter | None, done: int, total: int) -> None:
    if reporter is None:
        return

    reporter.progress("words of the branches", done, total, "branches")
    reporter.stop_if_asked()


def _counts(titles: Sequence[str], texts: Sequence[str]) -> tuple[Counts, list[str]]:
    """Items by terms: 1 where the title has the term, 0.5 where only the text has it."""
    items = len(titles)
    longest = min(max(CHARACTERS // max(items, 1), SHORTEST), LONGEST)
    rests = [text[len(title) :] if text.startswith(title) else text for title, text in zip(titles, texts, strict=True)]
    counter = CountVectorizer(
        analyzer=lambda text: terms_of(text, longest), binary=True, min_df=2 if items > SMALL else 1,
        max_features=VOCABULARY, dtype=np.float32,
    )  # fmt: skip
    try:
        counted = counter.fit_transform([*titles, *rests]).tocsr()
    except ValueError:  # no term at all, or none twice
        return sparse.csr_matrix((items, 0), dtype=np.float32), []
    counts = counted[:items].maximum(0.5 * counted[items:]).tocsr()
    return counts, counter.get_feature_names_out().tolist()


def _sums(table: BranchTable, rows: npt.NDArray[np.int64], counts: Counts) -> Counts:
    """Branches by terms: the sum over a branch's items."""
    first, size = table.first[rows].astype(np.int64), table.size[rows].astype(np.int64)
    begin = np.concatenate([[0], np.cumsum(size)])
    members = np.repeat(first - begin[:-1], size) + np.arange(begin[-1])
    ones = np.ones(len(members), dtype=np.float32)
    belongs = sparse.csr_matrix((ones, members, begin), shape=(len(rows), counts.shape[0]))
    return (belongs @ counts).tocsr()


def _concentration(table: BranchTable, counts: Counts, everywhere: Floats) -> Floats:
    """How far each term keeps to few branches of the first level, 0 ... 1: low for "with", high for "nail".

    The Kullback-Leibler distance of the term's spread over the branches from the spread of all items: stop words of
    every language fall out without a list.
    """
    rows = np.asarray(table.children(0), dtype=np.int64)
    sums = _sums(table, rows, counts)
    share = sums.data / everywhere[sums.indices]
    whole = (table.size[rows] / len(table.order)).repeat(np.diff(sums.indptr))
    distance = np.bincount(sums.indices, share * np.log(share / whole), minlength=len(everywhere))
    most = max(float(np.log(len(table.order) / max(table.size[rows].max(), 1))), 1e-9)
    return np.asarray(np.clip(distance / most, 0.0, 1.0))


def _candidates(
    table: BranchTable, rows: npt.NDArray[np.int64], counts: Counts, everywhere: Floats, weight: Floats
) -> Iterator[tuple[npt.NDArray[np.int32], Floats, Floats]]:
    """The terms that may be words of some branches of one depth, the best first.

    Yields:
        For each branch the terms, how far they set it apart, and how much oftener they are in it than in its parent.
    """
    sums = _sums(table, rows, counts)
    parents, place = np.unique(table.parent[rows], return_inverse=True)
    above = _sums(table, parents.astype(np.int64), counts)
    term, row = sums.indices, np.repeat(np.arange(len(rows)), np.diff(sums.indptr))
    size = table.size[rows][row].astype(float)
    in_parent = _entries(above, place[row], term) / table.size[parents][place[row]]
    in_all = everywhere[term] / len(table.order)
    share = (sums.data + DOUBT * in_parent) / (size + DOUBT)
    # The root of the lift: a reader is helped by "nail" in most titles more than by a brand in a third of them.
    lift = share / in_parent
    special = share * np.sqrt(np.maximum(np.log(lift), 0.0)) * weight[term]
    typical = share * np.sqrt(np.maximum(np.log(share / in_all), 0.0)) * weight[term]
    score = special + 1e-3 * typical + NOTHING * share  # the others settle ties, and fill up
    order = np.lexsort((term, -score, row))
    rank = np.arange(len(order)) - np.repeat(sums.indptr[:-1], np.diff(sums.indptr))
    order = order[rank < CANDIDATES]
    ends = np.cumsum(np.minimum(np.diff(sums.indptr), CANDIDATES))
    begin = 0
    for end in ends:
        picks = order[begin:end]
        begin = end
        yield term[picks], score[picks], lift[picks]


def _entries(matrix: Counts, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> Floats:
    """Single entries of a sparse matrix that are known to be there."""
    matrix.sort_indices()
    width = matrix.shape[1]
    keys = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr)) * width + matrix.indices
    return np.asarray(matrix.data[np.searchsorted(keys, rows.astype(np.int64) * width + columns)], dtype=np.float64)


def _pick(terms: list[str], scores: Floats, lifts: Floats, said: list[str]) -> list[str]:
    """The first terms that are not alike.

    Those that the branches above say already are taken where they are much oftener here, or where words are too few;
    those that tell nothing, where there is nothing else.
    """
    words: list[str] = []
    again: list[str] = []
    for term, score, lift in zip(terms, scores, lifts, strict=True):
        if len(words) == MOST or (len(words) >= LEAST and score < WORTH * scores[0]):
            break
        if len(words) >= (LEAST if scores[0] <= 2 * NOTHING else 1) and score <= 2 * NOTHING:
            break
        if lift < OFTENER and any(alike(term, word) for word in said):
            again.append(term)
        elif not any(alike(term, word) for word in words):
            words.append(term)
    for term in again:
        if len(words) < LEAST and not any(alike(term, word) for word in words):
            words.append(term)
    return words
