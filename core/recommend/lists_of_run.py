"""Lists for many histories at once, over the items of a run: what serving, the cache and the explorer ask."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.errors import DataError
from core.index.revisions.changes import Growth
from core.machine import use_bf16
from core.model.backbone import grow
from core.model.checkpoint import TunedModel, generator_of
from core.model.token_init import begins_with_titles, lend_own_rows
from core.model.trie import Allowed, Trie
from core.project import Project
from core.recommend.beam import Lists
from core.recommend.catalogue_parts import FittedPart, Later
from core.recommend.fusion import FusedSearch, Fusion, Parts, fused_lists
from core.recommend.items_of_run import ItemsOfRun
from core.recommend.restrictions import Mask
from core.recommend.scoring import ItemScores
from core.recommend.search_batches import SIZES, Items, Places, is_seen, search_batches
from core.recommend.steered_lists import steered_lists
from core.recommend.steering.steerer import Steering
from core.recommend.words_of_run import WordsOfRun
from core.run.folder import RunFolder


class ListsOfRun(ItemsOfRun):
    """The items of a run, and the model and other parts that its lists follow.

    Args:
        project: of the run.
        dataset: what it was trained on.
        checkpoint: the tuned model.
        growth: what was added and removed since; None = nothing.
        fusion: the parts that lists follow and their weights; None = the generator alone.
        fitted: those of the parts that are not the checkpoint's own.
    """

    def __init__(
        self,
        project: Project,
        dataset: Dataset,
        checkpoint: TunedModel,
        growth: Growth | None = None,
        fusion: Fusion | None = None,
        fitted: Mapping[str, FittedPart] | None = None,
    ) -> None:
        super().__init__(dataset, growth)
        self.project = project
        self._fusion = fusion or Fusion.alone()
        self._lock = threading.Lock()
        later = None
        if growth is not None and growth.number:
            if len(growth.codes):
                later = Later.of(checkpoint.index.codes, growth)
            checkpoint = self._grown(checkpoint, growth)
        self.checkpoint = checkpoint
        self.parts = Parts.of(self._fusion.parts, checkpoint, fitted or {}, self._listed, later)
        """What lists follow."""
        self.folder: RunFolder | None = None
        """Of the run that it was loaded from."""

    @property
    def n_items(self) -> int:
        """Items that can be recommended."""
        return self.checkpoint.trie.n_items

    @cached_property
    def words(self) -> WordsOfRun:
        """What this run can do with words: steer lists, and find items for a wish.

        Raises:
            ProjectError: it was not loaded from a run.
        """
        return WordsOfRun(self)

    def _grown(self, checkpoint: TunedModel, growth: Growth) -> TunedModel:
        """The checkpoint with all items' codes as history, and those of the items that are left as answers."""
        old, model = checkpoint.index, checkpoint.model
        if growth.base_id != old.base_id:
            raise DataError("the run's revisions belong to another index", "move its folder revisions away")
        codes = np.concatenate([old.codes, growth.codes.reshape(-1, old.levels)])
        ids = pl.Series(old.item_ids.name, self._item_ids, dtype=pl.String)
        index = old.with_items(ids, codes)
        device = checkpoint.trie.item_nodes.device
        vocabulary = checkpoint.vocabulary.grown(index)
        grow(model.lm, vocabulary.size)
        model = generator_of(model.lm, vocabulary, index).to(device).eval()
        if old.own:
            titles = {}
            if begins_with_titles(self.project, old):
                titled = zip(codes[:, -1].tolist(), self._titles, self._item_ids, strict=True)
                titles = {code: title for code, title, item in titled if title != item}
            lend_own_rows(model.lm, vocabulary, old, growth.codes, growth.like, titles)
        dense = checkpoint.dense and checkpoint.dense.grown(old.codes, codes[len(old.codes) :])
        trie = Trie(codes[self.listed], str(device))
        return replace(checkpoint, model=model, index=index, vocabulary=vocabulary, trie=trie, dense=dense)

    def recommend_many(
        self,
        histories: Sequence[Sequence[int]] | Sequences,
        allowed: Mask | None = None,
        hide_seen: bool | None = None,
        k: int | None = None,
        steer: Steering | Sequence[Steering] | None = None,
    ) -> Lists:
        """The best next items after each of many histories; several threads may ask at once.

        Evaluation ranks by the same search, batch by batch (`core.recommend.search_batches`), and leaves seen items out
        of its lists in the same way. Where too few are then left, the search is made again over unseen items alone.

        Args:
            histories: item numbers, oldest first, of any lengths; added items too.
            allowed: which items may be listed; bool, shape (items,), or (histories, items) for each its own.
            hide_seen: leave items of the history out of the list; the project's own rule where not given.
            k: length of the lists; the project's own where not given.
            steer: more and less of what, as `steering` makes it: for all lists, or one for each.

        Returns:
            Item numbers and scores (as `Ranked` has them), shape (histories, k), best first; -1 and -inf where fewer
            than `k` items may be listed.

        Raises:
            DataError: an empty history, a number that no item has, a mask of another shape, or too few steerings.
        """
        settings = self.project.recommend
        k, count = max(k or settings.k, 1), len(self._item_ids)
        given = self._checked(histories, allowed)
        beams = max(settings.beams, k)
        asked = [steer] if isinstance(steer, Steering) else list(steer or ())
        if len(asked) not in (0, 1, len(given)):
            raise DataError(f"{len(asked)} steerings for {len(given)} histories", "give one, or one for each")
        allowed, moved = self._without(allowed, asked), asked if any(one.moves for one in asked) else []
        hide = settings.hide_seen if hide_seen is None else hide_seen
        weights = self.parts.weighted(self._fusion, hide)
        items, scores = self._search(given, np.arange(len(given)), allowed, beams, weights, steer=moved)
        if hide:
            seen = is_seen(given, items, count)
            cut = (items >= 0).all(axis=1) & (items.shape[1] < self.n_items)
            # What is left moves up; (histories, beams).
            order = np.argsort(seen | (items < 0), axis=1, kind="stable")
            items = np.take_along_axis(items, order, axis=1)
            scores = np.take_along_axis(scores, order, axis=1)
            gone = np.take_along_axis(seen, order, axis=1)
            items[gone], scores[gone] = -1, -np.inf
            # Where the search stopped at its width, there are more items for what is now too short a list.
            short = np.flatnonzero(cut & (items[:, :k] < 0).any(axis=1))
            items[short], scores[short] = self._search(given, short, allowed, beams, weights, True, moved)
        width = min(k, items.shape[1])
        padding = ((0, 0), (0, k - width))
        return (
            np.pad(items[:, :width], padding, constant_values=-1),
            np.pad(scores[:, :width], padding, constant_values=-np.inf),
        )

    def score_items(
        self,
        histories: Sequence[Sequence[int]] | Sequences,
        items: npt.NDArray[np.integer],
        allowed: Mask | None = None,
        hide_seen: bool | None = None,
    ) -> ItemScores:
        """What each part of the lists says of some items after each of many histories; several threads may ask.

        Args:
            histories: item numbers, oldest first, of any lengths; added items too.
            items: item numbers; shape (histories, items).
            allowed: see `recommend_many`.
            hide_seen: the rule of the lists whose weights are meant; seen items are scored like others.

        Raises:
            DataError: as `recommend_many` does, not a row of items a history, or an item is no longer recommended.
        """
        given = self._checked(histories, allowed)
        if items.ndim != 2 or len(items) != len(given):
            raise DataError(f"items of the shape {items.shape} for {len(given)} histories", "give a row a history")
        asked, trie = self.trie_places(items), self.checkpoint.trie
        values = np.zeros((len(self.parts.names), *items.shape), dtype=np.float32)

        def search(rows: Items, some: npt.NDArray[np.int64] | None) -> list[npt.NDArray[np.float32]]:
            wanted = torch.as_tensor(some, dtype=torch.long, device=trie.item_nodes.device)
            found = FusedSearch(self.parts, rows, self.project.recommend.beams).values(wanted)
            return [found.transpose(0, 1).float().cpu().numpy()]

        max_history, bf16 = self.project.data.max_history, use_bf16(self.project.run)
        batches = search_batches(
            search, trie, given, max_history, bf16, asked.__getitem__, shrink=True, turn=self._lock
        )
        for places, (found,) in batches:
            values[:, places] = found.swapaxes(0, 1)
        if allowed is not None:
            rows = np.broadcast_to(allowed, (len(given), len(self._item_ids)))
            values[:, ~np.take_along_axis(rows, items, axis=1)] = -np.inf
        hide = self.project.recommend.hide_seen if hide_seen is None else hide_seen
        return ItemScores(self.parts.names, values, self.parts.weighted(self._fusion, hide))

    def _without(self, allowed: Mask | None, steer: Sequence[Steering]) -> Mask | None:
        """The mask of allowed items without those that the hard rule leaves out, for all lists or for each."""
        if all(one.denied is None for one in steer):
            return allowed
        none = np.zeros(len(self._item_ids), dtype=bool)
        left = ~np.stack([none if one.denied is None else one.denied for one in steer])
        left = left[0] if len(left) == 1 else left
        return left if allowed is None else allowed & left

    def _search(
        self,
        histories: Sequences,
        chosen: Places,
        allowed: Mask | None,
        beams: int,
        weights: npt.NDArray[np.float32],
        unseen: bool = False,
        steer: Sequence[Steering] = (),
    ) -> Lists:
        """The lists after some of the histories; shape (chosen, min(beams, `n_items`)), -1 behind the last.

        Args:
            histories: item numbers.
            chosen: places in it.
            allowed: see `recommend_many`.
            beams: width of the search.
            weights: of the parts.
            unseen: items of a history may not be listed after it.
            steer: more and less of what, for all histories or for each; none = plain lists.
        """
        trie, listed = self.checkpoint.trie, self._listed
        shared = None if allowed is None or allowed.ndim == 2 or unseen else trie.allow(self.of_trie(allowed))

        def plain(rows: npt.NDArray[np.integer], mask: Allowed | None, width: int) -> Lists:
            return fused_lists(self.parts, weights, rows, width, mask)

        asked = list(steer[:1])
        """The steerings of the batch at hand: one for all its rows, or one for each."""

        def search(rows: npt.NDArray[np.integer], mask: Allowed | None) -> Lists:
            if not asked:
                return fused_lists(self.parts, weights, rows, beams, mask)
            return steered_lists(plain, trie, self.words.space, asked, rows, beams, listed, mask)

        def mask_of(places: Places) -> Allowed | None:
            if len(steer) > 1:
                asked[:] = [steer[place] for place in chosen[places]]
            if shared is not None or (allowed is None and not unseen):
                return shared
            own = chosen[places]
            masks = np.ones((len(own), len(self._item_ids)), dtype=bool)
            if allowed is not None:
                masks &= allowed if allowed.ndim == 1 else allowed[own]
            if unseen:
                for row, place in enumerate(own):
                    masks[row, histories[int(place)]] = False
            return trie.allow(self.of_trie(masks))

        width = min(beams, self.n_items)
        items = np.full((len(chosen), width), -1, dtype=np.int32)
        scores = np.full((len(chosen), width), -np.inf, dtype=np.float32)
        max_history, bf16 = self.project.data.max_history, use_bf16(self.project.run)
        asking = histories.take(chosen)
        # Side by side small batches wait for Python; and a batch's own steerings stand in `asked`.
        together = len(steer) < 2 and len(asking) > SIZES[-1]
        # Whoever asks at the same time takes turns, or the threads of all of them would wait for the same cores.
        batches = search_batches(
            search, trie, asking, max_history, bf16, mask_of, shrink=True, together=together, turn=self._lock
        )
        for places, (found, values) in batches:
            many = min(found.shape[1], width)  # few are found where few may be listed
            items[places, :many], scores[places, :many] = found[:, :many], values[:, :many]
        return items if listed is None else np.where(items < 0, -1, listed[items]), scores

    def _checked(self, histories: Sequence[Sequence[int]] | Sequences, allowed: Mask | None) -> Sequences:
        """Histories, and a mask that fits them; refuses others."""
        given = histories if isinstance(histories, Sequences) else _sequences(histories)
        if len(given) and given.lengths.min() < 1:
            raise DataError("a history is empty", "a list follows at least one item")
        count = len(self._item_ids)
        if len(given.items) and not 0 <= given.items.min() <= given.items.max() < count:
            raise DataError("a history holds a number that no item has", f"they go from 0 to {count - 1}")
        if allowed is not None and allowed.shape not in ((count,), (len(given), count)):
            raise DataError(f"the mask of allowed items has the shape {allowed.shape}", f"{count} items are known")
        return given

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """The model for one thread at a time, in the run's number format, without gradients."""
        device, bf16 = self.checkpoint.trie.item_nodes.device.type, use_bf16(self.project.run)
        with self._lock, torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=bf16):
            yield


def _sequences(histories: Sequence[Sequence[int]]) -> Sequences:
    flat = [item for history in histories for item in history]
    lengths = [len(history) for history in histories]
    return Sequences(np.array(flat, dtype=np.int32), np.cumsum([0, *lengths], dtype=np.int64))
