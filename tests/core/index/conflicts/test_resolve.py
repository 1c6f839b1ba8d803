"""Every strategy leaves what it promises; matching is the cheapest there is."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ProjectError
from core.index.assign import matching
from core.index.assign.matching import Distances, assign, duplicates_of, place, potentials, total
from core.index.build import Built, build_index
from core.index.conflicts.groups import CodeSum
from core.index.conflicts.resolve import Resolution, match, resolve
from core.index.quantize import Quantized
from core.index.quantize.methods.rq_vae import RqVaeOptions
from core.index.quantize.residual import fit
from core.registry import QUANTIZERS
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.vectors import ItemVectors
from tests.core.engine_tools import item_ids

METHODS = QUANTIZERS.names
QUICK = RqVaeOptions(layers=(16,), latent=8, epochs=2)


def cloud(rows: int, dim: int, distinct: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(max(1, min(rows, distinct)), dim)).astype(np.float32)
    return drawn[np.random.default_rng(seed + 1).integers(0, len(drawn), rows)]


def coded(vectors: np.ndarray, widths: tuple[int, ...]) -> Quantized:
    codes, books = fit(vectors, widths, 0, NullReporter())
    return Quantized(codes, widths, vectors, books)


def settled(parts: list[Quantized], strategy: str = "matching") -> Resolution:
    return resolve(parts, strategy, epsilon=0.003, rounds=50)


def distinct(codes: np.ndarray) -> int:
    return len(np.unique(codes, axis=0))


# The strategies.


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_matching_always_parts_what_can_be_parted(data: Any) -> None:
    levels = data.draw(st.integers(1, 4))
    widths = tuple(data.draw(st.integers(2, 5)) for _ in range(levels))
    items = data.draw(st.integers(1, min(80, math.prod(widths))))
    vectors = cloud(items, data.draw(st.integers(1, 3)), data.draw(st.integers(1, 80)), data.draw(st.integers(0, 9)))
    parts = [coded(vectors, widths)]
    if data.draw(st.booleans()):
        parts.insert(0, coded(cloud(items, 2, 5), (3,)))
    found = settled(parts, data.draw(st.sampled_from(["matching", "sinkhorn"])))
    assert distinct(found.codes) == items and found.codes.dtype == np.int32
    assert (found.codes >= 0).all() and (found.codes < np.array(found.widths)).all()
    assert found.figures["steps"][-1]["items"] == 0
    assert json.loads(json.dumps(found.figures)) == found.figures
    # Items whose prefix has no conflict and is not overfull keep their codes; who changed is listed.
    changed = np.flatnonzero((found.codes != found.raw).any(axis=1)).tolist()
    assert set(changed) <= set(found.conflicts["item"].to_list())
    assert found.figures["moved"] == len(changed)
    if distinct(found.raw) == items:
        assert not changed and not len(found.conflicts)


def test_only_the_prefixes_with_conflicts_are_touched() -> None:
    found = settled([coded(cloud(400, 3, 300), (8, 8, 32))])
    prefixes = {tuple(code[:2]) for code in found.conflicts.drop_nulls("group")["before"].to_list()}
    assert found.figures["spilled"] == 0 and found.figures["moved"] > 0
    moved = np.flatnonzero((found.codes != found.raw).any(axis=1))
    assert (
        {tuple(code) for code in found.raw[moved, :2].tolist()} <= prefixes < {*map(tuple, found.raw[:, :2].tolist())}
    )
    assert (found.codes[:, :2] == found.raw[:, :2]).all()


def test_the_price_inside_a_prefix_is_the_least_there_is() -> None:
    rng = np.random.default_rng(3)
    book = rng.normal(size=(5, 2)).astype(np.float32)
    for seed in range(6):
        latent = np.random.default_rng(seed).normal(size=(4, 2)).astype(np.float32)
        far = np.square(latent[:, None] - book[None]).sum(2)
        part = Quantized(far.argmin(1)[:, None].astype(np.int32), (5,), latent, (book,))
        found = settled([part])
        best = min(sum(far[i, c] for i, c in enumerate(codes)) for codes in itertools.permutations(range(5), 4))
        assert far[np.arange(4), found.codes[:, 0]].sum() == pytest.approx(best, rel=1e-5)


def test_a_full_prefix_spills_to_the_nearest_with_room() -> None:
    """Five items at one prefix of four; the nearest other prefix is full, so the next nearest takes one."""
    first = np.array([[0, 0], [3, 0], [0, 4], [90, 90]], dtype=np.float32)
    last = np.array([[0, 0], [0.1, 0], [0, 0.1], [0.1, 0.1]], dtype=np.float32)
    latent = np.concatenate([np.tile([[0.0, 0.0]], (5, 1)), first[1] + last]).astype(np.float32)
    latent[4] = [0.3, 0.3]
    codes = np.array([[0, 0]] * 4 + [[0, 3]] + [[1, n] for n in range(4)], dtype=np.int32)
    found = settled([Quantized(codes, (4, 4), latent, (first, last))])
    assert found.codes[:4, 0].tolist() == [0] * 4 and found.codes[4, 0] == 2
    assert found.codes[5:].tolist() == codes[5:].tolist()
    assert found.figures["spilled"] == 1 and distinct(found.codes) == 9
    assert found.conflicts["strategy"].unique().to_list() == ["matching"]


def test_an_item_stays_where_it_was_unless_it_must_move() -> None:
    """Codes from elsewhere may be far from the nearest; a conflict nearby is no reason to change them all."""
    book = np.array([[0, 0], [1, 0], [2, 0], [3, 0]], dtype=np.float32)
    latent = np.array([[0, 0], [0, 0], [3, 0]], dtype=np.float32)
    codes = np.array([[0], [0], [2]], dtype=np.int32)  # the third one would be better off at 3
    found = match(CodeSum([Quantized(codes, (4,), latent, (book,))]), codes)
    assert found[2, 0] == 2 and sorted(found[:2, 0].tolist()) == [0, 1]


def test_too_few_codes_are_told_before_the_work() -> None:
    part = coded(cloud(10, 2, 10), (3, 3))
    for strategy in ("matching", "sinkhorn"):
        with pytest.raises(ProjectError, match="10 items cannot have different codes"):
            settled([part], strategy)
    assert distinct(settled([part], "suffix").codes) == 10


def test_the_rounds_come_first_and_matching_settles_the_rest() -> None:
    vectors = cloud(300, 4, 200)
    part = coded(vectors, (4, 4, 32))
    found = settled([part], "sinkhorn")
    steps = {step["step"]: step for step in found.figures["steps"]}
    assert list(steps) == ["nearest code", "sinkhorn", "matching"]
    assert steps["nearest code"]["items"] > steps["sinkhorn"]["items"] > steps["matching"]["items"] == 0
    told = set(found.conflicts["strategy"].to_list())
    assert told == {"sinkhorn", "matching"}  # duplicates need matching
    assert distinct(found.codes) == 300


def test_a_suffix_counts_through_each_group() -> None:
    codes = np.array([[1], [0], [1], [1], [2], [0]], dtype=np.int32)
    part = Quantized(codes, (3,), np.zeros((6, 1), dtype=np.float32), (np.zeros((3, 1), dtype=np.float32),))
    found = settled([part], "suffix")
    assert found.widths == (3, 3)
    assert found.codes.tolist() == [[1, 0], [0, 0], [1, 1], [1, 2], [2, 0], [0, 1]]
    assert found.raw.tolist() == codes.tolist() and found.figures["moved"] == 0
    assert found.conflicts["after"].to_list()[0] == [0, 0]
    alone = settled([Quantized(codes[3:5], (3,), part.latent[3:5], part.codebooks)], "suffix")
    assert alone.widths == (3,) and alone.codes.tolist() == [[1], [2]]  # no level for nothing


def test_shared_codes_are_kept_and_told() -> None:
    vectors = cloud(50, 2, 10)
    part = coded(vectors, (16, 4))
    found = settled([part], "share")
    assert found.codes.tolist() == part.codes.tolist() and found.widths == (16, 4)
    assert set(found.conflicts["strategy"]) == {"share"} and found.conflicts["duplicate"].all()
    assert found.conflicts["price"].sum() == 0
    assert found.figures["duplicates"] == len(found.conflicts) == found.figures["steps"][-1]["items"]


def test_the_same_again() -> None:
    vectors = cloud(300, 3, 40)
    for strategy in ("matching", "sinkhorn", "suffix", "share"):
        one, two = (settled([coded(vectors, (4, 8, 16))], strategy) for _ in range(2))
        assert one.codes.tolist() == two.codes.tolist() and one.figures == two.figures
        assert one.conflicts.equals(two.conflicts)


# Placing points.


@given(st.integers(1, 7), st.integers(2, 4), st.integers(1, 4), st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_a_placement_is_the_cheapest_that_has_room(points: int, centres: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    room = rng.integers(0, most + 1, centres)
    room[rng.integers(centres)] += max(0, points - room.sum())
    costs = Distances(rng.normal(size=(points, 2)).astype(np.float32), rng.normal(size=(centres, 2)).astype(np.float32))
    labels = assign(costs, room)
    assert (np.bincount(labels, minlength=centres) <= room).all()
    fits = (
        np.array(found)
        for found in itertools.product(range(centres), repeat=points)
        if (np.bincount(found, minlength=centres) <= room).all()
    )
    assert total(costs, labels) == pytest.approx(min(total(costs, found) for found in fits), abs=1e-4)


@pytest.mark.parametrize("kind", ["plain", "one heap", "a line", "the same", "mostly the same"])
def test_many_points_are_placed_nearly_as_well(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points = {
        "plain": rng.normal(size=(700, 4)),
        "one heap": rng.normal(size=(700, 4)) * 0.05 + 1,
        "a line": np.linspace(0, 1, 700)[:, None] * np.ones((1, 4)),
        "the same": np.ones((700, 4)),
        "mostly the same": np.where(rng.random((700, 1)) < 0.9, 1.0, rng.normal(size=(700, 4))),
    }[kind].astype(np.float32)
    centres = rng.normal(size=(12, 4)).astype(np.float32)
    costs, room = Distances(points, centres), np.full(12, 64)
    best = total(costs, assign(costs, room))
    monkeypatch.setattr(matching, "EXACT_ENTRIES", 0)
    labels = assign(costs, room, duplicates_of(points))
    assert (np.bincount(labels, minlength=12) <= 64).all()
    free = total(costs, costs.of(slice(None)).argmin(axis=1).astype(np.int32))
    assert best - 1e-3 <= total(costs, labels) <= best + 0.05 * (best - free) + 1e-3


def test_duplicates_are_placed_together() -> None:
    points = cloud(500, 3, 7)
    costs, room = Distances(points, cloud(20, 3, 20, 5)), np.full(20, 25)
    assert duplicates_of(points).max() == 6
    assert duplicates_of(points, np.arange(500) % 2).max() == 13
    labels = place(costs, room, potentials(costs, room), duplicates_of(points))
    assert np.bincount(labels).tolist() == [25] * 20
    best, careless = total(costs, assign(costs, room)), total(costs, place(costs, room, np.zeros(20)))
    assert total(costs, labels) <= best + 0.5 * (careless - best)


def test_where_there_is_too_little_room_those_who_lose_least_are_left() -> None:
    points = np.array([[0.0], [1.0], [2.0], [9.0]], dtype=np.float32)
    costs = Distances(points, np.array([[0.0], [10.0]], dtype=np.float32))
    labels = place(costs, np.array([2, 1]), np.zeros(2))
    assert labels.tolist() == [0, 0, -1, 1]


def test_no_room_is_an_error() -> None:
    costs = Distances(np.zeros((3, 1), dtype=np.float32), np.zeros((2, 1), dtype=np.float32))
    with pytest.raises(ValueError, match="3 points for 2 places"):
        assign(costs, np.array([1, 1]))
    assert len(assign(Distances(np.zeros((0, 1), np.float32), np.zeros((2, 1), np.float32)), np.array([1, 1]))) == 0


# Whole indices of hostile vectors.


def built(method: str, matrix: np.ndarray, **changed: Any) -> Built:
    told = IndexSettings(**{"method": method, **changed})
    held = {
        "semantic": ItemVectors(matrix, np.ones(len(matrix), dtype=bool), "test"),
        "behavior": ItemVectors(matrix[:, ::-1].copy(), np.ones(len(matrix), dtype=bool), "test"),
    }
    sources = changed.get("sources", ("semantic",))
    return build_index(item_ids(len(matrix)), held, sources, told, 0, NullReporter(), {"rq-vae": QUICK})


@pytest.mark.parametrize("items", [1, 2, 255, 257])
@pytest.mark.parametrize("case", ["plain", "the same", "nine in ten the same", "a line", "zero"])
@pytest.mark.parametrize("method", METHODS)
def test_no_code_is_shared_whatever_the_vectors(method: str, case: str, items: int) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(items, 1 if case == "a line" else 6)).astype(np.float32)
    if case in ("the same", "zero"):
        matrix[:] = float(case == "the same")
    if case == "nine in ten the same":
        matrix[rng.random(items) < 0.9] = 1.0
    found = built(method, matrix)
    assert distinct(found.index.codes) == items
    assert (found.index.codes < np.array(found.index.widths)).all()
    assert found.resolution.figures["steps"][-1]["items"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_no_code_of_two_sources_is_shared(method: str) -> None:
    found = built(method, np.repeat(cloud(40, 4, 40), 7, axis=0), sources=("semantic", "behavior"))
    assert distinct(found.index.codes) == 280 and set(found.index.sources) == {"semantic", "behavior"}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_no_number_is_refused_by_name(bad: float) -> None:
    matrix = np.ones((30, 3), dtype=np.float32)
    matrix[17, 1] = bad
    name = item_ids(30)[17]
    for method in METHODS:
        with pytest.raises(ProjectError, match=f"{name}.*number 17.*NaN"):
            built(method, matrix)
