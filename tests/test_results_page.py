"""The tables of results.md are those of the figures that are kept."""

from __future__ import annotations

import json

from tests.benchmarks.experiments import results_page


def test_the_page_holds_what_was_kept() -> None:
    page, kept = results_page.PAGE.read_text("utf-8"), json.loads(results_page.KEPT.read_text("utf-8"))
    assert set(kept) == {name for _, name, _ in results_page.MARKED.findall(page)}
    assert results_page.written(page, kept) == page
    assert page.count("| **model+fused** |") == 2 * len(kept)
