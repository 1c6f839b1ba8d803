"""Lists as bytes."""

from __future__ import annotations

import numpy as np
import pytest

from core.recommend.cache.packed_list import ENTRY, pack, unpack


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_a_list_comes_back(count: int) -> None:
    draw = np.random.default_rng(count)
    items = draw.choice(2**31 - 1, count, replace=False).astype(np.int32)
    scores = np.sort(draw.normal(-8, 4, count).astype(np.float32))[::-1]
    packed = pack(items, scores)
    assert len(packed) == (8 + ENTRY * count if count else 0)
    found, values = unpack(packed)
    assert found.dtype == np.int32 and values.dtype == np.float32 and found.tolist() == items.tolist()
    assert values == pytest.approx(scores, abs=float(np.ptp(scores)) / 131_000 + 1e-5 if count else 0)
    assert (np.diff(values) <= 0).all()


def test_equal_scores_stay_equal() -> None:
    _, values = unpack(pack(np.arange(3, dtype=np.int32), np.full(3, -2.5, np.float32)))
    assert values.tolist() == [-2.5] * 3


@pytest.mark.parametrize("size", [1, 8, 13, 21])
def test_other_bytes_are_no_list(size: int) -> None:
    with pytest.raises(ValueError, match="no list"):
        unpack(bytes(size))
