"""The recommender: users or histories in, ranked items with titles out; items added since training included."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.data.dataset import Dataset
from core.errors import DataError, ProjectError
from core.index.revisions.changes import load_revisions
from core.machine import device_of, prepare
from core.project import Project
from core.recommend.best_so_far import load_model
from core.recommend.catalogue_parts import fitted_parts
from core.recommend.fusion import Fusion, load_fusion
from core.recommend.lists_of_run import ListsOfRun
from core.recommend.open_question import MODEL, open_list
from core.recommend.recommendation import AS_TESTED, TO_DATE, Ranked, Recommendation
from core.recommend.restrictions import Mask
from core.recommend.steering.steerer import Steering
from core.registry import BASELINES
from core.run.folder import RunFolder
from core.run.listing import find_run

if TYPE_CHECKING:
    from core.recommend.evidence.explain import Explainer
    from core.recommend.evidence.record import Evidence
    from core.recommend.evidence.smallest_change import SmallestChange


class Recommender(ListsOfRun):
    """A trained run, loaded. Make it with `load`.

    It knows the items that the run was trained on, numbered from 0, and after them those that `core.add_items` added up
    to the moment of loading; removed ones may stand in a history and are never listed.
    """

    so_far: str = ""
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


def _fusion(project: Project, folder: RunFolder) -> Fusion:
    """What the run's evaluation wrote down; the generator alone where it did not, or the project asks for that."""
    if not project.recommend.fusion:
        return Fusion.alone()
    judged = find_run(folder.path.parent, project.run.chosen) if project.run.chosen else folder
    with contextlib.suppress(ProjectError):
        return load_fusion(judged.artefact("evaluate")) or Fusion.alone()
    return Fusion.alone()
