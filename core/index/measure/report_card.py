"""The report of an index in sentences with a mark each, for somebody who asks whether to train on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from core.index.branches import BranchTable
from core.safe_json import number

Grade = Literal["good", "fair", "poor"]

EVEN = (0.5, 0.2)
"""Perplexity over the codes there are: from which it is good, and from which fair. Rules of thumb, all of these."""
OVER_CHANCE = (5.0, 2.0)
"""How many times as often as by chance neighbours, or items of one category, share their first code."""
REPEATED = (0.2, 0.5)
"""What the levels tell of each other, as a share of what they tell: up to here good, fair."""
SPANNED = (0.5, 0.2)
"""Effective rank of what the codes stand for over its width: from which it is good, and from which fair."""
CROWDED = (3.0, 6.0)
"""Share of the interactions over share of the items in the busiest tenth of the branches: up to here good, fair."""


class Finding(NamedTuple):
    """One line of the card: a grade, and what it is given for."""

    grade: Grade
    text: str


def report_card(report: Mapping[str, Any], branches: BranchTable | None = None) -> list[Finding]:
    """What a report says, graded; parts that it does not hold are left out.

    Args:
        report: of `core.index.measure.report`, and what `core.index.measure.code_figures` adds to it.
        branches: the index's branches, for the interactions under each.
    """
    levels = [level for level in _list(report.get("levels")) if isinstance(level, Mapping)]
    findings = [_use(level) for level in levels]
    findings += [found for level in levels[1:] if (found := _forced(level, level is levels[-1]))]
    if (conflicts := _conflicts(report)) is not None:
        findings.append(conflicts)
    for source, depths in _mapping(report.get("preserved")).items():
        findings += _over_chance(depths, "preserved", f"of an item's nearest in {source} vectors share its first code")
    for column, depths in _mapping(report.get("agreement")).items():
        findings += _over_chance(depths, "agree", f"of the pairs under one first code have the same {column}")
    for source, share in _mapping(report.get("redundancy")).items():
        told = number(share)
        repeats: Grade = "good" if told <= REPEATED[0] else "fair" if told <= REPEATED[1] else "poor"
        findings.append(Finding(repeats, f"two levels of {source} codes tell {told:.0%} of each other"))
    for source, rank in _mapping(report.get("rank")).items():
        spanned, dim = (number(_mapping(rank).get(key)) for key in ("effective", "dim"))
        text = f"{source} codes span {spanned:,.1f} of {dim:,.0f} directions"
        findings.append(Finding(_high(spanned / max(dim, 1.0), SPANNED), text))
    if branches is not None and (crowd := _popularity(branches)) is not None:
        findings.append(crowd)
    return findings


def _use(level: Mapping[str, Any]) -> Finding:
    width, used, even = (number(level.get(key)) for key in ("width", "used", "perplexity"))
    share = even / max(width, 1.0)
    text = f"level {level.get('letter')}: {used:,.0f} of {width:,.0f} codes used, as evenly as {even:,.0f} equal ones"
    return Finding(_high(share, EVEN), text)


def _forced(level: Mapping[str, Any], last: bool) -> Finding | None:
    """Items whose code follows from those before: the last level is there to tell apart, others are wasted on it."""
    share = number(level.get("forced_items"))
    if not share:
        return None
    grade: Grade = "good" if last or share < 0.5 else "fair" if share < 0.9 else "poor"
    return Finding(grade, f"level {level.get('letter')}: follows from the codes before for {share:.0%} of the items")


def _conflicts(report: Mapping[str, Any]) -> Finding | None:
    steps = _list(_mapping(report.get("conflicts")).get("steps"))
    if not steps:
        return None
    first, last = (number(_mapping(step).get("items")) for step in (steps[0], steps[-1]))
    share = first / max(number(report.get("items")), 1.0)
    if last:
        return Finding("poor", f"{last:,.0f} items still share a code")
    grade: Grade = "good" if share <= 0.05 else "fair" if share <= 0.3 else "poor"
    return Finding(grade, f"every item has a code of its own; {first:,.0f} ({share:.1%}) had to be told apart for that")


def _over_chance(depths: object, key: str, text: str) -> list[Finding]:
    for first in _list(depths)[:1]:
        share, chance = (number(_mapping(first).get(name)) for name in (key, "chance"))
        return [Finding(_high(share / max(chance, 1e-9), OVER_CHANCE), f"{share:.1%} {text}, {chance:.1%} by chance")]
    return []


def _popularity(branches: BranchTable) -> Finding | None:
    """Whether a few branches hold most of what people take."""
    first = branches.children(0)
    rows, size = branches.rows[first.start : first.stop], branches.size[first.start : first.stop]
    if not rows.sum() or len(rows) < 2:
        return None
    busiest = np.argsort(rows, kind="stable")[::-1][: max(1, len(rows) // 10)]
    taken, items = float(rows[busiest].sum() / rows.sum()), float(size[busiest].sum() / size.sum())
    ratio = taken / max(items, 1e-9)
    grade: Grade = "good" if ratio <= CROWDED[0] else "fair" if ratio <= CROWDED[1] else "poor"
    text = f"the busiest tenth of the first codes holds {items:.0%} of the items and {taken:.0%} of the interactions"
    return Finding(grade, text)


def _high(value: float, steps: tuple[float, float]) -> Grade:
    return "good" if value >= steps[0] else "fair" if value >= steps[1] else "poor"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
