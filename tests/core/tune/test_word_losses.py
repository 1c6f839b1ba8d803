"""The loss of words over a frozen vocabulary beside plain cross-entropy: the same numbers and gradients."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from core.model.backbone import grow
from core.model.forward import embed, head_logits, hidden_states
from core.model.peft_layers import adapt, adapter_parameters
from core.model.pretrained import load_model
from core.model_settings import LoraSettings
from core.tune import word_losses as module
from core.tune.word_losses import word_losses
from tests.core.model.families import write_family

NEW = 8


def adapted(family: str, folder: Path, train: str, **extra: float) -> tuple[PreTrainedModel, int]:
    lm = load_model(str(write_family(family, folder / family, **extra)), "cpu")
    size = lm.config.vocab_size
    grow(lm, size + NEW)
    adapt(lm, train, LoraSettings(dropout=0.0), list(range(size, size + NEW)), "stage")
    torch.manual_seed(0)
    with torch.no_grad():
        for _, parameter in adapter_parameters(lm):
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return lm, size


def plain(lm: PreTrainedModel, states: Tensor, words: Tensor) -> Tensor:
    return functional.cross_entropy(head_logits(lm, states).float(), words, reduction="none")


@pytest.mark.parametrize(
    ("family", "train", "extra"),
    [
        ("llama", "lora+new-tokens", {}),
        ("qwen3", "lora+new-tokens", {}),
        ("gemma3", "lora", {}),
        ("gemma3", "lora+new-tokens", {"final_logit_softcapping": 2.0}),
    ],
)
def test_losses_and_gradients(
    family: str, train: str, extra: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm, size = adapted(family, tmp_path, train, **extra)
    monkeypatch.setattr(module, "BLOCK_LOGITS", 4 * (size + NEW))  # five words take two blocks
    tokens = torch.tensor([[5, size, 9, size + NEW - 1, 11, 3]])
    words = torch.tensor([7, size + 1, 0, size - 1, size + NEW - 1])
    weights = torch.tensor([0.3, 1.0, 0.0, 2.0, 0.5])  # tasks weigh differently
    found = []
    for losses in (word_losses, plain):
        lm.zero_grad()
        states = hidden_states(lm, embed(lm, tokens))[0, :-1]
        each = losses(lm, states, words)
        (each * weights).sum().backward()
        gradients = {name: p.grad.clone() for name, p in adapter_parameters(lm) if p.grad is not None}
        found.append((each.detach(), gradients))
    (ours, our_gradients), (theirs, their_gradients) = found
    torch.testing.assert_close(ours, theirs)
    assert set(our_gradients) == set(their_gradients) and len(ours) == 5
    for name, gradient in their_gradients.items():
        torch.testing.assert_close(our_gradients[name], gradient, rtol=1e-4, atol=1e-6)
    assert any(gradient.abs().max() > 0 for gradient in their_gradients.values())


def test_a_head_that_learns_gets_its_gradient(tmp_path: Path) -> None:
    lm = load_model(str(write_family("qwen3", tmp_path / "lm")), "cpu")
    adapt(lm, "all", LoraSettings(), [], "stage")
    states = torch.randn(4, lm.config.hidden_size, requires_grad=True)
    word_losses(lm, states, torch.tensor([1, 2, 3, 4])).sum().backward()
    assert states.grad is not None and lm.get_output_embeddings().weight.grad.abs().sum() > 0


def test_neither_logits_nor_the_matrix_are_kept(tmp_path: Path) -> None:
    lm, size = adapted("qwen3", tmp_path, "lora+new-tokens")
    states = torch.randn(3, lm.config.hidden_size, requires_grad=True)
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.extend(tensor.shape)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        word_losses(lm, states, torch.tensor([1, 2, size])).sum()
    assert kept and max(kept) == lm.config.hidden_size
