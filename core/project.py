"""One project file becomes one frozen `Project`: defaults, then the recipe, then the file, then `--set`."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from core import fields
from core.did_you_mean import nearest
from core.errors import ProjectError
from core.fields import Setting
from core.files import resolved
from core.model_settings import (
    BackboneSettings,
    ContrastSettings,
    LoraSettings,
    NegativeSettings,
    StageSettings,
    TextSettings,
    TuneSettings,
)
from core.recipes import recipe_paths
from core.registry import QUANTIZERS
from core.settings import (
    BaselineTables,
    DataSettings,
    EvaluateSettings,
    ExplainSettings,
    IndexSettings,
    LossTables,
    RecommendSettings,
    RunSettings,
    SasrecSettings,
    SteerSettings,
    TaskTables,
    VectorSettings,
    opt,
)
from core.settings_layer import Layer, read_layer
from core.settings_merge import Origins, built, checked_value, merged_layers, override_layer

RESOLVED_NAME = "project.resolved.toml"


@dataclass(frozen=True)
class Project:
    """Everything that is wanted, checked and typed. Relative paths in it are relative to its file."""

    name: str = opt("", "name of the project; empty = the folder's name", personal=True)
    recipe: str = opt("light", "recipe that the settings start from")
    seed: int = opt(0, "seed of everything random", low=0, high=2**31 - 1)
    run: RunSettings = field(default_factory=RunSettings)
    data: DataSettings = field(default_factory=DataSettings)
    vectors: VectorSettings = field(default_factory=VectorSettings)
    sasrec: SasrecSettings = field(default_factory=SasrecSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    backbone: BackboneSettings = field(default_factory=BackboneSettings)
    lora: LoraSettings = field(default_factory=LoraSettings)
    texts: TextSettings = field(default_factory=TextSettings)
    negatives: NegativeSettings = field(default_factory=NegativeSettings)
    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    tune: TuneSettings = field(default_factory=TuneSettings)
    steer: SteerSettings = field(default_factory=SteerSettings)
    recommend: RecommendSettings = field(default_factory=RecommendSettings)
    explain: ExplainSettings = field(default_factory=ExplainSettings)
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)
    baselines: BaselineTables = field(default_factory=BaselineTables)
    tasks: TaskTables = field(default_factory=TaskTables)
    losses: LossTables = field(default_factory=LossTables)
    path: Path | None = field(default=None, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    """Sentences for a person about the file: old spellings, and the new ones; stages that win over a recipe's."""

    @classmethod
    def load(cls, path: Path | str, overrides: Sequence[str] = ()) -> Project:
        """Read a project file, or the `project.toml` of a folder.

        Args:
            path: The file or its folder; a run's `project.resolved.toml` keeps the original project's folder.
            overrides: `key=value` texts, the strongest layer.

        Raises:
            ProjectError: no such file, bad TOML, unknown key, wrong type, out of range; names file, line and key.
        """
        file = Path(path)
        if file.is_dir():
            file = file / "project.toml"
        own = read_layer(file)
        extra = [override_layer(cls, text) for text in overrides]
        chosen = "light"
        for layer in (own, *extra):
            if "recipe" in layer.tree:
                chosen = str(checked_value(cls, layer, ("recipe",), layer.tree["recipe"]))
        recipe = _recipe_layer(chosen, next((x for x in (*reversed(extra), own) if "recipe" in x.tree), own))
        # A run has recorded all that its recipe said: what the recipe says today of newer settings was not so then.
        layers = [own, *extra] if file.name == RESOLVED_NAME else [recipe, own, *extra]
        values, origins = merged_layers(cls, layers)
        values.setdefault("name", "")
        project: Project = built(cls, values, path=file.absolute())
        if not project.name:
            project = dataclasses.replace(project, name=name_for(project.directory))
        project = _with_options(_aligned_where_it_can_be(project, origins))
        _cross_checks(project, origins, own)
        if file.name == RESOLVED_NAME:
            return dataclasses.replace(project, notes=_notes(extra))
        return dataclasses.replace(project, notes=(*_notes(layers), *_kept_stages(own, extra, chosen)))

    @property
    def directory(self) -> Path:
        """The folder that relative paths start from, and that `runs/` lies in."""
        if self.path is None:
            return Path.cwd()
        if self.path.name == RESOLVED_NAME and self.path.parent.parent.name == "runs":
            return self.path.parent.parent.parent
        return self.path.parent

    @property
    def runs_dir(self) -> Path:
        """The folder of this project's runs."""
        return self.directory / "runs"

    def resolve(self, path: str) -> Path:
        """Return a path of the project file as an absolute one; `~` is the home folder."""
        return resolved(path, self.directory)

    @property
    def tables(self) -> tuple[Path, ...]:
        """Where the log lies, and the item table, if there is one."""
        return tuple(self.resolve(name) for name in (self.data.interactions, self.data.items) if name)

    def seeded(self) -> tuple[Project, ...]:
        """The project once for each of `run.seeds`; of one run, itself."""
        return tuple(dataclasses.replace(self, seed=seed) for seed in self.run.seeds) or (self,)

    def to_toml(self) -> str:
        """The resolved project, defaults included, as a project file that loads to an equal project."""
        tree = fields.tree_of(self)
        for name in ("path", "notes", *(name for name in ("baselines", "tasks", "losses") if not tree[name])):
            del tree[name]
        # Not recorded where nobody set it, as in older runs.
        for name in ("columns", "item_columns", "encoding", "table", "item_table"):
            if not tree["data"][name]:
                del tree["data"][name]
        return tomli_w.dumps(tree)

    def fingerprint(self) -> str:
        """SHA-256 of the resolved project, in hexadecimal."""
        return hashlib.sha256(self.to_toml().encode()).hexdigest()


