"""Many lists at once: the same as one by one, restricted, and from several threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from core.errors import DataError
from core.recommend import lists_of_run, search_batches
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_ITEMS, walks

LOG = walks()
K = 10
Lists = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def recommender(trained: RunFolder) -> Recommender:
    """In fp32: bf16 rounds so coarsely that equal lists would say little."""
    held = Recommender.load(trained.path)
    held.project = replace(held.project, run=replace(held.project.run, dtype="fp32"))
    return held


@pytest.fixture(scope="module")
def histories(recommender: Recommender) -> list[list[int]]:
    """Of 64 users, from one item to twelve."""
    every = [recommender.history_of(user)[0] for user in LOG][:64]
    return [items[: 1 + n % len(items)] for n, items in enumerate(every)]


def assert_same(found: Lists, expected: Lists) -> None:
    """Equal scores place by place; items too, but for neighbours whose scores are as good as equal."""
    (items, scores), (own_items, own_scores) = found, expected
    assert scores == pytest.approx(own_scores, abs=1e-5)
    for row, place in zip(*np.nonzero(items != own_items), strict=True):
        same = np.flatnonzero(np.abs(own_scores[row] - scores[row, place]) < 1e-5)
        assert items[row, place] in own_items[row, same]


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("restricted", [False, True])
def test_a_list_does_not_depend_on_who_shares_its_batch(
    recommender: Recommender, histories: list[list[int]], hide: bool, restricted: bool
) -> None:
    masks = np.random.default_rng(0).random((64, N_ITEMS)) < 0.4 if restricted else None
    whole = recommender.recommend_many(histories, masks, hide, K)
    assert whole[0].shape == whole[1].shape == (64, K) and (whole[0] >= 0).mean() > 0.9
    for size in (1, 7, 32):
        for start in range(0, 64, size):
            part = slice(start, start + size)
            own = recommender.recommend_many(histories[part], None if masks is None else masks[part], hide, K)
            assert_same(own, tuple(array[part] for array in whole))  # type: ignore[arg-type]
            if size == 1 and start > 12:
                break


def test_a_restricted_list_is_the_whole_list_without_the_rest(
    recommender: Recommender, histories: list[list[int]]
) -> None:
    whole = recommender.recommend_many(histories, k=N_ITEMS)
    mask = np.random.default_rng(1).random(N_ITEMS) < 0.3
    some = recommender.recommend_many(histories, mask, k=N_ITEMS)
    unseen = recommender.recommend_many(histories, None, True, N_ITEMS)  # its weights are its own, and so is its order
    hidden = recommender.recommend_many(histories, mask, True, N_ITEMS)
    for user, history in enumerate(histories):
        items = whole[0][user].tolist()
        wanted = [item for item in items if mask[item]]
        assert some[0][user].tolist() == wanted + [-1] * (N_ITEMS - len(wanted))
        wanted = [item for item in unseen[0][user].tolist() if item >= 0 and mask[item]]
        assert not set(wanted) & set(history) and set(wanted) == {*np.flatnonzero(mask)} - set(history)
        assert hidden[0][user].tolist() == wanted + [-1] * (N_ITEMS - len(wanted))
        assert np.isneginf(hidden[1][user][len(wanted) :]).all()


def test_hidden_items_widen_the_search(recommender: Recommender, histories: list[list[int]]) -> None:
    """A beam as narrow as the list: what seen items took of it is searched again among the others."""
    project = recommender.project
    recommender.project = replace(project, recommend=replace(project.recommend, beams=8, k=8))
    try:
        plain, hidden = (recommender.recommend_many(histories, hide_seen=hide)[0] for hide in (False, True))
        one = recommender.recommend(user=next(iter(LOG)), hide_seen=True)
    finally:
        recommender.project = project
    took = [len(set(row) & set(history)) for row, history in zip(plain.tolist(), histories, strict=True)]
    assert max(took) > 0  # so the test can fail
    for row, history in zip(hidden.tolist(), histories, strict=True):
        assert min(row) >= 0 and len(set(row)) == 8 and not set(row) & set(history)
    assert len(one.items) == 8 and not one.short


def test_the_project_says_whether_seen_items_are_hidden(recommender: Recommender) -> None:
    user = next(iter(LOG))
    project = recommender.project
    recommender.project = replace(project, recommend=replace(project.recommend, hide_seen=True))
    try:
        assert not any(item.seen for item in recommender.recommend(user=user, k=30).items)
        assert any(item.seen for item in recommender.recommend(user=user, k=N_ITEMS, hide_seen=False).items)
    finally:
        recommender.project = project


def test_a_batch_that_does_not_fit_is_halved(
    recommender: Recommender, histories: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = recommender.recommend_many(histories, k=K)
    search, sizes = lists_of_run.fused_lists, []

    def tight(parts: Any, weights: Any, rows: np.ndarray, beams: int, *others: Any) -> Any:
        sizes.append((len(rows), beams))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return search(parts, weights, rows, beams, *others)

    monkeypatch.setattr(lists_of_run, "fused_lists", tight)
    assert_same(recommender.recommend_many(histories, k=K), expected)
    assert {size for size, _ in sizes} >= {2, 4, 8} and {beams for _, beams in sizes} == {60}
    assert len([size for size, _ in sizes if size > 2]) <= len(search_batches.SIZES)  # it learns

    def broken(*_: Any) -> Any:
        raise RuntimeError("something else")

    monkeypatch.setattr(lists_of_run, "fused_lists", broken)
    with pytest.raises(RuntimeError, match="something else"):
        recommender.recommend_many(histories, k=K)


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_threads_may_share_it(
    recommender: Recommender, histories: list[list[int]], dtype: str, cores: int, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(cores)
    project = recommender.project
    recommender.project = replace(project, run=replace(project.run, dtype=dtype))
    parts = [histories[start : start + 8] for start in range(0, 64, 8)] * 3
    masks = [None, np.random.default_rng(2).random(N_ITEMS) < 0.5] * 12
    try:
        expected = [recommender.recommend_many(part, mask, True, K) for part, mask in zip(parts, masks, strict=True)]
        with ThreadPoolExecutor(4) as pool:
            asked = zip(parts, masks, strict=True)
            found = list(pool.map(lambda one: recommender.recommend_many(*one, True, K), asked))
    finally:
        recommender.project = project
    for ours, theirs in zip(found, expected, strict=True):
        assert ours[0].tolist() == theirs[0].tolist() and ours[1].tolist() == theirs[1].tolist()


def test_what_may_be_listed(recommender: Recommender) -> None:
    titles = dict(zip(recommender.items["item_id"], recommender.items["title"], strict=True))
    mask = recommender.allowed("title LIKE '%amber%'", ["i00", "i01", "i02", "i59", "nobody"], ["i01"])
    assert mask is not None and recommender.unknown(["i00", "nobody"]) == ["nobody"]
    names = np.array(recommender.items["item_id"].to_list())[mask].tolist()
    assert names == [item for item in ("i00", "i02", "i59") if "amber" in titles[item]] != []
    found = recommender.recommend(history=["i03"], k=K, allowed=mask)
    assert sorted(item.item_id for item in found.items) == names and found.short
    nothing = recommender.recommend(history=["i03"], k=K, allowed=np.zeros(N_ITEMS, dtype=bool))
    assert nothing.items == () and nothing.short
    assert recommender.allowed() is None
    none = recommender.allowed(allow=[])
    assert none is not None and not none.any()


def test_what_is_no_question(recommender: Recommender) -> None:
    for histories in ([[1], []], [[N_ITEMS]], [[-1]]):
        with pytest.raises(DataError, match="history"):
            recommender.recommend_many(histories)
    with pytest.raises(DataError, match="mask"):
        recommender.recommend_many([[1]], np.ones(N_ITEMS + 1, dtype=bool))
    items, scores = recommender.recommend_many([], k=3)
    assert items.shape == scores.shape == (0, 3)
