"""Puts the evidence for an item together: every kind of it, of one user or history, from one recommender."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from core.errors import DataError, EagerError
from core.index.branches import BranchTable
from core.index.tokens import code_text, token
from core.machine import device_of
from core.recommend.encoded import encode
from core.recommend.evidence.baseline_places import FittedBaselines, fitted
from core.recommend.evidence.beam_trace import KeptLevel, fell_at, watched_search
from core.recommend.evidence.leave_one_out import drops
from core.recommend.evidence.local_writer import EvidenceWriter
from core.recommend.evidence.preferences import Cluster, clusters, fitness
from core.recommend.evidence.record import (
    BaselineRank,
    BeamLevel,
    BeamTrace,
    CodeStep,
    Evidence,
    NamedItem,
    Prefix,
    Removal,
    ScorePart,
    Transition,
    UserPreference,
    rounded,
)
from core.recommend.evidence.training_pairs import TrainingPairs
from core.recommend.exact import path_log_probs
from core.recommend.recommendation import AS_TESTED, TO_DATE
from core.recommend.recommender import Recommender
from core.recommend.restrictions import Mask
from core.recommend.scoring import ItemScores
from core.recommend.search_batches import padded_lengths
from core.run.folder import RunFolder
from core.vectors import KINDS, ItemVectors


@dataclass(frozen=True)
class Question:
    """Which list an item is explained in.

    Attributes:
        history: item numbers, oldest first.
        k: length of the list.
        hide_seen: whether items of the history are left out of it.
        allowed: which items may be listed; None = every item.
        user: whose history it is; None for a bare one.
        history_kind: which of the user's histories.
    """

    history: tuple[int, ...]
    k: int
    hide_seen: bool
    allowed: Mask | None = None
    user: str | None = None
    history_kind: str | None = None


class Explainer:
    """Evidence from one recommender; what it needs besides is loaded when it is needed first.

    Args:
        recommender: whose lists are explained.
        folder: of its run, for the index's words, the vectors and the baselines.
    """

    def __init__(self, recommender: Recommender, folder: RunFolder) -> None:
        self._recommender, self._folder = recommender, folder
        self._codes = recommender.checkpoint.index.codes

    def question(
        self,
        user: str | None = None,
        history: Sequence[str] | None = None,
        k: int | None = None,
        hide_seen: bool | None = None,
        allowed: Mask | None = None,
        as_tested: bool = False,
    ) -> tuple[Question, int | None]:
        """The list that is meant, in the words of `Recommender.recommend`, and the held-out item as tested.

        Raises:
            DataError: unknown user or item, or an empty history.
        """
        recommender, settings = self._recommender, self._recommender.project.recommend
        target, kind = None, None
        if (user is None) == (history is None):
            raise DataError("give either a user or a history")
        if user is not None:
            items, target = recommender.history_of(user, as_tested)
            kind = AS_TESTED if as_tested else TO_DATE
        else:
            items = [recommender.number(item) for item in history or () if item]
        if not items:
            raise DataError("the history is empty", "give at least one item id, oldest first: --history id,id")
        hide = settings.hide_seen if hide_seen is None else hide_seen
        return Question(tuple(items), max(k or settings.k, 1), hide, allowed, user, kind), target

    @cached_property
    def branches(self) -> BranchTable:
        """The index with its words; added items stand in their branches."""
        table = BranchTable.load(self._folder.artefact("index"))
        return table.grown(self._codes) if len(self._codes) > len(table.order) else table

    @cached_property
    def vectors(self) -> tuple[str, npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Text vectors of unit length, or behaviour vectors where there are none: kind, matrix, which are known."""
        for kind in KINDS:
            try:
                found = ItemVectors.load(self._folder.artefact(kind) / "vectors.npz")
            except (EagerError, OSError, ValueError, KeyError):
                continue
            lengths = np.linalg.norm(found.matrix, axis=1, keepdims=True)
            return kind, (found.matrix / np.maximum(lengths, 1e-9)).astype(np.float32), found.known
        return "", np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=bool)

    @cached_property
    def writer(self) -> EvidenceWriter:
        """Says evidence in words, as the project asks for.

        Raises:
            ProjectError: the local model is not there.
        """
        project = self._recommender.project
        titles = (self._recommender.named(item)[1] for item in range(len(self._codes)))
        store = project.runs_dir / ".store"
        return EvidenceWriter(project.explain.writer, project.directory, device_of(project.run), titles, store)

    @cached_property
    def _pairs(self) -> TrainingPairs:
        return TrainingPairs(self._recommender.dataset.train(), self._recommender.dataset.n_items)

    @cached_property
    def baselines(self) -> FittedBaselines:
        """The baselines of the run."""
        own = self._recommender
        return fitted(own.project, own.dataset, self._folder, own.listed)

    @property
    def visible(self) -> int:
        """How many of the newest items of a history the model sees."""
        return self._recommender.project.data.max_history

    def scored(
        self, question: Question, histories: Sequence[Sequence[int]], items: npt.NDArray[np.integer]
    ) -> ItemScores:
        """Scores of items as the question's list has them; histories and items of shape (histories, items)."""
        return self._recommender.score_items(histories, items, hide_seen=question.hide_seen)

    def drops(self, question: Question, item: int, deletions: Sequence[Collection[int]]) -> npt.NDArray[np.float64]:
        """How far an item's score falls for each of some deletions of places; see `leave_one_out.drops`."""
        return drops(lambda some, items: self.scored(question, some, items), question.history, item, deletions)

    def listed(self, question: Question, history: Sequence[int]) -> npt.NDArray[np.int32]:
        """The question's list after any history; item numbers, best first."""
        (found,), _ = self._recommender.recommend_many([history], question.allowed, question.hide_seen, question.k)
        return np.asarray(found[found >= 0])

    def near(self, item: int, most: int) -> list[int]:
        """The items most like one that can be recommended: by vector, where it has none by code; itself left out."""
        _, units, known = self.vectors
        others = self._recommender.listed[self._recommender.listed != item]
        if item < len(known) and known[item]:
            others = others[others < len(known)]
            likeness = np.where(known[others], units[others] @ units[item], -np.inf)
        else:
            likeness = (self._codes[others] == self._codes[item]).cumprod(axis=1).sum(axis=1)
        return [int(one) for one in others[np.lexsort((others, -likeness))[:most]]]

    def preferences(self, history: Sequence[int]) -> list[Cluster]:
        """What the visible part of a history is about, the heaviest first."""
        most = self._recommender.project.explain.preferences
        return clusters(history, self._codes, self.branches, most, max(len(history) - self.visible, 0))

    def explain(self, question: Question, item: int | None = None) -> Evidence:
        """The evidence for one item.

        Args:
            question: the list that it stands in or is missing from.
            item: its number; None = the list's first.

        Raises:
            DataError: the list is empty, or the item is no longer recommended.
        """
        history = question.history
        listed = self.listed(question, history)
        if item is None and not len(listed):
            raise DataError("no item may be listed, so there is none to explain", "name one: --why ITEM")
        number = int(listed[0]) if item is None else item
        self.refuse_removed(number)
        # The list's items and the one in question after the whole history; (parts, 1, listed + 1).
        asked = np.append(listed, number)
        scores = self.scored(question, [history], asked[None])
        total = scores.total[0].astype(np.float64)
        path = self._path_log_probs(history, asked)[-1]
        seen = number in history
        listable = (question.allowed is None or bool(question.allowed[number])) and not (question.hide_seen and seen)
        removals, preferences = self._deletions(question, number)
        strongest = self._pairs.strongest(history, number)
        ranks = self.baselines.places(history, number, question.hide_seen)
        return Evidence(
            question.user,
            question.history_kind,
            self.named(number),
            seen,
            listable,
            self._rank(question, number, listed),
            question.k,
            rounded(total[-1]),
            rounded(total[-1] - total[-2]) if len(listed) else None,
            _parts(scores),
            self._code_path(number, path),
            removals,
            self.vectors[0],
            preferences,
            strongest and Transition(self.named(strongest[0]), *strongest[1:]),
            tuple(BaselineRank(name, rank) for name, rank in ranks.items()),
            self.traces(question, [number])[0],
        )

    def beam(self, question: Question, items: Sequence[int]) -> tuple[list[list[Prefix]], list[BeamTrace]]:
        """What the generator's search kept at every level, the likeliest first, and how some items fared in it.

        Seen items compete in it also where they are then left out of the list.

        Raises:
            DataError: an item is no longer recommended.
        """
        levels, traces = self._searched(question, items)
        return [[self._prefix(level, one, place) for place in range(len(one.nodes))] for level, one in levels], traces

    def traces(self, question: Question, items: Sequence[int]) -> list[BeamTrace]:
        """How some items fared in the generator's search; see `beam`."""
        return self._searched(question, items)[1]

    def _searched(
        self, question: Question, items: Sequence[int]
    ) -> tuple[list[tuple[int, KeptLevel]], list[BeamTrace]]:
        recommender = self._recommender
        beams = max(recommender.project.recommend.beams, question.k)
        model, trie = recommender.checkpoint.model, recommender.checkpoint.trie
        for item in items:
            self.refuse_removed(item)
        with recommender.computing():
            allowed = None if question.allowed is None else trie.allow(recommender.of_trie(question.allowed))
            levels = watched_search(model, trie, self._visible(question.history), beams, allowed)
        named = [(level, one) for level, one in enumerate(levels) if len(one.nodes)]
        last = [self._prefix(level, one, len(one.nodes) - 1) for level, one in named]
        sums = np.cumsum(self._path_log_probs(question.history, np.array(items)), axis=1) if items else ()
        traces = []
        for item, own in zip(items, sums, strict=True):
            path = trie.item_nodes[recommender.trie_places(np.array(item))].long().cpu().numpy()
            fell = fell_at(levels, path)
            shown = [
                BeamLevel(level + 1, len(one.nodes), fell is None or level < fell, rounded(own[level]), prefix)
                for (level, one), prefix in zip(named, last, strict=True)
                if fell is None or level <= fell
            ]
            traces.append(BeamTrace(self.named(item), beams, None if fell is None else fell + 1, tuple(shown)))
        return named, traces

    def _prefix(self, level: int, kept: KeptLevel, place: int) -> Prefix:
        """One of what a level kept, in words."""
        recommender, node, log_prob = self._recommender, int(kept.nodes[place]), float(kept.log_probs[place])
        trie = recommender.checkpoint.trie
        first, end = (int(leaf) for leaf in trie.leaves(torch.tensor([node], device=trie.order.device), level + 1))
        leaf = torch.tensor([first], device=trie.order.device)
        item = int(recommender.listed[int(trie.items(leaf, 1)[0, 0])])
        codes = self._codes[item, : level + 1].tolist()
        branch = self.branches.find(codes)
        only = end - first == 1 or branch < 0
        items = 1 if branch < 0 else int(self.branches.size[branch])
        words = () if only else tuple(self.branches.words(branch))
        return Prefix(code_text(codes), words, items, self.named(item).title if only else "", rounded(log_prob))

    def _path_log_probs(self, history: Sequence[int], items: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """Log-probability of every code of some items; shape (items, levels)."""
        recommender = self._recommender
        model, trie = recommender.checkpoint.model, recommender.checkpoint.trie
        wanted = torch.as_tensor(recommender.trie_places(items)[None], device=trie.item_nodes.device)
        with recommender.computing():
            read = encode(model, self._visible(history)[None])
            return path_log_probs(model, trie, read, wanted)[0].double().cpu().numpy()

    def _code_path(self, item: int, log_probs: npt.NDArray[np.float64]) -> tuple[CodeStep, ...]:
        steps = []
        codes = self._codes[item].tolist()
        for level, (code, log_prob) in enumerate(zip(codes, log_probs.tolist(), strict=True)):
            branch = self.branches.find(codes[: level + 1])
            words = tuple(self.branches.words(branch)) if branch >= 0 else ()
            items = int(self.branches.size[branch]) if branch >= 0 else 1
            probability = rounded(np.exp(log_prob))
            steps.append(CodeStep(level + 1, token(level, code), words, items, rounded(log_prob), probability))
        return tuple(steps)

    def _deletions(self, question: Question, item: int) -> tuple[tuple[Removal, ...], tuple[UserPreference, ...]]:
        """What the item's score loses without each item of the history, and without each preference; one batch."""
        history, groups = question.history, self.preferences(question.history)
        singles = range(max(len(history) - self.visible, 0), len(history))
        asked = [*({place} for place in singles), *(set(one.places) for one in groups)]
        lost = self.drops(question, item, asked)
        removals = [
            Removal(place + 1, self.named(history[place]), rounded(drop))
            for place, drop in zip(singles, lost, strict=False)
            if np.isfinite(drop)
        ]
        removals.sort(key=lambda one: (-one.drop, -one.place))
        _, units, known = self.vectors
        preferences = []
        for group, drop in zip(groups, lost[len(singles) :], strict=True):
            members = [history[place] for place in group.places]
            fit = fitness(units, known, item, members)
            preferences.append(
                UserPreference(
                    self._label(group.branch, members[0]),
                    rounded(group.weight),
                    None if fit is None else rounded(fit),
                    rounded(drop) if np.isfinite(drop) else None,
                    tuple(self.named(one) for one in members),
                )
            )
        return tuple(removals), tuple(preferences)

    def _label(self, branch: int, item: int) -> tuple[str, ...]:
        """The words of a branch; its code where it has none."""
        depth = int(self.branches.depth[branch])
        return tuple(self.branches.words(branch)) or (code_text(self._codes[item, :depth]),)

    def _rank(self, question: Question, item: int, listed: npt.NDArray[np.integer]) -> int | None:
        """The item's place in the list, or behind its end among what the search came upon."""
        if item in listed:
            return int(np.flatnonzero(listed == item)[0]) + 1
        beams = max(self._recommender.project.recommend.beams, question.k)
        (found,), _ = self._recommender.recommend_many([question.history], question.allowed, False, beams)
        hidden = np.isin(found, question.history) & question.hide_seen
        places = np.flatnonzero(found[~hidden] == item)
        return int(places[0]) + 1 if len(places) and places[0] >= question.k else None

    def _visible(self, history: Sequence[int]) -> npt.NDArray[np.int64]:
        """What the model sees of a history, padded as a list's row is; shape (length,)."""
        seen = np.array(history[-self.visible :], dtype=np.int64)
        (length,) = padded_lengths(np.array([len(seen)]), self.visible)
        return np.concatenate([np.full(length - len(seen), -1, dtype=np.int64), seen])

    def named(self, item: int) -> NamedItem:
        """An item number by its id and title."""
        return NamedItem(*self._recommender.named(item))

    def refuse_removed(self, item: int) -> None:
        """An item that was removed has no score.

        Raises:
            DataError: it is one.
        """
        if item not in self._recommender.listed:
            raise DataError(
                f"item {self.named(item).item_id!r} is no longer recommended", "it was removed from the run"
            )


def _parts(scores: ItemScores) -> tuple[ScorePart, ...]:
    """What each part says of the last of the items, beside its mean over the others; parts without a say left out."""
    found = []
    for name, values, weight in zip(scores.names, scores.values[:, 0].astype(np.float64), scores.weights, strict=True):
        if weight > 0:
            mean = values[:-1].mean() if len(values) > 1 else values[-1]
            gain = rounded(weight * (values[-1] - mean))
            found.append(ScorePart(name, rounded(values[-1]), rounded(weight), rounded(weight * values[-1]), gain))
    return tuple(found)
