"""How the sample's readers choose books: a small generative process with hidden tastes, and its simulation.

A reader belongs to one hidden *circle* for life and keeps two *threads* of reading, say one for the train and one for
the bedside, whose books take turns. Each thread has a *mood*: a genre that drifts along a ring of genres. Books belong
to circles too, dealt without looking at their text. A thread's next book comes from one of five habits, mixed with
fixed weights:

* ``series``: the next volume of a series that the thread has begun;
* ``author``: another book by an author of the thread's last reads;
* ``circle``: a book of the reader's circle in the thread's genre;
* ``genre``: any book of that genre;
* ``fame``: any book at all, by popularity.

A habit with nothing left to offer gives its weight to the others. Nobody reads a book twice, nor a volume before the
earlier ones of its series.
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

    circles: int = 7
    series: float = 0.40
    author: float = 0.05
    circle: float = 0.41
    genre: float = 0.07
    fame: float = 0.07
    """The five habits' weights."""
    threads: int = 2
    """Books that a reader keeps going side by side, each with a mood of its own; they take turns."""
    stay: float = 0.80
    """Chance that a thread's mood keeps its genre from one of its books to the next."""
    onward: float = 0.16
    """Chance that it moves to the next genre of the ring; what is left goes to any genre alike."""
    patience: tuple[float, ...] = (1.0, 0.7, 0.5, 0.3)
    """Pull of a begun series by the number of the thread's books since its last volume; none beyond the end."""
    author_memory: int = 2
    """How many of the thread's last reads can bring their authors back."""
    shortest: int = 10
    longest: int = 28
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


class NextBook:
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
        sums = np.bincount(cells, weights=self.open_fame, minlength=shape[0] * shape[1]).astype(np.float64)
        self.cell_fame: Floats = sums.reshape(shape)
        self.genre_fame: Floats = self.cell_fame.sum(axis=0)

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
        in_cell, in_genre = _share(self.process.circle, self.cell_fame), _share(self.process.genre, self.genre_fame)
        total = self.base + self.process.circle * (in_cell > 0) + self.process.genre * (in_genre > 0)
        return in_cell / total, np.broadcast_to(in_genre, total.shape) / total, 1.0 / total

    def of(self, book: int) -> Floats:
        """Probability of one book under every hidden state, shape (circles, genres)."""
        in_cell, in_genre, scale = self._weights()
        likely: Floats = self.shared[book] * scale
        circle, genre = self.shelf.circle[book], self.shelf.genre[book]
        likely[:, genre] += in_genre[:, genre] * self.open_fame[book]
        likely[circle, genre] += in_cell[circle, genre] * self.open_fame[book]
        return likely

    def mixed(self, belief: Floats) -> Floats:
        """Probabilities of every book when the hidden state is known as ``belief``, shape (circles, genres)."""
        in_cell, in_genre, scale = self._weights()
        shelf = self.shelf
        cell: Floats = (belief * in_cell)[shelf.circle, shelf.genre]
        genre: Floats = (belief * in_genre).sum(axis=0)[shelf.genre]
        mixture: Floats = self.shared * float((belief * scale).sum()) + (cell + genre) * self.open_fame
        return mixture


def _share(weight: float, fame: Floats) -> Floats:
    """``weight`` a unit of ``fame``; nothing where there is none."""
    shares: Floats = np.divide(weight, fame, out=np.zeros_like(fame), where=fame > 0)
    return shares


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
            state = np.zeros((process.circles, shelf.genres))
            state[circle, moods[thread]] = 1.0
            history.append(draw(NextBook(shelf, process, history).mixed(state), rng))
            moods[thread] = draw(moves[moods[thread]], rng)
        lists.append(history)
    return lists
