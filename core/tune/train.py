"""The tuning stage: train the generator, choose the best epoch by validation NDCG@10, keep its checkpoint."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.data.dataset import Dataset
from core.evaluate.generative import ranks_of
from core.evaluate.metrics import ranking_metrics
from core.index.table import ItemIndex
from core.machine import device_of, use_bf16
from core.project import Project
from core.recommend.trie import Trie
from core.run.reporter import Reporter
from core.settings import StageSettings
from core.tune.backbone import build_backbone, build_vocabulary, code_starts
from core.tune.checkpoint import generator_of, save_checkpoint
from core.tune.generator import Batch, NextItem
from core.tune.loop import Loop, Schedule, bucketed
from core.tune.rows import Rows, every_item_rows
from core.tune.source import check_length
from core.tune.teacher import Lessons, lessons
from core.vectors.sasrec import SasRec

BEST = "best"
VALIDATION_BEAMS = 20  # enough for NDCG@10, whatever width the lists are measured with later


@dataclass
class _Best:
    """The best validation so far, and how many since were worse."""

    score: float = -1.0
    epoch: int = 0
    worse: int = 0


def tune(
    project: Project, dataset: Dataset, index: ItemIndex, teachers: list[Path], folder: Path, reporter: Reporter,
    codes: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train through every stage; leaves the best checkpoint in `folder/best`.

    Args:
        project: the settings.
        dataset: logs and catalogue.
        index: codes of the items.
        teachers: weights of SASRec models to learn from; empty = no distillation.
        folder: of the artefact; an interrupted training goes on from what lies there.
        reporter: hears the progress; may ask for a checkpoint or a stop.
        codes: the artefact of the index stage, which knows words and vectors of the codes.

    Returns:
        Figures worth showing: parameters, targets an epoch, the best epoch and its validation NDCG@10.

    Raises:
        StopRequested: somebody asked to stop; the checkpoint is written.
    """
    device, bf16 = device_of(project.run), use_bf16(project.run)
    texts = [text for text in dataset.items["text"].to_list() if text]
    vocabulary = build_vocabulary(project.backbone, index, texts, project.tune.frame)
    starts = code_starts(project.backbone, index, codes)
    lm = build_backbone(project.backbone, vocabulary, project.tune.dropout, device, project.seed, *starts)
    check_length(lm, len(vocabulary.frame), index.levels, project.data.max_history)
    model = generator_of(lm, vocabulary, index).to(device)
    trie = Trie(index.codes, device)
    rows = every_item_rows(dataset.train(), project.data.max_history)
    parameters = sum(p.numel() for p in lm.parameters())
    reporter.log(f"{parameters:,} parameters, {rows.targets:,} supervised targets an epoch, {device}, bf16 {bf16}")
    validation = dataset.evaluation("valid")
    sample = _sample(len(validation), project.tune.validate_users, project.seed)
    lengths = rows.windows.lengths * index.levels + len(vocabulary.frame)
    taught = None
    if teachers and rows.targets:
        models = [SasRec.load(path, dataset.n_items, project.sasrec) for path in teachers]
        taught = lessons(models, dataset.train(), rows, project.tune.transitions_share, bf16, reporter)
    best = _Best()
    for number, stage in enumerate(project.tune.stages):
        if not rows.targets:
            break
        objective = NextItem(
            model, trie, project.tune.dropout, project.tune.token_dropout, project.tune.distill if taught else 0.0
        )

        def batches(epoch: int, number: int = number) -> list[Batch]:
            order = bucketed(lengths, len(lengths), (project.seed, number, epoch), project.tune.batch_tokens)
            return [_batch(rows, taught, batch, device) for batch in order]

        loop = Loop(
            objective,
            batches,
            _schedule(project, stage),
            seed=project.seed + number,
            device=device,
            bf16=bf16,
            reporter=reporter,
            folder=folder / "loops" / f"{number}-{stage.name}",
            task=stage.name,
        )
        # A new stage has all its patience, and the best of the stages before it to beat.
        best = _Best(**loop.position.notes.get("best", {**vars(best), "worse": 0}))

        def after_epoch(epoch: int, loop: Loop = loop, best: _Best = best) -> bool:
            with loop.averaged():
                model.eval()
                ranks = ranks_of(
                    model, trie, validation, sample, project.data.max_history, VALIDATION_BEAMS, bf16, reporter
                )
                found = ranking_metrics(ranks.ranks)
                score, recall = found["ndcg@10"], found["recall@10"]
                reporter.evaluation(loop.position.step, "valid", {"ndcg@10": score, "recall@10": recall})
                best.worse += 1
                if score > best.score:
                    best.score, best.epoch, best.worse = score, epoch, 0
                    about = {"epoch": epoch, "valid_users": len(sample), "valid_ndcg@10": score}
                    fresh = folder / f"{BEST}.new"
                    shutil.rmtree(fresh, ignore_errors=True)
                    save_checkpoint(fresh, lm, vocabulary, index, about)
                    shutil.rmtree(folder / BEST, ignore_errors=True)
                    fresh.rename(folder / BEST)
                    reporter.checkpoint(folder / BEST, loop.position.step, best=True)
            loop.position.notes["best"] = vars(best).copy()
            if best.worse > 1 and len(sample):
                left = project.tune.patience - best.worse
                ending = f"it ends after {left} more" if left > 0 else "so it ends here"
                reporter.alert("info", "no progress", f"{best.worse} validations without a better N@10; {ending}")
            return best.worse < project.tune.patience

        loop.run(after_epoch)
    if not (folder / BEST).exists():
        save_checkpoint(folder / BEST, lm, vocabulary, index, {"epoch": 0})
    shutil.rmtree(folder / "loops", ignore_errors=True)
    return {
        "parameters": parameters,
        "targets": rows.targets,
        "best_epoch": best.epoch,
        "valid_ndcg@10": best.score,
        "valid_users": len(sample),
    }


def _batch(rows: Rows, taught: Lessons | None, chosen: np.ndarray[Any, np.dtype[np.int64]], device: str) -> Batch:
    items, first = rows.batch(chosen)
    empty = torch.zeros(0, dtype=torch.long)
    lesson = taught.of(chosen) if taught else (empty, empty.float())
    return Batch(*(tensor.to(device) for tensor in (items, first, *lesson)))


def _schedule(project: Project, stage: StageSettings) -> Schedule:
    tune = project.tune
    return Schedule(stage.epochs, stage.learning_rate, tune.weight_decay, tune.warmup, tune.schedule, tune.ema)


def _sample(users: int, wanted: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Places of the users to validate on: drawn at random, since logs are rarely in random order."""
    if not wanted or wanted >= users:
        return np.arange(users)
    return np.sort(np.random.default_rng(seed).choice(users, wanted, replace=False))
