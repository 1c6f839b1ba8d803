"""Lines of the Compare place, for whatever width there is. No reading and no judging here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from statistics import stdev
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.content import Content

from core.evaluate.compare import BETTER, WORSE
from core.run.listing import RunInfo
from eagertui.cli.output.comparison_table import rank_text, written
from eagertui.widgets.draw import FAINT, Part, clip, fill, line, metric, safe, short_id, spread, when
from eagertui.widgets.row_list import Row
from eagertui.widgets.run_lines import hint

if TYPE_CHECKING:
    from core.evaluate.comparison.comparison_of_runs import Mover, Movers, SliceResult
    from core.evaluate.comparison.contenders import Contender
    from core.evaluate.comparison.paired_users import JudgedDifference

STYLES = {BETTER: "bold $success", WORSE: "bold $warning"}
WIDE, MIDDLE, NARROW = 92, 70, 48
"""Cells of a line from which it says more."""
CHUNK = 44
"""Cells of a line of a setting's value; a long one takes several."""
SAME = (
    "No setting differs between these runs. Where their figures do, another version of the program, of a library or of "
    "the data's files made one of them."
)
HEAD = "head"
"""How ids of rows begin that are no answer to anything."""


class MethodFigures(NamedTuple):
    """A line of the methods: a contender and what is to be said of it."""

    contender: Contender
    value: float | None
    interval: tuple[float, float] | None
    difference: JudgedDifference | None
    seed_values: Sequence[float]
    reference: bool


def run_row(run: RunInfo, marked: bool, best: float, sign: str, width: int) -> Content:
    """A finished run: its mark, when, recipe, id, and both figures."""
    left: list[Part] = [(sign if marked else " ", "bold $accent"), (f" {fill(when(run.created), 11)} ", FAINT)]
    left += [
        (fill(run.recipe, 14 if width >= MIDDLE else 8 if width >= NARROW else 6), "bold"),
        (f" {short_id(run)}", FAINT),
    ]
    if run.group and width >= NARROW:
        left.append((f" seed {run.seed}", FAINT))
    right: list[Part] = []
    for name, label in (("recall@10", "R@10"), ("ndcg@10", "N@10")):
        right += [(f"  {label} ", FAINT), (metric(run.metrics.get(name)), "bold")]
    if width >= MIDDLE and "ndcg@10" in run.metrics:
        away = run.metrics["ndcg@10"] - best
        right.append((f"  {'highest' if away >= 0 else written(away):>7}", FAINT))
    return spread(left, right, width)


def note_rows(notes: Sequence[str]) -> list[Row]:
    """What somebody should know who reads the figures, on lines that fit every screen."""
    pieces = [piece for note in notes for piece in wrap(f"! {safe(note)}", CHUNK)]
    return [Row(f"{HEAD} note {number}", partial(_note_row, piece)) for number, piece in enumerate(pieces)]


def _note_row(piece: str, width: int) -> Content:
    return line([(piece, "$warning")], width)


def _head_row(text: str, width: int) -> Content:
    return line([(safe(text), "bold $primary")], width)


# --- methods ----------------------------------------------------------------------------------------------------------


def method_rows(found: Sequence[MethodFigures], reachable: float | None) -> list[Row]:
    """Every method under one metric and protocol."""
    rows = [Row(f"{HEAD} methods", _method_head)]
    for one in found:
        rows.append(Row(one.contender.key, partial(_method_row, one)))
        if one.contender.seeds > 1 and one.seed_values:
            rows.append(Row(f"{HEAD} {one.contender.key}", partial(_seeds_row, one)))
    if reachable is not None:
        rows.append(Row(f"{HEAD} best", partial(_reachable_row, reachable)))
    return rows


def _label_cells(width: int) -> int:
    return 34 if width >= WIDE + 14 else 24 if width >= MIDDLE else 18 if width >= NARROW else max(8, width - 16)


def _method_head(width: int) -> Content:
    parts = [fill("method", _label_cells(width)), "  value"]
    if width >= MIDDLE:
        parts.append("  95 % ±")
    if width >= NARROW:
        parts.append("  against" if width >= MIDDLE else "  against  95 % ±")
    return line([("".join(parts), FAINT)], width)


def _method_row(one: MethodFigures, width: int) -> Content:
    cells, label = _label_cells(width), one.contender.label
    if cell_len(label) > cells:  # the id says more than the recipe
        label = one.contender.short
    if cell_len(label) > cells:  # and the method more than the run
        run, method = label.removesuffix(one.contender.method), clip(one.contender.method, cells)
        label = f"{clip(run.rstrip(), max(0, cells - cell_len(method) - 1))} {method}".lstrip()
    style = "bold" if one.reference else ""
    parts: list[Part] = [(fill(label, cells), style), (f"{metric(one.value):>7}", style)]
    if width >= MIDDLE:
        ends = one.interval
        parts.append((f"{f'±{metric((ends[1] - ends[0]) / 2)}' if ends else '':>8}", FAINT))
    return line([*parts, *gain_parts(one.difference, width, "reference" if one.reference else "")], width)


def gain_parts(gain: JudgedDifference | None, width: int, without: str = "") -> list[Part]:
    """A difference, its interval where there is room, and the verdict."""
    if gain is None:
        return [(f"  {without}", FAINT)]
    word: Part = (gain.in_full if width >= WIDE + 14 or gain.seeds * gain.other_seeds > 1 else gain.verdict,
                  STYLES.get(gain.verdict, ""))  # fmt: skip
    if width < NARROW:
        return [(" ", ""), word]
    value: Part = (f"  {written(gain.value, '+')} ", "")
    if width >= MIDDLE:
        return [value, (f"[{written(gain.low, '+')}, {written(gain.high, '+')}] ", FAINT), word]
    return [value, (f"±{written(gain.margin)} ", FAINT), word]


