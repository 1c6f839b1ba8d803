"""What can be added without editing anything: every kind of plug-in, by name.

A built-in plug-in is one file in its kind's folder; its name is the file's, with dashes. Another package adds one by an
entry point in the kind's group, e.g. in its pyproject.toml::

    [project.entry-points."eagertui.quantizers"]
    my-codes = "my_package.codes:MyCodes"

Listing names loads no plug-in. A plug-in's module is imported when its name is used, so it must be cheap to import:
heavy libraries belong inside its methods.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.errors import ProjectError

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """The package that a plug-in comes from, and its version."""

    package: str
    version: str


class Registry(Generic[T]):
    """The plug-ins of one kind.

    Args:
        kind: what one of them is called, for messages.
        folder: the package whose modules are the built-in ones; modules that begin with `_` are none.
        group: entry points of other packages.
        setting: the key that names one of them, for messages.
        base: the class that every plug-in extends, as `module:Class`.
        first: names that are listed before the others, in this order.
        prefixes: plug-ins that are named with an argument behind a colon, e.g. `hf:`; `names` leaves them out.
        table: the settings table in which each has its own options, e.g. `index` for `[index.rq-vae]`.
    """

    def __init__(
        self, kind: str, folder: str, group: str, setting: str, base: str, *, first: tuple[str, ...] = (),
        prefixes: tuple[str, ...] = (), table: str = "",
    ) -> None:  # fmt: skip
        self.kind, self.folder, self.group, self.setting = kind, folder, group, setting
        self.prefixes, self.table = prefixes, table or setting.partition(".")[0]
        self._base, self._first = base, first

    @cached_property
    def _modules(self) -> Mapping[str, str]:
        """Built-in names and their modules."""
        spec = find_spec(self.folder)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        stems = sorted(p.stem for folder in folders for p in Path(folder).glob("*.py") if not p.stem.startswith("_"))
        return {stem.replace("_", "-"): f"{self.folder}.{stem}" for stem in stems}

    @property
    def built_in(self) -> tuple[str, ...]:
        """The names of those that come with the project."""
        return tuple(self._modules)

    @cached_property
    def _entry_points(self) -> Mapping[str, metadata.EntryPoint]:
        return {point.name: point for point in metadata.entry_points(group=self.group)}

    @cached_property
    def all_names(self) -> tuple[str, ...]:
        """Every name, those with an argument too; a built-in one is never replaced by another package's."""
        names = {*self._modules, *self._entry_points}
        return (*(name for name in self._first if name in names), *sorted(names - set(self._first)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a setting may hold as they are."""
        return tuple(name for name in self.all_names if f"{name}:" not in self.prefixes)

    def name_of(self, value: str) -> str:
        """The plug-in's name in a setting's value: `hf` of `hf:some/model`."""
        head, colon, _ = value.partition(":")
        return head if colon and f"{head}:" in self.prefixes else value

    def has(self, value: str) -> bool:
        """Whether a setting's value names a plug-in that is there."""
        return self.name_of(value) in self.all_names

    def origin(self, value: str) -> Origin | None:
        """The other package that a plug-in comes from; None for a built-in one."""
        name = self.name_of(value)
        point = None if name in self._modules else self._entry_points.get(name)
        dist = point.dist if point else None
        return Origin(dist.name, dist.version) if dist else None

    def get(self, value: str) -> type[T]:
        """The class behind a setting's value.

        Raises:
            ProjectError: there is none, or another package's cannot be loaded.
        """
        name = self.name_of(value)
        if name in self._modules:
            return self._built_in(self._modules[name])
        point = self._entry_points.get(name)
        if point is None:
            raise ProjectError(
                f'{self.setting}: there is no {self.kind} "{name}"',
                f"install the package that brings it, or take one of {', '.join(self.all_names)}",
            )
        try:
            plugin = point.load()
        except Exception as error:
            raise ProjectError(
                f'{self.setting}: the {self.kind} "{name}" cannot be loaded: {type(error).__name__}: {error}',
                f"it comes from {point.value}; mend or uninstall that package",
            ) from error
        if not (inspect.isclass(plugin) and issubclass(plugin, self.base)):
            raise ProjectError(f'{self.setting}: "{name}" is no {self.kind}', f"{point.value} must extend {self._base}")
        return plugin

    @cached_property
    def base(self) -> type[T]:
        """The class that every plug-in of the kind extends."""
        module, _, name = self._base.partition(":")
        base: type[T] = getattr(import_module(module), name)
        return base

    def _built_in(self, module: str) -> type[T]:
        """The one class of a built-in module that extends the base."""
        classes = [one for one in vars(import_module(module)).values() if inspect.isclass(one)]
        plugins = [one for one in classes if issubclass(one, self.base) and one.__module__ == module]
        if len(plugins) != 1:
            raise TypeError(f"{module} must declare exactly one {self._base}, it has {len(plugins)}")
        return plugins[0]

    def doc(self, value: str) -> str:
        """The first line of a plug-in's documentation; a built-in one is not imported for it."""
        name = self.name_of(value)
        if name in self._modules:
            spec = find_spec(self._modules[name])
            source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
            text = ast.get_docstring(ast.parse(source))
        else:
            text = self.get(name).__doc__
        return (text or "").strip().partition("\n")[0]

    def options(self, value: str) -> type | None:
        """The dataclass of a plug-in's own settings; None where it has none."""
        options: type | None = getattr(self.get(value), "options", None)
        return options

    def shared_options(self, value: str) -> tuple[str, ...]:
        """Other plug-ins of the kind whose options this one reads too."""
        return tuple(getattr(self.get(value), "reads_options", ()))

    def fingerprint(self, value: str) -> dict[str, Any]:
        """What the code of a plug-in adds to the fingerprint of the stage that uses it (`core.stage.plugin_marks`).

        Built-in ones add their version where it is above 1, others always, and their package and its version too.
        """
        version, origin = int(getattr(self.get(value), "version", 1)), self.origin(value)
        marks: dict[str, Any] = {"version": version} if version > 1 or origin else {}
        if origin:
            marks |= {"package": origin.package, "package_version": origin.version}
        return {f"{self.kind} {self.name_of(value)}": marks} if marks else {}

    def forget(self) -> None:
        """Look again at the next question; for tests that install packages."""
        for name in ("_modules", "_entry_points", "all_names"):
            self.__dict__.pop(name, None)


QUANTIZERS: Registry[Any] = Registry(
    "quantizer", "core.index.quantize.methods", "eagertui.quantizers", "index.method", "core.index.quantize:Quantizer",
    prefixes=("file:",),
)  # fmt: skip
TEXT_VECTORS: Registry[Any] = Registry(
    "provider of text vectors", "core.vectors.text", "eagertui.vectors.text", "vectors.semantic",
    "core.vectors:VectorProvider", first=("lsa",), prefixes=("hf:", "file:"),
)  # fmt: skip
BEHAVIOR_VECTORS: Registry[Any] = Registry(
    "provider of behaviour vectors", "core.vectors.behavior", "eagertui.vectors.behavior", "vectors.behavior",
    "core.vectors:VectorProvider", prefixes=("file:",),
)  # fmt: skip
ALIGNMENTS: Registry[Any] = Registry(
    "alignment of vectors", "core.vectors.align", "eagertui.alignments", "vectors.align",
    "core.vectors.align:Alignment",
)  # fmt: skip
BASELINES: Registry[Any] = Registry(
    "baseline", "core.baselines", "eagertui.baselines", "evaluate.baselines", "core.baselines:Baseline",
    first=("popularity", "transitions", "itemknn", "sasrec", "sasrec-text"), table="baselines",
)  # fmt: skip
TASKS: Registry[Any] = Registry(
    "task", "core.prompts.tasks", "eagertui.tasks", "tune.stages.tasks", "core.prompts.tasks:TextTask", table="tasks",
    first=("sequential", "code-to-title", "code-to-description", "code-to-both", "title-to-code", "description-to-code",
           "both-to-code", "history-to-title", "history-to-description", "titles-to-code", "intent-to-code",
           "intent-history-to-code", "preference", "yes-no", "pick-one", "which-text", "reasons-to-code"),
)  # fmt: skip
LOSSES: Registry[Any] = Registry(
    "loss", "core.tune.losses", "eagertui.losses", "tune.stages.losses", "core.tune.losses:Loss", table="losses",
)  # fmt: skip
REGISTRIES: tuple[Registry[Any], ...] = (
    QUANTIZERS, TEXT_VECTORS, BEHAVIOR_VECTORS, ALIGNMENTS, BASELINES, TASKS, LOSSES,
)  # fmt: skip
"""Every kind of plug-in; `doctor` lists them."""