def name_for(directory: Path) -> str:
    """A project name made of a folder's: what cannot stand in a file name is left out."""
    name = "".join(c for c in directory.absolute().name if c.isprintable() and c not in "/\\").lstrip(".")
    return name[:100] or "project"


def all_settings() -> tuple[Setting, ...]:
    """Every setting of a project with its documentation: the source of help texts, forms and the README's table."""
    return fields.settings_of(Project)


def recipe_project(name: str) -> Project:
    """What a recipe makes of an empty project file: its values, and elsewhere the defaults.

    Raises:
        ProjectError: there is no such recipe.
    """
    recipe = _recipe_layer(name, Layer("recipe", {}))
    values, _ = merged_layers(Project, [recipe])
    project: Project = built(Project, {**values, "recipe": name})
    return _with_options(project)


def nearest_recipe(name: str) -> str:
    """The recipe nearest to a misspelt name; empty where none is near."""
    return nearest(name, recipe_paths())


def _recipe_layer(name: str, asked_by: Layer) -> Layer:
    paths = recipe_paths()
    if name not in paths:
        near = nearest_recipe(name)
        hint = f'; did you mean "{near}"?' if near else f"; there are: {', '.join(paths)}"
        raise ProjectError(f'{asked_by.place(("recipe",))}: recipe: no recipe "{name}"{hint}')
    return read_layer(paths[name], is_recipe=True)


def _notes(layers: Sequence[Layer]) -> tuple[str, ...]:
    """What a person should know of the spellings in these layers."""
    moved = [(layer, new, old) for layer in layers if not layer.is_recipe for new, old in layer.renamed.items()]
    return tuple(f"{layer.place(new)}: {'.'.join(old)} is {'.'.join(new)} now" for layer, new, old in moved)


def _kept_stages(own: Layer, extra: Sequence[Layer], recipe: str) -> tuple[str, ...]:
    """A recipe that `--set` asks for does not bring its stages where the file lists its own, for another recipe."""
    anew = any(isinstance(layer.tree.get("tune", {}).get("stages"), list) for layer in extra)
    if "stages" not in own.tree.get("tune", {}) or anew or recipe == own.tree.get("recipe", "light"):
        return ()
    place = own.place(("tune", "stages", "0", "name"))
    return (f"{place}: [[tune.stages]] stands there and wins: the stages of the recipe {recipe} are not taken",)


def _aligned_where_it_can_be(project: Project, origins: Origins) -> Project:
    """A recipe's alignment is for the vectors that it names, and for items with texts; elsewhere it is off.

    One that the file or the command line asks for is left as it is, and refused where it cannot be.
    """
    vectors, asked = project.vectors, origins.get(("vectors", "align"))
    if vectors.align == "none" or asked is None or not asked.is_recipe:
        return project
    other = vectors.behavior != recipe_project(project.recipe).vectors.behavior
    if other or vectors.semantic == "none" or not project.data.text or project.sasrec.negatives:
        return dataclasses.replace(project, vectors=dataclasses.replace(vectors, align="none"))
    return project