def _seeds_row(one: MethodFigures, width: int) -> Content:
    values = one.seed_values
    text = f"  {len(values)} seeds: {metric(min(values))} to {metric(max(values))}, deviation {metric(stdev(values))}"
    return line([(text, FAINT)], width)


def _reachable_row(value: float, width: int) -> Content:
    return line([(fill("best reachable", _label_cells(width)), FAINT), (f"{metric(value):>7}", FAINT)], width)


# --- slices -----------------------------------------------------------------------------------------------------------


def slice_id(row: SliceResult) -> str:
    """Tells a slice from the others."""
    return f"{row.family}\0{row.name}"


def slice_rows(found: Sequence[SliceResult]) -> list[Row]:
    """Every slice below the name of its family."""
    rows: list[Row] = []
    family = ""
    for row in found:
        if row.family != family:
            family = row.family
            rows.append(Row(f"{HEAD} {family}", partial(_family_row, family)))
        rows.append(Row(slice_id(row), partial(_slice_row, row)))
    return rows


def _family_row(family: str, width: int) -> Content:
    heads = "  users  value against" if width >= MIDDLE else "  users  value" if width >= NARROW else ""
    cells = max(8, width - (48 if width >= MIDDLE else 35 if width >= NARROW else 0))
    return line([(fill(family, min(cells, 30)), "bold $primary"), (heads, FAINT)], width)


def _slice_row(row: SliceResult, width: int) -> Content:
    cells = min(30, max(8, width - (48 if width >= MIDDLE else 35 if width >= NARROW else 22)))
    parts: list[Part] = [(fill(f" {safe(row.name)}", cells), "")]
    if width >= NARROW:
        parts += [(f"{row.users:>7,}", FAINT), (f"{metric(row.value):>7}", "bold")]
    if width >= MIDDLE:
        parts.append((f"{metric(row.other):>7}", FAINT))
    gain = row.difference
    if gain is None:
        return line(parts, width)
    parts.append((f" {written(gain.value, '+')} ", ""))
    if width >= MIDDLE:
        parts.append((f"±{written(gain.margin)} ", FAINT))
    return line([*parts, (gain.verdict, STYLES.get(gain.verdict, ""))], width)


# --- users ------------------------------------------------------------------------------------------------------------


def user_rows(found: Movers, within: str) -> tuple[list[Row], dict[str, Mover]]:
    """Those who lost, then those who gained; and the user of each row. `within` names the part of the users."""
    rows = [Row(f"{HEAD} within", partial(_head_row, within))] if within else []
    users: dict[str, Mover] = {}
    for word, count, movers in (("lost", found.lost_users, found.lost), ("gained", found.gained_users, found.gained)):
        shown = f", the {len(movers)} who {word} most" if len(movers) < count else ""
        text = f"{count:,} user{'s' * (count != 1)} {word}{shown}" + (
            f" · {found.same_users:,} neither" if word == "lost" else ""
        )
        rows.append(Row(f"{HEAD} {word}", partial(_head_row, text)))
        for number, mover in enumerate(movers):
            key = f"{word} {number}"
            users[key] = mover
            rows.append(Row(key, partial(_user_row, mover)))
    if not users:
        rows.append(Row(f"{HEAD} alike", lambda width: hint("v", "to the methods: enter on one that ranks otherwise")))
    return rows, users


def _user_row(mover: Mover, width: int) -> Content:
    ranks = f"{rank_text(mover.other_ranks)} → {rank_text(mover.ranks)}"
    style = STYLES[BETTER] if mover.gain > 0 else STYLES[WORSE]
    parts: list[Part] = [(f" {written(mover.gain, '+'):>7} ", style), (fill(ranks, 9 if len(ranks) <= 9 else 20), "")]
    parts.append((f" {fill(mover.user, 20 if width >= WIDE else 12)} ", "bold"))
    return line([*parts, clip(mover.title or mover.item, max(8, width - line(parts).cell_length))], width)


# --- settings ---------------------------------------------------------------------------------------------------------


def setting_rows(found: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]], runs: int) -> list[Row]:
    """Each setting that differs, its values and the runs that have them; long values take several lines."""
    if runs < 2:
        return [Row(f"{HEAD} one", lambda width: hint("space", "marks runs: mark two, and see what differs"))]
    if not found:
        said = wrap(SAME, CHUNK)
        return [Row(f"{HEAD} same {number}", partial(_plain_row, piece)) for number, piece in enumerate(said)]
    rows: list[Row] = []
    for key, values in found:
        rows.append(Row(f"{HEAD} {key}", partial(_head_row, key)))
        for number, (value, names) in enumerate(values):
            shown = safe(value)
            pieces = [shown[at : at + CHUNK] for at in range(0, len(shown), CHUNK)] or [""]
            for at, piece in enumerate(pieces):
                end = ", ".join(names) if at == len(pieces) - 1 else ""
                rows.append(Row(f"{HEAD} {key} {number} {at}", _value_row(piece, end)))
    return rows


def _plain_row(piece: str, width: int) -> Content:
    return line([piece], width)


def _value_row(piece: str, names: str) -> Callable[[int], Content]:
    return lambda width: spread([f"  {piece}"], [(clip(names, max(4, width - cell_len(piece) - 4)), FAINT)], width)
