"""Sources of settings, the weakest first, become one tree of checked values, and that tree the settings' classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core import fields
from core.errors import ProjectError
from core.setting_values import BadValue, convert, parse_text
from core.settings_layer import Key, Layer
from core.spellings import FLAGS, modernised, new_key

Origins = dict[Key, Layer]
"""Which layer each value comes from."""


def override_layer(cls: type, text: str) -> Layer:
    """The layer of one `--set key=value`; `cls` is the class of all settings.

    Raises:
        ProjectError: no such key, or a value that cannot be read.
    """
    key_text, equals, value_text = text.partition("=")
    label = f"--set {text}"
    typed = tuple(part.strip() for part in key_text.replace("[", ".").replace("]", "").split("."))
    if typed in FLAGS:
        flag, renamed = modernised({typed[0]: {typed[1]: value_text.strip() == "true"}})
        return Layer(label, flag, renamed=renamed)
    key = fields.with_every(cls, new_key(typed))
    if not equals or not all(key):
        raise ProjectError(f"{label}: expected key=value, e.g. --set tune.batch_tokens=4096")
    spec, kind = fields.find(cls, key)
    inside_dict = None if spec is not None else fields.find(cls, key[:-1])
    if inside_dict and inside_dict[0] is not None and inside_dict[1] == dict[str, float]:
        spec, kind = inside_dict[0], float
    name = tuple(part for part in key if part != fields.EVERY)
    if spec is None:
        raise _unknown(cls, label, name)
    try:
        value = parse_text(value_text, kind)
    except BadValue as error:
        raise ProjectError(f"{label}: {'.'.join(name)}: {error}") from None
    tree: dict[str, Any] = {}
    inner = tree
    for part in key[:-1]:
        inner = inner.setdefault(part, {})
    inner[key[-1]] = value
    return Layer(label, tree, renamed={key: typed} if name != typed else {})


def _unknown(cls: type, place: str, key: Key) -> ProjectError:
    name = ".".join(key)
    return ProjectError(f"{place}: {name}: {fields.unknown_key(cls, name)}")


def _leaves(cls: type, layer: Layer, tree: Mapping[str, Any], prefix: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Walk a layer; tables become dotted keys, arrays of tables get the element's number as a part."""
    for name, value in tree.items():
        key = (*prefix, name)
        spec, kind = fields.find(cls, key)
        if kind is None:
            raise _unknown(cls, layer.place(key), key)
        table = fields.table_of(kind)
        if table is None:
            yield key, value
        elif spec is not None and kind is not table and isinstance(value, list):
            if not value:
                raise ProjectError(f"{layer.place(key)}: {'.'.join(key)}: needs at least one table")
            for number, one in enumerate(value):
                if not isinstance(one, Mapping):
                    raise ProjectError(f"{layer.place(key)}: {'.'.join(key)}: expected tables, [[{'.'.join(key)}]]")
                yield from _leaves(cls, layer, one, (*key, str(number)))
        elif isinstance(value, Mapping) and (kind is table or layer.text is None):
            yield from _leaves(cls, layer, value, key)
        elif kind is not table:
            raise ProjectError(f"{layer.place(key)}: {'.'.join(key)}: expected tables, [[{'.'.join(key)}]]")
        else:
            raise ProjectError(f"{layer.place(key)}: {'.'.join(key)}: expected a table, [{'.'.join(key)}]")


def checked_value(cls: type, layer: Layer, key: Key, value: Any) -> Any:
    """A layer's raw value of a key as the setting's type.

    Raises:
        ProjectError: no such key, a value that does not fit, or one that a recipe may not set.
    """
    spec, kind = fields.find(cls, key)
    if spec is None:
        raise _unknown(cls, layer.place(key), key)
    if layer.is_recipe and (spec.metadata.get("personal") or key == ("recipe",)):
        raise ProjectError(f"{layer.place(key)}: {'.'.join(key)}: a recipe cannot set this")
    try:
        return convert(value, kind, spec.metadata)
    except BadValue as error:
        name = ".".join(part for part in key if part != fields.EVERY)
        raise ProjectError(f"{layer.place(key)}: {name}: {error}") from None


def merged_layers(cls: type, layers: Sequence[Layer]) -> tuple[dict[str, Any], Origins]:
    """Overlay the layers, the weakest first: checked values in nested tables, and where each comes from.

    An array of tables replaces the weaker layer's; `--set` changes one element of it or all, or gives it anew.

    Raises:
        ProjectError: a key or a value that cannot be; names its place.
    """
    merged: dict[str, Any] = {}
    origins: Origins = {}
    for layer in layers:
        checked = [(key, checked_value(cls, layer, key, value)) for key, value in _leaves(cls, layer, layer.tree)]
        whole = layer.text is not None or isinstance(layer.tree.get("tune", {}).get("stages"), list)
        if whole and any(key[:2] == ("tune", "stages") for key, _ in checked):
            merged.get("tune", {}).pop("stages", None)
        for key, value in checked:
            targets = [key]
            if key[:2] == ("tune", "stages"):
                stages = merged.setdefault("tune", {}).setdefault("stages", {} if whole else {"0": {}})
                if key[2] == fields.EVERY:
                    targets = [(*key[:2], number, *key[3:]) for number in stages]
                elif not whole and key[2] not in stages:
                    there = "is 1 stage" if len(stages) == 1 else f"are {len(stages)} stages"
                    raise ProjectError(f"{layer.label}: there {there}, numbered from 0")
            for target in targets:
                inner = merged
                for part in target[:-1]:
                    inner = inner.setdefault(part, {})
                inner[target[-1]] = value
                origins[target] = layer
    return merged, origins


def built(cls: type, values: Mapping[str, Any], **extra: Any) -> Any:
    """A settings class with the values of nested tables, and `extra` fields that are no settings."""
    arguments: dict[str, Any] = dict(extra)
    for name, value in values.items():
        _, kind = fields.find(cls, (name,))
        table = fields.table_of(kind)
        if fields.options_class(cls, name):
            arguments.setdefault("options", {})[name] = built(kind, value)
        elif table is None:
            arguments[name] = value
        elif kind is table:
            arguments[name] = built(table, value)
        else:
            arguments[name] = tuple(built(table, value[str(i)]) for i in range(len(value)))
    return cls(**arguments)
