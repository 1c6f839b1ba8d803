"""The stage `tune`: the language model learns the codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from core.cost import MB, Cost, Job, Work
from core.model.size import DecoderShape
from core.model.stage import backbone_inputs
from core.project import Project
from core.prompts.writing_cost import writing_memory, writing_work
from core.recommend.search_cost import search_work
from core.registry import LOSSES, TASKS
from core.run.reporting import Reporter
from core.stage import (
    Artefacts,
    Settings,
    Stage,
    base_artefact,
    base_marks,
    computing,
    model_files,
    model_path,
    plugin_marks,
    shared_out,
    source_files,
)
from core.tune.memory import Need, kept_parameters, needs
from core.vectors.stage import active_sources, sources_there

TUNE_TOKEN, TUNE_TARGET, TUNE_START = 10e-6, 60e-6, 1.5
CONTRAST = 20e-9  # a score of the dense scorer, forward and back
LESSON, LESSON_RECALL = 12e-9, 10e-9  # a model's score; a transition's
SPOKEN_ROW = 60.0  # tokens of a row in words
VALIDATION = 0.4  # seconds of a checkpoint at its end
VALIDATION_BEAMS = 20
LESSON_ROWS, LESSON_SCORES = 1024, 1 << 25  # targets and scores of a block that the teachers are asked about
LESSONS = 10.0  # copies of such a block
REST = 400.0  # MB of compiled kernels, and of memory that was let go and is kept for the next step
TOKENIZER, TOKENIZER_WORD = 1.0, 130.0  # MB; bytes of a word of a pretrained one
ANNEAL = ("anneal", "anneal_to", "anneal_shape")
"""Settings that `wsd` alone reads."""


def tune_inputs(project: Project) -> tuple[str, ...]:
    """What tuning reads: its teachers too where it has some."""
    return ("data", "index", *backbone_inputs(project), *_teachers(project), *contrasted(project))


def _teachers(project: Project) -> tuple[str, ...]:
    """The stages that make the teachers: SASRec, and where there is text the one that also reads it."""
    if not project.tune.distill:
        return ()
    text = "semantic" in active_sources(project, (*project.index.sources, "semantic"))
    return ("sasrec", "teacher") if text else ("sasrec",)


def tune_settings(project: Project) -> Settings:
    """What decides the tuned model."""
    data = {"max_history": project.data.max_history}
    tiny = project.backbone.model == "tiny"  # built on the spot, whatever folders there are
    files = {} if tiny else model_files(project, project.backbone.model)
    backbone = {**asdict(project.backbone), **files}
    more: Settings = {}
    if project.tune.speaks and not tiny and backbone["new_rows"] == "words" and project.index.conflicts == "own":
        more["own_codes"] = "titles"  # what their rows start from; the mean of all rows before version 0.2
    if project.contrast.form != "none":
        more["contrast"] = asdict(project.contrast)
    if any(stage.train != "all" for stage in project.tune.stages):
        more["lora"] = asdict(project.lora)
    if project.tune.speaks:
        more |= {"texts": _texts(project), "negatives": asdict(project.negatives)}
    tune = asdict(project.tune)
    if tune["temperature"] == 1.0:  # as it was before there was one
        del tune["temperature"]
    if not tune["drawn"]:
        del tune["drawn"]
    plain = type(project.tune)()
    if tune["schedule"] != "wsd" or all(tune[name] == getattr(plain, name) for name in ANNEAL):
        for name in ANNEAL:  # as it was before they could be said
            del tune[name]
    if all(stage.objective == "likelihood" for stage in project.tune.stages):
        del tune["reward"], tune["reward_draws"]
    for stage in tune["stages"]:
        if not stage["losses"]:  # as it was before there were such losses
            del stage["losses"]
        if stage["objective"] == "likelihood":
            del stage["objective"]
    more |= {**computing(project), **_marks(project), **base_marks(project, "tune"), **shared_out(project)}
    return {**tune, "backbone": backbone, **data, **more}


def _marks(project: Project) -> Settings:
    """What tasks and losses of other packages add to the fingerprint."""
    stages = project.tune.stages
    tasks = sorted({name for stage in stages for name, weight in stage.tasks.items() if weight})
    losses = sorted({name for stage in stages for name, weight in stage.losses.items() if weight})
    marks = [plugin_marks(project, TASKS, name) for name in tasks]
    marks += [plugin_marks(project, LOSSES, name) for name in losses]
    return {key: mark for one in marks for key, mark in one.items()}


def _texts(project: Project) -> Settings:
    """Where words come from: settings, wordings, and the contents of what they name."""
    from core.prompts.text_writer import LOCAL, PURPOSES, check_writer, writer_files, writing_prompt
    from core.prompts.wordings import wordings_of

    settings = asdict(project.texts)
    if project.texts.items == "raw":  # as it was before anything else could be
        del settings["items"]
    for name, source in (("users", project.texts.users), ("items", project.texts.items)):
        if source.startswith(LOCAL):
            path = project.resolve(source.removeprefix(LOCAL))
            check_writer(path, f"texts.{name}")
            asked = [asdict(writing_prompt(purpose)) for purpose in PURPOSES[name]]
            settings |= {f"{name} written by": writer_files(path), f"{name} asked": asked}
        elif source.startswith("file:"):
            settings |= source_files(project, source, "texts.users")
    tasks = {name for stage in project.tune.stages for name, weight in stage.tasks.items() if weight}
    settings["prompts"] = {task: [asdict(one) for one in some] for task, some in wordings_of(project, tasks).items()}
    return settings


def contrasted(project: Project) -> list[str]:
    """Sources that the contrast and the further losses read."""
    from core.tune.losses import loss_sources

    there = sources_there(project)
    return [name for name in loss_sources(project) if there[name]]


def make_tune(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Teach the language model the codes."""
    from core.data.dataset import Dataset
    from core.index.table import ItemIndex
    from core.tune.tuner import Tuner
    from core.vectors import ItemVectors

    index = ItemIndex.load(made["index"] / "index.parquet")
    teachers = [made[name] / "sasrec.safetensors" for name in _teachers(project)]
    if project.backbone.model != "tiny":
        model = str(made["backbone"]) if "backbone" in made else model_path(project, project.backbone.model)
        backbone = replace(project.backbone, model=model)
        project = replace(project, backbone=backbone)
    vectors = {name: ItemVectors.load(made[name] / "vectors.npz") for name in contrasted(project)}
    base = base_artefact(project, "tune")
    return Tuner(
        project, Dataset.load(made["data"]), index, teachers, vectors, made["index"], folder, reporter,
        base / "best" if base is not None else None,
    ).run()  # fmt: skip


