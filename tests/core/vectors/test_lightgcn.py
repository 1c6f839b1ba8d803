"""LightGCN as a source of behaviour vectors."""

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
from core.vectors import ItemVectors, lightgcn_model
from core.vectors.behavior import lightgcn
from core.vectors.lightgcn_model import LAYERS, LightGcn, lightgcn_vectors
from tests.core.engine_tools import StopAfter, sequences, up_to, walks, write_world
from tests.core.test_pipeline_leaks import swapped

ITEMS = 24
WORLDS = [[8 * (user % 3) + (user * 5 + step) % 8 for step in range(5)] for user in range(90)]


def fit(folder: Path, lists: list[list[int]] = WORLDS, stop: int = 0, seed: int = 0) -> ItemVectors:
    return lightgcn_vectors(sequences(*lists), ITEMS + 1, 8, seed, StopAfter(stop) if stop else NullReporter(), folder)


def test_items_taken_together_are_nearer_than_others(tmp_path: Path) -> None:
    """Three worlds that never meet."""
    held = fit(tmp_path)
    assert held.matrix.shape == (ITEMS + 1, 8) and held.source == "lightgcn"
    assert held.known.tolist() == [True] * ITEMS + [False]
    assert np.linalg.norm(held.matrix[:ITEMS], axis=1) == pytest.approx(np.ones(ITEMS), abs=1e-5)
    near = held.matrix[:ITEMS] @ held.matrix[:ITEMS].T
    same = np.arange(ITEMS)[:, None] // 8 == np.arange(ITEMS) // 8
    assert near[same & ~np.eye(ITEMS, dtype=bool)].mean() > near[~same].mean() + 0.3


def test_vectors_are_the_mean_over_the_layers_of_the_normalised_graph() -> None:
    """Against the dense formula, with its gradient."""
    users, items = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0])
    torch.manual_seed(0)
    model = LightGcn(users, items, 3, 4, 5)
    dense = torch.zeros(7, 7)
    for user, item in zip(users, items, strict=True):
        weight = 1 / np.sqrt((users == user).sum() * (items == item).sum())
        dense[item, 4 + user] = dense[4 + user, item] = float(weight)
    start = model.items_and_users.detach().clone().requires_grad_()
    layers = [start]
    for _ in range(LAYERS):
        layers.append(dense @ layers[-1])
    expected = torch.stack(layers).mean(dim=0)
    found = torch.cat(model.vectors())
    assert torch.allclose(found, expected, atol=1e-6)
    lever = torch.randn(7, 5)
    (found * lever).sum().backward()
    (expected * lever).sum().backward()
    assert model.items_and_users.grad is not None and start.grad is not None
    assert torch.allclose(model.items_and_users.grad, start.grad, atol=1e-6)


def test_the_seed_decides_and_an_interrupted_fit_ends_alike(tmp_path: Path) -> None:
    whole = fit(tmp_path / "whole")
    with pytest.raises(StopRequested):
        fit(tmp_path / "halves", stop=9)
    torch.manual_seed(99)
    assert fit(tmp_path / "halves").matrix.tobytes() == whole.matrix.tobytes()
    assert not list((tmp_path / "halves").glob("loop*"))
    assert fit(tmp_path / "other", seed=1).matrix.tobytes() != whole.matrix.tobytes()


@pytest.mark.parametrize("lists", [[], [[3], [4]], [[3, 3, 3]], [[], [5, 6]]])
def test_logs_with_little_in_them(tmp_path: Path, lists: list[list[int]]) -> None:
    held = fit(tmp_path, lists)
    assert np.isfinite(held.matrix).all() and held.known.sum() == len({item for items in lists for item in items})


def test_no_held_out_target_reaches_the_vectors(tmp_path: Path) -> None:
    settings = ["vectors.behavior=lightgcn", "tune.distill=0"]
    log = walks()
    one, two, three = (
        up_to("behavior", write_world(tmp_path / name, changed), *settings)["behavior"] / "vectors.npz"
        for name, changed in (("one", log), ("two", swapped(log, 2)), ("three", swapped(log, 3)))
    )
    assert one != two and one.read_bytes() == two.read_bytes() != three.read_bytes()


def test_the_estimate_knows_the_size_of_the_work(world: Path) -> None:
    assert lightgcn.EPOCHS == lightgcn_model.EPOCHS

    def seconds(dim: int) -> float:
        project = Project.load(world, ["vectors.behavior=lightgcn", f"vectors.behavior_dim={dim}"])
        told = {stage.name: stage.weight for stage in estimate(project, Machine(2)).stages}
        return told["behavior"] or 0.0

    assert 0 < seconds(8) < seconds(64)
