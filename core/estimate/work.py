"""The work of each stage, in seconds of the reference machine.

Every constant was fitted to finished runs of the recipe `light` with torch 2.13 on an EPYC with AVX512-BF16: the sample
on two threads, Amazon's Scientific and Beauty on one. `core.estimate.probe.REFERENCE` is what its probe gave there;
another machine is taken to be as much faster or slower at everything. A fit is good to a factor of two, not more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from core.estimate.model_size import Shape, config_shape, shape_of
from core.estimate.probe import Machine
from core.estimate.sizes import Sizes
from core.index.shape import index_shape, passes

FP32, FP32_TRAINED, BF16, BF16_EMULATED = 90e9, 77e9, 225e9, 40e9  # operations a second and thread
SASREC_STEP, SASREC_SCORE, SASREC_VECTOR = 8e-3, 2.7e-9, 2.5e-9  # seconds a step; a score; a number of an item vector
DIN, DIN_BATCH, DIN_EPOCHS = 4.7e-6, 256, 12  # seconds a target and dimension; see core.vectors.din
LIGHTGCN_PAIR, LIGHTGCN_EDGE, LIGHTGCN_EPOCHS = 11e-6, 1.6e-9, 30  # seconds a pair; an edge's dimension, six layers
TUNE_TOKEN, TUNE_TARGET, TUNE_START = 10e-6, 60e-6, 1.5
CONTRAST = 20e-9  # a score of the dense scorer, forward and back
LESSON, LESSON_RECALL = 12e-9, 10e-9  # a model's score; a transition's
SPOKEN_ROW = 60.0  # tokens of a row in words
OF_USERS = frozenset({"intent-to-code", "intent-history-to-code", "preference"})
OF_ITEMS = frozenset({
    "code-to-title", "code-to-description", "code-to-both", "title-to-code", "description-to-code", "both-to-code",
    "which-text",
})  # fmt: skip
BEAM, LIST, VALIDATION = 80e-6, 1.4e-3, 0.4  # bookkeeping of a beam, of a user's list; a checkpoint at its end
BASELINE_SCORE = 11e-9
SINKHORN, EXACT_ROWS, EXACT = 5.2e-9 * 4 * 160, 1200, 4e-11 * 4  # four rounds each, see core.index.assign.balance
VALIDATION_BEAMS = 20
ON_GPU = ("tune", "evaluate")
LEARNT = ("rq-vae", "letter", "aligned")  # methods of the index that train a network

Recipes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Work:
    """Seconds of one thread of the reference machine: of work that all threads share, and of work for one alone."""

    shared: float = 0.0
    single: float = 0.0

    def __add__(self, other: Work) -> Work:
        return Work(self.shared + other.shared, self.single + other.single)

    def __mul__(self, factor: float) -> Work:
        return Work(self.shared * factor, self.single * factor)

    def seconds(self, machine: Machine) -> float:
        """How long it takes there."""
        return self.shared / machine.all_threads + self.single / machine.one_thread


@dataclass(frozen=True)
class Job:
    """A whole run, as the formulas see it.

    Attributes:
        recipes: `settings` and `inputs` of every stage, by name.
        sizes: of the data.
        machine: where it runs.
        resolve: makes a path of the project file absolute.
    """

    recipes: Recipes
    sizes: Sizes
    machine: Machine
    resolve: Callable[[str], Path]

    def settings(self, stage: str) -> Mapping[str, Any]:
        """The settings of a stage."""
        found: Mapping[str, Any] = self.recipes[stage]["settings"]
        return found

    @property
    def widths(self) -> tuple[tuple[int, ...], ...]:
        """Codes at each level, source by source."""
        settings = self.settings("index")
        return index_shape(settings, list(settings["active"]), self.sizes.items).widths

    @property
    def levels(self) -> int:
        """Codes an item."""
        return sum(map(len, self.widths))

    @property
    def codes(self) -> int:
        """Code tokens."""
        return sum(map(sum, self.widths))

    @property
    def backbone(self) -> Shape | None:
        """The language model; None where it is not there yet."""
        return shape_of(self.settings("tune")["backbone"], self.codes, self.resolve)

    @property
    def teachers(self) -> int:
        """Models that tuning learns from."""
        return len({"sasrec", "teacher"} & set(self.recipes["tune"]["inputs"]))

    def trained(self, operations: float) -> Work:
        """Matrix products of the model in its number format."""
        fast = BF16 if self.machine.native else BF16_EMULATED
        return Work(shared=operations / (fast if self.machine.bf16 else FP32_TRAINED))


def work_of(stage: str, job: Job) -> Work | None:
    """What a stage has to do; None where that cannot be known yet."""
    return _STAGES[stage](job) if stage in _STAGES else None


def _data(job: Job) -> Work:
    return Work(single=0.03 + job.sizes.rows * 0.7e-6 + job.sizes.text_mb * 0.03)


def _semantic(job: Job) -> Work | None:
    settings, sizes = job.settings("semantic"), job.sizes
    source = str(settings["source"])
    if source.startswith("hf:"):
        shape = config_shape(job.resolve(source.removeprefix("hf:")))
        tokens = min(sizes.text_mb * 1e6 / 4, sizes.items * 256.0)
        return None if shape is None else Work(single=5.0) + job.trained(2.0 * shape.body * tokens)
    if source != "lsa":
        return Work(single=0.5)
    dim = min(float(settings["dim"]), sizes.items)
    vectors = sizes.items * (2.0 * dim) ** 2 * 1.4e-9
    words = sizes.text_mb * (0.3 + 1.3 * dim / 256)
    return Work(shared=(vectors + words) / 2, single=0.7 + (vectors + words) / 2)


def _sasrec(job: Job, stage: str = "sasrec", features: float = 0.0) -> Work:
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
    epoch = job.trained(3 * targets * (layers * layer + 2.0 * sizes.items * width))
    epoch += job.trained(steps * 8.0 * sizes.items * features * width)
    epoch += Work(shared=steps * (SASREC_STEP + sizes.items * width * SASREC_VECTOR))
    epoch += Work(shared=targets * sizes.items * SASREC_SCORE)
    return epoch * float(settings["epochs"])


def _teacher(job: Job) -> Work:
    semantic = job.settings("semantic")
    return _sasrec(job, "teacher", float(semantic["dim"]) if semantic["source"] == "lsa" else 384.0)


def _behavior(job: Job) -> Work:
    settings, sizes = job.settings("behavior"), job.sizes
    source, dim = settings["source"], float(settings["dim"])
    if source == "din":
        targets = float(((sizes.train - 1).clip(min=0) * sizes.users).sum())
        steps = targets / DIN_BATCH
        return Work(shared=DIN_EPOCHS * (targets * dim * DIN + steps * sizes.items * dim * SASREC_VECTOR))
    if source == "lightgcn":
        pairs, nodes = float((sizes.train * sizes.users).sum()), sizes.items + float(sizes.users.sum())
        steps = pairs / min(max(pairs / 24, 2048.0), 65_536.0)
        spread = Work(single=steps * dim * (pairs * LIGHTGCN_EDGE + nodes * SASREC_VECTOR))
        return (spread + Work(shared=pairs * LIGHTGCN_PAIR)) * LIGHTGCN_EPOCHS
    if source != "ppmi-svd":
        return Work(single=0.03)
    pairs = min(sizes.interactions * 6.0, float(sizes.items) ** 2)
    return Work(single=0.3 + pairs * (dim + 10) * 28e-9)


def _index(job: Job) -> Work:
    settings = job.settings("index")
    if settings["method"] == "random":
        return Work(single=0.1)
    if settings["method"] != "kmeans-tree":
        return _codebooks(job, settings)
    total = 0.15
    for widths in job.widths:
        group, groups = float(job.sizes.items), 1.0
        for width in widths:
            if group > width:
                total += groups * (EXACT * group**3 if group <= EXACT_ROWS else SINKHORN * group * width)
            group, groups = group / width, groups * width
    return Work(single=total)


def _codebooks(job: Job, settings: Mapping[str, Any]) -> Work:
    """k-means at every level, and where a network is trained, its passes over the items."""
    items, wide = float(job.sizes.items), sum(map(sum, job.widths))
    clustering = Work(shared=items * wide * 64 * 20 * 2 / FP32)
    if settings["method"] not in LEARNT:
        return Work(single=0.5) + clustering
    vae = settings["rq_vae"]
    weights = sum(a * b for a, b in pairwise([256, *vae["layers"], vae["latent"]])) * 2
    seen = items * passes(vae, job.sizes.items)[1] * len(job.widths)
    return clustering + Work(shared=seen * (6.0 * weights + 6.0 * wide * float(vae["latent"])) / FP32_TRAINED)


def _tune(job: Job) -> Work | None:
    settings, sizes, shape = job.settings("tune"), job.sizes, job.backbone
    if shape is None:
        return None
    most, levels = int(settings["max_history"]), job.levels
    rows, items, targets = sizes.windows(most)
    frame = 1.0 + len(str(settings["frame"])) / 4
    tokens = items * levels + rows * frame
    length = tokens / max(1, rows)
    operations = tokens * (6.0 * shape.body + 12.0 * shape.layers * length * shape.hidden)
    epoch = job.trained(operations + 6.0 * targets * job.codes * shape.hidden)
    follow = 1.0 if job.teachers else 0.5
    epoch += Work(shared=tokens * TUNE_TOKEN + targets * TUNE_TARGET * follow)
    steps = tokens / float(settings["batch_tokens"])
    epoch += Work(shared=steps * shape.parameters * 2.5e-9)
    asked = int(settings["validate_users"]) or sizes.evaluated
    epoch += _search(job, shape, most, VALIDATION_BEAMS) * min(asked, sizes.evaluated) + Work(single=VALIDATION)
    recall = LESSON_RECALL if job.teachers and float(settings["transitions_share"]) else 0.0
    lessons = Work(single=targets * sizes.items * (LESSON * job.teachers + recall))
    epochs = sum(float(stage["epochs"]) for stage in settings["stages"])
    spoken = Work()
    for stage in settings["stages"]:
        spoken += _spoken(job, shape, stage, targets) * float(stage["epochs"])
        if stage["contrast"]:
            spoken += _contrasted(settings.get("contrast", {}), targets, sizes.items) * float(stage["epochs"])
    return epoch * epochs + spoken + lessons + Work(single=TUNE_START + 0.1 * sizes.text_mb)


def _spoken(job: Job, shape: Shape, stage: Mapping[str, Any], prefixes: float) -> Work:
    """An epoch's rows of the tasks in words: as long as usual ones, a quarter of each predicted over all tokens."""
    caps, rows = stage.get("caps", {}), 0.0
    for task, weight in stage.get("tasks", {}).items():
        if weight and task != "sequential":
            most = job.sizes.n_users if task in OF_USERS else job.sizes.items if task in OF_ITEMS else prefixes
            rows += min(float(caps.get(task, most)), most)
    tokens = rows * SPOKEN_ROW
    vocabulary = max(shape.parameters - shape.body, 0.0)
    return job.trained(6.0 * tokens * shape.body + 1.5 * tokens * vocabulary) + Work(shared=tokens * TUNE_TOKEN)


