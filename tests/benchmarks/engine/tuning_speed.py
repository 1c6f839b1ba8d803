"""How fast `tiny` learns, factor by factor, and beside a plain Hugging Face Trainer on the same rows.

    python tests/benchmarks/engine/tuning_speed.py RUN [--steps 40] [--repeats 3]

RUN is a finished run of a project whose backbone is `tiny`; its data, index and settings are used. Every variant trains
the same model from the same start for some steps; the figures are medians over the repeats, taken in turns in one
process, and ratios to the variant named first. A target is an item that is predicted; a real token is no padding. The
steps take batches of all lengths of rows, as an epoch has them: spread evenly over its batches in order of length.

`ceiling` is what the machine does when it multiplies nothing but matrices of the model's own shapes, in bf16 where the
run computes in bf16; the share is what the products of training (forward once, backward twice) use of it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from core.data.dataset import Dataset
from core.index.table import ItemIndex
from core.machine import prepare, use_bf16
from core.model.backbone import build_backbone
from core.model.checkpoint import generator_of
from core.model.trie import Trie
from core.model.vocabulary import build_vocabulary
from core.project import Project
from core.run.folder import RunFolder
from core.tune.batch import Batch
from core.tune.batches import StageBatches
from core.tune.objective import Objective
from core.tune.target_rows import SequentialRows, every_item_rows, last_item_rows

WARM = 5


class Setting:
    """A run's model and rows."""

    def __init__(self, folder: RunFolder) -> None:
        self.project = Project.load(folder.project_path)
        prepare(self.project.run)
        self.bf16 = use_bf16(self.project.run)
        self.dataset = Dataset.load(folder.artefact("data"))
        self.index = ItemIndex.load(folder.artefact("index") / "index.parquet")
        texts = [text for text in self.dataset.items["text"].to_list() if text]
        self.vocabulary = build_vocabulary(self.project.backbone, self.index, texts, "")
        self.train = self.dataset.train()

    def model(self) -> Any:
        """A fresh language model."""
        tune = self.project.tune
        return build_backbone(self.project.backbone, self.vocabulary, tune.dropout, "cpu", self.project.seed)

    def batches(self, supervise: str, packing: bool) -> StageBatches:
        """The sequential task alone."""
        rows = (every_item_rows if supervise == "every" else last_item_rows)(self.train, self.project.data.max_history)
        sequential = SequentialRows(rows, self.vocabulary.item_tokens(self.index), (self.vocabulary.frame,))
        stage = replace(self.project.tune.stages[0], tasks={"sequential": 1.0}, caps={})
        tune = replace(self.project.tune, packing=packing)
        seed = (self.project.seed, 0)
        return StageBatches(sequential, {}, stage, tune, self.index.levels, None, False, False, "cpu", seed)


def ours(
    setting: Setting,
    steps: int,
    supervise: str = "every",
    packing: bool = False,
    softmax: str = "legal",
    bf16: bool = True,
) -> dict[str, float]:
    """Train some steps; targets, real tokens and seconds."""
    lm = setting.model()
    model = generator_of(lm, setting.vocabulary, setting.index)
    tune = replace(setting.project.tune, distill=0.0, softmax=softmax)
    objective = Objective(model, Trie(setting.index.codes), tune, {"sequential": 1.0}).train()
    batches = setting.batches(supervise, packing).epoch(0)
    return timed(objective, lambda batch: objective(batch)[0], batches, steps, bf16 and setting.bf16)


def whole_logits(setting: Setting, steps: int) -> dict[str, float]:
    """As `ours`, but every state meets the whole output head, as in `model(labels=...)`."""
    lm = setting.model().train()

    def loss_of(batch: Batch) -> torch.Tensor:
        loss: torch.Tensor = lm(input_ids=batch.tokens, labels=batch.tokens, use_cache=False).loss
        return loss

    return timed(lm, loss_of, setting.batches("every", False).epoch(0), steps, setting.bf16)


