"""The table of results that people read; it fits 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from core.run.rankings import headline

COLUMNS = ("recall@5", "recall@10", "ndcg@5", "ndcg@10", "recall@50", "coverage@10")
HEADINGS = ("R@5", "R@10", "N@5", "N@10", "R@50", "cover")
TITLES = {"test": "test", "valid": "validation", "test_masked": "test, seen items left out"}


def metrics_table(metrics: Mapping[str, Any], split: str = "test") -> Table:
    """Every method's figures on a split, the best of each column bold, and what the model's lists gain over each.

    Args:
        metrics: what `metrics.json` holds.
        split: `valid`, `test` or `test_masked`.
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
        table.add_row(Text(name), *cells, *([_gain(differences.get(name, {}).get("ndcg@10"))] if differences else []))
    if reachable := metrics.get("best_reachable"):
        table.add_section()
        table.add_row(Text("best reachable"), *[_cell(reachable.get(c), False) for c in COLUMNS])
    return table


def _title(metrics: Mapping[str, Any], split: str) -> Text:
    ours = headline(metrics.get(split, {}))
    spread = metrics.get("intervals", {}).get(split, {}).get(ours, {}).get("recall@10")
    suffix = f"; {ours} R@10 in {_number(spread[0])} to {_number(spread[1])} (95 %)" if spread else ""
    return Text(f"{TITLES.get(split, split)}, full ranking, all users{suffix}")


def _gain(found: Mapping[str, float] | None) -> Text:
    if not found:
        return Text("")
    word = "better" if found["low"] > 0 else "worse" if found["high"] < 0 else "not clear"
    margin = (found["high"] - found["low"]) / 2
    return Text(f"{_number(found['difference'], '+')} ±{_number(margin)} {word}")


def _cell(value: float | None, best: bool) -> Text:
    return Text("" if value is None else _number(value), style="bold" if best else "")


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.4f}".replace("0.", ".", 1)
