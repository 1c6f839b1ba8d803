"""The stages `baselines` and `evaluate`: ranks of every method, and the one table of them all."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from core.cost import MB, Cost, Job, Work
from core.files import digest
from core.project import Project
from core.recommend.search_cost import BEAM, LIST, scores_catalogue, search_work
from core.registry import BASELINES as BASELINE_METHODS
from core.run.reporting import Reporter
from core.stage import Artefacts, Settings, Stage, computing, inputs, options_for, plugin_marks

BASELINE_SCORE = 11e-9
SCORED_USERS, RANKED_USERS = 512, 64  # users of a batch


def baseline_inputs(project: Project) -> tuple[str, ...]:
    """What the baselines read."""
    read = [stage for name in project.evaluate.baselines for stage in BASELINE_METHODS.get(name).inputs]
    return tuple(dict.fromkeys(("data", *read)))


def baseline_settings(project: Project) -> Settings:
    """What decides the baselines' ranks."""
    names = list(project.evaluate.baselines)
    marks = [plugin_marks(project, BASELINE_METHODS, name) for name in names]
    return {"baselines": names, **{key: mark for one in marks for key, mark in one.items()}}


def make_baselines(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Rank the targets of both splits with every baseline."""
    from core.data.dataset import Dataset
    from core.evaluate.baseline_ranks import measure_baselines

    options = {name: options_for(project, BASELINE_METHODS, name) for name in project.evaluate.baselines}
    return measure_baselines(options, Dataset.load(made["data"]), made, project.seed, folder, reporter)


def evaluate_settings(project: Project) -> Settings:
    """What decides the metrics."""
    recommend = {"beams": project.recommend.beams, "max_history": project.data.max_history}
    settings = {**asdict(project.evaluate), **recommend, **computing(project)}
    best = best_reachable_file(project)
    return {**settings, "best_reachable": digest(best)} if best else settings


def make_evaluate(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Rank with the model, and put everything into one table."""
    from core.data.dataset import Dataset
    from core.evaluate.measure import measure

    return measure(project, Dataset.load(made["data"]), made, folder, best_reachable_file(project), reporter)


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
    if scores_catalogue(job.settings("tune")):  # as many of the scorer's favourites, scored by the model too
        lists += job.trained(2.0 * shape.body * beams * job.levels) + Work(shared=LIST + beams * BEAM)
    lists = lists * (2.0 * job.sizes.evaluated)
    bootstrap = job.sizes.evaluated * 1.5e-4 if int(settings["bootstrap"]) else 0.0
    return lists + Work(single=0.4 + bootstrap)


def _baselines_memory(job: Job) -> float:
    return 40 * SCORED_USERS * job.sizes.items * 4 * MB


def _evaluate_memory(job: Job) -> float | None:
    settings, shape = job.settings("evaluate"), job.backbone
    if shape is None:
        return None
    beams = min(int(settings["beams"]), job.sizes.items)
    seen = job.sizes.history(int(settings["max_history"])) * job.levels
    states = RANKED_USERS * (seen + beams * job.levels) * shape.layers * shape.hidden * 2 * 4 * 3 * MB
    branches = 8 * RANKED_USERS * beams * max(map(max, job.widths)) * 4 * MB
    masks = 4 * RANKED_USERS * beams * (seen + beams * job.levels) * 4 * MB
    return float(shape.parameters * 4 * MB + 4 * (states + branches + masks))


BASELINES = Stage(
    "baselines", 1, baseline_settings, baseline_inputs, make_baselines,
    Cost(_baselines_work, _baselines_memory, lambda job: job.sizes.evaluated * 8 * 2 * MB),
)  # fmt: skip
EVALUATE = Stage(
    "evaluate", 4, evaluate_settings, inputs("data", "tune", "baselines"), make_evaluate,
    Cost(_evaluate_work, _evaluate_memory, lambda job: job.sizes.evaluated * 24 * 2 * MB, gpu=True),
)  # fmt: skip
