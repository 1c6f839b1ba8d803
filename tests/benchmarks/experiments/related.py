"""Related systems, each beside its controls: off, control, on, under one evaluator.

    python tests/benchmarks/experiments/related.py [scientific] [FOLDER] [--systems NAME ...] [--seeds 0 1 2] [--run]
        [--set KEY=VALUE ...] [--short]

Without `--run` nothing is computed: the table shows what is kept in results/related.json, and "not run" elsewhere. With
it, missing cells are computed one after the other, each written down when it is finished, so an interrupted table goes
on; FOLDER keeps the project and its artefacts, which cells share. A cell that takes more than `--minutes` (40) is said.

A cell is a trained method on one data set with one seed; its ranks of all users' test targets are kept, under both
protocols, so every figure, interval and paired difference below is computed from them when the table is printed:

    R@10, N@10       over all users, with the 95 % interval over users (the mean of the seeds is one value a user)
    tail             N@10 of targets with 1 to 4 training interactions
    short            N@10 of users with at most 4 training interactions
    seconds, MB      of the stages that the method joins: their processor time, and the size of what they leave
    against off      the paired difference in N@10, and against the control

`--short` prints one table for all systems, as assets/docs/related.md has it: what each row is worth beside the one that
is off, and how many times its seconds it takes.

The method that is measured is a scorer of the whole catalogue where the system ends with one (`sasrec`, `sasrec-text`),
which needs no tuning of the language model; else the whole line, and of it the generator's own lists (`model`, fewer
epochs) or the served one (`model+fused`, the recipe untouched).
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from cells import Cells, artefact, eagertui, light_before
from real_data import ORDER, write_project

from core.baselines import popularity_of
from core.baselines.sasrec import SasRecBaseline
from core.baselines.sasrec_text import SasRecTextBaseline
from core.data.dataset import Dataset
from core.evaluate.compare import verdict
from core.evaluate.metrics import values_of
from core.evaluate.ranks import rank_by_scores
from core.evaluate.resampling import resampled_difference, resampled_interval
from core.machine import prepare
from core.pipeline import STAGES, recipes_of
from core.project import Project
from core.run.reporter import NullReporter
from core.store import Store, fingerprint
from core.vectors.sasrec_model import SasRec

CELLS = Cells("related")
SAMPLE = "sample"
PROTOCOLS = ("seen kept", "seen hidden")
TAIL, SHORT = (1, 4), 4
SCORERS = {"sasrec": SasRecBaseline, "sasrec-text": SasRecTextBaseline}
SERVED = "model+fused"
LIGHTER = [
    "tune.stages.0.epochs=6", 'evaluate.baselines=["popularity"]', "evaluate.bootstrap=0", "recommend.fusion=[]",
    "steer.method=none",
]  # fmt: skip
"""The budget of cells that measure the generator's own lists."""


@dataclass(frozen=True)
class System:
    """One system and its rows.

    Attributes:
        method: what is measured: a name of `SCORERS`, `model` or `SERVED`.
        paper: its arXiv id.
        stages: those it joins, whose seconds and size count.
        rows: the settings of each row; the first is off, the last is on, and those between are controls.
    """

    method: str
    paper: str
    stages: tuple[str, ...]
    rows: dict[str, list[str]]


CONTRAST = ["sasrec.contrast_users=0.1", "sasrec.contrast_items=0.1"]
LLMEMB = ["vectors.semantic=contrastive"]
ALIGNED = [*LLMEMB, "sasrec.features=only", "vectors.align=contrast", "vectors.contrast.temperature=2"]
_REWARD = (
    '{ name="sequential", epochs=6, learning_rate=2e-3 }, '
    '{ name="reward", epochs=2, learning_rate=2e-4, objective="%s" }'
)
REWARDED = {
    "off": [],
    "control: as many steps of likelihood": ["tune.stages=[" + _REWARD % "likelihood" + "]"],
    "on": ["tune.stages=[" + _REWARD % "reward" + "]"],
}
WSD = ["tune.schedule=wsd", "tune.anneal=0.2", "tune.anneal_to=0.1", "tune.anneal_shape=sqrt"]
DECODERS = {"decoder": [], "shuffled-decoder": ["--shuffled"]}
"""Folders beside the project file that `eagertui pretrain` makes of the other log, once for all seeds."""
OTHER = {"scientific": "beauty", "beauty": "scientific"}


