"""What a GGUF file says of itself before its weights: keys, shapes, and whether all of it is there. Light.

The package `gguf` reads the whole vocabulary into numpy first, which takes ten seconds where it has 262,144 words; here
its words are passed over, so that an estimate or a form can ask.
"""

from __future__ import annotations

import importlib.util
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from core.errors import EnvironmentFault

SUFFIX = ".gguf"
MAGIC, VERSIONS = b"GGUF", (2, 3)
_STRING, _ARRAY = 8, 9
_FIXED = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""How `struct` calls the types of values that have one size."""
_LONGEST = 4096
"""Values of an array of numbers that are kept; of a longer one, as of one of words, only the length is."""
_REMEDY = "get the file again, or name another folder or hub id in backbone.model"


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as the file lists it.

    Attributes:
        shape: as GGUF counts it, the fastest axis first.
        kind: number of its format.
        offset: of its bytes, from where the weights begin.
    """

    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True)
class GgufHeader:
    """All of a GGUF file but its weights.

    Attributes:
        values: by key; of words and of long arrays their number.
        tensors: by name.
        start: where the weights begin.
        size: bytes of the file.
    """

    values: Mapping[str, Any]
    tensors: Mapping[str, StoredTensor]
    start: int
    size: int

    @property
    def family(self) -> str:
        """What llama.cpp calls the architecture, as `gemma3`."""
        return str(self.values.get("general.architecture", ""))

    def number(self, key: str, default: int = 0) -> int:
        """A whole number of the architecture; the largest where every layer has its own."""
        value = self.values.get(f"{self.family}.{key}", default)
        return max(value, default=default) if isinstance(value, list) else int(value)


def is_gguf(model: str) -> bool:
    """Whether `backbone.model` names a GGUF file."""
    return model.casefold().endswith(SUFFIX)


def read_header(path: Path) -> GgufHeader:
    """Read a file's keys and its list of tensors.

    Raises:
        EnvironmentFault: it is no GGUF file, or ends too early.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _Reader(content).header(path)
    except (OSError, ValueError) as error:  # a file of no bytes cannot be mapped
        reason = "it is empty" if path.is_file() and not path.stat().st_size else str(error)
        raise EnvironmentFault(f"{path} cannot be read as a GGUF file: {reason}", _REMEDY) from error
    except (struct.error, UnicodeDecodeError, MemoryError, OverflowError) as error:
        raise EnvironmentFault(f"{path} is damaged: its list of tensors ends too early", _REMEDY) from error


def check_gguf(path: Path) -> GgufHeader:
    """Refuse a GGUF file that cannot be read here: by its header, without its weights.

    Raises:
        EnvironmentFault: the package `gguf` is not installed, or the file is foreign, of a format that the package does
            not know, or cut short.
    """
    if importlib.util.find_spec("gguf") is None:
        raise EnvironmentFault(
            f"backbone.model: {path.name} is a GGUF file, and the package gguf, which reads them, is not installed",
            "pip install 'eagertui[gguf]'",
        )
    header = read_header(path)
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    end = header.start
    for name, tensor in header.tensors.items():
        try:
            numbers, size = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.kind)]
        except (ValueError, KeyError):
            raise EnvironmentFault(
                f"{path}: its tensor {name} has format {tensor.kind}, which is not known here", _REMEDY
            ) from None
        end = max(end, header.start + tensor.offset + prod(tensor.shape) // numbers * size)
    if header.size < end:
        raise EnvironmentFault(
            f"{path} is cut short: it has {header.size:,} bytes, and its weights need {end:,}", _REMEDY
        )
    return header


class _Reader:
    """Walks through the bytes of a file."""

    def __init__(self, content: mmap.mmap) -> None:
        self.content, self.place = content, 0

    def header(self, path: Path) -> GgufHeader:
        if self.content[:4] != MAGIC:
            raise EnvironmentFault(f"{path} is no GGUF file: it does not begin with the letters GGUF", _REMEDY)
        self.place = 4
        (version,) = self.numbers("<I")
        if version not in VERSIONS:
            raise EnvironmentFault(f"{path} is a GGUF file of version {version}; 2 and 3 can be read", _REMEDY)
        tensors, keys = self.numbers("<QQ")
        values = {}
        for _ in range(keys):
            key = self.text()
            values[key] = self.value(*self.numbers("<I"))
        stored = {}
        for _ in range(tensors):
            name = self.text()
            (axes,) = self.numbers("<I")
            shape = self.numbers(f"<{axes}Q")
            stored[name] = StoredTensor(shape, *self.numbers("<IQ"))
        if not values.get("general.architecture") or not stored:
            raise EnvironmentFault(f"{path} holds no language model: it names no architecture or no tensor", _REMEDY)
        step = int(values.get("general.alignment", 32))
        return GgufHeader(values, stored, -(-self.place // step) * step, len(self.content))

    def numbers(self, format: str) -> tuple[Any, ...]:
        found = struct.unpack_from(format, self.content, self.place)
        self.place += struct.calcsize(format)
        return found

    def text(self) -> str:
        (length,) = self.numbers("<Q")
        letters = self.content[self.place : self.place + length]
        if len(letters) < length:
            raise struct.error("the file ends inside a text")
        self.place += length
        return letters.decode()

    def value(self, kind: int) -> Any:
        if kind in _FIXED:
            return self.numbers(_FIXED[kind])[0]
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            raise struct.error(f"unknown type {kind}")
        inner, count = self.numbers("<IQ")
        if inner in _FIXED:
            size = struct.calcsize(_FIXED[inner])
            if count <= _LONGEST:
                return list(self.numbers(f"<{count}{_FIXED[inner][1]}"))
            self.place += count * size
        elif inner == _STRING:
            for _ in range(count):
                (length,) = struct.unpack_from("<Q", self.content, self.place)
                self.place += 8 + length
        else:
            for _ in range(count):
                self.value(inner)
        return count
