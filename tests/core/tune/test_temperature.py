"""The temperature of training: one changes nothing, a low one follows the hardest others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.pipeline import recipes_of
from core.project import Project
from core.tune.target_rows import every_item_rows
from tests.core.engine_tools import sequences, small_index, small_lm
from tests.core.tune.tools import batch_of, objective_of

INDEX = small_index([[a, b] for a in range(3) for b in range(4)], (3, 4))
ROWS = every_item_rows(sequences([0, 5, 7, 2], [11, 3, 1]), 5)


@pytest.mark.parametrize("softmax", ["legal", "level", "vocabulary"])
def test_one_is_as_without_and_others_divide_the_logits(softmax: str, tmp_path: Path) -> None:
    lm, vocabulary = small_lm("tiny", tmp_path, INDEX)
    batch = batch_of(ROWS, vocabulary, INDEX)

    def gradient(**settings: float) -> tuple[float, torch.Tensor]:
        objective = objective_of(lm, vocabulary, INDEX, softmax=softmax, **settings)
        loss = objective(batch)[0]
        objective.zero_grad()
        loss.backward()
        return loss.item(), torch.cat([p.grad.flatten().clone() for p in objective.parameters() if p.grad is not None])

    (plain, of_plain), (same, of_same), (low, of_low) = gradient(), gradient(temperature=1.0), gradient(temperature=0.5)
    assert plain == same and torch.equal(of_plain, of_same)
    assert low != plain and not torch.allclose(of_low, of_plain)
    # Written out for the first code of the first target.
    objective = objective_of(lm, vocabulary, INDEX, softmax=softmax, temperature=0.5)
    states = objective._states(batch)
    item, nodes = batch.items[:1], objective.trie.nodes(batch.items[:1], 1)
    root = torch.zeros_like(item)
    hot = objective._log_probs(states[batch.heads[:1]], item, objective._parent_offset(root, 0), nodes, 0)[0]
    cold = objective_of(lm, vocabulary, INDEX, softmax=softmax)._log_probs(
        states[batch.heads[:1]], item, objective._parent_offset(root, 0), nodes, 0
    )[0]
    assert torch.allclose(hot, torch.log_softmax(cold * 2.0, dim=1), atol=1e-5)


def test_one_changes_no_fingerprint(world: Path) -> None:
    plain = recipes_of(Project.load(world))["tune"]["settings"]
    low = recipes_of(Project.load(world, ["tune.temperature=0.7"]))["tune"]["settings"]
    assert "temperature" not in plain and low == {**plain, "temperature": 0.7}
