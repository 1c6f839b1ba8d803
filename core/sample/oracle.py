"""The best reachable figures: what a reader of the observed history alone could know, computed exactly.

The hidden state is the reader's circle and one genre mood a thread. Given the circle the threads are separate hidden
Markov models, so that one small forward filter a thread gives the exact posterior and, through it, the exact chance of
each next book. Ranking by it is optimal for recall and for NDCG.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from core.sample.readers import Floats, Ints, NextBook, Process, Shelf, drift

CUTS = (1, 5, 10, 20, 50)


def predict(shelf: Shelf, process: Process, history: Sequence[int], moves: Floats | None = None) -> Floats:
    """p(next book | history), all hidden tastes summed out; zero for books that cannot come next."""
    moves = drift(shelf, process) if moves is None else moves
    circles = np.full((process.circles, 1), 1.0 / process.circles)
    moods = np.full((process.threads, process.circles, shelf.genres), 1.0 / shelf.genres)
    for step, book in enumerate(history):
        thread = step % process.threads
        likely = moods[thread] * NextBook(shelf, process, history[:step]).of(book)
        seen = likely.sum(axis=1, keepdims=True)
        circles = circles * seen / (circles * seen).sum()
        moods[thread] = (likely / seen) @ moves
    return NextBook(shelf, process, history).mixed(circles * moods[len(history) % process.threads])


def ranks(shelf: Shelf, process: Process, lists: Sequence[Sequence[int]]) -> Ints:
    """The rank (0 = first) that the exact prediction gives to each list's last book."""
    moves = drift(shelf, process)
    above = []
    for books in lists:
        # Rounding keeps the order of near-equal books free of the machine's last floating-point digit.
        chances = np.round(predict(shelf, process, books[:-1], moves), 12)
        own = chances[books[-1]]
        above.append(int((chances > own).sum() + (chances[: books[-1]] == own).sum()))
    return np.asarray(above, dtype=np.int64)


def metrics(rank: Ints, cuts: Iterable[int] = CUTS) -> dict[str, float]:
    """Recall and NDCG at each cut from 0-based ranks, rounded to six digits."""
    figures: dict[str, float] = {}
    gain = 1.0 / np.log2(rank + 2.0)
    for cut in cuts:
        hit = rank < cut
        figures[f"recall@{cut}"] = round(float(hit.mean()), 6)
        figures[f"ndcg@{cut}"] = round(float(np.where(hit, gain, 0.0).mean()), 6)
    return figures
