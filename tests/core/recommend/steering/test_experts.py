"""Experts learn to move users, the same way every time, and go on where they were stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.errors import StopRequested
from core.model.dense import DenseHead
from core.recommend.encoded import encode
from core.recommend.recommender import Recommender
from core.recommend.steering import experts
from core.recommend.steering.experts import Experts, Lessons, fit_experts, positions
from core.run.folder import RunFolder
from core.run.reporter import NullReporter, Reporter, Wish
from tests.core.engine_tools import sequences


def lessons(rows: int = 256) -> Lessons:
    """Users who say nothing of what they take next; what they ask for does: tag t holds the items 4t to 4t + 3."""
    draw = torch.Generator().manual_seed(0)
    items = functional.normalize(torch.randn(12, 6, generator=draw), dim=1)
    queries = functional.normalize(torch.randn(rows, 6, generator=draw), dim=1)
    members = torch.arange(12)[None] // 4 == torch.arange(3)[:, None]
    vectors = functional.normalize(members.float() @ items, dim=1)
    targets = torch.randint(12, (rows,), generator=draw)
    past = sequences(*[[n % 12] for n in range(rows)])
    return Lessons(queries, targets, past, items, -0.1, 0.1, vectors, torch.zeros(3, 12), members)


class Stops(NullReporter):
    """Asks to stop after some steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def wants(self) -> Wish:
        self.left -= 1
        return "stop" if self.left < 0 else "go"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experts, "BATCH", 32)
    monkeypatch.setattr(experts, "EPOCHS", 12)
    monkeypatch.setattr(experts, "RATE", 3e-2)


def fitted(folder: Path, reporter: Reporter | None = None, seed: int = 3) -> Experts:
    return fit_experts(lessons(), seed, reporter or NullReporter(), folder)


def test_they_learn(tmp_path: Path) -> None:
    known, trained = lessons(), fitted(tmp_path)
    tags = known.targets // 4
    plain = known.queries @ known.items.T / known.temperature
    prompts = known.vectors[tags]
    more = plain + trained(known.queries, prompts, 1) @ known.items.T / known.temperature
    assert functional.cross_entropy(more, known.targets) < functional.cross_entropy(plain, known.targets) - 0.3
    less = plain + trained(known.queries, prompts, -1) @ known.items.T / known.temperature
    inside = [(torch.softmax(one, 1) * known.members[tags]).sum(1).mean() for one in (less, plain, more)]
    assert inside[0] < inside[1] < inside[2]
    assert list(tmp_path.iterdir()) == []  # no checkpoint stays


def test_the_same_every_time_and_resumed(tmp_path: Path) -> None:
    whole, again = fitted(tmp_path / "a").state_dict(), fitted(tmp_path / "b").state_dict()
    assert all(torch.equal(whole[name], again[name]) for name in whole)
    with pytest.raises(StopRequested):
        fitted(tmp_path / "c", Stops(11))
    resumed = fitted(tmp_path / "c").state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    other = fitted(tmp_path / "d", seed=4).state_dict()
    assert any(not torch.equal(whole[name], other[name]) for name in whole)


def test_nothing_to_learn_from_is_the_start(tmp_path: Path) -> None:
    empty = Lessons(torch.zeros(0, 6), torch.zeros(0, dtype=torch.long), sequences(), torch.zeros(2, 6), 0.0, 0.1,
                    torch.zeros(0, 6), torch.zeros(0, 2), torch.zeros(0, 2, dtype=torch.bool))  # fmt: skip
    trained = fit_experts(empty, 0, NullReporter(), tmp_path)
    assert trained(torch.ones(1, 6), torch.ones(1, 6), 1).abs().max() == 0


def test_positions_are_what_the_lists_follow(trained: RunFolder) -> None:
    loaded = Recommender.load(trained.path)
    model, head = loaded.checkpoint.model, loaded.checkpoint.dense
    assert isinstance(head, DenseHead)
    train = sequences([3, 4, 6, 7], [9], [20, 21], *[[n % 9, 11, 12] for n in range(70)], [1, 2, 3, 4, 5, 6, 7, 8, 9])
    queries, targets, past = positions(model, head, train, 6, NullReporter())
    assert len(queries) == len(targets) == len(past) == 3 + 0 + 1 + 140 + 6
    assert past[len(past) - 1].tolist() == [3, 4, 5, 6, 7, 8] and targets[-1] == 9  # the newest part alone
    for place in (0, 1, 70, 143, len(past) - 1):
        states = encode(model, past[place][None]).states
        assert np.allclose(head.queries(states).numpy(), queries[place].numpy(), atol=1e-5)
