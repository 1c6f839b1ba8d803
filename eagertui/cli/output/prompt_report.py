"""Rendered examples of the tasks on stdout. Never imports textual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from eagertui.plain import visible

BEGIN, END = "⟦", "⟧"
"""Around what the model has to predict."""
STYLE = "bold green"
TITLE = 60
"""Characters of a title in the legend, at most."""


def show_prompts(console: Console, found: Mapping[str, Any]) -> None:
    """Print examples; what is predicted stands between brackets and is coloured where there are colours.

    Args:
        console: where to.
        found: what `core.jobs.prompts.shown_prompts` returned.
    """
    codes = f"codes of index {found['index']}" if found["index"] else "codes drawn by lot: there is no index yet"
    console.print(Text(f"{visible(codes)}; texts about users: {visible(found['users'])}"))
    console.print(Text(f"between {BEGIN} and {END}: what the model predicts", style="dim"))
    for note in found["notes"]:
        console.print(Text(visible(note), style="dim"))
    for task in found["tasks"]:
        counts = f"{task['rows']:,} rows, {task['wordings']} wordings"
        console.print(Text.assemble("\n", (visible(task["task"]), "bold"), f": {counts}"))
        if not task["rows"]:
            console.print(Text(f"  none: {visible(task['reason'])}"))
        for example in task["examples"]:
            length = f"{example['tokens']} tokens, {example['predicted']} predicted"
            head = f"  row {example['row']:,}, wording {example['wording']}, {length}"
            console.print(Text(head, style="dim"))
            console.print(_row(example["spans"]), soft_wrap=True)
            if legend := "; ".join(f"{one['code']} {_short(one['title'])}" for one in example["legend"]):
                console.print(Text(f"    {visible(legend)}", style="dim"), soft_wrap=True)


def _short(title: str) -> str:
    """A title on one line, cut where it is long."""
    words = " ".join(str(title).split())
    return words if len(words) <= TITLE else f"{words[: TITLE - 1]}…"


def _row(spans: list[Mapping[str, Any]]) -> Text:
    """A row as it is, its own line breaks kept, set in from the left."""
    text = Text()
    for span in spans:
        shown = "\n".join(visible(line) for line in str(span["text"]).split("\n"))
        text.append(f"{BEGIN}{shown}{END}" if span["predicted"] else shown, STYLE if span["predicted"] else "")
    return Text("\n").join(Text.assemble("    ", line) for line in text.split("\n"))
