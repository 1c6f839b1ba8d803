"""Further losses as plug-ins: what they see of a batch, and one of another package from a project to its metrics."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.errors import Interrupted, ProjectError
from core.model_settings import ContrastSettings
from core.pipeline import plan, run_stages
from core.project import Project
from core.tune.losses import TargetStates, loss_sources, project_losses, stage_losses
from core.tune.losses.contrast import Contrast
from core.tune.objective import Objective
from core.tune.target_rows import every_item_rows
from tests.core.engine_tools import (
    Recorder,
    sequences,
    small_index,
    small_lm,
    stages_of,
    uneven_codes,
    walks,
    write_world,
)
from tests.core.tune.tools import batch_of, objective_of
from tests.plug_in_tools import forget, install

LOSS = '''
from core.tune.losses import Loss


class Pull(Loss):
    """States are mapped to the vectors of the items' texts."""

    inputs = ("semantic",)
    needs_ends = True

    def build(self, hidden, vectors):
        import torch

        class Map(torch.nn.Module):
            def __init__(self, matrix):
                super().__init__()
                self.register_buffer("matrix", torch.from_numpy(matrix), persistent=False)
                self.map = torch.nn.Linear(hidden, matrix.shape[1])

            def forward(self, batch):
                assert len(batch.end_items) and batch.past_rows.max() < len(batch.items) == len(batch.states)
                loss = (self.map(batch.states) - self.matrix[batch.items]).square().mean()
                return loss, {"": loss.detach(), "history": torch.tensor(len(batch.past_rows) / len(batch.items))}

        return Map(vectors["semantic"].matrix) if vectors else None
