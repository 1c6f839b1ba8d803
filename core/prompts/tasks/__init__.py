"""The rows of every task: who is asked about what, from the training sequences alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.data.arrays import Int32, Sequences
from core.prompts.example import Example
from core.prompts.negatives import Negatives
from core.prompts.render import BARE, Renderer, Value
from core.prompts.texts import ItemTexts, UserTexts
from core.settings import TASKS

TWINS = 8
"""Items that may have the very text of the right one before another is looked for."""

Int64 = npt.NDArray[np.int64]
Draw = np.random.Generator
MakeFields = Callable[[int, Draw], dict[str, Value]]


@dataclass(frozen=True)
class Material:
    """What rows are made of.

    Attributes:
        train: every user's training sequence.
        texts: of the items.
        users: texts about users.
        renderer: makes tokens of it; its tables `intent` and `preference` are those of `user_tables`.
        negatives: draws wrong candidates.
        max_history: items of a history at most.
        wrong: wrong candidates of pick-one.
    """

    train: Sequences
    texts: ItemTexts
    users: UserTexts
    renderer: Renderer
    negatives: Negatives
    max_history: int
    wrong: int


@dataclass(frozen=True)
class TaskRows:
    """The rows of one task.

    Attributes:
        task: its name.
        count: how many rows there are.
        fields: from a row's number and a source of chance to the values of its placeholders.
        renderer: makes tokens of them.
        wordings: numbers of the wordings that are drawn from; `(BARE,)` = the bare sequential row.
        reason: why there are no rows; else empty.
    """

    task: str
    count: int
    fields: MakeFields
    renderer: Renderer
    wordings: tuple[int, ...]
    reason: str = ""

    def __len__(self) -> int:
        return self.count

    def example(self, row: int, seed: Sequence[int]) -> Example:
        """Render a row; wording, candidates and the like are drawn anew for every seed.

        Args:
            row: its number.
            seed: numbers >= 0, e.g. the project's seed and the epoch.
        """
        rng = np.random.default_rng([*seed, row])
        return self.worded(row, rng, self.wordings[int(rng.integers(len(self.wordings)))])

    def worded(self, row: int, rng: Draw, wording: int) -> Example:
        """Render a row in a given wording, its chances drawn from `rng`."""
        if not 0 <= row < self.count:
            raise IndexError(row)
        fields = self.fields(row, rng)
        if "answer" in fields:  # the number of the answer; each wording has its own words for it
            answers = self.renderer.wordings[self.task][wording].answers
            fields["answer"] = answers[int(fields["answer"])]  # type: ignore[arg-type]
        return self.renderer.example(self.task, fields, wording)


def user_tables(users: UserTexts) -> dict[str, list[str]]:
    """All texts about users as tables for a `Renderer`: user after user."""
    return {
        "intent": [text for some in users.intents for text in some],
        "preference": [text for some in users.preferences for text in some],
    }


def task_rows(task: str, material: Material, wordings: Sequence[int] | None = None) -> TaskRows:
    """The rows of a task.

    Args:
        task: one of `core.settings.TASKS`.
        material: what they are made of.
        wordings: numbers of the wordings to draw from, e.g. without some that are held out; None = all.
    """
    count, fields, reason = _MAKERS[task](material)
    chosen = tuple(range(len(material.renderer.wordings[task]))) if wordings is None else tuple(wordings)
    assert chosen and (task == "sequential" or BARE not in chosen)
    return TaskRows(task, count, fields, material.renderer, chosen, "" if count else reason)


Made = tuple[int, MakeFields, str]


class _Prefixes:
    """Every item of a training sequence but the first, with what stands before it."""

    def __init__(self, material: Material, kept: npt.NDArray[np.bool_] | None = None) -> None:
        """`kept` says which items may be the target."""
        train = material.train
        places = np.ones(len(train.items), dtype=bool)
        places[train.offsets[:-1][train.lengths > 0]] = False
        if kept is not None:
            places &= kept[train.items]
        self.places = np.flatnonzero(places)
        self.users = np.repeat(np.arange(len(train)), train.lengths)[self.places]
        self._train, self._most = train, material.max_history

    def __len__(self) -> int:
        return len(self.places)

    @property
    def starts(self) -> Int64:
        """Where each history begins in the flat training items; it ends before `places`."""
        return np.maximum(self._train.offsets[self.users], self.places - self._most)

    def only(self, kept: npt.NDArray[np.bool_]) -> None:
        """Keep some of them."""
        self.places, self.users = self.places[kept], self.users[kept]

    def of(self, row: int) -> tuple[Int32, int]:
        """History, the oldest first, and target."""
        place, start = int(self.places[row]), int(self._train.offsets[self.users[row]])
        return self._train.items[max(start, place - self._most) : place], int(self._train.items[place])


def _sequential(material: Material) -> Made:
    rows = _Prefixes(material)

    def fields(row: int, rng: Draw) -> dict[str, Value]:
        history, target = rows.of(row)
        return {"history": history, "item": target}

    return len(rows), fields, NO_HISTORY


def _item_task(*texts: str) -> Callable[[Material], Made]:
    """One row an item that has the texts: the code, and each text by the item's number."""

    def make(material: Material) -> Made:
        items = np.flatnonzero(np.logical_and.reduce([_having(material, text) for text in texts]))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            return dict.fromkeys(("item", *texts), int(items[row]))

        return len(items), fields, _no_texts(*texts)

    return make


def _history_task(text: str) -> Callable[[Material], Made]:
    """One row a prefix whose target has the text."""

    def make(material: Material) -> Made:
        rows = _Prefixes(material, _having(material, text))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            history, target = rows.of(row)
            return {"history": history, text: target}

        return len(rows), fields, NO_HISTORY if _having(material, text).any() else _no_texts(text)

    return make


