"""The charts of the Data place: history length, popularity, and the timeline where there is time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from textual.content import Content

from eagertui.cli.output.data_profile import moment
from eagertui.places.data.lines import Profile, percent
from eagertui.plain import figure
from eagertui.widgets.chart.bars import Bar, dense, merged, upright
from eagertui.widgets.draw import FAINT, clip, safe, spread

COLOUR = "$primary 80%"
SIDE_BY_SIDE = 72
"""Cells from which two charts stand beside each other."""


@dataclass(frozen=True)
class Picture:
    """A chart: its heading, its bars, or many counts without labels of their own between two ends."""

    title: str
    notes: tuple[str, ...]
    """What stands beside the title: the first one that fits."""
    bars: tuple[Bar, ...] = ()
    counts: tuple[int, ...] = ()
    ends: tuple[str, str] = ("", "")
    step: str = ""
    """How long one of the counts is."""


def pictures(profile: Profile) -> list[Picture]:
    """History length, popularity, and the timeline where there is time."""
    history, popularity = profile["history"], profile["popularity"]
    head = popularity.get("head", {}).get("1%", 0.0)
    median, most = figure(history.get("median")), figure(history.get("max"))
    reach = (f"median {median}, at most {most}", f"median {median}")
    share = percent(head, 0)
    found = [
        Picture("History length", reach, bars=_bars(history.get("histogram", []))),
        Picture(
            "Popularity",
            (f"top 1 % take {share} of rows", f"top 1 %: {share}"),
            bars=_bars(popularity.get("histogram", [])),
        ),
    ]
    spans, time = profile.get("timeline") or [], profile.get("time") or {}
    if spans:
        counts = tuple(int(span["count"]) for span in spans)
        step = safe(time.get("step") or "one time")
        notes = (f"{step} a bar, at most {figure(max(counts))}", f"{step} a bar")
        found.append(Picture("Timeline", notes, counts=counts, ends=_ends(time), step=step))
    return found


def _ends(time: Profile) -> tuple[str, str]:
    """The first and the last day; inside one day the hours."""
    (first, _, begin), (last, _, end) = (moment(time.get(key)).partition(" ") for key in ("first", "last"))
    return (begin or first, end or last) if first == last else (first, last)


def _bars(bins: Sequence[Mapping[str, int]]) -> tuple[Bar, ...]:
    return tuple(
        (figure(one["low"]) if one["low"] == one["high"] else f"{figure(one['low'])}–{figure(one['high'])}",
         figure(one["low"]), int(one["count"]))
        for one in bins
    )  # fmt: skip


def chart_lines(profile: Profile, width: int, height: int, ascii_only: bool = False) -> list[Content]:
    """The charts below each other; the first two beside each other where it is wide."""
    shown = pictures(profile)
    if width >= SIDE_BY_SIDE and height >= 6:
        half = (width - 4) // 2
        below = shown[2:]
        upper = height if not below else max(3, (height * 3) // 5)
        left, right = (picture_lines(one, half, upper, ascii_only) for one in shown[:2])
        both = [_beside(a, b, half) for a, b in zip(left, right, strict=False)]
        return both + _stacked(below, width, height - upper, ascii_only, bool(below))
    return _stacked(shown, width, height, ascii_only, False)


def _stacked(shown: Sequence[Picture], width: int, height: int, ascii_only: bool, gap: bool) -> list[Content]:
    """Charts below each other; each has at least its heading, a row of bars and their labels."""
    shown = shown[: max(1, height // 3)]
    lines: list[Content] = []
    for number, picture in enumerate(shown):
        room = (height - len(lines)) // (len(shown) - number)
        spare = (number > 0 or gap) and room >= 6
        lines += [Content("")] if spare else []
        drawn = picture_lines(picture, width, room - spare, ascii_only)
        lines += drawn
    return lines


def _beside(left: Content, right: Content, half: int) -> Content:
    return Content.assemble(left, " " * (half + 4 - left.cell_length), right)


def picture_lines(picture: Picture, width: int, height: int, ascii_only: bool = False) -> list[Content]:
    """One chart: its heading above its bars."""
    room = width - len(picture.title) - 2
    notes, many = picture.notes, merged(len(picture.counts), width)
    if many > 1:
        notes = (f"{many} × {picture.step} a bar",)
    note = next((note for note in notes if len(note) <= room), clip(notes[-1], room))
    heading = spread([(picture.title, "bold")], [(note, FAINT)], width)
    if picture.counts:
        drawn = dense(picture.counts, picture.ends, width, height - 1, COLOUR, ascii_only)
    else:
        drawn = upright(picture.bars, width, height - 1, COLOUR, ascii_only)
    return [heading, *drawn]
