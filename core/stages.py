"""What each stage of the pipeline does: which settings decide it, and the work itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ProjectError
from core.files import digest
from core.project import Project
from core.registry import BASELINES, BEHAVIOR_VECTORS, TEXT_VECTORS, Registry
from core.run.reporter import Reporter

if TYPE_CHECKING:
    from core.vectors import ItemVectors

Made = Mapping[str, Path]
Settings = dict[str, Any]


def needed(project: Project) -> set[str]:
    """The stages that a project needs at all."""
    names = {"data", "index"}
    if project.run.goal == "metrics":
        names |= {"tune", "baselines", "evaluate"}
    active_sources(project)
    if project.index.method != "random":
        names |= set(index_inputs(project))
    users = {"behavior": behavior_inputs, "tune": tune_inputs, "baselines": baseline_inputs}
    read = {read for name, inputs_of in users.items() if name in names for read in inputs_of(project)}
    names |= read - {"data", "index"}
    return names | {"semantic"} if "teacher" in names else names


def inputs(*names: str) -> Callable[[Project], tuple[str, ...]]:
    """The inputs of a stage that reads the same artefacts in every project; those not needed are passed over."""
    return lambda project: names


def behavior_inputs(project: Project) -> tuple[str, ...]:
    """What the behaviour vectors are made from."""
    source = project.vectors.behavior
    return ("data",) if source == "none" else ("data", *BEHAVIOR_VECTORS.get(source).inputs)


def index_inputs(project: Project) -> tuple[str, ...]:
    """What the index is made from: its sources, and the one that guides them.

    Raises:
        ProjectError: the method reads a source that is not there.
    """
    sources = active_sources(project)
    if project.index.method in ("letter", "aligned"):
        both = active_sources(project, ("semantic", "behavior"))
        if len(both) < 2:
            lacking = "behavior" if both[0] == "semantic" else "semantic"
            raise ProjectError(
                f"index.method {project.index.method!r} reads both sources, and there are no {lacking} vectors",
                "name text columns in data.text and set vectors.behavior, or take another method",
            )
        sources = both
    return ("data", *sources)


def tune_inputs(project: Project) -> tuple[str, ...]:
    """What tuning reads: its teachers too where it has some."""
    return ("data", "index", *_teachers(project), *contrasted(project))


def _teachers(project: Project) -> tuple[str, ...]:
    """The stages that make the teachers: SASRec, and where there is text the one that also reads it."""
    if not project.tune.distill:
        return ()
    text = "semantic" in active_sources(project, (*project.index.sources, "semantic"))
    return ("sasrec", "teacher") if text else ("sasrec",)


def baseline_inputs(project: Project) -> tuple[str, ...]:
    """What the baselines read."""
    read = [stage for name in project.evaluate.baselines for stage in BASELINES.get(name).inputs]
    return tuple(dict.fromkeys(("data", *read)))


def active_sources(project: Project, wanted: tuple[str, ...] = ()) -> list[str]:
    """The vector sources that the index (or `wanted`) can use, in its order; what is not there is left out.

    Raises:
        ProjectError: where none is left.
    """
    there = _there(project)
    found = [source for source in wanted or project.index.sources if there[source]]
    if not found:
        raise ProjectError(
            "no source is left for the item index: no text and no behaviour vectors",
            "name text columns in data.text, or set vectors.behavior",
        )
    return found


def _there(project: Project) -> dict[str, bool]:
    """Which sources of vectors a project has."""
    return {
        "semantic": project.vectors.semantic != "none" and bool(project.data.text),
        "behavior": project.vectors.behavior != "none",
    }


def _computing(project: Project) -> Settings:
    return {"seed": project.seed, "device": project.run.device, "dtype": project.run.dtype}


def data_settings(project: Project) -> Settings:
    """The data table of the project, and the files' contents."""
    from core.data.sniff import open_table

    tables = {"data.interactions": project.data.interactions, "data.items": project.data.items}
    sources = [s for key, name in tables.items() if name for s in open_table(project.resolve(name), key)]
    files = [digest(source.path) for source in sources]
    settings = asdict(project.data)
    # Where the files lie does not matter, what is in them does; the history's length is the model's business.
    return {**{k: v for k, v in settings.items() if k not in ("interactions", "items", "max_history")}, "files": files}


