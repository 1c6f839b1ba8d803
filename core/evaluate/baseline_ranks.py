"""Ranks of the targets under the baselines, which score every item of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.baselines import Baseline, BaselineTask, Scorer, popularity_of
from core.data.dataset import Dataset, Evaluation
from core.evaluate.metrics import DEPTH, ranking_metrics
from core.evaluate.ranks import Ranking
from core.registry import BASELINES
from core.run.reporter import Reporter

BATCH = 512
SPLITS = ("valid", "test")


def measure_baselines(
    baselines: Mapping[str, Any],
    dataset: Dataset,
    inputs: Mapping[str, Path],
    seed: int,
    folder: Path,
    reporter: Reporter,
) -> dict[str, Any]:
    """Fit the baselines on the training prefixes and rank both splits; one file a method and split.

    Args:
        baselines: the names of those to measure, and the own settings of each.
        dataset: logs and catalogue.
        inputs: the folder of each artefact that one of them reads, by stage.
        seed: of whatever they draw.
        folder: where to write.
        reporter: hears the progress; may ask to stop.

    Returns:
        The recall of each on the test split.

    Raises:
        StopRequested: somebody asked to stop; finished methods are kept.
    """
    train, count = dataset.train(), dataset.n_items
    recall = {}
    for name, options in baselines.items():
        files = {split: folder / f"{name}-{split}.npz" for split in SPLITS}
        if not all(file.is_file() for file in files.values()):
            baseline: type[Baseline] = BASELINES.get(name)
            own = {stage: inputs[stage] for stage in baseline.inputs}
            scorer = baseline.fit(BaselineTask(train, count, options, own, seed, reporter))
            for split, file in files.items():
                save_ranking(file, rank_by_scores(scorer, dataset.evaluation(split), count, name, reporter))
        recall[name] = ranking_metrics(load_ranking(files["test"]).ranks)[f"recall@{DEPTH}"]
    return {f"{name} recall@{DEPTH}": value for name, value in recall.items()}


def rank_by_scores(scorer: Scorer, split: Evaluation, n_items: int, name: str, reporter: Reporter) -> Ranking:
    """Rank every user's target: higher scores first, equal scores by item number.

    Raises:
        StopRequested: somebody asked to stop.
    """
    # Ranks are of shape (users,), exposure of shape (items,); `masked` is without the items of the history.
    ranks, masked = (np.zeros(len(split), dtype=np.int32) for _ in range(2))
    shown, shown_masked = (np.zeros(n_items, dtype=np.int64) for _ in range(2))
    for start in range(0, len(split), BATCH):
        rows = np.arange(start, min(start + BATCH, len(split)))
        histories = split.histories.take(rows)
        scores = scorer.score(histories)  # (batch, items)
        targets = split.targets[rows]
        ranks[rows] = _rank(scores, targets)
        shown += _exposure(scores)
        # The same once more with the items of every history out of the running.
        owner = np.repeat(np.arange(len(rows)), histories.lengths)
        target_scores = scores[np.arange(len(rows)), targets]
        scores[owner, histories.items] = -np.inf
        # A target that its user took before went out with them: no such list can hold it. (One that the method itself
        # scored -inf did not.)
        repeated = np.isneginf(scores[np.arange(len(rows)), targets]) & ~np.isneginf(target_scores)
        masked[rows] = np.where(repeated, 0, _rank(scores, targets))
        shown_masked += _exposure(scores)
        reporter.progress(name, start + len(rows), len(split), "users")
        reporter.stop_if_asked()
    return Ranking(ranks, masked, shown, shown_masked)


def _rank(scores: npt.NDArray[np.float32], targets: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Rank of each row's target, 1 = first, 0 = not among the first `DEPTH`; (batch, items), (batch,) -> (batch,)."""
    target_scores = scores[np.arange(len(targets)), targets][:, None]  # (batch, 1)
    # Before the target stand the items of a higher score, and of an equal score those of a lower number.
    lower = np.arange(scores.shape[1])[None, :] < targets[:, None]  # (batch, items)
    rank = 1 + (scores > target_scores).sum(axis=1) + ((scores == target_scores) & lower).sum(axis=1)
    return np.where(rank <= DEPTH, rank, 0)


def _exposure(scores: npt.NDArray[np.float32], cut: int = 10) -> npt.NDArray[np.int64]:
    """How often each item is among the first `cut`; ties at the edge go to the lower item number; (batch, items) in."""
    count = scores.shape[1]
    cut = min(cut, count)
    # The score of the item at place `cut`, without sorting the whole row; (batch, 1).
    edge = np.partition(scores, count - cut, axis=1)[:, count - cut, None]
    # All items above the edge are shown. Those at the edge share the places left, the lowest numbers first; an item of
    # score -inf is masked and is never shown.
    above, at = scores > edge, (scores == edge) & np.isfinite(scores)
    room = cut - above.sum(axis=1, keepdims=True)
    return np.asarray((above | (at & (np.cumsum(at, axis=1) <= room))).sum(axis=0))


def save_ranking(path: Path, ranking: Ranking) -> None:
    """Write a ranking; `load_ranking` reads it."""
    fresh = path.with_suffix(".new.npz")
    np.savez_compressed(fresh, **vars(ranking))
    fresh.replace(path)


def load_ranking(path: Path) -> Ranking:
    """Read what `save_ranking` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        return Ranking(**{name: arrays[name] for name in arrays.files})


def ranks_frame(dataset: Dataset, split: str, rankings: dict[str, Ranking]) -> pl.DataFrame:
    """One row a user: target, history length, the target's training popularity, and every method's ranks (0 = none)."""
    questions = dataset.evaluation(split)
    popularity = popularity_of(dataset.train(), dataset.n_items)
    columns: dict[str, Any] = {
        "split": pl.Series([split] * len(questions), dtype=pl.String),
        "user_id": dataset.users[questions.users.tolist()],
        "item_id": dataset.items["item_id"][questions.targets.tolist()],
        "history": questions.histories.lengths,
        "popularity": popularity[questions.targets],
    }
    for name, ranking in rankings.items():
        columns[f"rank_{name}"] = ranking.ranks
        columns[f"masked_rank_{name}"] = ranking.masked
    return pl.DataFrame(columns)
