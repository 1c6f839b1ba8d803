"""Lines of the Explore place: users, a history, ranked items, what is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from eagertui.places.explore.explore_question import ExploreQuestion, Taken
from eagertui.places.explore.outcomes import RANKED, Outcome
from eagertui.plain import duration
from eagertui.widgets.draw import FAINT, Part, bar, clip, line, safe, spread
from eagertui.widgets.row_list import Row

Item = Mapping[str, Any]
DATED, ROOMY = 40, 60
"""Cells from which on an item of the history shows its day, and its minute too."""
DAY = 10
"""Letters of a day."""
USER, ITEM = "user:", "item:"
"""How the id of a row begins that is a user, or an item."""
ASKING = line([("◐ ", "bold $accent"), "asking the model …"])
"""What a panel says until its first answer is there."""


def user_row(user: str, outcome: Outcome | None, by_length: bool = False) -> Row:
    """A user, and how the test went: the rank of the held-out item, and a baseline that did better; or the history."""

    def draw(width: int) -> Content:
        if outcome is None:
            return line([clip(user, width)])
        hit = 0 < outcome.rank <= RANKED
        rank = f"{outcome.rank}" if outcome.rank else "–"
        right: list[Part] = [(f"{outcome.history:,} ", "$secondary")] if by_length else []
        right += [("✓" if hit else "✗", "$success" if hit else FAINT), (f"{rank:>3}", "" if hit else FAINT)]
        if width >= 30:
            beaten = outcome.rival and (not outcome.rank or outcome.best < outcome.rank)
            right.append((f"  {clip(outcome.rival, 9)} {outcome.best}" if beaten else "", "$warning"))
        return spread([clip(user, width - 6 - 4 * by_length)], right, width)

    return Row(f"{USER}{user}", draw)


def found_item_row(item: Item) -> Row:
    """An item that was looked for."""

    def draw(width: int) -> Content:
        return line([("≡ ", FAINT), clip(item.get("title") or item.get("item_id"), width - 2)])

    return Row(f"{ITEM}{item.get('item_id', '')}", draw)


def history_rows(history: Sequence[Taken], own: Sequence[Taken] = ()) -> list[Row]:
    """What a user had, the newest first, and when; what is not among their `own` items was added."""
    mine = {item.item_id: item for item in own}

    def draw(number: int, item: Taken, width: int) -> Content:
        added = bool(own) and item.item_id not in mine
        time = safe(item.time or mine.get(item.item_id, item).time)
        right = "added" if added else time if width >= ROOMY else time[:DAY] if width >= DATED else ""
        left: list[Part] = [(f"{number:>3} ", FAINT), (clip(item.title, width - 4 - len(right) - bool(right)), "")]
        return spread(left, [(right, "$secondary" if added else FAINT)], width)

    numbered = list(enumerate(history, start=1))[::-1]
    return [Row(f"{n}", lambda width, n=n, item=item: draw(n, item, width)) for n, item in numbered]  # type: ignore[misc]


def item_rows(
    items: Sequence[Item],
    target: object,
    before: Mapping[str, int] | None = None,
    others: Mapping[str, int] | None = None,
) -> list[Row]:
    """Ranked items: rank, how it moved, a bar of the score, score, title, and what is true of it in words.

    Args:
        items: the fields of `core.recommend.recommendation.Ranked`.
        target: id of the held-out item.
        before: places in the list before an edit; None = there was none.
        others: places in the list beside it; None = there is none.
    """
    scores = [_score(item) for item in items]
    best = max((s for s in scores if math.isfinite(s)), default=0.0)

    def draw(item: Item, score: float, width: int) -> Content:
        item_id = str(item.get("item_id", ""))
        is_target = target is not None and item_id == target
        marks: list[Part] = []
        if is_target:
            marks.append((" ✓ held out", "bold $success"))
        if item.get("seen"):
            marks.append((" ↺ seen", "$secondary"))
        left: list[Part] = [(f"{safe(item.get('rank', ''))[:3]:>3} ", "bold" if is_target else FAINT)]
        if before is not None:
            left.append(_moved(before.get(item_id), item.get("rank")))
        if others is not None:
            place = others.get(item_id)
            left.append((f"{place:>4} " if place else "   – ", "" if place else FAINT))
        if width >= 40 and others is None and math.isfinite(score):
            share = math.exp(min(0.0, score - best))
            left.append((bar(share, 3 if width < 60 else 8) + " ", "$primary"))
        if others is None:
            left.append((f"{score:>7.2f} " if math.isfinite(score) else "", FAINT))
        used = sum(len(text) for text, _ in (*left, *marks))
        return spread([*left, (clip(item.get("title"), width - used - 1), "bold" if is_target else "")], marks, width)

    return [
        Row(f"{ITEM}{item.get('item_id', index)}", lambda width, item=item, score=score: draw(item, score, width))  # type: ignore[misc]
        for index, (item, score) in enumerate(zip(items, scores, strict=True))
    ]


def _moved(before: int | None, rank: object) -> Part:
    """How many places an item rose or fell: `▲3`, `▼1`, `new`."""
    if before is None:
        return "new  ", "bold $secondary"
    if not isinstance(rank, int) or rank == before:
        return "     ", ""
    return (f"▲{before - rank:<4}"[:5], "$success") if rank < before else (f"▼{rank - before:<4}"[:5], "$warning")


def target_line(
    target: object, title: object, items: Sequence[Item], k: int, tested: int | None, width: int
) -> Content:
    """The held-out item, wherever it stands: in the list, behind its end, or not among the items that were ranked.

    Args:
        target: its id; None = there is none.
        title: of it.
        items: the list.
        k: length of the list.
        tested: the rank that the test gave it, 0 = none among the first 50; None = not known of this list.
        width: cells of the line.
    """
    if target is None:
        return Content("")
    rank = next((item.get("rank") for item in items if item.get("item_id") == target), None)
    listed = rank is not None
    if not listed and tested:
        rank = tested
    place = f"place {safe(rank)}" if rank is not None else f"behind the first {50 if tested == 0 else k}"
    name = clip(title or target, max(width - 10 - len(place) - 2, 8))
    return spread([("held out ", FAINT), name], [(place, "bold $success" if listed else "$warning")], width)


def asked_lines(question: ExploreQuestion, notes: object) -> list[Content]:
    """What narrows or steers the list, and what the model says of it; none where there is nothing."""
    parts = question.restrictions()
    said = notes if isinstance(notes, list) else []
    lines = [line([("asked: ", FAINT), safe(" · ".join(parts))])] if parts else []
    return [*lines, *(line([("i ", "$primary"), safe(note)]) for note in said)]


def took(result: Mapping[str, Any]) -> str:
    """How long the answer took."""
    seconds = _score({"score": result.get("seconds")})
    if not math.isfinite(seconds):
        return ""
    return f"live, {duration(seconds)}" if seconds >= 1 else f"live, {seconds * 1000:.0f} ms"


def _score(item: Item) -> float:
    value = item.get("score")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
