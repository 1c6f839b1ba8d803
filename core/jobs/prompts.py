"""Rendered examples of a project's tasks, for a person to read before anything is trained."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core import pipeline
from core.data.dataset import Dataset
from core.data.stage import DATA
from core.errors import ProjectError
from core.index.table import ItemIndex
from core.project import Project
from core.prompts.task_data import TaskData
from core.prompts.text_writer import LOCAL
from core.prompts.wordings import wordings_of
from core.registry import TASKS
from core.run.reporter import NullReporter
from core.store import Store, fingerprint

Tell = Callable[[str], None]

ASKED = 32
"""Users, and items, that a local model is asked about, for a look."""
_TOKEN = re.compile(r"<[a-z]+_\d+>")
LEVELS = 3
"""Codes of an item while there is no index."""


def shown_prompts(project: Project, task: str | None, wording: int | None, rows: int, tell: Tell) -> dict[str, Any]:
    """Render examples.

    Args:
        project: the settings.
        task: one task; None = all.
        wording: its number, from 1; None = drawn for each row as in training.
        rows: examples of a task, spread over its rows.
        tell: hears what is going on.

    Returns:
        `index` (its base id, or "" where the codes are stand-ins), `users` (the provider), `notes`, and for each task
        `task`, `rows`, `reason`, `wordings` and `examples`: `row`, `wording` (from 1), `tokens`, `predicted` (tokens),
        `items` (ids), `spans` (`text`, `predicted`), `legend` (`code`, `item`, `title` of every item whose code stands
        in the row).

    Raises:
        ProjectError: no such task or wording, or see `TaskData.of_project`.
    """
    from core.model.vocabulary import build_vocabulary

    if task is not None and not TASKS.has(task):
        raise ProjectError(f"no task {task!r}", "tasks: " + ", ".join(TASKS.all_names))
    tasks = TASKS.all_names if task is None else (task,)
    wordings = wordings_of(project, tasks)
    if wording is not None and task is None:
        raise ProjectError("a wording is one of a task's", "name the task too")
    if wording is not None and task is not None and not 1 <= wording <= len(wordings[task]):
        raise ProjectError(f"{task} has no wording {wording}", f"it has {len(wordings[task])}, numbered from 1")
    tell("reading the data")
    recipes = pipeline.recipes_of(project)
    store = Store(project.runs_dir / ".store")
    dataset = Dataset.load(_data(project, recipes, store))
    artefact = store.artefact(fingerprint(recipes["index"]))
    indexed = store.has(artefact.name)
    index = ItemIndex.load(artefact / "index.parquet") if indexed else _stand_in(dataset, project.seed)
    tell("preparing the words")
    texts = [text for text in dataset.items["text"].to_list() if text]
    vocabulary = build_vocabulary(project.backbone, index, texts, project.tune.frame)
    sources = {"users": (project.texts.users, dataset.n_users), "items": (project.texts.items, dataset.n_items)}
    few = {name: range(min(ASKED, count)) for name, (source, count) in sources.items() if source.startswith(LOCAL)}
    data = TaskData.of_project(
        project, dataset, index, vocabulary, tasks, max_tokens=project.tune.batch_tokens,
        words=artefact if indexed else None, users=few.get("users"), items=few.get("items"),
    )  # fmt: skip
    shown = []
    ids, titles = dataset.items["item_id"], dataset.items["title"]
    item_of = {index.text(item): item for item in range(dataset.n_items)}
    for name in tasks:
        task_rows = data.rows(name)
        examples = []
        count = min(rows, len(task_rows))
        for row in (np.arange(count) * len(task_rows) // max(count, 1)).tolist():
            rng = np.random.default_rng([project.seed, row])
            number = int(rng.integers(len(task_rows.wordings)))
            if wording is not None:
                number = wording - 1
            example = task_rows.worded(row, rng, number)
            spans: list[dict[str, Any]] = [
                {"text": text, "predicted": predicted} for text, predicted in data.renderer.spans(example)
            ]
            text = "".join(span["text"] for span in spans)
            legend = [
                {"code": index.text(item), "item": ids[item], "title": titles[item] or ids[item]}
                for item in _items_in(text, item_of, index.levels)
            ]
            examples.append(
                {
                    "row": row, "wording": number + 1, "tokens": len(example.tokens),
                    "predicted": int(example.targets.sum()), "items": [ids[int(item)] for item in example.items],
                    "spans": spans, "legend": legend,
                }
            )  # fmt: skip
        shown.append(
            {"task": name, "rows": len(task_rows), "reason": task_rows.reason, "wordings": len(wordings[name]),
             "examples": examples}
        )  # fmt: skip
    return {
        "index": index.base_id if indexed else "", "users": project.texts.users.partition(":")[0],
        "notes": list(data.users.notes), "tasks": shown,
    }  # fmt: skip


def _items_in(text: str, item_of: Mapping[str, int], levels: int) -> list[int]:
    """The items whose codes stand in a text, each once, in its order."""
    tokens, found, place = _TOKEN.findall(text), dict[int, None](), 0
    while place < len(tokens):
        codes = ("".join(tokens[place : place + length]) for length in range(levels, 0, -1))
        code = next((code for code in codes if code in item_of), "")
        if code:
            found[item_of[code]] = None
        place += max(1, code.count("<"))
    return list(found)


def _data(project: Project, recipes: dict[str, dict[str, Any]], store: Store) -> Path:
    """The artefact of the data, made where it is missing."""
    recipe = recipes["data"]
    mark = fingerprint(recipe)
    if not store.has(mark):
        work = DATA.work
        store.make(mark, recipe, lambda folder: work(project, {}, folder, NullReporter()))
    return store.artefact(mark)


def _stand_in(dataset: Dataset, seed: int) -> ItemIndex:
    """Codes drawn by lot, where the index is not built yet: what a prompt looks like does not depend on them."""
    count = dataset.n_items
    width = next(width for width in range(2, 1 << 20) if width**LEVELS >= count)
    places = np.random.default_rng(seed).permutation(count)
    codes = np.stack([places // width**level % width for level in reversed(range(LEVELS))], axis=1)
    return ItemIndex(dataset.items["item_id"], codes.astype(np.int32), (width,) * LEVELS, ("semantic",) * LEVELS)
