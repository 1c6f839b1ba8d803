"""What tuning must hold in memory, in MB (10^6 bytes): weights, what learns of them, the states of one batch. Light.

Checked against the peaks of real trainings (`tests/core/estimate`). What learns is fp32 whatever `run.dtype`
says: bf16 is the format of the matrix products alone. What it saves in states it takes in copies: measured 1.48 GB
against 1.50 GB on a CPU, so it is left out here. Weights that no stage trains stay in bf16 where their files are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.errors import EnvironmentFault
from core.model.size import DecoderShape, shape_of, weight_bytes
from core.project import Project
from core.units import gib

Settings = Mapping[str, Any]
Way = tuple[list[str], Settings]
"""Changes of settings as `key=value` texts, and the settings with them."""

_MB = 1e-6
_NUMBER = 4.0
"""Bytes of an fp32 number."""
_LEARNING = 3
"""Numbers beside each weight that learns: its gradient and AdamW's two moments."""
_STATES = 1.15
"""Batches of ever other shapes leave gaps: measured over what is alive."""
_ON_THE_WAY_BACK = 3.5
"""Layers' worth of states while one is computed again: its own, their gradients, and gaps."""
_LOGITS = 3
"""Copies of the logits over the whole vocabulary: the products, their log-softmax, its gradient."""
_SPOKEN = 0.25
"""Share of the tokens of rows in words that are predicted over the whole vocabulary."""
_DROPPED = 2.75
"""Numbers that an adapter keeps for each of its inputs: what dropout made of it, the noise, and gaps."""
LEAST_BATCH = 256
"""Tokens below which a smaller batch is no advice."""


@dataclass(frozen=True)
class Need:
    """What a stage of tuning holds, in MB.

    Attributes:
        weights: of the whole model, as it is loaded.
        learning: gradients, AdamW's two moments and the running mean of the weights that learn.
        states: activations of one batch, kept for the way back.
        saving: the copy of all that learns which a checkpoint is written from, in the machine's own memory.
    """

    weights: float
    learning: float
    states: float
    saving: float

    @property
    def least(self) -> float:
        """What no batch is small enough to do without."""
        return self.weights + self.learning

    @property
    def peak(self) -> float:
        """At the most, where all of it lies in one memory."""
        return self.least + max(self.states, self.saving)

    @property
    def beside_gpu(self) -> float:
        """What the machine's own memory holds at the most while a GPU trains: the weights pass through it."""
        return max(self.weights, self.saving)

    @property
    def on_gpu(self) -> float:
        """What the GPU holds at the most."""
        return self.least + self.states


def tune_settings(project: Project) -> dict[str, Any]:
    """The settings that decide what tuning holds, in the form of the stage's own."""
    more = {"lora": asdict(project.lora), "backbone": asdict(project.backbone), "dtype": project.run.dtype}
    return {**asdict(project.tune), **more, "max_history": project.data.max_history}


def needs(settings: Settings, shape: DecoderShape, codes: int, length: float) -> Need:
    """The largest need of any stage of the tuning.

    Args:
        settings: of the stage `tune` (`tune_settings`).
        shape: the model, its code rows included.
        codes: code tokens.
        length: tokens of the longest row; the states of attention grow with it.
    """
    found = [_need(settings, stage, shape, codes, length) for stage in settings["stages"]]
    return max(found, key=lambda need: (need.least, need.peak))


def _need(settings: Settings, stage: Settings, shape: DecoderShape, codes: int, length: float) -> Need:
    learning = _learns(str(stage["train"]), settings, shape, codes)
    mean = 1 if float(settings["ema"]) else 0
    return Need(
        weight_bytes(shape, settings) * _MB,
        learning * (_LEARNING + mean) * _NUMBER * _MB,
        _states(settings, stage, shape, length),
        learning * (_LEARNING + mean) * _NUMBER * _MB,
    )


def _learns(train: str, settings: Settings, shape: DecoderShape, codes: int) -> float:
    """Parameters that learn."""
    if train == "all":
        return shape.parameters
    rows = codes * shape.hidden * (1 if shape.tied else 2) if "new-tokens" in train else 0
    if "lora" not in train:
        return rows
    sides = sum(map(sum, shape.adapted(settings["lora"]["targets"])))
    return rows + shape.layers * int(settings["lora"]["rank"]) * sides


def kept_parameters(settings: Settings, shape: DecoderShape, codes: int) -> float:
    """Parameters that a checkpoint holds: all of them, or where nobody trains the base the adapters and new rows."""
    stages = settings["stages"]
    if settings["backbone"]["model"] == "tiny" or any(stage["train"] == "all" for stage in stages):
        return float(shape.parameters)
    rows = codes * shape.hidden * (1 if shape.tied else 2)
    return rows + sum(_learns(str(stage["train"]), settings, shape, codes) for stage in stages)


