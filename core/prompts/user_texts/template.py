"""Texts about users without a language model: labels and terms of the items, in the language of the catalogue.

An intent names the kind of the item and a few terms that tell it from others, as a person types into a search field; a
preference names what is frequent in a history. Nothing is said but words of the data, so that it works in any language.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from core.data.arrays import Sequences
from core.index.branches import BranchTable
from core.index.words.terms import alike, terms_of
from core.prompts.texts import ItemTexts, UserTexts

CHARACTERS = 300
"""Of a description that are looked at."""
TERMS = 8
"""Terms that are kept of an item."""
COMMON = 0.1
"""A term in more than this share of the items tells nothing; in a small catalogue, in more than half of them."""
SMALL = 200
RARE = 3.0
"""A term of so many items counts half: nobody asks for the rarest words."""
LOOKED_AT = 16
"""Labels and terms of a history that may be named."""
RECENT = 3
"""Items of a history that are the short term."""
BRANCH_DEPTH = 2
"""Depth of the branch whose words may be said: deeper ones hold so few items that they name them."""


class _Words:
    """Labels and telling terms of the items, worked out when they are asked for."""

    def __init__(self, texts: ItemTexts, branches: BranchTable | None) -> None:
        self.texts, self.size = texts, len(texts.titles)
        self._title = [terms_of(title, CHARACTERS) for title in texts.titles]
        self._rest = [terms_of(text, CHARACTERS) for text in texts.descriptions]
        self._counts = Counter(
            term for title, rest in zip(self._title, self._rest, strict=True) for term in {*title, *rest}
        )
        self._labels = Counter(label for labels in texts.kinds for label in labels)
        self._branch: dict[int, list[str]] = {}
        if branches is not None:
            for row in range(len(branches)):
                if 0 < branches.depth[row] <= BRANCH_DEPTH and (words := branches.words(row)):
                    self._branch.update(dict.fromkeys(branches.items(row).tolist(), words))
        self._kept: dict[int, tuple[list[str], list[str]]] = {}

    def labels(self, item: int) -> list[str]:
        """Kinds of an item, the narrowest first, but last what it alone has; those of most items say nothing."""
        most = self.size if self.size < SMALL else self.size // 2
        some = [label for label in self.texts.kinds[item] if self._labels[label] <= most]
        return sorted(some, key=lambda label: (self._labels[label] < 2, self._labels[label], label))

    def branch(self, item: int) -> list[str]:
        """Words of the item's branch."""
        return self._branch.get(item, [])

    def terms(self, item: int) -> tuple[list[str], list[str]]:
        """The telling terms of an item: those of its title, and those that only its description has."""
        if item not in self._kept:
            title = set(self._title[item])
            self._kept[item] = (
                self._ranked(self._title[item]),
                self._ranked([term for term in self._rest[item] if term not in title]),
            )
        return self._kept[item]

    def worth(self, term: str) -> float:
        """How much a term tells: more, the fewer items have it, but little where hardly any has."""
        count = self._counts[term]
        return math.log(self.size / count + 1) * count / (count + RARE)

    def _ranked(self, terms: list[str]) -> list[str]:
        most = self.size * (0.5 if self.size < SMALL else COMMON)
        worth = {
            term: count
            * math.log(self.size / self._counts[term] + 1)
            * self._counts[term]
            / (self._counts[term] + RARE)
            for term, count in Counter(terms).items()
            if self._counts[term] <= max(most, 1)
        }
        # What no other item has comes last: nobody asks for it who does not know the item.
        order = sorted(worth, key=lambda term: (self._counts[term] < 2, -worth[term], term))
        return _different(order, TERMS)


def template_texts(
    train: Sequences, texts: ItemTexts, branches: BranchTable | None, users: Iterable[int]
) -> UserTexts:  # fmt: skip
    """Make intents and preferences from the words of the data.

    Args:
        train: training sequences.
        texts: of the items.
        branches: of the index, with words; None = without.
        users: whom to write about.
    """
    words = _Words(texts, branches)
    intents: list[tuple[str, ...]] = [()] * len(train)
    preferences: list[tuple[str, ...]] = [()] * len(train)
    known: dict[int, tuple[str, ...]] = {}
    for user in users:
        items = train[user].tolist()
        if not items:
            continue
        last = items[-1]
        if last not in known:
            known[last] = _intents(words, last)
        intents[user] = known[last]
        before = items[:-1]
        spans = (before, before[:-RECENT] or before[: len(before) // 2], before[-RECENT:])
        liked = (_liking(words, span) for span in spans if span)
        preferences[user] = tuple(dict.fromkeys(text for text in liked if text))
    return UserTexts(tuple(intents), tuple(preferences), "template")


def _intents(words: _Words, item: int) -> tuple[str, ...]:
    """What somebody might have searched for who took an item, in up to two ways; never its whole title."""
    title = words.texts.titles[item]
    of_title, of_rest = words.terms(item)
    of_title = of_title[: max(len(set(terms_of(title, CHARACTERS))) // 2, 0)][:2]
    labels, branch = words.labels(item), words.branch(item)
    ways = (
        [*labels[:1], *labels[-1:], *of_rest[:2], *of_title[:1]],  # the narrowest and the widest label
        [*branch[:2], *labels[1:2], *of_title, *of_rest[2:4]],
    )  # fmt: skip
    kept = (_without_title(_different(way, 5), title) for way in ways)
    return tuple(dict.fromkeys(", ".join(way) for way in kept if way))


def _without_title(words: list[str], title: str) -> list[str]:
    """Leave out words until they no longer say the whole title, in whatever order."""
    whole = set(terms_of(title, CHARACTERS)) or {title.casefold()}
    kept: list[str] = []
    for word in words:
        terms = {term for one in (*kept, word) for term in (terms_of(one, CHARACTERS) or [one.casefold()])}
        if title and (whole <= terms or title.casefold() in ", ".join([*kept, word]).casefold()):
            continue
        kept.append(word)
    return kept


def _liking(words: _Words, items: Sequence[int]) -> str:
    """The most frequent labels and terms of some items."""
    labels = Counter(label for item in items for label in words.labels(item))
    terms = Counter(term for item in items for part in words.terms(item) for term in part[:4])
    often = heapq.nsmallest(LOOKED_AT, labels, key=lambda label: (-labels[label], label))
    special = heapq.nsmallest(LOOKED_AT, terms, key=lambda term: (-terms[term] * words.worth(term), term))
    return ", ".join(_different([*_different(often, 3), *special], 6))


def _different(words: Iterable[str], most: int) -> list[str]:
    """The first words that are not alike."""
    kept: list[str] = []
    for word in words:
        if len(kept) == most:
            break
        if not any(_alike(word, other) for other in kept):
            kept.append(word)
    return kept


@lru_cache(maxsize=1 << 18)
def _alike(one: str, other: str) -> bool:
    return alike(one.casefold(), other.casefold())
