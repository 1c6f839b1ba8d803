"""Lines of one item's code: its path with words, its siblings, its neighbours and whether the code keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.content import Content

from core.index.tokens import letter
from eagertui.widgets.draw import FAINT, Part, bar, clip, fill, line, safe, spread
from eagertui.widgets.row_list import Row

if TYPE_CHECKING:
    from core.index.lookup import Lookup

About = Mapping[str, Any]
"""What `core.index.lookup.Lookup.about` tells of an item."""


def mark(lookup: Lookup, item: int) -> str:
    """Whether an item came or went after training, in a word; empty for most."""
    return "removed" if lookup.is_removed(item) else "added" if lookup.is_added(item) else ""


def titled(lookup: Lookup, item: int) -> str:
    """The title of an item, after its mark where it has one."""
    told = mark(lookup, item)
    return f"{told} · {lookup.title(item)}" if told else lookup.title(item)


def path_lines(about: About, width: int, height: int) -> list[Content]:
    """The code, and for every prefix of it the words and the items below; the last code is the item's own."""
    raw, code = str(about.get("raw") or ""), str(about["code"])
    moved: list[Part] = [(f"before {safe(raw)}", "$warning")] if raw and raw != code else []
    rows = [spread([(safe(code), "bold $primary"), (f"   {safe(about['item_id'])}", FAINT)], moved, width)]
    whole = max([1, *(int(step["items"]) for step in about["path"][:1])])
    cells = 0 if width < 48 else 8 if width < 90 else 16
    for step in about["path"]:
        items = int(step["items"])
        word = "item " if items == 1 else "items"
        drawn: list[Part] = [(f" {items:>9,} {word} ", ""), (bar(items / whole, cells) if cells else "", "$success")]
        words = "  ".join(safe(word) for word in step["words"])
        rows.append(spread([(fill(step["token"], 9), "$primary"), (clip(words, width), "")], drawn, width))
    last = code.rpartition("<")[2]
    rows.append(line([(fill(f"<{last}", 9), "$primary"), ("the item itself", FAINT)], width))
    if about.get("conflict") is not None:
        rows.append(line([("! ", "bold $warning"), "it shared its code with others before (group "
                          f"{safe(about['conflict'])})"], width))  # fmt: skip
    since = ["added after training"] if about.get("added") else []
    since += ["removed: recommended no longer"] if about.get("removed") else []
    if since:
        rows.append(line([("! ", "bold $warning"), ", then ".join(since)], width))
    return rows[:height]


def shared_levels(codes: Sequence[int], others: Sequence[int]) -> int:
    """How many codes from the first on are the same."""
    same = 0
    for one, other in zip(codes, others, strict=False):
        if one != other:
            break
        same += 1
    return same


def item_row(row_id: str, title: object, shared: int, levels: int, similarity: object = None) -> Row:
    """An item beside another: the letters of the codes that both share, how near it is, and its title."""

    def draw(width: int) -> Content:
        parts: list[Part] = [
            ("".join(letter(level) for level in range(shared)), "bold $success"),
            ("".join("·" * len(letter(level)) for level in range(shared, levels)) + " ", FAINT),
        ]
        if similarity is not None:
            near = float(similarity) if isinstance(similarity, int | float) else math.nan
            if width >= 44:
                parts.append((bar(near, 4 if width < 60 else 8) + " ", "$primary"))
            parts.append((f"{near:>5.2f} " if math.isfinite(near) else "    – ", FAINT))
        used = sum(len(text) for text, _ in parts)
        return line([*parts, clip(title, width - used)])

    return Row(row_id, draw)


def kept(shared: Sequence[int], levels: int) -> str:
    """How many neighbours share each of the codes: `a 9 · b 7 · c 2 of 10`."""
    told = [f"{letter(level)} {sum(one > level for one in shared)}" for level in range(levels)]
    return f"{' · '.join(told)} of {len(shared)}" if shared else ""