def _titles(material: Material) -> Made:
    """One row a prefix with a titled item in its history; items without a title are passed over."""
    rows, titled = _Prefixes(material), material.texts.titled
    before = np.concatenate([[0], np.cumsum(titled[material.train.items])])
    rows.only(before[rows.places] > before[rows.starts])

    def fields(row: int, rng: Draw) -> dict[str, Value]:
        history, target = rows.of(row)
        return {"titles": history[titled[history]], "item": target}

    return len(rows), fields, NO_HISTORY if titled.any() else _no_texts("title")


def _intent(with_history: bool) -> Callable[[Material], Made]:
    """One row a user with an intent, whose target is the user's last training item."""

    def make(material: Material) -> Made:
        train, starts = material.train, _starts(material.users.intents)
        counts = np.diff(starts)
        users = np.flatnonzero((counts > 0) & (train.lengths > int(with_history)))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            user = int(users[row])
            items = train[user]
            said = int(starts[user] + rng.integers(counts[user]))
            before = {"history": items[:-1][-material.max_history :]} if with_history else {}
            return {"intent": ("intent", said), "item": int(items[-1]), **before}

        return len(users), fields, f"no user has an intent (texts.users: {material.users.source})"

    return make


def _preference(material: Material) -> Made:
    """One row a user with a preference; the history is all training items but the last, from which it was made."""
    train, starts = material.train, _starts(material.users.preferences)
    counts = np.diff(starts)
    users = np.flatnonzero((counts > 0) & (train.lengths > 1))

    def fields(row: int, rng: Draw) -> dict[str, Value]:
        user = int(users[row])
        said = int(starts[user] + rng.integers(counts[user]))
        return {"history": train[user][:-1][-material.max_history :], "preference": ("preference", said)}

    return len(users), fields, f"no user has a preference (texts.users: {material.users.source})"


def _yes_no(material: Material) -> Made:
    """Two rows a prefix: the item that was taken, then one that was not."""
    rows = _with_wrong(material)

    def fields(row: int, rng: Draw) -> dict[str, Value]:
        history, target = rows.of(row // 2)
        if row % 2:
            target = int(material.negatives.for_user(int(rows.users[row // 2]), target, 1, rng)[0])
        return {"history": history, "item": target, "answer": row % 2}

    return 2 * len(rows), fields, NO_HISTORY


def _pick_one(material: Material) -> Made:
    """One row a prefix: the item that was taken among some that were not."""
    rows = _with_wrong(material)

    def fields(row: int, rng: Draw) -> dict[str, Value]:
        history, target = rows.of(row)
        wrong = material.negatives.for_user(int(rows.users[row]), target, material.wrong, rng)
        return {"history": history, "candidates": rng.permutation([target, *wrong]), "item": target}

    return len(rows), fields, NO_HISTORY


def _which_text(material: Material) -> Made:
    """One row an item: its title beside another item's, or the two descriptions."""
    texts = material.texts
    tables = {"title": texts.titles, "description": texts.descriptions}
    tables = {name: told for name, told in tables.items() if len({*told} - {""}) > 1}
    items = np.flatnonzero([any(told[item] for told in tables.values()) for item in range(len(texts.titles))])

    def fields(row: int, rng: Draw) -> dict[str, Value]:
        right = int(items[row])
        own = [name for name, told in tables.items() if told[right]]
        name = own[int(rng.integers(len(own)))]
        same = ("", tables[name][right])
        wrong = material.negatives.for_item(right, TWINS, rng).tolist()
        other = next((item for item in wrong if tables[name][item] not in same), -1)
        if other < 0:  # twins all around: the first text that is another one
            other = next(item for item, told in enumerate(tables[name]) if told not in same)
        pair: list[tuple[str, int]] = [(name, right), (name, other)]
        answer = int(rng.integers(2))
        return {"item": right, "first": pair[answer], "second": pair[1 - answer], "answer": answer}

    return len(items), fields, "no two items differ in title or description: data.text names no such column"


NO_HISTORY = "no training sequence has two items"


def _having(material: Material, text: str) -> npt.NDArray[np.bool_]:
    return material.texts.titled if text == "title" else material.texts.described


def _no_texts(*texts: str) -> str:
    names = " and a ".join(texts)
    return f"no item has a {names}: data.text names no such column"


def _starts(texts: Sequence[tuple[str, ...]]) -> Int64:
    """Where each user's texts start in the table that `user_tables` makes."""
    return np.cumsum([0, *map(len, texts)], dtype=np.int64)


def _with_wrong(material: Material) -> _Prefixes:
    """The prefixes of users for whom there is an item they did not take."""
    rows = _Prefixes(material)
    users, back = np.unique(rows.users, return_inverse=True)
    rows.only(material.negatives.spare(users)[back])
    return rows


_MAKERS: dict[str, Callable[[Material], Made]] = {
    "sequential": _sequential,
    "code-to-title": _item_task("title"),
    "code-to-description": _item_task("description"),
    "code-to-both": _item_task("title", "description"),
    "title-to-code": _item_task("title"),
    "description-to-code": _item_task("description"),
    "both-to-code": _item_task("title", "description"),
    "history-to-title": _history_task("title"),
    "history-to-description": _history_task("description"),
    "titles-to-code": _titles,
    "intent-to-code": _intent(with_history=False),
    "intent-history-to-code": _intent(with_history=True),
    "preference": _preference,
    "yes-no": _yes_no,
    "pick-one": _pick_one,
    "which-text": _which_text,
}
assert set(_MAKERS) == set(TASKS)
