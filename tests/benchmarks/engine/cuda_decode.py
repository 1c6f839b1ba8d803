"""Lists a second with backbones of real shapes on a GPU, with a verdict in ten minutes; or, smaller, on one CPU thread.

    python tests/benchmarks/engine/cuda_decode.py [--users 512] [--beams 20] [--only TEXT] [--memory 16]
    python tests/benchmarks/engine/cuda_decode.py --device cpu [--only small] [--users 8]

The twin of `cuda_tuning.py`: the same shapes with random weights and the same invented codes, asked for lists after
histories of ten items. The search is the served one: a history is read once and all beams are branches of it. Users
share batches of growing size until the memory is used up or more bring nothing; seconds are the whole search, on a CPU
the processor's own. `share` is the matrix products of the layers over what the device does when it multiplies one pair
of bf16 matrices.

Verdict: `good` where the best batch serves at least five times the users that one alone does, `fair` from twice, else
`poor`; and users a day, which is what a nightly list for everybody asks. --memory bounds what may be used, in GB.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from cuda_tuning import ITEMS, LEVELS, MODELS, WIDTH, Model, begin, codes_of, made, now, peak_gb

from core.model.generator import Generator
from core.model.trie import Trie
from core.recommend.beam import beam_search

BATCHES = (1, 4, 16, 64, 256)
HISTORY = 10
GOOD, FAIR = 5.0, 2.0
DAY = 86_400


def generator_for(model: Model, device: str) -> tuple[Generator, Trie]:
    """The model with its codes, in evaluation mode."""
    first, codes = model.config.vocab_size, codes_of(ITEMS)
    lm = made(model, LEVELS * WIDTH, device)
    ids = [first + WIDTH * level + np.arange(WIDTH) for level in range(LEVELS)]
    generator = Generator(lm, ids, first + codes + WIDTH * np.arange(LEVELS), (0,)).to(device).eval()
    return generator, Trie(codes, device)


def pace(generator: Generator, trie: Trie, users: int, batch: int, beams: int, device: str) -> float:
    """Users a second, in batches of one size; the first batch is not counted."""
    histories = np.random.default_rng(0).integers(trie.n_items, size=(users + batch, HISTORY))
    began = 0.0
    for start in range(0, users + batch, batch):
        if start == batch:
            began = now(device)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            beam_search(generator, trie, histories[start : start + batch], beams)
    return users / (now(device) - began)


def main() -> None:
    """Measure the models and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=512)
    parser.add_argument("--beams", type=int, default=20)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", default="", help="models whose name holds this text")
    parser.add_argument("--memory", type=float, default=float("inf"), help="GB that may be used")
    args = parser.parse_args()
    most = begin(args.device)
    if most is None:
        return
    print(f"{args.beams} beams")
    print(f"{'model':26} {'batch':>6} {'users/s':>9} {'peak memory':>12} {'share':>6}  verdict")
    for name, model in MODELS.items():
        if args.only not in name or (args.device == "cpu" and not model.on_cpu):
            continue
        generator, trie = generator_for(model, args.device)
        body = sum(p.numel() for n, p in generator.lm.named_parameters()
                   if p.ndim == 2 and "embed" not in n and "head" not in n)  # fmt: skip
        tokens = 1 + LEVELS * HISTORY + args.beams * (LEVELS - 1)
        alone = best = 0.0
        for batch in BATCHES:
            users = min(args.users, 8 * batch)
            if users < batch or peak_gb(args.device) > args.memory:
                break
            try:
                speed = pace(generator, trie, users, batch, args.beams, args.device)
            except torch.cuda.OutOfMemoryError:
                print(f"{name:26} {batch:6} not run: out of memory", flush=True)
                break
            alone, best = alone or speed, max(best, speed)
            words = "good" if best >= GOOD * alone else "fair" if best >= FAIR * alone else "poor"
            text = f"{words}, {best * DAY:,.0f} users a day" if batch > 1 else ""
            share = 2.0 * body * tokens * speed / most
            print(f"{name:26} {batch:6} {speed:9.2f} {peak_gb(args.device):9.1f} GB {share:6.0%}  {text}", flush=True)
        del generator, trie
        if args.device != "cpu":
            torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
