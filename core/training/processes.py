"""One process or several: what training asks of the others.

Several are started by `torchrun` or `accelerate launch`, which tell each its rank through the environment. Only the
tuning stage is shared among them; whatever else there is to make, the first process makes.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from core.errors import EnvironmentFault
from core.run.launch import world_size

PATIENCE = timedelta(hours=12)
"""How long a process waits for the others: the first one validates alone, which takes its time."""


def leave() -> None:
    """Part from the other processes, before the interpreter ends under threads that still speak with them."""
    # A thread of gloo that outlives the interpreter aborts the process ("terminate called").
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class Alone:
    """A process that trains by itself.

    Not an accelerator of one process: there can be one alone in a process, on one device, and small models train on
    the CPU before and after the large one does on a GPU.
    """

    count = 1
    rank = 0

    def prepare(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The module whose forward is called in training, and what moves its parameters."""
        return module, optimizer

    def full(self, tensor: Tensor) -> Tensor:
        """A tensor of the model or the optimizer, whole."""
        return tensor

    def sharded(self, tensor: Tensor, parameter: Tensor) -> Tensor:
        """This process's part of a whole tensor, cut as a parameter of its shape is."""
        return tensor

    def gathered(self, module: nn.Module) -> AbstractContextManager[Any]:
        """A context in which the first process may use and save the module as if it were alone; all enter it."""
        return contextlib.nullcontext()

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

    Raises:
        EnvironmentFault: accelerate is set to FSDP 1, which hides the parameters in flat ones.
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
        self.fsdp: Any = self.accelerator.state.fsdp_plugin if self.accelerator.is_fsdp2 else None
        if self.fsdp is None and self.accelerator.distributed_type == "FSDP":
            raise EnvironmentFault("FSDP 1 is not supported", "set fsdp_version to 2 (`accelerate config`)")
        if self.fsdp is not None:
            # Every process has the weights already; sent from the first one, tied ones would come apart.
            self.fsdp.cpu_ram_efficient_loading = False

    def prepare(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """The module whose forward is called in training, and what moves its parameters.

        Both at once: FSDP puts parameters of its own into the module, and into the optimizer.

        Raises:
            EnvironmentFault: under FSDP, a parameter that is a single number, as `contrast.form = "next"` has one.
        """
        single = [name for name, parameter in module.named_parameters() if parameter.ndim == 0]
        if self.fsdp is not None and single:
            raise EnvironmentFault(
                f"FSDP cannot share out {single[0]}, a single number", "train without FSDP, or contrast.form = 'none'"
            )
        prepared: tuple[nn.Module, Optimizer] = self.accelerator.prepare(module, optimizer)
        return prepared

    def full(self, tensor: Tensor) -> Tensor:
        """A tensor of the model or the optimizer, whole; under FSDP all processes ask for the same ones in order."""
        return tensor.full_tensor() if isinstance(tensor, _dtensor()) else tensor

    def sharded(self, tensor: Tensor, parameter: Tensor) -> Tensor:
        """This process's part of a whole tensor, cut as a parameter of its shape is."""
        if not isinstance(parameter, _dtensor()) or tensor.shape != parameter.shape:
            return tensor
        from torch.distributed.tensor import distribute_tensor

        here = tensor.to(parameter.device)
        return distribute_tensor(here, parameter.device_mesh, parameter.placements, src_data_rank=None)

    @contextlib.contextmanager
    def gathered(self, module: nn.Module) -> Iterator[None]:
        """A context in which the first process may use and save the module as if it were alone; all enter it.

        Under FSDP it holds the whole weights then, and its parts are called without FSDP's hooks, which would wait for
        the other processes.
        """
        if self.fsdp is None:
            yield
            return
        from torch.distributed.fsdp import FSDPModule

        owners = [(one, name, p) for one in module.modules() for name, p in one._parameters.items() if p is not None]
        full: dict[int, nn.Parameter] = {}  # of each parameter once: tied ones stay tied
        for parameter in module.parameters():
            tensor = self.full(parameter.detach())
            if self.rank == 0:
                full[id(parameter)] = nn.Parameter(tensor, requires_grad=parameter.requires_grad)
        parts = [part for part in module.modules() if isinstance(part, FSDPModule)]
        hooks = [(part._forward_pre_hooks, part._forward_hooks) for part in parts]
        for owner, name, parameter in owners:
            owner._parameters[name] = full.get(id(parameter), parameter)
        for part in parts:
            part._forward_pre_hooks, part._forward_hooks = OrderedDict(), OrderedDict()
        try:
            yield
        finally:
            for part, (before, after) in zip(parts, hooks, strict=True):
                part._forward_pre_hooks, part._forward_hooks = before, after
            for owner, name, parameter in owners:
                owner._parameters[name] = parameter

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
        return float(self.full(length)) if length is not None else 0.0

    def agreed(self, value: Any) -> Any:
        """The first process's value, for all."""
        values = [value]
        torch.distributed.broadcast_object_list(values, src=0)
        return values[0]


def _dtensor() -> Any:
    """The type of a tensor that is cut among processes."""
    from torch.distributed.tensor import DTensor

    return DTensor


def processes(shared: bool, device: str) -> Alone | Together:
    """Who trains.

    Args:
        shared: whether the work is one that all processes do together.
        device: where this one computes.
    """
    return Together(device) if shared and world_size() > 1 else Alone()
