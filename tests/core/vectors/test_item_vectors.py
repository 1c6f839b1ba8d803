"""One vector an item: unknown rows, files from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import ProjectError
from core.vectors import ItemVectors, vectors_from_file

IDS = pl.Series("item_id", ["b", "a", "7"])


def test_an_unknown_item_gets_the_mean() -> None:
    matrix = np.array([[1.0, 2.0], [np.nan, np.inf], [3.0, 6.0]])
    held = ItemVectors.of(matrix, np.array([True, False, True]), "test")
    assert held.matrix.tolist() == [[1, 2], [2, 4], [3, 6]] and held.matrix.dtype == np.float32
    assert held.known.tolist() == [True, False, True]
    nobody = ItemVectors.of(matrix, np.zeros(3, dtype=bool), "test")
    assert np.isfinite(nobody.matrix).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_known_item_without_a_number_is_refused(bad: float) -> None:
    matrix = np.ones((4, 2))
    matrix[2, 1] = bad
    with pytest.raises(ProjectError, match="2 holds NaN"):
        ItemVectors.of(matrix, np.ones(4, dtype=bool), "test")


def test_the_item_of_a_broken_vector_is_named(tmp_path: Path) -> None:
    ids = pl.Series("item_id", ["a", "b", "c"])
    rows = [[1.0, 2.0], [3.0, 4.0], [5.0, float("inf")]]
    np.save(tmp_path / "v.npy", np.array(rows))
    pl.DataFrame({"item_id": ["c", "a"], "vector": [rows[2], rows[0]]}).write_parquet(tmp_path / "v.parquet")
    for name in ("v.npy", "v.parquet"):
        with pytest.raises(ProjectError, match=f"file:{name} vector of item 'c', number 2, holds NaN or infinity"):
            vectors_from_file(tmp_path / name, ids)


def test_round_trip(tmp_path: Path) -> None:
    held = ItemVectors.of(np.arange(6.0).reshape(3, 2), np.array([True, True, False]), "lsa")
    held.save(tmp_path / "vectors.npz")
    again = ItemVectors.load(tmp_path / "vectors.npz")
    assert again.matrix.tolist() == held.matrix.tolist() and again.matrix.dtype == np.float32
    assert (again.known.tolist(), again.source) == ([True, True, False], "lsa")


def test_a_matrix_by_item_number(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.arange(6).reshape(3, 2))
    held = vectors_from_file(tmp_path / "v.npy", IDS)
    assert held.matrix.tolist() == [[0, 1], [2, 3], [4, 5]] and held.known.all()
    assert held.source == "file:v.npy"


@pytest.mark.parametrize(
    "vectors",
    [
        pl.Series([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]),
        pl.Series([[1, 2], [3, 4], [5, 6]], dtype=pl.List(pl.Int32)),
        pl.Series(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32), dtype=pl.Array(pl.Float32, 2)),
    ],
    ids=["list", "list of integers", "array"],
)
def test_a_table_by_item_id(vectors: pl.Series, tmp_path: Path) -> None:
    """In any order; ids of the log's numbers may be numbers; foreign items are left out, missing ones unknown."""
    pl.DataFrame({"item_id": ["a", "foreign", "b"], "vector": vectors}).write_parquet(tmp_path / "v.parquet")
    held = vectors_from_file(tmp_path / "v.parquet", IDS)
    assert held.known.tolist() == [True, True, False]
    assert held.matrix.tolist() == [[5, 6], [1, 2], [3, 4]]


def test_numbers_as_ids(tmp_path: Path) -> None:
    pl.DataFrame({"item_id": [7, 9], "vector": [[1.0], [2.0]]}).write_parquet(tmp_path / "v.parquet")
    assert vectors_from_file(tmp_path / "v.parquet", IDS).known.tolist() == [False, False, True]


def npy(array: Any) -> Any:
    return lambda path: np.save(path, array)


def table(**columns: Any) -> Any:
    return lambda path: pl.DataFrame(columns).write_parquet(path)


@pytest.mark.parametrize(
    ("name", "write", "words"),
    [
        ("v.npy", None, "no such file"),
        ("v.npy", npy(np.ones((2, 4))), "2x4 for 3 items"),
        ("v.npy", npy(np.ones(3)), "3 for 3 items"),
        ("v.npy", npy(np.ones((3, 2, 2))), "3x2x2"),
        ("v.npy", npy(np.array([[1.0], [np.nan], [2.0]])), "NaN"),
        ("v.npy", npy(np.array([["x"], ["y"], ["z"]])), "v.npy"),
        ("v.npy", npy(np.array([[{}], [{}], [{}]])), "v.npy"),
        ("v.npy", lambda path: path.write_bytes(b"no matrix"), "v.npy"),
        ("v.npy", lambda path: path.write_bytes(b""), "v.npy"),
        ("v.parquet", lambda path: path.write_bytes(b"no table"), "v.parquet"),
        ("v.parquet", table(item_id=["a"], vectors=[[1.0]]), "vector"),
        ("v.parquet", table(item_id=["a"], vector=[1.0]), "vector"),
        ("v.parquet", table(item_id=["a"], vector=["1 2"]), "vector"),
        ("v.parquet", table(item_id=["a", "b"], vector=[[1.0], [1.0, 2.0]]), "different lengths"),
        ("v.parquet", table(item_id=["x", "y"], vector=[[1.0], [2.0]]), "none of its item ids"),
        ("v.parquet", table(item_id=["a", "b"], vector=[[1.0], [None]]), "NaN"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_words(name: str, write: Any, words: str, tmp_path: Path) -> None:
    if write:
        write(tmp_path / name)
    with pytest.raises(ProjectError, match=words):
        vectors_from_file(tmp_path / name, IDS)
