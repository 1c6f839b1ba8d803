"""Index: how the codes of a run's item index are used, and whether they keep neighbours together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from core.run.folder import RunFolder
from eagertui.actions import own_bindings
from eagertui.screens.place import Place
from eagertui.widgets.draw import Part, bar, fill, line, safe
from eagertui.widgets.lines import Lines
from eagertui.widgets.run_lines import FAINT, hint


class IndexScreen(Place):
    """The report of the index of the run that is looked at."""

    PLACE = "index"
    BINDINGS: ClassVar[list[BindingType]] = [*own_bindings("index")]
    CSS_PATH = "index.tcss"
    AUTO_FOCUS = "#report"

    def __init__(self) -> None:
        super().__init__()
        self._report: dict[str, Any] = {}
        self._run: RunFolder | None = None

    def body(self) -> ComposeResult:
        """One scrolling report."""
        with VerticalScroll(id="report", classes="panel"):
            yield Lines(id="report-text")

    @property
    def run_folder(self) -> RunFolder | None:
        """The run whose index is shown."""
        return self._run

    def copy_text(self) -> str:
        """The report as JSON."""
        return json.dumps(self._report, indent=1) if self._report else ""

    def news(self) -> None:
        """Look for the index of the current run, or else of the newest that has one."""
        super().news()
        folders = [self.eager.current, *(run.folder for run in self.eager.runs)]
        self._look([folder for folder in folders if folder is not None])
        self.refresh_keys()

    @work(group="index", exclusive=True, exit_on_error=False)
    async def _look(self, folders: list[RunFolder]) -> None:
        self._run, self._report = await asyncio.to_thread(_first_report, folders)
        panel = self.query_one("#report")
        name = f"Item index of {self._run.id}" if self._run else "Item index"
        panel.border_title = Content(safe(name))
        report = self._report
        self.query_one("#report-text", Lines).show(lambda width: report_lines(report, width))


def _first_report(folders: list[RunFolder]) -> tuple[RunFolder | None, dict[str, Any]]:
    """The first run that made or reused an index, and the index's report."""
    for folder in folders:
        try:
            note = json.loads((folder.path / "stages" / "index.json").read_text(encoding="utf-8"))
            report = json.loads((folder.path / note["artefact"] / "report.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if isinstance(report, dict) and _is_whole(report):
            return folder, report
    return None, {}


def _is_whole(report: Mapping[str, Any]) -> bool:
    """Whether a report holds what it should; a damaged one is none."""
    try:
        report_lines(report, 80)
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        return False
    return True


def report_lines(report: Mapping[str, Any], width: int) -> list[Content]:
    """The report for a person: use of each level's codes, then the neighbours that share them."""
    levels = report.get("levels")
    if not isinstance(levels, list) or not levels:
        return [
            line([("No item index yet.", "bold")]),
            Content(""),
            line(["Training gives every item a short code; this place shows how the codes are used."]),
            hint("4", "train"),
        ]
    cells = max(0, min(24, width - 62))
    rows = [
        line([(f"{report.get('items', 0):,} items", "bold"), (f"   base {safe(report.get('base_id', ''))}", FAINT)]),
        Content(""),
        line(
            [("     source       codes used", FAINT), (" " * (cells + 3) + "perplexity  branches fan-out", FAINT)],
            width,
        ),
    ]
    for level in levels:
        used, wide = int(level.get("used", 0)), int(level.get("width", 1))
        parts: list[Part] = [
            (f"  {safe(level.get('letter'))}  ", "bold"),
            (fill(level.get("source"), 10), "$primary"),
            (f"{used:>6,}/{wide:<6,}", ""),
            (bar(used / max(1, wide), cells) + " ", "$success"),
            (f"{level.get('perplexity', 0.0):>10,.1f} {level.get('prefixes', 0):>9,}", ""),
            (f" {level.get('mean_fan_out', 0.0):>7,.1f}", ""),
        ]
        rows.append(line(parts, width))
    for source, depths in (report.get("preserved") or {}).items():
        rows += [Content(""), line([(f"nearest items in {safe(source)} vectors that share the code", FAINT)])]
        for level, depth in zip(levels, depths, strict=False):
            kept, chance = float(depth.get("preserved", 0.0)), float(depth.get("chance", 0.0))
            parts = [
                (f"  to {safe(level.get('letter'))}  ", "bold"),
                (bar(kept, max(4, min(32, width - 40))), "$primary"),
            ]
            parts += [(f" {kept:>6.1%}", "bold"), (f"   by chance {chance:.1%}", FAINT)]
            rows.append(line(parts, width))
    return rows
