"""What the Compare place shows, read and computed in a thread; what was read before is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from core.evaluate.comparison.comparison_of_runs import EXPOSURE_METRICS, HEAD_METRIC, PROTOCOLS, Comparison, Mover
from core.evaluate.comparison.contenders import Contender
from core.evaluate.comparison.measured_run import MeasuredRun, load_run, stamp
from core.evaluate.comparison.validation_curves import Points, run_state, validation_curve
from core.run.folder import RunFolder
from eagertui.cli.output.comparison_table import by_value, short_metric
from eagertui.places.compare.lines import MethodFigures, method_rows, note_rows, setting_rows, slice_rows, user_rows
from eagertui.places.compare.wish import VIEWS, CompareWish
from eagertui.widgets.draw import line
from eagertui.widgets.row_list import Row

MOVERS = 50
KEPT = 12
"""Runs and comparisons that are kept: a few, for a run of a million users holds thirty megabytes."""


@dataclass(frozen=True)
class ComparedView:
    """What is to be drawn.

    Attributes:
        wish: what was wanted.
        title: for the border.
        below: for the border, too.
        rows: lines; empty for curves.
        users: the user of each row.
        curves: name and points of each curve.
        folder: the run whose lists the users are asked about.
        text: everything as lines with tabs.
    """

    wish: CompareWish
    title: str
    below: str
    rows: Sequence[Row] = ()
    users: Mapping[str, Mover] = field(default_factory=dict)
    curves: Sequence[tuple[str, Points]] = ()
    folder: RunFolder | None = None
    text: str = ""


class Reader:
    """Answers wishes; call `answer` in a thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Hashable, object] = {}

    def answer(self, wish: CompareWish) -> ComparedView:
        """Everything to be drawn.

        Raises:
            EagerError: a run cannot be read, or the runs have nothing in common.
        """
        with self._lock:  # a wish that nobody waits for any more is finished before the next
            if wish.view == "curves":
                return self._curves(wish)
            runs = [self._run(folder) for folder in wish.runs]
            comparison = self._once(
                ("comparison", tuple((one.path, stamp(one)) for one in wish.runs), wish.against),
                lambda: compared(runs, wish.against),
            )
            assert isinstance(comparison, Comparison)
            return _answer(comparison, wish)

    def _run(self, folder: RunFolder) -> MeasuredRun:
        run = self._once(("run", folder.path, stamp(folder)), lambda: load_run(folder))
        assert isinstance(run, MeasuredRun)
        return run

    def _curves(self, wish: CompareWish) -> ComparedView:
        found = []
        for folder in wish.runs:
            points = validation_curve(run_state(folder), wish.metric)
            if points:
                found.append((folder.id.rsplit("_", 1)[-1], points))
        name = short_metric(wish.metric)
        text = "\n".join(f"{run}\t{step}\t{value}" for run, points in found for step, value in points)
        return ComparedView(wish, f"{VIEWS['curves']} · validation {name}", "", curves=found, text=text)

    def _once(self, key: Hashable, make: Callable[[], object]) -> object:
        if key in self._kept:
            self._kept[key] = self._kept.pop(key)  # the newest stands last
        else:
            self._kept[key] = make()
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[key]


def compared(runs: list[MeasuredRun], against: str) -> Comparison:
    """The comparison; what was the reference may not be among these runs any more."""
    comparison = Comparison(runs)
    keys = {one.key for one in comparison.contenders} | {run.id for run in runs}
    return Comparison(runs, against) if against in keys else comparison


def _answer(comparison: Comparison, wish: CompareWish) -> ComparedView:
    name, protocol = short_metric(wish.metric), PROTOCOLS[wish.masked]
    subject, reference = subject_of(comparison, wish.subject), comparison.reference
    title = f"{VIEWS[wish.view]} · {name} · {protocol}"
    below = f"against {reference.short} · {comparison.users:,} users"
    of_users = f"{subject.short} {below}"
    run = next((one.runs[0] for one in (subject, reference) if one.own), comparison.runs[0])
    if wish.view == "settings":
        settings = [(one.key, by_value(dict(zip((r.id for r in comparison.runs), one.values, strict=True))))
                    for one in comparison.settings]  # fmt: skip
        text = "\n".join(f"{key}\t{value}\t{', '.join(names)}" for key, values in settings for value, names in values)
        count = f"{len(settings)} of {len(comparison.runs)} runs" if len(comparison.runs) > 1 else ""
        return ComparedView(wish, VIEWS["settings"], count, setting_rows(settings, len(comparison.runs)), text=text)
    if wish.view == "methods":
        return _methods(comparison, wish, title, below)
    if wish.metric in EXPOSURE_METRICS:
        words = f"{name} is of all lists together, not of a user's; m shows another metric"
        return ComparedView(wish, title, below, [Row("head none", lambda width: line([words], width))], text=words)
    if wish.view == "slices":
        slices = comparison.slices(subject, wish.metric, wish.masked)
        text = "\n".join(
            f"{one.family}\t{one.name}\t{one.users}\t{one.value:.6f}\t{one.other:.6f}"
            + (f"\t{one.difference.value:.6f}\t{one.difference.verdict}" if one.difference else "")
            for one in slices
        )
        rows = [*slice_rows(slices), *note_rows(comparison.notes)]
        return ComparedView(wish, title, of_users, rows, folder=run.folder, text=text)
    movers = comparison.movers(subject, wish.metric, wish.masked, MOVERS, wish.within)
    rows, users = user_rows(movers, ": ".join(wish.within or ()))
    text = "\n".join(f"{m.user}\t{m.gain:.6f}\t{m.item}\t{m.title}" for m in users.values())
    return ComparedView(wish, title, of_users, rows, users, folder=run.folder, text=text)


def _methods(comparison: Comparison, wish: CompareWish, title: str, below: str) -> ComparedView:
    figures = []
    for one in comparison.contenders:
        several = one.seeds > 1 and wish.metric not in EXPOSURE_METRICS
        figures.append(
            MethodFigures(
                one,
                comparison.value(one, wish.metric, wish.masked),
                comparison.interval(one, wish.metric, wish.masked),
                comparison.difference(one, wish.metric, wish.masked),
                comparison.seed_values(one, wish.metric, wish.masked) if several else (),
                one is comparison.reference,
            )
        )
    lines = ["\t".join(("method", wish.metric, "low", "high", "difference", "low", "high", "verdict"))]
    for f in figures:
        gain, ends = f.difference, f.interval or ("", "")
        gains = (gain.value, gain.low, gain.high, gain.in_full) if gain else ("", "", "", "")
        lines.append("\t".join(str(cell) for cell in (f.contender.label, f.value, *ends, *gains)))
    rows = [*method_rows(figures, comparison.best_reachable(wish.metric, wish.masked)), *note_rows(comparison.notes)]
    return ComparedView(wish, title, below, rows, text="\n".join(lines))


def subject_of(comparison: Comparison, key: str) -> Contender:
    """The contender of a key; without one, or where it is gone, the next run's lists, else the best other method."""
    reference = comparison.reference
    others = [one for one in comparison.contenders if one is not reference]
    found = next((one for one in comparison.contenders if one.key == key), None)
    if found is not None or not others:
        return found or reference
    main = [one for one in others if one.main] or [one for one in others if not one.own] or others
    return max(main, key=lambda one: comparison.value(one, HEAD_METRIC, False) or 0.0)
