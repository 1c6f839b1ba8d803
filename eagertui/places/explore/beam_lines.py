"""The search as a tree, in lines: what every level kept below which branch, and where an item fell off it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from textual.content import Content

from core.safe_json import number
from eagertui.places.explore.evidence_lines import level_lines
from eagertui.widgets.draw import FAINT, Part, bar, clip, line, safe, spread

Answer = Mapping[str, Any]
BRANCHES, CHILDREN = 8, 4
"""Branches of the first level, and of every branch below, that are drawn beside those that lead to a watched item."""
TOKEN = re.compile(r"<[^<>]*>")
FELL = "✗ "
FIGURES = " " * 13
"""Room of a branch's bar and probability, in one column at the left."""


@dataclass
class Branch:
    """A prefix that a level kept.

    Attributes:
        tokens: its codes.
        level: from 1.
        share: its probability over that of the level's likeliest.
        answer: what is told of it.
        below: what the next level kept of it, the likeliest first.
    """

    tokens: tuple[str, ...]
    level: int
    share: float
    answer: Answer
    below: list[Branch] = field(default_factory=list)

    @property
    def alone(self) -> bool:
        """Whether it has one item, which is then all that can be below."""
        return int(number(self.answer.get("items"), 0)) == 1

    @property
    def code(self) -> str:
        """Its last code; of a single item all that follow, too."""
        end = self
        while self.alone and end.below:
            end = end.below[0]
        return "".join(end.tokens[self.level - 1 :])


@dataclass(frozen=True)
class Watched:
    """An item whose way is marked.

    Attributes:
        label: what it is called in the tree.
        tokens: its codes; empty where they are not told.
        fell: the level, from 1, at which it fell off; 0 = it did not.
        log_prob: of its prefix there; `edge`: of the least likely that was kept.
        title: of the item.
    """

    label: str
    tokens: tuple[str, ...]
    fell: int
    log_prob: float
    edge: float
    title: str


def beam_lines(beam: Answer, width: int) -> list[Content]:
    """How single items fared, how many prefixes every level kept, and the tree of them, the likeliest first.

    Args:
        beam: what the serving process's `beam` gave.
        width: cells of a line.
    """
    lines: list[Content] = []
    for trace in beam.get("items") or ():
        title = safe((trace.get("item") or {}).get("title", ""))
        mark = ("✓ ", "bold $success") if trace.get("fell") is None else (FELL, "bold $error")
        lines += [line([mark, (clip(title, width - 2), "bold")]), *level_lines(trace, width), Content("")]
    levels = beam.get("levels") or ()
    kept = [int(number(level.get("kept"), 0)) for level in levels]
    most = max(kept, default=0) or 1
    for depth, count in enumerate(kept, start=1):
        share = (bar(count / most, 10), "$primary")
        lines.append(line([(f"Level {depth}  ", "bold $secondary"), share, f" {count} kept"]))
    lines.append(Content(""))
    watched = _watched(beam.get("items") or ())
    roots = _tree(levels)
    return [*lines, *_rows(roots, watched, (), "", BRANCHES, len(kept), width)]


def _tree(levels: Sequence[Answer]) -> list[Branch]:
    """The branches of the first level, with all that was kept below them; what has no parent stands beside them."""
    roots: list[Branch] = []
    above: dict[tuple[str, ...], Branch] = {}
    for depth, level in enumerate(levels, start=1):
        prefixes = level.get("prefixes") or ()
        best = max((number(one.get("log_prob"), -99.0) for one in prefixes), default=0.0)
        here: dict[tuple[str, ...], Branch] = {}
        for one in prefixes:
            tokens = tuple(TOKEN.findall(str(one.get("code", ""))))
            share = math.exp(min(0.0, number(one.get("log_prob"), -99.0) - best))
            branch = Branch(tokens, depth, share, one)
            parent = above.get(tokens[: depth - 1]) if depth > 1 else None
            (roots if parent is None else parent.below).append(branch)
            here.setdefault(tokens, branch)
        above = here
    return roots


