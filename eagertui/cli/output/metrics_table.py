"""The tables of results that people read; they fit 80 columns."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.evaluate.compare import Difference, read_difference
from core.run.rankings import both_protocols, headline, protocol_card, protocol_of

COLUMNS = ("recall@5", "recall@10", "ndcg@5", "ndcg@10", "recall@50", "coverage@10")
HEADINGS = ("R@5", "R@10", "N@5", "N@10", "R@50", "cover")
WIDTH = 140
"""Columns of a table in a pipe, wide enough for every heading."""


def metrics_table(metrics: Mapping[str, Any], split: str = "test") -> Table:
    """Every method's figures on a split, the best of each column bold, and what the model's lists gain over each.

    Args:
        metrics: what `metrics.json` holds.
        split: `valid`, `test`, `valid_masked` or `test_masked`.
    """
    methods = metrics.get(split, {})
    best = {name: max((m.get(name, 0.0) for m in methods.values()), default=0.0) for name in COLUMNS}
    differences = metrics.get("differences", {}).get(split, {})
    table = Table(title=_title(metrics, split), title_justify="left", title_style="", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("method", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True, min_width=5)
    if differences:
        table.add_column("its gain, N@10", no_wrap=True)
    for name, figures in methods.items():
        cells = [_cell(figures.get(c), figures.get(c, 0.0) >= best[c] > 0) for c in COLUMNS]
        gain = [_gain(read_difference(metrics, split, name, "ndcg@10"))] if differences else []
        table.add_row(Text(name), *cells, *gain)
    if reachable := metrics.get("best_reachable"):
        table.add_section()
        table.add_row(Text("best reachable"), *[_cell(reachable.get(c), False) for c in COLUMNS])
    return table


def show_metrics(metrics: Mapping[str, Any]) -> None:
    """The tables of methods and metrics, one a protocol, and what the figures depend on; on stdout."""
    width = None if sys.stdout.isatty() else WIDTH
    # Their cells are ours, names of methods and figures, so the markup in them is meant.
    console = Console(highlight=False, emoji=False, width=width)
    for split in both_protocols(metrics):
        console.print(metrics_table(metrics, split))
    console.print(Text(protocol_card(metrics)))


def _title(metrics: Mapping[str, Any], split: str) -> Text:
    ours = headline(metrics.get(split, {}))
    spread = metrics.get("intervals", {}).get(split, {}).get(ours, {}).get("recall@10")
    suffix = f"; {ours} R@10 in {_number(spread[0])} to {_number(spread[1])} (95 %)" if spread else ""
    name = "validation" if split.startswith("valid") else "test"
    return Text(f"{name}, {protocol_of(split, metrics)}{suffix}")


def _gain(gain: Difference | None) -> Text:
    return Text(f"{_number(gain.value, '+')} ±{_number(gain.margin)} {gain.verdict}" if gain else "")


def _cell(value: float | None, best: bool) -> Text:
    return Text("" if value is None else _number(value), style="bold" if best else "")


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4f}".replace("0.", ".", 1)