def _contrasted(settings: Mapping[str, Any], targets: float, items: int) -> Work:
    """An epoch's scores of items beside the answers; those that the batch names itself are not counted."""
    if settings.get("form") != "next":
        return Work()
    among = min(items, int(settings["negatives"]) or items)
    return Work(shared=targets * among * CONTRAST)


def _scores(settings: Mapping[str, Any]) -> bool:
    """Whether the model comes with a scorer of the whole catalogue."""
    return settings.get("contrast", {}).get("form") == "next" and any(one["contrast"] for one in settings["stages"])


def _search(job: Job, shape: Shape, most: int, beams: int) -> Work:
    """Lists for one user."""
    beams = min(beams, job.sizes.items)
    tokens = job.sizes.history(most) * job.levels + beams * (job.levels - 1)
    return job.trained(2.0 * shape.body * tokens) + Work(shared=LIST + beams * BEAM)


def _baselines(job: Job) -> Work:
    methods = list(job.settings("baselines")["baselines"])
    asked, items = 2.0 * job.sizes.evaluated, float(job.sizes.items)
    work = Work(single=0.2 + len(methods) * (asked * items * BASELINE_SCORE + job.sizes.interactions * 1e-6))
    if "sasrec" in methods and "sasrec" in job.recipes:
        settings = job.settings("sasrec")
        width, layers = int(settings["hidden_size"]), int(settings["layers"])
        padded = min(int(settings["max_history"]), job.sizes.longest)
        work += Work(shared=asked * (padded * layers * 24.0 * width**2 + 2.0 * items * width) / FP32)
    return work


def _evaluate(job: Job) -> Work | None:
    settings, shape = job.settings("evaluate"), job.backbone
    if shape is None:
        return None
    beams = int(settings["beams"])
    lists = _search(job, shape, int(settings["max_history"]), beams)
    if _scores(job.settings("tune")):  # as many of the scorer's favourites, scored by the model too
        lists += job.trained(2.0 * shape.body * beams * job.levels) + Work(shared=LIST + beams * BEAM)
    lists = lists * (2.0 * job.sizes.evaluated)
    bootstrap = job.sizes.evaluated * 1.5e-4 if int(settings["bootstrap"]) else 0.0
    return lists + Work(single=0.4 + bootstrap)


_STAGES: Mapping[str, Callable[[Job], Work | None]] = {
    "data": _data,
    "semantic": _semantic,
    "sasrec": _sasrec,
    "behavior": _behavior,
    "teacher": _teacher,
    "index": _index,
    "tune": _tune,
    "baselines": _baselines,
    "evaluate": _evaluate,
}
