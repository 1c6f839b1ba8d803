"""Is every code unique, whatever the vectors, and does a million items fit time and memory?

    python tests/benchmarks/engine/index_scale.py --unique \
        [--methods a,b] [--sizes 257,65536] [--data beauty] [--epochs 3]
    python tests/benchmarks/engine/index_scale.py --million [--items N] [--methods kmeans-tree,rq-kmeans]

`--unique` prints one line a case: method, case, items, items that shared a code before and after, seconds. The cases
are hostile vectors, and those of the real data sets in `$EAGERTUI_DATA` (default ../shared/data): LSA of the text and
PPMI-SVD of the training prefixes, both sources in one index. Learnt methods get few epochs: what is tested is that
nothing they learn, or fail to learn, leaves a code shared.

`--million` builds random clustered vectors of 384 dimensions on the spot and indexes them in a process of its own,
whose peak memory is the kernel's own figure. It prints seconds (of the clock and of the processors) and memory of the
build, and the trie's bytes an item.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[3]))

from core.registry import QUANTIZERS

SIZES = (1, 2, 255, 256, 257, 65_536, 65_537)
DIM, CLUSTERS = 384, 5_000
REAL = ("beauty", "scientific", "online-retail")
Sources = dict[str, Any]


def hostile(sizes: list[int]) -> Iterator[tuple[str, Sources]]:
    """Names and vectors of the hostile cases, one source each."""
    from core.vectors import ItemVectors

    for items in sizes:
        rng = np.random.default_rng(items)
        plain = rng.normal(size=(items, 32)).astype(np.float32)
        most = plain.copy()
        most[rng.random(items) < 0.9] = plain[0]
        cases = {
            "all identical": np.ones_like(plain),
            "90 % duplicates": most,
            "ten of each": plain[rng.integers(0, max(1, items // 10), items)],
            "dimension 1": plain[:, :1],
            "zero vectors": np.zeros_like(plain),
            "plain": plain,
        }
        for name, matrix in cases.items():
            yield name, {"semantic": ItemVectors(np.ascontiguousarray(matrix), np.ones(items, dtype=bool), "made up")}


def real(name: str) -> Sources | None:
    """Both sources' vectors of a real data set; None where it is not there."""
    from core.data.dataset import load_dataset
    from core.project import Project
    from core.vectors.lsa_model import fit_lsa
    from core.vectors.ppmi import ppmi_svd_vectors
    from tests.benchmarks.experiments.real_data import write_project

    if not (Path(os.environ.get("EAGERTUI_DATA", "../shared/data")) / name).is_dir():
        return None
    with tempfile.TemporaryDirectory() as folder:
        project = Project.load(write_project(name, Path(folder)))
        dataset = load_dataset(project.data, project.directory)
    texts = [text or "" for text in dataset.items["text"].to_list()]
    return {
        "semantic": fit_lsa(texts, 256, 0)[1],
        "behavior": ppmi_svd_vectors(dataset.train(), dataset.n_items, 64, 0),
    }


def build(method: str, vectors: Sources, epochs: int) -> Any:
    """The index by one method."""
    from core.index.build import build_index
    from core.index.quantize.methods.rq_vae import RqVaeOptions
    from core.run.reporter import NullReporter
    from core.settings import IndexSettings

    settings = IndexSettings(method=method)
    sources = tuple(vectors)
    if QUANTIZERS.get(method).reads_other and len(vectors) == 1:  # they want a second source to be guided by
        from core.vectors import ItemVectors

        held = vectors["semantic"]
        vectors = {**vectors, "behavior": ItemVectors(held.matrix[:, ::-1].copy(), held.known, "turned around")}
    ids = pl.Series("item_id", [str(n) for n in range(len(vectors["semantic"].matrix))])
    return build_index(ids, vectors, sources, settings, 0, NullReporter(), {"rq-vae": RqVaeOptions(epochs=epochs)})