def _watched(traces: Sequence[Answer]) -> list[Watched]:
    """The item that was asked about, and the held-out one behind it."""
    found: list[Watched] = []
    for place, trace in enumerate(traces):
        last = (trace.get("levels") or [{}])[-1]
        tokens = tuple(TOKEN.findall(str(trace.get("code", ""))))
        edge = number((last.get("last") or {}).get("log_prob"), math.nan)
        title = safe((trace.get("item") or {}).get("title", ""))
        one = Watched("held out" if place else "this item", tokens, int(number(trace.get("fell"), 0)),
                      number(last.get("log_prob"), math.nan), edge, title)  # fmt: skip
        found = [other for other in found if not tokens or other.tokens != tokens] + [one]
    return found


def _rows(
    branches: Sequence[Branch],
    watched: Sequence[Watched],
    above: tuple[str, ...],
    guide: str,
    most: int,
    levels: int,
    width: int,
) -> list[Content]:
    """Some branches of one parent, those that fell off below it, and everything below them.

    Args:
        branches: the likeliest first.
        watched: items whose way is marked.
        above: the parent's codes.
        guide: what stands before each line.
        most: branches that are drawn beside the marked ones.
        levels: how many there are.
        width: cells of a line.
    """
    shown = [one for place, one in enumerate(branches) if place < most or _ways(one, watched)]
    fallen = [one for one in watched if one.fell == len(above) + 1 and one.tokens[: len(above)] == above]
    hidden = len(branches) - len(shown)
    count = len(shown) + len(fallen) + bool(hidden)
    lines: list[Content] = []
    for place, branch in enumerate(shown, start=1):
        turn, on = ("└ ", "  ") if place == count else ("├ ", "│ ")
        lines.append(_row(branch, watched, guide + turn, levels, width))
        if not branch.alone:
            lines += _rows(branch.below, watched, branch.tokens[: branch.level], guide + on, CHILDREN, levels, width)
    for place, one in enumerate(fallen, start=len(shown) + 1):
        turn = "└ " if place == count else "├ "
        figure = f"{one.log_prob:{len(FIGURES) - 1}.2f} "
        said = f"the last kept {one.edge:.2f}"
        code = one.tokens[len(above)] if len(one.tokens) > len(above) else ""
        used = len(FIGURES) + len(guide) + len(turn) + len(FELL) + len(code) + len(said) + len(one.label) + 5
        parts: list[Part] = [(figure + guide + turn, FAINT), (FELL, "bold $error"), (f"{code} ", "$error"),
                             (clip(one.title, max(8, width - used)), "bold"), (f"  {said}", FAINT)]  # fmt: skip
        lines.append(spread(parts, [(one.label, "bold $error")], width))
    if hidden:
        lines.append(line([(f"{FIGURES}{guide}└ and {hidden} more", FAINT)], width))
    return lines


def _ways(branch: Branch, watched: Sequence[Watched]) -> list[Watched]:
    """The marked items whose way leads through a branch."""
    return [one for one in watched if one.tokens and one.tokens[: branch.level] == branch.tokens]


def _row(branch: Branch, watched: Sequence[Watched], guide: str, levels: int, width: int) -> Content:
    """One branch: how likely it is, its last code, its words or title, how many items it has."""
    one, ways = branch.answer, _ways(branch, watched)
    items = int(number(one.get("items"), 0))
    ends = branch.level == levels or branch.alone
    right: list[Part] = []
    if ways and ends:
        right.append((f"✓ {ways[-1].label}", "bold $success"))
    elif not ends and not branch.below:
        right.append(("all below fell  ", "$warning"))
    if not ends:
        right.append((f"{items:,}", FAINT))
    words = safe(one.get("title") or ", ".join(map(str, one.get("words") or ())))
    code = branch.code or safe(one.get("code", ""))
    style = "bold $success" if ways else "$primary"
    log_prob = number(one.get("log_prob"), -99.0)
    left: list[Part] = [(f"{bar(branch.share, 5):5} ", "$primary"), (f"{log_prob:6.2f} ", FAINT)]
    left += [(guide, FAINT), (f"{code} ", style)]
    used = sum(len(text) for text, _ in (*left, *right)) + 1
    return spread([*left, (clip(words, max(4, width - used)), "bold" if one.get("title") else "")], right, width)
