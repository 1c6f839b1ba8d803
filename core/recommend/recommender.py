"""The recommender: a user or a history in, ranked items with titles out; items added since training included."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from core.data.dataset import Dataset
from core.errors import DataError, ProjectError
from core.index.revisions.changes import Growth, load_revisions
from core.index.table import ItemIndex
from core.machine import device_of, prepare, use_bf16
from core.model.checkpoint import TunedModel, load_checkpoint
from core.model.generator import Generator
from core.model.trie import Trie
from core.project import Project
from core.recommend.beam import beam_search
from core.recommend.fusion import blended
from core.run.folder import RunFolder
from core.safe_json import number, read_object
from core.settings import MIN_EVALUATED


@dataclass(frozen=True)
class Ranked:
    """One item of a list; `score` is its log-probability among the whole catalogue.

    Where a dense scorer has a say, it is the weighted mean of the model's and the scorer's, among the items that either
    of them liked.
    """

    rank: int
    item_id: str
    title: str
    score: float
    seen: bool
    code: str


@dataclass(frozen=True)
class Recommendation:
    """A list for a user or a history.

    Attributes:
        user: the user's id; None for a bare history.
        history: (item id, title), oldest first: everything the user took but the held-out test target.
        items: the list, best first.
        target: id of the held-out test target; None for a bare history.
    """

    user: str | None
    history: tuple[tuple[str, str], ...]
    items: tuple[Ranked, ...]
    target: str | None


class Recommender:
    """A trained run, loaded. Make it with `load`.

    It knows the items that the run was trained on, numbered from 0, and after them those that `core.add_items` added up
    to the moment of loading; removed ones may stand in a history and are never listed.

    Args:
        project: of the run.
        dataset: what it was trained on.
        checkpoint: the tuned model.
        growth: what was added and removed since; None = nothing.
        dense_weight: of the checkpoint's dense scorer; 0 = it has no say.
    """

    def __init__(
        self,
        project: Project,
        dataset: Dataset,
        checkpoint: TunedModel,
        growth: Growth | None = None,
        dense_weight: float = 0.0,
    ) -> None:
        self.project, self.dataset = project, dataset
        self._dense_weight = dense_weight if project.recommend.dense else 0.0
        items = dataset.items.select("item_id", "title")
        if growth is not None and growth.number:
            items = pl.concat([items, growth.items.select("item_id", "title")])
        self._item_ids: list[str] = items["item_id"].to_list()
        self._titles = [title or item for title, item in zip(items["title"], self._item_ids, strict=True)]
        self._item_number = {item: number for number, item in enumerate(self._item_ids)}
        self._user_number = {user: number for number, user in enumerate(dataset.users.to_list())}
        self._listed: npt.NDArray[np.int32] | None = None
        """Item number of each item of the trie, where these are not the same."""
        if growth is not None and growth.number:
            checkpoint = self._grown(checkpoint, growth)
        self.checkpoint = checkpoint

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
        checkpoint = load_checkpoint(folder.artefact("tune") / "best", device_of(project.run))
        return cls(project, dataset, checkpoint, load_revisions(folder), _weight(folder))

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
        gone = [self._item_number[item] for item in growth.removed]
        self._listed = np.setdiff1d(np.arange(len(codes), dtype=np.int32), gone)
        dense = checkpoint.dense and checkpoint.dense.grown(old.codes, codes[len(old.codes) :])
        return replace(checkpoint, model=model, index=index, trie=Trie(codes[self._listed], str(device)), dense=dense)

    def recommend(
        self,
        user: str | None = None,
        history: Sequence[str] | None = None,
        k: int | None = None,
        hide_seen: bool = False,
    ) -> Recommendation:
        """The best next items for a user of the logs, or after any history of item ids.

        Args:
            user: id of a user; the history is then all of theirs but the held-out test target.
            history: item ids, oldest first; instead of `user`.
            k: length of the list; the project's own where not given.
            hide_seen: leave items of the history out of the list.

        Raises:
            DataError: unknown user or item, or an empty history; says what to do.
        """
        if (user is None) == (history is None):
            raise DataError("give either a user or a history")
        target: str | None = None
        if user is not None:
            number = self._find(user, self._user_number, "user")
            items = [int(item) for item in self.dataset.sequences[number]]
            if len(items) >= MIN_EVALUATED:
                target = self._item_ids[items.pop()]
        else:
            items = [self._find(item, self._item_number, "item") for item in history or () if item]
        if not items:
            raise DataError("the history is empty", "give at least one item id, oldest first: --history id,id")
        found, scores = self._search(
            items, max(k or self.project.recommend.k, 1) + (len(set(items)) if hide_seen else 0)
        )
        seen = set(items)
        pairs = [(int(i), float(s)) for i, s in zip(found, scores, strict=True) if i >= 0]
        pairs = [(i, s) for i, s in pairs if not (hide_seen and i in seen)][: k or self.project.recommend.k]
        ranked = tuple(
            Ranked(rank, self._item_ids[i], self._titles[i], round(s, 6), i in seen, self.checkpoint.index.text(i))
            for rank, (i, s) in enumerate(pairs, 1)
        )
        told = tuple((self._item_ids[i], self._titles[i]) for i in items)
        return Recommendation(user, told, ranked, target)

    def users(self, prefix: str = "", limit: int = 50) -> list[str]:
        """Ids of users that start with a prefix, in the order of the logs."""
        return [user for user in self._user_number if user.startswith(prefix)][:limit]

    def _search(self, items: list[int], k: int) -> tuple[Any, Any]:
        visible = np.array([items[-self.project.data.max_history :]])
        beams = max(self.project.recommend.beams, k)
        device = self.checkpoint.trie.item_nodes.device.type
        with torch.autocast(device, torch.bfloat16, enabled=use_bf16(self.project.run)):
            if self.checkpoint.dense is not None and self._dense_weight:
                found, scores = blended(self.checkpoint, visible, beams, self._dense_weight, self._listed)
            else:
                lists = beam_search(self.checkpoint.model, self.checkpoint.trie, visible, beams)
                found, scores = lists[0][0], lists[1][0]
        return found if self._listed is None else np.where(found < 0, -1, self._listed[found]), scores

    def _find(self, name: str, numbers: dict[str, int], kind: str) -> int:
        if name in numbers:
            return numbers[name]
        near = difflib.get_close_matches(name, numbers, n=3, cutoff=0.6) if len(numbers) <= 200_000 else []
        hint = f"did you mean {', '.join(near)}?" if near else f"ids look like {', '.join(list(numbers)[:3])}"
        raise DataError(f"no {kind} {name!r} among the {len(numbers):,} of this run", hint)


def _weight(folder: RunFolder) -> float:
    """What validation gave the dense scorer, as the run's evaluation wrote it down; 0 where it did not."""
    with contextlib.suppress(ProjectError):
        return number(read_object(folder.artefact("evaluate") / "blend.json").get("weight"), 0.0)
    return 0.0
