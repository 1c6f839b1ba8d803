"""The tables of lists in assets/docs/results.md, written between markers from the figures that are kept.

    python tests/benchmarks/experiments/results_page.py                    # writes the page anew
    python tests/benchmarks/experiments/results_page.py --keep NAME RUN    # keeps a finished run's figures first

The figures lie in `results/lists.json`; a test compares page and figures. The page's text is written by hand.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from core.project import Project
from core.run.folder import RunFolder
from core.run.rankings import headline

KEPT = Path(__file__).with_name("results") / "lists.json"
PAGE = Path(__file__).resolve().parents[3] / "assets" / "docs" / "results.md"
OVER_SEEDS = ("recall@10", "ndcg@10")
METRICS = ("recall@5", "recall@10", "ndcg@5", "ndcg@10", "recall@50")
PROTOCOLS = {"test": "seen items kept", "test_masked": "seen items hidden"}
MARKED = re.compile(r"(<!-- lists: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def keep(name: str, run: Path) -> None:
    """Keep the figures of a run under a name: all of the first seed's, the means' parts of further ones."""
    folder = RunFolder(run)
    metrics = folder.metrics()
    project = Project.load(folder.project_path)
    figures: dict[str, Any] = {"recipe": project.recipe, "seed": project.seed}
    for split in PROTOCOLS:
        rows = {
            method: {
                **{metric: round(values[metric], 4) for metric in METRICS},
                "intervals": {
                    metric: [round(end, 4) for end in metrics["intervals"][split][method][metric]]
                    for metric in ("recall@10", "ndcg@10")
                },
            }
            for method, values in metrics[split].items()
        }
        figures[split] = rows
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    before = kept.get(name, figures)
    seeds = before.get("seeds", {}) | {
        str(one["seed"]): {
            split: {method: {metric: values[metric] for metric in OVER_SEEDS} for method, values in one[split].items()}
            for split in PROTOCOLS
        }
        for one in (before, figures)
    }
    figures = {**(figures if project.seed <= before["seed"] else before), "seeds": seeds}
    KEPT.write_text(json.dumps(kept | {name: figures}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def table(figures: dict[str, Any]) -> str:
    """Both protocols of one data set, a table each, as Markdown."""
    lines = []
    for split, words in PROTOCOLS.items():
        rows = figures[split]
        ours = headline(rows)
        head = " | ".join(metric.replace("recall", "R").replace("ndcg", "N") for metric in METRICS)
        lines += [f"{words[0].upper()}{words[1:]}:", "", f"| method | {head} |", "|---" * (len(METRICS) + 1) + "|"]
        for method, values in sorted(rows.items(), key=lambda row: -row[1]["ndcg@10"]):
            cells = []
            for metric in METRICS:
                ends = values["intervals"].get(metric)
                cells.append(_short(values[metric]) + (f" [{_short(ends[0])}, {_short(ends[1])}]" if ends else ""))
            name = f"**{method}**" if method == ours else method
            lines.append(f"| {name} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines + over_seeds(figures.get("seeds", {})))


def over_seeds(seeds: dict[str, Any]) -> list[str]:
    """Means over seeds and how far these lie apart, as Markdown; nothing of one seed."""
    if len(seeds) < 2:
        return []
    heads = [f"{metric.replace('recall', 'R').replace('ndcg', 'N')}, {words.removeprefix('seen items ')}"
             for words in PROTOCOLS.values() for metric in OVER_SEEDS]  # fmt: skip
    lines = [f"Means of the seeds {', '.join(sorted(seeds))}, and their standard deviation:", ""]
    lines += [f"| method | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for method in next(iter(seeds.values()))["test"]:
        every = [[one[split][method][metric] for one in seeds.values()] for split in PROTOCOLS for metric in OVER_SEEDS]
        lines.append(f"| {method} | {' | '.join(f'{_short(fmean(one))} ± {_short(stdev(one))}' for one in every)} |")
    return [*lines, ""]


def _short(value: float) -> str:
    return f"{value:.4f}".lstrip("0")


def written(page: str, kept: dict[str, Any]) -> str:
    """The page with its marked tables made anew."""
    return MARKED.sub(lambda found: f"{found[1]}{table(kept[found[2]])}{found[3]}", page)


def main() -> None:
    """Keep figures, and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keep", nargs=2, metavar=("NAME", "RUN"))
    arguments = parser.parse_args()
    if arguments.keep:
        keep(arguments.keep[0], Path(arguments.keep[1]))
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(written(page, json.loads(KEPT.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
