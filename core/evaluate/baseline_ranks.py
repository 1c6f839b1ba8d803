"""Ranks of the targets under the baselines, which score every item of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.baselines import Baseline, BaselineTask
from core.data.dataset import Dataset
from core.evaluate.metrics import DEPTH, ranking_metrics
from core.evaluate.ranks import load_ranking, rank_by_scores, save_ranking
from core.registry import BASELINES
from core.run.rankings import SPLITS
from core.run.reporter import Reporter


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
