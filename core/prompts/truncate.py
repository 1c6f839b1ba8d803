"""The parts of a row, and how they are shortened until the row has room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.prompts.encode import Ids

FIXED, HISTORY, TEXT = range(3)


@dataclass
class Piece:
    """A part of a row.

    Attributes:
        kind: FIXED is never cut; HISTORY loses its oldest units; TEXT loses its end.
        units: token ids, the items of a history one by one, else one unit.
        opening: for a list with something between its entries: the entries as they look in the first place.
    """

    kind: int
    units: list[Ids]
    opening: list[Ids] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let the first entry open the list."""
        if self.opening:
            self.units[0] = self.opening[0]

    def __len__(self) -> int:
        return sum(map(len, self.units))

    def drop_oldest(self) -> int:
        """Take the oldest unit away; returns how many tokens that freed."""
        before = len(self)
        del self.units[0]
        del self.opening[:1]
        if self.opening:
            self.units[0] = self.opening[0]
        return before - len(self)

    def cut(self, length: int) -> None:
        """Keep the first tokens of a text."""
        self.units[0] = self.units[0][:length]


def fit(pieces: Sequence[Piece], room: int) -> int:
    """Shorten pieces in place until they have at most `room` tokens.

    The oldest items of a history go first, and its newest one only where texts without any token would not be enough;
    then the longest texts are cut to one length.

    Returns:
        Tokens that are still too many; above 0, what must not be cut is too long alone.
    """
    excess = sum(map(len, pieces)) - room
    if excess <= 0:
        return 0
    histories = [piece for piece in pieces if piece.kind == HISTORY]
    texts = [piece for piece in pieces if piece.kind == TEXT]
    text_tokens = sum(map(len, texts))
    for piece in histories:
        while piece.units and excess > (0 if len(piece.units) > 1 else text_tokens):
            excess -= piece.drop_oldest()
    if excess > 0 and texts:
        lengths = np.array([len(piece) for piece in texts])
        for piece, length in zip(texts, _shares(lengths, max(text_tokens - excess, 0)), strict=True):
            piece.cut(int(length))
        excess -= text_tokens - sum(map(len, texts))
    return max(excess, 0)


def _shares(lengths: Ids, room: int) -> Ids:
    """Lengths with a sum of `room` at most, the longest made shorter, the short ones left alone."""
    order = np.argsort(lengths, kind="stable")
    shares = lengths.copy()
    for place, number in enumerate(order):
        shares[number] = min(lengths[number], room // (len(order) - place))
        room -= int(shares[number])
    return shares
