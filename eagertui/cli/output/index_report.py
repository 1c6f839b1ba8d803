"""The report on an item index, and two of them side by side, as tables on stdout. Never imports textual."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.errors import DataError
from core.index.tokens import code_text
from core.safe_json import figures, read_object
from eagertui.cli.output.index_diff import diff_lines
from eagertui.cli.output.lists import output, plain_table
from eagertui.plain import visible

if TYPE_CHECKING:
    from core.index.revisions.changes import Growth

BRANCHES_SHOWN = 20
CHANGES_SHOWN = 20


def report_of(folder: Path, growth: Growth) -> dict[str, Any]:
    """The report of an index, and what came and went since: ids and codes of the items that were added.

    Args:
        folder: the artefact of the stage `index`.
        growth: all revisions of the run.

    Raises:
        DataError: the report cannot be read.
    """
    try:
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        if not isinstance(report["levels"], list):
            raise TypeError("it holds something else")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder}: the report of the index cannot be read ({error})", "build it again") from None
    added = [
        {
            "item_id": item, "title": title, "removed": item in growth.removed,
            "code": code_text(codes),
        }
        for (item, title, _), codes in zip(growth.items.iter_rows(), growth.codes.tolist(), strict=True)
    ]  # fmt: skip
    from core.index.measure.code_figures import code_figures, sources_of

    report |= code_figures(folder, sources_of(report))
    return {**report, "revision": growth.number, "added": added, "removed": sorted(growth.removed)}


def show_report(folder: Path, growth: Growth) -> None:
    """Everything that is known of an index.

    Args:
        folder: the artefact of the stage `index`.
        growth: all revisions of the run.

    Raises:
        DataError: its report cannot be read.
    """
    report = report_of(folder, growth)
    levels, console = report["levels"], output()
    console.print(Text(f"{report['items']:,} items, base {visible(report['base_id'])}"))
    for name in ("method", "shape"):
        if told := report.get(name):
            console.print(Text(f"{name}: {visible(told)}"))
    _card(console, folder, report)
    console.print(_levels(levels))
    _conflicts(console, report.get("conflicts") or {})
    _by_depth(console, report, levels)
    if seconds := figures(read_object(folder / "seconds.json")):
        console.print(Text("seconds: " + ", ".join(f"{visible(name)} {value:.1f}" for name, value in seconds.items())))
    _branches(console, folder, growth)
    if growth.number:
        _changes(console, report)


def _card(console: Console, folder: Path, report: Mapping[str, Any]) -> None:
    """The report in graded sentences."""
    from core.index.branches import BranchTable
    from core.index.measure.report_card import report_card

    try:
        branches = BranchTable.load(folder)
    except (DataError, ValueError):
        branches = None  # made by an older version
    for grade, text in report_card(report, branches):
        console.print(Text(f"{grade}: {visible(text)}"))


def _levels(levels: list[Mapping[str, Any]]) -> Table:
    right = ("used", "dead", "entropy", "perplexity", "branches", "fan-out", "forced", "items a branch")
    table = plain_table("level", "source", *right, right=right)
    for level in levels:
        smallest, median, largest = (level.get(name) for name in ("smallest", "median", "largest"))
        table.add_row(
            visible(level["letter"]),
            visible(level["source"]),
            f"{level['used']}/{level['width']}",
            str(level.get("dead", level["width"] - level["used"])),
            f"{level['entropy']:.2f} bit" if "entropy" in level else "",
            f"{level['perplexity']:.1f}",
            f"{level['prefixes']:,}",
            f"{level['mean_fan_out']:.2f}",
            f"{level['forced_items']:.1%}",
            f"{smallest}–{median:g}–{largest}" if largest is not None else "",
        )
    return table


def _conflicts(console: Console, conflicts: Mapping[str, Any]) -> None:
    if not conflicts.get("steps"):
        return
    table = plain_table(
        "conflicts after", "items", "groups", "largest", "rate", right=("items", "groups", "largest", "rate")
    )
    for step in conflicts["steps"]:
        table.add_row(
            visible(step["step"]),
            f"{step['items']:,}",
            f"{step['groups']:,}",
            str(step["largest"]),
            f"{step['rate']:.2%}",
        )
    console.print(table)
    price = conflicts.get("price") or {}
    told = [f"{conflicts.get('duplicates', 0):,} items have an exact twin", f"{conflicts.get('moved', 0):,} moved"]
    if conflicts.get("spilled"):
        told.append(f"{conflicts['spilled']:,} to another prefix")
    if price.get("relative") is not None:
        told.append(f"the price is {price['relative']:.2%} more distance")
    console.print(Text("; ".join(told)))


def _by_depth(console: Console, report: Mapping[str, Any], levels: list[Mapping[str, Any]]) -> None:
    """Per depth: whether neighbours and equal categories stand under one prefix, against chance."""
    names = [str(level["letter"]) for level in levels]
    table = plain_table(
        "share under one prefix", *(f"to {name}" for name in names), right=tuple(f"to {n}" for n in names)
    )
    for source, depths in (report.get("preserved") or {}).items():
        table.add_row(f"nearest in {visible(source)}", *(f"{one['preserved']:.1%}" for one in depths))
        table.add_row("  by chance", *(f"{one['chance']:.1%}" for one in depths))
    for column, depths in (report.get("agreement") or {}).items():
        table.add_row(f"same {visible(column)}", *(f"{one['agree']:.1%}" for one in depths))
        table.add_row("  by chance", *(f"{one['chance']:.1%}" for one in depths))
    if table.row_count:
        console.print(table)
    if lost := report.get("reconstruction"):
        console.print(Text("not told by the codes: " + ", ".join(f"{visible(s)} {v:.1%}" for s, v in lost.items())))


def _changes(console: Console, report: Mapping[str, Any]) -> None:
    """What came and went after training."""
    added, removed = report["added"], report["removed"]
    console.print(Text(f"revision {report['revision']}: {len(added):,} items added, {len(removed):,} removed"))
    table = plain_table("item", "code", "title", "")
    for item in added[:CHANGES_SHOWN]:
        gone = "removed again" if item["removed"] else "added"
        table.add_row(Text(visible(item["item_id"])), Text(item["code"]), Text(visible(item["title"] or "")), gone)
    late = {item["item_id"] for item in added}
    for item_id in [item for item in removed if item not in late][:CHANGES_SHOWN]:
        table.add_row(Text(visible(item_id)), "", "", "removed")
    console.print(table)
    if (more := len({*late, *removed}) - table.row_count) > 0:
        console.print(Text(f"{more:,} more; --json lists them all"))


def _branches(console: Console, folder: Path, growth: Growth) -> None:
    """The largest first-level branches and their words; items that came later count."""
    from core.index.branches import BranchTable
    from core.index.lookup import load_index

    try:
        branches = BranchTable.load(folder)
        if growth.number:
            codes = load_index(folder / "index.parquet").codes
            branches = branches.grown(np.concatenate([codes, growth.codes.reshape(-1, codes.shape[1])]))
    except (DataError, ValueError):
        return  # made by an older version
    first = sorted(branches.children(0), key=lambda row: (-int(branches.size[row]), row))
    table = plain_table("branch", "items", "words", right=("items",))
    for row in first[:BRANCHES_SHOWN]:
        words = ", ".join(visible(word) for word in branches.words(row))
        table.add_row(f"<a_{branches.code[row]}>", f"{branches.size[row]:,}", Text(words))
    if table.row_count:
        console.print(table)
        if len(first) > BRANCHES_SHOWN:
            console.print(Text(f"{len(first) - BRANCHES_SHOWN:,} more branches"))


def show_diff(found: Mapping[str, Any], a: str, b: str) -> None:
    """Two indices side by side.

    Args:
        found: of `core.index.measure.diff.diff`.
        a: name of the first.
        b: name of the second.
    """
    table = plain_table("", visible(a), visible(b), right=(visible(a), visible(b)))
    for label, left, right in diff_lines(found):
        table.add_row(Text(visible(label)), Text(visible(left)), Text(visible(right)))
    output().print(table)