def _work(job: Job) -> Work | None:
    settings, sizes, shape = job.settings("tune"), job.sizes, job.backbone
    written = writing_work(job, settings)
    if shape is None or written is None:
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
    epoch += search_work(job, shape, most, VALIDATION_BEAMS) * min(asked, sizes.evaluated) + Work(single=VALIDATION)
    recall = LESSON_RECALL if job.teachers and float(settings["transitions_share"]) else 0.0
    lessons = Work(single=targets * sizes.items * (LESSON * job.teachers + recall))
    epochs = sum(float(stage["epochs"]) for stage in settings["stages"])
    if float(settings.get("drawn", 0.0)):
        lessons = lessons * epochs
    spoken = Work()
    for stage in settings["stages"]:
        spoken += _spoken(job, shape, stage, targets) * float(stage["epochs"])
        if stage["contrast"]:
            spoken += _contrasted(settings.get("contrast", {}), targets, sizes.items) * float(stage["epochs"])
    return epoch * epochs + spoken + written + lessons + Work(single=TUNE_START + 0.1 * sizes.text_mb)


def _spoken(job: Job, shape: DecoderShape, stage: Mapping[str, Any], prefixes: float) -> Work:
    """An epoch's rows of the tasks in words: as long as usual ones, a quarter of each predicted over all tokens."""
    caps, rows = stage.get("caps", {}), 0.0
    for task, weight in stage.get("tasks", {}).items():
        if weight and task != "sequential":
            counts = {"users": job.sizes.n_users, "items": job.sizes.items, "prefixes": prefixes}
            most = counts[TASKS.get(task).scales_with]
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


def tune_need(job: Job) -> Need | None:
    """What tuning holds of the model; None where the model is not there yet."""
    shape = job.backbone
    return None if shape is None else needs(job.settings("tune"), shape, job.codes, row_length(job))


def row_length(job: Job) -> float:
    """Tokens of the longest history."""
    most = int(job.settings("tune")["max_history"])
    return float(min(most, job.sizes.longest) * job.levels)


def _memory(job: Job) -> float | None:
    settings, shape = job.settings("tune"), job.backbone
    if shape is None:
        return None
    most = int(settings["max_history"])
    need = tune_need(job)
    assert need is not None
    block = min(LESSON_ROWS * job.sizes.items, LESSON_SCORES) * 4 * MB
    asked = LESSONS * block if job.teachers else 0.0
    told = job.sizes.windows(most)[2] * 96 * 8 * MB if job.teachers else 0.0
    told *= 2.0 if float(settings.get("drawn", 0.0)) else 1.0  # those of the epoch beside those of the log
    if job.machine.gpu:
        return told + max(asked, need.beside_gpu)
    trained = told + need.least + max(asked, need.peak - need.least)
    return REST + max(trained, writing_memory(job, settings))


def _disk(job: Job) -> float | None:
    shape = job.backbone
    if shape is None:
        return None
    # The best model and the next one, beside two checkpoints with the optimiser's two numbers a weight.
    moments = 4 if float(job.settings("tune")["ema"]) else 3
    kept = kept_parameters(job.settings("tune"), shape, job.codes)
    words = TOKENIZER_WORD * (shape.rows - job.codes) * MB
    return float(kept * 4 * (2 + 2 * moments) * MB + 2 * words + TOKENIZER)


def _epochs(settings: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Folders of the stages' loops, and their epochs."""
    return [(f"loops/{n}-{part['name']}", int(part["epochs"])) for n, part in enumerate(settings["stages"])]


TUNE = Stage("tune", 5, tune_settings, tune_inputs, make_tune, Cost(_work, _memory, _disk, _epochs, gpu=True))
