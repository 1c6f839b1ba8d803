"""From words to a move of the user's vector.

After the abstract of DPR (arXiv 2602.18929), of which neither code nor details are known: sizes, losses and the
space are ours. A user is h in the space of users and items (`core.recommend.user_space`); words move h before anything
is retrieved. An item's coordinates are [its vector; its text vector; its tags], a user's are [h; 0; 0], and words add
`strength` times [DENSE d; TEXT t; TAG e]: d the direction of what is asked for, t its text vector, e its tag. A score
is an inner product, so an item gains the same for every user, in proportion to the strength; `experts` add to h what
depends on the user (`core.recommend.steering.experts`). Less of something is the same with the other sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from core.errors import DataError
from core.index.words.terms import terms_of
from core.recommend.steering.experts import Experts
from core.recommend.steering.tags import LOOKED_AT, Tag, TagTable, key_of, mask_of
from core.recommend.steering.text_space import Matrix, TextSpace

Method = Literal["vector", "experts"]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Weights:
    """How far one wish moves at strength 1: in the users' space (before the temperature), in text, in tags (nats)."""

    dense: float
    text: float
    tag: float


OF_TAG, OF_WORDS, OF_ITEM = Weights(0.05, 1.0, 8.0), Weights(0.25, 8.0, 0.0), Weights(0.5, 5.0, 0.0)
"""Of a known tag and of free words, chosen on the validation split of Scientific; and of an item."""
MOST = 32
"""Wishes of one question at most."""


class ItemSpace(Protocol):
    """What is to be known of the users' space (`core.recommend.user_space`)."""

    @property
    def items(self) -> Tensor:
        """Unit vectors of the items; fp32, shape (items, dim)."""

    @property
    def temperature(self) -> float:
        """Inner products are divided by it."""


@dataclass(frozen=True)
class Direction:
    """One thing that is asked for.

    Attributes:
        sign: 1 = more of it, -1 = less.
        vector: its direction in the users' space, unit or zero; shape (dim,).
        gains: what each item gains by text and tags at strength 1, with the sign; shape (items,).
        dense: how far the user moves along `vector` at strength 1.
    """

    sign: int
    vector: Tensor
    gains: Tensor
    dense: float


@dataclass(frozen=True)
class Steering:
    """A question's wishes, ready for any user. Make it with `Steerer.steering`.

    Attributes:
        directions: what is asked for.
        strength: all moves are multiplied by it.
        items: unit vectors of the items; shape (items, dim).
        temperature: of the space.
        experts: moves that depend on the user; None = there are none.
        denied: items that may not be listed; bool, shape (items,), None = all may.
        notes: sentences for a person.
    """

    directions: tuple[Direction, ...]
    strength: float
    items: Tensor
    temperature: float
    experts: Experts | None
    denied: Mask | None
    notes: tuple[str, ...]

    @property
    def moves(self) -> bool:
        """Whether any list changes by more than what is denied."""
        return bool(self.directions) and self.strength > 0

    @torch.inference_mode()
    def gains(self, queries: Tensor) -> Tensor:
        """What every item's log-score gains, up to a constant a user; (users, dim) -> (users, items)."""
        move = torch.zeros_like(queries)
        fixed = queries.new_zeros(len(self.items))
        for one in self.directions:
            move = move + one.sign * one.dense * one.vector
            fixed = fixed + one.gains
            if self.experts is not None:
                move = move + self.experts(queries, one.vector.expand_as(queries), one.sign)
        return self.strength * (move @ self.items.T / self.temperature + fixed)