def unique(methods: list[str], sizes: list[int], names: list[str], epochs: int) -> bool:
    """Print a line a case; whether all codes were unique."""
    print(f"{'method':14} {'case':16} {'items':>7} {'before':>7} {'after':>6} {'seconds':>8}")
    whole = True

    def line(case: str, vectors: Sources) -> bool:
        fine = True
        for method in methods:
            began = time.monotonic()
            found = build(method, vectors, epochs)
            seconds = time.monotonic() - began
            items = len(found.index.codes)
            after = items - len(np.unique(found.index.codes, axis=0))
            before = found.resolution.figures["steps"][0]["items"]
            print(f"{method:14} {case:16} {items:7} {before:7} {after:6} {seconds:8.1f}", flush=True)
            fine &= after == 0
        return fine

    for case, vectors in hostile(sizes):
        whole &= line(case, vectors)
    for name in names:
        found = real(name)
        if found is None:
            print(f"no data of {name}: set EAGERTUI_DATA")
        else:
            whole &= line(name, found)
    return whole


def clustered(items: int) -> np.ndarray:
    """Random unit vectors around random centres; made block by block."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLUSTERS, DIM)).astype(np.float32)
    matrix = np.empty((items, DIM), dtype=np.float32)
    for start in range(0, items, 1 << 14):
        block = matrix[start : start + (1 << 14)]
        block[:] = centres[rng.integers(0, CLUSTERS, len(block))]
        block += rng.standard_normal(block.shape, dtype=np.float32) * np.float32(0.7)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return matrix


def child(method: str, items: int) -> None:
    """Build one index of made-up vectors, then its trie; prints figures as JSON."""
    from core.model.trie import Trie
    from core.vectors import ItemVectors

    vectors = {"semantic": ItemVectors(clustered(items), np.ones(items, dtype=bool), "made up")}
    began, spent = time.monotonic(), time.process_time()
    found = build(method, vectors, 1)
    seconds, spent = time.monotonic() - began, time.process_time() - spent
    steps = found.resolution.figures["steps"]
    figures = {
        "seconds": round(seconds, 1),
        "processor": round(spent, 1),
        "parts": found.figures["seconds"],
        "gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "widths": list(found.index.widths),
        "before": steps[0]["items"],
        "after": items - len(np.unique(found.index.codes, axis=0)),
    }
    began = time.monotonic()
    trie = Trie(found.index.codes)
    figures["trie"] = {"bytes an item": round(trie.nbytes / items, 1), "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(figures), flush=True)


def million(methods: list[str], items: int) -> bool:
    """Print the figures of each method; whether all hold."""
    whole = True
    for method in methods:
        command = [sys.executable, __file__, "--child", method, "--items", str(items)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        figures = json.loads(done.stdout.splitlines()[-1])
        fine = figures["seconds"] <= 600 and figures["gib"] <= 6 and not figures["after"]
        fine &= figures["trie"]["bytes an item"] <= 64
        print(f"{method}: {items:,} items x {DIM}: {'holds' if fine else 'MISSED'}", json.dumps(figures), flush=True)
        whole &= fine
    return whole


def main() -> None:
    """Run what is asked for; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unique", action="store_true")
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--methods", help="separated by commas")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="of the hostile cases")
    parser.add_argument("--data", default=",".join(REAL), help="real data sets")
    args = parser.parse_args()
    asked = args.methods.split(",") if args.methods else []
    if args.child:
        child(args.child, args.items)
        return
    fine = True
    if args.unique:
        sizes = [int(size) for size in args.sizes.split(",") if size]
        names = [name for name in args.data.split(",") if name]
        fine &= unique(asked or list(QUANTIZERS.names), sizes, names, args.epochs)
    if args.million:
        fine &= million(asked or ["kmeans-tree", "rq-kmeans"], args.items)
    if not (args.unique or args.million):
        parser.error("say --unique or --million")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
