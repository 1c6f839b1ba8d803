"""Read the declarations of settings: list them, and find one by its key."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import typing
from dataclasses import dataclass
from typing import Any

from core.did_you_mean import nearest
from core.errors import ProjectError
from core.registry import Registry
from core.setting_values import choices_of, number_text, prefixes_of

EVERY = "*"
"""In a key, where the number of a table of an array stands otherwise: all of them."""
_PROJECT_TABLES = ("core.settings", "core.model_settings")
"""The modules that declare the tables of a project; a plug-in may share one of these."""


@dataclass(frozen=True)
class Setting:
    """One declared setting, as help texts, forms and the template need it.

    Attributes:
        key: Dotted name, e.g. `tune.batch_tokens`; a stage's settings are `tune.stages.epochs` and so on.
        kind: Type in plain words.
        default: The default value.
        doc: One line for a person.
        low: Smallest allowed number, or None.
        high: Largest allowed number, or None.
        choices: The allowed texts; empty = any.
        prefixes: Beginnings of texts that are allowed besides the choices.
        personal: A recipe may not set it.
    """

    key: str
    kind: str
    default: Any
    doc: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    prefixes: tuple[str, ...]
    personal: bool

    @property
    def allowed(self) -> str:
        """The bounds or choices in words; empty where anything of the type goes."""
        if self.choices or self.prefixes:
            return ", ".join((*self.choices, *(f"{p}..." for p in self.prefixes)))
        if self.low is not None and self.high is not None:
            return f"{number_text(self.low)} to {number_text(self.high)}"
        return ""


def settings_of(cls: type, prefix: str = "") -> tuple[Setting, ...]:
    """List every setting of a settings class, tables inside it included, in order of declaration."""
    settings: list[Setting] = []
    for spec, kind in _specs(cls):
        meta = spec.metadata
        key = f"{prefix}{spec.name}"
        table = table_of(kind)
        if table is not None:
            settings += settings_of(table, f"{key}.")
        else:
            default = spec.default if spec.default is not dataclasses.MISSING else _factory_default(spec)
            settings.append(
                Setting(
                    key=key,
                    kind=_kind_name(kind),
                    default=default,
                    doc=meta["doc"],
                    low=_first(meta.get("low"), meta.get("above")),
                    high=_first(meta.get("high"), meta.get("below")),
                    choices=choices_of(meta),
                    prefixes=prefixes_of(meta),
                    personal=bool(meta.get("personal")),
                )
            )
    for registry in _registries(cls):
        for name in registry.all_names:
            try:
                options = _own_options(registry, name)
            except ProjectError:  # another package's, and broken: said where somebody uses it
                continue
            settings += settings_of(options, f"{prefix}{name}.") if options else []
    return tuple(settings)


def _registries(cls: type) -> tuple[Registry[Any], ...]:
    """The kinds of plug-ins that have tables of options inside a table."""
    specs = [spec for spec in dataclasses.fields(cls) if "registries" in spec.metadata]
    return tuple(registry for spec in specs for registry in spec.metadata["registries"])


def _own_options(registry: Registry[Any], name: str) -> type | None:
    """The class of a plug-in's own table; None where it has none, or shares a table of the project as `[sasrec]`."""
    options = registry.options(name)
    return None if options is None or options.__module__ in _PROJECT_TABLES else options


def options_class(cls: type, name: str) -> type | None:
    """The settings class of a plug-in's own table inside a table; None where there is none.

    Raises:
        ProjectError: another package's plug-in cannot be loaded.
    """
    classes = (_own_options(registry, name) for registry in _registries(cls) if name in registry.all_names)
    return next((options for options in classes if options), None)


def options_of(settings: Any, name: str) -> Any:
    """The options of a plug-in in the table `settings`: as the project has them, else its defaults; None without any.

    A stage asks `core.stage.options_for`, which also knows the tables that plug-ins share, as `[sasrec]`.

    Args:
        settings: of the table, e.g. `project.index`.
        name: of the plug-in.

    Raises:
        ProjectError: another package's plug-in cannot be loaded.
    """
    if name in settings.options:
        return settings.options[name]
    options = options_class(type(settings), name)
    return options() if options else None


def part_of(settings: Any, name: str) -> Any:
    """A setting or a table inside a table, by its name in the project file; a plug-in's own table too.

    Raises:
        AttributeError: there is none.
    """
    options = None if hasattr(settings, name) else options_of(settings, name)
    return getattr(settings, name) if options is None else options


def value_at(settings: Any, key: str) -> Any:
    """The value of a setting by its dotted key; the number of a stage stands in it: `tune.stages.0.epochs`.

    Raises:
        AttributeError, IndexError: there is none.
    """
    value: Any = settings
    for part in key.split("."):
        value = value[int(part)] if part.isdigit() else part_of(value, part)
    return value


