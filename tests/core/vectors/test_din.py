"""DIN as a source of behaviour vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.cost import MachineSpeed as Machine
from core.errors import StopRequested
from core.estimate import estimate
from core.project import Project
from core.run.reporter import NullReporter
from core.vectors import ItemVectors, din_model
from core.vectors.behavior import din
from core.vectors.din_model import GROUPS, WINDOW, Din, _Targets, din_vectors
from tests.core.engine_tools import StopAfter, sequences, up_to, walks, write_world
from tests.core.test_pipeline_leaks import swapped

ITEMS = 24
WORLDS = [[(8 * (user % 3) + (user * 5 + step * (1 + user % 2)) % 8) for step in range(6)] for user in range(150)]


def fit(folder: Path, lists: list[list[int]] = WORLDS, stop: int = 0, seed: int = 0) -> ItemVectors:
    return din_vectors(sequences(*lists), ITEMS + 1, 8, seed, StopAfter(stop) if stop else NullReporter(), folder)


def test_items_taken_together_are_nearer_than_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three worlds that never meet; many small steps make up for the little data."""
    monkeypatch.setattr(din_model, "BATCH", 32)
    held = fit(tmp_path)
    assert held.matrix.shape == (ITEMS + 1, 8) and held.source == "din"
    assert held.known.tolist() == [True] * ITEMS + [False]
    assert held.matrix[ITEMS] == pytest.approx(held.matrix[:ITEMS].mean(axis=0), abs=1e-6)
    near = held.matrix[:ITEMS] @ held.matrix[:ITEMS].T
    same = np.arange(ITEMS)[:, None] // 8 == np.arange(ITEMS) // 8
    assert near[same & ~np.eye(ITEMS, dtype=bool)].mean() > near[~same].mean() + 0.3


@pytest.mark.slow  # test_loop.py interrupts the same loop
def test_the_seed_decides_and_an_interrupted_fit_ends_alike(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole")
    with pytest.raises(StopRequested):
        fit(tmp_path / "halves", stop=7)
    torch.manual_seed(99)
    assert fit(tmp_path / "halves").matrix.tobytes() == whole.matrix.tobytes()
    assert not list((tmp_path / "halves").glob("loop*"))
    assert fit(tmp_path / "other", seed=1).matrix.tobytes() != whole.matrix.tobytes()


@pytest.mark.parametrize("lists", [[], [[3], [4]], [[3, 4]]])
def test_logs_with_little_in_them(tmp_path: Path, lists: list[list[int]]) -> None:
    held = fit(tmp_path, lists)
    assert np.isfinite(held.matrix).all() and held.known.sum() == len({item for items in lists for item in items})


def test_a_batch_holds_what_came_before_inside_the_same_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(din_model, "BATCH", 3)
    train = sequences([1, 2, 3], [4], [5, 6], list(range(7, 24)) + list(range(7, 14)))
    first = np.repeat(train.offsets[:-1], train.lengths)
    places = np.flatnonzero(np.arange(len(train.items)) > first)
    batches = _Targets(train, places, first[places], ITEMS, (0, 1))
    assert len(places) == 2 + 1 + 23 and len(batches) == -(-len(places) // 3)
    told = {}
    for number in range(len(batches)):
        for past, target in zip(batches[number].past.tolist(), batches[number].target.tolist(), strict=True):
            assert len(past) == WINDOW
            told[tuple(item for item in past if item != ITEMS)] = target
    expected = {}
    for items in (train[n].tolist() for n in range(len(train))):
        for place in range(1, len(items)):
            expected[tuple(items[:place][-WINDOW:])] = items[place]
    assert told == expected


def test_the_split_attention_layer_is_one_on_all_four_parts() -> None:
    """Checked by hand for one user and one candidate, on [q, h, q - h, q * h] without the difference's own weights."""
    torch.manual_seed(0)
    model = Din(30, 4).eval()
    past = torch.full((1, WINDOW), 30)
    past[0, -7:] = torch.tensor([3, 4, 5, 6, 7, 8, 9])
    with torch.no_grad():
        found = model.scores(past, torch.tensor([[2]]))[0, 0]
        q, table = model.items.weight[2], model.items.weight
        groups, start = [], 0
        for size in GROUPS:
            real = [int(item) for item in past[0, start : start + size] if item != 30]
            start += size
            if real:
                groups.append(table[real].mean(dim=0))
        taken = torch.zeros(4)
        for h in groups:
            mixed = model.from_candidate(q) + model.from_past(h) + model.from_product @ (q * h)
            share = torch.sigmoid(mixed / (1 + 1e-5) ** 0.5)
            taken += model.attention[1](mixed * (share + (1 - share) * model.attention[0].slope)) * h
        out = model.hidden(torch.cat([q, taken, q * taken]))
        share = torch.sigmoid(out / (1 + 1e-5) ** 0.5)
        expected = model.score(out * (share + (1 - share) * model.active.slope))[0]
    assert float(found) == pytest.approx(float(expected), abs=1e-5)


def test_no_held_out_target_reaches_the_vectors(tmp_path: Path) -> None:
    settings = ["vectors.behavior=din", "tune.distill=0"]
    log = walks()
    one, two, three = (
        up_to("behavior", write_world(tmp_path / name, changed), *settings)["behavior"] / "vectors.npz"
        for name, changed in (("one", log), ("two", swapped(log, 2)), ("three", swapped(log, 3)))
    )
    assert one != two and one.read_bytes() == two.read_bytes() != three.read_bytes()


def test_the_estimate_knows_the_size_of_the_work(world: Path) -> None:
    assert (din.BATCH, din.EPOCHS) == (din_model.BATCH, din_model.EPOCHS)

    def seconds(dim: int) -> float:
        project = Project.load(world, ["vectors.behavior=din", f"vectors.behavior_dim={dim}"])
        told = {stage.name: stage.weight for stage in estimate(project, Machine(2)).stages}
        return told["behavior"] or 0.0

    assert 0 < seconds(8) < seconds(64)
