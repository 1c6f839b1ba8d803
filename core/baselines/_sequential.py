"""Sequential models that are baselines alone: each is a stage of its own, named as the baseline that reads it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from core.baselines import Baseline, BaselineTask, Scorer
from core.cost import FP32, ITEM_VECTOR, MB, Cost, Job, Work
from core.project import Project
from core.registry import BASELINES
from core.run.reporting import Reporter
from core.settings import opt
from core.stage import Artefacts, Settings, Stage, computing, inputs, options_for

if TYPE_CHECKING:
    from core.vectors.sequence_model import TrainedModel

FILE = "model.safetensors"
STEP, TARGET = 1e-2, 4e-9
"""Seconds a step; an item that a target is scored among."""
PLACE = 2.5e-6
"""Seconds a place of a history and layer, besides matrix products."""


@dataclass(frozen=True)
class SequentialOptions:
    """What every sequential model is told."""

    hidden_size: int = opt(64, "width of the model", low=4, high=4096)
    layers: int = opt(2, "layers", low=1, high=48)
    dropout: float = opt(0.5, "share of activations dropped in training", low=0.0, below=1.0)
    learning_rate: float = opt(1e-3, "highest step size of AdamW", above=0.0, high=1.0)
    weight_decay: float = opt(0.0, "weight decay of AdamW", low=0.0, high=1.0)
    batch_users: int = opt(256, "rows a step", low=1, high=65536)
    epochs: int = opt(40, "passes over the rows", low=1, high=10000)
    max_history: int = opt(50, "items of history it sees", low=1, high=1000)


class SequentialBaseline(Baseline):
    """A model with a stage of its own; `inputs` name that stage alone, as the baseline's file is named.

    Attributes:
        by_prefix: whether every prefix of a history is a row of the training, not every history.
    """

    by_prefix: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def model(cls, n_items: int, options: Any) -> TrainedModel:
        """A fresh model; torch is imported here."""

    @classmethod
    def scored(cls, n_items: int, options: Mapping[str, Any]) -> int:
        """Items that a target is scored among in training."""
        return n_items

    @classmethod
    def fit(cls, task: BaselineTask) -> Scorer:
        """Load the trained model."""
        model = cls.model(task.n_items, task.options)
        model.load(task.inputs[cls.inputs[0]] / FILE)
        return model

    @classmethod
    def work(cls, job: Job) -> Work:
        """The histories read, and every item scored by a product."""
        options, asked = job.settings(cls.inputs[0]), 2.0 * job.sizes.evaluated
        width, layers = int(options["hidden_size"]), int(options["layers"])
        padded = min(int(options["max_history"]), job.sizes.longest)
        return Work(shared=asked * (padded * layers * 24.0 * width**2 + 2.0 * job.sizes.items * width) / FP32)


def sequential_stages() -> tuple[Stage, ...]:
    """A stage for every built-in baseline that is a sequential model with one of its own."""
    found = ((name, BASELINES.get(name)) for name in BASELINES.built_in)
    return tuple(_stage(name, baseline) for name, baseline in found if issubclass(baseline, SequentialBaseline))


def _stage(name: str, baseline: type[SequentialBaseline]) -> Stage:
    """The stage that trains a baseline."""

    def settings(project: Project) -> Settings:
        return {**asdict(options_for(project, BASELINES, name)), **computing(project)}

    def work(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
        import torch

        from core.data.dataset import Dataset
        from core.machine import half_of_the_threads, use_bf16

        dataset = Dataset.load(made["data"])
        torch.manual_seed(project.seed)
        model = baseline.model(dataset.n_items, options_for(project, BASELINES, name))
        with half_of_the_threads():  # its steps are small: two threads take as long as one
            model.train_on(name, dataset.train(), project.seed, use_bf16(project.run), reporter, folder)
        model.save(folder / FILE)
        return {"parameters": sum(p.numel() for p in model.parameters())}

    cost = Cost(
        lambda job: _training_work(job, name, baseline),
        lambda job: _memory(job, name),
        lambda job: job.sizes.items * float(job.settings(name)["hidden_size"]) * 4 * (1 + 2 * 3) * MB + 1.0,
        lambda settings: [("", int(settings["epochs"]))],
    )
    return Stage(name, baseline.version, settings, inputs("data"), work, cost)


def _training_work(job: Job, name: str, baseline: type[SequentialBaseline]) -> Work:
    settings, sizes = job.settings(name), job.sizes
    width, layers, batch = (int(settings[key]) for key in ("hidden_size", "layers", "batch_users"))
    rows = sizes.train > 1
    train, users, most = sizes.train[rows], sizes.users[rows], int(settings["max_history"])
    targets = float(((train - 1) * users).sum())
    if baseline.by_prefix:  # 1 + 2 + ... places of a history, then `most` a row
        short = train.clip(max=most + 1) - 1
        places = float(((short * (short + 1) / 2 + (train - 1 - short) * most) * users).sum())
        steps = targets / batch
    else:
        targets = places = float(((train.clip(max=most + 1) - 1) * users).sum())
        steps = float(users.sum()) / batch
    scored = baseline.scored(sizes.items, settings)
    epoch = job.trained(3 * (places * layers * 24.0 * width**2 + targets * 2.0 * scored * width))
    epoch += Work(shared=places * layers * PLACE + targets * scored * TARGET)
    epoch += Work(shared=steps * (STEP + sizes.items * width * ITEM_VECTOR))
    return epoch * float(settings["epochs"])


def _memory(job: Job, name: str) -> float:
    settings = job.settings(name)
    vectors = 16.0 * job.sizes.items * float(settings["hidden_size"]) * MB
    states = float(settings["batch_users"]) * min(int(settings["max_history"]), job.sizes.longest)
    wide = 64.0 * float(settings["hidden_size"]) * float(settings["layers"])
    return vectors + states * wide * 4 * MB + 6.0 * 1024 * job.sizes.items * 4 * MB
