"""Tables that the command line prints on stdout: runs and recommendations."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.run.listing import RunInfo
from eagertui.plain import duration, visible

PIPE_WIDTH = 120
CODED_WIDTH = 110
"""Columns of a terminal that shows codes beside titles."""

SPARE = ("recipe", "took", "R@10")
"""Columns of the runs that a narrow terminal goes without, in this order."""
PIN = "◆"
"""A run that must not be deleted."""
GLYPHS = {"running": "●", "queued": "◌", "finished": "✓", "failed": "✗", "stopped": "■", "lost": "?"}


def output() -> Console:
    """The console on stdout; in a pipe it is as wide as a table needs, not as a terminal that is not there."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(markup=False, highlight=False, emoji=False, width=width)


def plain_table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An unboxed table; columns named in `right` hold figures."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold")
    return table


def show_runs(runs: list[RunInfo]) -> None:
    """One line a run, the newest first; a narrow terminal shows fewer columns, and every id whole."""
    labelled = any(run.label or run.pinned for run in runs)
    columns = ["", "run", *(["name"] if labelled else []), "state", "recipe", "took", "R@10", "N@10"]
    rows = [_run_cells(run) for run in runs]
    console = output()
    wide = console.options.update(max_width=1000)
    for spare in (None, *SPARE):
        columns = [name for name in columns if name != spare]
        table = plain_table(*columns, right=("took", "R@10", "N@10"))
        for cells in rows:
            table.add_row(*(Text(cells[name]) for name in columns))
        if console.measure(table, options=wide).maximum <= console.width:
            break
    console.print(table)


def _run_cells(run: RunInfo) -> dict[str, str]:
    """What the table says of a run, by column."""
    status = run.status
    at_work = status.state == "running" and status.total > 0
    state = f"{status.state} {status.done / status.total:.0%} of {status.task}" if at_work else status.state
    return {
        "": GLYPHS.get(status.state, "?"),
        "run": visible(run.id),
        "name": f"{PIN} {visible(run.label)}" if run.pinned else visible(run.label),
        "state": visible(state),
        "recipe": visible(run.recipe),
        "took": duration(status.seconds) if status.started else "–",
        "R@10": _score(run.metrics.get("recall@10")),
        "N@10": _score(run.metrics.get("ndcg@10")),
    }


def run_row(run: RunInfo) -> dict[str, Any]:
    """A run as one JSON object."""
    status = run.status
    return {
        "id": run.id,
        "path": str(run.folder.path.resolve()),
        "name": run.name,
        "label": run.label or None,
        "pinned": run.pinned,
        "recipe": run.recipe,
        "state": status.state,
        "created": datetime.fromtimestamp(run.created).astimezone().isoformat() if run.created else None,
        "seconds": round(status.seconds, 3),
        "pid": status.pid if status.live else None,
        "checkpoint": status.checkpoint or None,
        "error": status.error or None,
        "metrics": run.metrics,
    }


def remarks(result: dict[str, Any]) -> list[str]:
    """What is to be said about a list beside it: where it comes from, words and ids that mean nothing, its length."""
    sentences = []
    sentences += [visible(str(note)) for note in result.get("notes", [])]
    if weights := result.get("weights"):
        shares = ", ".join(f"{visible(str(name))} {share:.2f}" for name, share in weights.items())
        sentences.append(f"found by the wish; weights: {shares}")
    elif result.get("source") == "popularity":
        sentences.append("nobody was named: the list follows popularity")
    if result.get("short"):
        items = len(result.get("items", []))
        count = {0: "no item", 1: "only 1 item"}.get(items, f"only {items} items")
        sentences.append(f"{count} may be listed, fewer than asked for")
    if unknown := result.get("unknown"):
        sentences.append(f"no items of this run: {visible(', '.join(map(str, unknown)))}")
    return sentences


def show_recommendation(result: dict[str, Any]) -> None:
    """A user's history, which of the two it is, and the ranked items; seen ones and the held-out one are marked."""
    console = output()
    history = result.get("history", [])
    owner = "history" if result.get("user") is None else f"user {visible(result['user'])}"
    kind = f" {visible(result['history_kind'])}" if result.get("history_kind") else ""
    if result.get("source") == "cache":  # which keeps no histories
        made = datetime.fromtimestamp(result["made"]).strftime("%Y-%m-%d %H:%M")
        console.print(Text(f"{owner}{kind}, from the cache, made {made}"))
    elif history:
        console.print(Text(f"{owner}{kind}, {len(history)} items, the oldest first"))
        timed = any(item.get("time") for item in history)
        table = plain_table("", "item", "title", *["taken"] * timed, right=("",))
        for number, item in enumerate(history, start=1):
            time = [visible(str(item.get("time") or ""))] * timed
            table.add_row(str(number), Text(visible(item["item_id"])), Text(visible(item["title"])), *time)
        console.print(table)
    target = result.get("target")
    coded = console.width >= CODED_WIDTH
    table = plain_table("rank", "item", "title", *["code"] * coded, "score", "", right=("rank", "score"))
    for item in result.get("items", []):
        marks = ["seen"] * bool(item.get("seen")) + ["held out"] * (target is not None and item["item_id"] == target)
        table.add_row(
            str(item["rank"]),
            Text(visible(item["item_id"])),
            Text(visible(item["title"])),
            *[Text(visible(f"{item.get('code', '')} {item.get('words', '')}".strip()))] * coded,
            f"{item['score']:.3f}",
            ", ".join(marks),
        )
    console.print(table)


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".removeprefix("0")
