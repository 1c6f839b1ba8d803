"""SASRec's step with the blockwise softmax beside the loss as it was in 0.1.0, and the memory of a long training.

    python tests/benchmarks/engine/softmax.py RUN [--steps 60] [--threads 1] [--memory 600]

RUN is a finished run; its log and its settings of SASRec are used. Both losses train the same model from one start,
step by step in turns in one process, so that both feel what else the machine does; the figures are medians of the
processor's time, and their ratio (aim: 2). Products in bf16, where the processor has them, are the part that no
loss can do without: three of (targets, items, width), whose time is shown too. With `--memory` the blockwise loss alone
trains so many steps, and the memory of the process is printed every 50 (bar: flat, 2.5 GB on Beauty); start it with
`ONEDNN_PRIMITIVE_CACHE_CAPACITY=256 LRU_CACHE_CAPACITY=256`, as an engine has them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data.dataset import Dataset
from core.machine import prepare, use_bf16
from core.project import Project
from core.run.folder import RunFolder
from core.training.bucketing import bucketed
from core.vectors.sasrec_model import MEAN_LENGTH, SasRec, _NextItem
from core.vectors.sequence_model import SequenceBatch, padded

WARM = 5


class Frozen(nn.Module):
    """The loss of 0.1.0: all logits at once, in fp32 after the product, item vectors made twice."""

    def __init__(self, model: SasRec) -> None:
        super().__init__()
        self.model = model

    def item_vectors(self) -> Tensor:
        """(items + 1, width)."""
        return functional.normalize(self.model.items.weight, dim=-1)

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, dict[str, float], int]:
        """As `_NextItem`."""
        items = batch.items
        following = items[:, 1:]
        real = following != self.model.n_items
        states = self.model.encoded(items[:, :-1], self.item_vectors())[real]
        queries = functional.normalize(states, dim=-1)
        logits = queries @ self.item_vectors()[: self.model.n_items].T / self.model.settings.temperature
        loss = functional.cross_entropy(logits.float(), following[real])
        return loss, {}, int(real.sum())


class Setting:
    """A run's log, cut into the batches of an epoch."""

    def __init__(self, folder: RunFolder, threads: int) -> None:
        self.project = Project.load(folder.project_path)
        run = replace(self.project.run, threads=threads)
        prepare(run)
        self.bf16, self.settings = use_bf16(run), self.project.sasrec
        dataset = Dataset.load(folder.artefact("data"))
        self.n_items, train = dataset.n_items, dataset.train()
        most = self.settings.max_history + 1
        self.rows = [items[-most:] for items in (train[i] for i in range(len(train))) if len(items) > 1]
        self.lengths = np.array([len(row) for row in self.rows])

    def batch(self, step: int) -> SequenceBatch:
        """The batch of a step, epoch after epoch."""
        users = self.settings.batch_users
        epoch = 0
        while True:
            order = bucketed(self.lengths, users, (0, epoch), users * MEAN_LENGTH)
            if step < len(order):
                items = padded([self.rows[i] for i in order[step]], self.n_items)
                return SequenceBatch(items, torch.from_numpy(order[step]), epoch, step)
            step, epoch = step - len(order), epoch + 1

    def step_of(self, loss: Callable[[SasRec], nn.Module]) -> Callable[[SequenceBatch], float]:
        """What takes a batch and trains a fresh model a step; it returns the processor's seconds."""
        torch.manual_seed(0)
        objective = loss(SasRec(self.n_items, self.settings)).train()
        optimizer = torch.optim.AdamW(objective.parameters(), 1e-3, fused=True)

        def step(batch: SequenceBatch) -> float:
            began = time.process_time()
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                value = objective(batch)[0]
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(objective.parameters(), 1.0)
            optimizer.step()
            return time.process_time() - began

        return step

    def products(self, batch: SequenceBatch) -> float:
        """Seconds of the three products of a batch's loss, nothing else."""
        kind = torch.bfloat16 if self.bf16 else torch.float32
        targets = int((batch.items[:, 1:] != self.n_items).sum())
        states = torch.randn(targets, self.settings.hidden_size).to(kind)
        items = torch.randn(self.n_items, self.settings.hidden_size).to(kind)
        began = time.process_time()
        logits = states @ items.T
        logits @ items, logits.T @ states
        return time.process_time() - began


def resident() -> float:
    """MB of this process in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory", type=int, default=0)
    args = parser.parse_args()
    setting = Setting(RunFolder(args.run), args.threads)
    if args.memory:
        step = setting.step_of(lambda model: _NextItem(model, ()))
        for number in range(1, args.memory + 1):
            step(setting.batch(number - 1))
            if number % 50 == 0:
                print(f"{number:6,} steps  {resident():7,.0f} MB", flush=True)
        return
    steps = {"as in 0.1.0": setting.step_of(Frozen), "blockwise": setting.step_of(lambda model: _NextItem(model, ()))}
    seconds: dict[str, list[float]] = {name: [] for name in (*steps, "its products alone")}
    for number in range(WARM + args.steps):
        batch = setting.batch(number)
        for name, step in steps.items():
            seconds[name].append(step(batch))
        seconds["its products alone"].append(setting.products(batch))
    medians = {name: statistics.median(some[WARM:]) for name, some in seconds.items()}
    for name, median in medians.items():
        print(f"{name:20} {median * 1e3:7.1f} ms a step  {medians['as in 0.1.0'] / median:5.2f}x")


if __name__ == "__main__":
    main()
