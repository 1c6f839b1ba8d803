"""Why an item stands in a list, on stdout. Never imports textual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from core.recommend.evidence.sentences import percent, quoted
from eagertui.cli.output.lists import output, plain_table
from eagertui.plain import visible

MOST_ROWS = 5
"""Items of a history that are shown at most."""


def show_evidence(result: Mapping[str, Any]) -> None:
    """The evidence for one item: in words, then code by code, by the items of the history, by preference.

    Args:
        result: what the serving process answers to `explain`.
    """
    console, evidence = output(), result["evidence"]
    item = evidence["item"]
    console.print(Text(f"why {visible(item['item_id'])} {visible(quoted(item['title']))}", style="bold"))
    for sentence in result["sentences"]:
        console.print(Text(visible(sentence)))
    if result.get("refused"):
        console.print(
            Text(f"the local writer's text held {visible(result['refused'])}; these are templates", style="dim")
        )
    console.print()
    table = plain_table("code", "chance", "items", "branch", right=("chance", "items"))
    for step in evidence["path"]:
        table.add_row(step["token"], percent(step["probability"]), str(step["items"]), Text(_words(step["words"])))
    console.print(table)
    if evidence["removals"]:
        table = plain_table("score falls by", "without", right=("score falls by",))
        for one in evidence["removals"][:MOST_ROWS]:
            table.add_row(f"{one['drop']:.3f}", Text(visible(quoted(one["item"]["title"]))))
        console.print(table)
    if evidence["preferences"]:
        table = plain_table("weight", "cosine", "falls by", "preference", right=("weight", "cosine", "falls by"))
        for one in evidence["preferences"]:
            table.add_row(
                percent(one["weight"]), _number(one["fitness"]), _number(one["drop"]),
                Text(f"{_words(one['label'])}: {visible(', '.join(quoted(own['title']) for own in one['items'][:2]))}"),
            )  # fmt: skip
        console.print(table)
    if held_out := result.get("held_out"):
        console.print(Text(f"held out: {visible(quoted(held_out['item']['title']))}"))
        console.print(Text(visible(held_out["sentence"])))
    console.print(Text(visible(result["faith"]), style="dim"))


def show_faithfulness(figure: Mapping[str, Any]) -> None:
    """The deletion test of a run's evidence."""
    console = output()
    table = plain_table("the first item's score falls by", "without", right=("the first item's score falls by",))
    table.add_row(f"{figure['preference']:.3f}", "the items of the heaviest preference")
    table.add_row(f"{figure['random']:.3f}", "as many random items of the history")
    table.add_row(f"{figure['newest']:.3f}", "as many of the newest items")
    console.print(table)
    console.print(Text(visible(figure["sentence"])))


def _words(words: list[str]) -> str:
    return visible(", ".join(words))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
