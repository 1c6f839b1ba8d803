"""A stage of the pipeline: what decides it, what it reads, its work and cost. Each room has its own `stage.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.cost import Cost
from core.errors import ProjectError
from core.fields import options_of
from core.files import digest
from core.project import Project
from core.registry import Registry
from core.run.listing import find_run
from core.run.reporting import Reporter

Artefacts = Mapping[str, Path]
"""Where the artefacts of the stages before lie, by stage."""
Settings = dict[str, Any]
StageWork = Callable[[Project, Artefacts, Path, Reporter], Mapping[str, Any]]


@dataclass(frozen=True)
class Stage:
    """A function from artefacts to an artefact.

    Attributes:
        name: what people read.
        version: raised when the stage's code changes its result.
        settings: the part of the project that decides the result.
        inputs: the stages whose artefacts it reads.
        work: does it, in a folder, and returns figures worth showing.
        cost: what it will take.
    """

    name: str
    version: int
    settings: Callable[[Project], Mapping[str, Any]]
    inputs: Callable[[Project], tuple[str, ...]]
    work: StageWork
    cost: Cost


def inputs(*names: str) -> Callable[[Project], tuple[str, ...]]:
    """The inputs of a stage that reads the same artefacts in every project; those not needed are passed over."""
    return lambda project: names


def base_artefact(project: Project, stage: str) -> Path | None:
    """A stage's artefact of the run that a project starts from (`run.base`); None where it starts from nothing.

    Raises:
        ProjectError: there is no such run, or it has not come so far.
    """
    return find_run(project.runs_dir, project.run.base).artefact(stage) if project.run.base else None


def base_marks(project: Project, stage: str) -> Settings:
    """What the run that a project starts from adds to the fingerprint of a stage."""
    artefact = base_artefact(project, stage)
    return {"base": artefact.name} if artefact is not None else {}


def computing(project: Project) -> Settings:
    """What decides the result of everything that learns: the seed, the device, the number format."""
    return {"seed": project.seed, "device": project.run.device, "dtype": project.run.dtype}


def shared_out(project: Project) -> Settings:
    """What several processes (`run.processes`) add to the fingerprint of what they train together; nothing of one."""
    return {"processes": project.run.processes} if project.run.processes != 1 else {}


def model_path(project: Project, name: str) -> str:
    """A model's name as transformers wants it: a folder beside the project file, or a hub id."""
    path = project.resolve(name)
    return str(path) if path.is_dir() else name


def model_files(project: Project, name: str) -> Settings:
    """The digests of a model's files, where it is a folder."""
    path = Path(model_path(project, name))
    return {"files": {f.name: digest(f) for f in sorted(path.iterdir()) if f.is_file()}} if path.is_dir() else {}


def source_files(project: Project, source: str, key: str = "vectors.semantic and vectors.behavior") -> Settings:
    """The digest of a `file:` or `hf:` source; `key` is the setting that names it."""
    if source.startswith("hf:"):
        return model_files(project, source.removeprefix("hf:"))
    if not source.startswith("file:"):
        return {}
    path = project.resolve(source.removeprefix("file:"))
    if not path.is_file():
        raise ProjectError(f"{path}: no such file", f"check {key}")
    return {"file": digest(path)}


def options_for(project: Project, registry: Registry[Any], value: str) -> Any:
    """A plug-in's own settings: its table in the project, or one it shares, as `[sasrec]`; None where it has none.

    Raises:
        ProjectError: there is no such plug-in, or it cannot be loaded.
    """
    kind = registry.options(value)
    shared = next((table for table in vars(project).values() if kind and type(table) is kind), None)
    return shared or options_of(getattr(project, registry.table), registry.name_of(value))


def plugin_marks(project: Project, registry: Registry[Any], value: str) -> Settings:
    """What a plug-in adds to the fingerprint of its stage; a built-in one of version 1 adds nothing."""
    if value == "none":
        return {}
    options = options_for(project, registry, value)
    own: Settings = {}
    if registry.origin(value):
        own = {"seed": project.seed, "options": options and asdict(options)}
        own |= {name: asdict(options_for(project, registry, name)) for name in registry.shared_options(value)}
    return {key: {**marks, **own} for key, marks in registry.fingerprint(value).items()}