def _contrast(weight: str) -> System:
    """One half of SRA-CL."""
    rows = {"off": [], "control: random neighbours": [weight, "sasrec.contrast_neighbours=random"], "on": [weight]}
    return System("sasrec", "2503.04162", ("sasrec",), rows)


def _aligned(paper: str, behavior: str, method: str, weight: float, measured: str = "") -> System:
    """An alignment of SASRec's items, measured as SASRec or as told, or of LightGCN, as source of the item index."""
    source = [] if behavior == "sasrec" else [f"vectors.behavior={behavior}"]
    on = [*source, f"vectors.align={method}", f"vectors.align_weight={weight}"]
    rows = {"off": source, "control: shuffled texts": [*on, "vectors.align_control=shuffled"], "on": on}
    stages = ("behavior",) if behavior == "lightgcn" else ("teacher",) if measured == "sasrec-text" else ("sasrec",)
    return System(measured or ("sasrec" if behavior == "sasrec" else "model"), paper, stages, rows)


SYSTEMS = {
    "sra-cl": System(
        "sasrec", "2503.04162", ("sasrec",),
        {
            "off": [],
            "control: random neighbours": [*CONTRAST, "sasrec.contrast_neighbours=random"],
            "control: dropout alone": [*CONTRAST, "sasrec.contrast_neighbours=self"],
            "on": CONTRAST,
        },
    ),
    "sra-cl, users alone": _contrast("sasrec.contrast_users=0.1"),
    "sra-cl, items alone": _contrast("sasrec.contrast_items=0.1"),
    "llmemb, vectors": System(
        "sasrec-text", "2409.19925", ("semantic", "teacher"),
        {"off": [], "control: no column is left out": [*LLMEMB, "vectors.contrastive.drop=0"], "on": LLMEMB},
    ),
    "llmemb, text alone": System(
        "sasrec-text", "2409.19925", ("semantic", "teacher"),
        {"off": [], "control: LSA alone": ["sasrec.features=only"], "on": [*LLMEMB, "sasrec.features=only"]},
    ),
    "llmemb, index": System(
        "model", "2409.19925", ("semantic", "index"),
        {"off": [], "control: shuffled texts": [*ALIGNED, "vectors.align_control=shuffled"], "on": ALIGNED},
    ),
    "rlmrec-con, sasrec": _aligned("2310.15950", "sasrec", "contrast", 0.01),
    "rlmrec-gen, sasrec": _aligned("2310.15950", "sasrec", "generate", 0.1),
    "darec, sasrec": _aligned("2408.08231", "sasrec", "disentangled", 0.1),
    "rlmrec-con at 0.1, sasrec": _aligned("2310.15950", "sasrec", "contrast", 0.1),
    "rlmrec-con at 0.3, sasrec": _aligned("2310.15950", "sasrec", "contrast", 0.3),
    "rlmrec-con at 1, sasrec": _aligned("2310.15950", "sasrec", "contrast", 1),
    "rlmrec-con at 0.3, sasrec-text": _aligned("2310.15950", "sasrec", "contrast", 0.3, "sasrec-text"),
    "rlmrec-con at 0.3, served": _aligned("2310.15950", "sasrec", "contrast", 0.3, SERVED),
    "rlmrec-con, lightgcn": _aligned("2310.15950", "lightgcn", "contrast", 0.01),
    "rlmrec-gen, lightgcn": _aligned("2310.15950", "lightgcn", "generate", 0.1),
    "darec, lightgcn": _aligned("2408.08231", "lightgcn", "disentangled", 0.1),
    "mixture-of-codes": System(
        "model", "2410.09560", ("index",),
        {"off": ["index.method=rq-vae"], "control: parallel": ["index.method=parallel"], "on": ["index.method=moc"]},
    ),
    "mixture-of-codes, features": System(
        "sasrec-text", "2410.09560", ("teacher",),
        {
            "off": [],
            "control: random codes": ["sasrec.codes=true", "index.method=random"],
            "control: residual codes": ["sasrec.codes=true", "index.method=rq-vae"],
            "on": ["sasrec.codes=true", "index.method=moc"],
        },
    ),
    "lane": System(
        "sasrec-text", "2407.02833", ("teacher",),
        {
            "off": [],
            "control: groups by lot": ["sasrec.preferences=5", "index.method=random"],
            "on": ["sasrec.preferences=5"],
        },
    ),
    "gream": System("model", "2510.20815", ("tune",), REWARDED),
    "cprec, step sizes": System(
        "model", "2504.08949", ("tune",),
        {"off": [], "control: wsd to nothing in the last tenth": ["tune.schedule=wsd"], "on": WSD},
    ),
    "cprec, another log": System(
        "model", "2504.08949", ("tune",),
        {
            "off": WSD,
            "control: titles in random order": [*WSD, "backbone.model=shuffled-decoder"],
            "on": [*WSD, "backbone.model=decoder"],
        },
    ),
    "letter's temperature": System(
        "model", "2405.07314", ("tune",),
        {"off": [], "control: above one": ["tune.temperature=1.3"], "on": ["tune.temperature=0.7"]},
    ),
}  # fmt: skip
"""Compared at an equal number of codes an item: `moc` has more parameters in training, and as many code tokens."""


