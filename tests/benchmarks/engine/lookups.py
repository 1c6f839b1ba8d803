"""The look-ups of an index at a million items: seconds to load, milliseconds of the slowest calls.

    python tests/benchmarks/engine/lookups.py [--items 1000000] [--calls 300] [--dim 128]

Makes an artefact of random codes, titles of real words, and asks what the screens ask; then adds and removes ten
thousand items, and asks again. The bars: 1.5 s to load, 50 ms at most for 99 of 100 calls. With --dim also the nearest
among as many vectors of that width, as the serving child finds them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from core.index.branches import BranchTable
from core.index.lookup import Lookup
from core.index.revisions.changes import Growth
from core.index.table import ItemIndex

WORDS = [
    *("nail", "polish", "lacquer", "shampoo", "conditioner", "hair", "curl", "brush", "makeup", "cream"),
    *("moisturizer", "serum", "vitamin", "lavender", "oil", "organic", "sulfate", "free", "anti", "aging", "eye"),
    *("shadow", "palette", "lipstick", "red", "blue", "shimmer", "gel", "soap", "lotion", "sunscreen"),
]
LOAD, CALL = 1.5, 50.0
CHANGES = 10_000
"""Items that come, and items that go."""


def make(folder: Path, items: int, tree: bool) -> None:
    """Write the files of an index and of a catalogue: a balanced tree, or residual codes with a million branches."""
    rng = np.random.default_rng(0)
    widths = (100, 100, 101) if tree else (256, 256, 256, 256)
    if tree:
        place = rng.permutation(items)
        codes = np.stack([place // 10100, place // 101 % 100, place % 101], axis=1).astype(np.int32)
    else:
        codes = (rng.random((items, 4)) ** 2 * 256).astype(np.int32)
        codes = np.unique(codes, axis=0)
        rng.shuffle(codes)
    count = len(codes)
    ids = pl.Series("item_id", [f"B{n:09d}" for n in range(count)])
    picks = rng.integers(0, len(WORDS), (count, 8))
    titles = [" ".join(WORDS[w].title() for w in row) + f" {n}" for n, row in enumerate(picks)]
    pl.DataFrame({"item_id": ids, "title": titles, "text": titles}).write_parquet(folder / "items.parquet")
    ItemIndex(ids, codes, widths, ("semantic",) * len(widths)).save(folder / "index.parquet")
    np.save(folder / "raw.npy", codes)
    shared = rng.choice(count, count // 4, replace=False).astype(np.int32)
    group = np.arange(len(shared), dtype=np.int32) // 3
    pl.DataFrame({"group": group, "item": shared}).write_parquet(folder / "conflicts.parquet")
    table = BranchTable.build(codes, rng.poisson(9, count))
    words = [[WORDS[(n + k) % len(WORDS)] for k in range(4)] for n in range(len(table))]
    table.with_words(words).save(folder)


def timed(name: str, call: Callable[[int], object], calls: int) -> None:
    """Print median, 99th percentile and worst of a call, in milliseconds."""
    call(0)  # what is made once is made now
    seconds = []
    for n in range(calls):
        began = time.perf_counter()
        call(n + 1)
        seconds.append((time.perf_counter() - began) * 1000)
    slow = float(np.percentile(seconds, 99))
    verdict = "ok" if slow <= CALL else "TOO SLOW"
    print(f"  {name:28} {np.median(seconds):8.2f} {slow:8.2f} {max(seconds):8.2f} ms  {verdict}")


def ask(folder: Path, calls: int) -> None:
    """Load what `make` wrote, and ask."""
    began = time.perf_counter()
    lookup = Lookup.load(folder, folder)
    took = time.perf_counter() - began
    table = lookup.branches
    print(f"{lookup.n_items:,} items, {len(table):,} branches")
    print(f"  load {took:.2f} s  {'ok' if took <= LOAD else 'TOO SLOW'};   median, 99th percentile, worst:")
    ask_all(lookup, calls)
    growth = changes(lookup)
    began = time.perf_counter()
    grown = lookup.grown(growth)
    print(f"  {CHANGES:,} items come and {CHANGES:,} go: {time.perf_counter() - began:.2f} s more, and then:")
    ask_all(grown, calls)
    timed("search: an added title", lambda n: grown.search(f"Latecomer {n}"), calls)


def changes(lookup: Lookup) -> Growth:
    """Revisions that add items beside old ones and remove others."""
    rng = np.random.default_rng(2)
    codes = lookup.index.codes[rng.integers(0, lookup.n_items, CHANGES)].copy()
    codes[:, -1] = rng.integers(0, lookup.index.widths[-1], CHANGES)  # it does not matter here whether they are free
    names = pl.DataFrame({"item_id": [f"N{n:06d}" for n in range(CHANGES)]})
    items = names.with_columns(title="Latecomer " + pl.col("item_id"), text=pl.lit(""))
    gone = rng.choice(lookup.n_items, CHANGES, replace=False).tolist()
    return Growth(1, lookup.index.base_id, items, codes, frozenset(lookup.item_id(item) for item in gone))


def ask_all(lookup: Lookup, calls: int) -> None:
    """Time every question."""
    table = lookup.branches
    rng = np.random.default_rng(1)
    items = rng.integers(0, lookup.n_items, calls + 1).tolist()
    rows = rng.integers(0, len(table), calls + 1).tolist()
    deep = [lookup.index.codes[item].tolist() for item in items]
    timed("about", lambda n: lookup.about(items[n]), calls)
    timed("siblings, all", lambda n: lookup.siblings(items[n], None), calls)
    timed("find a prefix", lambda n: table.find(deep[n][:-1]), calls)
    timed("items of a branch, a page", lambda n: table.items(rows[n], 20, 50), calls)
    timed("items of the root, far down", lambda n: table.items(0, lookup.n_items - 50 - n, 50), calls)
    timed("changes of the root", lambda n: lookup.changes(), calls)
    timed("words of the root's children", lambda n: [table.words(row) for row in table.children(0)], calls)
    timed("number of an id", lambda n: lookup.number(f"B{items[n]:09d}"), calls)
    timed("search: a common word", lambda n: lookup.search(WORDS[n % len(WORDS)]), calls)
    timed("search: one title", lambda n: lookup.search(f" {items[n]}"), calls)
    timed("search: nothing found", lambda n: lookup.search(f"xylophone{n}"), calls)
    timed("search: an id's beginning", lambda n: lookup.search(f"B{items[n] // 100:07d}"), calls)


def ask_vectors(items: int, dim: int, calls: int) -> None:
    """Vectors around two thousand centres with a few strong directions, as those of text are; load and ask."""
    from core.index.nearest import Nearest
    from core.vectors import ItemVectors

    rng = np.random.default_rng(0)
    strength = 1.0 / np.sqrt(1.0 + np.arange(dim, dtype=np.float32))
    centres = rng.normal(size=(2000, dim)).astype(np.float32)
    matrix = centres[rng.integers(0, 2000, items)]
    for rows in np.array_split(matrix, 1 + items // 50_000):
        rows += 0.3 * rng.normal(size=rows.shape).astype(np.float32)
        rows *= strength
    began = time.perf_counter()
    near = Nearest({"text": ItemVectors(matrix, np.ones(items, dtype=bool), "made")})
    print(f"{items:,} vectors of {dim}\n  load {time.perf_counter() - began:.2f} s;   median, 99th percentile, worst:")
    asked = rng.integers(0, items, calls + 1).tolist()
    timed("the nearest ten", lambda n: near.near(asked[n], "text"), calls)


def main() -> None:
    """Make, load, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--dim", type=int, default=0)
    args = parser.parse_args()
    for tree in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), args.items, tree)
            print("balanced tree" if tree else "residual codes", end=": ")
            ask(Path(folder), args.calls)
    if args.dim:
        ask_vectors(args.items, args.dim, args.calls)


if __name__ == "__main__":
    main()
