"""Two indices side by side: the choice of the other one, and the figures of both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.content import Content

from core.errors import DataError, EagerError
from core.run.listing import RunInfo
from eagertui.overlays.modals import Finder
from eagertui.places.index.opening import Artefact, find_index
from eagertui.widgets.draw import line, safe, short_id, when
from eagertui.widgets.row_list import Row

if TYPE_CHECKING:
    from eagertui.app import EagerApp


@dataclass(frozen=True)
class OtherIndex:
    """Another run's index: the run, where the index lies, and by which method it was built."""

    run: RunInfo
    at: Artefact
    method: str


class OtherIndexScreen(Finder):
    """Find the index of another run.

    Args:
        this: the index that is open.
        others: the other ones, the newest first.
    """

    NOUN = "index"
    HINT = "a part of a run's id, its day, method or state"

    def __init__(self, this: Artefact, others: Sequence[OtherIndex]) -> None:
        super().__init__()
        self._this, self._others = this, tuple(others)

    @property
    def question(self) -> str:
        """Which index is open."""
        return f"Beside which index?  This is the one of {safe(self._this.run.id)}"

    def on_mount(self) -> None:
        """Begin with all of them."""
        super().on_mount()
        self.find("")

    def look(self, text: str, most: int) -> list[Row]:
        """Indices whose words hold the text."""
        wanted = text.casefold()
        rows = ((number, other, _words(other)) for number, other in enumerate(self._others))
        fitting = [(n, other, words) for n, other, words in rows if wanted in f"{words} {other.run.id}".casefold()]
        return [Row(str(number), _other_row(other, words)) for number, other, words in fitting[:most]]

    def exact(self, text: str) -> int | None:
        """The index of the run with this id."""
        return next((number for number, other in enumerate(self._others) if other.run.id == text), None)


def _words(other: OtherIndex) -> str:
    return f"{when(other.run.created)}  {short_id(other.run)}  {other.method}  {other.run.status.state}"


def _other_row(other: OtherIndex, words: str) -> Callable[[int], Content]:
    state = other.run.status.state
    return lambda width: line([safe(words.removesuffix(state)), (state, "$foreground 70%")], width)


async def choose_other(app: EagerApp, this: Artefact) -> Artefact | None:
    """Let somebody choose another run that has an index of its own; None where nobody did."""
    others = await asyncio.to_thread(_others, list(app.runs), this)
    if not others:
        app.tell("no other run has another index; b builds one", severity="warning")
        return None
    number = await app.push_screen_wait(OtherIndexScreen(this, others))
    return others[number].at if number is not None else None


def _others(runs: Sequence[RunInfo], this: Artefact) -> list[OtherIndex]:
    """Each index of the runs but this, once: of runs that share one, the newest stands for it."""
    others: dict[str, OtherIndex] = {}
    for run in runs:
        at = find_index([run.folder])
        if at is not None and at.folder != this.folder and str(at.folder) not in others:
            others[str(at.folder)] = OtherIndex(run, at, _method(at))
    return list(others.values())


def _method(at: Artefact) -> str:
    """How an index was made, as its report tells it."""
    try:
        return str(json.loads((at.folder / "report.json").read_text(encoding="utf-8"))["method"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


async def compare(app: EagerApp, this: Artefact, other: Artefact) -> None:
    """Show the figures of both."""
    from eagertui.places.index.item_tables import DiffScreen

    names = (this.run.id, other.run.id)
    try:
        found, rows = await asyncio.to_thread(_compared, this, other, names)
    except EagerError as error:
        app.complain(error)
        return
    app.push_screen(DiffScreen(names, found, rows))


def _compared(
    this: Artefact, other: Artefact, names: tuple[str, str]
) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
    """The comparison, and the same as text; both reports are known to be whole afterwards."""
    from core.index.measure.diff import diff
    from eagertui.cli.output.index_diff import diff_lines
    from eagertui.places.index.diff_lines import diff_rows

    found = diff(this.folder, other.folder)
    try:
        diff_rows(names, found, 80)
        return found, list(diff_lines(found))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"one of the two reports cannot be read ({error})", "b builds the index again") from error
