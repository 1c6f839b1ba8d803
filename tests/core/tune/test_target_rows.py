"""Training rows: every target once, with one to `max_history` predecessors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.arrays import Sequences
from core.data.dataset import load_dataset
from core.project import Project
from core.training.bucketing import bucketed
from core.tune.target_rows import every_item_rows
from tests.core.engine_tools import sequences


def windows(train: Sequences, longest: int) -> list[tuple[list[int], int]]:
    """Every row as it is fed: its items, and the place of its first target."""
    rows = every_item_rows(train, longest)
    count = len(rows.first_target)
    if not count:
        return []
    items, first = rows.batch(np.arange(count))
    assert len(items) == len(first) == count
    found = [[int(item) for item in row if item >= 0] for row in items]
    assert [len(row) for row in found] == rows.windows.lengths.tolist()  # padding stands on the right alone
    return list(zip(found, first.tolist(), strict=True))


@given(st.lists(st.integers(0, 60), max_size=6), st.integers(1, 25))
@settings(max_examples=80, deadline=None)
def test_every_target_once(lengths: list[int], longest: int) -> None:
    # An item's number tells its user and place, so that every target can be recognised.
    train = sequences(*[[1000 * user + place for place in range(length)] for user, length in enumerate(lengths)])
    targets = Counter[int]()
    for items, first in windows(train, longest):
        assert 1 <= first < len(items) <= longest + 1
        assert items == list(range(items[0], items[0] + len(items)))  # a piece of one user's list, in order
        for place in range(first, len(items)):
            targets[items[place]] += 1
            own = items[place] % 1000
            assert place >= min(own, max(1, longest // 2))  # enough of the history is before it
    wanted = {1000 * user + place for user, length in enumerate(lengths) for place in range(1, length)}
    assert set(targets) == wanted and set(targets.values()) <= {1}
    assert every_item_rows(train, longest).targets == len(wanted)


def test_a_short_history_is_one_row() -> None:
    assert windows(sequences([1, 2, 3], [], [4], [5, 6]), 20) == [([1, 2, 3], 1), ([5, 6], 1)]


def test_a_long_history_goes_on_in_further_rows() -> None:
    found = windows(sequences(list(range(11))), 4)
    assert found[0] == ([0, 1, 2, 3, 4], 1)
    assert [row[first] for row, first in found] == [1, 5, 7, 9]


def test_beauty_has_its_published_number_of_targets(real_data: Path, tmp_path: Path) -> None:
    file = tmp_path / "project.toml"
    file.write_text(
        f"[data]\ninteractions = '{real_data}/beauty/interactions.parquet'\nposition = 'position'\n", encoding="utf-8"
    )
    project = Project.load(file)
    dataset = load_dataset(project.data, project.directory)
    for longest in (20, 50):
        rows = every_item_rows(dataset.train(), longest)
        assert rows.targets == 131_413 == dataset.targets_count()
        assert rows.windows.lengths.max() == longest + 1


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=120),
    st.integers(1, 130),
    st.sampled_from([0, 40, 100, 700]),
    st.integers(0, 5),
)
@settings(max_examples=80, deadline=None)
def test_batches_hold_every_row_once(lengths: list[int], size: int, budget: int, epoch: int) -> None:
    sizes = np.array(lengths)
    found = bucketed(sizes, size, (1, epoch), budget)
    assert sorted(int(row) for batch in found for row in batch) == list(range(len(lengths)))
    for batch in found:
        assert len(batch) <= size
        assert not budget or len(batch) == 1 or sizes[batch].max() * len(batch) <= budget
    again = bucketed(sizes, size, (1, epoch), budget)
    assert [batch.tolist() for batch in again] == [batch.tolist() for batch in found]


def test_batches_differ_by_epoch_and_waste_little() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 2000)
    one, two = bucketed(lengths, 2000, (0, 0), 4096), bucketed(lengths, 2000, (0, 1), 4096)
    assert {tuple(sorted(batch.tolist())) for batch in one} != {tuple(sorted(batch.tolist())) for batch in two}
    padded = sum(int(lengths[batch].max()) * len(batch) for batch in one)
    assert padded <= 1.1 * lengths.sum()
    order = [int(lengths[batch].max()) for batch in one]
    assert order != sorted(order)
    mixed = bucketed(lengths, 64, (0, 0))
    assert sum(int(lengths[batch].max()) * len(batch) for batch in mixed) <= 1.3 * lengths.sum()


@pytest.mark.parametrize("longest", [1, 2])
def test_the_shortest_windows(longest: int) -> None:
    found = windows(sequences([0, 1, 2, 3]), longest)
    assert found[0][0][found[0][1]] == 1
    assert sum(len(row) - first for row, first in found) == 3
