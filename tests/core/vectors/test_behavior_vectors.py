"""Behaviour vectors: PPMI, and SASRec as a model that scores and as a source of vectors."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.data.arrays import Sequences
from core.errors import StopRequested
from core.run.reporter import NullReporter, Reporter
from core.settings import SasrecSettings
from core.vectors import sasrec_model
from core.vectors.ppmi import ppmi_svd_vectors
from core.vectors.sasrec_model import SasRec, fit_sasrec
from tests.core.engine_tools import Recorder, StopAfter, sequences

SMALL = SasrecSettings(hidden_size=16, layers=1, heads=2, dropout=0.2, batch_users=16, epochs=4, max_history=6)


def ring(items: int = 20, users: int = 60) -> Sequences:
    """Everybody walks along a ring, one step at a time."""
    return sequences(*[[(start * 7 + step) % items for step in range(4 + start % 5)] for start in range(users)])


def test_ppmi_puts_companions_together() -> None:
    """Two worlds that never meet: every item's nearest one is of its own world."""
    rng = np.random.default_rng(0)
    train = sequences(*[(rng.permutation(8)[:5] + 8 * (user % 2)).tolist() for user in range(80)])
    held = ppmi_svd_vectors(train, 17, 6, 0)
    assert held.matrix.shape == (17, 6) and held.source == "ppmi-svd"
    assert held.known.tolist() == [True] * 16 + [False]
    assert held.matrix[16] == pytest.approx(held.matrix[:16].mean(axis=0), abs=1e-6)
    near = held.matrix[:16] @ held.matrix[:16].T
    np.fill_diagonal(near, -np.inf)
    assert all(item // 8 == int(near[item].argmax()) // 8 for item in range(16))
    assert held.matrix.tobytes() == ppmi_svd_vectors(train, 17, 6, 0).matrix.tobytes()


def test_full_rank_ppmi_vectors_span_the_ppmi_matrix() -> None:
    """With every dimension kept, the vectors are the rows of U sqrt(S) of the matrix counted by hand."""
    train = sequences([0, 1, 2, 3, 0], [3, 1, 4, 4], [2], [5, 0, 2, 1])
    counts: dict[tuple[int, int], float] = defaultdict(float)
    for items in (train[n].tolist() for n in range(len(train))):
        for i, a in enumerate(items):
            for j in range(i + 1, min(i + 4, len(items))):
                counts[a, items[j]] += 1 / (j - i)
                counts[items[j], a] += 1 / (j - i)
    total = sum(counts.values())
    sums = [sum(v for (a, _), v in counts.items() if a == item) for item in range(6)]
    ppmi = np.zeros((6, 6))
    for (a, b), v in counts.items():
        ppmi[a, b] = max(0.0, math.log(v * total / (sums[a] * sums[b])))
    u, s, _ = np.linalg.svd(ppmi)
    rows = u[:, :5] * np.sqrt(s[:5])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    held = ppmi_svd_vectors(train, 6, 64, 0)
    assert held.matrix @ held.matrix.T == pytest.approx(rows @ rows.T, abs=0.02)


@pytest.mark.parametrize("lists", [[], [[0]], [[0], [1]], [[0, 0, 0]], [[0, 1]]])
@pytest.mark.parametrize("items", [2, 3, 9])
def test_ppmi_bears_logs_without_pairs(lists: list[list[int]], items: int) -> None:
    held = ppmi_svd_vectors(sequences(*lists), items, 4, 0)
    assert len(held.matrix) == items and np.isfinite(held.matrix).all()


def fit(folder: Path, train: Sequences, reporter: Reporter | None = None, seed: int = 0, **changed: float) -> SasRec:
    settings = SasrecSettings(**{**vars(SMALL), **changed})  # type: ignore[arg-type]
    return fit_sasrec(train, 20, settings, seed, False, reporter or NullReporter(), folder)


def test_sasrec_learns_the_next_item(tmp_path: Path) -> None:
    model = fit(tmp_path, ring(), epochs=30, learning_rate=1e-2)
    scores = model.score(sequences([3, 4, 5], [18, 19], [0]))
    assert scores.shape == (3, 20) and scores.dtype == np.float32
    assert scores.argmax(axis=1).tolist() == [6, 0, 1]


def test_sasrec_vectors(tmp_path: Path) -> None:
    model = fit(tmp_path, sequences([0, 1, 2], [3, 1]))
    held = model.vectors(sequences([0, 1, 2], [3, 1]))
    assert held.matrix.shape == (20, 16) and held.source == "sasrec"
    assert held.known.tolist() == [True] * 4 + [False] * 16
    assert np.linalg.norm(held.matrix[:4], axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert held.matrix[19].tolist() == held.matrix[4].tolist()


def test_sasrec_on_disk_scores_the_same(tmp_path: Path) -> None:
    model = fit(tmp_path, ring())
    model.save(tmp_path / "model.safetensors")
    again = SasRec.load(tmp_path / "model.safetensors", 20, SMALL)
    histories = sequences([1, 2], [5, 6, 7, 8], [9])
    assert again.score(histories).tobytes() == model.score(histories).tobytes()


def test_a_history_is_scored_alone(tmp_path: Path) -> None:
    """Neither the padding nor the neighbours in the batch show, and only the last `max_history` items count."""
    model = fit(tmp_path, ring())
    lists = [[1], [4, 5, 6], list(range(15)), [2, 9]]
    together = model.score(sequences(*lists))
    for row, items in enumerate(lists):
        assert model.score(sequences(items))[0] == pytest.approx(together[row], abs=1e-5)
    assert model.score(sequences(lists[2][-6:]))[0] == pytest.approx(together[2], abs=1e-5)
    assert np.abs(model.score(sequences(lists[2][-5:]))[0] - together[2]).max() > 1e-4


def test_sasrec_that_reads_features(tmp_path: Path) -> None:
    """The features take part in the scores, and travel with the model."""
    walks = ring(19)
    features = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)
    features[19] = features[6]
    settings = SasrecSettings(**{**vars(SMALL), "epochs": 25, "learning_rate": 1e-2})
    model = fit_sasrec(walks, 20, settings, 0, False, NullReporter(), tmp_path, features=features)
    places = [[(start + step) % 19 for step in range(3)] for start in range(19)]
    scores = model.score(sequences(*places))
    assert scores.argmax(axis=1).tolist() == [(start + 3) % 19 for start in range(19)]
    plain = fit_sasrec(walks, 20, settings, 0, False, NullReporter(), tmp_path)
    assert plain.features is None and plain.score(sequences(*places)).tobytes() != scores.tobytes()
    model.save(tmp_path / "model.safetensors")
    again = SasRec.load(tmp_path / "model.safetensors", 20, settings)
    assert again.score(sequences(*places)).tobytes() == scores.tobytes()


def weights(model: SasRec) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.state_dict().values()]


