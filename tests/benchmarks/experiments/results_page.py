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
from typing import Any

from core.project import Project
from core.run.folder import RunFolder
from core.run.rankings import headline

KEPT = Path(__file__).with_name("results") / "lists.json"
PAGE = Path(__file__).resolve().parents[3] / "assets" / "docs" / "results.md"
METRICS = ("recall@5", "recall@10", "ndcg@5", "ndcg@10", "recall@50")
PROTOCOLS = {"test": "seen items kept", "test_masked": "seen items hidden"}
MARKED = re.compile(r"(<!-- lists: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def keep(name: str, run: Path) -> None:
    """Keep the figures of a run under a name."""
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
    return "\n".join(lines)


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
