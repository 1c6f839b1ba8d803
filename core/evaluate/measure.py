"""The evaluation stage: every method's ranks under both protocols, as `metrics.json` and `ranks.parquet`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.baselines import popularity_of
from core.data.dataset import Dataset, Evaluation
from core.evaluate.fusion_weights import ask, fit_fusion
from core.evaluate.metrics import (
    INTERVAL_METRICS,
    Ranks,
    bootstrap_interval,
    exposure_metrics,
    paired_difference,
    ranking_metrics,
    sliced,
)
from core.evaluate.rank_shards import SHARDS, RankShards
from core.evaluate.ranks import Ranking, load_ranking, rank_by_lists, ranks_of, save_ranking
from core.evaluate.stage import FUSION_USERS
from core.machine import device_of, use_bf16
from core.model.checkpoint import load_checkpoint
from core.project import Project
from core.recommend.catalogue_parts import DENSE, GENERATOR, fitted_parts
from core.recommend.fusion import FusedSearch, Fusion, Parts, load_fusion, save_fusion
from core.run.launch import world_size
from core.run.rankings import FUSED, SPLITS, headline, masked_split
from core.run.reporter import Reporter

HISTORY_SLICES = {"history<=5": (0, 5), "history 6-10": (6, 10), "history>10": (11, 1 << 30)}


def measure(
    project: Project,
    dataset: Dataset,
    artefacts: Mapping[str, Path],
    baselines: tuple[str, ...],
    fused: tuple[str, ...],
    folder: Path,
    best_reachable: Path | None,
    reporter: Reporter,
) -> dict[str, Any]:
    """Rank both splits with the model and write the files.

    Args:
        project: the settings.
        dataset: logs and catalogue.
        artefacts: artefacts of the stages `tune` and `baselines`, and those that fused baselines read.
        baselines: the methods that the stage `baselines` ranked.
        fused: the parts of the fused list beside the generator, as far as the model has them.
        folder: where to write.
        best_reachable: JSON of the best metrics that synthetic data allow, where they are known.
        reporter: hears the progress; may ask to stop.

    Returns:
        The model's headline figures.
    """
    bf16 = use_bf16(project.run)
    checkpoint = load_checkpoint(artefacts["tune"] / "best", device_of(project.run))
    parts = Parts.of(fused, checkpoint, fitted_parts(fused, project, dataset, artefacts))
    fusion = _fusion(project, dataset, parts, folder, bf16, reporter)
    # The run's own methods: the fused list first, the generator, and the dense head where there is one.
    own = [*([FUSED] if parts.catalogue else []), GENERATOR, *([DENSE] if DENSE in parts.names else [])]
    popularity = popularity_of(dataset.train(), dataset.n_items)
    metrics: dict[str, Any] = {}
    about: dict[str, dict[str, Any]] = {"intervals": {}, "differences": {}, "slices": {}}
    tables: list[pl.DataFrame] = []
    speed: dict[str, float] = {}
    for split in SPLITS:
        questions = dataset.evaluation(split)
        files = {name: folder / f"{name}-{split}.npz" for name in own}
        if not all(file.is_file() for file in files.values()):
            began = time.monotonic()
            found = _ranked(project, parts, fusion, questions, folder, split, bf16, reporter)
            for name, ranking in zip(own, found, strict=True):
                save_ranking(files[name], ranking)
            speed[f"{split}_users_per_second"] = round(len(questions) / (time.monotonic() - began), 1)
        rankings = {name: load_ranking(file) for name, file in files.items()}
        for name in baselines:
            rankings[name] = load_ranking(artefacts["baselines"] / f"{name}-{split}.npz")
        tables.append(ranks_frame(dataset, split, rankings))
        for masked, protocol in ((False, split), (True, masked_split(split))):
            metrics[protocol] = {name: _figures(r, popularity, masked) for name, r in rankings.items()}
            heads = {name: r.masked if masked else r.ranks for name, r in rankings.items()}
            if project.evaluate.bootstrap and len(questions):
                about["intervals"][protocol] = _intervals(heads, project.evaluate.bootstrap)
                about["differences"][protocol] = _differences(heads)
            lengths = questions.histories.lengths
            about["slices"][protocol] = {
                name: sliced("ndcg@10", ranks, lengths, HISTORY_SLICES) for name, ranks in heads.items()
            }
    shutil.rmtree(folder / SHARDS, ignore_errors=True)
    metrics |= about
    if parts.catalogue:
        metrics["fusion"] = json.loads((folder / _FITTED).read_text(encoding="utf-8"))
    metrics["protocol"] = _protocol(project, dataset)
    if best_reachable is not None:
        metrics["best_reachable"] = json.loads(best_reachable.read_text(encoding="utf-8"))
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    pl.concat(tables).write_parquet(folder / "ranks.parquet")
    summary: dict[str, Any] = {}
    for protocol, said in (("test", "seen kept"), (masked_split("test"), "seen hidden")):
        for name in own[:2]:
            summary |= {f"{name} {key}, {said}": metrics[protocol][name][key] for key in INTERVAL_METRICS}
    reporter.evaluation(0, "test", {name: metrics["test"][GENERATOR][name] for name in INTERVAL_METRICS})
    return {**summary, **speed}


_FITTED = "fitted.json"
"""What `metrics.json` says of the fusion."""


def _fusion(project: Project, dataset: Dataset, parts: Parts, folder: Path, bf16: bool, reporter: Reporter) -> Fusion:
    """The weights that validation chooses, kept in the folder."""
    if not parts.catalogue:
        return Fusion.alone()
    fusion = load_fusion(folder)
    if fusion is None:
        split = dataset.evaluation("valid")
        # Drawn, not the first ones: logs are often sorted by something.
        chosen = np.random.default_rng(project.seed).permutation(len(split))[:FUSION_USERS]
        candidates = ask(parts, split, chosen, project.data.max_history, bf16, reporter)
        fusion, about = fit_fusion(parts.names, candidates, project.evaluate.bootstrap)
        (folder / _FITTED).write_text(json.dumps(about), encoding="utf-8")
        save_fusion(folder, fusion)
    return fusion


def help_measure(
    project: Project,
    dataset: Dataset,
    artefacts: Mapping[str, Path],
    fused: tuple[str, ...],
    folder: Path,
    reporter: Reporter,
) -> None:
    """Rank parts of the users for a process that measures (`measure`), until all are ranked.

    Args:
        project: the settings.
        dataset: logs and catalogue.
        artefacts: of the stages that the evaluation reads.
        fused: the parts of the fused list beside the generator.
        folder: of the stage, where the other process has its parts already: the weights are chosen by then.
        reporter: may ask to stop.

    Raises:
        StopRequested: somebody asked to stop.
    """
    checkpoint = load_checkpoint(artefacts["tune"] / "best", device_of(project.run))
    parts = Parts.of(fused, checkpoint, fitted_parts(fused, project, dataset, artefacts))
    fusion = (load_fusion(folder) if parts.catalogue else None) or Fusion.alone()
    for split in SPLITS:
        questions = dataset.evaluation(split)
        rank = partial(_rank_some, project, parts, fusion, questions, use_bf16(project.run))
        RankShards(folder, split, len(questions), world_size()).help(rank, reporter)


def _ranked(
    project: Project, parts: Parts, fusion: Fusion, questions: Evaluation, folder: Path, split: str, bf16: bool,
    reporter: Reporter,
) -> Sequence[Ranking]:  # fmt: skip
    """The own rankings of all users, by one process or several."""
    if world_size() == 1 or not len(questions):
        return _rank_some(project, parts, fusion, questions, bf16, np.arange(len(questions)), reporter)
    rank = partial(_rank_some, project, parts, fusion, questions, bf16)
    shards = RankShards(folder, split, len(questions), world_size())
    return shards.lead(rank, reporter)


def _rank_some(
    project: Project, parts: Parts, fusion: Fusion, questions: Evaluation, bf16: bool, everybody: npt.NDArray[np.int64],
    reporter: Reporter,
) -> list[Ranking]:  # fmt: skip
    """The fused list, the generator alone, and the dense head alone, as far as there are such."""
    history, beams = project.data.max_history, project.recommend.beams
    model, trie = parts.checkpoint.model, parts.checkpoint.trie
    if not parts.catalogue:
        return [ranks_of(model, trie, questions, everybody, history, beams, bf16, reporter)]
    sides = [parts.weighted(fusion, hide_seen) for hide_seen in (False, True)]
    if DENSE in parts.names:
        sides.append(np.eye(len(parts.names), dtype=np.float32)[parts.names.index(DENSE)])

    def search(histories: npt.NDArray[np.integer], _: None) -> list[npt.NDArray[np.integer]]:
        one = FusedSearch(parts, histories, beams)
        return [one.beam.cpu().numpy(), *(one.lists(weights)[0] for weights in sides)]

    found = rank_by_lists(search, 1 + len(sides), trie, questions, everybody, history, bf16, reporter)
    alone, kept, hidden, *dense = found
    return [Ranking(kept.ranks, hidden.masked, kept.shown, hidden.shown_masked), alone, *dense]


def _protocol(project: Project, dataset: Dataset) -> dict[str, Any]:
    """What a figure depends on besides the method: it stands with every table."""
    card = {
        "first": masked_split("test") if project.evaluate.mask_seen else "test",
        "split": project.data.split,
        "max_history": project.data.max_history,
        "users": len(dataset.evaluated),
        "items": dataset.n_items,
        "seed": project.seed,
    }
    # Only times tell: a log's positions and the order of its rows may have been made of equal ones.
    return {**card, "tied": round(dataset.report.tied, 4)} if project.data.time else card


def _figures(ranking: Ranking, popularity: npt.NDArray[np.int64], masked: bool) -> dict[str, float]:
    ranks, shown = (ranking.masked, ranking.shown_masked) if masked else (ranking.ranks, ranking.shown)
    return {**ranking_metrics(ranks), **exposure_metrics(shown, popularity)}


def _intervals(heads: Mapping[str, Ranks], samples: int) -> dict[str, Any]:
    return {
        name: {metric: list(bootstrap_interval(metric, ranks, samples)) for metric in INTERVAL_METRICS}
        for name, ranks in heads.items()
    }


def _differences(heads: Mapping[str, Ranks]) -> dict[str, Any]:
    """What the model's lists follow against every other method, paired over users; 10,000 resamples."""
    ours = headline(heads)
    return {
        name: {metric: paired_difference(metric, heads[ours], ranks) for metric in INTERVAL_METRICS}
        for name, ranks in heads.items()
        if name != ours
    }


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
