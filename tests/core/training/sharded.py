"""One of several processes that train a small model under FSDP on the CPU; started by `test_sharded.py`.

accelerate turns FSDP on where there are GPUs alone, so it is turned on by hand here; the rest is as it is there.

Arguments: folder of the checkpoint, steps after which to stop (0 = never), file for the weights.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from accelerate import FullyShardedDataParallelPlugin
from accelerate.state import AcceleratorState, DistributedType
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import StopRequested
from core.run.reporter import NullReporter, Reporter
from core.training.loop import Loop
from core.training.schedule import Schedule
from tests.core.engine_tools import StopAfter

SIZE, BATCHES, EPOCHS = 6, 4, 3


class Block(nn.Module):
    """What a decoder's layer is: FSDP cuts it by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIZE, SIZE)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.tanh(self.linear(x))


class Small(nn.Module):
    """Blocks, an embedding that is tied to the head, and a row that stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(10, SIZE)
        self.blocks = nn.Sequential(Block(), Block())
        self.head = nn.Linear(SIZE, 10, bias=False)
        self.still = nn.Parameter(torch.ones(2, SIZE), requires_grad=False)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(1)
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        self.head.weight = self.embed.weight

    def logits(self, tokens: Tensor) -> Tensor:
        return nn.functional.linear(self.blocks(self.embed(tokens)), self.head.weight)

    def forward(self, batch: Tensor) -> tuple[Tensor, dict[str, float], int]:
        loss = nn.functional.cross_entropy(self.logits(batch), (batch + 1) % 10)
        return loss, {"loss": loss.item()}, len(batch)


def batches(epoch: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(epoch)
    return [torch.randint(10, (8,), generator=generator) for _ in range(BATCHES)]


def force_fsdp() -> None:
    """Let accelerate cut models on the CPU too."""
    plain = AcceleratorState.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        self.distributed_type = DistributedType.FSDP
        self.fsdp_plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2, auto_wrap_policy="transformer_based_wrap", transformer_cls_names_to_wrap=["Block"]
        )

    AcceleratorState.__init__ = init  # type: ignore[method-assign]


def small_loop(module: nn.Module, folder: Path, reporter: Reporter, accumulate: int = 1) -> Loop:
    """The training of a `Small`, by all processes together."""
    return Loop(
        module,
        batches,
        Schedule(EPOCHS, 0.05, weight_decay=0.1, ema=0.8),
        seed=0,
        device="cpu",
        bf16=False,
        reporter=reporter,
        folder=folder,
        task="small",
        accumulate=accumulate,
        shared=True,
    )


def trained(module: Small, loop: Loop) -> dict[str, Tensor]:
    """What every epoch's judge sees (weights, and what they give) and the weights at the end."""
    seen: dict[str, Tensor] = {}

    def judge(epoch: int) -> bool:
        """As the first process validates and saves, alone: parts of the model are called by themselves."""
        with torch.inference_mode():
            logits = module.logits(torch.arange(10))
        for name, tensor in {**module.state_dict(), "logits": logits}.items():
            seen[f"{epoch}.{name}"] = tensor.detach().clone()
        return True

    loop.run(judge)
    ending = {name: loop.processes.full(tensor.detach()).clone() for name, tensor in module.state_dict().items()}
    return {**seen, **ending}


def main(folder: Path, stop: int, out: Path) -> None:
    module = Small()
    loop = small_loop(module, folder, StopAfter(stop) if stop else NullReporter())
    assert torch.distributed.get_world_size() == 2
    own = [p for p in module.parameters() if p.requires_grad]
    in_optimizer = {id(p) for group in loop.optimizer.param_groups for p in group["params"]}
    assert in_optimizer == {id(p) for p in own}  # not those from before the model was cut
    assert all(p.to_local().numel() < p.numel() for p in own)  # type: ignore[operator]
    try:
        tensors = trained(module, loop)
    except StopRequested:
        return
    if loop.first:
        save_file(tensors, out)


if __name__ == "__main__":
    force_fsdp()
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    torch.distributed.destroy_process_group()
