"""What a fused list costs beside one of the generator alone, in milliseconds of processor time.

    python tests/benchmarks/engine/fused_lists.py RUN [--users 192]

One user at a time, as an explorer asks, and many at once, as a cache does; part by part: the generator, with its dense
head, with everything that the run fuses. Loading is timed too: counted baselines are fitted anew then.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from core.recommend.fusion import Fusion, Parts
from core.recommend.recommender import Recommender

ONE_BY_ONE = 24
"""Users that are asked for one at a time."""


def cost(recommender: Recommender, histories: list[list[int]]) -> tuple[float, float]:
    """Milliseconds a list, one at a time and all together."""
    recommender.recommend_many(histories[:2])  # what is made once is made now
    began = time.process_time()
    for history in histories[:ONE_BY_ONE]:
        recommender.recommend_many([history])
    middle = time.process_time()
    recommender.recommend_many(histories)
    ended = time.process_time()
    return 1000 * (middle - began) / len(histories[:ONE_BY_ONE]), 1000 * (ended - middle) / len(histories)


def main() -> None:
    """Load, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=192)
    args = parser.parse_args()
    began = time.process_time()
    recommender = Recommender.load(args.run)
    print(f"loaded in {time.process_time() - began:.1f} s of processor time; {recommender.n_items:,} items")
    parts = recommender.parts
    names = recommender.users(limit=10**9)
    chosen = np.random.default_rng(0).permutation(len(names))[: args.users]
    histories = [recommender.history_of(names[number])[0] for number in chosen.tolist()]
    print(f"{'list':24} {'one by one':>12} {'together':>12}   (ms of processor time a list)")
    for count in sorted({1, 2, len(parts.names)}):
        some = Parts(parts.names[:count], parts.checkpoint, parts.catalogue[: count - 1], parts.listed)
        even = (1.0,) * count
        other = replace_parts(recommender, some, Fusion(some.names, even, even))
        single, together = cost(other, histories)
        said = some.names[0] if count == 1 else " + ".join(some.names) if count == 2 else f"all {count} parts"
        print(f"{said:24} {single:12.1f} {together:12.1f}")


def replace_parts(recommender: Recommender, parts: Parts, fusion: Fusion) -> Recommender:
    """The same recommender with other parts."""
    other = Recommender(recommender.project, recommender.dataset, recommender.checkpoint, None, fusion)
    other.parts = parts
    return other


if __name__ == "__main__":
    main()
