"""The table of results that people read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

COLUMNS = ("recall@5", "recall@10", "ndcg@5", "ndcg@10", "recall@50", "mrr@50", "coverage@10")
HEADINGS = ("R@5", "R@10", "N@5", "N@10", "R@50", "MRR", "cover")


def metrics_table(metrics: Mapping[str, Any], split: str = "test") -> Table:
    """Every method's figures on a split, the best of each column bold, with the model's distance to each baseline.

    Args:
        metrics: what `metrics.json` holds.
        split: `valid`, `test` or `test_masked`.
    """
    methods = metrics.get(split, {})
    best = {name: max((m.get(name, 0.0) for m in methods.values()), default=0.0) for name in COLUMNS}
    reachable = metrics.get("best_reachable", {})
    differences = metrics.get("differences", {}).get(split, {})
    table = Table(title=_title(metrics, split), title_justify="left", expand=False)
    table.add_column("method", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    if differences:
        table.add_column("model against it, N@10", no_wrap=True)
    for name, figures in methods.items():
        cells = [_bold(_number(figures.get(c)), figures.get(c, 0.0) >= best[c] > 0) for c in COLUMNS]
        table.add_row(name, *cells, *([_difference(differences.get(name, {}).get("ndcg@10"))] if differences else []))
    if reachable:
        cells = [_number(reachable.get(c)) for c in COLUMNS]
        table.add_row("best reachable", *cells, *([""] if differences else []), style="dim")
    return table


def _title(metrics: Mapping[str, Any], split: str) -> str:
    about = {"test": "test", "valid": "validation", "test_masked": "test, seen items left out"}.get(split, split)
    spread = metrics.get("intervals", {}).get(split, {}).get("model", {}).get("recall@10")
    suffix = f"; model R@10 95 % interval {_number(spread[0])} to {_number(spread[1])}" if spread else ""
    return f"{about}, full ranking, all users{suffix}"


def _difference(found: Mapping[str, float] | None) -> str:
    if not found:
        return "-"
    word = "better" if found["low"] > 0 else "worse" if found["high"] < 0 else "not clear"
    return f"{found['difference']:+.4f} [{found['low']:+.4f}, {found['high']:+.4f}] {word}"


def _bold(text: str, best: bool) -> str:
    return f"[bold]{text}[/bold]" if best else text


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}".removeprefix("0")
