"""Training speed of backbones of real shapes on a GPU, with a verdict in ten minutes; or, smaller, on a CPU.

    python tests/benchmarks/engine/cuda_tuning.py [--steps 20] [--batch-tokens 16384] [--only TEXT] [--profile]
    python tests/benchmarks/engine/cuda_tuning.py --device cpu [--only Gemma] [--steps 16] [--batch-tokens 1024] \
        [--threads 2]

Weights are random, since speed does not depend on them: the shapes of Qwen3-0.6B with all weights learning, of Llama-7B
under LoRA, and of Gemma 3 270M as the recipe light-lm trains it. On a CPU only the last one, and one that is tried in
seconds. The rows are invented: 12,000 items of three codes, histories of four to twenty items, packed on a GPU, side by
side on a CPU, where attention is dear. Tokens are real ones (no padding), seconds are those of whole training steps
(forward, backward, clipping, AdamW) in bf16 autocast: of one CPU thread the processor's own, so that a busy machine
does not lengthen them, of several the clock's, on a machine that does nothing else. `share` is the matrix products of
the layers and of the labelled heads, over what the same device does when it multiplies one pair of bf16 matrices, in
the same process. Where parameters stand still their gradients are not computed, and not counted.

Verdict: `good` from 40 % of the ceiling, `fair` from 20 %, else `poor`; on a CPU the bars of light-lm are 225 tokens/s
a thread and 4 GB. Copy the lines into an issue, good or poor: GPUs differ.
"""

from __future__ import annotations

import argparse
import copy
import resource
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from transformers import Gemma3TextConfig, LlamaConfig, PreTrainedModel, Qwen3Config

from core.data.arrays import Sequences
from core.model.generator import Generator
from core.model.peft_layers import adapt
from core.model.pretrained import kernel_of
from core.model.trie import Trie
from core.model_settings import LoraSettings, StageSettings, TuneSettings
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
        lora: of its adapters.
        on_cpu: whether one thread can train it in minutes.
    """

    config: Any
    train: str
    checkpointing: bool = False
    lora: LoraSettings = LoraSettings()  # noqa: RUF009  frozen
    on_cpu: bool = False


LIGHT_LM = LoraSettings(rank=16, dropout=0.0)


def gemma(**shape: int) -> Gemma3TextConfig:
    """The configuration of Gemma 3 270M, or of a smaller one."""
    layers = shape.get("num_hidden_layers", 18)
    kinds = ["full_attention" if number % 6 == 5 else "sliding_attention" for number in range(layers)]
    whole = {
        "vocab_size": 262_144, "hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": layers,
        "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
    }  # fmt: skip
    return Gemma3TextConfig(**{**whole, "layer_types": kinds, "sliding_window": 512, **shape})


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
        checkpointing=True,
    ),
    "Gemma 3 270M, light-lm": Model(gemma(), "lora+new-tokens", lora=LIGHT_LM, on_cpu=True),
    "small shape, light-lm": Model(
        gemma(vocab_size=8_192, hidden_size=128, intermediate_size=256, num_hidden_layers=2, head_dim=32),
        "lora+new-tokens",
        lora=LIGHT_LM,
        on_cpu=True,
    ),
}
GOOD, FAIR = 0.4, 0.2
CPU_TOKENS, CPU_GB = 225.0, 4.0


def now(device: str) -> float:
    """Seconds; of this process alone on one CPU thread."""
    if device == "cpu":
        return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()
    torch.cuda.synchronize()
    return time.perf_counter()


def peak_gb(device: str) -> float:
    """The most memory so far: the device's, or the whole process's."""
    if device == "cpu":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    return torch.cuda.max_memory_allocated() / 1e9


def ceiling(device: str, seconds: float = 2.0) -> float:
    """Operations a second of one bf16 product, nothing else."""
    size = 8192 if device != "cpu" else 1024
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        left @ right
    done, began = 0, now(device)
    while now(device) - began < seconds:
        for _ in range(10):
            left @ right
        done += 10
    return done * 2.0 * size**3 / (now(device) - began)


def begin(device: str, threads: int = 1) -> float | None:
    """Say what the machine is, and give its ceiling; None, and why, where there is no such device."""
    if device == "cpu":
        torch.set_num_threads(threads)
    elif not torch.cuda.is_available():
        print("skipped: torch finds no CUDA device here (--device cpu tries the small shapes)")
        return None
    most = ceiling(device)
    processor = "one CPU thread" if threads == 1 else f"{threads} CPU threads"
    machine = processor if device == "cpu" else torch.cuda.get_device_name()
    print(f"{machine}, ceiling {most / 1e9:,.0f} G operations/s in bf16\n")
    return most


def codes_of(items: int) -> np.ndarray:
    """Invented codes, each once; shape (items, LEVELS)."""
    drawn = np.random.default_rng(0).integers(WIDTH, size=(2 * items, LEVELS))
    return np.unique(drawn, axis=0)[:items]


def batches_of(first_code: int, batch_tokens: int, device: str) -> tuple[StageBatches, np.ndarray]:
    """Invented users and codes; the codes' tokens follow `first_code`."""
    draw, codes = np.random.default_rng(1), codes_of(ITEMS)
    lengths = draw.integers(4, 22, size=USERS)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    train = Sequences(draw.integers(len(codes), size=offsets[-1]).astype(np.int32), offsets)
    tokens = first_code + codes + WIDTH * np.arange(LEVELS)
    rows = SequentialRows(every_item_rows(train, 20), tokens, ((0,),))
    tune = TuneSettings(batch_tokens=batch_tokens, packing=device != "cpu")
    batches = StageBatches(rows, {}, StageSettings(), tune, LEVELS, None, False, False, device, (0, 0))
    return batches, codes