class Steerer:
    """What a run knows to steer by. `core.recommend.stage` fits and loads it.

    Args:
        space: of users and items, added ones included.
        tags: of the items that the run was trained on.
        texts: the text space; None = words that are no tags mean nothing.
        text_items: text vectors of all items, added ones included; shape (items, text dim), None without a text space.
        text_map: from the text space to the users' space; shape (text dim, dim), None without a text space.
        added: texts of the items added since, in the order of their numbers; a tag that stands in one counts.
        experts: moves that depend on the user; None for the method `vector`.
        strength: where a question names none.
        hard_less: whether less of a known tag leaves all its items out.
        notes: said beside every answer.
    """

    def __init__(
        self,
        space: ItemSpace,
        tags: TagTable,
        texts: TextSpace | None,
        text_items: Matrix | None,
        text_map: Tensor | None,
        added: Sequence[str],
        experts: Experts | None,
        strength: float,
        hard_less: bool,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.space, self.tags, self.experts = space, tags, experts
        self.strength, self.hard_less, self.notes = strength, hard_less, notes
        self._texts, self._text_map = texts, text_map
        self._device = space.items.device
        self._text_items = None if text_items is None else torch.from_numpy(text_items).to(self._device)
        self._added = [f" {' '.join(terms_of(text, LOOKED_AT))} " for text in added]

    @property
    def method(self) -> Method:
        """What moves the users."""
        return "vector" if self.experts is None else "experts"

    def steering(
        self,
        more: Sequence[str] = (),
        less: Sequence[str] = (),
        like: Sequence[int] = (),
        unlike: Sequence[int] = (),
        strength: float | None = None,
        hard_less: bool | None = None,
    ) -> Steering:
        """Understand a question.

        Args:
            more: words for what is wanted.
            less: words for what is not wanted; where they are a known tag, its items are left out (`hard_less`).
            like: numbers of items; more like them.
            unlike: numbers of items; less like them.
            strength: instead of the project's own.
            hard_less: instead of the project's own.

        Raises:
            DataError: too many wishes, or an empty one.
        """
        if len(more) + len(less) + len(like) + len(unlike) > MOST:
            raise DataError(f"more than {MOST} wishes at once", "ask for fewer")
        if not all(text.strip() for text in (*more, *less)):
            raise DataError("a wish without words", 'say what, e.g. --more "nail polish"')
        notes = list(self.notes)
        both = {key_of(text) for text in more} & {key_of(text) for text in less}
        for text in more:
            if key_of(text) in both:
                notes.append(f'more and less of "{text}" cancel out')
        directions: list[Direction] = []
        denied: Mask | None = None
        hard = self.hard_less if hard_less is None else hard_less
        for sign, texts in ((1, more), (-1, less)):
            for text in dict.fromkeys(texts):
                if key_of(text) in both:
                    continue
                tag = self.tags.find(text)
                if tag is not None and sign < 0 and hard:
                    denied = self.mask(tag) if denied is None else denied | self.mask(tag)
                    continue
                directions += self._directions(text, sign, notes)
        directions += [self._item(number, 1) for number in like] + [self._item(number, -1) for number in unlike]
        if like or unlike:  # who names an item does not ask for that one
            denied = np.zeros(len(self.space.items), dtype=bool) if denied is None else denied
            denied[[*like, *unlike]] = True
        return Steering(
            tuple(directions), self.strength if strength is None else strength, self.space.items,
            self.space.temperature, self.experts, denied, tuple(notes),
        )  # fmt: skip

    def mask(self, tag: Tag) -> Mask:
        """Which items carry a tag, added ones whose text names it included; shape (items,)."""
        mask = mask_of(tag, len(self.space.items))
        key = f" {key_of(tag.name)} "
        first = len(mask) - len(self._added)
        for place, text in enumerate(self._added):
            mask[first + place] = key in text
        return mask

    def vector_of(self, tag: Tag) -> Tensor:
        """The direction of a tag in the users' space: that of the mean of its items; shape (dim,)."""
        return functional.normalize(self.space.items[torch.from_numpy(tag.items).long()].sum(dim=0), dim=0)

    def unknown(self, text: str) -> str:
        """What is said of words that nobody knows, with the nearest known ones."""
        if near := self.tags.nearest(text):
            return f'nothing is known by "{text[:80]}"; nearest known: {", ".join(near)}'
        some = f"; known are e.g. {', '.join(self.tags.largest())}" if self.tags.tags else ""
        return f'nothing is known by "{text[:80]}"{some}'

    def _directions(self, text: str, sign: int, notes: list[str]) -> list[Direction]:
        """What a text asks for: the tags that it names, else its words; nothing, and a note, where none is known."""
        if tags := self.tags.inside(text):
            return [self._tag(tag, sign) for tag in tags]
        vector, known = self._encoded(text)
        if not known or self._text_map is None or self._text_items is None:
            notes.append(self.unknown(text))
            return []
        dense = functional.normalize(vector @ self._text_map, dim=0)
        return [Direction(sign, dense, sign * OF_WORDS.text * (self._text_items @ vector), OF_WORDS.dense)]

    def _encoded(self, text: str) -> tuple[Tensor, bool]:
        if self._texts is None:
            return torch.zeros(0), False
        vectors, known = self._texts.encode([text[:LOOKED_AT]])
        return torch.from_numpy(vectors[0]).to(self._device), bool(known[0])

    def _tag(self, tag: Tag, sign: int) -> Direction:
        members = torch.from_numpy(self.mask(tag)).to(self._device)
        gains = OF_TAG.tag * members.float()
        if self._text_items is not None:
            text = functional.normalize(self._text_items[members].sum(dim=0), dim=0)
            gains = gains + OF_TAG.text * (self._text_items @ text)
        return Direction(sign, self.vector_of(tag), sign * gains, OF_TAG.dense)

    def _item(self, number: int, sign: int) -> Direction:
        gains = self.space.items.new_zeros(len(self.space.items))
        if self._text_items is not None:
            gains = OF_ITEM.text * (self._text_items @ self._text_items[number])
        return Direction(sign, self.space.items[number], sign * gains, OF_ITEM.dense)
