"""How the sample's readers choose books: a small generative process with hidden taste, and its simulation.

A reader belongs to one hidden *circle* for life and has a *genre mood* that drifts along a ring of genres. Books belong to a
circle too, drawn without looking at their text. Each next book comes from one of five habits, mixed with fixed weights:

* ``series``: the next volume of a series begun earlier, not always the one read last;
* ``author``: another book by an author of the last few reads;
* ``circle``: a book of the reader's circle in the mood's genre;
* ``genre``: any book of the mood's genre;
* ``fame``: any book at all, by popularity.

A habit with nothing left to offer gives its weight to the others. Nobody reads a book twice, nor a volume before its predecessor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Process:
    """The constants of the process; the oracle knows them, a model has to learn what follows from them."""

    circles: int = 8
    series: float = 0.34
    author: float = 0.06
    circle: float = 0.48
    genre: float = 0.07
    fame: float = 0.05
    stay: float = 0.70
    """Chance that the mood keeps its genre from one book to the next."""
    onward: float = 0.24
    """Chance that the mood moves to the next genre of the ring; what is left goes to any genre alike."""
    patience: tuple[float, ...] = (1.0, 0.4, 0.2)
    """Pull of a begun series by the number of the thread's books since its last volume; none beyond the end."""
    author_memory: int = 2
    """How many of the thread's last reads can bring their authors back."""
    threads: int = 3
    shortest: int = 6
    longest: int = 20
    """Bounds of a reader's number of books; drawn between them, shorter ones more often."""


@dataclass(frozen=True)
class Shelf:
    """What the process sees of the books: one entry a book in each array."""

    genre: Ints
    author: Ints
    circle: Ints
    fame: Floats
    following: Ints
    """The next volume's book number, or -1."""
    entry: NDArray[np.bool_]
    """True where no earlier volume has to be read first."""
    genres: int

    def __len__(self) -> int:
        """The number of books."""
        return len(self.genre)


def drift(shelf: Shelf, process: Process) -> Floats:
    """The genre mood's transition matrix, rows = from."""
    n = shelf.genres
    matrix = np.full((n, n), (1.0 - process.stay - process.onward) / n)
    for genre in range(n):
        matrix[genre, genre] += process.stay
        matrix[genre, (genre + 1) % n] += process.onward
    return matrix


class Choice:
    """The distribution of the next book after one history, for every hidden state (circle, genre)."""

    def __init__(self, shelf: Shelf, process: Process, history: Sequence[int]) -> None:
        """Work out what is open to a reader of ``history`` (book numbers, oldest first)."""
        self.shelf, self.process = shelf, process
        read = np.asarray(history, dtype=np.int64)
        opened = shelf.entry.copy()
        nexts = shelf.following[read]
        opened[nexts[nexts >= 0]] = True
        opened[read] = False
        self.open_fame = np.where(opened, shelf.fame, 0.0)
        self.shared = np.zeros(len(shelf))
        self.base = 0.0
        own = read[len(read) % process.threads :: process.threads]
        series = self._series(own, opened)
        for weight, part in (
            # Series begun a moment ago pull little: their habit then takes up less than its full weight.
            (process.series * min(1.0, float(series.sum())), series),
            (process.author, self._author(own)),
            (process.fame, self.open_fame),
        ):
            total = part.sum()
            if total > 0:
                self.shared += weight / total * part
                self.base += weight
        cells = shelf.circle * shelf.genres + shelf.genre
        shape = (process.circles, shelf.genres)
        self.cell_fame = np.bincount(cells, weights=self.open_fame, minlength=shape[0] * shape[1]).reshape(shape)
        self.genre_fame = self.cell_fame.sum(axis=0)

    def _series(self, own: Ints, opened: NDArray[np.bool_]) -> Floats:
        part = np.zeros(len(self.shelf))
        for book, pull in zip(own[::-1], self.process.patience, strict=False):
            following = self.shelf.following[book]
            if following >= 0 and opened[following]:
                part[following] = pull
        return part

    def _author(self, own: Ints) -> Floats:
        part = np.zeros(len(self.shelf))
        for author in self.shelf.author[own[-self.process.author_memory :]]:
            part += np.where(self.shelf.author == author, self.open_fame, 0.0)
        return part

    def _weights(self) -> tuple[Floats, Floats, Floats]:
        """Weights of one unit of fame in its cell and in its genre, and the normaliser; each (circles, genres)."""
        in_cell = np.divide(self.process.circle, self.cell_fame, out=np.zeros_like(self.cell_fame), where=self.cell_fame > 0)
        in_genre = np.divide(
            self.process.genre, self.genre_fame, out=np.zeros_like(self.genre_fame), where=self.genre_fame > 0
        )
        total = self.base + self.process.circle * (in_cell > 0) + self.process.genre * (in_genre > 0)
        return in_cell / total, np.broadcast_to(in_genre, total.shape) / total, 1.0 / total

    def row(self, circle: int, genre: int) -> Floats:
        """Probabilities of every book for one hidden state; they add up to one."""
        in_cell, in_genre, scale = (part[circle, genre] for part in self._weights())
        shelf = self.shelf
        matching = shelf.genre == genre
        pull = np.where(matching, in_genre + np.where(shelf.circle == circle, in_cell, 0.0), 0.0)
        return self.shared * scale + pull * self.open_fame

    def of(self, book: int) -> Floats:
        """Probability of one book under every hidden state, shape (circles, genres)."""
        in_cell, in_genre, scale = self._weights()
        likely = self.shared[book] * scale
        circle, genre = self.shelf.circle[book], self.shelf.genre[book]
        likely[:, genre] += in_genre[:, genre] * self.open_fame[book]
        likely[circle, genre] += in_cell[circle, genre] * self.open_fame[book]
        return likely

    def mixed(self, belief: Floats) -> Floats:
        """Probabilities of every book when the hidden state is known as ``belief``, shape (circles, genres)."""
        in_cell, in_genre, scale = self._weights()
        shelf = self.shelf
        cell = (belief * in_cell)[shelf.circle, shelf.genre]
        genre = (belief * in_genre).sum(axis=0)[shelf.genre]
        return self.shared * float((belief * scale).sum()) + (cell + genre) * self.open_fame


def draw(weights: Floats, rng: np.random.Generator) -> int:
    """One index, with chances in proportion to ``weights``; needs nothing of the generator but ``random``."""
    ladder = np.cumsum(weights)
    return min(int(np.searchsorted(ladder, rng.random() * ladder[-1], side="right")), len(weights) - 1)


def simulate(shelf: Shelf, process: Process, readers: int, rng: np.random.Generator) -> list[list[int]]:
    """The reading lists of ``readers`` readers, book numbers in reading order."""
    moves = drift(shelf, process)
    span = process.longest - process.shortest
    lists = []
    for _ in range(readers):
        length = process.shortest + int((span + 1) * rng.random() * max(rng.random(), 0.25))
        circle = int(rng.random() * process.circles)
        moods = [int(rng.random() * shelf.genres) for _ in range(process.threads)]
        history: list[int] = []
        for step in range(length):
            thread = step % process.threads
            history.append(draw(Choice(shelf, process, history).row(circle, moods[thread]), rng))
            moods[thread] = draw(moves[moods[thread]], rng)
        lists.append(history)
    return lists
