"""What holds for every quantizer on any input, and what each of the simple ones is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ProjectError, StopRequested
from core.index.quantize import Matrix, Quantized, Task, quantize
from core.index.quantize.methods.parallel import balanced_partition
from core.index.quantize.methods.rq_vae import RqVaeOptions
from core.index.quantize.residual import encode, nearest
from core.index.quantize.rotation import rotated
from core.registry import QUANTIZERS
from core.run.reporter import NullReporter
from core.run.reporting import Wish
from core.settings import IndexSettings

METHODS = [name for name in QUANTIZERS.names if name != "eager-llm-tree"]  # that one wants as many leaves as items
SMALL = RqVaeOptions(layers=(8,), latent=3, epochs=2, batch_items=128)


def task(method: str, vectors: Matrix, widths: tuple[int, ...], seed: int = 0, **changed: object) -> Task:
    kind, other = QUANTIZERS.options(method), np.random.default_rng(9).normal(size=(len(vectors), 5)).astype(np.float32)
    index, options = IndexSettings(method=method), kind() if kind else None
    plain = Task(vectors, widths, seed, index, SMALL, NullReporter(), options, other)
    return replace(plain, **changed)  # type: ignore[arg-type]


def normal(items: int, dim: int = 6, seed: int = 0) -> Matrix:
    return np.random.default_rng(seed).normal(size=(items, dim)).astype(np.float32)


def crowded(items: int) -> Matrix:
    """Nine of ten rows are the same."""
    vectors = normal(items)
    vectors[np.arange(items) % 10 > 0] = vectors[0]
    return vectors


def sound(found: Quantized, given_task: Task) -> None:
    items, levels = len(given_task.vectors), len(given_task.widths)
    assert found.codes.shape == (items, levels) and found.codes.dtype == np.int32
    assert found.codes.min() >= 0 and (found.codes < np.array(found.widths)).all()
    assert found.widths == given_task.widths
    assert found.latent.dtype == np.float32 and found.latent.shape[0] == items
    assert [book.shape for book in found.codebooks] == [(width, found.latent.shape[1]) for width in found.widths]
    for matrix in (found.latent, *found.codebooks, *(found.token_vectors or ())):
        assert np.isfinite(matrix).all()


AWKWARD = {
    "one": normal(1),
    "two": normal(2),
    "255": normal(255),
    "256": normal(256),
    "257": normal(257),
    "alike": np.ones((40, 4), dtype=np.float32),
    "zero": np.zeros((40, 4), dtype=np.float32),
    "a line": normal(60, dim=1),
    "crowded": crowded(120),
    "huge": normal(30) * 1e15,
    "tiny": normal(30) * np.float32(1e-18),
}


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("method", METHODS)
def test_any_input_gets_codes(method: str, name: str) -> None:
    asked = task(method, AWKWARD[name], (256, 256))
    found = quantize(asked)
    sound(found, asked)
    same = np.unique(asked.vectors, axis=0, return_inverse=True)[1].reshape(-1)
    if method in ("rq-kmeans", "parallel"):  # a network's encodings of duplicates may differ in their last bits
        for alike in (np.flatnonzero(same == kind) for kind in range(same.max() + 1)):
            assert len(np.unique(found.codes[alike], axis=0)) == 1
    if method == "rq-kmeans" and len(asked.vectors) <= 256:
        assert len(np.unique(found.codes, axis=0)) == same.max() + 1  # room for each of them


@pytest.mark.parametrize("method", [*METHODS, "eager-llm-tree"])
def test_the_seed_decides(method: str) -> None:
    asked = task(method, normal(300), (16, 20))
    first, again, other = quantize(asked), quantize(asked), quantize(replace(asked, seed=1))
    assert np.array_equal(first.codes, again.codes)
    assert all(np.array_equal(a, b) for a, b in zip(first.codebooks, again.codebooks, strict=True))
    assert not np.array_equal(first.codes, other.codes)


class Impatient(NullReporter):
    def wants(self) -> Wish:
        return "stop"


@pytest.mark.parametrize("method", ["rq-kmeans", "rq-vae", "letter", "aligned", "parallel", "eager-llm-tree"])
def test_a_wish_to_stop_is_heard(method: str) -> None:
    with pytest.raises(StopRequested):
        quantize(task(method, normal(300), (16, 20), reporter=Impatient()))


@pytest.mark.parametrize("method", ["letter", "aligned"])
def test_a_method_of_two_sources_refuses_one(method: str) -> None:
    with pytest.raises(ProjectError, match="both sources"):
        quantize(task(method, normal(20), (4, 4), other=None))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 70), st.integers(1, 3), st.integers(0, 99))
def test_residual_codes_are_nearest_and_distinct_rows_are_their_own_codes(
    items: int, dim: int, width: int, levels: int, seed: int
) -> None:
    vectors = normal(items, dim, seed)
    asked = task("rq-kmeans", vectors, (width,) * levels)
    found = quantize(asked)
    sound(found, asked)
    assert np.array_equal(found.codes, encode(vectors, found.codebooks))
    rest = vectors.copy()
    for level, book in enumerate(found.codebooks):
        distances = np.square(rest[:, None] - book).sum(axis=2)
        chosen = distances[np.arange(items), found.codes[:, level]]
        assert np.allclose(chosen, distances.min(axis=1), atol=1e-4)
        rest -= book[found.codes[:, level]]
    if width >= items:
        assert np.allclose(rest, 0, atol=1e-3)  # nearer ones share a code: fp32 tells no such squared distance from 0


def test_each_level_leaves_less() -> None:
    vectors = normal(2000, 16)
    found = quantize(task("rq-kmeans", vectors, (32,) * 4))
    rest, before = vectors.copy(), np.square(vectors).sum()
    for level, book in enumerate(found.codebooks):
        rest -= book[found.codes[:, level]]
        assert np.square(rest).sum() < 0.85 * before
        before = np.square(rest).sum()


def test_parallel_codebooks_share_no_dimension_and_like_variance() -> None:
    spread = np.geomspace(4.0, 0.1, 24).astype(np.float32)
    mixed = normal(1500, 24) * spread @ np.linalg.qr(normal(24, 24, 3))[0]
    asked = task("parallel", (mixed - mixed.mean(axis=0)).astype(np.float32), (32,) * 4)
    found = quantize(asked)
    used = np.array([(book != 0).any(axis=0) for book in found.codebooks])
    assert (used.sum(axis=0) == 1).all()
    variance = found.latent.var(axis=0)
    shares = np.array([variance[row].sum() for row in used]) / variance.sum()
    assert shares.max() < 0.4 and shares.min() > 0.15
    assert np.allclose(found.figures["variance"], shares, atol=0.01)
    # Turned only: distances are as they were, and no code waits for another.
    assert np.allclose(np.square(found.latent).sum(axis=1), np.square(asked.vectors).sum(axis=1), rtol=1e-3)
    for level, book in enumerate(found.codebooks):
        assert np.array_equal(found.codes[:, level], nearest(found.latent * used[level], book))
    total = np.square(found.latent).sum()
    rest = found.latent - sum(book[found.codes[:, level]] for level, book in enumerate(found.codebooks))
    assert np.square(rest).sum() < 0.6 * total


@given(st.lists(st.floats(0, 100), max_size=30), st.integers(1, 6))
def test_the_parts_of_the_variance_are_even_up_to_one_direction(variances: list[float], parts: int) -> None:
    owner = balanced_partition(np.array(variances), parts)
    held = np.bincount(owner, weights=variances, minlength=parts) if variances else np.zeros(parts)
    assert len(owner) == len(variances)
    assert held.max() - held.min() <= max(variances, default=0.0) + 1e-9


def test_rotation_keeps_the_widest_directions() -> None:
    vectors = normal(500, 5) * np.array([1, 9, 3, 0, 0.1], dtype=np.float32)
    turned, variances = rotated(vectors, 2)
    assert turned.shape == (500, 2) and variances[0] > variances[1]
    assert np.allclose(np.abs(np.corrcoef(turned[:, 0], vectors[:, 1])[0, 1]), 1, atol=1e-2)


@pytest.mark.parametrize("items", [1, 2, 3, 4, 5, 16, 17, 64])
def test_the_released_tree_gives_everybody_a_leaf(items: int) -> None:
    levels = {1: 1, 2: 1, 3: 1, 4: 1, 5: 2, 16: 2, 17: 3, 64: 3}[items]
    for vectors in (normal(items), np.zeros((items, 2), dtype=np.float32), crowded(items)):
        asked = task("eager-llm-tree", vectors, (4,) * levels)
        found = quantize(asked)
        sound(found, asked)
        assert len(np.unique(found.codes, axis=0)) == items


def groups(items: int, count: int, dim: int) -> tuple[Matrix, npt.NDArray[np.int64]]:
    whose = np.arange(items) % count
    return (20 * normal(count, dim, 5)[whose] + normal(items, dim, 6)).astype(np.float32), whose


def test_the_released_tree_clusters_with_its_first_code_and_counts_with_its_last() -> None:
    vectors, whose = groups(256, 16, 8)
    codes = quantize(task("eager-llm-tree", vectors, (16, 16))).codes  # no room left: no duplicates
    assert np.bincount(codes[:, 0]).tolist() == [16] * 16
    assert np.mean([np.bincount(whose[codes[:, 0] == code]).max() / 16 for code in range(16)]) > 0.7
    padded = quantize(task("eager-llm-tree", vectors[:200], (16, 16))).codes
    assert len(np.unique(padded, axis=0)) == 200


def test_the_released_tree_refuses_too_few_leaves() -> None:
    with pytest.raises(ProjectError, match="leaves"):
        quantize(task("eager-llm-tree", normal(17), (4, 4)))
