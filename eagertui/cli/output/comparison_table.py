"""A comparison of runs as tables for a terminal, as CSV and as LaTeX; all of `comparison_object`. No textual here."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from eagertui.cli.output.lists import output, plain_table
from eagertui.plain import visible

MISSING = "–"
ONE_SEED = "one seed each: the words speak of these users, not of every run with these settings"
_SHORT = {"recall": "R", "ndcg": "N", "mrr": "MRR"}
_TEX = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}  # fmt: skip


def short_metric(name: str) -> str:
    """`ndcg@10` as a heading: `N@10`."""
    kind, _, cut = name.partition("@")
    return f"{_SHORT[kind]}@{cut}" if kind in _SHORT else name


def written(value: float | None, sign: str = "") -> str:
    """A figure with four decimals and no leading zero."""
    return MISSING if value is None else f"{value:{sign}.4f}".replace("0.", ".", 1)


def gain_text(difference: Mapping[str, Any] | None) -> str:
    """A difference with its interval."""
    if not difference:
        return ""
    low, high = (written(difference[end], "+") for end in ("low", "high"))
    return f"{written(difference['difference'], '+')} [{low}, {high}]"


def single_seeds(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every row is of one run."""
    return all(row["seeds"] == 1 for row in rows)


def reference_row(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row that the others are held against."""
    rows: list[Mapping[str, Any]] = found["results"][0]["rows"]
    return next(row for row in rows if row["key"] == found["against"])


def show_comparison(found: Mapping[str, Any]) -> None:
    """Settings that differ, both protocols, slices, what goes with every figure: on stdout."""
    console, metric = output(), found["metric"]
    against = visible(reference_row(found)["label"])
    for result in found["results"]:
        console.print(Text(f"test, {result['protocol']}, full ranking, {found['users']:,} users; against {against}"))
        console.print(_results(result, metric, found["best_reachable"] if result is found["results"][0] else {}))
    if single_seeds(found["results"][0]["rows"]):
        console.print(Text(ONE_SEED))
    _settings(console, found)
    _slices(console, found)
    for name, text in found["protocol"].items():
        console.print(Text(f"{name}: {visible(text)}", style="dim"))
    for note in found["notes"]:
        console.print(Text(f"note: {visible(note)}"))
    for movers in found.get("movers", ()):
        _movers(console, found, movers)


def _results(result: Mapping[str, Any], metric: str, reachable: Mapping[str, float]) -> Table:
    other = "recall@10" if metric != "recall@10" else "ndcg@10"
    heads = (short_metric(other), short_metric(metric), "cover", "difference and 95 % interval")
    table = plain_table("method", *heads, "", right=heads[:3])
    words = "verdict" if single_seeds(result["rows"]) else "in_full"
    for row in result["rows"]:
        values, gain = row["values"], row["differences"].get(metric)
        table.add_row(
            Text(visible(row["label"])),
            *(written(values.get(name)) for name in (other, metric, "coverage@10")),
            gain_text(gain),
            gain[words] if gain else "",
        )
        if row["seeds"] > 1:
            spreads = (f"±{written(row['deviations'].get(name))}" for name in (other, metric))
            figures = ", ".join(written(value) for value in row["seed_values"][metric])
            table.add_row(Text(f"  {row['seeds']} seeds, deviation", style="dim"), *spreads, "", figures)
    if metric in reachable:
        table.add_row("best reachable", *(written(reachable.get(name)) for name in (other, metric)))
    return table


def _settings(console: Console, found: Mapping[str, Any]) -> None:
    if len(found["runs"]) < 2:
        return
    if not found["settings"]:
        console.print(Text("no setting differs between the runs"))
        return
    console.print(Text("settings that differ"))
    table = plain_table("setting", "value", "runs")
    for one in found["settings"]:
        for place, (value, runs) in enumerate(by_value(one["values"])):
            table.add_row(
                Text("" if place else visible(one["key"])), Text(visible(value)), Text(visible(", ".join(runs)))
            )
    console.print(table)


def by_value(values: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Each value of a setting once, with the short names of the runs that have it."""
    runs: dict[str, list[str]] = {}
    for run, value in values.items():
        runs.setdefault(value, []).append(run.rsplit("_", 1)[-1])
    return list(runs.items())


def _slices(console: Console, found: Mapping[str, Any]) -> None:
    labels = {row["key"]: row["label"] for row in found["results"][0]["rows"]}
    first, shown = found["slices"][0]["protocol"] if found["slices"] else "", slices_worth_a_look(found)
    for one in found["slices"]:
        if one["protocol"] != first or one["key"] not in shown:
            continue  # --json and --html hold all
        console.print(
            Text(f"{visible(labels[one['key']])} by part of the users, {short_metric(found['metric'])}, {first}")
        )
        table = plain_table("users", "", "count", "value", "against", "difference and 95 % interval", " ",
                            right=("count", "value", "against"))  # fmt: skip
        family = ""
        for row in one["rows"]:
            head, family = ("" if row["family"] == family else row["family"]), row["family"]
            table.add_row(
                Text(visible(head)), Text(visible(row["name"])), f"{row['users']:,}", written(row["value"]),
                written(row["against"]), gain_text(row), row["verdict"],
            )  # fmt: skip
        console.print(table)


def slices_worth_a_look(found: Mapping[str, Any]) -> list[str]:
    """Keys of the contenders whose slices come first: the other runs, or else the best baseline."""
    rows = {row["key"]: row for row in found["results"][0]["rows"]}
    keys = list(dict.fromkeys(one["key"] for one in found["slices"]))
    runs = [key for key in keys if rows[key]["main"]]
    return runs or sorted(keys, key=lambda key: -rows[key]["values"].get(found["metric"], 0.0))[:1]


def _movers(console: Console, found: Mapping[str, Any], movers: Mapping[str, Any]) -> None:
    labels = {row["key"]: row["label"] for row in found["results"][0]["rows"]}
    counts = f"{movers['gained_users']:,} users gained, {movers['lost_users']:,} lost"
    console.print(Text(f"{visible(labels[movers['key']])}, {movers['protocol']}: {counts}"))
    table = plain_table("", "user", "gain", "rank", "target", right=("gain",))
    for kind in ("gained", "lost"):
        for one in movers[kind]:
            ranks = f"{rank_text(one['against'])} → {rank_text(one['ranks'])}"
            title = visible(one["title"] or one["item"])
            table.add_row(kind, Text(visible(one["user"])), written(one["gain"], "+"), ranks, Text(title))
    console.print(table)


def rank_text(ranks: Sequence[int]) -> str:
    """Ranks of one or several seeds, a dash where the target is not in the list."""
    return "/".join(str(rank) if rank else MISSING for rank in ranks)


def csv_text(found: Mapping[str, Any]) -> str:
    """One line a method, protocol and metric."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(("runs", "method", "seeds", "protocol", "users", "metric", "value", "low", "high",
                     "difference", "difference_low", "difference_high", "verdict"))  # fmt: skip
    for cells in _records(found):
        writer.writerow(cells)
    return lines.getvalue()


def _records(found: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for result in found["results"]:
        for row in result["rows"]:
            for name, value in row["values"].items():
                gain = row["differences"].get(name) or {}
                gains = [gain.get(key, "") for key in ("difference", "low", "high", "verdict")]
                ends = row["intervals"].get(name, ("", ""))
                runs = " ".join(map(visible, row["runs"]))
                about = (runs, visible(row["method"]), row["seeds"], result["protocol"], found["users"])
                yield (*about, name, value, *ends, *gains)


def latex_text(found: Mapping[str, Any]) -> str:
    """Both protocols as one table (needs `booktabs`): recall and NDCG, and the metric that was asked for."""
    from core.evaluate.comparison.comparison_of_runs import METRICS

    wanted = {"recall@5", "recall@10", "ndcg@5", "ndcg@10", found["metric"]}
    names = [name for name in METRICS if name in wanted]
    heads = " & ".join(_tex(short_metric(name)) for name in names)
    judged = f"{_tex(short_metric(found['metric']))} against {_tex(reference_row(found)['label'])}"
    lines = [r"\begin{tabular}{l" + "r" * len(names) + "l}", r"\toprule"]
    for result in found["results"]:
        best = {name: max((row["values"].get(name, 0.0) for row in result["rows"]), default=0.0) for name in names}
        protocol = f"{_tex(result['protocol'])}, {found['users']:,} users"
        lines.append(rf"\multicolumn{{{len(names) + 2}}}{{l}}{{{protocol}}} \\")
        lines += [rf"method & {heads} & {judged} \\", r"\midrule"]
        for row in result["rows"]:
            cells = []
            for name in names:
                value = row["values"].get(name)
                text = written(value)
                cells.append(rf"\textbf{{{text}}}" if value is not None and value >= best[name] > 0 else text)
            gain = row["differences"].get(found["metric"])
            last = f"${written(gain['difference'], '+')}$ {gain['verdict']}" if gain else ""
            lines.append(f"{_tex(row['label'])} & {' & '.join(cells)} & {last} " + r"\\")
        lines.append(r"\midrule" if result is not found["results"][-1] else r"\bottomrule")
    return "\n".join([*lines, r"\end{tabular}", ""])


def _tex(text: object) -> str:
    return "".join(_TEX.get(char, char) for char in visible(text))
