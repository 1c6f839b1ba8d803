"""How the figures of a comparison came about, in words that go with every table."""

from __future__ import annotations

from core.evaluate.comparison.comparison_of_runs import Comparison
from core.evaluate.comparison.measured_run import data_report, data_summary
from core.evaluate.resampling import SAMPLES, SLICE_SAMPLES
from core.safe_json import number


def protocol_card(comparison: Comparison) -> dict[str, str]:
    """What was asked of whom, and how it was judged: names and sentences, those of the first run."""
    run = comparison.runs[0]
    get, report, summary = run.settings.get, data_report(run), data_summary(run)
    least = (get("data.min_user_interactions", 0), get("data.min_item_interactions", 0))
    card = {
        "split": f"{get('data.split', 'leave-one-out')}, test: one target a user",
        "ranking": "the whole catalogue, by item; equal scores by item number",
        "seen items": "both ways: kept in the lists, and hidden from them",
        "users": f"{comparison.users:,}",
        "items": f"{number(summary.get('items')):,.0f}" if summary.get("items") else "not known",
        "history": f"at most {get('data.max_history', '?')} items",
        "least interactions": f"{least[0]} a user, {least[1]} an item",
        "neighbours at one time": f"{number(report.get('tied')):.1%}" if "tied" in report else "not known",
        "seeds": ", ".join(str(seed) for seed in sorted({run.seed for run in comparison.runs})),
        "intervals": f"95 %, bootstrap over users ({SAMPLES:,} resamples, {SLICE_SAMPLES:,} in a slice), users paired",
    }
    return {name: text for name, text in card.items() if text}
