"""Lines of the Index place: an index's report, the use of its codes, and what a branch is. No reading here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textual.content import Content

from core.index.tokens import code_text, letter
from eagertui.places.index.item_code import mark, titled
from eagertui.plain import duration
from eagertui.widgets.chart.bars import compact, dense
from eagertui.widgets.draw import FAINT, Part, bar, clip, counted, fill, line, safe, spread
from eagertui.widgets.run_lines import hint

if TYPE_CHECKING:
    from core.index.lookup import Lookup
    from core.index.measure.report_card import Finding
    from eagertui.places.index.code_tree_rows import Spot

Report = Mapping[str, Any]
COLOUR = "$primary 80%"
EXAMPLES = 40
"""Titles of a branch that are ever looked at."""


def share(value: float) -> str:
    """A share in at most five cells: `.6 %`, `62 %`."""
    if not math.isfinite(value):
        return "–"
    percent = value * 100
    return f"{percent:.0f} %" if percent >= 9.95 or percent == 0 else f"{percent:.1f} %"


def empty_lines() -> list[Content]:
    """What stands where no run has made an index yet, and the next key."""
    return [
        line([("No item index yet.", "bold")]),
        Content(""),
        line(["Training gives every item a short code; this place shows how the codes are used."]),
        hint("4", "train", "b", "build an index alone"),
    ]


# --- the report -------------------------------------------------------------------------------------------------------


GRADES: dict[str, Part] = {
    "good": ("✓ good", "bold $success"), "fair": ("· fair", FAINT), "poor": ("! poor", "bold $warning"),
}  # fmt: skip


def card_lines(card: Sequence[Finding]) -> list[Content]:
    """The card: a grade, and what it is given for; `d` compares with another index."""
    return [line([GRADES[one.grade], f"  {safe(one.text)}"]) for one in card]


def report_lines(
    report: Report, width: int, usage: Sequence[Sequence[int]] = (), card: Sequence[Finding] = ()
) -> list[Content]:
    """The whole report: the card, each level's codes, neighbours, agreement, conflicts, seconds."""
    levels = report["levels"]
    told = [f"{int(report.get('items', 0)):,} items"]
    told += [f"{safe(report[key])}" for key in ("method", "strategy") if report.get(key)]
    rows = [line([(" · ".join(told), "bold"), (f"   base {safe(report.get('base_id', ''))}", FAINT)], width)]
    rows += [line([(safe(report["shape"]), FAINT)])] if report.get("shape") else []
    rows += [Content(""), *card_lines(card)] if card else []
    rows += [Content(""), *_level_table(levels, width)]
    for source, depths in (report.get("preserved") or {}).items():
        rows += [Content(""), line([(f"nearest items in {safe(source)} vectors that share the code", FAINT)])]
        kept = [(float(d.get("preserved", 0.0)), float(d.get("chance", 0.0))) for d in depths]
        rows += _shares([(level.get("letter"), *two) for level, two in zip(levels, kept, strict=False)], width)
    for column, depths in (report.get("agreement") or {}).items():
        rows += [Content(""), line([(f"pairs under one prefix of the same {safe(column)}", FAINT)])]
        found = [(float(d.get("agree", 0.0)), float(d.get("chance", 0.0))) for d in depths]
        rows += _shares([(level.get("letter"), *two) for level, two in zip(levels, found, strict=False)], width)
    for number, counts in enumerate(usage):
        letter = safe(levels[number].get("letter")) if number < len(levels) else "?"
        most = f"at most {max(counts, default=0):,}" if counts else ""
        rows += [Content(""), spread([(f"items at every code of {letter}", FAINT)], [(most, FAINT)], width)]
        rows += dense(counts, ("", ""), width, 3, COLOUR)[:2]
    settled = settling_lines(report, width)
    return [*rows, *([Content(""), *settled] if settled else []), *_making(report, width)]


def _level_table(levels: Sequence[Report], width: int) -> list[Content]:
    cells = max(0, min(24, width - 62))
    head = " " * (cells + 3) + "perplexity  branches fan-out"
    sized = width >= 92 and any("median" in level for level in levels)
    rows = [line([("     source       codes used", FAINT), (head + "   items a branch" * sized, FAINT)], width)]
    for level in levels:
        used, wide = int(level.get("used", 0)), int(level.get("width", 1))
        parts: list[Part] = [
            (f"  {safe(level.get('letter'))}  ", "bold"),
            (fill(level.get("source"), 10), "$primary"),
            (f"{used:>6,}/{wide:<6,}", ""),
            (bar(used / max(1, wide), cells) + " ", "$success"),
            (f"{level.get('perplexity', 0.0):>10,.1f} {level.get('prefixes', 0):>9,}", ""),
            (f" {level.get('mean_fan_out', 0.0):>7,.1f}", ""),
        ]
        if sized:
            ends = (compact(int(level.get(key, 0))) for key in ("smallest", "median", "largest"))
            parts.append(("   " + " … ".join(ends), FAINT))
        rows.append(line(parts, width))
    return rows