def make_data(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
    """Read, clean, number and split."""
    from core.data.dataset import load_dataset

    dataset = load_dataset(project)
    dataset.save(folder)
    if not len(dataset.evaluated):
        reporter.alert("warning", "nothing to evaluate", "no user has three interactions")
    figures = {"users": dataset.n_users, "items": dataset.n_items, "interactions": len(dataset.sequences.items)}
    return {**figures, "targets": dataset.targets_count(), "rejected": sum(dataset.report.rejected.values())}


def semantic_settings(project: Project) -> Settings:
    """What decides the text vectors."""
    from core.vectors.provide import plugin_settings

    source = project.vectors.semantic
    own = {"source": source, "dim": project.vectors.semantic_dim, **_computing(project), **_file(project, source)}
    return {**own, **plugin_settings(project, TEXT_VECTORS, source)}


def make_semantic(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
    """Vectors of the items' text."""
    vectors = _vectors(project, TEXT_VECTORS, made, folder, reporter)
    return {"source": vectors.source, "dim": vectors.matrix.shape[1], "without_text": int((~vectors.known).sum())}


def _vectors(project: Project, registry: Registry[Any], made: Made, folder: Path, reporter: Reporter) -> ItemVectors:
    """Run the provider of a kind of vectors that the project names, and write what it gives.

    Raises:
        ProjectError: there is no such provider, or it gives vectors of another number of items.
    """
    from core.data.dataset import Dataset
    from core.vectors import VectorProvider
    from core.vectors.provide import vector_task

    source = getattr(project.vectors, registry.setting.rpartition(".")[2])
    provider: VectorProvider = registry.get(source)()
    dataset = Dataset.load(made["data"])
    task = vector_task(project, registry, dataset.items, dataset.train(), folder, made, reporter)
    vectors = provider.vectors(task)
    if len(vectors.matrix) != dataset.n_items:
        found = f"{len(vectors.matrix)} vectors for {dataset.n_items} items"
        raise ProjectError(f"{registry.setting}: {source!r} gives {found}", "tell its author")
    vectors.save(folder / "vectors.npz")
    return vectors


def sasrec_settings(project: Project) -> Settings:
    """What decides the SASRec model."""
    return {**asdict(project.sasrec), **_computing(project)}


def make_sasrec(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
    """Fit SASRec on the training prefixes."""
    from core.data.dataset import Dataset
    from core.machine import use_bf16
    from core.vectors.sasrec_model import fit_sasrec

    dataset = Dataset.load(made["data"])
    bf16 = use_bf16(project.run)
    model = fit_sasrec(dataset.train(), dataset.n_items, project.sasrec, project.seed, bf16, reporter, folder)
    model.save(folder / "sasrec.safetensors")
    return {"parameters": sum(p.numel() for p in model.parameters())}


def make_teacher(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
    """Fit the SASRec that also reads the items' text."""
    from core.data.dataset import Dataset
    from core.machine import use_bf16
    from core.vectors import ItemVectors
    from core.vectors.sasrec_model import fit_sasrec

    dataset = Dataset.load(made["data"])
    text = ItemVectors.load(made["semantic"] / "vectors.npz").matrix
    train, bf16 = dataset.train(), use_bf16(project.run)
    model = fit_sasrec(train, dataset.n_items, project.sasrec, project.seed, bf16, reporter, folder, features=text)
    model.save(folder / "sasrec.safetensors")
    return {"parameters": sum(p.numel() for p in model.parameters())}


def behavior_settings(project: Project) -> Settings:
    """What decides the behaviour vectors."""
    from core.vectors.provide import plugin_settings

    source = project.vectors.behavior
    own = {"source": source, "dim": project.vectors.behavior_dim, "seed": project.seed, **_file(project, source)}
    return {**own, **plugin_settings(project, BEHAVIOR_VECTORS, source)}


def make_behavior(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
    """Vectors of the items from the training prefixes."""
    vectors = _vectors(project, BEHAVIOR_VECTORS, made, folder, reporter)
    return {"source": vectors.source, "dim": vectors.matrix.shape[1], "never_in_training": int((~vectors.known).sum())}


def index_settings(project: Project) -> Settings:
    """What decides the item index."""
    settings = {**asdict(project.index), "active": active_sources(project), "seed": project.seed}
    if _codes_file(project):  # what is in the file matters, not where it lies
        settings |= {"method": "file", **_file(project, project.index.method, "index.method")}
    return {**settings, "rq_vae": asdict(project.rq_vae)} if _learns(project) else settings


def _codes_file(project: Project) -> Path | None:
    """The file of codes that the method `file:` names."""
    prefix, _, name = project.index.method.partition(":")
    return project.resolve(name) if prefix == "file" else None


def _learns(project: Project) -> bool:
    return project.index.method in ("rq-vae", "letter", "aligned")


def make_index(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
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
    codes_file = _codes_file(project)
    built = build_index(
        dataset.items["item_id"], vectors, sources, project.index, project.seed, reporter,
        project.rq_vae, device_of(project.run), folder / "making", codes_file,
    )  # fmt: skip
    report = save_artefact(built, dataset, vectors, folder, reporter, codes_file)
    index = built.index
    used = "/".join(str(level["used"]) for level in report["levels"])
    return {"levels": index.levels, "used_codes": used, "items": len(index.codes), "base_id": index.base_id}


def tune_settings(project: Project) -> Settings:
    """What decides the tuned model."""
    data = {"max_history": project.data.max_history}
    backbone = {**asdict(project.backbone), **_model_files(project, project.backbone.model)}
    more: Settings = {}
    if project.contrast.form != "none":
        more["contrast"] = asdict(project.contrast)
    if any(stage.train != "all" for stage in project.tune.stages):
        more["lora"] = asdict(project.lora)
    if speaks(project):
        more |= {"texts": _texts(project), "negatives": asdict(project.negatives)}
    return {**asdict(project.tune), "backbone": backbone, **data, **more, **_computing(project)}


def speaks(project: Project) -> bool:
    """Whether any of the model's rows has words."""
    asked = {name for stage in project.tune.stages for name, weight in stage.tasks.items() if weight}
    return project.tune.worded or bool(asked - {"sequential"})


def _texts(project: Project) -> Settings:
    """Where words come from: settings, wordings, and the contents of what they name."""
    from core.prompts.wordings import load_wordings

    own = project.resolve(project.texts.prompts) if project.texts.prompts else None
    settings, source = asdict(project.texts), project.texts.users
    if source.startswith("local:"):
        settings |= _model_files(project, source.removeprefix("local:"))
    elif source.startswith("file:"):
        settings |= _file(project, source, "texts.users")
    settings["prompts"] = {task: [asdict(one) for one in some] for task, some in load_wordings(own).items()}
    return settings


def contrasted(project: Project) -> list[str]:
    """Sources that the contrast pulls to."""
    wished = {"semantic": project.contrast.semantic, "behavior": project.contrast.behavior}
    if project.contrast.form == "none" or not any(stage.contrast for stage in project.tune.stages):
        return []
    there = _there(project)
    return [name for name, weight in wished.items() if weight > 0 and there[name]]


def make_tune(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
    """Teach the language model the codes."""
    from core.data.dataset import Dataset
    from core.index.table import ItemIndex
    from core.tune.train import Tuner
    from core.vectors import ItemVectors

    index = ItemIndex.load(made["index"] / "index.parquet")
    teachers = [made[name] / "sasrec.safetensors" for name in _teachers(project)]
    backbone = replace(project.backbone, model=_model(project, project.backbone.model))
    project = replace(project, backbone=backbone)
    vectors = {name: ItemVectors.load(made[name] / "vectors.npz") for name in contrasted(project)}
    return Tuner(project, Dataset.load(made["data"]), index, teachers, vectors, made["index"], folder, reporter).run()


def baseline_settings(project: Project) -> Settings:
    """What decides the baselines' ranks."""
    from core.vectors.provide import plugin_settings

    names = list(project.evaluate.baselines)
    plugins = [plugin_settings(project, BASELINES, name) for name in names]
    return {"baselines": names, **{key: marks for one in plugins for key, marks in one.items()}}


def make_baselines(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
    """Rank the targets of both splits with every baseline."""
    from core.data.dataset import Dataset
    from core.evaluate.baseline_ranks import measure_baselines
    from core.vectors.provide import plugin_options

    options = {name: plugin_options(project, BASELINES, name) for name in project.evaluate.baselines}
    return measure_baselines(options, Dataset.load(made["data"]), made, project.seed, folder, reporter)


def evaluate_settings(project: Project) -> Settings:
    """What decides the metrics."""
    recommend = {"beams": project.recommend.beams, "max_history": project.data.max_history}
    settings = {**asdict(project.evaluate), **recommend, **_computing(project)}
    best = best_reachable_file(project)
    return {**settings, "best_reachable": digest(best)} if best else settings


def make_evaluate(project: Project, made: Made, folder: Path, reporter: Reporter) -> Settings:
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


def _model(project: Project, name: str) -> str:
    """A model's name as transformers wants it: a folder beside the project file, or a hub id."""
    path = project.resolve(name)
    return str(path) if name != "tiny" and path.is_dir() else name


def _model_files(project: Project, name: str) -> Settings:
    """The digests of a model's files, where it is a folder."""
    path = Path(_model(project, name))
    if name == "tiny":
        return {}
    return {"files": {f.name: digest(f) for f in sorted(path.iterdir()) if f.is_file()}} if path.is_dir() else {}


def _file(project: Project, source: str, key: str = "vectors.semantic and vectors.behavior") -> Settings:
    """The digest of a `file:` or `hf:` source; `key` is the setting that names it."""
    if source.startswith("hf:"):
        return _model_files(project, source.removeprefix("hf:"))
    if not source.startswith("file:"):
        return {}
    path = project.resolve(source.removeprefix("file:"))
    if not path.is_file():
        raise ProjectError(f"{path}: no such file", f"check {key}")
    return {"file": digest(path)}
