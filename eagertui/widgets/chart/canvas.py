"""A sheet of dots, several to a character: braille, block elements, or what every terminal has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from eagertui.widgets.chart.curves import Run
from eagertui.widgets.draw import Part

_BRAILLE = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
_STROKES = " '-|.|||"


@dataclass(frozen=True)
class Symbols:
    """How dots become characters.

    Attributes:
        across: dots side by side in a cell.
        down: dots one above the other in a cell.
        bits: the bit of every dot, by place across and down.
        characters: the character of every set of bits.
        marks: what ends the first, second ... line.
        best: marks the best value.
        axis: edge, edge with a mark, corner and bottom of the frame.
        pointer: the readout's line.
    """

    across: int
    down: int
    bits: tuple[tuple[int, ...], ...]
    characters: str
    marks: str
    best: str
    axis: str
    pointer: str

    def spans(self) -> list[list[list[int]]]:
        """The bits of every run of dots inside a cell, by place across, first and last row."""
        return [
            [[sum(line[top : bottom + 1]) for bottom in range(self.down)] for top in range(self.down)]
            for line in self.bits
        ]


SYMBOLS = {
    "braille": Symbols(2, 4, _BRAILLE, " " + "".join(map(chr, range(0x2801, 0x2900))), "●▲■▼", "◆", "│┤└─", "│"),
    "block": Symbols(2, 2, ((1, 4), (2, 8)), _QUADRANTS, "●▲■▼", "◆", "│┤└─", "│"),
    "ascii": Symbols(1, 3, ((1, 2, 4),), _STROKES, "ox+#", "*", "|++-", ":"),
}
"""By the name that a person's settings use."""
_SPANS = {name: symbols.spans() for name, symbols in SYMBOLS.items()}


class Canvas:
    """Cells with dots in them; each cell has the style of the last line that went through it.

    Args:
        width: cells.
        height: cells.
        symbols: the name of a set of symbols.
    """

    def __init__(self, width: int, height: int, symbols: str = "braille") -> None:
        self.width, self.height = max(1, width), max(1, height)
        self.symbols, self._spans = SYMBOLS[symbols], _SPANS[symbols]
        self._dots = [[0] * self.width for _ in range(self.height)]
        self._styles = [[""] * self.width for _ in range(self.height)]
        self._faint = [[False] * self.width for _ in range(self.height)]
        self._signs: dict[tuple[int, int], Part] = {}

    @property
    def columns(self) -> int:
        """Dots across."""
        return self.width * self.symbols.across

    @property
    def rows(self) -> int:
        """Dots down."""
        return self.height * self.symbols.down

    def draw(self, runs: Iterable[Run], style: str, faint: bool = False) -> None:
        """Draw a line; a faint one gives way wherever another comes after it."""
        across, down = self.symbols.across, self.symbols.down
        for at, top, bottom in runs:
            x, spans = at // across, self._spans[at % across]
            first, last = top // down, bottom // down
            for y in range(first, last + 1):
                above = top % down if y == first else 0
                bits = spans[above][bottom % down if y == last else down - 1]
                if faint or not self._faint[y][x]:
                    bits |= self._dots[y][x]
                self._dots[y][x] = bits
                self._styles[y][x], self._faint[y][x] = style, faint

    def sign(self, x: int, y: int, text: str, style: str) -> None:
        """Put one character into a cell, over everything else."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._signs[x, y] = (text, style)

    def pointer(self, x: int, style: str, hit: str) -> None:
        """A vertical line through the empty cells of a column; what is drawn there gets a style that sets it off."""
        if not 0 <= x < self.width:
            return
        for y in range(self.height):
            if (x, y) not in self._signs and not self._dots[y][x]:
                self._signs[x, y] = (self.symbols.pointer, style)
            elif (x, y) not in self._signs:
                self._styles[y][x] = hit

    def lines(self) -> list[list[Part]]:
        """Every line as pieces of one style."""
        characters, drawn = self.symbols.characters, []
        for y, (dots, styles) in enumerate(zip(self._dots, self._styles, strict=True)):
            cells: Sequence[Part] = [(characters[d], s if d else "") for d, s in zip(dots, styles, strict=True)]
            if self._signs:
                cells = [self._signs.get((x, y), cell) for x, cell in enumerate(cells)]
            pieces = groupby(cells, key=itemgetter(1))
            drawn.append([("".join(text for text, _ in piece), style) for style, piece in pieces])
        return drawn
