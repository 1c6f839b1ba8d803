"""What the rows of all tasks are made of, and the rows themselves."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.index.branches import BranchTable
from core.index.table import ItemIndex
from core.project import Project
from core.prompts.item_descriptions import written_descriptions
from core.prompts.negatives import Negatives
from core.prompts.render import BARE, RenderedRow, Renderer
from core.prompts.tasks import Draw, FieldRows
from core.prompts.text_writer import LOCAL, TextWriter
from core.prompts.texts import ItemTexts, UserTexts, item_texts
from core.prompts.user_texts import user_texts
from core.prompts.wordings import wordings_of
from core.registry import TASKS
from core.run.reporting import Reporter
from core.stage import options_for

if TYPE_CHECKING:
    from core.model.vocabulary import Vocabulary

HELD_OUT = 1
"""Wordings of every task, the last ones, that no row is trained in: what a model learnt is asked in those."""
ROW_TOKENS = 1024
"""Tokens of a training row at most."""


@dataclass(frozen=True)
class TaskData:
    """What rows are made of.

    Attributes:
        train: every user's training sequence.
        texts: of the items.
        users: texts about users.
        renderer: makes tokens of it; its tables `intent` and `preference` are those of `user_tables`.
        negatives: draws wrong candidates.
        max_history: items of a history at most.
        n_negatives: wrong candidates beside a right one, where several stand together.
        options: the tasks' own settings, by name; those that are missing have their defaults.
    """

    train: Sequences
    texts: ItemTexts
    users: UserTexts
    renderer: Renderer
    negatives: Negatives
    max_history: int
    n_negatives: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of_project(
        project: Project,
        dataset: Dataset,
        index: ItemIndex,
        vocabulary: Vocabulary,
        tasks: Collection[str],
        *,
        max_tokens: int = ROW_TOKENS,
        words: Path | None = None,
        users: range | None = None,
        items: range | None = None,
        device: str = "cpu",
        reporter: Reporter | None = None,
    ) -> TaskData:
        """Gather it for the tasks of a project.

        Args:
            project: the settings.
            dataset: logs and catalogue.
            index: codes of the items.
            vocabulary: tokenizer and codes.
            tasks: those whose rows are wanted; only they decide whether texts about users are.
            max_tokens: tokens of a row at most.
            words: the artefact of the index stage, whose words of branches a text about a user may use.
            users: only these get texts; None = all.
            items: only these are described by a local model; None = all.
            device: of a local model that writes texts.
            reporter: hears what the provider did; may ask to stop.

        Raises:
            ProjectError: a file or folder is missing, or a wording cannot be used.
            DataError: a file of texts cannot be used.
            EnvironmentFault: a local model cannot be loaded.
            StopRequested: somebody asked to stop.
        """
        wordings = wordings_of(project, tasks)
        texts, train, store = item_texts(dataset.items, project.data.text), dataset.train(), project.runs_dir / ".store"
        notes = []
        if project.texts.items.startswith(LOCAL) and set(tasks) - {"sequential"}:
            path = project.resolve(project.texts.items.removeprefix(LOCAL))
            writer = TextWriter(path, store, device, "texts.items", reporter)
            texts, note = written_descriptions(writer, texts, items)
            notes.append(note)
        about_users = any(TASKS.get(task).needs_user_texts for task in tasks)
        branches = None
        if about_users and words is not None and (words / "branches.parquet").is_file():
            branches = BranchTable.load(words)
        about = user_texts(
            project.texts.users if about_users else "none", dataset, texts, folder=project.directory,
            branches=branches, store=store, device=device, users=users, reporter=reporter,
        )  # fmt: skip
        about = replace(about, notes=(*notes, *about.notes))
        if reporter is not None:
            for note in about.notes:
                reporter.log(note)
        renderer = Renderer(
            vocabulary, vocabulary.item_tokens(index), wordings, texts, max_tokens, project.texts.description_tokens,
            user_tables(about),
        )  # fmt: skip
        negatives = Negatives(project.negatives.draw, index.codes, train, dataset.sequences)
        return TaskData(
            train, texts, about, renderer, negatives, project.data.max_history, project.negatives.count,
            {task: options_for(project, TASKS, task) for task in tasks},
        )  # fmt: skip

    def rows(self, task: str, wordings: Sequence[int] | None = None) -> TaskRows:
        """The rows of a task.

        Args:
            task: its name.
            wordings: numbers of the wordings to draw from, e.g. without some that are held out; None = all.
        """
        chosen = tuple(range(len(self.renderer.wordings[task]))) if wordings is None else tuple(wordings)
        return TaskRows(task, TASKS.get(task)(self.options.get(task)).rows(self), self.renderer, chosen)

    def trained_wordings(self, task: str) -> tuple[int, ...]:
        """Numbers of the wordings that rows are trained in."""
        return tuple(range(max(1, len(self.renderer.wordings[task]) - HELD_OUT)))


@dataclass(frozen=True)
class TaskRows:
    """The rows of one task, in words and codes.

    Attributes:
        task: its name.
        values: the values of its fields.
        renderer: makes tokens of them.
        wordings: numbers of the wordings that are drawn from; `(BARE,)` = the bare sequential row.
    """

    task: str
    values: FieldRows
    renderer: Renderer
    wordings: tuple[int, ...]

    def __post_init__(self) -> None:
        """Only the sequential task has a bare row."""
        assert self.wordings and (self.task == "sequential" or BARE not in self.wordings)

    def __len__(self) -> int:
        return self.values.count

    @property
    def reason(self) -> str:
        """Why there are no rows; else empty."""
        return "" if len(self) else self.values.reason

    def example(self, row: int, seed: Sequence[int]) -> RenderedRow:
        """Render a row; wording, candidates and the like are drawn anew for every seed.

        Args:
            row: its number.
            seed: numbers >= 0, e.g. the project's seed and the epoch.
        """
        rng = np.random.default_rng([*seed, row])
        return self.worded(row, rng, self.wordings[int(rng.integers(len(self.wordings)))])

    def worded(self, row: int, rng: Draw, wording: int) -> RenderedRow:
        """Render a row in a given wording, its random choices drawn from `rng`."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        fields = self.values.fields(row, rng)
        answers = self.renderer.wordings[self.task][wording].answers if wording != BARE else ()
        if answers:  # the field is the number of the answer; each wording has its own words for it
            fields["answer"] = answers[int(fields["answer"])]  # type: ignore[arg-type]
        return self.renderer.example(self.task, fields, wording)


def user_tables(users: UserTexts) -> dict[str, list[str]]:
    """All texts about users as tables for a `Renderer`: user after user."""
    return {
        "intent": [text for texts in users.intents for text in texts],
        "preference": [text for texts in users.preferences for text in texts],
    }
