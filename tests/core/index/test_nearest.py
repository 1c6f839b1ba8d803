"""Nearest items: exact where they are few, and nearly so by the first look at shortened vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError
from core.index import nearest
from core.index.nearest import Nearest, nearest_rows
from core.vectors import ItemVectors


def vectors(items: int, dim: int, seed: int = 0) -> ItemVectors:
    """Vectors with a few strong directions, as text and behaviour vectors have."""
    rng = np.random.default_rng(seed)
    strength = 1.0 / (1.0 + np.arange(dim))
    matrix = (rng.normal(size=(items, dim)) * strength).astype(np.float32)
    return ItemVectors(matrix, np.ones(items, dtype=bool), "test")


def by_cosine(matrix: np.ndarray, item: int) -> list[tuple[int, float]]:
    lengths = np.maximum(np.linalg.norm(matrix, axis=1), 1e-9)
    cosine = matrix @ matrix[item] / lengths / lengths[item]
    return sorted(((n, float(c)) for n, c in enumerate(cosine) if n != item), key=lambda pair: -pair[1])


def test_the_nearest_by_cosine() -> None:
    held = vectors(300, 12)
    near = Nearest({"semantic": held})
    for item in (0, 17, 299):
        found, expected = near.near(item, "semantic", 10), by_cosine(held.matrix, item)[:10]
        assert [number for number, _ in found] == [number for number, _ in expected]
        assert [similarity for _, similarity in found] == pytest.approx([c for _, c in expected], abs=1e-5)


def test_duplicates_come_by_number_and_the_item_itself_not_at_all() -> None:
    matrix = np.repeat(np.eye(3, dtype=np.float32), [4, 3, 2], axis=0)
    near = Nearest({"semantic": ItemVectors(matrix, np.ones(9, dtype=bool), "test")})
    assert near.near(1, "semantic", 3) == [(0, 1.0), (2, 1.0), (3, 1.0)]
    assert [number for number, _ in near.near(4, "semantic", 4)] == [5, 6, 0, 1]
    assert len(near.near(0, "semantic", 50)) == 8 and near.near(0, "semantic", 0) == []


def test_many_items_are_looked_at_in_short_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "SMALL", 100)
    held = vectors(4000, 96)
    near = Nearest({"behavior": held})
    shared = 0
    for item in range(0, 4000, 200):
        found, expected = near.near(item, "behavior", 10), by_cosine(held.matrix, item)[:10]
        shared += len({number for number, _ in found} & {number for number, _ in expected})
        assert found[0] == (expected[0][0], pytest.approx(expected[0][1], abs=1e-5))
        assert item not in [number for number, _ in found]
    assert shared >= 195  # of 200


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = vectors(500, 10).matrix
    asked = np.array([0, 3, 499])
    whole = nearest_rows(matrix, asked, 11)
    assert whole[:, 0].tolist() == asked.tolist()
    assert [whole[1, n] for n in range(1, 11)] == [number for number, _ in by_cosine(matrix, 3)[:10]]
    monkeypatch.setattr(nearest, "BLOCK", 64)
    assert nearest_rows(matrix, asked, 11).tolist() == whole.tolist()
    assert nearest_rows(matrix[:5], asked[:2], 5).shape == (2, 5)


@pytest.mark.parametrize("items", [1, 2])
def test_the_smallest_catalogues(items: int) -> None:
    near = Nearest({"semantic": ItemVectors(np.zeros((items, 2), np.float32), np.zeros(items, dtype=bool), "test")})
    assert near.near(0, "semantic") == [(1, 0.0)][: items - 1]


def test_files(tmp_path: Path) -> None:
    held = vectors(20, 4)
    held.known[3] = False
    held.save(tmp_path / "vectors.npz")
    near = Nearest.load({"semantic": tmp_path / "vectors.npz"})
    assert near.sources == ["semantic"] and near.known(0, "semantic") and not near.known(3, "semantic")
    for damage in (b"", b"PK\x03\x04", b"x" * 100):
        (tmp_path / "vectors.npz").write_bytes(damage)
        with pytest.raises(DataError, match=r"vectors\.npz"):
            Nearest.load({"semantic": tmp_path / "vectors.npz"})
    with pytest.raises(DataError):
        Nearest.load({"semantic": tmp_path / "nowhere.npz"})
