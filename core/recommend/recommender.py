"""The recommender: users or histories in, ranked items with titles out; items added since training included."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from core.data.arrays import Sequences
from core.data.dataset import Dataset
from core.errors import DataError, ProjectError
from core.index.revisions.changes import Growth, load_revisions
from core.index.table import ItemIndex
from core.machine import device_of, prepare, use_bf16
from core.model.checkpoint import TunedModel
from core.model.generator import Generator
from core.model.trie import Allowed, Trie
from core.project import Project
from core.recommend.beam import Lists
from core.recommend.best_so_far import load_model
from core.recommend.catalogue_parts import FittedPart, Later, fitted_parts
from core.recommend.fusion import FusedSearch, Fusion, Parts, fused_lists, load_fusion
from core.recommend.items_of_run import ItemsOfRun
from core.recommend.open_question import MODEL, open_list
from core.recommend.recommendation import AS_TESTED, TO_DATE, Ranked, Recommendation
from core.recommend.restrictions import Mask
from core.recommend.scoring import ItemScores
from core.recommend.search_batches import SIZES, Items, Places, is_seen, search_batches
from core.recommend.steered_lists import steered_lists
from core.recommend.steering.steerer import Steering
from core.recommend.words_of_run import WordsOfRun
from core.registry import BASELINES
from core.run.folder import RunFolder
from core.run.listing import find_run

if TYPE_CHECKING:
    from core.recommend.evidence.explain import Explainer
    from core.recommend.evidence.record import Evidence
    from core.recommend.evidence.smallest_change import SmallestChange


class Recommender(ItemsOfRun):
    """A trained run, loaded. Make it with `load`.

    It knows the items that the run was trained on, numbered from 0, and after them those that `core.add_items` added up
    to the moment of loading; removed ones may stand in a history and are never listed.

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
        self.so_far = ""
        """How far the training had come, in words; empty where it is over."""

    @classmethod
    def load(cls, run: Path | str) -> Recommender:
        """Load a run's folder, and what was added to it and removed from it.

        Raises:
            ProjectError: the run is not trained to the end.
            DataError: one of its files is broken.
        """
        folder = RunFolder(Path(run))
        project = Project.load(folder.project_path)
        prepare(project.run)
        dataset = Dataset.load(folder.artefact("data"))
        checkpoint, so_far = load_model(folder, device_of(project.run))
        fusion = _fusion(project, folder)
        stages = {stage for name in fusion.baselines for stage in BASELINES.get(name).inputs}
        artefacts = {stage: folder.artefact(stage) for stage in stages}
        fitted = fitted_parts(fusion.parts, project, dataset, artefacts)
        loaded = cls(project, dataset, checkpoint, load_revisions(folder), fusion, fitted)
        loaded.folder, loaded.so_far = folder, so_far
        return loaded

    @property
    def n_items(self) -> int:
        """Items that can be recommended."""
        return self.checkpoint.trie.n_items

    def _grown(self, checkpoint: TunedModel, growth: Growth) -> TunedModel:
        """The checkpoint with all items' codes as history, and those of the items that are left as answers."""
        old, model = checkpoint.index, checkpoint.model
        if growth.base_id != old.base_id:
            raise DataError("the run's revisions belong to another index", "move its folder revisions away")
        codes = np.concatenate([old.codes, growth.codes.reshape(-1, old.levels)])
        ids = pl.Series(old.item_ids.name, self._item_ids, dtype=pl.String)
        index = ItemIndex(ids, codes, old.widths, old.sources, old.shared)
        device = checkpoint.trie.item_nodes.device
        parts = [model.code_ids(level).cpu().numpy() for level in range(model.levels)]
        tokens = np.stack([part[codes[:, level]] for level, part in enumerate(parts)], axis=1)
        model = Generator(model.lm, parts, tokens, model.frame.tolist()).to(device).eval()
        dense = checkpoint.dense and checkpoint.dense.grown(old.codes, codes[len(old.codes) :])
        return replace(checkpoint, model=model, index=index, trie=Trie(codes[self.listed], str(device)), dense=dense)

    def recommend(
        self,
        user: str | None = None,
        history: Sequence[str] | None = None,
        k: int | None = None,
        hide_seen: bool | None = None,
        allowed: Mask | None = None,
        as_tested: bool = False,
        more: Sequence[str] = (),
        less: Sequence[str] = (),
        wish: str | None = None,
        like: Sequence[str] = (),
        unlike: Sequence[str] = (),
    ) -> Recommendation:
        """The best next items for a user of the logs, after any history of item ids, for a wish, or for nobody.

        Args:
            user: id of a user; the history is then everything they took.
            history: item ids, oldest first; instead of `user`.
            k: length of the list; the project's own where not given.
            hide_seen: leave items of the history out of the list; the project's own rule where not given.
            allowed: which items may be listed, e.g. as `allowed` makes it; bool, shape (items,).
            as_tested: leave the user's held-out test target out of the history, as evaluation does.
            more: words for what is wanted more of (`core.recommend.steering`).
            less: words for what is wanted less of.
            wish: words to find items by, with a history or without (`core.recommend.wish`).
            like: ids or titles of items; more like them.
            unlike: ids or titles of items; less like them.

        Raises:
            DataError: unknown user or item, or an empty history or wish; says what to do.
        """
        if user is not None and history is not None:
            raise DataError("give either a user or a history")
        target: str | None = None
        if user is not None:
            items, held_out = self.history_of(user, as_tested)
            target = None if held_out is None else self._item_ids[held_out]
        elif history is not None:
            items = [self._find(item, self._item_number, "item") for item in history if item]
            if not items:
                raise DataError("the history is empty", "give at least one item id, oldest first: --history id,id")
        else:
            items = []
        if wish is not None and not wish.strip():
            raise DataError("the wish is empty", 'say what, e.g. --wish "something for dry hair"')
        k = max(k or self.project.recommend.k, 1)
        steering = self.steering(more, less, like, unlike) if more or less or like or unlike else None
        source, weights, notes = MODEL, dict[str, float](), () if steering is None else steering.notes
        if items and wish is None:
            lists, scores = self.recommend_many([items], allowed, hide_seen, k, steering)
        else:
            may = self._without(allowed, [] if steering is None else [steering])
            found = open_list(self, items, wish, steering, may, hide_seen, k)
            lists, scores = found.items[None].astype(np.int32), found.scores[None].astype(np.float32)
            source, weights, notes = found.source, found.weights, (*notes, *found.notes)
        seen = set(items)
        ranked = tuple(
            Ranked(rank, self._item_ids[i], self._titles[i], round(s, 6), i in seen, self.checkpoint.index.text(i))
            for rank, (i, s) in enumerate(zip(lists[0].tolist(), scores[0].tolist(), strict=True), 1)
            if i >= 0
        )
        titled = tuple((self._item_ids[i], self._titles[i]) for i in items)
        kind = None if user is None else AS_TESTED if as_tested else TO_DATE
        notes = (self.so_far, *notes) if self.so_far else notes
        return Recommendation(user, titled, kind, ranked, target, len(ranked) < k, source, weights, notes)

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

    @cached_property
    def words(self) -> WordsOfRun:
        """What this run can do with words: steer lists, and find items for a wish.

        Raises:
            ProjectError: it was not loaded from a run.
        """
        return WordsOfRun(self)

    def steering(
        self,
        more: Sequence[str] = (),
        less: Sequence[str] = (),
        like: Sequence[str] = (),
        unlike: Sequence[str] = (),
        strength: float | None = None,
        hard_less: bool | None = None,
    ) -> Steering:
        """More and less of what, for `recommend_many`; see `core.recommend.words_of_run.WordsOfRun.steering`."""
        return self.words.steering(more, less, like, unlike, strength, hard_less)

    @cached_property
    def explainer(self) -> Explainer:
        """Evidence for the items of its lists.

        Raises:
            ProjectError: it was not loaded from a run.
        """
        from core.recommend.evidence.explain import Explainer

        if self.folder is None:
            raise ProjectError(
                "a recommender without its run has no words, vectors and baselines", "load it from a run"
            )
        return Explainer(self, self.folder)

    def explain(self, item: str | None = None, **question: Any) -> Evidence:
        """Why an item stands where it stands, listed or not.

        Args:
            item: its id; None = the first of the list.
            question: what `recommend` is asked: `user` or `history`, `k`, `hide_seen`, `allowed`, `as_tested`.

        Raises:
            DataError: as `recommend` does, or the item is no longer recommended.
        """
        asked, _ = self.explainer.question(**question)
        return self.explainer.explain(asked, None if item is None else self.number(item))

    def smallest_change(self, item: str, check: Callable[[], None] = lambda: None, **question: Any) -> SmallestChange:
        """Few edits of the history that bring an item into its list, or out of it.

        Args:
            item: its id.
            check: is called between steps; raises where nobody wants the answer any more.
            question: as `explain` takes it.

        Raises:
            DataError: as `explain` does, or the item may not be listed whatever the history.
        """
        from core.recommend.evidence.smallest_change import smallest_change

        asked, _ = self.explainer.question(**question)
        return smallest_change(self.explainer, asked, self.number(item), check)


def _sequences(histories: Sequence[Sequence[int]]) -> Sequences:
    flat = [item for history in histories for item in history]
    lengths = [len(history) for history in histories]
    return Sequences(np.array(flat, dtype=np.int32), np.cumsum([0, *lengths], dtype=np.int64))


def _fusion(project: Project, folder: RunFolder) -> Fusion:
    """What the run's evaluation wrote down; the generator alone where it did not, or the project asks for that."""
    if not project.recommend.fusion:
        return Fusion.alone()
    judged = find_run(folder.path.parent, project.run.chosen) if project.run.chosen else folder
    with contextlib.suppress(ProjectError):
        return load_fusion(judged.artefact("evaluate")) or Fusion.alone()
    return Fusion.alone()
