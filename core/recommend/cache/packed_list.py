"""A list as few bytes: item numbers in four each, scores in two between the highest and the lowest."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_RANGE = struct.Struct("<ff")
_STEPS = 65535
ENTRY = 6
"""Bytes of an item in a packed list."""


def pack(items: npt.NDArray[np.int32], scores: npt.NDArray[np.float32]) -> bytes:
    """A list as bytes: 8, and `ENTRY` an item.

    Args:
        items: numbers, best first.
        scores: one an item, finite; each is kept to within 1/131070 of the span from the lowest to the highest.
    """
    if not len(items):
        return b""
    low, high = float(scores.min()), float(scores.max())
    step = (high - low) / _STEPS or 1.0
    places = np.rint((scores - low) / step).astype("<u2")
    return b"".join((_RANGE.pack(low, high), items.astype("<i4").tobytes(), places.tobytes()))


def unpack(packed: bytes) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Item numbers and scores of a packed list.

    Raises:
        ValueError: no list has so many bytes.
    """
    if not packed:
        return np.zeros(0, np.int32), np.zeros(0, np.float32)
    count, rest = divmod(len(packed) - _RANGE.size, ENTRY)
    if count < 1 or rest:
        raise ValueError(f"{len(packed)} bytes are no list")
    low, high = _RANGE.unpack_from(packed)
    items = np.frombuffer(packed, "<i4", count, _RANGE.size).astype(np.int32)
    places = np.frombuffer(packed, "<u2", count, _RANGE.size + 4 * count)
    scores = np.float32(low) + places.astype(np.float32) * np.float32((high - low) / _STEPS)
    return items, scores.astype(np.float32)
