"""The stages `baselines` and `evaluate`: ranks of every method, and the one table of them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core.cost import MB, Cost, Job, Work
from core.files import digest
from core.model.size import weight_bytes
from core.project import Project
from core.recommend.search_cost import BEAM, LIST, scores_catalogue, search_work
from core.registry import BASELINES as BASELINE_METHODS
from core.run.reporting import Reporter, in_passes
from core.settings import OTHER_PARTS
from core.stage import Artefacts, Settings, Stage, computing, options_for, plugin_marks
from core.vectors.stage import sources_there

BASELINE_SCORE = 11e-9
PART_SCORE = 6e-9  # a part's score of an item
FUSION_USERS = 4000
"""Validation users that are asked for the weights of a fusion: half of them choose, the others check."""
FAVOURITES = 12
"""Items of each part that are candidates there."""
CHOOSING = 1e-6  # seconds of choosing weights, a candidate and part
SCORED_USERS, RANKED_USERS = 512, 64  # users of a batch


def usable(project: Project, names: Sequence[str]) -> tuple[str, ...]:
    """Those of some baselines that a project can have: without text, none that reads it."""
    missing = set() if sources_there(project)["semantic"] else {"semantic", "teacher"}
    return tuple(name for name in names if not missing & set(BASELINE_METHODS.get(name).inputs))


def measured(project: Project) -> tuple[str, ...]:
    """The baselines of the table."""
    return usable(project, project.evaluate.baselines)


def fused(project: Project) -> tuple[str, ...]:
    """The parts of a list beside the generator; whether there is a dense head the checkpoint says."""
    baselines = usable(project, [name for name in project.recommend.fusion if name not in OTHER_PARTS])
    return tuple(name for name in project.recommend.fusion if name in OTHER_PARTS or name in baselines)


def _read_by(names: Sequence[str]) -> tuple[str, ...]:
    """The stages that some baselines read besides `data`."""
    return tuple(dict.fromkeys(stage for name in names for stage in BASELINE_METHODS.get(name).inputs))


def baseline_inputs(project: Project) -> tuple[str, ...]:
    """What the baselines read."""
    return ("data", *_read_by(measured(project)))


def baseline_settings(project: Project) -> Settings:
    """What decides the baselines' ranks."""
    names = list(measured(project))
    marks = [plugin_marks(project, BASELINE_METHODS, name) for name in names]
    return {"baselines": names, **{key: mark for one in marks for key, mark in one.items()}}


