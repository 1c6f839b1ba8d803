"""The stages that give items vectors: `semantic`, `sasrec`, `behavior`; and `teacher`, the SASRec that reads text."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ProjectError
from core.project import Project
from core.registry import ALIGNMENTS, BEHAVIOR_VECTORS, TEXT_VECTORS, Registry
from core.run.reporting import Reporter
from core.stage import (
    Artefacts,
    Settings,
    Stage,
    computing,
    inputs,
    model_files,
    options_for,
    plugin_marks,
    source_files,
)  # fmt: skip
from core.vectors import ItemVectors, VectorProvider, VectorTask
from core.vectors.vectors_cost import BEHAVIOR_COST, SASREC_COST, SEMANTIC_COST, TEACHER_COST

if TYPE_CHECKING:
    from core.data.dataset import Dataset
    from core.vectors.align import Aligning

OF_TEXT = ("features", "codes", "preferences")
"""Settings of the SASRec that reads text alone."""
CONTRAST_SETTINGS = ("contrast_users", "contrast_items", "contrast_neighbours", "neighbours", "replace")


def active_sources(project: Project, wanted: tuple[str, ...] = ()) -> list[str]:
    """The vector sources that the index (or `wanted`) can use, in its order; what is not there is left out.

    Raises:
        ProjectError: where none is left.
    """
    there = sources_there(project)
    found = [source for source in wanted or project.index.sources if there[source]]
    if not found:
        raise ProjectError(
            "no source is left for the item index: no text and no behaviour vectors",
            "name text columns in data.text, or set vectors.behavior",
        )
    return found


def sources_there(project: Project) -> dict[str, bool]:
    """Which sources of vectors a project has."""
    return {
        "semantic": project.vectors.semantic != "none" and bool(project.data.text),
        "behavior": project.vectors.behavior != "none",
    }


def semantic_settings(project: Project) -> Settings:
    """What decides the text vectors."""
    source = project.vectors.semantic
    own = {"source": source, "dim": project.vectors.semantic_dim, **computing(project)}
    options = None if source == "none" else options_for(project, TEXT_VECTORS, source)
    if options is not None and not TEXT_VECTORS.origin(source):  # those of others are among their marks
        own |= {"options": asdict(options)}
    files = model_files(project, text_model(project)) if text_model(project) else source_files(project, source)
    return {**own, **files, **plugin_marks(project, TEXT_VECTORS, source)}


def text_model(project: Project) -> str:
    """The Hugging Face model that the text vectors come from, a hub id or a folder; empty = none."""
    source = project.vectors.semantic
    if source == "none":
        return ""
    options = options_for(project, TEXT_VECTORS, source)
    model: str = TEXT_VECTORS.get(source).model(source.partition(":")[2], options)
    return model


def make_semantic(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Vectors of the items' text."""
    vectors = _vectors(project, TEXT_VECTORS, project.vectors.semantic, made, folder, reporter)
    return {"source": vectors.source, "dim": vectors.matrix.shape[1], "without_text": int((~vectors.known).sum())}


def _vectors(
    project: Project, registry: Registry[Any], source: str, made: Artefacts, folder: Path, reporter: Reporter
) -> ItemVectors:
    """Run the provider that a setting names, and write what it gives.

    Raises:
        ProjectError: there is no such provider, or it gives vectors of another number of items.
    """
    from core.data.dataset import Dataset

    dataset = Dataset.load(made["data"])
    provider: VectorProvider = registry.get(source)()
    task = vector_task(project, registry, dataset, made, folder, reporter)
    if registry is BEHAVIOR_VECTORS:
        task = replace(task, aligning=aligning_of(project, made, "behavior"))
    vectors = provider.vectors(task)
    if len(vectors.matrix) != dataset.n_items:
        count = f"{len(vectors.matrix)} vectors for {dataset.n_items} items"
        raise ProjectError(f"{registry.setting}: {source!r} gives {count}", "tell its author")
    vectors.save(folder / "vectors.npz")
    return vectors


