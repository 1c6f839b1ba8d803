"""What do more codebooks keep of the text? Residual and independent ones beside each other, the number growing.

    python tests/benchmarks/experiments/codebooks.py [scientific] [FOLDER] [--run]

Codes of the text vectors alone, 64 a level, conflicts not settled. Finished cells are kept in results/codebooks.json,
so an interrupted table goes on; FOLDER keeps the project and its artefacts. Columns:

    text kept     the share of the text vectors' variance that a linear reading of the codes (a row a code, added up)
                  tells of a fifth of the items that it was not fitted on: one measure for all methods
    own code      the share of items whose codes no other item has
    redundancy    what two levels tell of each other; of levels dealt out at random 0
    rank          directions that the codes span
    R@10, N@10    of the SASRec that reads the text and these codes (`sasrec.codes`), all users of the test, seen hidden
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cells import Cells
from real_data import ORDER
from related import SYSTEMS, made_up_to, project_file, scored, unpacked
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsqr

from core.evaluate.metrics import values_of
from core.index.measure.code_figures import code_figures, sources_of
from core.project import Project
from core.vectors import ItemVectors

CELLS = Cells("codebooks")
METHODS, DEPTHS = ("rq-kmeans", "rq-vae", "parallel", "moc"), (3, 5, 8)
SETS = [
    'index.sources=["semantic"]', "index.width=64", "index.conflicts=share", "sasrec.codes=true", "run.threads=1",
    "vectors.align=none", "seed=0",
]  # fmt: skip
FIGURES = ("text kept", "own code", "redundancy", "rank", "R@10", "N@10")


def text_kept(codes: npt.NDArray[np.int64], vectors: npt.NDArray[np.float32]) -> float:
    """See "text kept"; (items, levels) and (items, dim)."""
    starts = np.concatenate([[0], np.cumsum(codes.max(axis=0) + 1)])
    places = codes + starts[:-1]
    marks = np.ones(places.size)
    rows = csr_array((marks, places.ravel(), np.arange(len(codes) + 1) * codes.shape[1]), (len(codes), starts[-1]))
    held = np.random.default_rng(0).random(len(codes)) < 0.2
    middle = vectors[~held].mean(axis=0)
    told = np.stack([lsqr(rows[~held], one, damp=1.0)[0] for one in (vectors[~held] - middle).T], axis=1)
    left = vectors[held] - middle - rows[held] @ told
    return 1.0 - float(np.square(left).sum() / np.square(vectors[held] - middle).sum())


def cell(file: Path, method: str, depth: int) -> dict[str, float]:
    """Build one index, and train the SASRec that reads its codes."""
    sets = [*SETS, f"index.method={method}", f"index.depth={depth}"]
    made = made_up_to(Project.load(file, sets), "teacher")
    codes = np.load(made["index"] / "raw.npy").astype(np.int64)
    same = np.unique(codes, axis=0, return_inverse=True, return_counts=True)
    own = same[2][same[1].ravel()] == 1
    about = code_figures(made["index"], sources_of(json.loads((made["index"] / "report.json").read_text())))
    ranks = unpacked(scored(file, SYSTEMS["mixture-of-codes, features"], sets)["seen hidden"])
    texts = ItemVectors.load(made["semantic"] / "vectors.npz").matrix
    return {
        "text kept": text_kept(codes, texts), "own code": float(own.mean()),
        "redundancy": about["redundancy"]["semantic"], "rank": about["rank"]["semantic"]["effective"],
        "R@10": float(values_of("recall@10", ranks).mean()), "N@10": float(values_of("ndcg@10", ranks).mean()),
    }  # fmt: skip


def main() -> None:
    """Compute what is missing if asked to, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="scientific", choices=sorted(ORDER))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--run", action="store_true")
    args = parser.parse_args()
    names = {(method, depth): f"{args.data} | {method} | {depth}" for method in METHODS for depth in DEPTHS}
    if args.run:
        file = project_file(args.data, args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.data}-")))
        for (method, depth), name in names.items():
            if name not in CELLS.known():
                CELLS.keep(name, cell(file, method, depth))
    print(f"| method | codebooks | {' | '.join(FIGURES)} |\n|{'---|' * (len(FIGURES) + 2)}")
    for (method, depth), name in names.items():
        found = CELLS.known().get(name)
        digits = {"rank": 1}
        told = [f"{found[one]:.{digits.get(one, 4)}f}".removeprefix("0") for one in FIGURES] if found else ["not run"]
        print(f"| {method} | {depth} | {' | '.join(told)} |")


if __name__ == "__main__":
    main()
