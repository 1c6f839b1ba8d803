"""What the Index place shows of a run: found, read and checked in a thread, each part by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import DataError, EagerError
from core.run.folder import RunFolder
from core.safe_json import figures, read_object

if TYPE_CHECKING:
    from core.index.lookup import Lookup
    from core.index.measure.report_card import Finding
    from eagertui.places.index.conflict_list import Conflicts


@dataclass(frozen=True)
class Artefact:
    """Where a run's index lies.

    Attributes:
        run: the run.
        folder: the artefact of the stage `index`.
        data: the artefact of the stage `data`; None where the run does not say.
        stamp: changes when the index is another one.
    """

    run: RunFolder
    folder: Path
    data: Path | None
    stamp: object


@dataclass(frozen=True)
class OpenIndex:
    """An index that was read; what could not be read says why.

    Attributes:
        at: where it lies.
        report: the report; empty where there is none.
        lookup: codes, branches and titles; None where there are none.
        conflicts: groups of items that shared a code; None where they were not kept.
        usage: items at every code, per level, the most first.
        card: the report in graded sentences.
        trouble: per part (`report`, `tree`, `conflicts`) what is wrong with it.
    """

    at: Artefact
    report: Mapping[str, Any] = field(default_factory=dict)
    lookup: Lookup | None = None
    conflicts: Conflicts | None = None
    usage: Sequence[Sequence[int]] = ()
    card: Sequence[Finding] = ()
    trouble: Mapping[str, EagerError] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """What it is, in a few words: method, levels, the end of the run's id."""
        method = [str(self.report["method"])] if self.report.get("method") else []
        levels = [f"{self.lookup.index.levels} levels"] if self.lookup is not None else []
        return [*method, *levels, self.at.run.id.rpartition("_")[2]]


def find_index(folders: Iterable[RunFolder]) -> Artefact | None:
    """The index of the first run that made or reused one."""
    return next((found for folder in folders if (found := _artefact(folder)) is not None), None)


def _artefact(run: RunFolder) -> Artefact | None:
    folder, data = _of_stage(run, "index"), _of_stage(run, "data")
    try:
        if folder is None or not folder.is_dir():
            return None
        stamps = [(path.name, (told := path.lstat()).st_mtime_ns, told.st_size) for path in sorted(folder.iterdir())]
    except OSError:
        return None
    from core.index.revisions.changes import newest_revision

    return Artefact(run, folder, data, (folder, data, tuple(stamps), newest_revision(run)))


def _of_stage(run: RunFolder, stage: str) -> Path | None:
    try:
        note = json.loads((run.path / "stages" / f"{stage}.json").read_text(encoding="utf-8"))
        return (run.path / str(note["artefact"])).resolve()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, RecursionError):
        return None


def open_index(at: Artefact) -> OpenIndex:
    """Read everything; takes about a second and a half at a million items. Blocks."""
    trouble: dict[str, EagerError] = {}
    report: Mapping[str, Any] = {}
    lookup, conflicts, usage = None, None, list[list[int]]()
    from core.index.measure.code_figures import code_figures, sources_of

    try:
        report = {**_report(at.folder / "report.json"), "seconds": figures(read_object(at.folder / "seconds.json"))}
        report |= code_figures(at.folder, sources_of(report))
    except EagerError as error:
        trouble["report"] = error
    try:
        lookup = open_lookup(at)
        usage = _usage(lookup)
    except EagerError as error:
        trouble["tree"] = error
    if lookup is not None:
        from eagertui.places.index.conflict_list import Conflicts

        try:
            conflicts = Conflicts.of(lookup)
        except EagerError as error:
            trouble["conflicts"] = error
    from core.index.measure.report_card import report_card

    card = report_card(report, lookup.branches if lookup is not None else None) if report else []
    return OpenIndex(at, report, lookup, conflicts, usage, card, trouble)


def _report(path: Path) -> Mapping[str, Any]:
    """The report, if everything that is drawn of it is what it should be."""
    from eagertui.places.index.lines import level_lines, report_lines, standing

    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(report, dict) or not isinstance(report.get("levels"), list):
            raise TypeError("it holds something else")
        for width in (40, 100):
            report_lines(report, width)
            level_lines(report, (), width, 40)
        standing(report)
    except (OSError, ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise DataError(f"{path}: the report cannot be read ({error})", "b builds the index again") from error
    return report


def open_lookup(at: Artefact) -> Lookup:
    """Codes, branches and titles of an index. Blocks.

    Raises:
        EagerError: it has no tree, or the run does not say where its items lie.
    """
    from core.index.branches import TABLE
    from core.index.lookup import Lookup
    from core.index.revisions.changes import load_revisions

    if not (at.folder / TABLE).exists():
        raise DataError("this index has no table of its branches: an earlier version made it",
                        "b builds the index again, with a tree to look at")  # fmt: skip
    if at.data is None:
        raise DataError(f"{at.run.path / 'stages' / 'data.json'}: the run does not say where its items lie",
                        "b builds the index again")  # fmt: skip
    return Lookup.load(at.folder, at.data).grown(load_revisions(at.run))


def _usage(lookup: Lookup) -> list[list[int]]:
    import numpy as np

    index = lookup.index
    counts = (np.bincount(index.codes[:, level], minlength=width) for level, width in enumerate(index.widths))
    return [sorted(count.tolist(), reverse=True) for count in counts]