def _states(settings: Settings, stage: Settings, shape: DecoderShape, length: float) -> float:
    backbone, tokens = settings["backbone"], float(settings["batch_tokens"])
    layer = 14.0 * shape.hidden + 4.0 * shape.inner
    if "lora" in stage["train"]:  # each adapter keeps an input of its own, and what its dropout multiplied it with
        each = _DROPPED if float(settings["lora"]["dropout"]) else 1.0
        layer += each * sum(inputs for inputs, _ in shape.adapted(settings["lora"]["targets"]))
    elif stage["train"] == "new-tokens":  # a product whose weights stand still does not keep its input
        layer -= 3.0 * shape.hidden + shape.inner
    if backbone["attention"] == "eager":
        layer += 3.0 * shape.heads * length
    kept = shape.layers * layer
    if backbone["gradient_checkpointing"]:
        kept = shape.layers * shape.hidden + _ON_THE_WAY_BACK * layer
    spoken = any(weight and task != "sequential" for task, weight in stage["tasks"].items())
    share = 1.0 if settings["softmax"] == "vocabulary" else _SPOKEN if spoken else 0.0
    return _STATES * tokens * (kept + _LOGITS * share * shape.rows) * _NUMBER * _MB


@dataclass(frozen=True)
class Room:
    """Memory to train in, in MB.

    Attributes:
        machine: the machine's own.
        gpu: the GPU's; None where none trains the model, or nobody knows its memory.
        on_gpu: whether a GPU trains the model.
    """

    machine: float
    gpu: float | None = None
    on_gpu: bool = False

    def short(self, need: Need) -> tuple[float, float, str] | None:
        """What is needed, what is there and where, in MB, where the whole of it does not fit."""
        if not self.on_gpu:
            return (need.peak, self.machine, "of memory") if need.peak > self.machine else None
        if self.gpu is not None and need.on_gpu > self.gpu:
            return need.on_gpu, self.gpu, "of the GPU's memory"
        return (need.beside_gpu, self.machine, "of memory") if need.beside_gpu > self.machine else None

    def never(self, need: Need) -> tuple[float, float, str] | None:
        """The same, where not even a batch of nothing fits."""
        if not self.on_gpu:
            return (need.least, self.machine, "of memory") if need.least > self.machine else None
        if self.gpu is not None and need.least > self.gpu:
            return need.least, self.gpu, "of the GPU's memory"
        return (need.weights, self.machine, "of memory") if need.weights > self.machine else None


def refusal(project: Project, whole: Room) -> EnvironmentFault | None:
    """Why a machine can never train a project's model; None where it may. Reads no data and no weights.

    Args:
        project: what is to be trained.
        whole: all the memory that there is.
    """
    settings = tune_settings(project)
    shape = shape_of(settings["backbone"], 0, project.resolve)  # the codes are known later, and few beside the words
    if shape is None:
        return None
    need = needs(settings, shape, 0, 0.0)
    lacking = whole.never(need)
    if lacking is None:
        return None
    wanted, there, where = lacking
    return EnvironmentFault(
        f"backbone.model {project.backbone.model!r} cannot be trained here: its {shape.parameters / 1e9:.1f} billion "
        f"weights take {gib(need.weights)} and what learns of them {gib(need.learning)} more, so {gib(wanted)} {where} "
        f"are needed before the first batch, and there are {gib(there)}",
        advice(settings, shape, 0, 0.0, whole) or "no setting makes it fit: use a smaller backbone.model",
    )


def advice(settings: Settings, shape: DecoderShape, codes: int, length: float, room: Room) -> str:
    """Changes of settings that make tuning fit, the two mildest ones, as `--set` texts; empty where none does."""
    fitting: list[str] = []
    for ways in _milder(settings):
        for texts, changed in ways:
            if room.short(needs(changed, shape, codes, length)) is None:
                fitting.append(" ".join(f"--set {text}" for text in texts))
                break
    return f"would fit: {', or '.join(fitting[:2])}" if fitting else ""


def _milder(settings: Settings) -> list[list[Way]]:
    """Changes that need less: of each list one is enough; the mildest lists and changes come first.

    `run.dtype` is not among them: what learns, its gradients and moments are fp32 with either value.
    """
    plain: Way = ([], settings)
    lists = [_checkpointed(plain), _smaller(plain), [w for kept in _checkpointed(plain) for w in _smaller(kept)]]
    for train in ("lora", "lora+new-tokens"):
        stages = [{**one, "train": train} if one["train"] == "all" else one for one in settings["stages"]]
        texts = [f"tune.stages.{n}.train={train}" for n, one in enumerate(settings["stages"]) if one["train"] == "all"]
        if texts:
            fewer: Way = (texts, {**settings, "stages": stages})
            kept = _checkpointed(fewer)
            lists.append([fewer, *kept, *_smaller(kept[0] if kept else fewer)])
    return lists


def _checkpointed(way: Way) -> list[Way]:
    """A way with states computed twice; none where it has that already."""
    texts, settings = way
    backbone = settings["backbone"]
    if backbone["gradient_checkpointing"]:
        return []
    changed = {**settings, "backbone": {**backbone, "gradient_checkpointing": True}}
    return [([*texts, "backbone.gradient_checkpointing=true"], changed)]


def _smaller(way: Way) -> list[Way]:
    """A way with ever smaller batches, more of them a step, so that the step stays what it is."""
    texts, settings = way
    tokens, parts = int(settings["batch_tokens"]), int(settings["accumulate"])
    found: list[Way] = []
    while tokens // 2 >= LEAST_BATCH:
        tokens, parts = tokens // 2, parts * 2
        changed = {**settings, "batch_tokens": tokens, "accumulate": parts}
        found.append(([*texts, f"tune.batch_tokens={tokens}", f"tune.accumulate={parts}"], changed))
    return found
