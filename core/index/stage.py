"""The stage `index`: every item gets its code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.cost import FP32, FP32_TRAINED, MB, Cost, Job, Work
from core.errors import ProjectError
from core.fields import own_settings
from core.index.shape import method_of, passes
from core.project import Project
from core.registry import QUANTIZERS
from core.run.listing import find_run
from core.run.reporting import Reporter
from core.stage import Artefacts, Settings, Stage, base_marks, options_for, plugin_marks, source_files
from core.vectors import KINDS
from core.vectors.stage import active_sources

if TYPE_CHECKING:
    from core.data.dataset import Dataset
    from core.index.build import Built
    from core.vectors import ItemVectors

SINKHORN, EXACT_ROWS, EXACT = 5.2e-9 * 4 * 160, 1200, 4e-11 * 4  # four rounds each, see core.index.assign.balance


def index_inputs(project: Project) -> tuple[str, ...]:
    """What the index is made from: its sources, and the one that guides them.

    Raises:
        ProjectError: the method reads a source that is not there.
    """
    sources = active_sources(project)
    if QUANTIZERS.get(project.index.method).reads_other:
        both = active_sources(project, KINDS)
        if len(both) < 2:
            lacking = next(kind for kind in KINDS if kind not in both)
            raise ProjectError(
                f"index.method {project.index.method!r} reads both sources, and there are no {lacking} vectors",
                "name text columns in data.text and set vectors.behavior, or take another method",
            )
        sources = both
    return ("data", *sources)


def index_settings(project: Project) -> Settings:
    """What decides the item index, spelt as in version 0.1, so that indices made then are not made anew."""
    method = project.index.method
    tree = method == "eager-llm-tree"
    settings = {**own_settings(project.index), "active": active_sources(project), "seed": project.seed, "paper": tree}
    if tree:
        settings["method"] = "kmeans-tree"
    if _codes_file(project):  # what is in the file matters, not where it lies
        settings |= {"method": "file", **source_files(project, method, "index.method")}
    if QUANTIZERS.get(method).learns and not QUANTIZERS.origin(method):
        tables = (options_for(project, QUANTIZERS, name) for name in ("rq-vae", "letter", "aligned"))
        settings["rq_vae"] = {key: value for table in tables for key, value in asdict(table).items()}
    return settings | plugin_marks(project, QUANTIZERS, method) | _base_marks(project)


def _base_marks(project: Project) -> Settings:
    """What the codes that are kept add: the run's index, and how many items it was given since."""
    if not project.run.base:
        return {}
    from core.index.revisions.changes import newest_revision

    counted, run = project.run.base_revision, find_run(project.runs_dir, project.run.base)
    return {**base_marks(project, "index"), "revision": counted if counted >= 0 else newest_revision(run)}


def _codes_file(project: Project) -> Path | None:
    """The file of codes that the method `file:` names."""
    prefix, _, name = project.index.method.partition(":")
    return project.resolve(name) if prefix == "file" else None


def make_index(project: Project, made: Artefacts, folder: Path, reporter: Reporter) -> Settings:
    """Give every item its code."""
    from core.data.dataset import Dataset
    from core.index.artefact import save_artefact
    from core.index.build import build_index
    from core.machine import device_of
    from core.vectors import ItemVectors

    dataset = Dataset.load(made["data"])
    sources = active_sources(project)
    for missing in set(project.index.sources) - set(sources):
        reporter.alert("info", f"no {missing} vectors", f"the index is made from {sources[0]} vectors alone")
    vectors = {name: ItemVectors.load(made[name] / "vectors.npz") for name in index_inputs(project)[1:] if name in made}
    if project.run.base:
        return _keep_codes(project, dataset, vectors, folder, reporter)
    codes_file, method = _codes_file(project), project.index.method
    options = {**project.index.options, method: options_for(project, QUANTIZERS, method)}
    built = build_index(
        dataset.items["item_id"], vectors, sources, project.index, project.seed, reporter,
        options, device_of(project.run), folder / "making", codes_file,
    )  # fmt: skip
    return _figures(built, save_artefact(built, dataset, vectors, folder, reporter, codes_file))


def _keep_codes(
    project: Project, dataset: Dataset, vectors: Mapping[str, ItemVectors], folder: Path, reporter: Reporter
) -> Settings:
    """Every item keeps the code that it has in the run that is started from; new ones get free codes."""
    from core.index.artefact import save_artefact
    from core.index.revisions.changes import load_revisions
    from core.index.revisions.keep import keep_codes
    from core.index.table import ItemIndex

    run = find_run(project.runs_dir, project.run.base)
    base = ItemIndex.load(run.artefact("index") / "index.parquet")
    counted = project.run.base_revision
    growth = load_revisions(run, counted if counted >= 0 else None)
    kept = keep_codes(base, growth, dataset.items["item_id"], vectors, reporter)
    figures = _figures(kept.built, save_artefact(kept.built, dataset, vectors, folder, reporter))
    return {**figures, "kept": kept.kept, "placed": kept.placed, "gone": kept.gone}


def _figures(built: Built, report: Mapping[str, Any]) -> Settings:
    index = built.index
    used = "/".join(str(level["used"]) for level in report["levels"])
    return {"levels": index.levels, "used_codes": used, "items": len(index.codes), "base_id": index.base_id}


def _work(job: Job) -> Work:
    settings = job.settings("index")
    method = QUANTIZERS.get(method_of(settings))
    if not method.reads_vectors:
        return Work(single=0.1)
    if not method.tree:
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
    if "rq_vae" not in settings:
        return Work(single=0.5) + clustering
    vae = settings["rq_vae"]
    weights = sum(a * b for a, b in pairwise([256, *vae["layers"], vae["latent"]])) * 2
    seen = items * passes(vae, job.sizes.items)[1] * len(job.widths)
    return clustering + Work(shared=seen * (6.0 * weights + 6.0 * wide * float(vae["latent"])) / FP32_TRAINED)


def _memory(job: Job) -> float:
    widest = max((width for widths in job.widths for width in widths[:1]), default=2)
    return 6 * 8.0 * job.sizes.items * widest * MB + 4 * 4.0 * job.sizes.items * 256 * MB


INDEX = Stage(
    "index", 2, index_settings, index_inputs, make_index, Cost(_work, _memory, lambda job: job.sizes.items * 16 * MB)
)
