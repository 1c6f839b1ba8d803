"""The page: everything that `compare --json` prints, as headings, tables and charts in one file that asks nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from eagertui.cli.output.comparison_table import (
    ONE_SEED,
    by_value,
    gain_text,
    rank_text,
    reference_row,
    short_metric,
    single_seeds,
    slices_worth_a_look,
    written,
)
from eagertui.plain import visible
from eagertui.report.svg_charts import Mark, curves, whiskers

Found = Mapping[str, Any]
COLUMNS = ("recall@5", "recall@10", "recall@50", "ndcg@5", "ndcg@10", "mrr@50", "coverage@10")
STYLE = """
:root { --ink: #1b1f24; --faint: #57606a; --line: #d0d7de; --paper: #fff; --good: #0a5c2b; --mark: #0b57a4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9aa4af; --line: #3d444d; --paper: #0d1117;
  --good: #6fdd8b; --mark: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 16px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); } h3 { margin-bottom: .3rem; }
.scroll { overflow-x: auto; } .scroll:focus { outline: 2px solid var(--mark); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92rem; overflow-wrap: normal; }
caption { text-align: left; color: var(--faint); padding: 4px 0; max-width: 88vw; }
th, td { padding: 3px 10px 3px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { white-space: nowrap; } th[scope=row] { font-weight: 400; min-width: 9rem; }
.figure { text-align: right; white-space: nowrap; } .gain { white-space: nowrap; }
.reference th, .best { font-weight: 700; }
.grid { display: grid; gap: 16px 32px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); }
figure { margin: 0; max-width: 540px; } figcaption { color: var(--faint); font-size: .9rem; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: 2px 16px; }
dt { color: var(--faint); } dd { margin: 0; } .note { border-left: 3px solid var(--mark); padding-left: 10px; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .faint { fill: var(--faint); font-size: 11px; } svg .strong { font-weight: 700; }
svg .whisker { stroke: var(--mark); stroke-width: 2; } svg .dot { fill: var(--mark); }
svg .axis, svg .zero { stroke: var(--faint); } svg .zero { stroke-dasharray: 3 3; }
svg .line { fill: none; stroke: var(--mark); stroke-width: 2; }
svg .line1 { stroke: #b35900; } svg .line2 { stroke: #1a7f37; } svg .line3 { stroke: #8250df; }
svg .line4 { stroke: #cf222e; } svg .line5 { stroke: #1b7c83; } svg .line6 { stroke: #bf3989; }
svg .line7 { stroke: #7d6a00; }
summary { cursor: pointer; } nav a { color: var(--mark); margin-right: 1rem; }
@media print { body { max-width: none; padding: 0; font-size: 11px; } .scroll { overflow: visible; }
  nav { display: none; } section, figure, tr { break-inside: avoid; } table { font-size: 9px; }
  details > * { display: block; } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the browser may load: nothing. There is no script either."""


def comparison_page(project: str, found: Found, curve_points: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """A whole page.

    Args:
        project: the project's name.
        found: of `core.evaluate.comparison.as_object.comparison_object`; users stand in it where they were asked for.
        curve_points: validation curves of the runs by their ids.
    """
    name = _text(project)
    sections = [
        ("results", "Results", _results(found)),
        ("settings", "Settings that differ", _settings(found)),
        ("slices", "Parts of the users", _slices(found)),
        ("curves", "Validation while they trained", _curves(curve_points)),
        ("users", "Users who gained and lost", _movers(found)),
        ("protocol", "Protocol", _protocol(found)),
    ]
    there = [section for section in sections if section[2]]
    nav = "".join(f'<a href="#{anchor}">{title}</a>' for anchor, title, _ in there)
    body = "".join(f'<section id="{a}"><h2>{title}</h2>{content}</section>' for a, title, content in there)
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in found["notes"])
    runs = ", ".join(_text(run["id"]) for run in found["runs"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}: runs compared</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style></head>'
        f"<body><header><h1>{name}: runs compared</h1><p>{runs}</p><nav>{nav}</nav>{notes}</header>"
        f"<main>{body}</main></body></html>"
    )


def _text(value: object) -> str:
    """Foreign text: control characters visible, nothing of it markup."""
    return escape(visible(value))


def _table(caption: str, heads: Sequence[str], rows: Iterable[str]) -> str:
    cells = "".join(f'<th scope="col">{head}</th>' for head in heads)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table><caption>{caption}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(label: str, cells: Sequence[str], look: str = "") -> str:
    start = f'<tr class="{look}">' if look else "<tr>"
    return f'{start}<th scope="row">{label}</th>{"".join(cells)}</tr>'


def _cell(text: str, look: str = "figure") -> str:
    return f'<td class="{look}">{text}</td>'


def _results(found: Found) -> str:
    metric, against = found["metric"], _text(reference_row(found)["label"])
    parts, drawings = [], []
    columns = [metric, *(name for name in COLUMNS if name != metric)]  # what is judged stands first, for a phone
    heads = ["method", short_metric(metric), "verdict", "difference", *map(short_metric, columns[1:])]
    for number, result in enumerate(found["results"]):
        words = "verdict" if single_seeds(result["rows"]) else "in_full"
        best = {c: max((row["values"].get(c, 0.0) for row in result["rows"]), default=0.0) for c in columns}
        rows = []
        for row in result["rows"]:
            gain = row["differences"].get(metric)
            values = ((row["values"].get(c), best[c]) for c in columns)
            cells = [
                _cell(written(v), "figure best" if v is not None and v >= top > 0 else "figure") for v, top in values
            ]
            cells[1:1] = [_cell(gain[words] if gain else "reference", ""), _cell(gain_text(gain), "gain")]
            label = _text(row["label"])
            if row["seeds"] > 1:
                label += (
                    f"<br><small>{row['seeds']} seeds, deviation {written(row['deviations'][metric])}: "
                    f"{', '.join(map(written, row['seed_values'][metric]))}</small>"
                )
            rows.append(_row(label, cells, "reference" if row["key"] == found["against"] else ""))
        reachable = found["best_reachable"] if not number else {}
        if metric in reachable:
            cells = [_cell(written(reachable.get(c)) if c in reachable else "") for c in columns]
            rows.append(_row("best reachable", [cells[0], _cell("", ""), _cell("", "gain"), *cells[1:]]))
        caption = f"Test, {result['protocol']}, full ranking, {found['users']:,} users; differences against {against}"
        parts.append(f"<h3>{result['protocol'].capitalize()}</h3>" + _table(caption, heads, rows))
        drawings.append(_results_chart(number, result, metric, found["against"]))
    seed = f"<p>{ONE_SEED.capitalize()}.</p>" if single_seeds(found["results"][0]["rows"]) else ""
    return "".join(parts) + seed + f'<div class="grid">{"".join(drawings)}</div>'


def _results_chart(number: int, result: Found, metric: str, against: str) -> str:
    marks = []
    for row in result["rows"]:
        value = row["values"][metric]
        low, high = row["intervals"].get(metric, (value, value))
        marks.append(Mark(row["label"], value, low, high, row["key"] == against))
    title = f"{short_metric(metric)} with 95 % intervals, {result['protocol']}"
    text = "; ".join(f"{visible(m.label)} {written(m.value)} ({written(m.low)} to {written(m.high)})" for m in marks)
    return f"<figure>{whiskers(f'results{number}', title, text, marks)}<figcaption>{title}</figcaption></figure>"


def _settings(found: Found) -> str:
    if len(found["runs"]) < 2:
        return ""
    if not found["settings"]:
        return "<p>No setting differs between the runs.</p>"
    rows = []
    for one in found["settings"]:
        for value, runs in by_value(one["values"]):
            rows.append(_row(_text(one["key"]), [_cell(_text(value), ""), _cell(_text(", ".join(runs)), "")]))
    return _table("Settings that are not the same in all runs", ("setting", "value", "runs"), rows)


def _slices(found: Found) -> str:
    labels = {row["key"]: row["label"] for row in found["results"][0]["rows"]}
    metric, against, shown = found["metric"], _text(reference_row(found)["label"]), slices_worth_a_look(found)
    parts = []
    for number, one in enumerate(found["slices"]):
        label = _text(labels[one["key"]])
        caption = f"{label} against {against}: {short_metric(metric)}, {one['protocol']}"
        rows = [
            _row(f"{_text(row['family'])}: {_text(row['name'])}", [
                _cell(f"{row['users']:,}"), _cell(written(row["value"])), _cell(written(row["against"])),
                _cell(row["verdict"], ""), _cell(gain_text(row), "gain"),
            ])
            for row in one["rows"]
        ]  # fmt: skip
        table = _table(caption, ("users", "count", "value", "against", "verdict", "difference"), rows)
        marks = [Mark(row["name"], row["difference"], row["low"], row["high"]) for row in one["rows"]]
        text = "; ".join(f"{visible(m.label)} {written(m.value, '+')}" for m in marks)
        chart = whiskers(
            f"slices{number}", f"Differences, {labels[one['key']]}, {one['protocol']}", text, marks, zero=True
        )
        first = one["key"] in shown and one["protocol"] == found["results"][0]["protocol"]
        drawn = f"<figure>{chart}<figcaption>Differences with 95 % intervals</figcaption></figure>" if first else ""
        opened = " open" if first else ""
        parts.append(f"<details{opened}><summary><strong>{caption}</strong></summary>{table}{drawn}</details>")
    return "".join(parts)


def _curves(points: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    lines = {run: line for run, line in points.items() if line}
    if not lines:
        return ""
    title = "NDCG@10 on validation, by training step"
    best = {run: max(value for _, value in line) for run, line in lines.items()}
    text = "; ".join(f"{visible(run)}: at most {written(value)}" for run, value in best.items())
    rows = [_row(_text(run), [_cell(f"{len(lines[run]):,}"), _cell(written(value))]) for run, value in best.items()]
    table = _table("Validations of each run", ("run", "validations", "best N@10"), rows)
    named = {run.rsplit("_", 1)[-1]: line for run, line in lines.items()}
    drawn = named if len(named) == len(lines) else lines
    return f"<figure>{curves('curves', title, text, drawn)}<figcaption>{title}</figcaption></figure>{table}"


def _movers(found: Found) -> str:
    labels = {row["key"]: row["label"] for row in found["results"][0]["rows"]}
    parts = []
    for one in found.get("movers", ()):
        rows = [
            _row(_text(user["user"]), [
                _cell(kind, ""), _cell(written(user["gain"], "+")),
                _cell(f"{rank_text(user['against'])} → {rank_text(user['ranks'])}"),
                _cell(_text(user["title"] or user["item"]), ""),
            ])
            for kind in ("gained", "lost")
            for user in one[kind]
        ]  # fmt: skip
        counts = f"{one['gained_users']:,} gained, {one['lost_users']:,} lost, {one['same_users']:,} neither"
        caption = f"{_text(labels[one['key']])}, {one['protocol']}: {counts}"
        parts.append(_table(caption, ("user", "", "gain", "rank", "held-out item"), rows))
    return "".join(parts)


def _protocol(found: Found) -> str:
    return f"<dl>{''.join(f'<dt>{_text(k)}</dt><dd>{_text(v)}</dd>' for k, v in found['protocol'].items())}</dl>"
