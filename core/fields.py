"""Read the declarations of `core.settings`: list them, and turn raw TOML or command-line values into typed ones."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import operator
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import tomli

from core.errors import ProjectError
from core.registry import Registry

EVERY = "*"
"""In a key, where the number of a table of an array stands otherwise: all of them."""


class BadValue(ValueError):
    """A value does not fit its setting; the text says why, without naming the setting."""


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
    def default_toml(self) -> str:
        """The default as TOML text."""
        return toml_value(self.default)

    @property
    def allowed(self) -> str:
        """The bounds or choices in words; empty where anything of the type goes."""
        if self.choices or self.prefixes:
            return ", ".join((*self.choices, *(f"{p}..." for p in self.prefixes)))
        if self.low is not None and self.high is not None:
            return f"{_number(self.low)} to {_number(self.high)}"
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
                    choices=_choices(meta),
                    prefixes=_prefixes(meta),
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


def _choices(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts that a setting may be, those of its registries included."""
    names = ((one,) if isinstance(one, str) else one.names for one in meta.get("choices", ()))
    return tuple(name for some in names for name in some)


def _prefixes(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Beginnings of texts that a setting may be besides."""
    own = (one.prefixes for one in meta.get("choices", ()) if isinstance(one, Registry))
    return (*meta.get("prefixes", ()), *(prefix for some in own for prefix in some))


def _registries(cls: type) -> tuple[Registry[Any], ...]:
    """The kinds of plug-ins that have tables of options inside a table."""
    specs = [spec for spec in dataclasses.fields(cls) if "registries" in spec.metadata]
    return tuple(registry for spec in specs for registry in spec.metadata["registries"])


def _own_options(registry: Registry[Any], name: str) -> type | None:
    """The class of a plug-in's own table; None where it has none, or shares a table of the project as `[sasrec]`."""
    options = registry.options(name)
    return None if options is None or options.__module__ == "core.settings" else options


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


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that a person most likely meant; empty where none is near."""
    words = list(candidates)
    for cut in (0.6, 0.45):
        match = difflib.get_close_matches(word.lower(), [w.lower() for w in words], n=1, cutoff=cut)
        if match:
            return next(w for w in words if w.lower() == match[0])
    return ""


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


def convert(value: Any, kind: Any, meta: Mapping[str, Any]) -> Any:
    """Turn a TOML value into the setting's type and check its bounds.

    Raises:
        BadValue: wrong type, out of bounds, or not among the choices.
    """
    origin = typing.get_origin(kind)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise BadValue(f"expected a list, got {_shown(value)}")
        inner = typing.get_args(kind)[0]
        values = tuple(convert(one, inner, meta) for one in value)
        twice = next((one for i, one in enumerate(values) if one in values[:i]), None)
        if twice is not None and inner is str:
            raise BadValue(f'"{twice}" stands there twice')
        return values
    if origin is dict:
        if not isinstance(value, Mapping):
            raise BadValue(f"expected a table such as {{ name = 1.0 }}, got {_shown(value)}")
        limits = {k: meta.get(k) for k in ("low", "high", "above", "below")}
        choice = {"choices": meta.get("choices", ()), "prefixes": meta.get("prefixes", ())}
        return {convert(k, str, choice): convert(v, float, limits) for k, v in value.items()}
    if kind is bool:
        if not isinstance(value, bool):
            raise BadValue(f"expected true or false, got {_shown(value)}")
        return value
    if kind is int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise BadValue(f"expected a whole number, got {_shown(value)}")
        return _bounded(value, meta)
    if kind is float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise BadValue(f"expected a number, got {_shown(value)}")
        return float(_bounded(value, meta))
    if not isinstance(value, str):
        raise BadValue(f"expected a text in quotes, got {_shown(value)}")
    return _chosen(value, meta)


def _bounded(value: Any, meta: Mapping[str, Any]) -> Any:
    limits = (
        ("low", "at least", operator.ge),
        ("above", "above", operator.gt),
        ("high", "at most", operator.le),
        ("below", "below", operator.lt),
    )
    given = [(word, limit, holds) for key, word, holds in limits if (limit := meta.get(key)) is not None]
    if not all(holds(value, limit) for _, limit, holds in given):
        raise BadValue(f"must be {' and '.join(f'{word} {_number(limit)}' for word, limit, _ in given)}, got {value}")
    return value


def _chosen(value: str, meta: Mapping[str, Any]) -> str:
    choices, prefixes = _choices(meta), _prefixes(meta)
    if not (choices or prefixes) or value in choices:
        return value
    if any(value.startswith(p) and len(value) > len(p) for p in prefixes):
        return value
    allowed = ", ".join([*choices, *(f"{p}..." for p in prefixes)])
    near = nearest(value, choices)
    kinds = [one.kind for one in meta.get("choices", ()) if isinstance(one, Registry)]
    more = f"; a {kinds[0]} of another package is there once that package is installed" if kinds else ""
    raise BadValue(f'"{value}" is not one of {allowed}' + (f'; did you mean "{near}"?' if near else more))


def parse_text(text: str, kind: Any) -> Any:
    """Turn the text of `--set key=text` into a raw value: by the setting's type, so plain words need no quotes.

    Raises:
        BadValue: the text cannot be read as that type.
    """
    text = text.strip()
    if kind is str:
        quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
        return _toml(text) if quoted else text
    if typing.get_origin(kind) is tuple and not text.startswith("["):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return parts if typing.get_args(kind)[0] is str else [_toml(part) for part in parts]
    try:
        return _toml(text)
    except BadValue:
        return text


def _toml(text: str) -> Any:
    try:
        parsed = tomli.loads(f"value = {text}")
    except tomli.TOMLDecodeError as error:
        raise BadValue(f"cannot be read: {text}") from error
    if list(parsed) != ["value"]:
        raise BadValue(f"cannot be read: {text}")
    return parsed["value"]


def toml_value(value: Any) -> str:
    """One setting's value as TOML text on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(one) for one in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(one)}" for key, one in value.items()) + " }"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return toml_value(dataclasses.asdict(value))
    return repr(value)


def _number(value: float) -> str:
    return f"{int(value)}" if value == int(value) else f"{value:g}"


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else json.dumps(value, default=str)
    kinds = {bool: "true/false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
    kinds[str] = "a text"
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({kinds.get(type(value), 'a date or time')})"


def _kind_name(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin is tuple:
        return "list of texts" if typing.get_args(kind)[0] is str else "list of numbers"
    if origin is dict:
        return "table of numbers"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}[kind]