def vector_task(
    project: Project, registry: Registry[Any], dataset: Dataset, made: Artefacts, folder: Path, reporter: Reporter
) -> VectorTask:
    """The task of the provider that the project names.

    Args:
        project: all settings.
        registry: of the kind of vectors.
        dataset: logs and catalogue.
        made: artefacts; those that the provider reads are handed on.
        folder: of the artefact that is made, or continued.
        reporter: hears the progress.
    """
    from core.machine import device_of, use_bf16

    source = getattr(project.vectors, registry.setting.rpartition(".")[2])
    return VectorTask(
        items=dataset.items,
        train=dataset.train(),
        settings=project.vectors,
        options=options_for(project, registry, source),
        argument=source.partition(":")[2],
        inputs={stage: made[stage] for stage in registry.get(source).inputs},
        folder=folder,
        resolve=project.resolve,
        seed=project.seed,
        device=device_of(project.run),
        dtype="bf16" if use_bf16(project.run) else "fp32",
        reporter=reporter,
        fields=project.data.text,
    )


def aligned_stage(project: Project) -> str:
    """The stage in which behaviour vectors follow the text; empty where they do not.

    Raises:
        ProjectError: they shall, and cannot, or there is no text.
    """
    vectors = project.vectors
    if not vectors.aligns:
        return ""
    stage: str = BEHAVIOR_VECTORS.get(vectors.behavior).aligned_in
    if not stage:
        able = [name for name in BEHAVIOR_VECTORS.names if BEHAVIOR_VECTORS.get(name).aligned_in]
        raise ProjectError(
            f"vectors.align: vectors of {vectors.behavior!r} cannot follow the text",
            f"set vectors.behavior to {' or '.join(able)}, or vectors.align to none",
        )
    _need_text(project, f"vectors.align = {vectors.align!r}", "set vectors.align to none")
    return stage


def _need_text(project: Project, setting: str, way_out: str) -> None:
    if not sources_there(project)["semantic"]:
        raise ProjectError(
            f"{setting} needs text vectors, and there are none",
            f"name text columns in data.text and set vectors.semantic, or {way_out}",
        )


def alignment_settings(project: Project, stage: str) -> Settings:
    """What an alignment adds to what decides a stage; nothing where there is none."""
    if aligned_stage(project) != stage:
        return {}
    vectors = project.vectors
    options = options_for(project, ALIGNMENTS, vectors.align)
    how = {"method": vectors.align, "weight": vectors.align_weight, "control": vectors.align_control}
    marks = plugin_marks(project, ALIGNMENTS, vectors.align)
    return {"align": {**how, "options": options and asdict(options)}, **marks}


def aligning_of(project: Project, made: Artefacts, stage: str) -> Aligning | None:
    """What the vectors of a stage follow while they are learnt."""
    if aligned_stage(project) != stage:
        return None
    from core.vectors.align import Aligning, NodeTexts

    vectors, seed = project.vectors, project.seed
    method = ALIGNMENTS.get(vectors.align)(options_for(project, ALIGNMENTS, vectors.align))
    texts = ItemVectors.load(made["semantic"] / "vectors.npz")
    shuffled_by = seed if vectors.align_control == "shuffled" else None
    return Aligning(method, vectors.align_weight, NodeTexts.of_items(texts, shuffled_by), seed)


def sasrec_inputs(project: Project) -> tuple[str, ...]:
    """What SASRec reads: the texts too where histories or items are compared by them, or its vectors follow them.

    Raises:
        ProjectError: they do, and the project has no texts.
    """
    by_text = project.sasrec.contrasts and project.sasrec.contrast_neighbours == "text"
    if by_text:
        _need_text(project, "sasrec.contrast_neighbours = 'text'", "take another kind of neighbours")
    return ("data", "semantic") if by_text or aligned_stage(project) == "sasrec" else ("data",)


def sasrec_settings(project: Project) -> Settings:
    """What decides the SASRec model; without contrast, alignment and sample as before there were any.

    Raises:
        ProjectError: a sample is asked for, and what needs the whole catalogue.
    """
    return {**_sequential_settings(project), **alignment_settings(project, "sasrec")}


def _sequential_settings(project: Project) -> Settings:
    sasrec = project.sasrec
    if sasrec.negatives and (sasrec.contrasts or aligned_stage(project) == "sasrec"):
        raise ProjectError(
            "sasrec.negatives: contrasts and alignment compare items of the whole catalogue",
            "set sasrec.negatives = 0, or their weights",
        )
    left_out = {*(() if sasrec.contrasts else CONTRAST_SETTINGS), *(() if sasrec.negatives else ("negatives",))}
    left_out |= set(OF_TEXT)
    settings = {name: value for name, value in asdict(sasrec).items() if name not in left_out}
    return {**settings, **computing(project)}