def _shares(rows: Sequence[tuple[object, float, float]], width: int) -> list[Content]:
    """A share per depth as a bar, beside what chance would give."""
    return [
        line(
            [
                (f"  to {safe(letter)}  ", "bold"),
                (bar(kept, max(4, min(32, width - 40))), "$primary"),
                (f" {kept:>6.1%}", "bold"),
                (f"   by chance {chance:.1%}", FAINT),
            ],
            width,
        )
        for letter, kept, chance in rows
    ]


def standing(report: Report) -> str:
    """The conflicts in a few words: how many items shared a code before, and how many do now."""
    steps = (report.get("conflicts") or {}).get("steps") or []
    if not steps:
        return ""
    first, last = steps[0], steps[-1]
    if not int(first["items"]):
        return "none: every item had a code of its own"
    return f"before {int(first['items']):,} in {int(first['groups']):,} groups → {int(last['items']):,}"


def settling_lines(report: Report, width: int) -> list[Content]:
    """How many items shared a code after each step, and what it cost."""
    conflicts = report.get("conflicts") or {}
    steps = conflicts.get("steps") or []
    if not steps:
        return []
    rows = [line([("items that share their code, step by step", FAINT)])]
    for step in steps:
        rate, items = float(step.get("rate", 0.0)), int(step.get("items", 0))
        parts: list[Part] = [
            (f"  {fill(step.get('step'), 13)}", "bold"),
            (bar(rate, max(4, min(32, width - 62))), "$warning"),
        ]
        parts += [(f" {items:>9,}", "bold"), (f" in {int(step.get('groups', 0)):,} groups", "")]
        rows.append(line([*parts, (f"   largest {int(step.get('largest', 0)):,}", FAINT)], width))
    price, twins = conflicts.get("price") or {}, conflicts.get("duplicates")
    told = [f"{int(twins):,} exact twins"] if twins is not None else []
    told += [f"{int(conflicts[key]):,} {key}" for key in ("moved", "spilled") if conflicts.get(key) is not None]
    told += [f"price {float(price['relative']):.2%} more distance"] if "relative" in price else []
    return [*rows, line([("  " + ", ".join(told), FAINT)], width)] if told else rows


def _making(report: Report, width: int) -> list[Content]:
    rows = []
    lost = report.get("reconstruction") or {}
    if lost:
        told = ", ".join(f"{safe(source)} {float(error):.3f}" for source, error in lost.items())
        rows += [Content(""), line([("relative error of reconstruction   ", FAINT), told], width)]
    seconds = report.get("seconds") or {}
    if seconds:
        told = ", ".join(f"{safe(what)} {duration(took)}" for what, took in seconds.items())
        rows += [Content(""), line([("made in   ", FAINT), told], width)]
    return rows


# --- use of the levels ------------------------------------------------------------------------------------------------


def level_lines(
    report: Report, usage: Sequence[Sequence[int]], width: int, height: int, ascii_only: bool = False
) -> list[Content]:
    """Each level's codes in one line; where it is high, a picture of the items at each code below it."""
    levels = report.get("levels") or []
    room = (height - 1) // max(1, len(levels))
    cells = max(0, width - 24)
    rows = [spread([("  codes used", FAINT)], [("perplexity", FAINT)], width)]
    for number, level in enumerate(levels):
        used, wide = int(level.get("used", 0)), int(level.get("width", 1))
        held = bar(used / max(1, wide), cells)
        left: list[Part] = [
            (f"{safe(level.get('letter'))} ", "bold $primary"),
            (f"{fill(f'{used:,}/{wide:,}', 11)} ", ""),
        ]
        rows.append(spread([*left, (held, "$success")], [(f"{float(level.get('perplexity', 0.0)):,.0f}", "")], width))
        if number < len(usage) and room >= 3:
            rows += dense(usage[number], ("", ""), width, min(room - 1, 4), COLOUR, ascii_only)[: room - 2]
            rows.append(Content(""))
    return rows


# --- a branch ---------------------------------------------------------------------------------------------------------


def branch_name(lookup: Lookup, branch: int) -> str:
    """The tokens of a branch and its words, for the border."""
    tree = lookup.branches
    tokens = code_text(tree.code[tree.path(branch)[1:]])
    return f"{tokens} {', '.join(tree.words(branch))}".strip() if branch else "All items"


