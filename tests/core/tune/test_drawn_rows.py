"""Rows in which teachers have put items: what is drawn, what they are asked then, and that a training stays one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.baselines.transitions import Transitions
from core.errors import Interrupted
from core.model_settings import StageSettings, TuneSettings
from core.pipeline import run_stages
from core.project import Project
from core.tune.batches import StageBatches
from core.tune.soft_targets import SoftTargets, _next_items, drawn_rows
from core.tune.target_rows import SequentialRows, TargetRows, every_item_rows
from tests.core.engine_tools import Recorder, sequences, stages_of, walks, write_world

LISTS = [list(range(n, n + n % 9 + 1)) for n in range(20)]
ROWS = every_item_rows(sequences(*LISTS), 4)


def expected(items: list[int], probs: list[float]) -> SoftTargets:
    """The same at every target."""
    shape = (ROWS.targets, len(items))
    return SoftTargets(np.broadcast_to(np.int32(items), shape), np.broadcast_to(np.float32(probs), shape))


def targets(rows: TargetRows) -> list[int]:
    """The targets, row by row, as a batch has them."""
    items, first = rows.batch(np.arange(len(rows.first_target)))
    lines = [line[begin:] for line, begin in zip(items.tolist(), first.tolist(), strict=True)]
    return [item for line in lines for item in line if item >= 0]


def test_a_target_stands_where_its_place_says() -> None:
    assert ROWS.windows.items[ROWS.places].tolist() == targets(ROWS) and len(ROWS.places) == ROWS.targets


def test_no_share_leaves_all_and_a_whole_one_leaves_no_target() -> None:
    some = expected([37, 38], [0.5, 0.5])
    assert targets(drawn_rows(ROWS, some, 0.0, (0,))) == targets(ROWS)
    all_drawn = drawn_rows(ROWS, some, 1.0, (0,))
    assert set(targets(all_drawn)) == {37, 38} and all_drawn.drawn is not None
    context = np.setdiff1d(np.arange(len(ROWS.windows.items)), ROWS.places)
    assert all_drawn.windows.items[context].tolist() == ROWS.windows.items[context].tolist()
    assert np.flatnonzero(all_drawn.drawn).tolist() == sorted(ROWS.places.tolist())


def test_items_come_as_often_as_they_are_expected() -> None:
    drawn = [targets(drawn_rows(ROWS, expected([30, 31, 30], [0.1, 0.3, 0.1]), 1.0, (seed,))) for seed in range(200)]
    assert np.mean(np.array(drawn) == 31) == pytest.approx(0.6, abs=0.01)
    given = [np.mean(np.array(targets(drawn_rows(ROWS, expected([39], [1.0]), 0.3, (n,)))) == 39) for n in range(200)]
    assert np.mean(given) == pytest.approx(0.3, abs=0.01)


def test_the_same_seed_draws_the_same_and_nothing_expected_changes_nothing() -> None:
    some = expected(list(range(30, 40)), [0.1] * 10)
    one, again, other = (targets(drawn_rows(ROWS, some, 0.5, seed)) for seed in ((1, 2), (1, 2), (1, 3)))
    assert one == again != other
    silent = drawn_rows(ROWS, expected([30, 31], [0.0, 0.0]), 1.0, (0,))
    assert targets(silent) == targets(ROWS) and silent.drawn is not None and not silent.drawn.any()


def test_only_steps_that_a_user_took_are_taken_off() -> None:
    """A drawn item is no step of the log: what others did after the same history counts whole."""
    log = [[0, 1], [0, 1], [2, 1], [0, 3]]
    transitions = Transitions(sequences(*log), 4)
    windows = np.array([[0, 1], [0, 1]])
    is_target = np.array([[False, True], [False, True]])
    own = np.array([[True, True], [True, False]])
    items, shares = _next_items(transitions, windows, is_target, own, 4)
    found = [dict(zip(*(part.tolist() for part in parts), strict=True)) for parts in zip(items, shares, strict=True)]
    assert found[0][1] == pytest.approx(1 / 2) and found[0][3] == pytest.approx(1 / 2)  # one of two users is left
    assert found[1][1] == pytest.approx(2 / 3) and found[1][3] == pytest.approx(1 / 3)


def test_the_first_epoch_has_the_log_and_the_others_their_own_rows() -> None:
    some = expected([37, 38], [0.5, 0.5])

    def drawn(epoch: int) -> tuple[TargetRows, SoftTargets]:
        return drawn_rows(ROWS, some, 0.5, (epoch,)), expected([epoch], [1.0])

    sequential = SequentialRows(ROWS, np.arange(80).reshape(40, 2), ((),))
    batches = StageBatches(
        sequential, {}, StageSettings(), TuneSettings(batch_tokens=64), 2, some, False, False, "cpu", (0, 0), drawn
    )

    def seen(epoch: int) -> list[int]:
        return sorted(item for batch in batches.epoch(epoch) for item in batch.items.tolist())

    assert seen(0) == sorted(targets(ROWS))
    assert seen(1) == seen(1) == sorted(targets(drawn(1)[0])) != seen(2)
    assert {int(item) for batch in batches.epoch(2) for item in batch.teacher_items.flatten()} == {2}
    assert len(batches.epoch(2)) == len(batches.epoch(0))  # the steps of a schedule stay


def weights_of(project: Project) -> dict[str, bytes]:
    best = stages_of(project)["tune"] / "best"
    return {file.name: file.read_bytes() for file in sorted(best.glob("*.safetensors"))}


def test_a_training_goes_on_where_it_was(tmp_path: Path) -> None:
    sets = ("tune.drawn=0.5", "tune.stages.0.epochs=3", "tune.distill=0.8", "contrast.form=none",
            "vectors.behavior=none", 'index.method="random"')  # fmt: skip
    project = Project.load(write_world(tmp_path / "world", walks()), sets)
    with pytest.raises(Interrupted):
        run_stages(project, Recorder("tune", 6))
    again = Recorder()
    run_stages(project, again)
    assert any("resumed at step" in line for line in again.logs)
    whole = Project.load(write_world(tmp_path / "whole", walks()), sets)
    run_stages(whole, Recorder())
    assert weights_of(whole) == weights_of(project)
    without = Project.load(write_world(tmp_path / "without", walks()), ("tune.drawn=0.0", *sets[1:]))
    assert stages_of(without)["tune"].name != stages_of(whole)["tune"].name