'''


@pytest.fixture
def pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    point = {"eagertui.losses pull": "toy_pull:Pull"}
    install(tmp_path / "site", monkeypatch, "toy_pull", point, {"toy_pull.py": LOSS})
    yield
    monkeypatch.undo()
    sys.modules.pop("toy_pull", None)
    forget()


class Look(nn.Module):
    """Keeps what it is given; its loss is the sum of its parameter and the states."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.tensor(2.0))
        self.seen: list[TargetStates] = []

    def forward(self, batch: TargetStates) -> tuple[Tensor, dict[str, Tensor]]:
        self.seen.append(batch)
        loss = self.bias + batch.states.sum()
        return loss, {"bias": self.bias.detach()}


def test_a_loss_sees_targets_and_histories(tmp_path: Path) -> None:
    """And joins with its weight; with none it is not asked."""
    index = small_index(uneven_codes(30, 3, 4, 0), (4, 4, 4))
    lm, vocabulary = small_lm("tiny", tmp_path, index, "a coral story")
    lists = [[3, 17, 4, 4, 29], [8, 1], list(range(9))]
    batch = batch_of(every_item_rows(sequences(*lists), 4), vocabulary, index, with_histories=True)
    alone = objective_of(lm, vocabulary, index)
    look = Look()
    objective = Objective(
        alone.model, alone.trie, alone.settings, {"sequential": 1.0}, {"look": look, "silent": Look()}, {"look": 0.5}
    ).eval()
    loss, parts, _ = objective(batch)
    (view,) = look.seen
    plain, own, _ = alone(batch)
    assert loss.item() == pytest.approx(plain.item() + 0.5 * (2.0 + view.states.sum().item()), rel=1e-5)
    assert parts.pop("loss/look bias") == 2.0 and parts == own
    states = alone._states(batch)
    assert torch.equal(view.states, states[batch.heads]) and torch.equal(view.items, batch.items)
    histories = {row: view.past_items[view.past_rows == row].tolist() for row in range(len(view.items))}
    assert histories[3] == [3, 17, 4] and histories[0] == [3]  # once each, in the order they were first taken
    assert view.teacher_items is None and not len(view.end_items)
    loss.backward()
    assert look.bias.grad == 0.5


@pytest.mark.parametrize(
    ("overrides", "sources", "weights"),
    [
        ((), (), {}),
        (("contrast.form=next",), ("semantic", "behavior"), {"contrast": 1.0}),
        (("contrast.form=summary", "contrast.behavior=0"), ("semantic",), {"contrast": 1.0}),
        (("contrast.form=next", "tune.stages.0.contrast=false"), (), {}),
        (
            ("contrast.form=next", "tune.stages.0.losses={ contrast = 0.5 }"),
            ("semantic", "behavior"), {"contrast": 0.5},
        ),
        (("tune.stages.0.losses={ pull = 0.1 }",), ("semantic",), {"pull": 0.1}),
        (("tune.stages.0.losses={ pull = 0 }",), (), {}),
        (
            ("contrast.form=next", "contrast.semantic=0", "tune.stages.0.losses={ pull = 0.1 }"),
            ("semantic", "behavior"), {"contrast": 1.0, "pull": 0.1},
        ),
    ],
)  # fmt: skip
def test_losses_of_a_project(
    pull: None, tmp_path: Path, overrides: tuple[str, ...], sources: tuple[str, ...], weights: dict[str, float]
) -> None:
    project = Project.load(write_world(tmp_path / "world", walks()), ["contrast.form=none", *overrides])
    assert loss_sources(project) == sources and stage_losses(project, project.tune.stages[0]) == weights
    assert list(project_losses(project)) == list(weights)


def test_a_loss_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = write_world(tmp_path / "world", walks())
    with pytest.raises(ProjectError, match="absent"):
        project_losses(Project.load(file, ["tune.stages.0.losses={ absent = 0.1 }"]))


def test_the_contrast_asks_for_what_its_form_reads() -> None:
    asked = {
        form: (Contrast(ContrastSettings(form)).needs_ends, Contrast(ContrastSettings(form)).needs_histories)
        for form in ("none", "summary", "next")
    }
    assert asked == {"none": (False, False), "summary": (True, False), "next": (False, True)}
    assert Contrast(ContrastSettings("none")).build(8, {}) is None


def weights_of(project: Project) -> dict[str, bytes]:
    best = stages_of(project)["tune"] / "best"
    return {file.name: file.read_bytes() for file in sorted(best.glob("*.safetensors"))}


def test_a_loss_of_another_package_is_trained_and_goes_on_where_it_was(pull: None, tmp_path: Path) -> None:
    """Its parts are shown; a training that was interrupted ends with the same weights, its own among them."""
    sets = ("tune.stages.0.losses={ pull = 0.3 }", "contrast.form=none", "tune.stages.0.epochs=2", "tune.distill=0",
            "vectors.behavior=none", 'index.method="random"')  # fmt: skip
    file = write_world(tmp_path / "world", walks())
    seen: dict[str, list[float]] = {}

    class Metrics(Recorder):
        def metric(self, step: int, values: Any) -> None:
            for name, value in values.items():
                seen.setdefault(name, []).append(value)

    project = Project.load(file, sets)
    assert "semantic" in [stage.name for stage in plan(project)]
    stopped = Metrics("tune", 4)
    with pytest.raises(Interrupted):
        run_stages(project, stopped)
    again = Metrics()
    run_stages(project, again)
    assert any("resumed at step" in line for line in again.logs)
    first, last = seen["epoch_loss/pull"][0], seen["epoch_loss/pull"][-1]
    assert last < first and seen["epoch_loss/pull history"][0] > 1
    whole = Project.load(write_world(tmp_path / "whole", walks()), sets)
    run_stages(whole, Recorder())
    assert weights_of(whole) == weights_of(project)
    other = Project.load(write_world(tmp_path / "other", walks()), (sets[0].replace("0.3", "0.4"), *sets[1:]))
    assert stages_of(other)["tune"].name != stages_of(whole)["tune"].name == stages_of(project)["tune"].name
