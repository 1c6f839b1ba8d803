"""The value of a setting: from TOML or a command line to its declared type, within its bounds, and back to TOML."""

from __future__ import annotations

import dataclasses
import json
import math
import operator
import typing
from collections.abc import Mapping
from typing import Any

import tomli

from core.did_you_mean import nearest
from core.registry import Registry


class BadValue(ValueError):
    """A value does not fit its setting; the text says why, without naming the setting."""


def choices_of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts that a setting may be, those of its registries included."""
    names = ((one,) if isinstance(one, str) else one.names for one in meta.get("choices", ()))
    return tuple(name for some in names for name in some)


def prefixes_of(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Beginnings of texts that a setting may be besides."""
    own = (one.prefixes for one in meta.get("choices", ()) if isinstance(one, Registry))
    return (*meta.get("prefixes", ()), *(prefix for some in own for prefix in some))


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
        bounds = " and ".join(f"{word} {number_text(limit)}" for word, limit, _ in given)
        raise BadValue(f"must be {bounds}, got {value}")
    return value


def _chosen(value: str, meta: Mapping[str, Any]) -> str:
    choices, prefixes = choices_of(meta), prefixes_of(meta)
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


def number_text(value: float) -> str:
    """A number as a person writes it: whole without a point."""
    return f"{int(value)}" if value == int(value) else f"{value:g}"


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else json.dumps(value, default=str)
    kinds = {bool: "true/false", int: "a whole number", float: "a number", list: "a list", dict: "a table"}
    kinds[str] = "a text"
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({kinds.get(type(value), 'a date or time')})"