def is_used(settings: Any, key: str) -> bool:
    """Whether a setting by its dotted key belongs to a part that is in use: any table, and those of plug-ins in use.

    A project records the options of every plug-in that it uses, and of others only those that somebody set.
    """
    table, _, rest = key.partition(".")
    part, name = getattr(settings, table), rest.partition(".")[0]
    return not hasattr(part, "options") or hasattr(part, name) or name in part.options


def own_settings(settings: Any) -> dict[str, Any]:
    """A table's own settings as plain values, without those of plug-ins."""
    tree = dataclasses.asdict(settings)
    tree.pop("options", None)
    return tree


def tree_of(settings: Any) -> dict[str, Any]:
    """A settings class as the tree of a project file: tables in tables, options of plug-ins under their names."""
    tree: dict[str, Any] = {}
    for spec in dataclasses.fields(settings):
        value = getattr(settings, spec.name)
        if "registries" in spec.metadata:
            tree |= {name: tree_of(options) for name, options in sorted(value.items())}
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            tree[spec.name] = tree_of(value)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            tree[spec.name] = [tree_of(one) for one in value]
        else:
            tree[spec.name] = list(value) if isinstance(value, tuple) else value
    return tree


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _factory_default(spec: dataclasses.Field[Any]) -> Any:
    return spec.default_factory() if callable(spec.default_factory) else None


@functools.cache  # evaluating the annotations was nine tenths of the time that a project file took
def _specs(cls: type) -> tuple[tuple[dataclasses.Field[Any], Any], ...]:
    hints = typing.get_type_hints(cls)
    specs = [(spec, hints[spec.name]) for spec in dataclasses.fields(cls)]
    return tuple((spec, kind) for spec, kind in specs if "doc" in spec.metadata or table_of(kind))


def table_of(kind: Any) -> type | None:
    """The settings class behind a table or an array of tables, else None."""
    if dataclasses.is_dataclass(kind):
        return typing.cast(type, kind)
    args = typing.get_args(kind)
    return typing.cast(type, args[0]) if args and dataclasses.is_dataclass(args[0]) else None


def find(cls: type, key: tuple[str, ...]) -> tuple[dataclasses.Field[Any] | None, Any]:
    """Return the declaration and the type behind a dotted key; (None, None) where there is none.

    A number after an array of tables picks one of its tables, `EVERY` all of them: `tune.stages.0.epochs`.
    """
    spec: dataclasses.Field[Any] | None = None
    kind: Any = cls
    for position, part in enumerate(key):
        if position and (part.isdigit() or part == EVERY) and typing.get_origin(kind) is tuple and table_of(kind):
            kind = table_of(kind)
            continue
        if not dataclasses.is_dataclass(kind):
            return None, None
        match = [(s, k) for s, k in _specs(typing.cast(type, kind)) if s.name == part]
        options = None if match else options_class(typing.cast(type, kind), part)
        if options:
            match = [(dataclasses.field(metadata={}), options)]
        if not match:
            return None, None
        spec, kind = match[0]
    return spec, kind


def with_every(cls: type, key: tuple[str, ...]) -> tuple[str, ...]:
    """The key with `EVERY` after an array of tables of which it names no single one: `tune.stages.epochs`."""
    for end in range(1, len(key)):
        spec, kind = find(cls, key[:end])
        is_array = spec is not None and typing.get_origin(kind) is tuple and table_of(kind) is not None
        if is_array and not key[end].isdigit():
            return (*key[:end], EVERY, *key[end:])
    return key


def nearest_keys(cls: type, key: str) -> tuple[str, ...]:
    """The valid dotted keys that a wrong one may mean, the likeliest first; empty where none is near.

    The nearest in the same table; else all with the same last part: those below the same table, then those of the
    tuning, then the others as they are declared; else the nearest of all.
    """
    keys = [s.key for s in settings_of(cls)]
    table, _, leaf = key.rpartition(".")
    siblings = {k.rpartition(".")[2]: k for k in keys if k.rpartition(".")[0] == table}
    tables = {k.rpartition(".")[0] for k in keys if "." in k}
    near = nearest(leaf, siblings)
    if near and difflib.SequenceMatcher(None, leaf, near).ratio() > 0.6:
        return (siblings[near],)
    same_leaf = [k for k in keys if k.rpartition(".")[2] == leaf]
    if same_leaf:
        below = f"{table}." if table else "tune."
        return tuple(sorted(same_leaf, key=lambda k: (not k.startswith(below), not k.startswith("tune."))))
    only = (siblings[near] if near else "") or nearest(key, [*keys, *tables])
    return (only,) if only else ()


def unknown_key(cls: type, key: str) -> str:
    """What to say of a dotted key that is none: what may have been meant."""
    near = nearest_keys(cls, ".".join(part for part in key.split(".") if not part.isdigit()))
    names = " or ".join(", ".join(near).rsplit(", ", 1))
    return "unknown key" + (f"; did you mean {names}?" if near else "")


def _kind_name(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin is tuple:
        return "list of texts" if typing.get_args(kind)[0] is str else "list of numbers"
    if origin is dict:
        return "table of numbers"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[kind]
