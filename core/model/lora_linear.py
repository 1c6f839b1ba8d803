"""peft's LoRA layer with a forward that keeps little: the input as it is, and the adapter's narrow inside.

peft's own casts the input to the adapter's fp32 and makes the wide product, its scaled copy and the sum one after the
other; that is three wide tensors a layer more, and on a CPU a fifth of a step. Here the adapter's product is added
into the layer's. Import this only where peft is needed: it takes a second.
"""

from __future__ import annotations

from typing import Any

import torch
from peft.tuners.lora.layer import Linear
from torch import Tensor


class LoraLinear(Linear):
    """A linear layer with low-rank adapters, as peft saves, merges and names them."""

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The layer's product and those of the active adapters; (..., inputs) -> (..., outputs)."""
        keys = [key for key in self.active_adapters if key in self.lora_A]
        plain = not (self.disable_adapters or self.merged or args or kwargs or torch.compiler.is_compiling())
        if not plain or any(key in self.lora_variant or self.lora_bias[key] for key in keys):
            whole: Tensor = super().forward(x, *args, **kwargs)
            return whole
        result: Tensor = self.base_layer(x)
        for key in keys:
            inputs = self.lora_dropout[key](x).to(result.dtype)
            down, up = self.lora_A[key].weight.to(result.dtype), self.lora_B[key].weight.to(result.dtype)
            added: Any = _Added.apply(result, inputs, down, up, self.scaling[key])  # type: ignore[no-untyped-call]
            result = added
        return result


class _Added(torch.autograd.Function):
    """`result + scale * inputs @ down.T @ up.T`, into `result`.

    Shapes: result (..., outputs), inputs (..., inputs), down (rank, inputs), up (outputs, rank).
    """

    @staticmethod
    def forward(ctx: Any, result: Tensor, inputs: Tensor, down: Tensor, up: Tensor, scale: float) -> Tensor:
        with torch.autocast(result.device.type, enabled=False):
            inside = inputs @ down.t()  # (..., rank)
            result.view(-1, result.shape[-1]).addmm_(inside.flatten(0, -2), up.t(), alpha=scale)
        ctx.mark_dirty(result)
        ctx.save_for_backward(inputs, inside, down, up)
        ctx.scale = scale
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        inputs, inside, down, up = ctx.saved_tensors
        of_inside = ctx.scale * (gradient @ up)  # (..., rank)
        wanted = ctx.needs_input_grad
        of_inputs = of_inside @ down if wanted[1] else None
        of_down = of_inside.flatten(0, -2).t() @ inputs.flatten(0, -2) if wanted[2] else None
        of_up = ctx.scale * (gradient.flatten(0, -2).t() @ inside.flatten(0, -2)) if wanted[3] else None
        return gradient, of_inputs, of_down, of_up, None
