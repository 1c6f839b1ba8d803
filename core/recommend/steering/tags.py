"""What a person may call a part of the catalogue: categories, brands, branches of the index with their words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.arrays import Int32
from core.data.clean import cleaned, text_expr
from core.data.roles import LISTED, is_called, plain
from core.errors import DataError
from core.index.branches import BranchTable
from core.index.words.terms import terms_of
from core.prompts.texts import NO_KINDS

FILE = "tags.parquet"
BRANCH = "branch"
"""What stands as the column of a tag that is a branch of the index."""
BRANCH_DEPTH = 2
"""Depth of branches that are tags: deeper ones hold a handful of items."""
LONGEST = 80
"""Characters of a tag at most; longer entries are sentences."""
LOOKED_AT = 2_000
"""Characters of a wish that are looked at."""
MANY = 50_000
"""Names that a misspelt one is compared with, at most."""
_LISTS, _ENTRIES = re.compile(r"[,;|>\n]| / "), re.compile(r"[;|\n]")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "name": pl.String, "columns": pl.List(pl.String), "items": pl.List(pl.Int32),
}  # fmt: skip
_TEXTS = (pl.String, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class Tag:
    """A label and the items that carry it.

    Attributes:
        name: as the data write it first.
        columns: of the item table that hold it; `BRANCH` for a branch.
        items: numbers of its items, rising.
    """

    name: str
    columns: tuple[str, ...]
    items: Int32


@dataclass(frozen=True)
class TagTable:
    """All tags, in the order of the alphabet; two writings of the same terms are one tag."""

    tags: tuple[Tag, ...]
    _by_key: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_key", {key_of(tag.name): place for place, tag in enumerate(self.tags)})

    @staticmethod
    def build(items: pl.DataFrame, branches: BranchTable | None = None) -> TagTable:
        """Collect the tags of a catalogue.

        Args:
            items: the item table of a data set. Its columns that are called a kind, a class, a maker or keywords
                (`core.data.roles`) hold tags; lists are split into their entries.
            branches: of the index; those with words are tags, too.
        """
        names: dict[str, str] = {}
        columns: dict[str, dict[str, None]] = {}
        members: dict[str, list[int]] = {}

        def add(label: str, column: str, numbers: Sequence[int]) -> None:
            key = key_of(label)
            if not key or len(label) > LONGEST or label.casefold() in NO_KINDS:
                return
            names.setdefault(key, label)
            columns.setdefault(key, {})[column] = None
            members.setdefault(key, []).extend(numbers)

        for name in _label_columns(items):
            for number, text in enumerate(_column(items, name)):
                for label in _entries(name, items.schema[name], text):
                    add(label, name, (number,))
        if branches is not None:
            for row in range(1, len(branches)):
                if branches.depth[row] > BRANCH_DEPTH:
                    break
                add(", ".join(branches.words(row)), BRANCH, branches.items(row).tolist())
        return TagTable(
            tuple(
                Tag(names[key], tuple(columns[key]), np.unique(np.array(members[key], dtype=np.int32)))
                for key in sorted(names)
            )
        )

    def find(self, text: str) -> Tag | None:
        """The tag that a text is, whatever its case and signs; None where it is none."""
        place = self._by_key.get(key_of(text))
        return None if place is None else self.tags[place]

    def inside(self, text: str) -> list[Tag]:
        """The tags that a text names, the longest first where they overlap, each once.

        A maker of one word ("Now", "Simple") is only meant where nothing else is said.
        """
        if (whole := self.find(text)) is not None:
            return [whole]
        terms = terms_of(text, LOOKED_AT)
        longest = max((len(key.split()) for key in self._by_key), default=0)
        free = [True] * len(terms)
        found: dict[str, Tag] = {}
        for size in range(min(longest, len(terms)), 0, -1):
            for start in range(len(terms) - size + 1):
                key = " ".join(terms[start : start + size])
                place = self._by_key.get(key)
                if place is None or not all(free[start : start + size]):
                    continue
                tag = self.tags[place]
                if size == 1 and all(is_called(column, "maker") for column in tag.columns):
                    continue
                found[key] = tag
                free[start : start + size] = [False] * size
        return list(found.values())

    def nearest(self, text: str, most: int = 3) -> list[str]:
        """Names of tags that are written like a text, or have a word that is; empty where none is near."""
        names = {tag.name.casefold(): tag.name for tag in self.tags[:MANY]}
        close = _alike(text[:LONGEST].casefold(), names, most)
        words = {word: tag.name for tag in reversed(self.tags[:MANY]) for word in terms_of(tag.name, LONGEST)}
        for term in terms_of(text, LONGEST)[:8]:
            close += [words[word].casefold() for word in _alike(term, words, 1)]
        return [names[one] for one in dict.fromkeys(close) if one in names][:most]

    def largest(self, most: int = 3) -> list[str]:
        """Names of the tags that most items carry."""
        return [tag.name for tag in sorted(self.tags, key=lambda tag: -len(tag.items))[:most]]

    def save(self, folder: Path) -> None:
        """Write `tags.parquet` into a folder."""
        rows = {
            "name": [tag.name for tag in self.tags],
            "columns": [list(tag.columns) for tag in self.tags],
            "items": [tag.items.tolist() for tag in self.tags],
        }
        pl.DataFrame(rows, schema=_SCHEMA).write_parquet(folder / FILE)

    @staticmethod
    def load(folder: Path) -> TagTable:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            table = pl.read_parquet(folder / FILE, columns=["name", "columns", "items"], glob=False)
            rows = table.iter_rows()
            return TagTable(tuple(Tag(n, tuple(c), np.array(items, dtype=np.int32)) for n, c, items in rows))
        except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{folder / FILE}: the tags cannot be read ({error})", "train again with --new") from error


def key_of(text: str) -> str:
    """What two writings of a tag have in common: its terms; where it has none, itself in small letters."""
    return " ".join(terms_of(text, LOOKED_AT)) or " ".join(text[:LONGEST].casefold().split())


def _alike(text: str, known: Collection[str], most: int) -> list[str]:
    """Texts that begin with the same letter and differ little."""
    near = [one for one in known if one[:1] == text[:1] and abs(len(one) - len(text)) <= 3]
    return difflib.get_close_matches(text, near, n=most, cutoff=0.7)


def _label_columns(items: pl.DataFrame) -> list[str]:
    names = [name for name in items.columns if name not in ("item_id", "title", "text")]
    called = [name for name in names if is_called(name, "kind", "class", "maker", "keywords")]
    return [name for name in called if _is_text(items.schema[name])]


def _is_text(kind: pl.DataType) -> bool:
    return _is_text(kind.inner) if isinstance(kind, pl.List | pl.Array) else kind in _TEXTS  # type: ignore[arg-type]


def _column(items: pl.DataFrame, name: str) -> list[str | None]:
    return cleaned(items.select(text_expr(name, items.schema[name], "the item table"))[name]).to_list()


def _entries(name: str, kind: pl.DataType, text: str | None) -> dict[str, None]:
    """The entries of one item; a comma parts them in lists and in columns whose text is one."""
    listed = isinstance(kind, pl.List | pl.Array) or plain(name) in LISTED
    parts = (_LISTS if listed else _ENTRIES).split(text or "")
    return dict.fromkeys(label for part in parts if (label := " ".join(part.split()).strip(" .,;:")))


def mask_of(tag: Tag, n_items: int) -> npt.NDArray[np.bool_]:
    """Which items carry a tag; shape (items,)."""
    mask = np.zeros(n_items, dtype=bool)
    mask[tag.items] = True
    return mask
