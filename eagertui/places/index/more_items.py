"""Items that came after the training: their table is picked, a process gives them codes, and they are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.errors import EagerError
from eagertui.places.index.opening import Artefact

if TYPE_CHECKING:
    from core.index.lookup import Lookup
    from eagertui.app import EagerApp
    from eagertui.widgets.table.frame_rows import FrameRows

HINT = "a table with the columns of the project's item table; items that are known are left as they are"
COUNTS = ("added", "restored", "known", "duplicates", "without_text")
"""Figures of `core.index.revisions.add.add_items`, in the order in which they are told."""


async def add_items(app: EagerApp, at: Artefact) -> list[str]:
    """Let somebody pick the table of new items, and have them added to a run; the ids of those that were."""
    from eagertui.forms.pick_file import PickFileScreen

    question, start = "Which file describes the new items?", (app.bridge.project_file or at.run.project_path).parent
    picked = await app.push_screen_wait(PickFileScreen("", question, HINT, start, form="Add items"))
    if not picked:
        return []
    app.tell("adding items …")
    try:
        told = await app.bridge.errand("index-add", str(at.run.path), json.dumps({"file": picked}))
    except EagerError as error:
        app.complain(error)
        return []
    app.tell(summary(told))
    return [str(one) for one in told["items"]]


def summary(told: Mapping[str, Any]) -> str:
    """What became of a table's items, in words."""
    counts = [f"{told[name]:,} {name.replace('_', ' ')}" for name in COUNTS if told.get(name) or name == "added"]
    rejected = sum(told.get("rejected", {}).values())
    return ", ".join([*counts, *([f"{rejected:,} rejected"] if rejected else [])])


def new_rows(lookup: Lookup, ids: list[str]) -> FrameRows:
    """New items as a table: title, code, the item that shares most of it, and the id."""
    import polars as pl

    from eagertui.widgets.table.frame_rows import FrameRows

    numbers = [number for item_id in ids if (number := lookup.number(item_id)) is not None]
    beside = [lookup.siblings(number, 1)[1] for number in numbers]
    columns = {
        "title": [lookup.title(number) for number in numbers],
        "code": [lookup.index.text(number) for number in numbers],
        "beside": [lookup.title(near[0]) if near else "" for near in beside],
        "item": [lookup.item_id(number) for number in numbers],
    }
    return FrameRows(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))
