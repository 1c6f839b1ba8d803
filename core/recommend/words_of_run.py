"""What a run can do with words: steer lists, and find items for a wish; loaded when it is asked for first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from core.errors import ProjectError
from core.recommend.open_question import find_item, wish_search
from core.recommend.stage import READS, load_steerer
from core.recommend.steering.steerer import Steerer, Steering
from core.recommend.steering.text_space import TextSpace, artefacts_of
from core.recommend.user_space import UserSpace, user_space
from core.recommend.wish import WishSearch

if TYPE_CHECKING:
    from core.recommend.lists_of_run import ListsOfRun


class WordsOfRun:
    """The part of a run that reads words.

    Args:
        recommender: loaded from a run.

    Raises:
        ProjectError: it was not.
    """

    def __init__(self, recommender: ListsOfRun) -> None:
        if recommender.folder is None:
            raise ProjectError("a recommender without its run knows no words", "load it from a run")
        self._recommender = recommender
        self._made = artefacts_of(recommender.folder, (*READS, "steer"))

    @cached_property
    def space(self) -> UserSpace:
        """Where users and items stand together.

        Raises:
            ProjectError: the run has neither a dense head nor vectors of its items.
        """
        space = user_space(self._recommender.checkpoint, self._made)
        if space is None:
            raise ProjectError("there is nothing to steer in: no dense head and no vectors", "set vectors.behavior")
        return space

    @cached_property
    def texts(self) -> TextSpace | None:
        """The items' text vectors and their encoder; None where the run has none."""
        return TextSpace.of(self._recommender.project, self._recommender.dataset, self._made)

    @cached_property
    def steerer(self) -> Steerer:
        """What the run knows to steer by; loaded, or for an older run fitted.

        Raises:
            ProjectError: steering is off, or there is nothing to steer in.
            DataError: the artefact is damaged, or belongs to another model.
        """
        own = self._recommender
        return load_steerer(self._made, own.project, own.dataset, self.space, self.texts, own.items)

    @cached_property
    def wishes(self) -> WishSearch:
        """The search by words over the catalogue."""
        return wish_search(self._recommender)

    def steering(
        self,
        more: Sequence[str] = (),
        less: Sequence[str] = (),
        like: Sequence[str] = (),
        unlike: Sequence[str] = (),
        strength: float | None = None,
        hard_less: bool | None = None,
    ) -> Steering:
        """More and less of what, for `recommend_many`.

        Args:
            more: words for what is wanted more of.
            less: words for what is wanted less of; the items of a known tag are left out (`steer.hard_less`).
            like: ids or titles of items; more like them.
            unlike: ids or titles of items; less like them.
            strength: instead of `steer.strength`; at 0 a list is the plain one.
            hard_less: instead of `steer.hard_less`.

        Raises:
            DataError: no item has an id or title, a wish has no words, or there are too many.
            ProjectError: steering is off.
        """
        wanted, unwanted = ([find_item(self._recommender, text) for text in texts] for texts in (like, unlike))
        numbers, others = ([number for number, _ in some] for some in (wanted, unwanted))
        steering = self.steerer.steering(more, less, numbers, others, strength, hard_less)
        said = tuple(note for _, note in (*wanted, *unwanted) if note)
        return replace(steering, notes=(*said, *steering.notes))
