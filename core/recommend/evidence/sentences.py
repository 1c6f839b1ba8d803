"""Evidence in words: templates, filled with what the evidence holds and nothing else. Light: screens use it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.recommend.evidence.record import BeamTrace, CodeStep, Evidence, UserPreference

MOST_REMOVALS = 3
"""Items of the history that are named at most."""
MOST_PREFERENCES = 3
"""Preferences that are named at most."""
LONGEST = 60
"""Characters of a title at most."""


def sentences(evidence: Evidence) -> list[str]:
    """What the evidence says, the place first; every title and number in it stands in the evidence."""
    said = [_place(evidence), _codes(evidence.path)]
    if len(evidence.parts) > 1:
        by_lead = sorted(evidence.parts, key=lambda part: -part.lead)
        best, worst = by_lead[0], by_lead[-1]
        said.append(
            f"Among the scorers {best.name} (weight {best.weight:.2f}) speaks for it most, "
            f"{worst.name} (weight {worst.weight:.2f}) least."
        )
    said.append(_removals(evidence))
    if evidence.preferences:
        said.append(_preferences(evidence.preferences))
    if evidence.transition:
        one = evidence.transition
        said.append(f"In training it came right after {quoted(one.item.title)} {one.count} of {one.total} times.")
    if evidence.baselines:
        ranks = ", ".join(f"{one.name} {one.rank}" for one in evidence.baselines)
        said.append(f"Its place among all items by other methods: {ranks}.")
    said.append(beam_sentence(evidence.beam))
    return said


def beam_sentence(trace: BeamTrace) -> str:
    """How an item fared in the search."""
    if trace.fell is None or not trace.levels:
        return f"The search kept it at every level, among {trace.beams} beams."
    level = trace.levels[-1]
    last = level.last
    what = quoted(last.title) if last.title else f'"{", ".join(last.words)}"' if last.words else "codes without words"
    return (
        f"It fell off the search at level {trace.fell}: its log-probability was {level.log_prob:.2f}, and the last of "
        f"{level.kept} that were kept was {last.code}, {what}, at {last.log_prob:.2f}."
    )


def quoted(title: str) -> str:
    """A title in quotation marks, on one line, and not longer than a line can hold."""
    line = " ".join(title.split())
    return f'"{line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"}"'


def percent(share: float) -> str:
    """A share with two telling digits."""
    value = 100 * share
    digits = 0 if value >= 10 or value <= 0 else min(max(1 - math.floor(math.log10(value)), 0), 6)
    return f"{value:.{digits}f} %"


def _place(evidence: Evidence) -> str:
    title = quoted(evidence.item.title)
    seen = ", which the history holds," if evidence.seen else ""
    if evidence.rank is None:
        why = "" if evidence.listable else ": it may not be listed"
        place = f"{title}{seen} is not among the items that the search came upon{why}"
    elif evidence.rank <= evidence.k:
        return f"{title}{seen} stands at place {evidence.rank} of the list."
    else:
        place = f"{title}{seen} stands at place {evidence.rank}, behind the {evidence.k} of the list"
    if evidence.margin is not None and evidence.margin < 0:
        place += f"; its score lies {-evidence.margin:.2f} below that of the last one listed"
    return f"{place}."


def _codes(path: Sequence[CodeStep]) -> str:
    """The way from branch to branch; codes that are forced are passed over."""
    steps = []
    for step in path:
        branch = f'"{", ".join(step.words)}"' if step.words and step.items > 1 else step.token
        named = "the item itself" if step.items == 1 else branch
        if step.probability < 1:
            steps.append(f"{named} {percent(step.probability)}")
    return f"Code by code, the model gives {', then '.join(steps)}." if steps else "The model had nothing to choose."


def _removals(evidence: Evidence) -> str:
    against = [one for one in evidence.removals if one.drop > 0][:MOST_REMOVALS]
    if not evidence.removals:
        return "It follows from the only item of the history."
    if not against:
        return "No single item of the history raises its score."
    lost = ", ".join(f"{one.drop:.2f} without {quoted(one.item.title)}" for one in against)
    return f"Its score falls by {lost}."


def _preferences(preferences: Sequence[UserPreference]) -> str:
    shown = ", ".join(f'"{", ".join(one.label)}" ({percent(one.weight)})' for one in preferences[:MOST_PREFERENCES])
    fitting = [one for one in preferences if one.fitness is not None]
    said = f"The history is about {shown}"
    if fitting:
        best = max(fitting, key=lambda one: one.fitness or 0.0)
        said += f'; the item is nearest to "{", ".join(best.label)}" (cosine {best.fitness:.2f})'
    return f"{said}."