def made(model: Model, codes: int, device: str) -> PreTrainedModel:
    """The model on the device, its vocabulary grown by the codes."""
    config = copy.deepcopy(model.config)  # two measurements of one shape
    config.vocab_size += codes
    config._attn_implementation = kernel_of("auto", device, config)
    from transformers import AutoModelForCausalLM

    frozen = model.train != "all"
    with torch.device(device):
        lm = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16 if frozen else torch.float32)
    lm.config.use_cache = False
    if model.checkpointing:
        lm.activation_checkpointing_enable({"use_reentrant": False})
    adapt(lm, model.train, model.lora, np.arange(config.vocab_size - codes, config.vocab_size), "stage")
    return lm.to(device).train()  # type: ignore[no-any-return]


def operations(lm: PreTrainedModel, model: Model, tokens: float, targets: float) -> float:
    """Matrix products of training on so many tokens and predicted items, attention left out."""
    sides = [(n, p) for n, p in lm.named_parameters() if p.ndim == 2 and "embed" not in n and "head" not in n]
    body = sum(p.numel() for n, p in sides if "lora_" not in n)
    narrow = sum(p.numel() for n, p in sides if "lora_" in n)  # these learn
    passes = 3.0 if model.train == "all" else 2.0  # a frozen weight has no gradient of its own
    passes += 1.0 if model.checkpointing else 0.0
    return (2.0 * passes * body + 6.0 * narrow) * tokens + 6.0 * targets * LEVELS * WIDTH * lm.config.hidden_size


@dataclass(frozen=True)
class Measured:
    """What training did: real tokens a second, GB at the most, operations a second, and the profile of three steps."""

    speed: float
    memory: float
    operations: float
    profile: str = ""


def measure(model: Model, steps: int, batch_tokens: int, device: str, profiled: bool) -> Measured:
    """Train for some steps."""
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(0)
    first = model.config.vocab_size
    of_stage, codes = batches_of(first, batch_tokens, device)
    lm = made(model, LEVELS * WIDTH, device)
    ids = [first + WIDTH * level + np.arange(WIDTH) for level in range(LEVELS)]
    generator = Generator(lm, ids, first + codes + WIDTH * np.arange(LEVELS), (0,)).to(device)
    tune = replace(of_stage.tune, distill=0.0, dropout=0.0)
    objective = Objective(generator, Trie(codes, device), tune, {"sequential": 1.0}).to(device).train()
    learning = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, 1e-5, fused=True)
    batches = of_stage.epoch(0)

    def step(number: int) -> tuple[int, int]:
        batch = batches[number % len(batches)]
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            loss = objective(batch)[0]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        return int(batch.token_count), len(batch.items)

    for number in range(WARM):
        step(number)
    began, tokens, targets = now(device), 0, 0
    for number in range(WARM, WARM + steps):
        fed, predicted = step(number)
        tokens, targets = tokens + fed, targets + predicted
    seconds = now(device) - began
    table = ""
    if profiled:
        with torch.profiler.profile() as found:
            for number in range(3):
                step(number)
        key = "self_cpu_time_total" if device == "cpu" else "self_cuda_time_total"
        table = found.key_averages().table(sort_by=key, row_limit=25, max_name_column_width=50)
    return Measured(tokens / seconds, peak_gb(device), operations(lm, model, tokens, targets) / seconds, table)


def verdict(found: Measured, most: float, device: str, name: str) -> str:
    """What to think of it."""
    share = found.operations / most
    words = "good" if share >= GOOD else "fair" if share >= FAIR else "poor"
    if device == "cpu" and name.startswith("Gemma"):
        wanted = CPU_TOKENS * torch.get_num_threads()
        words += f", {wanted:.0f} tokens/s {'met' if found.speed >= wanted else 'missed'}"
        words += f", {CPU_GB:.0f} GB {'met' if found.memory <= CPU_GB else 'missed'}"
    return words


def main() -> None:
    """Measure the models and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-tokens", type=int, default=16_384)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int, default=1, help="of a CPU")
    parser.add_argument("--only", default="", help="models whose name holds this text")
    parser.add_argument("--profile", action="store_true", help="where the time goes, kernel by kernel")
    args = parser.parse_args()
    most = begin(args.device, args.threads)
    if most is None:
        return
    print(f"{'model':26} {'real tokens/s':>14} {'peak memory':>12} {'share':>6}  verdict")
    for name, model in MODELS.items():
        if args.only not in name or (args.device == "cpu" and not model.on_cpu):
            continue
        try:
            found = measure(model, args.steps, args.batch_tokens, args.device, args.profile)
        except torch.cuda.OutOfMemoryError:
            print(f"{name:26} not run: out of memory; a smaller --batch-tokens", flush=True)
            continue
        text = verdict(found, most, args.device, name)
        share = found.operations / most
        print(f"{name:26} {found.speed:14,.0f} {found.memory:9.1f} GB {share:6.0%}  {text}", flush=True)
        if found.profile:
            print(found.profile)
        if args.device != "cpu":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
