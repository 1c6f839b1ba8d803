"""What a training would do and cost, in lines; pure functions from the figures of the `plan` errand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from eagertui.forms.form_parts import clip_start
from eagertui.plain import between, gigabytes, roughly
from eagertui.widgets.draw import FAINT, Part, clip, fill, line, safe, spread

_STATES = {"run": ("▸", "run", "bold $success"), "reuse": ("=", "reuse", "$secondary")}


def plan_lines(plan: Mapping[str, Any], width: int) -> list[Content]:
    """The total first, then what may surprise, then stage by stage."""
    told = [*refused_lines(plan)]
    told += [Content("")] if told else []
    told += [*_joined(_total(plan), _range(plan), width), line(_room(plan)), *_which(plan, width), Content("")]
    if warnings := _warnings(plan):
        told += [*warnings, Content("")]
    names = min(14, max((len(safe(stage.get("name"))) for stage in _stages(plan)), default=0))
    for stage in _stages(plan):
        glyph, word, style = _STATES.get(str(stage.get("state")), ("?", safe(stage.get("state")), ""))
        left: list[Part] = [(f"{glyph} ", style), (fill(stage.get("name"), names), "bold"), (f"  {word}", style)]
        note, seconds = safe(stage.get("note") or ""), stage.get("seconds")
        if stage.get("state") == "run":
            told.append(spread(left, [(roughly(seconds), "")] if isinstance(seconds, int | float) else [], width))
            told += [line([(f"  {clip(note, width - 2)}", FAINT)])] if note else []
        else:
            fits = line([*left, " ", note]).cell_length <= width  # cut, it would not say how long that took
            told.append(spread(left, [(note, FAINT)] if fits else [], width))
    return told


def short_plan_lines(plan: Mapping[str, Any], width: int) -> list[Content]:
    """The same in a few lines, for a small screen."""
    names: dict[str, list[str]] = {}
    for stage in _stages(plan):
        names.setdefault(safe(stage.get("state")), []).append(safe(stage.get("name")))
    stages: list[Part] = [(" · ".join(f"{state} {', '.join(members)}" for state, members in names.items()), FAINT)]
    room = _room(plan)
    total = line([*_total(plan), *_range(plan), (" · ", FAINT), *room] if room else [*_total(plan), *_range(plan)])
    totals = [total]
    if total.cell_length > width:
        short = line([*_total(plan), (" · ", FAINT), *room])
        totals = [short] if short.cell_length <= width else [line(_total(plan), width), line(room, width)]
    if refused := refused_lines(plan):
        return [*refused, *totals]
    return [*totals, *_which(plan, width), *(_warnings(plan) or [line(stages, width)])]


def refusal(plan: Mapping[str, Any]) -> tuple[str, str]:
    """Why a training would be refused, and what can be done; empty texts where it can begin."""
    told = plan.get("refused")
    return (str(told.get("message", "")), str(told.get("remedy", ""))) if isinstance(told, Mapping) else ("", "")


def refused_lines(plan: Mapping[str, Any]) -> list[Content]:
    """The same in lines; none where it can begin."""
    message, remedy = refusal(plan)
    return (
        [line([(f"✗ cannot start: {safe(message)}", "bold $error")]), line([(safe(remedy), FAINT)])] if message else []
    )


def _stages(plan: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    stages = plan.get("stages")
    return [one for one in stages if isinstance(one, Mapping)] if isinstance(stages, list) else []


def _total(plan: Mapping[str, Any]) -> list[Part]:
    """How long in all."""
    seconds = plan.get("seconds")
    if _stages(plan) and not any(stage.get("state") == "run" for stage in _stages(plan)):
        return [("nothing to compute", "bold")]
    if not isinstance(seconds, int | float):
        return [("time not known before a first run", "bold")]
    return [("about ", FAINT), (roughly(seconds), "bold $accent")]


def _range(plan: Mapping[str, Any]) -> list[Part]:
    """Between what and what."""
    seconds, factor = plan.get("seconds"), plan.get("spread")
    if not isinstance(seconds, int | float) or not isinstance(factor, int | float):
        return []
    if len(_total(plan)) < 2 or factor < 1.05:
        return []
    text = between(seconds, factor)
    return [(f"  {text}", FAINT)] if text != roughly(seconds) else []


def _room(plan: Mapping[str, Any]) -> list[Part]:
    """Memory and disk."""
    parts: list[Part] = []
    for key, word in (("memory_mb", "memory"), ("disk_mb", "disk")):
        value = plan.get(key)
        if isinstance(value, int | float):
            parts += [(" · " if parts else "", FAINT), (f"{word} ", FAINT), (gigabytes(value), "bold")]
    return parts


def _which(plan: Mapping[str, Any], width: int) -> list[Content]:
    """Whether it would be a new run."""
    if not plan.get("continues"):
        return [line([("+ ", "bold $secondary"), "a new run"])]
    run = clip_start(plan["continues"], width - 2)
    return _joined([("↻ ", "bold $secondary"), ("goes on with run ", "")], [(run, "bold")], width)


def _joined(first: list[Part], then: list[Part], width: int) -> list[Content]:
    """Two pieces on one line where they fit, else on two."""
    both = line([*first, *then])
    return [both] if both.cell_length <= width or not then else [line(first), line([("  ", ""), *then])]


def _warnings(plan: Mapping[str, Any]) -> list[Content]:
    warnings = plan.get("warnings")
    told = warnings if isinstance(warnings, list) else []
    return [line([("! ", "bold $warning"), (safe(one), "$warning")]) for one in told]
