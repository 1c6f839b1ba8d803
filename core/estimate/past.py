"""What earlier runs took: artefacts of the same stage in the project's store, scaled by the work that they were."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from core.cost import Sizes, Work
from core.estimate.job import RunJob
from core.estimate.sizes import sizes_made
from core.pipeline import STAGES
from core.store import STAGE_FILE

NEWEST = 300
"""Artefacts that are looked at."""
MOST_TEXT = 1_000_000
LIKE = 20.0
"""Work that is so many times more or less tells nothing."""
CENTURY = 3e9
TRUST = 5.0
"""A time so many times off the formula is another machine's, or what was left of an interrupted stage."""

About = Mapping[str, Any]
WORK = {stage.name: stage.cost.work for stage in STAGES}


class Past:
    """The finished artefacts of a store.

    Args:
        store: the folder; it need not be there.
    """

    def __init__(self, store: Path) -> None:
        self.store = store
        self._abouts = dict(self._finished())
        self._sizes: dict[str, Sizes | None] = {}

    def seconds(self, stage: str, job: RunJob, work: Work, formula: float | None) -> float | None:
        """What the stage may take, as earlier ones took; None where none is like it.

        Args:
            stage: its name.
            job: the run to come.
            work: what the stage has to do in it.
            formula: what the formula says, to tell what is impossible; None where it cannot say.
        """
        guesses = []
        for about in self._abouts.values():
            if about.get("stage") != stage or stage not in WORK:
                continue
            try:
                guess = self._scaled(stage, about, job, work)
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
                continue  # of another version, or damaged
            if guess and (formula is None or formula / TRUST <= guess <= formula * TRUST):
                guesses.append(guess)
        return median(guesses) if guesses else None

    def _scaled(self, stage: str, about: About, job: RunJob, work: Work) -> float | None:
        sizes = self._sizes_of(about, job)
        theirs = sizes and WORK[stage](replace(job, recipes=self._recipes(about), sizes=sizes))
        took = float(about["seconds"])
        if not theirs or not 0 < took < CENTURY:
            return None
        ratio = work.seconds(job.machine) / theirs.seconds(job.machine)
        return took * ratio if 1 / LIKE <= ratio <= LIKE else None

    def _recipes(self, about: About) -> dict[str, About]:
        """The artefact and everything that it was made of, by stage."""
        found: dict[str, About] = {str(about["stage"]): _as_it_went(about)}
        waiting = list(about["inputs"].values())
        while waiting:
            one = self._abouts[str(waiting.pop())]
            if str(one["stage"]) not in found:
                found[str(one["stage"])] = one
                waiting += one["inputs"].values()
        return found

    def _sizes_of(self, about: About, job: RunJob) -> Sizes | None:
        """The data that it was made of."""
        if about["stage"] == "data":
            rows = int(about["summary"]["interactions"]) + int(about["summary"]["rejected"])
            mark = str(about["fingerprint"])
        else:
            rows, mark = 0, str(about["inputs"]["data"])
        if mark not in self._sizes:
            self._sizes[mark] = sizes_made(self.store / mark) if mark in self._abouts else None
        found = self._sizes[mark]
        return replace(found, rows=max(rows, found.rows)) if found else None

    def _finished(self) -> Iterator[tuple[str, About]]:
        try:
            folders = [path for path in self.store.iterdir() if path.suffix != ".partial"]
            folders.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        except OSError:
            return
        for folder in folders[:NEWEST]:
            try:
                with (folder / STAGE_FILE).open(encoding="utf-8") as file:
                    about = json.loads(file.read(MOST_TEXT))
            except (OSError, ValueError, RecursionError):
                continue
            if isinstance(about, dict):
                yield folder.name, about


def _as_it_went(about: About) -> About:
    """The recipe with the epochs that were really trained: patience may have ended the tuning."""
    settings = about["settings"]
    if about["stage"] != "tune" or len(settings["stages"]) != 1:
        return about
    stage = settings["stages"][0]
    last = min(int(stage["epochs"]), int(about["summary"]["best_epoch"]) + int(settings["patience"]))
    return {**about, "settings": {**settings, "stages": [{**stage, "epochs": last}]}}
