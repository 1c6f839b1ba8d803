"""Memory and disk of each stage, in MB.

The factors were fitted to the peaks of the runs named in `core.estimate.work`. They are larger than what is alive at
any time, because the engine keeps freed memory, and batches of ever other sizes leave gaps in it; tensors of more than
a gigabyte are given back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.estimate.memory import Need, needs
from core.estimate.work import Job

BASE = 700.0
"""Python, torch and the other libraries, at work."""
ON_GPU = 2500.0
"""What a GPU's libraries add."""
_MB = 1e-6
_SCORES_KEPT, _SCORES_LIVE, _SCORES_GAPS = 62.0, 12.0, 38.0
_LESSONS_KEPT, _LESSONS_LIVE, _LESSONS_GAPS = 250.0, 11.0, 9.0
_LESSON_ROWS, _SCORED_USERS, _RANKED_USERS = 256, 512, 64  # rows in a batch of these
_ROW, _TEXT = 250.0, 30.0  # bytes a row of the log while it is read; bytes a byte of text while it is counted
TOKENIZER = 1.0


def memory_of(stage: str, job: Job) -> float | None:
    """Peak memory of a stage beside `BASE`; None where that cannot be known yet."""
    return _MEMORY[stage](job) if stage in _MEMORY else None


def disk_of(stage: str, job: Job) -> float | None:
    """Disk that a stage takes at its peak, its checkpoint for resuming included; None where that cannot be known."""
    return _DISK[stage](job) if stage in _DISK else None


def _gaps(tensor: float, kept: float, live: float, gaps: float) -> float:
    """What a tensor of so many MB costs: its copies alive, and the gaps that smaller ones leave."""
    return live * tensor + gaps * min(tensor, kept)


def _scores(job: Job, stage: str) -> float:
    settings = job.settings(stage)
    batch = float(settings["batch_users"]) * 10 * job.sizes.items * 4 * _MB
    features = 24.0 * job.sizes.items * 256 * _MB if stage == "teacher" else 0.0
    vectors = 16.0 * job.sizes.items * float(settings["hidden_size"]) * _MB
    return _gaps(batch, _SCORES_KEPT, _SCORES_LIVE, _SCORES_GAPS) + vectors + features


def _index(job: Job) -> float:
    widest = max((width for widths in job.widths for width in widths[:1]), default=2)
    return 6 * 8.0 * job.sizes.items * widest * _MB + 4 * 4.0 * job.sizes.items * 256 * _MB


def tune_need(job: Job) -> Need | None:
    """What tuning holds of the model; None where the model is not there yet."""
    shape = job.backbone
    return None if shape is None else needs(job.settings("tune"), shape, job.codes, row_length(job))


def row_length(job: Job) -> float:
    """Tokens of the longest history."""
    most = int(job.settings("tune")["max_history"])
    return float(min(most, job.sizes.longest) * job.levels)


def _tune(job: Job) -> float | None:
    settings, shape = job.settings("tune"), job.backbone
    if shape is None:
        return None
    most = int(settings["max_history"])
    need = tune_need(job)
    assert need is not None
    lessons = _LESSON_ROWS * min(most, job.sizes.longest) * job.sizes.items * 4 * _MB if job.teachers else 0.0
    told = job.sizes.windows(most)[2] * 96 * 8 * _MB if job.teachers else 0.0
    asked = _gaps(lessons, _LESSONS_KEPT, _LESSONS_LIVE, _LESSONS_GAPS)
    if job.machine.gpu:
        return told + max(asked, need.beside_gpu)
    return told + need.least + max(asked, need.peak - need.least)


def _baselines(job: Job) -> float:
    return 40 * _SCORED_USERS * job.sizes.items * 4 * _MB


def _evaluate(job: Job) -> float | None:
    settings, shape = job.settings("evaluate"), job.backbone
    if shape is None:
        return None
    beams = min(int(settings["beams"]), job.sizes.items)
    seen = job.sizes.history(int(settings["max_history"])) * job.levels
    states = _RANKED_USERS * (seen + beams * job.levels) * shape.layers * shape.hidden * 2 * 4 * 3 * _MB
    branches = 8 * _RANKED_USERS * beams * max(map(max, job.widths)) * 4 * _MB
    masks = 4 * _RANKED_USERS * beams * (seen + beams * job.levels) * 4 * _MB
    return shape.parameters * 4 * _MB + 4 * (states + branches + masks)


def _tune_disk(job: Job) -> float | None:
    shape = job.backbone
    if shape is None:
        return None
    # The best model and the next one, beside two checkpoints with the optimiser's two numbers a weight.
    moments = 4 if float(job.settings("tune")["ema"]) else 3
    return shape.parameters * 4 * (2 + 2 * moments) * _MB + TOKENIZER


def _model_disk(job: Job, stage: str) -> float:
    parameters = job.sizes.items * float(job.settings(stage)["hidden_size"])
    features = job.sizes.items * 256 * 4 * _MB if stage == "teacher" else 0.0
    return parameters * 4 * (1 + 2 * 3) * _MB + 3 * features + TOKENIZER


def _vectors(job: Job, stage: str) -> float:
    return job.sizes.items * float(job.settings(stage)["dim"]) * 4 * _MB


_MEMORY: Mapping[str, Callable[[Job], float | None]] = {
    "data": lambda job: job.sizes.rows * _ROW * _MB + 3 * job.sizes.text_mb,
    "semantic": lambda job: job.sizes.text_mb * _TEXT + 3 * 8.0 * job.sizes.items * 513 * _MB,
    "sasrec": lambda job: _scores(job, "sasrec"),
    "teacher": lambda job: _scores(job, "teacher"),
    "behavior": lambda job: job.sizes.items * 128 * 4 * 4 * _MB,
    "index": _index,
    "tune": _tune,
    "baselines": _baselines,
    "evaluate": _evaluate,
}
_DISK: Mapping[str, Callable[[Job], float | None]] = {
    "data": lambda job: (job.sizes.interactions * 4 + job.sizes.n_users * 16) * _MB + 1.5 * job.sizes.text_mb,
    "semantic": lambda job: _vectors(job, "semantic"),
    "sasrec": lambda job: _model_disk(job, "sasrec"),
    "teacher": lambda job: _model_disk(job, "teacher"),
    "behavior": lambda job: job.sizes.items * 128 * 4 * _MB,
    "index": lambda job: job.sizes.items * 16 * _MB,
    "tune": _tune_disk,
    "baselines": lambda job: job.sizes.evaluated * 8 * 2 * _MB,
    "evaluate": lambda job: job.sizes.evaluated * 24 * 2 * _MB,
}
