"""Why an item stands where it stands, in lines: code path, scorers, history, preferences, baselines, search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from core.safe_json import number
from eagertui.widgets.draw import FAINT, Part, bar, clip, line, safe, spread

Tree = Mapping[str, Any]
REMOVALS = 4
"""Items of the history that are shown at most."""
NEAREST = 3
"""Neighbours that are shown of each source."""
ROOMY = 64
"""Cells from which on a scorer's figure is explained beside it."""
MEANT = " against the list's mean"


def why_lines(answer: Tree, near: Tree | None, width: int) -> list[Content]:
    """The evidence for an item.

    Args:
        answer: what the serving process's `explain` gave.
        near: what its `neighbors` gave; None = not there yet.
        width: cells of a line.
    """
    evidence = _tree(answer.get("evidence"))
    lines = [line([(clip(_title(evidence.get("item")), width), "bold")]), *_place(evidence, width)]
    lines += _section("Code by code", _path(evidence, width))
    lines += _section("Scorers", _parts(evidence, width))
    lines += _section("Without an item of the history", _removals(evidence, width))
    lines += _section("The history is about", _preferences(evidence, width))
    lines += _section("In training", _transition(evidence, width))
    lines += _section("Rank by others", _baselines(evidence, width))
    lines += _section("In the search", _search(answer, width))
    lines += _section("Nearest", _near(near, width))
    if faith := answer.get("faith"):
        lines += [Content(""), line([(safe(faith), FAINT)])]
    if answer.get("writer") == "local":
        lines += _section("In words", [line([safe(sentence)]) for sentence in _rows(answer.get("sentences"), str)])
    return lines


def _section(title: str, lines: Sequence[Content]) -> list[Content]:
    return [Content(""), line([(title, "bold $secondary")]), *lines] if lines else []


def _place(evidence: Tree, width: int) -> list[Content]:
    rank, k = evidence.get("rank"), int(number(evidence.get("k"), 0))
    margin = number(evidence.get("margin"), 0.0)
    if rank is None:
        words = "not among the items that the search came upon" if evidence.get("listable") else "may not be listed"
        style = "$warning"
    elif isinstance(rank, int) and rank <= k:
        words, style = f"place {rank} of {k}", "bold $success"
    else:
        words, style = f"place {safe(rank)}, behind the {k} of the list", "$warning"
    said: list[Part] = [(words, style)]
    said += [(f" · {-margin:.2f} short of the list", FAINT)] if margin < 0 else []
    said += [(" · seen", "$secondary")] if evidence.get("seen") else []
    return [line(said, width)]


def _path(evidence: Tree, width: int) -> list[Content]:
    lines = []
    for step in _rows(evidence.get("path")):
        probability = number(step.get("probability"), 0.0)
        words = ", ".join(_rows(step.get("words"), str)) or ("the item" if step.get("items") == 1 else "")
        left: list[Part] = [(f"{safe(step.get('token')):8} ", "$primary"), (bar(probability, 6) + " ", "$primary")]
        left.append((f"{_percent(probability):>6} ", ""))
        lines.append(
            spread([*left, clip(words, width - 24)], [(f"{int(number(step.get('items'), 0)):,}", FAINT)], width)
        )
    return lines


def _parts(evidence: Tree, width: int) -> list[Content]:
    parts = _rows(evidence.get("parts"))
    most = max((abs(number(part.get("lead"), 0.0)) for part in parts), default=0.0) or 1.0
    lines = []
    for part in parts:
        lead, weight = number(part.get("lead"), 0.0), number(part.get("weight"), 0.0)
        drawn = bar(abs(lead) / most, 8)
        style = "$success" if lead >= 0 else "$warning"
        left: list[Part] = [(f"{clip(part.get('name'), 12):12} ", ""), (f"{'+' if lead >= 0 else '−'}{drawn} ", style)]
        left.append((f"{lead:+.2f}{MEANT if width >= ROOMY else ''}", FAINT))
        lines.append(spread(left, [(f"weight {weight:.2f}", FAINT)], width))
    return lines