def _with_options(project: Project) -> Project:
    """The project with the options of every plug-in that it uses, defaults included, so that a run records them all."""
    stages = project.tune.stages
    used = {
        "vectors": [project.vectors.semantic, project.vectors.behavior, project.vectors.align],
        "index": [project.index.method, *QUANTIZERS.shared_options(project.index.method)],
        "baselines": project.evaluate.baselines,
        "tasks": sorted({name for stage in stages for name in stage.tasks}),
        "losses": sorted({name for stage in stages for name in stage.losses}),
    }
    changed: dict[str, Any] = {}
    for table, values in used.items():
        settings = getattr(project, table)
        names = [value.partition(":")[0] for value in values]
        recorded = {name: options for name in names if (options := fields.options_of(settings, name)) is not None}
        # What nobody uses is kept where somebody has set it, so that the file still says what it said.
        own = {name: one for name, one in settings.options.items() if name in recorded or one != type(one)()}
        changed[table] = dataclasses.replace(settings, options={**own, **recorded})
    return dataclasses.replace(project, **changed)


def _cross_checks(project: Project, origins: Origins, own: Layer) -> None:
    """Settings that are fine alone but not together."""

    def fail(key: str, problem: str) -> None:
        parts = tuple(key.split("."))
        raise ProjectError(f"{origins.get(parts, own).place(parts)}: {key}: {problem}")

    data, name = project.data, project.name
    if any(c in name for c in "/\\") or not name.isprintable() or name.startswith(".") or len(name) > 100:
        fail("name", "must be usable as part of a folder's name: no slash, no leading dot, at most 100 characters")
    if not data.interactions:
        fail("data.interactions", "required: the interaction log's file")
    if data.time and data.position:
        fail("data.position", "choose one of data.time and data.position")
    if data.text and not data.items:
        fail("data.text", "names columns of the item table, but data.items is empty")
    if data.min_rating > 0 and not data.rating:
        fail("data.min_rating", "needs data.rating, the column of the ratings")
    if data.split == "time" and not data.time:
        fail("data.split", "time needs data.time, the column of the times")
    if data.ties == "shuffle" and not (data.time or data.position):
        fail("data.ties", "nothing is tied in the order of the file; shuffle needs data.time or data.position")
    for key in ("user", "item"):
        if not getattr(data, key):
            fail(f"data.{key}", "required: a column of the interaction log")
    named: dict[str, str] = {}
    for key in ("user", "item", "time", "position", "rating"):
        column = getattr(data, key)
        if column and column in named:
            later = key if ("data", key) in origins else named[column]
            fail(f"data.{later}", f'the column "{column}" is named for two things')
        named[column] = key
    if len(set(project.run.seeds)) < len(project.run.seeds):
        fail("run.seeds", "a seed stands there twice")
    if not project.index.sources:
        fail("index.sources", "needs at least one source")
    for table in ("backbone", "sasrec"):
        part = getattr(project, table)
        if part.hidden_size % part.heads:
            fail(f"{table}.heads", f"{table}.hidden_size ({part.hidden_size}) must be a multiple of it")
    if project.tune.distill and project.sasrec.max_history < data.max_history:
        fail("sasrec.max_history", f"must be at least data.max_history ({data.max_history}) where SASRec teaches")
    for number, stage in enumerate(project.tune.stages):
        if not stage.tasks or sum(stage.tasks.values()) <= 0:
            fail(f"tune.stages.{number}.tasks", "needs a task with a weight above 0")
        if stage.objective == "reward" and project.tune.softmax != "legal":
            fail(f"tune.stages.{number}.objective", 'reward needs tune.softmax = "legal": it counts items, not tokens')
        if stage.objective == "reward" and not number and not project.run.base:
            fail(
                "tune.stages.0.objective",
                "reward needs a stage of likelihood before it, or run.base: what never earns one learns nothing",
            )
    if len({stage.name for stage in project.tune.stages}) < len(project.tune.stages):
        fail("tune.stages", "two stages have the same name")


__all__ = ["Project", "StageSettings", "all_settings", "name_for", "nearest_recipe", "recipe_project"]