def timed(
    module: nn.Module, loss_of: Callable[[Batch], torch.Tensor], batches: Sequence[Batch], steps: int, bf16: bool
) -> dict[str, float]:
    """Train some steps; targets, real tokens and seconds, without the first steps."""
    optimizer = torch.optim.AdamW(module.parameters(), 1e-3, fused=True)
    targets = tokens = 0
    began = 0.0
    by_length = sorted(range(len(batches)), key=lambda number: batches[number].tokens.shape[1])
    chosen = [by_length[round(place)] for place in np.linspace(0, len(batches) - 1, steps)]
    for number in range(-WARM, steps):
        if number == 0:
            began, targets, tokens = time.perf_counter(), 0, 0
        batch = batches[chosen[number]]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = loss_of(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        targets += len(batch.items)
        tokens += int(batch.token_count)
    return {"targets": targets, "tokens": tokens, "seconds": time.perf_counter() - began}


def trainer(setting: Setting, steps: int, bf16: bool) -> dict[str, float]:
    """Hugging Face's Trainer as its quick tour uses it, on the same rows, about as many tokens a step."""
    from transformers import DataCollatorForLanguageModeling, Trainer, TrainerCallback, TrainingArguments

    sequential = setting.batches("every", False).sequential
    assert sequential is not None
    rows = [sequential.example(row, 0, False).tokens.tolist() for row in range(len(sequential))]
    size = max(1, round(setting.project.tune.batch_tokens / np.mean([len(row) for row in rows])))
    counted = {"tokens": 0, "began": 0.0, "steps": 0}

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == WARM:
                counted["began"], counted["tokens"] = time.perf_counter(), 0

    tokenizer = setting.vocabulary.tokenizer
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)

    def collate(some: list[Any]) -> Any:
        counted["tokens"] += sum(len(one["input_ids"]) for one in some)
        return collator(some)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=size, max_steps=WARM + steps, use_cpu=True, bf16=bf16 and setting.bf16,
            report_to=[], save_strategy="no", disable_tqdm=True, logging_steps=10**9, seed=0,
        )  # fmt: skip
        one = Trainer(
            setting.model(), arguments, data_collator=collate, train_dataset=[{"input_ids": row} for row in rows],
            callbacks=[Clock()],
        )  # fmt: skip
        one.train()
        return {"targets": 0, "tokens": counted["tokens"], "seconds": time.perf_counter() - counted["began"]}


def ceiling(setting: Setting) -> float:
    """Operations a second of the model's own matrix products, nothing else."""
    shape, rows = setting.project.backbone, setting.project.tune.batch_tokens
    kind = torch.bfloat16 if setting.bf16 else torch.float32
    hidden, inner = shape.hidden_size, shape.intermediate_size
    pairs = [(hidden, 3 * hidden), (hidden, hidden), (hidden, 2 * inner), (inner, hidden)]
    held = [(torch.randn(rows, a, dtype=kind), torch.randn(a, b, dtype=kind)) for a, b in pairs]
    done, began = 0.0, time.perf_counter()
    while time.perf_counter() - began < 2.0:
        for left, right in held:
            left @ right
            done += 2.0 * rows * left.shape[1] * right.shape[1]
    return done / (time.perf_counter() - began)


def profiled(setting: Setting, steps: int) -> list[tuple[str, float]]:
    """Shares of the time by operation."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        ours(setting, steps)
    rows = [(event.key, event.self_cpu_time_total) for event in seen.key_averages()]
    total = sum(time for _, time in rows)
    return [(name, time / total) for name, time in sorted(rows, key=lambda row: -row[1])[:12]]


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    setting = Setting(RunFolder(args.run))
    variants: dict[str, Callable[[], dict[str, float]]] = {
        "ours": lambda: ours(setting, args.steps),
        "last item alone": lambda: ours(setting, args.steps, supervise="last"),
        "last item, packed": lambda: ours(setting, args.steps, supervise="last", packing=True),
        "packed": lambda: ours(setting, args.steps, packing=True),
        "softmax over the vocabulary": lambda: ours(setting, args.steps, softmax="vocabulary"),
        "all logits": lambda: whole_logits(setting, args.steps),
        "fp32": lambda: ours(setting, args.steps, bf16=False),
        "HF Trainer, fp32": lambda: trainer(setting, args.steps, bf16=False),
        "HF Trainer, bf16": lambda: trainer(setting, args.steps, bf16=True),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
    for _ in range(args.repeats):
        for name, run in variants.items():
            found[name].append(run())
    speed = {
        name: [statistics.median(one[key] / one["seconds"] for one in some) for key in ("targets", "tokens")]
        for name, some in found.items()
    }
    print(f"{'':28} {'targets/s':>10} {'ours is':>8} {'real tokens/s':>14} {'ours is':>8}")
    for name, (targets, tokens) in speed.items():
        ratio = f"{speed['ours'][0] / targets:7.2f}x" if targets else " " * 8
        print(f"{name:28} {targets:10,.0f} {ratio} {tokens:14,.0f} {speed['ours'][1] / tokens:7.2f}x")
    body = sum(p.numel() for n, p in setting.model().named_parameters() if p.ndim > 1 and "embed" not in n)
    most, used = ceiling(setting), 6.0 * body * speed["ours"][1]
    print(f"\nceiling {most / 1e9:,.0f} G operations/s; the layers' products use {used / 1e9:,.0f}: {used / most:.0%}")
    print("\nwhere the time goes (self time, ours)")
    for name, share in profiled(setting, args.steps):
        print(f"{share:6.1%}  {name}")


if __name__ == "__main__":
    main()
