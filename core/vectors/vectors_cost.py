"""What vectors cost: time, memory and disk of the providers, and of the sequential models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.cost import ITEM_VECTOR, MB, Cost, Job, Work
from core.registry import BEHAVIOR_VECTORS, TEXT_VECTORS, Registry

SASREC_STEP, SASREC_SCORE = 8e-3, 2.7e-9  # seconds a step; a score
SCORES = 10.0  # copies of the scores of the items that a batch holds
TEXT_COUNTED = 30.0  # bytes a byte of text while it is counted
CONFIG = 1.0
COSINE, POOL = 6e-9, 1 << 15  # seconds a cosine of two histories, its place among the nearest included
ALIGNED_STEP = 3e-3  # seconds of a contrast with texts in a step
PREFERENCES = 17e-6  # seconds of a state that attends over the groups of its history


def _vectors_work(job: Job, stage: str, registry: Registry[Any]) -> Work | None:
    settings = job.settings(stage)
    work: Work | None = registry.get(settings["source"]).work(job, settings["source"], float(settings["dim"]))
    return work


def _sasrec_work(job: Job, stage: str = "sasrec", features: float = 0.0) -> Work:
    settings, sizes = job.settings(stage), job.sizes
    width, layers, batch = (int(settings[key]) for key in ("hidden_size", "layers", "batch_users"))
    rows = sizes.train > 1
    lengths = sizes.train[rows].clip(max=int(settings["max_history"]) + 1)
    users = sizes.users[rows]
    targets = float(((lengths - 1) * users).sum())
    # A batch holds at most `batch` users, and ten times as many items.
    steps = float(((lengths / (10 * batch)).clip(min=1 / batch) * users).sum())
    mean = targets / max(1, int(users.sum()))
    layer = 24.0 * width**2 + 4.0 * mean * width
    scored = _scored(job, settings)
    epoch = job.trained(3 * targets * (layers * layer + 2.0 * scored * width))
    epoch += job.trained(steps * 8.0 * sizes.items * features * width)
    epoch += Work(shared=steps * (SASREC_STEP + sizes.items * width * ITEM_VECTOR))
    epoch += Work(shared=targets * scored * SASREC_SCORE)
    neighbours, rows_asked = settings.get("contrast_neighbours", ""), float(users.sum())
    if settings.get("contrast_items") or neighbours == "self":  # two copies of each row, cut at the middle on average
        epoch += job.trained(3 * targets * layers * layer)
    if settings.get("contrast_users"):
        searched = rows_asked * min(rows_asked, POOL) if neighbours == "text" else 0.0
        epoch += Work(shared=searched * COSINE + steps * SASREC_STEP / 8)
    if "align" in settings:
        epoch += Work(shared=steps * ALIGNED_STEP)
    if settings.get("preferences"):
        epoch += Work(shared=targets * PREFERENCES)
    return epoch * float(settings["epochs"])


def _scored(job: Job, settings: Mapping[str, Any]) -> int:
    """Items that a target is scored among in training."""
    return min(job.sizes.items, int(settings.get("negatives", 0)) or job.sizes.items)


def _teacher_work(job: Job) -> Work:
    semantic = job.settings("semantic")
    return _sasrec_work(job, "teacher", 384.0 if ":" in semantic["source"] else float(semantic["dim"]))


def _scores(job: Job, stage: str) -> float:
    settings = job.settings(stage)
    batch = float(settings["batch_users"]) * 10 * _scored(job, settings) * 4 * MB
    features = 24.0 * job.sizes.items * 256 * MB if stage == "teacher" else 0.0
    vectors = 16.0 * job.sizes.items * float(settings["hidden_size"]) * MB
    return SCORES * batch + vectors + features


def _model_disk(job: Job, stage: str) -> float:
    parameters = job.sizes.items * float(job.settings(stage)["hidden_size"])
    features = job.sizes.items * 256 * 4 * MB if stage == "teacher" else 0.0
    return parameters * 4 * (1 + 2 * 3) * MB + 3 * features + CONFIG


def _vectors_disk(job: Job, stage: str) -> float:
    return job.sizes.items * float(job.settings(stage)["dim"]) * 4 * MB


def _model_cost(stage: str, work: Callable[[Job], Work]) -> Cost:
    """The cost of a sequential model."""
    return Cost(
        work,
        lambda job: _scores(job, stage),
        lambda job: _model_disk(job, stage),
        lambda settings: [("", int(settings["epochs"]))],
    )


SEMANTIC_COST = Cost(
    lambda job: _vectors_work(job, "semantic", TEXT_VECTORS),
    lambda job: job.sizes.text_mb * TEXT_COUNTED + 3 * 8.0 * job.sizes.items * 513 * MB,
    lambda job: _vectors_disk(job, "semantic"),
)
SASREC_COST = _model_cost("sasrec", _sasrec_work)
BEHAVIOR_COST = Cost(
    lambda job: _vectors_work(job, "behavior", BEHAVIOR_VECTORS),
    lambda job: job.sizes.items * 128 * 4 * 4 * MB,
    lambda job: job.sizes.items * 128 * 4 * MB,
)
TEACHER_COST = _model_cost("teacher", _teacher_work)