def test_the_seed_decides(tmp_path: Path) -> None:
    one = weights(fit(tmp_path / "a", ring()))
    torch.manual_seed(99)  # whatever ran before does not matter
    assert weights(fit(tmp_path / "b", ring())) == one
    assert weights(fit(tmp_path / "c", ring(), seed=1)) != one


@pytest.mark.parametrize("calls", [1, 4, 7])
def test_an_interrupted_fit_ends_with_the_same_weights(calls: int, tmp_path: Path) -> None:
    whole = weights(fit(tmp_path / "whole", ring()))
    with pytest.raises(StopRequested):
        fit(tmp_path / "halves", ring(), StopAfter(calls))
    assert weights(fit(tmp_path / "halves", ring())) == whole


def test_nothing_to_learn_from_leaves_a_fresh_model(tmp_path: Path) -> None:
    model = fit(tmp_path, sequences([1], [2], []))
    assert np.isfinite(model.score(sequences([1]))).all()
    assert model.vectors(sequences([1], [2], [])).known.sum() == 2


def test_a_sample_that_is_the_whole_catalogue_is_the_whole_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every item drawn once: the sum of the softmax is exact, and so are its gradients."""
    settings = replace(SMALL, dropout=0.0, negatives=20)
    torch.manual_seed(3)
    model = SasRec(20, settings, np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32))
    histories = torch.tensor([[1, 2, 3], [4, 5, 20], [6, 20, 20]])
    asked, targets = histories != 20, torch.tensor([2, 3, 4, 5, 6, 2])
    monkeypatch.setattr(torch, "randint", lambda high, size, device: torch.randperm(high))
    found = []
    for sampled in (False, True):
        model.zero_grad()
        vectors = model.item_vectors()
        whole = model.loss(model.encoded(histories, vectors)[asked], vectors, targets)
        value = model.sampled_loss(histories, asked, targets) if sampled else whole
        value.backward()
        found.append([value.detach(), *(p.grad.clone() for p in model.parameters())])  # type: ignore[union-attr]
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_a_model_that_learns_from_samples_learns_the_ring(tmp_path: Path) -> None:
    train = ring(40, 200)
    settings = replace(SMALL, dropout=0.0, negatives=16, epochs=15, learning_rate=1e-2)
    model = fit_sasrec(train, 40, settings, 0, False, NullReporter(), tmp_path)
    scores = model.score(sequences([3, 4, 5], [20, 21], [38, 39]))
    assert [int(row.argmax()) for row in scores] == [6, 22, 0]


def test_a_large_catalogue_is_advised_to_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sasrec_model, "LARGE", 10)
    for negatives, told in ((0, 1), (8, 0)):
        reporter = Recorder()
        fit_sasrec(ring(), 20, replace(SMALL, epochs=1, negatives=negatives), 0, False, reporter, tmp_path / str(told))
        assert len(reporter.alerts) == told
