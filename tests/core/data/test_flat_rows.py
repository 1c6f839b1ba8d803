"""Rows of partitions come to their places, in memory and through files, and leave the memory block by block."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from core.data import flat_rows
from core.data.flat_rows import FlatRows, blocks
from core.errors import EnvironmentFault


@pytest.mark.parametrize("in_files", [True, False])
def test_rows_come_to_their_places(in_files: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users of several partitions in one order; some have no rows, and a block ends inside a user's."""
    monkeypatch.setattr(flat_rows, "BLOCK_ROWS", 7)
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, 40)
    starts = np.cumsum(lengths) - lengths
    items, times = rng.integers(0, 99, lengths.sum()).astype(np.int32), rng.random(lengths.sum())
    flat = FlatRows(int(lengths.sum()), tmp_path if in_files else None)
    for users in np.array_split(rng.permutation(40), 3):
        taken = np.concatenate([np.arange(starts[user], starts[user] + lengths[user]) for user in users])
        flat.add(starts[users], lengths[users], items[taken], times[taken])
    some_items, some_times = flat.arrays()
    assert (some_items.dtype, some_times.dtype) == (np.int32, np.float64)
    assert some_items.tolist() == items.tolist() and some_times.tolist() == times.tolist()
    assert np.concatenate([some_items[rows] for rows in blocks(len(items), some_items)]).tolist() == items.tolist()
    some_items[3] = 100
    assert next(int(some_items[rows].max()) for rows in blocks(len(items), some_items)) == 100
    assert list(tmp_path.iterdir()) == []  # the files have no names


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_read_leaves_the_memory(tmp_path: Path) -> None:
    rows = 16 << 20
    flat = FlatRows(rows, tmp_path)
    flat.add(np.array([0]), np.array([rows]), np.ones(rows, dtype=np.int32))
    (array,) = flat.arrays()

    def mapped() -> int:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RssFile", "RssShmem")))

    before, most = mapped(), 0
    for part in blocks(rows, array):
        assert int(array[part].sum()) == part.stop - part.start
        most = max(most, mapped())
    assert most - before < 16 << 10 < rows * 4 >> 10  # kB: of 64 MB less than 16 are there at a time
    assert int(array.sum()) == rows
    assert mapped() - before > 48 << 10


def test_no_folder_is_an_environment_fault(tmp_path: Path) -> None:
    flat = FlatRows(1, tmp_path / "nowhere")
    with pytest.raises(EnvironmentFault, match="no file for the rows of the log can be made"):
        flat.add(np.array([0]), np.array([1]), np.ones(1, dtype=np.int32))
