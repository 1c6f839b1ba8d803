"""The tuning stage: train the generator stage by stage, keep the best epoch by validation NDCG@10."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from core.data.dataset import Dataset
from core.errors import ProjectError
from core.evaluate.metrics import ranking_metrics
from core.evaluate.ranks import ranks_of
from core.index.table import ItemIndex
from core.machine import device_of, use_bf16
from core.model.backbone import build_backbone, grow, set_up_training, token_init_inputs
from core.model.checkpoint import MANIFEST, generator_of, load_checkpoint, save_checkpoint
from core.model.dense import load_dense
from core.model.peft_layers import adapt
from core.model.pretrained import check_length, own_dtype
from core.model.token_init import begins_with_titles, lend_own_rows
from core.model.trie import Trie
from core.model.vocabulary import build_vocabulary
from core.model_settings import StageSettings
from core.project import Project
from core.prompts.task_data import TaskData
from core.prompts.texts import item_texts
from core.prompts.wordings import own_folder, wording_file
from core.run.launch import rank
from core.run.reporter import Reporter
from core.training.loop import Loop
from core.training.schedule import Schedule
from core.tune.batches import StageBatches
from core.tune.losses import CONTRAST, project_losses, stage_losses
from core.tune.objective import Objective
from core.tune.soft_targets import SoftTargets, ask_teachers, calibrate_repeats, drawn_rows
from core.tune.target_rows import SequentialRows, TargetRows, every_item_rows, last_item_rows
from core.tune.watched_users import WatchedUsers
from core.vectors import ItemVectors
from core.vectors.sasrec_model import SasRec

BEST, OLD = "best", "best.old"
LEGAL_MASS = 0.5
"""Probability that must lie on codes after an epoch; less means that new tokens are not learnt."""
DRAWN = 4  # tells the draw of items from the others of an epoch
VALIDATION_BEAMS = 20  # enough for NDCG@10, whatever width the lists are measured with later


@dataclass
class _Best:
    """The best validation so far, and how many since were worse."""

    score: float = -1.0
    epoch: int = 0
    stage: str = ""
    worse: int = 0


class Tuner:
    """Trains a project's model through all of its stages.

    Args:
        project: the settings.
        dataset: logs and catalogue.
        index: codes of the items.
        teachers: weights of SASRec models to learn from; empty = no distillation.
        vectors: of the items, by source, which further losses read.
        codes: the artefact of the index stage, which knows words and vectors of the codes.
        folder: of the artefact; an interrupted training goes on from what lies there.
        reporter: hears the progress; may ask for a checkpoint or a stop.
        start: the checkpoint whose weights and tokens it begins with; None = a new model.

    Raises:
        ProjectError: settings that do not go with the model or the data.
        EnvironmentFault: the backbone cannot be loaded.
    """

    def __init__(
        self,
        project: Project,
        dataset: Dataset,
        index: ItemIndex,
        teachers: Sequence[Path],
        vectors: Mapping[str, ItemVectors],
        codes: Path,
        folder: Path,
        reporter: Reporter,
        start: Path | None = None,
    ) -> None:
        self.project, self.dataset, self.index = project, dataset, index
        self.vectors, self.folder, self.reporter = vectors, folder, reporter
        self.device, self.bf16 = device_of(project.run), use_bf16(project.run)
        tune, backbone = project.tune, project.backbone
        texts = [text for text in dataset.items["text"].to_list() if text]
        titles = item_texts(dataset.items, project.data.text).titles if begins_with_titles(project, index) else ()
        begun = load_checkpoint(start, self.device) if start is not None else None
        if begun is not None:
            vocabulary = begun.vocabulary.grown(index)
        else:
            vocabulary = build_vocabulary(backbone, index, texts, tune.frame)
        self.vocabulary, self.codes = vocabulary, codes
        self.frames = self._frames()
        self.vocabulary = replace(vocabulary, frame=self.frames[0])
        frozen = self.bf16 and backbone.model != "tiny" and all(stage.train != "all" for stage in tune.stages)
        dtype = own_dtype(backbone.model) if frozen else torch.float32
        if begun is not None:
            self.lm = begun.model.lm
            grow(self.lm, vocabulary.size)
            if index.own:  # items that it never saw begin where those of their group are
                new = ~np.isin(index.codes[:, -1], begun.index.codes[:, -1])
                own = dict(zip(index.codes[:, -1].tolist(), titles, strict=False))
                lend_own_rows(self.lm, vocabulary, begun.index, index.codes[new], titles=own)
            set_up_training(self.lm, backbone, tune.dropout)
        else:
            starts = token_init_inputs(backbone, index, codes, titles)
            self.lm = build_backbone(
                backbone, self.vocabulary, tune.dropout, self.device, project.seed, *starts, dtype=dtype
            )
        check_length(self.lm, max(map(len, self.frames)), index.levels, project.data.max_history)
        self.model = generator_of(self.lm, self.vocabulary, index).to(self.device)
        self.trie = Trie(index.codes, self.device)
        train = dataset.train()
        rows = every_item_rows if tune.supervise == "every" else last_item_rows
        self.rows = rows(train, project.data.max_history)
        self.validation = dataset.evaluation("valid")
        self.sample = _sample(len(self.validation), tune.validate_users, project.seed)
        self.watched = WatchedUsers(dataset, self.sample, project.seed)
        self.soft_targets: SoftTargets | None = None
        self.teachers: list[SasRec] = []
        if teachers and tune.distill and self.rows.targets:
            self.teachers = [SasRec.load(path, dataset.n_items, project.sasrec) for path in teachers]
            self.soft_targets = self._expected(self.rows)
        self.losses = project_losses(project)
        self.loss_modules = self._loss_modules()
        self.best = _Best()

    def run(self) -> dict[str, Any]:
        """Train every stage; leaves the best checkpoint in `folder/best`.

        Returns:
            Figures worth showing: parameters, targets an epoch, the best epoch and its validation NDCG@10.

        Raises:
            StopRequested: somebody asked to stop; the checkpoint is written.
        """
        parameters = sum(p.numel() for p in self.lm.parameters())
        self.reporter.log(
            f"{parameters:,} parameters, {self.rows.targets:,} supervised targets an epoch, {self.device}, "
            f"in {'bf16' if self.bf16 else 'fp32'}"
        )
        if rank() == 0 and (self.folder / OLD).exists() and not (self.folder / BEST).exists():
            (self.folder / OLD).rename(self.folder / BEST)  # the process before this one died as it exchanged them
        for number, stage in enumerate(self.project.tune.stages):
            self._train(number, stage)
        if rank() == 0:
            if not (self.folder / BEST).exists():
                self._save(self.folder / BEST, {"epoch": 0}, self.loss_modules)
            for left in ("loops", OLD):
                shutil.rmtree(self.folder / left, ignore_errors=True)
        return {
            "parameters": parameters,
            "targets": self.rows.targets,
            "best_epoch": self.best.epoch,
            "best_stage": self.best.stage,
            "valid_ndcg@10": self.best.score,
            "valid_users": len(self.sample),
        }

    @cached_property
    def task_data(self) -> TaskData:
        """What the rows of tasks in words are made of.

        Raises:
            ProjectError: a wording or a file of texts cannot be used.
        """
        tasks = {name for stage in self.project.tune.stages for name, weight in stage.tasks.items() if weight}
        return TaskData.of_project(
            self.project, self.dataset, self.index, self.vocabulary, tasks, words=self.codes, reporter=self.reporter
        )

    def _frames(self) -> tuple[tuple[int, ...], ...]:
        """What may stand before a history, as token ids; the first is that of evaluation and recommendation."""
        if not self.project.tune.worded:
            return (self.vocabulary.frame,)
        data = self.task_data
        return tuple(data.renderer.frame_ids(number) for number in data.trained_wordings("sequential"))

    def _loss_modules(self) -> dict[str, nn.Module]:
        """The modules of the further losses, by name; one that has nothing to read is left out and named."""
        hidden = int(self.lm.config.hidden_size)
        modules = {}
        for name, loss in self.losses.items():
            module = loss.build(hidden, {one: vectors for one, vectors in self.vectors.items() if one in loss.sources})
            if module is not None:
                modules[name] = module.to(self.device)
            else:
                title = f"no {name}" if name == CONTRAST else f"no loss {name}"
                self.reporter.alert("info", title, "there are no vectors of the items to pull to")
        return modules

    def _batches(self, number: int, stage: StageSettings, losses: Collection[str]) -> StageBatches:
        """What the stage trains on, for its further losses too.

        Raises:
            ProjectError: nothing at all.
        """
        with_ends = any(self.losses[name].needs_ends for name in losses)
        with_histories = any(self.losses[name].needs_histories for name in losses)
        sequential = None
        if stage.tasks.get("sequential") and self.rows.targets:
            end = self.vocabulary.end if with_ends else None
            sequential = SequentialRows(self.rows, self.vocabulary.item_tokens(self.index), self.frames, end)
        tasks = {}
        for name in [name for name, weight in stage.tasks.items() if weight and name != "sequential"]:
            rows = self.task_data.rows(name, self.task_data.trained_wordings(name))
            if len(rows):
                tasks[name] = rows
            else:
                self.reporter.alert("info", f"no rows for {name}", rows.reason)
        if self.rows.targets and sequential is None and not tasks:
            raise ProjectError(
                f"stage {stage.name!r}: none of its tasks has a row in these data", "see the alerts; change its tasks"
            )
        return StageBatches(
            sequential, tasks, stage, self.project.tune, self.index.levels, self.soft_targets, with_ends,
            with_histories, self.device, (self.project.seed, number),
            partial(self._drawn, number) if self.soft_targets is not None and self.project.tune.drawn else None,
        )  # fmt: skip

    def _expected(self, rows: TargetRows) -> SoftTargets:
        """What the teachers expect at the targets of some rows."""
        tune, train = self.project.tune, self.dataset.train()
        asked = ask_teachers(self.teachers, train, rows, tune.transitions_share, self.bf16, self.reporter)
        return calibrate_repeats(asked, rows)

    def _drawn(self, stage: int, epoch: int) -> tuple[TargetRows, SoftTargets]:
        """The rows of an epoch with some items that teachers drew, and what they expect there."""
        assert self.soft_targets is not None
        seed = (self.project.seed, stage, epoch, DRAWN)
        rows = drawn_rows(self.rows, self.soft_targets, self.project.tune.drawn, seed)
        return rows, self._expected(rows)

    def _train(self, number: int, stage: StageSettings) -> None:
        tune = self.project.tune
        if number and (self.folder / BEST).exists():
            self._go_back(number)
        adapt(self.lm, stage.train, self.project.lora, self.vocabulary.new_ids, stage.name, self.project.seed + number)
        self.model.to(self.device)
        weights = stage_losses(self.project, stage)
        modules = {name: module for name, module in self.loss_modules.items() if name in weights}
        batches = self._batches(number, stage, modules)
        if batches.sequential is None and not batches.tasks:
            return  # no user has two items
        rewarded = stage.objective == "reward"
        objective = Objective(self.model, self.trie, tune, stage.tasks, modules, weights, rewarded)
        loop = Loop(
            objective,
            batches.epoch,
            Schedule(
                stage.epochs, stage.learning_rate, tune.weight_decay, tune.warmup, tune.schedule, tune.ema,
                tune.anneal, tune.anneal_to, tune.anneal_shape,
            ),
            seed=self.project.seed + number,
            device=self.device,
            bf16=self.bf16,
            reporter=self.reporter,
            folder=self.folder / "loops" / f"{number}-{stage.name}",
            task=stage.name,
            accumulate=tune.accumulate,
            shared=True,
        )
        # A new stage has all its patience, and the best of the stages before it to beat.
        best = self.best = _Best(**loop.position.notes.get("best", {**vars(self.best), "worse": 0}))

        def after_epoch(epoch: int) -> bool:
            with loop.averaged():
                score = self._validate(loop.position.step)
                at = (stage.name, epoch, loop.position.step)
                self.watched.tell(self.model, self.trie, self.project.data.max_history, self.bf16, at, self.reporter)
                best.worse += 1
                if score > best.score or not len(self.sample):  # nobody to ask: the last epoch is what is wanted
                    best.score, best.epoch, best.stage, best.worse = score, epoch, stage.name, 0
                    about = {"epoch": epoch, "stage": stage.name, "valid_users": len(self.sample)}
                    self._keep({**about, "valid_ndcg@10": score}, loop.position.step, modules)
            loop.position.notes["best"] = vars(best).copy()
            if 0 <= objective.code_mass < LEGAL_MASS:
                text = f"the model gives codes {objective.code_mass:.0%} of its probability where a code must follow"
                self.reporter.alert("warning", "few legal tokens", text)
            if best.worse > 1 and len(self.sample):
                left = tune.patience - best.worse
                ending = f"{left} more without a better one end the training" if left > 0 else "the training ends here"
                self.reporter.log(f"epoch {best.epoch} of stage {best.stage} is still the best; {ending}")
            return best.worse < tune.patience

        loop.run(after_epoch)

    def _go_back(self, number: int) -> None:
        """Begin a later stage with the best model of the earlier ones, on disk or just trained alike."""
        manifest = json.loads((self.folder / BEST / MANIFEST).read_text())
        earlier = {stage.name for stage in self.project.tune.stages[:number]}
        adapters = [one["name"] for one in manifest["adapters"] if one["name"] in earlier]
        del self.model, self.lm  # two models at once would be twice the memory
        self.model = load_checkpoint(self.folder / BEST, self.device, adapters=adapters).model
        self.lm = self.model.lm
        set_up_training(self.lm, self.project.backbone, self.project.tune.dropout)

    def _validate(self, step: int) -> float:
        """NDCG@10 of the validation's users; 0 where there are none."""
        if not len(self.sample):
            return 0.0
        self.model.eval()
        history = self.project.data.max_history
        metrics = ranking_metrics(
            ranks_of(
                self.model, self.trie, self.validation, self.sample, history, VALIDATION_BEAMS, self.bf16, self.reporter
            ).ranks
        )
        shown = {name: metrics[name] for name in ("ndcg@10", "recall@10")}
        self.reporter.evaluation(step, "valid", shown)
        return shown["ndcg@10"]

    def _keep(self, about: dict[str, Any], step: int, modules: Mapping[str, nn.Module]) -> None:
        """Put the weights in the place of the best ones."""
        fresh, best, old = (self.folder / name for name in (f"{BEST}.new", BEST, OLD))
        shutil.rmtree(fresh, ignore_errors=True)
        self._save(fresh, about, modules)
        if best.exists():  # somebody may be loading it: it is exchanged in a moment and never changed
            shutil.rmtree(old, ignore_errors=True)
            best.rename(old)
        fresh.rename(best)
        shutil.rmtree(old, ignore_errors=True)
        self.reporter.checkpoint(self.folder / BEST, step, best=True)

    def _save(self, folder: Path, about: dict[str, Any], modules: Mapping[str, nn.Module]) -> None:
        scorers = (self.losses[name].dense(module) for name, module in modules.items())
        dense = next((scorer for scorer in scorers if scorer is not None), None)
        if dense is None:  # a stage without such a loss leaves the scorer that is there
            dense = load_dense(self.folder / BEST)
        save_checkpoint(folder, self.lm, self.vocabulary, self.index, about, self._wording_files(), dense)

    def _wording_files(self) -> list[Path]:
        """The files of the wordings that the stages use."""
        asked = {name for stage in self.project.tune.stages for name, weight in stage.tasks.items() if weight}
        asked = asked | {"sequential"} if self.project.tune.worded else asked - {"sequential"}
        own = own_folder(self.project)
        return [wording_file(name, own) for name in sorted(asked)]


def _sample(users: int, wanted: int, seed: int) -> npt.NDArray[np.int64]:
    """Places of the users to validate on: drawn at random, since logs are rarely in random order."""
    if not wanted or wanted >= users:
        return np.arange(users)
    return np.sort(np.random.default_rng(seed).choice(users, wanted, replace=False))
