"""Which rows of which tasks an epoch holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from core.model_settings import StageSettings, TuneSettings
from core.prompts.render import RenderedRow
from core.prompts.tasks import task_number
from core.tune import batches
from core.tune.batches import PACKED_ROW, StageBatches
from core.tune.target_rows import SequentialRows, every_item_rows
from tests.core.engine_tools import sequences

TITLE = task_number("code-to-title")
FRAMES = ((1,), (1, 2, 3))
LISTS = [list(range(n % 7 + 2)) for n in range(20)]


@dataclass
class Numbered:
    """Rows that say which they are; the first predicted token is drawn."""

    rows: int

    def __len__(self) -> int:
        return self.rows

    def example(self, row: int, seed: tuple[int, ...]) -> RenderedRow:
        drawn = int(np.random.default_rng([*seed, row]).integers(100, 200))
        tokens = np.array([1000 + row, drawn, *range(row % 5)])
        nothing = np.zeros(0, dtype=np.int64)
        return RenderedRow(tokens, np.arange(len(tokens)) > 0, nothing, nothing, TITLE)


def stage_batches(**settings: object) -> StageBatches:
    """The sequential task and another one."""
    tune = {"batch_tokens": 64, "packing": False, **settings}
    caps = tune.pop("caps", {})
    item_tokens = np.arange(40).reshape(20, 2) + 10
    end = tune.pop("end", None)
    stage = StageSettings(tasks={"sequential": 1.0, "code-to-title": 0.5}, caps=caps)  # type: ignore[arg-type]
    sequential = SequentialRows(every_item_rows(sequences(*LISTS), 5), item_tokens, FRAMES, end)
    return StageBatches(
        sequential, {"code-to-title": Numbered(30)}, stage, TuneSettings(**tune), 2, None, False, False, "cpu", (3, 0)
    )


@pytest.mark.parametrize("packing", [False, True])
def test_an_epoch_holds_every_target_once(packing: bool) -> None:
    epoch = stage_batches(packing=packing).epoch(0)
    items = np.concatenate([batch.items.numpy() for batch in epoch])
    assert sorted(items) == sorted(item for items in LISTS for item in items[1:])
    words = np.concatenate([batch.word_ids.numpy() for batch in epoch])
    assert len(words) == sum(1 + row % 5 for row in range(30))
    sizes = [int(batch.token_count) for batch in epoch]
    assert max(sizes) <= 64 and sum(size < 20 for size in sizes) <= (1 if packing else len(sizes))
    if packing:
        assert all(batch.tokens.shape[1] <= PACKED_ROW for batch in epoch)
        assert sum(batch.tokens.numel() for batch in epoch) < 1.5 * sum(sizes)


def test_epochs_differ_and_are_the_same_again() -> None:
    one = stage_batches()

    def tokens(epoch: int) -> list[list[int]]:
        return [batch.tokens.flatten().tolist() for batch in one.epoch(epoch)]

    assert tokens(0) == tokens(0) != tokens(1)
    frames = {tuple(row[:2]) for batch in one.epoch(0) for row in batch.tokens.tolist() if row[0] == 1}
    assert {row[1] == 2 for row in frames} == {True, False}  # both frames are drawn


def test_a_cap_draws_other_rows_every_epoch() -> None:
    capped = stage_batches(caps={"code-to-title": 7, "sequential": 3})

    def rows(epoch: int) -> set[int]:
        numbers = np.concatenate([batch.tokens.flatten().numpy() for batch in capped.epoch(epoch)])
        return set(numbers[numbers >= 1000].tolist())

    assert len(rows(0)) == len(rows(1)) == 7 and rows(0) != rows(1)


@pytest.mark.parametrize("end", [None, 9])
def test_rows_that_are_rendered_again_are_the_same(end: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that are laid out by lengths alone hold what was measured, whether a row was kept or not."""
    kept = stage_batches(end=end).epoch(1)
    monkeypatch.setattr(batches, "KEPT", 3)
    again = stage_batches(end=end).epoch(1)
    assert [len(task.lengths) for task in again.tasks] == [len(every_item_rows(sequences(*LISTS), 5).first_target), 30]
    for task in again.tasks:
        assert [len(task.render(place).tokens) for place in range(len(task.lengths))] == task.lengths.tolist()
    for one, other in zip(kept, again, strict=True):
        assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(one, other, strict=True))
