"""From a project, its data and its index to what prompts are made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.data.dataset import Dataset
from core.index.table import ItemIndex
from core.model.vocabulary import Vocabulary
from core.project import Project
from core.prompts.negatives import Negatives
from core.prompts.render import Renderer
from core.prompts.tasks import Material, user_tables
from core.prompts.texts import UserTexts, item_texts
from core.prompts.user_texts import user_texts
from core.prompts.wordings import Wordings, load_wordings
from core.run.protocol import Reporter

if TYPE_CHECKING:
    from core.index.branches import BranchTable

CACHE = "user-texts.jsonl"
"""Beside the artefacts: what local models wrote about users."""


def wordings_of(project: Project) -> Wordings:
    """The wordings of a project: its own folder's before the built-in ones.

    Raises:
        ProjectError: see `load_wordings`.
    """
    return load_wordings(project.resolve(project.texts.prompts) if project.texts.prompts else None)


def gather(
    project: Project,
    dataset: Dataset,
    index: ItemIndex,
    vocabulary: Vocabulary,
    max_tokens: int,
    *,
    said: bool = True,
    branches: BranchTable | None = None,
    users: range | None = None,
    device: str = "cpu",
    reporter: Reporter | None = None,
) -> Material:
    """Everything that rows of all tasks are made of.

    Args:
        project: the settings.
        dataset: logs and catalogue.
        index: codes of the items.
        vocabulary: tokenizer and codes.
        max_tokens: tokens of a row at most.
        said: whether texts about users are needed.
        branches: of the index, with words, which the template may say.
        users: only these get texts; None = all.
        device: of a local model that writes texts.
        reporter: hears what the provider did; may ask to stop.

    Raises:
        ProjectError: a file or folder is missing, or a wording cannot be used.
        DataError: a file of texts cannot be used.
        EnvironmentFault: a local model cannot be loaded.
        StopRequested: somebody asked to stop.
    """
    wordings, texts, train = wordings_of(project), item_texts(dataset.items, project.data.text), dataset.train()
    cache: Path = project.runs_dir / ".store" / CACHE
    about: UserTexts = user_texts(
        project.texts.users if said else "none", dataset, texts, folder=project.directory, branches=branches,
        cache=cache, device=device, users=users, reporter=reporter,
    )  # fmt: skip
    if reporter is not None:
        for note in about.notes:
            reporter.log(note)
    renderer = Renderer(
        vocabulary, vocabulary.item_tokens(index), wordings, texts, max_tokens, project.texts.description_tokens,
        user_tables(about),
    )  # fmt: skip
    negatives = Negatives(project.negatives.draw, index.codes, train, dataset.sequences)
    history, wrong = project.data.max_history, project.negatives.count
    return Material(train, texts, about, renderer, negatives, history, wrong)
