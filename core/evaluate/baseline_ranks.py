"""Ranks of the targets under the baselines, which score every item of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.baselines import ItemKNN, Popularity, Scorer, Transitions
from core.data.arrays import Sequences
from core.data.dataset import Dataset, Evaluation
from core.evaluate.metrics import DEPTH, ranking_metrics
from core.evaluate.ranks import Ranking
from core.project import Project
from core.run.reporter import Reporter

BATCH = 512
SPLITS = ("valid", "test")
SIMPLE: dict[str, Callable[[Sequences, int], Scorer]] = {
    "popularity": Popularity,
    "transitions": Transitions,
    "itemknn": ItemKNN,
}


def measure_baselines(
    project: Project, dataset: Dataset, sasrec: Path | None, folder: Path, reporter: Reporter
) -> dict[str, Any]:
    """Fit the baselines on the training prefixes and rank both splits; one file a method and split.

    Raises:
        StopRequested: somebody asked to stop; finished methods are kept.
    """
    from core.vectors.sasrec import SasRec

    train, count = dataset.train(), dataset.n_items
    done = {}
    for name in project.evaluate.baselines:
        files = {split: folder / f"{name}-{split}.npz" for split in SPLITS}
        if not all(file.is_file() for file in files.values()):
            scorer: Scorer
            if name == "sasrec" and sasrec is not None:
                scorer = SasRec.load(sasrec / "sasrec.safetensors", count, project.sasrec)
            else:
                scorer = SIMPLE[name](train, count)
            for split, file in files.items():
                save_ranking(file, rank_by_scores(scorer, dataset.evaluation(split), count, name, reporter))
        done[name] = ranking_metrics(load_ranking(files["test"]).ranks)[f"recall@{DEPTH}"]
    return {f"{name} recall@{DEPTH}": value for name, value in done.items()}


def rank_by_scores(scorer: Scorer, split: Evaluation, n_items: int, name: str, reporter: Reporter) -> Ranking:
    """Rank every user's target: higher scores first, equal scores by item number.

    Raises:
        StopRequested: somebody asked to stop.
    """
    ranks, masked = (np.zeros(len(split), dtype=np.int32) for _ in range(2))
    shown, shown_masked = (np.zeros(n_items, dtype=np.int64) for _ in range(2))
    for start in range(0, len(split), BATCH):
        rows = np.arange(start, min(start + BATCH, len(split)))
        histories = split.histories.take(rows)
        scores = scorer.score(histories)
        targets = split.targets[rows]
        ranks[rows] = _rank(scores, targets)
        shown += _exposure(scores)
        owner = np.repeat(np.arange(len(rows)), histories.lengths)
        wanted = scores[np.arange(len(rows)), targets]
        scores[owner, histories.items] = -np.inf
        repeated = np.isneginf(scores[np.arange(len(rows)), targets]) & ~np.isneginf(wanted)
        masked[rows] = np.where(repeated, 0, _rank(scores, targets))
        shown_masked += _exposure(scores)
        reporter.progress(name, start + len(rows), len(split), "users")
        reporter.stop_if_asked()
    return Ranking(ranks, masked, shown, shown_masked)


def _rank(scores: npt.NDArray[np.float32], targets: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    own = scores[np.arange(len(targets)), targets][:, None]
    lower = np.arange(scores.shape[1])[None, :] < targets[:, None]
    rank = 1 + (scores > own).sum(axis=1) + ((scores == own) & lower).sum(axis=1)
    return np.where(rank <= DEPTH, rank, 0)


def _exposure(scores: npt.NDArray[np.float32], cut: int = 10) -> npt.NDArray[np.int64]:
    """How often each item is among the first `cut`; ties at the edge go to the lower item number."""
    count = scores.shape[1]
    cut = min(cut, count)
    edge = np.partition(scores, count - cut, axis=1)[:, count - cut, None]
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
    with np.load(path, allow_pickle=False) as held:
        return Ranking(**{name: held[name] for name in held.files})


def ranks_frame(dataset: Dataset, split: str, rankings: dict[str, Ranking]) -> pl.DataFrame:
    """One row a user: target, history length, the target's training popularity, and every method's ranks (0 = none)."""
    questions = dataset.evaluation(split)
    popularity = np.bincount(dataset.train().items, minlength=dataset.n_items)
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
