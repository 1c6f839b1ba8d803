"""One training loop for everything that learns by gradient: resumable to the step, deterministic, and quiet.

The same code trains in one process or, where several were started together, in all of them (`core.training.processes`).
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import DataError, EagerError, StopRequested
from core.files import write_atomic, written_whole
from core.run.reporter import Reporter
from core.training.processes import processes
from core.training.schedule import Schedule

METRIC_EVERY = 20
"""Steps between two reports of a step's figures."""
SAVE_EVERY = 5.0
"""Seconds between two checkpoints at least; where somebody asks for one, it is written at once."""
LOST = 60.0
"""Seconds of training that a kill may cost: an epoch that takes longer is written inside, too."""


@dataclass
class Position:
    """Where training stands; all that a checkpoint holds besides tensors.

    Attributes:
        epoch: finished epochs.
        batch: batches of the current epoch that are done.
        step: steps of the optimizer so far.
        due: whether the last epoch waits for its validation.
        ended: whether the validation ended the training early.
        sums: of every loss in the current epoch: sum over targets, and their number.
        notes: what the caller wants to keep.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    due: bool = False
    ended: bool = False
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


class Loop:
    """Train `module`, whose forward takes a batch and returns losses to add up, and a count of targets.

    Args:
        module: forward(batch) -> (total loss, {name: mean loss}, targets).
        batches: the batches of an epoch; the same for the same epoch.
        schedule: epochs and step sizes.
        seed: of dropout; the batches bring their own.
        device: where to train.
        bf16: whether matrix products run in bf16.
        reporter: hears the progress; may ask for a checkpoint or a stop.
        folder: where the checkpoint for resuming lies (`loop-STEP.safetensors`, `loop.json`).
        task: name in the progress events.
        accumulate: batches before each step; where several processes train, each of them takes as many.
        shared: whether all processes that were started together do this training.
    """

    def __init__(
        self,
        module: nn.Module,
        batches: Callable[[int], Sequence[Any]],
        schedule: Schedule,
        *,
        seed: int,
        device: str,
        bf16: bool,
        reporter: Reporter,
        folder: Path,
        task: str,
        accumulate: int = 1,
        shared: bool = False,
    ) -> None:
        self.processes = processes(shared, device)
        self.device = torch.device(device)
        torch.manual_seed(seed + self.processes.rank)  # each process drops other activations
        self.bf16 = bf16
        self.module, self.batches, self.schedule = module, batches, schedule
        self.reporter, self.folder, self.task = reporter, folder, task
        self.accumulate = accumulate
        self.position = Position()
        self._reported, self._targets, self._tokens = 0.0, 0, 0  # when figures were last reported; what came since
        saved = self._read()
        if saved:
            self._put(_part(saved, "module."))  # while the module is whole
        self.wrapped, self.optimizer = self.processes.prepare(module, self._optimizer())
        # Parameters of the prepared module: under FSDP they are others than before.
        self.learning = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.average = [p.detach().clone() for p in self.learning.values()] if schedule.ema else []
        if saved:
            self._resume(saved)

    def _optimizer(self) -> torch.optim.Optimizer:
        learning = [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]
        decayed = [p for name, p in learning if p.ndim > 1 and _decays(name)]
        others = [p for name, p in learning if not (p.ndim > 1 and _decays(name))]
        groups = [
            {"params": decayed, "weight_decay": self.schedule.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.schedule.learning_rate, betas=(0.9, 0.98), fused=True)

    def run(self, after_epoch: Callable[[int], bool] = lambda epoch: True) -> None:
        """Train to the end.

        Args:
            after_epoch: called with the number of finished epochs; False ends the training.

        Raises:
            StopRequested: somebody asked to stop; the checkpoint is written.
        """
        a_step = self.accumulate * self.processes.count  # batches of all processes together
        total = self.schedule.epochs * math.ceil(len(self.batches(0)) / a_step)
        place, self._saved = self.position, time.monotonic()
        while True:
            if place.due:  # an epoch has ended, here or before an interruption
                place.ended = not self._judged(after_epoch)
                place.due = False
                self._reported = 0.0  # the validation's time is not the training's
                over = place.ended or place.epoch >= self.schedule.epochs
                # Of short epochs not each is worth writing; the first process's clock counts.
                if self.processes.agreed(over or time.monotonic() - self._saved >= SAVE_EVERY):
                    self.save()
            if place.ended or place.epoch >= self.schedule.epochs:
                break
            batches = self._batches(place.epoch)
            self.wrapped.train()
            while place.batch < len(batches):
                group = range(place.batch, min(place.batch + a_step, len(batches)))
                self._step(batches, group, total)
                place.batch = group.stop
                place.step += 1
                self.reporter.progress(self.task, place.step, total, "steps")
                self._obey()
            del batches  # what the teachers expect of this epoch, before they are asked about the next
            place.epoch, place.batch, place.due = place.epoch + 1, 0, True
            self._report_epoch()

    def _judged(self, after_epoch: Callable[[int], bool]) -> bool:
        """Whether training goes on; the first process finds out for all, on whole and averaged weights."""
        verdict: bool | str = False
        with self.averaged(), self.processes.gathered(self.wrapped):
            if self.first:
                try:
                    verdict = after_epoch(self.position.epoch)
                except StopRequested:
                    verdict = "stop"
        verdict = self.processes.agreed(verdict)
        if verdict == "stop":
            raise StopRequested(self.save())
        return bool(verdict)

    def _batches(self, epoch: int) -> Sequence[Any]:
        """An epoch's batches; making them can take a while (teachers are asked), so a stop is obeyed there, too."""
        batches: Sequence[Any] = ()
        stop = False
        try:
            batches = self.batches(epoch)
        except StopRequested:
            stop = True
        if self.processes.agreed(stop):
            raise StopRequested(self.save())
        return batches

    @property
    def first(self) -> bool:
        """Whether this process writes and validates for all."""
        return self.processes.rank == 0

    def averaged(self) -> _Swapped:
        """A context in which the module holds the running mean of its weights."""
        return _Swapped(list(self.learning.values()), self.average)

    def save(self) -> Path:
        """Write the checkpoint, whole or not at all; all processes call it, the first one writes."""
        frozen = {name for name, p in self.module.named_parameters() if not p.requires_grad}
        kept = {name: tensor for name, tensor in self.module.state_dict().items() if name not in frozen}
        state = {f"module.{name}": tensor for name, tensor in kept.items()}
        for i, moments in self.optimizer.state_dict()["state"].items():
            state.update({f"optimizer.{i}.{name}": tensor for name, tensor in moments.items()})
        state.update({f"average.{i}": tensor for i, tensor in enumerate(self.average)})
        state["random"] = torch.get_rng_state()
        if self.device.type == "cuda":
            state["random.cuda"] = torch.cuda.get_rng_state()
        tensors: dict[str, Tensor] = {}
        for name, tensor in state.items():
            full = self.processes.full(tensor.detach())
            if self.first:
                tensors[name] = full.cpu().contiguous().clone()
        if self.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            # The step in the tensors' file ties the two files together.
            meta = {
                "step": str(self.position.step),
                "epoch": str(self.position.epoch),
                "batch": str(self.position.batch),
            }
            with written_whole(self.folder / f"loop-{self.position.step}.safetensors") as fresh:
                save_file(tensors, fresh, metadata=meta)
            write_atomic(self.folder / "loop.json", json.dumps(vars(self.position)))
            for old in self.folder.glob("loop-*.safetensors"):
                if old.name != f"loop-{self.position.step}.safetensors":
                    old.unlink()
        self._saved = time.monotonic()
        return self.folder

    def forget(self) -> None:
        """Remove the checkpoint: the training is over."""
        for file in (*self.folder.glob("loop-*.safetensors"), self.folder / "loop.json"):
            file.unlink(missing_ok=True)

    def _read(self) -> dict[str, Tensor]:
        """The tensors of the checkpoint, and the position that goes with them; empty where there is none."""
        if not (self.folder / "loop.json").is_file():
            return {}
        try:
            self.position = Position(**json.loads((self.folder / "loop.json").read_text()))
            return load_file(self.folder / f"loop-{self.position.step}.safetensors")
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            raise DataError(f"{self.folder}: the checkpoint cannot be read ({error})", "train with --new") from error

    def _resume(self, saved: dict[str, Tensor]) -> None:
        """Take up the optimizer, the mean of the weights and the random numbers where the checkpoint left them."""
        plan = self.optimizer.state_dict()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(saved, "optimizer.").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = self.processes.sharded(tensor, parameters[int(index)])
        self.optimizer.load_state_dict({"state": moments, "param_groups": plan["param_groups"]})
        for i, mean in enumerate(self.average):
            mean.copy_(self.processes.sharded(saved[f"average.{i}"], mean))
        if self.first:
            torch.set_rng_state(saved["random"])
            if "random.cuda" in saved:
                torch.cuda.set_rng_state(saved["random.cuda"])
        self.reporter.log(f"{self.task}: resumed at step {self.position.step}")

    def _put(self, state: dict[str, Tensor]) -> None:
        """Fill in what learns; what is frozen stays as it is."""
        learning = {name for name, p in self.module.named_parameters() if p.requires_grad}
        try:
            keys = self.module.load_state_dict(state, strict=False)
            fits = not keys.unexpected_keys and not set(keys.missing_keys) & learning
        except RuntimeError:  # a tensor has another shape
            fits = False
        if not fits:
            raise DataError(f"{self.folder}: the checkpoint belongs to another model", "train with --new")

    def _step(self, batches: Sequence[Any], group: range, total: int) -> None:
        """One step with the mean loss of some batches; this process takes every so many-th of them."""
        rate = self.schedule.learning_rate * self.schedule.factor(self.position.step, total)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        losses, counts, targets = self._gradients(batches, group)
        self._check(losses)
        norm = self.processes.clip(self.wrapped.parameters(), 1.0)
        self.optimizer.step()
        self._targets += targets
        for name, value in losses.items():  # the epoch's means are over its targets
            before, weight = self.position.sums.get(name, (0.0, 0))
            self.position.sums[name] = (before + value * counts[name], weight + counts[name])
        if self.position.step % METRIC_EVERY == 0 or group.stop == len(batches):  # patience may end it here
            self._report({**losses, "learning_rate": rate, "gradient_norm": norm})
        if self.average:
            # A short memory at first, so that the mean forgets the random start.
            decay = min(self.schedule.ema, (1 + self.position.step) / (10 + self.position.step))
            with torch.no_grad():
                torch._foreach_lerp_(self.average, list(self.learning.values()), 1.0 - decay)

    def _gradients(self, batches: Sequence[Any], group: range) -> tuple[dict[str, float], dict[str, int], int]:
        """Add up the gradients of a step's batches.

        Returns:
            Of this process's batches: the mean of every loss over its targets, these targets, and all targets.
        """
        count_all = self.processes.count
        own = group[self.processes.rank :: count_all]
        turns = len(group[::count_all])
        losses, counts = dict[str, float](), dict[str, int]()
        targets = 0
        for turn in range(turns):
            # All processes call the model equally often, else they wait for each other: one with no batch left
            # takes the first again, at no weight.
            idle = turn >= len(own)
            batch = batches[group[0] if idle else own[turn]]
            last = turn == turns - 1
            with contextlib.nullcontext() if last else self.processes.quiet(self.wrapped):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                    loss, parts, count = self.wrapped(batch)
                # Gradients are averaged over the processes: with this factor they become the mean over the group.
                self.processes.backward(loss * (0.0 if idle else count_all / len(group)))
            if not idle:
                targets += int(count)
                self._tokens += int(getattr(batch, "token_count", 0))
                for name, value in parts.items():  # not every batch has every part
                    losses[name] = losses.get(name, 0.0) + value * count
                    counts[name] = counts.get(name, 0) + int(count)
        return {name: value / max(counts[name], 1) for name, value in losses.items()}, counts, targets

    def _check(self, losses: dict[str, float]) -> None:
        """Refuse to go on from a loss that is no number."""
        if all(map(math.isfinite, losses.values())):
            return
        broken = next(name for name, value in losses.items() if not math.isfinite(value))
        self.reporter.alert("error", "training broke", f"{broken} is no number at step {self.position.step}")
        raise EagerError(
            f"{self.task}: {broken} is no number at step {self.position.step}",
            "a smaller learning_rate of the stage, or run.dtype = 'fp32'; `train --new` begins again",
        )

    def _report(self, values: dict[str, float]) -> None:
        """Report a step's figures, and the speed since the last ones."""
        now = time.monotonic()
        if self._reported:
            for name, done in (("targets", self._targets), ("tokens", self._tokens)):
                if done:
                    values[f"{name}_per_second"] = round(done / max(now - self._reported, 1e-6), 1)
        self._reported, self._targets, self._tokens = now, 0, 0
        if self.device.type == "cuda":
            values["gpu_memory_gib"] = torch.cuda.max_memory_allocated(self.device) / 2**30
        self.reporter.metric(self.position.step, values)

    def _report_epoch(self) -> None:
        """Report the means over an epoch's targets."""
        sums, self.position.sums = self.position.sums, {}
        means = {f"epoch_{name}": value / max(weight, 1) for name, (value, weight) in sums.items()}
        self.reporter.metric(self.position.step, means)

    def _obey(self) -> None:
        """Write a checkpoint or stop where somebody asks for it, or it is time; the first process decides for all."""
        wish: str = self.reporter.wants()
        wish = self.processes.agreed("save" if wish == "go" and time.monotonic() - self._saved >= LOST else wish)
        if wish == "go":
            return
        folder = self.save()
        if wish == "save":
            return
        self.reporter.checkpoint(folder, self.position.step)
        if wish == "stop":
            raise StopRequested(folder)


class _Swapped:
    """A context in which parameters have other values; nothing happens where there are none."""

    def __init__(self, parameters: list[nn.Parameter], values: list[Tensor]) -> None:
        self.parameters, self.values = parameters, values

    def __enter__(self) -> None:
        self.kept = [p.detach().clone() for p in self.parameters] if self.values else []
        with torch.no_grad():
            for parameter, value in zip(self.parameters, self.values, strict=False):
                parameter.copy_(value)

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.parameters, self.kept, strict=False):
                parameter.copy_(value)


def _decays(name: str) -> bool:
    """Whether weight decay is for a matrix: rows that stand for tokens or items are left alone, and heads."""
    return not any(part in name for part in ("embed", "items", "wte", "wpe", "lm_head"))


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
