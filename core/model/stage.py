"""The stage `backbone`: a GGUF file becomes a folder that can be tuned, before anything else is computed."""

from __future__ import annotations

from pathlib import Path

from core.cost import MB, Cost, Job, Work
from core.errors import ProjectError
from core.files import digest
from core.model.gguf_header import is_gguf
from core.project import Project
from core.run.reporting import NullReporter, Reporter
from core.stage import Artefacts, Settings, Stage, inputs
from core.store import Store, fingerprint

WORD, WEIGHT, START = 0.2e-3, 25e-9, 4.0  # seconds of a word of the vocabulary, of a weight, of loading the libraries
NUMBERS = 10.0  # bytes of a weight at the peak: the file's block, fp32 while it is converted, bf16
VOCABULARY = 2.4e-3  # MB of a word of the tokenizer while it is converted


def backbone_inputs(project: Project) -> tuple[str, ...]:
    """What whoever tunes reads of this stage: it is there for GGUF files alone."""
    return ("backbone",) if is_gguf(project.backbone.model) else ()


def backbone_settings(project: Project) -> Settings:
    """The bytes of the file decide everything."""
    path = project.resolve(project.backbone.model)
    if not path.is_file():
        raise ProjectError(f"backbone.model: there is no file {str(path)!r}", "check the path")
    return {"sha256": digest(path)}


def make_backbone(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Convert the file."""
    from core.model.gguf_conversion import convert_gguf

    return convert_gguf(project.resolve(project.backbone.model), folder, reporter)


def converted_gguf(file: Path, store: Path, reporter: Reporter | None = None) -> Path:
    """The folder of a GGUF file's model: the artefact of this stage, made where it is missing.

    A project may name such a file for other purposes than its backbone; all of them share one folder.

    Args:
        file: the GGUF file.
        store: the folder of the artefacts.
        reporter: hears the progress.

    Raises:
        EnvironmentFault: see `core.model.gguf_conversion.convert_gguf`.
        StopRequested: somebody asked to stop.
    """
    from core.model.gguf_conversion import convert_gguf

    recipe = {"stage": BACKBONE.name, "version": BACKBONE.version, "settings": {"sha256": digest(file)}, "inputs": {}}
    artefacts, mark = Store(store), fingerprint(recipe)
    if not artefacts.has(mark):
        artefacts.make(mark, recipe, lambda folder: convert_gguf(file, folder, reporter or NullReporter()))
    return artefacts.artefact(mark)


def _work(job: Job) -> Work | None:
    shape = job.backbone
    if shape is None:
        return None
    return Work(single=START + WORD * (shape.rows - job.codes) + WEIGHT * shape.parameters)


def _memory(job: Job) -> float | None:
    shape = job.backbone
    return None if shape is None else NUMBERS * shape.parameters * MB + VOCABULARY * (shape.rows - job.codes)


def _disk(job: Job) -> float | None:
    shape = job.backbone
    return None if shape is None else 2.0 * shape.parameters * MB + 130e-6 * (shape.rows - job.codes)


BACKBONE = Stage("backbone", 1, backbone_settings, inputs(), make_backbone, Cost(_work, _memory, _disk))
