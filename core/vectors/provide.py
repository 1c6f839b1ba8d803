"""From a project to a provider of vectors: its own settings, its part of a fingerprint, its task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from core.data.arrays import Sequences
from core.project import Project
from core.registry import Registry
from core.run.protocol import Reporter
from core.vectors import VectorTask


def plugin_options(project: Project, registry: Registry[Any], name: str) -> Any:
    """A plug-in's own settings: the project's table of that class, e.g. [sasrec], else the defaults; None = none."""
    cls = registry.options(name)
    return cls and next((table for table in vars(project).values() if type(table) is cls), cls())


def plugin_settings(project: Project, registry: Registry[Any], name: str) -> dict[str, Any]:
    """What a plug-in adds to its stage's settings; a built-in one of version 1 adds nothing."""
    if name == "none":
        return {}
    options = plugin_options(project, registry, name)
    own = {"seed": project.seed, "options": options and asdict(options)} if registry.origin(name) else {}
    return {key: {**marks, **own} for key, marks in registry.fingerprint(name).items()}


def vector_task(
    project: Project,
    registry: Registry[Any],
    items: pl.DataFrame,
    train: Sequences,
    folder: Path,
    inputs: Mapping[str, Path],
    reporter: Reporter,
) -> VectorTask:
    """The task of the provider that the project names.

    Args:
        project: all settings.
        registry: of the kind of vectors.
        items: see `VectorTask`, as the others.
        train: training sequences.
        folder: of the artefact.
        inputs: artefacts of the stages before; those that the provider reads are handed on.
        reporter: hears the progress.
    """
    from core.machine import device_of, use_bf16

    source = getattr(project.vectors, registry.setting.rpartition(".")[2])
    return VectorTask(
        items=items,
        train=train,
        settings=project.vectors,
        options=plugin_options(project, registry, source),
        argument=source.partition(":")[2],
        inputs={stage: inputs[stage] for stage in registry.get(source).inputs},
        folder=folder,
        resolve=project.resolve,
        seed=project.seed,
        device=device_of(project.run),
        dtype="bf16" if use_bf16(project.run) else "fp32",
        reporter=reporter,
    )
