"""What a run can do with words: steer lists, and find items for a wish; loaded when it is asked for first."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from core.data.dataset import Dataset
from core.errors import ProjectError
from core.model.checkpoint import TunedModel
from core.project import Project
from core.recommend.open_question import find_item, wish_search
from core.recommend.restrictions import Mask
from core.recommend.steering.stage import READS, load_steerer
from core.recommend.steering.steerer import Steerer, Steering
from core.recommend.steering.text_space import TextSpace, artefacts_of
from core.recommend.wish import WishSearch
from core.run.folder import RunFolder


class WordsOfRun:
    """The part of a recommender that reads words.

    Attributes:
        project: of the run.
        dataset: what it was trained on.
        checkpoint: the tuned model, with the items added since.
        items: the item table, with the items added since.
        run: its folder; None = there is nothing to steer by.
    """

    project: Project
    dataset: Dataset
    checkpoint: TunedModel
    items: pl.DataFrame
    run: RunFolder | None
    _item_number: dict[str, int]
    _listed: npt.NDArray[np.int32] | None
    _lock: threading.Lock

    @cached_property
    def steerer(self) -> Steerer:
        """What this run knows to steer by; loaded, or for an older run fitted, when it is asked for first.

        Raises:
            ProjectError: steering is off, or this recommender was not loaded from a run.
        """
        if self.run is None:
            raise ProjectError("steering reads the run's folder", "load the recommender with Recommender.load")
        return load_steerer(self.run, self.project, self.dataset, self.checkpoint, self.items)

    @cached_property
    def text_space(self) -> TextSpace | None:
        """The items' text vectors and their encoder; None where the run has none."""
        return None if self.run is None else TextSpace.of(self.project, self.dataset, artefacts_of(self.run, READS))

    @cached_property
    def wishes(self) -> WishSearch:
        """The search by words over the catalogue."""
        return wish_search(self)

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
        wanted, unwanted = ([find_item(self, text) for text in texts] for texts in (like, unlike))
        numbers = [[number for number, _ in some] for some in (wanted, unwanted)]
        steering = self.steerer.steering(more, less, *numbers, strength, hard_less)
        said = tuple(note for _, note in (*wanted, *unwanted) if note)
        return replace(steering, notes=(*said, *steering.notes))

    def item_number(self, item_id: str) -> int | None:
        """The number of an item id; None where no item has it."""
        return self._item_number.get(item_id)

    def listable(self) -> Mask:
        """Items that can be recommended: all but removed ones; a new array of the shape (items,)."""
        mask = np.ones(self.items.height, dtype=bool)
        if self._listed is not None:
            mask[:] = False
            mask[self._listed] = True
        return mask

    def numbers(self, items: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Numbers of items of the trie."""
        return (items if self._listed is None else self._listed[items]).astype(np.int64)

    def turn(self) -> contextlib.AbstractContextManager[object]:
        """Held while the model computes: a forward pass is not made for several threads."""
        return self._lock

    def of_trie(self, mask: Mask) -> torch.Tensor:
        """A mask of all items, (..., items), as one of the items that can be recommended."""
        return torch.from_numpy(mask if self._listed is None else mask[..., self._listed])