def packed(ranks: np.ndarray) -> str:
    """Numbers below 65,536 as text."""
    return base64.b64encode(zlib.compress(ranks.astype("<u2").tobytes(), 9)).decode()


def unpacked(text: str) -> np.ndarray:
    """What `packed` wrote."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<u2").astype(np.int64)


def project_file(data: str, folder: Path) -> Path:
    """A project on a data set."""
    if data == SAMPLE:
        if not (folder / "project.toml").exists():
            command = [sys.executable, "-m", "eagertui.cli", "--headless", "init", str(folder), "--sample"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return folder / "project.toml"
    return write_project(data, folder)


def of_stages(artefacts: dict[str, Path], stages: tuple[str, ...]) -> dict[str, float]:
    """Seconds of processor time of some stages, and the size of what they left."""
    seconds = sum(json.loads((artefacts[name] / "stage.json").read_text())["cpu_seconds"] for name in stages)
    files = [file for name in stages for file in artefacts[name].rglob("*") if file.is_file()]
    return {"seconds": round(seconds, 1), "mb": round(sum(file.stat().st_size for file in files) / 1e6, 2)}


def made_up_to(project: Project, last: str) -> dict[str, Path]:
    """Make a stage and what it reads, and nothing else; what is in the store is taken from there."""
    prepare(project.run)
    store, recipes = Store(project.runs_dir / ".store"), recipes_of(project)
    wanted, works = {last}, {stage.name: stage.work for stage in STAGES}
    for name in reversed(list(recipes)):
        wanted |= set(recipes[name]["inputs"]) if name in wanted else set()
    made: dict[str, Path] = {}
    for name, recipe in recipes.items():
        if name in wanted:
            made[name] = store.artefact(fingerprint(recipe))
            if not store.has(made[name].name):
                work = works[name]
                store.make(made[name].name, recipe, lambda path, work=work: work(project, made, path, NullReporter()))
    return made


def scored(file: Path, system: System, sets: list[str]) -> dict[str, Any]:
    """Train the stages of a scorer, and rank."""
    stage = SCORERS[system.method].inputs[0]
    project = Project.load(file, sets)
    made = made_up_to(project, stage)
    dataset = Dataset.load(made["data"])
    model = SasRec.load(made[stage] / "sasrec.safetensors", dataset.n_items, project.sasrec).frozen()
    questions = dataset.evaluation("test")
    ranking = rank_by_scores(model, questions, dataset.n_items, system.method, NullReporter())
    about = {"history": questions.histories.lengths - 1, "popularity": popularity_of(dataset.train(), dataset.n_items)}
    return {
        "seen kept": packed(ranking.ranks), "seen hidden": packed(ranking.masked),
        "history": packed(about["history"]), "popularity": packed(about["popularity"][questions.targets]),
        **of_stages(made, system.stages),
    }  # fmt: skip


def make_decoder(file: Path, name: str) -> None:
    """Have a decoder made of another log's titles, of the shape that the project's recipe builds."""
    data = Project.load(file).name
    if data not in OTHER:
        sys.exit(f"{data}: there is no other log; these rows are for {', '.join(sorted(OTHER))}")
    other = project_file(OTHER[data], file.parent / OTHER[data])
    argv = ["--corpus", str(other), "--out", str(file.parent / name), "--epochs", "2", "--set", "run.threads=1"]
    eagertui("pretrain", str(file), *argv, *DECODERS[name])


def tuned(file: Path, system: System, sets: list[str]) -> dict[str, Any]:
    """Train the whole line, and take the ranks of its own lists or the served ones."""
    for name in DECODERS:
        if f"backbone.model={name}" in sets and not (file.parent / name).exists():
            make_decoder(file, name)
    run = Path(eagertui("train", str(file), *[part for text in sets for part in ("--set", text)])[-1]["run"])
    frame = pl.read_parquet(artefact(run, "evaluate") / "ranks.parquet").filter(pl.col("split") == "test")
    made = {name: artefact(run, name) for name in system.stages}
    columns = {"seen kept": f"rank_{system.method}", "seen hidden": f"masked_rank_{system.method}"}
    ranks = {name: packed(frame[column].to_numpy()) for name, column in columns.items()}
    ranks["popularity"] = packed(frame["popularity"].to_numpy())
    return {**ranks, "history": packed(frame["history"].to_numpy() - 1), **of_stages(made, system.stages)}


def key(data: str, system: System, row: str, seed: int, more: list[str]) -> str:
    """Names a cell by its settings: rows of several systems that are the same training are one cell."""
    sets = ", ".join([*system.rows[row], *more]) or "plain"
    return f"{data} | {system.method}, cost of {' + '.join(system.stages)} | {sets} | seed {seed}"


def interval(values: np.ndarray) -> tuple[float, float]:
    """Of the mean over users."""
    kinds, counts = np.unique(values, return_counts=True)
    return resampled_interval(kinds, counts)


def shown(values: np.ndarray) -> str:
    """A mean and its interval."""
    if not len(values):
        return "nobody"
    low, high = interval(values)
    return f"{values.mean():.4f} [{low:.4f}, {high:.4f}]"


def values(cells: list[dict[str, Any]], metric: str, protocol: str) -> np.ndarray:
    """What each user is worth, the mean over the seeds; (users,)."""
    return np.mean([values_of(metric, unpacked(cell[protocol])) for cell in cells], axis=0)


def table(data: str, name: str, seeds: list[int], more: list[str]) -> None:
    """Print a system's rows."""
    system, known = SYSTEMS[name], CELLS.known()
    cells_of = {row: [key(data, system, row, seed, more) for seed in seeds] for row in system.rows}
    rows = {row: [known[cell] for cell in names if cell in known] for row, names in cells_of.items()}
    off, *controls, on = system.rows
    print(f"\n## {name} (arXiv {system.paper}) on {data}: {system.method}, seeds {', '.join(map(str, seeds))}")
    for protocol in PROTOCOLS:
        print(f"\n{protocol}\n")
        print("| row | seeds | R@10 | N@10 | N@10, tail | N@10, short histories | seconds | MB |")
        print("|---|---|---|---|---|---|---|---|")
        for row, cells in rows.items():
            if not cells:
                print(f"| {row} | not run | | | | | | |")
                continue
            popularity, history = unpacked(cells[0]["popularity"]), unpacked(cells[0]["history"])
            ndcg = values(cells, "ndcg@10", protocol)
            tail, short = (popularity >= TAIL[0]) & (popularity <= TAIL[1]), history <= SHORT
            figures = [shown(values(cells, "recall@10", protocol)), shown(ndcg), shown(ndcg[tail]), shown(ndcg[short])]
            cost = [f"{np.mean([cell[what] for cell in cells]):.1f}" for what in ("seconds", "mb")]
            print(f"| {row} | {len(cells)} | {' | '.join([*figures, *cost])} |")
        full = [row for row in rows if len(rows[row]) == len(rows[on])]
        for other in [row for row in (off, *controls) if rows[on] and row in full]:
            popularity = unpacked(rows[on][0]["popularity"])
            tail = (popularity >= TAIL[0]) & (popularity <= TAIL[1])
            ours, theirs = (values(rows[row], "ndcg@10", protocol) for row in (on, other))
            print(f"\non against {other}: N@10 {difference(ours, theirs)}; tail {difference(ours[tail], theirs[tail])}")


