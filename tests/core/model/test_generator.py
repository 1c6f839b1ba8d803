"""The objective against its definition, and backbones as they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import EnvironmentFault
from core.model.backbone import build_backbone
from core.model.vocabulary import build_vocabulary
from core.model_settings import BackboneSettings
from core.tune.soft_targets import SoftTargets
from core.tune.target_rows import TargetRows, every_item_rows
from tests.core.engine_tools import FAMILIES, TEXTS, exhaustive, sequences, small_index, small_lm, uneven_codes
from tests.core.tune.tools import batch_of, objective_of

COUNT = 30
TRAIN = [[3, 17, 4, 4, 29], [8, 1], list(range(9))]
TINY = BackboneSettings("tiny", hidden_size=16, layers=1, heads=2, intermediate_size=32, text_vocabulary=300)


def questions(rows: TargetRows) -> list[tuple[list[int], int]]:
    """History and target of every supervised place, row by row."""
    windows = [(rows.windows[n].tolist(), int(first)) for n, first in enumerate(rows.first_target)]
    return [(items[:place], items[place]) for items, first in windows for place in range(first, len(items))]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_what_decoding_scores(family: str, tmp_path: Path) -> None:
    """Minus the log-probability of every target among the whole catalogue, after all that stands before it."""
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    lm, vocabulary = small_lm(family, tmp_path, index, "a coral story")
    objective = objective_of(lm, vocabulary, index)
    rows = every_item_rows(sequences(*TRAIN), 4)
    with torch.no_grad():
        loss, parts, targets = objective(batch_of(rows, vocabulary, index))
    expected = [-exhaustive(lm, vocabulary, index, history)[target].sum() for history, target in questions(rows)]
    assert targets == len(expected) == 4 + 1 + 8
    assert float(loss) == pytest.approx(np.mean(expected), abs=1e-3)
    assert parts["loss"] == pytest.approx(float(loss), abs=1e-5)


def test_a_teachers_word_is_mixed_in_code_by_code(tmp_path: Path) -> None:
    """At every level of the target's path: each expected item that is still below it, by the teacher's trust."""
    index = small_index(uneven_codes(COUNT, 3, 3, 0)[:20], (3, 3, 3))
    lm, vocabulary = small_lm("tiny", tmp_path, index)
    rows = every_item_rows(sequences([3, 17, 4, 4, 19], [8, 1], list(range(9))), 4)
    asked = questions(rows)
    rng = np.random.default_rng(0)
    taught = np.stack([rng.choice(20, 6, replace=False) for _ in asked])
    taught[:, 0] = [target for _, target in asked]
    trust = rng.dirichlet(np.ones(6), len(asked)) * 0.9
    share = 0.3
    codes = index.codes.tolist()
    expected = []
    for (history, target), items, weights in zip(asked, taught, trust, strict=True):
        table = exhaustive(lm, vocabulary, index, history)
        word = sum(
            weight * table[item, level]
            for item, weight in zip(items, weights, strict=True)
            for level in range(3)
            if codes[item][:level] == codes[target][:level]
        )
        expected.append(-(1 - share) * table[target].sum() - share * word)
    soft_targets = SoftTargets(taught.astype(np.int32), trust.astype(np.float32))
    with torch.no_grad():
        batch = batch_of(rows, vocabulary, index, soft_targets)
        loss, parts, _ = objective_of(lm, vocabulary, index, distill=share)(batch)
        alone, own, _ = objective_of(lm, vocabulary, index)(batch_of(rows, vocabulary, index))
    assert float(loss) == pytest.approx(np.mean(expected), abs=1e-3)
    assert parts["loss"] == pytest.approx(own["loss"], abs=1e-5)  # what is shown is the answer's own loss
    assert float(loss) != pytest.approx(float(alone), abs=1e-2)


def test_training_lowers_the_loss_and_dropout_is_only_in_training(tmp_path: Path) -> None:
    torch.manual_seed(0)
    index = small_index(uneven_codes(COUNT, 2, 6, 0), (6, 6))
    lm, vocabulary = small_lm("tiny", tmp_path, index)
    objective = objective_of(lm, vocabulary, index, dropout=0.3, token_dropout=0.2)
    rows = every_item_rows(sequences(*[[(n + step) % COUNT for step in range(5)] for n in range(COUNT)]), 20)
    batch = batch_of(rows, vocabulary, index)
    objective.eval()
    before = objective(batch)[0].item()
    assert objective(batch)[0].item() == before
    objective.train()
    assert objective(batch)[0].item() != objective(batch)[0].item()
    optimizer = torch.optim.AdamW(objective.parameters(), lr=1e-2)
    for _ in range(15):
        optimizer.zero_grad()
        objective(batch)[0].backward()
        optimizer.step()
    objective.eval()
    assert objective(batch)[0].item() < 0.8 * before


def test_the_tiny_backbone() -> None:
    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    vocabulary = build_vocabulary(TINY, index, TEXTS, "")
    one = build_backbone(TINY, vocabulary, 0.1, "cpu", seed=0)
    assert one.config.vocab_size == len(vocabulary.tokenizer) == one.get_input_embeddings().weight.shape[0]
    assert one.get_input_embeddings().weight is one.get_output_embeddings().weight
    torch.manual_seed(5)
    same, other = (build_backbone(TINY, vocabulary, 0.1, "cpu", seed=seed) for seed in (0, 1))
    assert torch.equal(one.get_input_embeddings().weight, same.get_input_embeddings().weight)
    assert not torch.equal(one.get_input_embeddings().weight, other.get_input_embeddings().weight)


@pytest.mark.parametrize("family", FAMILIES[1:])
def test_a_checkpoint_gets_rows_for_the_codes(family: str, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    index = small_index(uneven_codes(COUNT, 3, 4, 0), (4, 4, 4))
    small_lm(family, tmp_path, index)
    settings = BackboneSettings(str(tmp_path))
    vocabulary = build_vocabulary(settings, index, TEXTS, "")
    lm, plain = build_backbone(settings, vocabulary, 0.0, "cpu", 0), AutoModelForCausalLM.from_pretrained(tmp_path)
    rows, old = lm.get_input_embeddings().weight, plain.get_input_embeddings().weight
    assert len(rows) == len(vocabulary.tokenizer) == len(old) + 12
    assert torch.equal(rows[: len(old)], old)
    assert lm.get_output_embeddings().weight.shape[0] == len(rows)
    again = build_backbone(settings, vocabulary, 0.0, "cpu", 0)
    assert torch.equal(rows, again.get_input_embeddings().weight)  # new rows too are the seed's


def test_a_backbone_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    index = small_index([[0], [1]])
    vocabulary = build_vocabulary(TINY, index, TEXTS, "")
    with pytest.raises(EnvironmentFault, match="tiny"):
        build_backbone(BackboneSettings(str(tmp_path / "nowhere")), vocabulary, 0.0, "cpu", 0)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
    with pytest.raises(EnvironmentFault, match="cannot load"):
        build_backbone(BackboneSettings(str(tmp_path)), vocabulary, 0.0, "cpu", 0)
