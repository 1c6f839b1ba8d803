"""Lines of the Explore place: users, a history, ranked items."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from eagertui.plain import duration
from eagertui.widgets.draw import FAINT, Part, bar, clip, line, safe, spread
from eagertui.widgets.row_list import Row

Item = Mapping[str, Any]


def user_rows(users: Sequence[object]) -> list[Row]:
    """One line a user."""
    return [Row(str(user), lambda width, user=user: line([clip(user, width)])) for user in users]  # type: ignore[misc]


def history_rows(history: Sequence[Item]) -> list[Row]:
    """What a user had, the newest first."""

    def draw(number: int, item: Item, width: int) -> Content:
        return line([(f"{number:>3} ", FAINT), clip(item.get("title"), width - 4)])

    numbered = list(enumerate(history, start=1))[::-1]
    return [Row(f"{n}", lambda width, n=n, item=item: draw(n, item, width)) for n, item in numbered]  # type: ignore[misc]


def item_rows(items: Sequence[Item], target: object) -> list[Row]:
    """Ranked items: rank, a bar of the score, score, title, and what is true of it in words."""
    scores = [_score(item) for item in items]
    best = max((s for s in scores if math.isfinite(s)), default=0.0)

    def draw(item: Item, score: float, width: int) -> Content:
        held_out = target is not None and item.get("item_id") == target
        marks: list[Part] = []
        if held_out:
            marks.append((" ✓ held out", "bold $success"))
        if item.get("seen"):
            marks.append((" ↺ seen", "$secondary"))
        left: list[Part] = [(f"{safe(item.get('rank', ''))[:3]:>3} ", "bold" if held_out else FAINT)]
        if width >= 40:
            share = math.exp(min(0.0, score - best)) if math.isfinite(score) else 0.0
            left.append((bar(share, 3 if width < 60 else 8) + " ", "$primary"))
        left.append((f"{score:>7.2f} " if math.isfinite(score) else "      – ", FAINT))
        used = sum(len(text) for text, _ in (*left, *marks))
        return spread([*left, (clip(item.get("title"), width - used - 1), "bold" if held_out else "")], marks, width)

    return [
        Row(str(index), lambda width, item=item, score=score: draw(item, score, width))  # type: ignore[misc]
        for index, (item, score) in enumerate(zip(items, scores, strict=True))
    ]


def verdict(result: Mapping[str, Any]) -> str:
    """Where the held-out item stands, and how long the answer took."""
    target, items = result.get("target"), result.get("items") or []
    took = _score({"score": result.get("seconds")})
    parts = [f"live, {duration(took)}" if took >= 1 else f"live, {took * 1000:.0f} ms"] if math.isfinite(took) else []
    if target is not None:
        rank = next((item.get("rank") for item in items if item.get("item_id") == target), None)
        parts.append(f"held-out item at {safe(rank)}" if rank is not None else "held-out item not in the list")
    return " · ".join(parts)


def _score(item: Item) -> float:
    value = item.get("score")
    return float(value) if isinstance(value, int | float) else math.nan
