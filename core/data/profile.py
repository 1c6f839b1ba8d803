"""What is in the data: the figures that `check` prints and the Data screen shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from core.data.arrays import TAKEN, Int64
from core.data.data_report import DataReport
from core.data.dataset import Dataset
from core.data.flat_rows import release


def profile(dataset: Dataset) -> dict[str, Any]:
    """Describe a data set in plain numbers, ready for JSON.

    Keys: `read` (rows and what was dropped why), `digest` (of the content), `users`, `items`, `interactions`,
    `density`, `history` (lengths), `popularity` (the long tail), `timeline` and `time` (empty without a time column),
    `split`, `cold` (who and what the figures of a model cannot speak for), `text`.
    """
    report = dataset.report
    lengths = dataset.sequences.lengths
    counts = dataset.item_counts()
    interactions = len(dataset.sequences.items)
    return {
        "read": {
            "files": report.files,
            "rows": report.rows,
            "rejected": report.rejected,
            "examples": report.examples,
            **({"left_out": report.left_out, "unknown": report.unknown} if report.left_out else {}),
            "below_rating": report.below_rating,
            "duplicates": report.duplicates,
            "k_core": {
                "rounds": report.core_rounds,
                "rows": report.core_rows,
                "users": report.core_users,
                "items": report.core_items,
            },
            "order": report.order,
            "tied": round(report.tied, 4),
            **({"notes": report.notes} if report.notes else {}),
        },
        "digest": dataset.digest(),
        "users": dataset.n_users,
        "items": dataset.n_items,
        "interactions": interactions,
        "density": interactions / max(1, dataset.n_users * dataset.n_items),
        "history": {**_spread(lengths), "histogram": _histogram(lengths)},
        "popularity": {
            **_spread(counts),
            "gini": _gini(counts),
            "head": _head(counts),
            "histogram": _histogram(counts),
        },
        "timeline": report.timeline,
        "time": {"first": report.first_time, "last": report.last_time, "step": report.time_step}
        if report.timeline
        else {},
        "split": {
            "rule": "leave-one-out" if dataset.cuts is None else "time" if dataset.cuts.asks else "none",
            "evaluated_users": len(dataset.evaluated),
            "train_interactions": int(dataset.split.train.sum()),
            "train_targets": dataset.targets_count(),
            "repeated_targets": _repeated(dataset),
        },
        "cold": _cold(dataset, counts) | _untrained(report),
        "text": {
            "rows": report.item_rows,
            "duplicates": report.item_duplicates,
            "rejected": report.item_rejected,
            "items_without_row": report.items_without_row,
            "items_without_text": report.items_without_text,
            "items_without_title": int((dataset.items["title"] == dataset.items["item_id"]).sum()),
            "missing": report.text_missing,
            "cut": report.text_cut,
            "broken": report.text_broken,
        },
    }


def _spread(values: np.ndarray[Any, Any]) -> dict[str, float]:
    if not len(values):
        return {}
    low, median, high = np.percentile(values, [5, 50, 95])
    return {
        "min": int(values.min()), "p5": float(low), "median": float(median), "mean": round(float(values.mean()), 2),
        "p95": float(high), "max": int(values.max()),
    }  # fmt: skip


def _histogram(values: np.ndarray[Any, Any]) -> list[dict[str, int]]:
    """Counts in bins that double: 0, 1, 2, 3-4, 5-8, ...; `high` is the bin's last value."""
    bins: list[dict[str, int]] = []
    low, high = 0, 0
    while len(values) and low <= int(values.max()):
        count = int(((values >= low) & (values <= high)).sum())
        if count or bins:
            bins.append({"low": low, "high": high, "count": count})
        low, high = high + 1, max(1, high * 2)
    return bins


def _gini(counts: np.ndarray[Any, Any]) -> float:
    """Inequality of popularity: 0 = every item alike, 1 = one item has it all."""
    ordered = np.sort(counts).astype(np.float64)
    total, n = ordered.sum(), len(ordered)
    return round(float(2 * (np.arange(1, n + 1) * ordered).sum() / (n * total) - (n + 1) / n), 4) if total else 0.0


def _head(counts: np.ndarray[Any, Any]) -> dict[str, float]:
    """Share of all interactions that the most popular 1, 10 and 20 % of the items take."""
    ordered = np.sort(counts)[::-1]
    total = max(1, int(ordered.sum()))
    return {f"{p}%": round(float(ordered[: max(1, len(ordered) * p // 100)].sum() / total), 4) for p in (1, 10, 20)}


def _cold(dataset: Dataset, counts: Int64) -> dict[str, int]:
    """Users that are not evaluated; items that nobody took, or nobody in training, and test targets among these."""
    known = dataset.item_counts(training=True) > 0
    users = dataset.evaluated
    targets = dataset.sequences.items[dataset.sequences.offsets[:-1][users] + dataset.split.test[users]]
    return {
        "users_not_evaluated" if dataset.cuts is None else "users_without_target": dataset.n_users - len(users),
        "items_never_taken": int((counts == 0).sum()),
        "items_not_in_training": int((~known).sum()),
        "targets_not_in_training": int((~known[targets]).sum()),
    }


def _untrained(report: DataReport) -> dict[str, int]:
    """Of a split by time: users without history, and items that only interactions after training have."""
    counts = {
        "users_without_history": report.users_without_history,
        "items_untrained": report.items_untrained,
        "rows_untrained": report.rows_untrained,
        **{f"{name}_targets_untrained": count for name, count in report.targets_untrained.items()},
    }
    return {key: count for key, count in counts.items() if count}


def _repeated(dataset: Dataset) -> float:
    """Share of test targets that stand in the user's own history already."""
    users, items, offsets = dataset.evaluated, dataset.sequences.items, dataset.sequences.offsets
    repeated = 0
    for start in range(0, len(users), TAKEN):
        some = users[start : start + TAKEN]
        lengths = dataset.split.test[some]
        targets = items[offsets[some] + lengths]
        # (items of their histories,): the row of `some` that each is of.
        owner = np.repeat(np.arange(len(some)), lengths)
        histories = dataset.sequences.take(some, np.diff(offsets)[some] - lengths)
        repeated += len(np.unique(owner[histories.items == targets[owner]]))
        release(items)
    return round(repeated / len(users), 4) if len(users) else 0.0