def make_baselines(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Rank the targets of both splits with every baseline."""
    from core.data.dataset import Dataset
    from core.evaluate.baseline_ranks import measure_baselines

    options = {name: options_for(project, BASELINE_METHODS, name) for name in measured(project)}
    return measure_baselines(options, Dataset.load(made["data"]), made, project.seed, folder, reporter)


def evaluate_inputs(project: Project) -> tuple[str, ...]:
    """What the evaluation reads: the fused baselines' models too."""
    baselines = [name for name in fused(project) if name not in OTHER_PARTS]
    return tuple(dict.fromkeys(("data", "tune", "baselines", *_read_by(baselines))))


def evaluate_settings(project: Project) -> Settings:
    """What decides the metrics."""
    recommend = {
        "beams": project.recommend.beams, "max_history": project.data.max_history, "fusion": list(fused(project)),
    }  # fmt: skip
    marks = [plugin_marks(project, BASELINE_METHODS, name) for name in fused(project) if name not in OTHER_PARTS]
    own = {key: mark for one in marks for key, mark in one.items()}
    settings = {**asdict(project.evaluate), **recommend, **computing(project), **own}
    best = best_reachable_file(project)
    return {**settings, "best_reachable": digest(best)} if best else settings


def make_evaluate(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Rank with the model, and put everything into one table."""
    from core.data.dataset import Dataset
    from core.evaluate.measure import measure

    dataset, best = Dataset.load(made["data"]), best_reachable_file(project)
    heard = in_passes(reporter, "ranking", 2)  # validation, test
    return measure(project, dataset, made, measured(project), fused(project), folder, best, heard)


def help_evaluate(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> None:
    """Rank parts of the users for the process that makes the stage."""
    from core.data.dataset import Dataset
    from core.evaluate.measure import help_measure

    help_measure(project, Dataset.load(made["data"]), made, fused(project), folder, reporter)


def best_reachable_file(project: Project) -> Path | None:
    """The file beside synthetic data that tells what its own generator could reach; None for real data."""
    if not project.data.interactions:
        return None
    path = project.resolve(project.data.interactions).parent / "best_reachable.json"
    return path if path.is_file() else None


def _baselines_work(job: Job) -> Work:
    methods = list(job.settings("baselines")["baselines"])
    asked, items = 2.0 * job.sizes.evaluated, float(job.sizes.items)
    work = Work(single=0.2 + len(methods) * (asked * items * BASELINE_SCORE + job.sizes.interactions * 1e-6))
    for name in methods:
        work += BASELINE_METHODS.get(name).work(job)
    return work


def _evaluate_work(job: Job) -> Work | None:
    settings, shape = job.settings("evaluate"), job.backbone
    if shape is None:
        return None
    beams = int(settings["beams"])
    lists = search_work(job, shape, int(settings["max_history"]), beams)
    names = [name for name in settings["fusion"] if name != "dense" or scores_catalogue(job.settings("tune"))]
    work = Work(single=0.4 + (job.sizes.evaluated * 4e-4 if int(settings["bootstrap"]) else 0.0))
    if names:
        # The favourites of all, about as many as beams, scored by the model too, and sorted into a list a protocol.
        lists += job.trained(2.0 * shape.body * beams * job.levels) + Work(shared=2 * (LIST + beams * BEAM))
        lists += Work(shared=len(names) * job.sizes.items * PART_SCORE)
        # The favourites of each, of some users, to choose the weights by.
        asked = float(min(job.sizes.evaluated, FUSION_USERS))
        some = job.trained(2.0 * shape.body * FAVOURITES * (len(names) + 1) * job.levels)
        work += (some + search_work(job, shape, int(settings["max_history"]), FAVOURITES)) * asked
        work += Work(single=asked * FAVOURITES * (len(names) + 1) ** 2 * CHOOSING)
    return work + lists * (2.0 * job.sizes.evaluated)


def _baselines_memory(job: Job) -> float:
    return 40 * SCORED_USERS * job.sizes.items * 4 * MB


def _evaluate_memory(job: Job) -> float | None:
    settings, shape = job.settings("evaluate"), job.backbone
    if shape is None:
        return None
    beams = min(int(settings["beams"]), job.sizes.items)
    seen = job.sizes.history(int(settings["max_history"])) * job.levels
    states = RANKED_USERS * (seen + beams * job.levels) * shape.layers * shape.keys * 2 * 4 * 3 * MB
    branches = 8 * RANKED_USERS * beams * max(map(max, job.widths)) * 4 * MB
    masks = 4 * RANKED_USERS * beams * (seen + beams * job.levels) * 4 * MB
    # What each part says of every item, and what is made of that on the way; the item vectors of two sequential models.
    catalogue = (3 * len(settings["fusion"]) + 6) * RANKED_USERS * job.sizes.items * 4 * MB
    vectors = 2 * job.sizes.items * 512 * 4 * MB
    return float(weight_bytes(shape, job.settings("tune")) * MB + 3 * (states + branches + masks) + catalogue + vectors)


BASELINES = Stage(
    "baselines", 1, baseline_settings, baseline_inputs, make_baselines,
    Cost(_baselines_work, _baselines_memory, lambda job: job.sizes.evaluated * 8 * 2 * MB),
)  # fmt: skip
EVALUATE = Stage(
    "evaluate", 6, evaluate_settings, evaluate_inputs, make_evaluate,
    Cost(_evaluate_work, _evaluate_memory, lambda job: job.sizes.evaluated * 24 * 2 * MB, gpu=True),
)  # fmt: skip