def _removals(evidence: Tree, width: int) -> list[Content]:
    lines = []
    for one in _rows(evidence.get("removals"))[:REMOVALS]:
        drop = number(one.get("drop"), 0.0)
        style = "$success" if drop > 0 else FAINT
        lines.append(line([(f"{-drop:+6.2f} ", style), clip(_title(one.get("item")), width - 8)]))
    return lines


def _preferences(evidence: Tree, width: int) -> list[Content]:
    lines = []
    for one in _rows(evidence.get("preferences")):
        label, weight = ", ".join(_rows(one.get("label"), str)), number(one.get("weight"), 0.0)
        fitness = one.get("fitness")
        fits = f"fits {number(fitness, 0.0):.2f}" if fitness is not None else ""
        left: list[Part] = [(bar(weight, 6) + " ", "$primary"), (f"{_percent(weight):>6} ", "")]
        lines.append(spread([*left, clip(label, width - 26)], [(fits, FAINT)], width))
        titles = [_title(item) for item in _rows(one.get("items"))]
        lines.append(line([("               ", ""), (clip(" · ".join(titles), width - 16), FAINT)]))
    return lines


def _transition(evidence: Tree, width: int) -> list[Content]:
    one = _tree(evidence.get("transition"))
    if not one:
        return []
    count, total = int(number(one.get("count"), 0)), int(number(one.get("total"), 0))
    said = f"came right after it {count:,} of {total:,} times: "
    return [line([said, (clip(_title(one.get("item")), max(width - len(said), 8)), "bold")])]


def _baselines(evidence: Tree, width: int) -> list[Content]:
    ranks = [f"{safe(one.get('name'))} {int(number(one.get('rank'), 0)):,}" for one in _rows(evidence.get("baselines"))]
    return [line([" · ".join(ranks)], width)] if ranks else []


def _search(answer: Tree, width: int) -> list[Content]:
    trace = _tree(_tree(answer.get("evidence")).get("beam"))
    lines = level_lines(trace, width)
    held_out = _tree(answer.get("held_out"))
    if held_out.get("sentence") and _title(held_out.get("item")) != _title(trace.get("item")):
        lines.append(line([("held out: ", FAINT), safe(held_out["sentence"])]))
    return lines


def level_lines(trace: Tree, width: int) -> list[Content]:
    """How an item fared at every level of the search, and what stood at the edge where it fell."""
    lines = []
    for level in _rows(trace.get("levels")):
        alive, last = bool(level.get("alive")), _tree(level.get("last"))
        mark: Part = ("✓ kept ", "$success") if alive else ("✗ fell ", "bold $error")
        edge = safe(last.get("title") or ", ".join(_rows(last.get("words"), str)) or last.get("code", ""))
        own, least = number(level.get("log_prob"), 0.0), number(last.get("log_prob"), 0.0)
        kept = int(number(level.get("kept"), 0))
        said: list[Part] = [(f"{safe(level.get('level'))} ", FAINT), mark, (f"{own:6.2f}  ", "")]
        said.append((clip(f"last of {kept} kept {least:.2f}: {edge}", width - 18), FAINT))
        lines.append(line(said))
    return lines


def _near(near: Tree | None, width: int) -> list[Content]:
    lines = []
    for source, rows in _tree(_tree(near).get("near")).items():
        titles = " · ".join(filter(None, (_title(row) for row in _rows(rows)[:NEAREST])))
        if titles:
            lines.append(line([(f"{clip(source, 10):10} ", FAINT), clip(titles, width - 11)]))
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.095 or share <= 0 else f"{100 * share:.1f} %"


def _title(item: object) -> str:
    tree = _tree(item)
    return safe(tree.get("title") or tree.get("item_id", ""))


def _tree(value: object) -> Tree:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object, kind: type = Mapping) -> list[Any]:
    return [one for one in value if isinstance(one, kind)] if isinstance(value, list | tuple) else []
