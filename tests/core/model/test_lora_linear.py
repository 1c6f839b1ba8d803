"""LoRA's own forward beside peft's: the same products and gradients, in fp32 and in bf16, of one adapter and of two."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn

from core.model.lora_linear import LoraLinear


def layer_of(dtype: torch.dtype, adapters: int, dropout: float = 0.0) -> LoraLinear:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 20, dtype=dtype))
    for number in range(adapters):
        config = LoraConfig(r=3, lora_alpha=5, lora_dropout=dropout, target_modules=["0"])
        config._register_custom_module({nn.Linear: LoraLinear})
        inject_adapter_in_model(config, model, f"stage{number}")
    layer = model[0]
    assert type(layer) is LoraLinear
    layer.set_adapter([f"stage{number}" for number in range(adapters)])
    with torch.no_grad():
        for number in range(adapters):
            weight = layer.lora_B[f"stage{number}"].weight
            weight.copy_(torch.randn(weight.shape))
            layer.lora_A[f"stage{number}"].float()
            layer.lora_B[f"stage{number}"].float()
    return layer


def gradients(layer: LoraLinear, kind: type[Linear], autocast: bool) -> tuple[Tensor, list[Tensor]]:
    """The output, and the gradients of the input and of all that learns."""
    torch.manual_seed(1)
    inputs = torch.randn(2, 5, 12, dtype=layer.base_layer.weight.dtype, requires_grad=True)
    learning = [inputs, *(p for name, p in layer.named_parameters() if "lora_" in name)]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        out = kind.forward(layer, inputs)
        weights = torch.linspace(-1, 1, out.numel(), dtype=torch.float32).view_as(out)
        found = torch.autograd.grad((out * weights).sum(), learning, allow_unused=True)
    return out.detach(), [one if one is not None else torch.zeros(1) for one in found]


@pytest.mark.parametrize("adapters", [1, 2])
@pytest.mark.parametrize(("dtype", "autocast"), [(torch.float32, False), (torch.float32, True), (torch.bfloat16, True)])
def test_it_is_what_peft_computes(dtype: torch.dtype, autocast: bool, adapters: int) -> None:
    layer = layer_of(dtype, adapters)
    ours, peft = gradients(layer, LoraLinear, autocast), gradients(layer, Linear, autocast)
    close = {"rtol": 1e-5, "atol": 1e-5} if not autocast else {"rtol": 0.05, "atol": 0.1}
    assert ours[0].dtype == peft[0].dtype
    torch.testing.assert_close(ours[0], peft[0], **close)
    for one, other in zip(ours[1], peft[1], strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, **close)


def test_a_bf16_layer_computes_without_autocast_too() -> None:
    out, _ = gradients(layer_of(torch.bfloat16, 1), LoraLinear, autocast=False)
    assert out.dtype == torch.bfloat16 and out.isfinite().all()


def test_dropout_takes_inputs_of_the_adapter_alone() -> None:
    layer = layer_of(torch.float32, 1, dropout=0.5).train()
    inputs = torch.ones(1, 400, 12)
    torch.manual_seed(0)
    out, plain = layer(inputs)[0], layer.base_layer(inputs)[0, 0]
    parts = out.detach() - plain.detach()
    assert parts.std(dim=0).min() > 0  # other rows lost other inputs
    weight = layer.lora_B["stage0"].weight @ layer.lora_A["stage0"].weight * layer.scaling["stage0"]
    torch.testing.assert_close(parts.mean(dim=0), weight.detach().sum(dim=1), rtol=0.3, atol=0.6)


def test_it_merges_as_peft_does() -> None:
    layer = layer_of(torch.float32, 1).eval()
    inputs = torch.randn(3, 12)
    before = layer(inputs)
    layer.merge(safe_merge=True)
    torch.testing.assert_close(layer(inputs), before)
