"""RQ-VAE on Beauty's text vectors: seconds, shared codes before and after LC-Rec's rounds, codes in use, by seed.

    python -m tests.benchmarks.engine.rq_vae [--seeds 5] [--method rq-vae] [--set key=value ...]

Reads `$EAGERTUI_DATA/beauty` (default ../shared/data). Text is title, brand, categories and keywords; identical
vectors are left aside in the shares, for no code can tell them apart. `--set` changes options of rq-vae.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from core.data.dataset import load_dataset
from core.index.assign.sinkhorn import sinkhorn_rounds
from core.index.build import centred
from core.index.quantize import Codes, Matrix, Task, quantize
from core.project import Project
from core.registry import QUANTIZERS
from core.run.reporter import NullReporter
from core.settings import IndexSettings
from core.stage import options_for
from core.vectors.lsa_model import fit_lsa
from tests.benchmarks.experiments.real_data import write_project

LEVELS = (256,) * 4
COLUMNS = ["title", "brand", "categories", "keywords"]
ALONE = [name for name in QUANTIZERS.names if not (QUANTIZERS.get(name).tree or QUANTIZERS.get(name).reads_other)]


def text_vectors() -> tuple[Project, Matrix]:
    """Beauty's project, and its items' text vectors as the index gets them."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_project("beauty", Path(folder))
        project = Project.load(file, [f"data.text={json.dumps(COLUMNS)}"])
        texts = [text or "" for text in load_dataset(project.data, project.directory).items["text"].to_list()]
    return project, centred(fit_lsa(texts, project.vectors.semantic_dim, project.seed)[1].matrix)


def shared(codes: Codes) -> float:
    """Share of the items whose code another one has already."""
    return 1.0 - len(np.unique(codes, axis=0)) / len(codes)


def main() -> None:
    """Quantise once a seed, and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--method", choices=ALONE, default="rq-vae")
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    project, vectors = text_vectors()
    changed = {key: json.loads(value) for key, _, value in (text.partition("=") for text in args.sets)}
    changed = {key: tuple(value) if isinstance(value, list) else value for key, value in changed.items()}
    plain = options_for(project, QUANTIZERS, "rq-vae")
    settings = replace(plain, **changed)
    _, once = np.unique(vectors, axis=0, return_index=True)
    print(f"{len(vectors):,} items, {len(once):,} distinct vectors of {vectors.shape[1]}")
    print("bars: at most 360 s, 3 % nearest, 1 % after the rounds, at least 150 first codes\n")
    print("seed  seconds  CPU s   nearest  rounds      after  first codes   error")
    worst = [0.0, 0.0, 0.0, 0.0]
    for seed in range(args.seeds):
        began, busy = time.monotonic(), time.process_time()
        index = IndexSettings(method=args.method)
        found = quantize(Task(vectors, LEVELS, seed, index, settings, NullReporter()))
        seconds, busy = time.monotonic() - began, time.process_time() - busy
        residual = found.latent.copy()
        for level, book in enumerate(found.codebooks[:-1]):
            residual -= book[found.codes[:, level]]
        after, took = sinkhorn_rounds(found.codes, residual, found.codebooks[-1], plain.uniform, plain.rounds)
        first = len(np.unique(found.codes[:, 0]))
        before, settled = shared(found.codes[once]), shared(after[once])
        error = found.figures.get("error", float("nan"))
        print(
            f"{seed:4} {seconds:8.1f} {busy:6.1f} {before:9.3%} {took:7} {settled:10.3%} {first:12} {error:7.3f}",
            flush=True,
        )
        shares = (seconds / 360, before / 0.03, settled / 0.01, 150 / first)
        worst = [max(pair) for pair in zip(worst, shares, strict=True)]
    told = zip(("seconds", "nearest", "after rounds", "first codes"), worst, strict=True)
    print("\nworst, as a share of its bar: " + ", ".join(f"{name} {share:.2f}" for name, share in told))


if __name__ == "__main__":
    main()