def short_table(data: str, names: list[str], seeds: list[int], more: list[str]) -> None:
    """Print a line a row: figures under both protocols, and the paired difference of N@10 to the row that is off."""
    known = CELLS.known()
    columns = ("system", "row", *(f"R@10 / N@10, {one}" for one in PROTOCOLS))
    columns = (*columns, *(f"N@10 above off, {one}" for one in PROTOCOLS), "the same, tail", "time")
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for name in names:
        system = SYSTEMS[name]
        off: list[dict[str, Any]] = []
        for row in system.rows:
            cells = [known[cell] for seed in seeds if (cell := key(data, system, row, seed, more)) in known]
            if len(cells) < len(seeds):
                print(f"| {name} | {row} | not run | | | | | |")
                continue
            pairs = [
                " / ".join(f"{values(cells, metric, protocol).mean():.4f}" for metric in ("recall@10", "ndcg@10"))
                for protocol in PROTOCOLS
            ]
            off = off or cells
            popularity = unpacked(cells[0]["popularity"])
            tail = (popularity >= TAIL[0]) & (popularity <= TAIL[1])
            gains = [] if cells is off else [
                difference(values(cells, "ndcg@10", protocol)[users], values(off, "ndcg@10", protocol)[users])
                for protocol, users in ((PROTOCOLS[0], slice(None)), (PROTOCOLS[1], slice(None)), (PROTOCOLS[1], tail))
            ]  # fmt: skip
            ratio = np.mean([cell["seconds"] for cell in cells]) / np.mean([cell["seconds"] for cell in off])
            told = [*pairs, *(gains or [""] * 3), f"{ratio:.1f}x"]
            print(f"| {name} | {row} | {' | '.join(told)} |".replace("0.", ".").replace(" 0x", " 1x"))


