"""The training of the small models behind behaviour vectors: resumable, and nothing of it stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from core.run.reporter import Reporter
from core.training.loop import Loop
from core.training.schedule import Schedule


def fit(
    task: str,
    model: nn.Module,
    batches: Callable[[int], Sequence[Any]],
    schedule: Schedule,
    seed: int,
    reporter: Reporter,
    folder: Path,
    bf16: bool = False,
    device: str = "cpu",
) -> None:
    """Train a model to the end of its schedule.

    Args:
        task: names it in the progress.
        model: trained in place; see `core.training.loop.Loop` for what its `forward` gives.
        batches: those of an epoch.
        schedule: epochs and learning rate.
        seed: of whatever the training draws.
        reporter: hears the progress; may ask to stop.
        folder: where a checkpoint is left for resuming, until the end.
        bf16: whether to compute in bfloat16.
        device: where to train.

    Raises:
        StopRequested: somebody asked to stop.
    """
    loop = Loop(
        model, batches, schedule, seed=seed, device=device, bf16=bf16, reporter=reporter, folder=folder, task=task
    )
    loop.run()
    loop.forget()
