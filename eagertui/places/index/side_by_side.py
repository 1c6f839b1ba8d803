"""Two indices side by side: the choice of the other one, and the figures of both."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from core.errors import DataError, EagerError
from eagertui.places.index.opening import Artefact, find_index
from eagertui.widgets.draw import short_id, when

if TYPE_CHECKING:
    from eagertui.app import EagerApp


async def choose_other(app: EagerApp, this: Artefact) -> Artefact | None:
    """Let somebody choose another run that has an index of its own; None where nobody did."""
    from eagertui.overlays.choose import Choice, ChooseScreen

    runs = list(app.runs)
    found = await asyncio.to_thread(lambda: [(run, at) for run in runs if (at := find_index([run.folder])) is not None])
    others = {str(at.folder): (run, at) for run, at in reversed(found) if at.folder != this.folder}  # the newest stays
    if not others:
        app.tell("no other run has another index; b builds one", severity="warning")
        return None
    choices = [
        Choice(
            folder, f"{when(run.created)}  {short_id(run)}  {await asyncio.to_thread(_method, at)}", run.status.state
        )
        for folder, (run, at) in reversed(others.items())
    ]
    doc = f"this is the index of {this.run.id}"
    answer = await app.push_screen_wait(ChooseScreen("Beside which index?", doc, choices, []))
    return others[answer[0]][1] if answer else None


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
