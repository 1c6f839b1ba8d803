"""The evaluation stage: the model's ranks beside the baselines', as `metrics.json` and `ranks.parquet`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.data.dataset import Dataset, Evaluation
from core.evaluate.baseline_ranks import load_ranking, ranks_frame, save_ranking
from core.evaluate.fused import WEIGHTS, best_weight, ranks_of_blend
from core.evaluate.metrics import (
    INTERVAL_METRICS,
    bootstrap_interval,
    exposure_metrics,
    paired_difference,
    ranking_metrics,
    sliced,
)
from core.evaluate.ranks import Ranking, ranks_of
from core.files import write_atomic
from core.machine import device_of, use_bf16
from core.model.checkpoint import TunedModel, load_checkpoint
from core.project import Project
from core.run.rankings import OURS, headline
from core.run.reporter import Reporter

HISTORY_SLICES = {"history<=5": (0, 5), "history 6-10": (6, 10), "history>10": (11, 1 << 30)}
BLEND, MODEL, DENSE = OURS


def measure(
    project: Project,
    dataset: Dataset,
    made: Mapping[str, Path],
    folder: Path,
    best_reachable: Path | None,
    reporter: Reporter,
) -> dict[str, Any]:
    """Rank both splits with the model and write the two files.

    Args:
        project: the settings.
        dataset: logs and catalogue.
        made: artefacts of the stages `tune` and `baselines`.
        folder: where to write.
        best_reachable: JSON of the best metrics that synthetic data allow, where they are known.
        reporter: hears the progress; may ask to stop.

    Returns:
        The model's headline figures.
    """
    device, bf16 = device_of(project.run), use_bf16(project.run)
    held = load_checkpoint(made["tune"] / "best", device)
    metrics: dict[str, Any] = {}
    tables: list[pl.DataFrame] = []
    intervals: dict[str, Any] = {}
    differences: dict[str, Any] = {}
    slices: dict[str, Any] = {}
    speed: dict[str, float] = {}
    popularity = np.bincount(dataset.train().items, minlength=dataset.n_items)
    for split in ("valid", "test"):
        questions = dataset.evaluation(split)
        names = [MODEL] if held.dense is None else [BLEND, MODEL, DENSE]
        files = {name: folder / f"{name}-{split}.npz" for name in names}
        if not all(file.is_file() for file in files.values()):
            began = time.monotonic()
            for name, ranking in _ranked(project, held, questions, folder, bf16, reporter).items():
                save_ranking(files[name], ranking)
            speed[f"{split}_users_per_second"] = round(len(questions) / (time.monotonic() - began), 1)
        rankings = {name: load_ranking(file) for name, file in files.items()}
        for name in project.evaluate.baselines:
            rankings[name] = load_ranking(made["baselines"] / f"{name}-{split}.npz")
        tables.append(ranks_frame(dataset, split, rankings))
        metrics[split] = {
            name: _figures(r, popularity, masked=project.evaluate.mask_seen) for name, r in rankings.items()
        }
        if split == "test":
            metrics["test_masked"] = {name: _figures(r, popularity, masked=True) for name, r in rankings.items()}
            samples = project.evaluate.bootstrap
            heads = {n: r.masked if project.evaluate.mask_seen else r.ranks for n, r in rankings.items()}
            if samples and len(questions):
                intervals[split] = _intervals(heads, samples)
                differences[split] = _differences(heads)
            lengths = questions.histories.lengths
            for name, ranks in heads.items():
                slices.setdefault(split, {})[name] = sliced("ndcg@10", ranks, lengths, HISTORY_SLICES)
    metrics |= {"intervals": intervals, "differences": differences, "slices": slices}
    if best_reachable is not None:
        metrics["best_reachable"] = json.loads(best_reachable.read_text(encoding="utf-8"))
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    pl.concat(tables).write_parquet(folder / "ranks.parquet")
    summary = {name: metrics["test"][MODEL][name] for name in INTERVAL_METRICS}
    if (folder / "blend.json").is_file():
        metrics_of_blend = {f"{BLEND} {name}": metrics["test"][BLEND][name] for name in INTERVAL_METRICS}
        summary |= {**metrics_of_blend, "dense weight": json.loads((folder / "blend.json").read_text())["weight"]}
    reporter.evaluation(0, "test", summary)
    return {**summary, **speed}


def _ranked(
    project: Project, held: TunedModel, questions: Evaluation, folder: Path, bf16: bool, reporter: Reporter
) -> dict[str, Ranking]:
    """The model; and where it has a dense scorer, that alone, and both with the weight that is best on `valid`."""
    everybody, history, beams = np.arange(len(questions)), project.data.max_history, project.recommend.beams
    if held.dense is None:
        return {MODEL: ranks_of(held.model, held.trie, questions, everybody, history, beams, bf16, reporter)}
    chosen = folder / "blend.json"
    known = json.loads(chosen.read_text())["weight"] if chosen.is_file() else None  # `valid` comes first
    weights = WEIGHTS if known is None else (known, 1.0)
    alone, found = ranks_of_blend(
        held.model, held.trie, held.dense, questions, everybody, history, beams, weights, bf16, reporter
    )
    if known is None:
        known = best_weight(found, project.evaluate.mask_seen)
        write_atomic(chosen, json.dumps({"weight": known}))
    return {MODEL: alone, BLEND: found[known], DENSE: found[1.0]}


def _figures(ranking: Ranking, popularity: np.ndarray[Any, Any], masked: bool) -> dict[str, float]:
    ranks, shown = (ranking.masked, ranking.shown_masked) if masked else (ranking.ranks, ranking.shown)
    return {**ranking_metrics(ranks), **exposure_metrics(shown, popularity)}


def _intervals(heads: Mapping[str, Any], samples: int) -> dict[str, Any]:
    return {
        name: {metric: list(bootstrap_interval(metric, ranks, samples)) for metric in INTERVAL_METRICS}
        for name, ranks in heads.items()
    }


def _differences(heads: Mapping[str, Any]) -> dict[str, Any]:
    """What the model's lists follow against every other method, paired over users; 10,000 resamples."""
    ours = headline(heads)
    return {
        name: {metric: paired_difference(metric, heads[ours], ranks) for metric in INTERVAL_METRICS}
        for name, ranks in heads.items()
        if name != ours
    }
