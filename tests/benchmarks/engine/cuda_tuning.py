"""Training speed of large backbones on a GPU: random weights of the shape of Qwen3-0.6B, and of Llama-7B under LoRA.

    python tests/benchmarks/engine/cuda_tuning.py [--steps 20] [--batch-tokens 16384]

Without a CUDA device it says so and ends well. The rows are invented: 12,000 items of three codes, histories of four to
twenty items, packed. Tokens are real ones (no padding), seconds are those of whole training steps (forward, backward,
clipping, AdamW) in bf16 autocast. `share` is the matrix products of the layers and of the labelled heads, over what the
same device does when it multiplies one large pair of bf16 matrices, in the same process. Where parameters stand still
their gradients are not computed, and not counted.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, PreTrainedModel, Qwen3Config

from core.data.arrays import Sequences
from core.model.generator import Generator
from core.model.peft_layers import adapt
from core.model.trie import Trie
from core.settings import LoraSettings, StageSettings, TuneSettings
from core.tune.batches import StageBatches
from core.tune.objective import Objective
from core.tune.target_rows import SequentialRows, every_item_rows

ITEMS, USERS, LEVELS, WIDTH = 12_000, 20_000, 3, 256
WARM = 3


@dataclass(frozen=True)
class Model:
    """A shape, and what of it learns.

    Attributes:
        config: the shape.
        train: as `train` of a stage.
        checkpointing: whether activations are computed twice.
    """

    config: Any
    train: str
    checkpointing: bool


MODELS = {
    "Qwen3-0.6B shape, all": Model(
        Qwen3Config(
            vocab_size=151_936,
            hidden_size=1024,
            intermediate_size=3072,
            num_hidden_layers=28,
            num_attention_heads=16,
            num_key_value_heads=8,
            head_dim=128,
            tie_word_embeddings=True,
        ),
        "all",
        False,
    ),
    "Llama-7B shape, LoRA": Model(
        LlamaConfig(
            vocab_size=32_000,
            hidden_size=4096,
            intermediate_size=11_008,
            num_hidden_layers=32,
            num_attention_heads=32,
            num_key_value_heads=32,
        ),
        "lora",
        True,
    ),
}


def ceiling(size: int = 8192, seconds: float = 2.0) -> float:
    """Operations a second of one large bf16 product, nothing else."""
    left, right = (torch.randn(size, size, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        left @ right
    torch.cuda.synchronize()
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            left @ right
        torch.cuda.synchronize()
        done += 10
    return done * 2.0 * size**3 / (time.perf_counter() - began)


def batches_of(first_code: int, batch_tokens: int) -> tuple[StageBatches, np.ndarray]:
    """Invented users and codes; the codes' tokens follow `first_code`."""
    draw = np.random.default_rng(0)
    codes = np.unique(draw.integers(WIDTH, size=(2 * ITEMS, LEVELS)), axis=0)[:ITEMS]
    lengths = draw.integers(4, 22, size=USERS)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    train = Sequences(draw.integers(len(codes), size=offsets[-1]).astype(np.int32), offsets)
    tokens = first_code + codes + WIDTH * np.arange(LEVELS)
    rows = SequentialRows(every_item_rows(train, 20), tokens, ((0,),))
    tune = TuneSettings(batch_tokens=batch_tokens, packing=True)
    batches = StageBatches(rows, {}, StageSettings(), tune, LEVELS, None, False, False, "cuda", (0, 0))
    return batches, codes


def made(model: Model, codes: int) -> PreTrainedModel:
    """The model on the device, its vocabulary grown by the codes."""
    config = model.config
    config.vocab_size += codes
    config._attn_implementation = "sdpa"
    from transformers import AutoModelForCausalLM

    frozen = model.train != "all"
    with torch.device("cuda"):
        lm = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16 if frozen else torch.float32)
    lm.config.use_cache = False
    if model.checkpointing:
        lm.activation_checkpointing_enable({"use_reentrant": False})
    adapt(lm, model.train, LoraSettings(), np.arange(config.vocab_size - codes, config.vocab_size), "stage")
    return lm.to("cuda").train()  # type: ignore[no-any-return]


def operations(lm: PreTrainedModel, model: Model, tokens: float, targets: float) -> float:
    """Matrix products of training on so many tokens and predicted items, attention left out."""
    body = sum(p.numel() for n, p in lm.named_parameters() if p.ndim == 2 and "embed" not in n and "head" not in n)
    passes = 3.0 if model.train == "all" else 2.0  # a frozen weight has no gradient of its own
    passes += 1.0 if model.checkpointing else 0.0
    return 2.0 * passes * body * tokens + 6.0 * targets * LEVELS * WIDTH * lm.config.hidden_size


def measure(model: Model, steps: int, batch_tokens: int) -> tuple[float, float, float]:
    """Real tokens a second, peak memory in GiB, operations a second."""
    torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(0)
    first = model.config.vocab_size
    of_stage, codes = batches_of(first, batch_tokens)
    lm = made(model, LEVELS * WIDTH)
    ids = [first + WIDTH * level + np.arange(WIDTH) for level in range(LEVELS)]
    generator = Generator(lm, ids, first + codes + WIDTH * np.arange(LEVELS), (0,)).to("cuda")
    tune = replace(of_stage.tune, distill=0.0, dropout=0.0)
    objective = Objective(generator, Trie(codes, "cuda"), tune, {"sequential": 1.0}).to("cuda").train()
    learning = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, 1e-5, fused=True)
    batches = of_stage.epoch(0)
    tokens = targets = 0
    began = 0.0
    for number in range(WARM + steps):
        if number == WARM:
            torch.cuda.synchronize()
            began, tokens, targets = time.perf_counter(), 0, 0
        batch = batches[number % len(batches)]
        with torch.autocast("cuda", torch.bfloat16):
            loss = objective(batch)[0]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        tokens += int(batch.token_count)
        targets += len(batch.items)
    torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    done = operations(lm, model, tokens, targets) / seconds
    return tokens / seconds, torch.cuda.max_memory_allocated() / 2**30, done


def main() -> None:
    """Measure both models and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-tokens", type=int, default=16_384)
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("skipped: torch finds no CUDA device here")
        return
    most = ceiling()
    print(f"{torch.cuda.get_device_name()}, ceiling {most / 1e12:,.0f} T operations/s in bf16\n")
    print(f"{'model':26} {'real tokens/s':>14} {'peak memory':>12} {'share':>6}")
    for name, model in MODELS.items():
        speed, memory, done = measure(model, args.steps, args.batch_tokens)
        print(f"{name:26} {speed:14,.0f} {memory:8.1f} GiB {done / most:6.0%}", flush=True)
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
