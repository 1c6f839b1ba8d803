"""How often each letter stands in an item's text."""

from dataclasses import dataclass

import numpy as np

from core.settings import opt
from core.vectors import ItemVectors, VectorProvider, VectorTask


@dataclass(frozen=True)
class LetterOptions:
    """The table `[vectors.toy-letters]`."""

    letters: str = opt("abcdefghijklmnopqrstuvwxyz", "the letters that are counted")


class LetterCounts(VectorProvider):
    """How often each letter stands in an item's text."""

    version = 2
    options = LetterOptions

    def vectors(self, task: VectorTask) -> ItemVectors:
        """A row an item, a column a letter; an item without text is unknown."""
        counts = np.array([[text.lower().count(one) for one in task.options.letters] for text in task.texts])
        return ItemVectors.of(counts, np.array([bool(text) for text in task.texts]), "toy-letters")