def branch_lines(lookup: Lookup, report: Report, spot: Spot, width: int, height: int) -> list[Content]:
    """What is known of a branch, and titles of its items where there is room."""
    tree, branch = lookup.branches, spot.branch
    depth, size = int(tree.depth[branch]), int(tree.size[branch])
    of_items = size / max(1, lookup.n_items)
    of_rows = int(tree.rows[branch]) / max(1, int(tree.rows[0]))
    rows = [line([(counted(size), "bold"), (f" · {int(tree.rows[0]):,} rows", "")], width)]
    if branch:
        words = " · ".join(clip(word, 40) for word in tree.words(branch))
        told = f" {share(of_items)} · rows {share(of_rows)}"
        rows = [
            line([(words or "no words set it apart", "bold $primary" if words else FAINT)], width),
            line([(counted(size), "bold"), told], width),
        ]
    rows += change_lines(lookup, branch, width)
    rows.append(_below(lookup, branch, depth, width))
    rows += _depth_lines(report, depth, width) if depth else []
    if height - len(rows) >= 3 and size:
        rows += [Content(""), line([("for example", FAINT)])]
        shown = tree.items(branch, 0, min(EXAMPLES, height - len(rows)))
        rows += [line([("· ", FAINT), clip(titled(lookup, int(item)), width - 2)]) for item in shown]
    return rows


def change_lines(lookup: Lookup, branch: int, width: int) -> list[Content]:
    """How many of a branch's items came or went after training; nothing where none did."""
    told = [
        f"{count:,} {word}" for count, word in zip(lookup.changes(branch), ("added", "removed"), strict=True) if count
    ]
    return [line([(" · ".join(told), "$warning"), (" later", FAINT)], width)] if told else []


def _below(lookup: Lookup, branch: int, depth: int, width: int) -> Content:
    """How many codes of the next level are used below a branch."""
    tree, wide = lookup.branches, lookup.index.widths[depth]
    size = int(tree.size[branch])
    used = len(tree.children(branch)) if depth < tree.levels - 1 else min(size, wide)
    left: list[Part] = [
        (f"{letter(depth)} codes below ", FAINT),
        (f"{used:,}/{wide:,}", "bold"),
        (f" {share(used / max(1, wide))} ", ""),
    ]
    cells = width - line(left).cell_length
    return line([*left, (bar(used / max(1, wide), cells) if cells >= 4 else "", "$success")], width)


def _depth_lines(report: Report, depth: int, width: int) -> list[Content]:
    """What the report says of every branch at this depth."""
    found: list[tuple[str, float, float]] = []
    for source, depths in (report.get("preserved") or {}).items():
        if depth <= len(depths):
            one = depths[depth - 1]
            found.append((f"{safe(source)} near", float(one.get("preserved", 0.0)), float(one.get("chance", 0.0))))
    for column, depths in (report.get("agreement") or {}).items():
        if depth <= len(depths):
            one = depths[depth - 1]
            found.append((f"same {safe(column)}", float(one.get("agree", 0.0)), float(one.get("chance", 0.0))))
    if not found:
        return []
    rows = [line([(f"kept under {letter(depth - 1)}, and by chance", FAINT)], width)]
    name = min(18, max(8, width - 16))
    cells = width - name - 14
    for label, kept, chance in found:
        drawn: list[Part] = [(bar(kept, cells) + " ", "$primary")] if cells >= 4 else []
        rows.append(
            line(
                [(fill(label, name), ""), *drawn, (f"{share(kept):>6}", "bold"), (f" {share(chance):>6}", FAINT)], width
            )
        )
    return rows


def item_lines(lookup: Lookup, item: int, width: int, height: int) -> list[Content]:
    """An item under the cursor, in short."""
    tree, codes = lookup.branches, [int(code) for code in lookup.index.codes[item]]
    rows = [
        line([(clip(lookup.title(item), 2 * width), "bold")]),
        line([(safe(lookup.index.text(item)), "bold $primary")], width),
    ]
    if told := mark(lookup, item):
        rows.append(line([(told, "$warning"), (" later", FAINT)], width))
    for depth in range(1, tree.levels):
        branch = tree.find(codes[:depth])
        if branch < 0:
            break
        words = " ".join(tree.words(branch))
        rows.append(
            line([(fill(f"{letter(depth - 1)}{codes[depth - 1]}", 6), "$primary"), clip(words, width - 6)], width)
        )
    return rows[:height]


def wrapped(lines: list[Content], width: int) -> list[Content]:
    """Lines folded at the width, for a panel that does not fold."""
    return [row for one in lines for row in one.wrap(max(1, width))]