def teacher_settings(project: Project) -> Settings:
    """What decides the SASRec that reads the items' text."""
    sasrec, plain = project.sasrec, type(project.sasrec)()
    own = {name: getattr(sasrec, name) for name in OF_TEXT if getattr(sasrec, name) != getattr(plain, name)}
    return {**_sequential_settings(project), **alignment_settings(project, "sasrec"), **own}


def teacher_inputs(project: Project) -> tuple[str, ...]:
    """What the SASRec that reads the items' text reads: their codes too where the project says so."""
    coded = project.sasrec.codes or project.sasrec.preferences
    return ("data", "semantic", "index") if coded else ("data", "semantic")


def make_sasrec(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Fit SASRec on the training prefixes."""
    return _make_sequential(project, made, folder, reporter, features=False)


def make_teacher(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Fit the SASRec that also reads the items' text."""
    return _make_sequential(project, made, folder, reporter, features=True)


def _make_sequential(project: Project, made: Artefacts, folder: Path, reporter: Reporter, features: bool) -> Settings:
    """Fit a SASRec, with the items' text vectors as features or without."""
    import numpy as np
    from torch import nn

    from core.data.dataset import Dataset
    from core.machine import half_of_the_threads, use_bf16
    from core.vectors.align_model import SasrecAlignment
    from core.vectors.sasrec_contrast import SasrecContrast
    from core.vectors.sasrec_model import fit_sasrec
    from core.vectors.sequence_model import training_rows
    from core.vectors.text_projection import keep_projection

    dataset, settings = Dataset.load(made["data"]), project.sasrec
    reads_text = features or "semantic" in sasrec_inputs(project)
    text = ItemVectors.load(made["semantic"] / "vectors.npz") if reads_text else None
    train, bf16 = dataset.train(), use_bf16(project.run)
    aligning = aligning_of(project, made, "sasrec")
    # Those before conflicts were settled: they say what an item is like, the others also which one it is.
    coded = features and (settings.codes or settings.preferences)
    codes = np.load(made["index"] / "raw.npy").astype(np.int64) if coded else None
    losses: list[nn.Module] = []
    if settings.contrasts:
        rows = training_rows(train, settings.max_history)
        losses.append(SasrecContrast(rows, dataset.n_items, settings, text, project.seed))
    if aligning is not None:
        losses.append(SasrecAlignment(aligning, settings.hidden_size))

    # Its steps are small: two threads take as long as one, so SASRec and the one that reads text can share the cores.
    with half_of_the_threads():
        model = fit_sasrec(
            train, dataset.n_items, settings, project.seed, bf16, reporter, folder,
            features=text.matrix if text is not None and features else None, further=losses,
            codes=codes if settings.codes else None,
            groups=codes[:, 0] if codes is not None and settings.preferences else None,
        )  # fmt: skip
    model.save(folder / "sasrec.safetensors")
    if (train.lengths > 1).any():  # else nothing was learnt
        for one in losses:
            keep_projection(getattr(one, "aligner", one), folder)
    return {"parameters": sum(p.numel() for p in model.parameters())}


def behavior_inputs(project: Project) -> tuple[str, ...]:
    """What the behaviour vectors are made from."""
    source = project.vectors.behavior
    follows = ("semantic",) if aligned_stage(project) == "behavior" else ()
    return ("data",) if source == "none" else ("data", *follows, *BEHAVIOR_VECTORS.get(source).inputs)


def behavior_settings(project: Project) -> Settings:
    """What decides the behaviour vectors."""
    source = project.vectors.behavior
    own = {"source": source, "dim": project.vectors.behavior_dim, "seed": project.seed}
    marks = plugin_marks(project, BEHAVIOR_VECTORS, source)
    return {**own, **source_files(project, source), **marks, **alignment_settings(project, "behavior")}


def make_behavior(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Vectors of the items from the training prefixes."""
    vectors = _vectors(project, BEHAVIOR_VECTORS, project.vectors.behavior, made, folder, reporter)
    return {"source": vectors.source, "dim": vectors.matrix.shape[1], "never_in_training": int((~vectors.known).sum())}


SEMANTIC = Stage("semantic", 2, semantic_settings, inputs("data"), make_semantic, SEMANTIC_COST)
SASREC = Stage("sasrec", 1, sasrec_settings, sasrec_inputs, make_sasrec, SASREC_COST)
BEHAVIOR = Stage("behavior", 1, behavior_settings, behavior_inputs, make_behavior, BEHAVIOR_COST)
TEACHER = Stage("teacher", 1, teacher_settings, teacher_inputs, make_teacher, TEACHER_COST)
