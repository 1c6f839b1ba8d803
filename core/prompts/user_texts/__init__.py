"""Texts about users: what they want now and what they like, from one of several providers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.data.dataset import Dataset
from core.errors import ProjectError
from core.prompts.texts import ItemTexts, UserTexts
from core.run.reporting import Reporter

if TYPE_CHECKING:
    from core.index.branches import BranchTable


def user_texts(
    source: str,
    dataset: Dataset,
    texts: ItemTexts,
    *,
    folder: Path | None = None,
    branches: BranchTable | None = None,
    store: Path | None = None,
    device: str = "cpu",
    users: Sequence[int] | None = None,
    reporter: Reporter | None = None,
) -> UserTexts:
    """Get the texts from the provider of a project.

    Args:
        source: `texts.users` of the project: `none`, `template`, `file:PATH` or `local:PATH`.
        dataset: logs and catalogue; only training sequences are looked at.
        texts: of the items.
        folder: the project's folder, where relative paths start.
        branches: of the index, whose words the template may say.
        store: the folder of the artefacts, where it is kept what a local model writes; None = it is not.
        device: of a local model.
        users: only these are asked about; None = all.
        reporter: hears the progress of a local model; may ask it to stop.

    Raises:
        ProjectError: there is no such file or folder.
        DataError: a file of texts cannot be used.
        EnvironmentFault: a model cannot be loaded.
        StopRequested: somebody asked to stop; what was written is kept in the cache.
    """
    train = dataset.train()
    chosen = range(len(train)) if users is None else users
    kind, _, name = source.partition(":")
    path = (folder or Path()) / Path(name).expanduser()
    if kind == "template":
        from core.prompts.user_texts.template import template_texts

        return template_texts(train, texts, branches, chosen)
    if kind == "file":
        from core.prompts.user_texts.file import file_texts

        return file_texts(path, dataset, chosen)
    if kind == "local":
        from core.prompts.text_writer import TextWriter
        from core.prompts.user_texts.local import local_texts

        writer = TextWriter(path, store, device, "texts.users", reporter)
        return local_texts(writer, train, texts, branches, chosen)
    if kind != "none":
        raise ProjectError(f"texts.users: no provider {source!r}", "none, template, file:PATH or local:PATH")
    return UserTexts(((),) * len(train), ((),) * len(train), "none")
