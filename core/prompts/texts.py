"""What is known of the items in words: title, description, kinds (category, brand, ...)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.clean import cleaned, text_expr
from core.data.roles import first_holding, is_called
from core.data.titles import title_column

WORDS_OF_A_KIND = 4
"""A longer entry of such a column is a sentence or a title again, and no kind."""
NO_KINDS = frozenset({"unknown", "other", "others", "none", "n/a", "na", "various", "misc", "miscellaneous"})
_SPLIT = re.compile(r"[,;|>\n]| / ")
_MARKS = " \t\n.,;:"


@dataclass(frozen=True)
class ItemTexts:
    """Texts of every item, by item number.

    Attributes:
        titles: without trailing punctuation; empty where an item has none.
        descriptions: empty where an item has none.
        kinds: short labels of an item in the order of the columns, e.g. ("Makeup", "Nail Polish", "OPI").
        description_from: the column, or "text" where it is the text without the title; empty where there is none.
    """

    titles: tuple[str, ...]
    descriptions: tuple[str, ...]
    kinds: tuple[tuple[str, ...], ...]
    description_from: str = ""

    @property
    def titled(self) -> npt.NDArray[np.bool_]:
        """Which items have a title; shape (items,)."""
        return np.array([bool(title) for title in self.titles], dtype=bool)

    @property
    def described(self) -> npt.NDArray[np.bool_]:
        """Which items have a description; shape (items,)."""
        return np.array([bool(text) for text in self.descriptions], dtype=bool)


def item_texts(items: pl.DataFrame, columns: Sequence[str]) -> ItemTexts:
    """Find titles, descriptions and kinds of the items.

    Args:
        items: the item table of a data set: `item_id`, `title`, `text`, then its own columns.
        columns: those that may become text (`data.text`).

    Returns:
        What was found. An item's id never becomes text. Where no column describes, the description is the item's text
        without its title.
    """
    own = [name for name in columns if name in items.columns]
    titled = title_column(own, lambda name: pl.Series(_column(items, name), dtype=pl.String))
    ids, shown = items["item_id"].to_list(), items["title"].to_list()
    titles = [
        _tidy(title).rstrip(_MARKS) if title and title != item else "" for item, title in zip(ids, shown, strict=True)
    ]
    # The column `text` of a data set is all texts joined: what is left of it without the title describes.
    describing = first_holding((name for name in own if name not in (titled, "text")), "description")
    if describing:
        descriptions = [_tidy(text or "") for text in _column(items, describing)]
    else:
        descriptions = [_rest(text or "", title) for text, title in zip(items["text"].to_list(), titles, strict=True)]
    labelling = [name for name in own if is_called(name, "kind", "class", "maker", "keywords")]
    kinds = _kinds(items, [name for name in labelling if name not in (titled, describing)])
    source = describing or ("text" if any(descriptions) else "")
    return ItemTexts(tuple(titles), tuple(descriptions), kinds, source)


def _column(items: pl.DataFrame, name: str) -> list[str | None]:
    """A column as clean text; a list of the table becomes its entries, joined by commas."""
    text = items.select(text_expr(name, items.schema[name], "the item table"))[name]
    return cleaned(text).to_list()


def _tidy(text: str) -> str:
    """One line, and nothing that is only punctuation."""
    text = " ".join(text.split())
    return text if text.strip(_MARKS) else ""


def _rest(text: str, title: str) -> str:
    """An item's text without its title, which mostly opens it."""
    text = _tidy(text)
    before, title_in_text, after = text.partition(title) if title else ("", "", text)
    rest = f"{before.rstrip(_MARKS)} {after.lstrip(_MARKS + '!?')}" if title_in_text else text
    return _tidy(rest.strip()) if rest.casefold() != title.casefold() else ""


def _kinds(items: pl.DataFrame, columns: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    kinds: list[dict[str, None]] = [{} for _ in range(items.height)]
    for name in columns:
        for labels, text in zip(kinds, _column(items, name), strict=True):
            for part in _SPLIT.split(text or ""):
                label = _tidy(part).strip(_MARKS)
                if label.casefold() in NO_KINDS:
                    continue
                if label and len(label.split()) <= WORDS_OF_A_KIND and len(label) <= 60:
                    labels[label] = None
    return tuple(tuple(labels) for labels in kinds)


Texts = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class UserTexts:
    """Texts about every user, by user number.

    Attributes:
        intents: what a user looked for when they took their last training item; other ways to say it behind the first.
        preferences: what a user likes, from all training items but the last: overall, long-term, short-term.
        source: of the texts: `none`, `template`, `file` or `local`.
        notes: sentences for a person: what was read, and what was refused and why.
    """

    intents: Texts
    preferences: Texts
    source: str
    notes: tuple[str, ...] = ()

    @property
    def written(self) -> int:
        """How many texts there are."""
        return sum(map(len, (*self.intents, *self.preferences)))
