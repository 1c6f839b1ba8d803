"""Codes as features of a SASRec, after Mixture-of-Codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import Interrupted, StopRequested
from core.pipeline import recipes_of, run_stages
from core.project import Project
from core.run.reporter import NullReporter
from core.settings import SasrecSettings
from core.vectors.sasrec_model import SasRec, fit_sasrec
from tests.core.engine_tools import StopAfter, sequences, stages_of

COUNT = 12
CODES = np.array([[n // 4, n % 3] for n in range(COUNT)])
SMALL = SasrecSettings(hidden_size=8, layers=1, heads=1, dropout=0.2, epochs=2, batch_users=8, max_history=5)
LISTS = sequences(*[[(n + step) % COUNT for step in range(4)] for n in range(30)])


def fitted(folder: Path, stop: int = 0, codes: np.ndarray | None = CODES) -> SasRec:
    reporter = StopAfter(stop) if stop else NullReporter()
    return fit_sasrec(LISTS, COUNT, SMALL, 0, False, reporter, folder, codes=codes)


def weights(model: SasRec) -> dict[str, bytes]:
    return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}


def test_an_items_vector_is_its_row_and_the_gated_rows_of_its_codes() -> None:
    torch.manual_seed(0)
    model = SasRec(COUNT, SMALL, codes=CODES)
    coded = model.codes
    assert coded is not None and model.items is not None
    for item in range(COUNT):
        first, second = CODES[item]
        rows = [coded.rows.weight[first], coded.rows.weight[3 + second]]  # the first level has three codes
        gates = torch.sigmoid(coded.up(coded.down(torch.cat(rows)))).view(2, 8)
        whole = model.items.weight[item] + sum(gate * row for gate, row in zip(gates, rows, strict=True))
        assert torch.allclose(model.item_vectors()[item], whole / whole.norm(), atol=1e-5)
    some = torch.tensor([3, COUNT, 7])
    assert torch.allclose(model._vectors_of(some), model.item_vectors()[some], atol=1e-6)


def test_shut_gates_leave_a_plain_sasrec() -> None:
    torch.manual_seed(0)
    model = SasRec(COUNT, SMALL, codes=CODES)
    plain = SasRec(COUNT, SMALL)
    plain.load_state_dict({name: one for name, one in model.state_dict().items() if not name.startswith("codes.")})
    with torch.no_grad():
        assert model.codes is not None
        model.codes.up.weight.zero_()
        model.codes.up.bias.fill_(-200.0)
    assert np.array_equal(model.eval().score(LISTS), plain.eval().score(LISTS))


def test_what_was_saved_scores_the_same_and_stopping_changes_nothing(tmp_path: Path) -> None:
    whole = fitted(tmp_path / "whole")
    whole.save(tmp_path / "model.safetensors")
    again = SasRec.load(tmp_path / "model.safetensors", COUNT, SMALL)
    assert np.array_equal(again.score(LISTS), whole.score(LISTS))
    assert weights(again) == weights(whole)
    with pytest.raises(StopRequested):
        fitted(tmp_path / "stopped", stop=3)
    assert weights(fitted(tmp_path / "stopped")) == weights(whole)


def test_off_is_the_model_that_it_was(world: Path) -> None:
    named = 'evaluate.baselines=["sasrec-text"]'
    before, after = (recipes_of(Project.load(world, [named, *sets])) for sets in ([], ["sasrec.codes=true"]))
    assert "codes" not in before["teacher"]["settings"]
    assert after["teacher"]["inputs"].keys() == {"data", "semantic", "index"}
    assert all(after[name] == before[name] for name in ("data", "semantic", "sasrec", "behavior", "index"))


def test_the_sasrec_that_reads_text_reads_the_codes_of_the_index(world: Path) -> None:
    class Until(NullReporter):
        ended = False

        def stage_finished(self, name: str, seconds: float, summary: object) -> None:
            self.ended |= name == "teacher"

        def wants(self):  # type: ignore[no-untyped-def]
            return "stop" if self.ended else "go"

    sets = ["sasrec.codes=true", "sasrec.epochs=1", "index.method=moc", "index.rq-vae.epochs=2"]
    project = Project.load(world, sets)
    with pytest.raises(Interrupted):
        run_stages(project, Until())
    made = stages_of(project)
    model = SasRec.load(made["teacher"] / "sasrec.safetensors", 60, replace(project.sasrec))
    raw = np.load(made["index"] / "raw.npy")
    assert model.codes is not None
    numbers = model.codes.numbers[:-1].numpy()
    assert numbers.shape == raw.shape
    assert np.array_equal(numbers - numbers.min(axis=0), raw - raw.min(axis=0))
