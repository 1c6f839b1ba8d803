"""Parts of the test users: by history, by how often the target was seen, by its last step, by its category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.dataset import Dataset, Evaluation
from core.errors import DataError, EagerError
from core.evaluate.comparison.measured_run import SPLIT, MeasuredRun
from core.index.measure.agreement import labels_of

Labels = npt.NDArray[np.int16]

NOBODY = -1
"""The label of a user that no slice of a family holds."""
HISTORIES = (("1–5 items", 0, 5), ("6–10 items", 6, 10), ("11 items or more", 11, 1 << 30))
POPULARITIES = (
    ("never in training", 0, 0), ("tail: 1–4 times", 1, 4), ("middle: 5–9 times", 5, 9),
    ("head: 10 or more", 10, 1 << 40),
)  # fmt: skip
"""Of the target: its interactions in the training prefixes."""
STEPS = ("memory: seen", "generalisation: new")
"""Of the step from the last item of the history to the target: whether two neighbours of a training prefix made it."""
CATEGORIES = 8
"""Categories of a column that get a slice: those of the most users."""
COLUMNS = 2


@dataclass(frozen=True)
class SliceFamily:
    """Slices by one property; a user is in one of them at most.

    Attributes:
        title: what they are parted by.
        names: of the slices.
        labels: which of them holds each user, `NOBODY` for none; int16, shape (users,).
    """

    title: str
    names: tuple[str, ...]
    labels: Labels


def slice_families(run: MeasuredRun) -> tuple[list[SliceFamily], list[str]]:
    """Every family of slices of a run's test users, and sentences on those that could not be made. Blocks.

    History and popularity come from the ranks themselves; the others need the run's data set.
    """
    families = [
        _by_ranges("history", HISTORIES, run.histories),
        _by_ranges("target in training", POPULARITIES, run.popularity),
    ]
    try:
        dataset = Dataset.load(run.artefact("data"))
        questions = dataset.evaluation(SPLIT)
        _check(run, dataset, questions)
    except EagerError as error:
        text = error.message.replace(f"{run.folder.path.resolve().parent.parent}/", "").partition(" (")[0]
        return families, [f"no slices by transition or category: {text}"]
    families.append(_by_transition(dataset, questions))
    families += _by_category(dataset, questions)
    return families, []


def _check(run: MeasuredRun, dataset: Dataset, questions: Evaluation) -> None:
    """The data set must be the one that the ranks are of.

    Raises:
        DataError: it is another.
    """
    if len(questions) == run.users:
        targets = dataset.items["item_id"].gather(questions.targets.astype(np.int64))
        if (targets == run.ids["item_id"]).all():
            return
    raise DataError(f"the data set of run {run.id} is not the one that was measured")


def _by_ranges(title: str, ranges: Sequence[tuple[str, int, int]], values: npt.NDArray[Any]) -> SliceFamily:
    labels = np.full(len(values), NOBODY, dtype=np.int16)
    for number, (_, low, high) in enumerate(ranges):
        labels[(values >= low) & (values <= high)] = number
    return SliceFamily(title, tuple(name for name, _, _ in ranges), labels)


def _by_transition(dataset: Dataset, questions: Evaluation) -> SliceFamily:
    """Was the step from the last item to the target made by anybody in training?"""
    histories, items = questions.histories, dataset.n_items
    there = histories.lengths > 0
    ends = np.maximum(histories.offsets[1:] - 1, 0)
    # Each step as one number: from * items + to; int64, shape (users,).
    asked = histories.items[ends].astype(np.int64) * items + questions.targets
    train = dataset.train()
    inside = np.ones(len(train.items), dtype=bool)  # whether a training item has a next one in its prefix
    inside[train.offsets[1:][train.lengths > 0] - 1] = False
    starts = np.flatnonzero(inside)
    steps = train.items[starts].astype(np.int64) * items + train.items[starts + 1]
    rows = pl.DataFrame({"step": asked}).with_row_index().join(pl.DataFrame({"step": steps}), on="step", how="semi")
    known = np.zeros(len(asked), dtype=bool)
    known[rows["index"].to_numpy()] = True
    return SliceFamily("step to the target", STEPS, np.where(there, np.where(known, 0, 1), NOBODY).astype(np.int16))


def _by_category(dataset: Dataset, questions: Evaluation) -> list[SliceFamily]:
    """The target's value in the category-like columns of the item table."""
    families = []
    columns = sorted(labels_of(dataset.items).items(), key=lambda one: one[1].n_unique())  # genres before authors
    for column, values in columns[:COLUMNS]:
        targets = values.gather(questions.targets.astype(np.int64))
        counts = targets.drop_nulls().value_counts(name="users").sort("users", targets.name, descending=[True, False])
        names = counts[targets.name].head(CATEGORIES).cast(pl.String).to_list()
        places = pl.DataFrame(
            {"name": names, "place": range(len(names))}, schema={"name": pl.String, "place": pl.Int16}
        )
        asked = pl.DataFrame({"name": targets.cast(pl.String)})
        labels = asked.join(places, on="name", how="left", maintain_order="left")["place"].fill_null(NOBODY)
        families.append(SliceFamily(column, tuple(names), labels.to_numpy().astype(np.int16)))
    return families
