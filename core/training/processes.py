"""One process or several: what training asks of the others.

Several are started by `torchrun` or `accelerate launch`, which tell each its rank through the environment. Only the
tuning stage is shared among them; whatever else there is to make, the first process makes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn

from core.run.launch import world_size

PATIENCE = timedelta(hours=12)
"""How long a process waits for the others: the first one validates alone, which takes its time."""


class Alone:
    """A process that trains by itself."""

    count = 1
    rank = 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module whose forward is called in training."""
        return module

    def quiet(self, module: nn.Module) -> AbstractContextManager[Any]:
        """A context in which gradients add up and nobody talks about them."""
        return contextlib.nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Compute gradients."""
        loss.backward()

    def clip(self, parameters: Iterable[nn.Parameter], norm: float) -> float:
        """Shorten the gradient to `norm`; returns its length before."""
        return float(nn.utils.clip_grad_norm_(parameters, norm))

    def agreed(self, value: Any) -> Any:
        """The first process's value, for all."""
        return value


class Together:
    """A process that trains with others, under accelerate; its settings (FSDP, say) are accelerate's own.

    Args:
        device: `cpu` or `cuda:N`.
    """

    def __init__(self, device: str) -> None:
        from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs

        # Not every batch asks every projector.
        handlers = [
            InitProcessGroupKwargs(timeout=PATIENCE),
            DistributedDataParallelKwargs(find_unused_parameters=True),
        ]
        self.accelerator = Accelerator(cpu=device == "cpu", kwargs_handlers=handlers)
        self.count, self.rank = self.accelerator.num_processes, self.accelerator.process_index

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module whose forward is called in training."""
        wrapped: nn.Module = self.accelerator.prepare_model(module)
        return wrapped

    def quiet(self, module: nn.Module) -> AbstractContextManager[Any]:
        """A context in which gradients add up and nobody talks about them."""
        context: AbstractContextManager[Any] = self.accelerator.no_sync(module)
        return context

    def backward(self, loss: Tensor) -> None:
        """Compute gradients, averaged over the processes."""
        self.accelerator.backward(loss)

    def clip(self, parameters: Iterable[nn.Parameter], norm: float) -> float:
        """Shorten the gradient to `norm`; returns its length before."""
        length = self.accelerator.clip_grad_norm_(list(parameters), norm)
        return float(length) if length is not None else 0.0

    def agreed(self, value: Any) -> Any:
        """The first process's value, for all."""
        held = [value]
        torch.distributed.broadcast_object_list(held, src=0)
        return held[0]


def processes(shared: bool, device: str) -> Alone | Together:
    """Who trains.

    Args:
        shared: whether the work is one that all processes do together.
        device: where this one computes.
    """
    return Together(device) if shared and world_size() > 1 else Alone()