def difference(ours: np.ndarray, theirs: np.ndarray) -> str:
    """A paired difference and its interval."""
    kinds, counts = np.unique(ours - theirs, return_counts=True)
    found = resampled_difference(kinds, counts)
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}] {verdict(found.low, found.high)}"


def main() -> None:
    """Fill in the missing cells if asked to, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", default="scientific", choices=[*sorted(ORDER), SAMPLE])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--rows", nargs="+", default=[], help="only rows that begin with one of these")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", dest="sets", nargs="+", default=[], metavar="KEY=VALUE")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--short", action="store_true", help="one table for all systems")
    args = parser.parse_args()
    if args.run:
        folder = args.folder or Path(tempfile.mkdtemp(prefix=f"eagertui-{args.data}-"))
        file = project_file(args.data, folder)
        for seed in args.seeds:
            for name in args.systems:
                system = SYSTEMS[name]
                for row in system.rows:
                    cell = key(args.data, system, row, seed, args.sets)
                    if cell in CELLS.known() or (args.rows and not row.startswith(tuple(args.rows))):
                        continue
                    lighter = LIGHTER if system.method == "model" else []
                    before = ["run.threads=1", *light_before(args.data), *lighter]
                    sets, began = [*before, *system.rows[row], f"seed={seed}", *args.sets], time.monotonic()
                    CELLS.keep(cell, (scored if system.method in SCORERS else tuned)(file, system, sets))
                    minutes = (time.monotonic() - began) / 60
                    if minutes > args.minutes:
                        print(f"{cell}: {minutes:.0f} minutes", file=sys.stderr)
    if args.short:
        short_table(args.data, args.systems, args.seeds, args.sets)
        return
    for name in args.systems:
        table(args.data, name, args.seeds, args.sets)


if __name__ == "__main__":
    main()
