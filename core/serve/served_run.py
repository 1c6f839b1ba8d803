"""A run that is held open: its model, its index and its vectors, each loaded when a question needs it first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from core.data.dataset import Dataset, user_times
from core.errors import DataError, EagerError, ProjectError
from core.index.lookup import Lookup
from core.index.revisions.changes import load_revisions, newest_revision
from core.recommend.cache.cached_lists import CachedLists
from core.recommend.cache.list_database import CACHE_FILE
from core.run.folder import RunFolder
from core.serve import protocol
from core.vectors import KINDS

if TYPE_CHECKING:
    from core.index.nearest import Nearest
    from core.recommend.recommender import Recommender

STAGES = {"data": "data", "index": "index", "model": "tune", **{kind: kind for kind in KINDS}}
"""What the ready line's `has` names, and the stage that makes it."""


class ServedRun:
    """What the methods of the serving process answer from.

    Args:
        run: the run's folder.
        lookup: answer about the index alone; the model, and torch with it, is not loaded.
        progress: called with a sentence before something that takes a while.

    Raises:
        ProjectError: the run has no data yet.
        DataError: one of its files is damaged.
    """

    def __init__(self, run: Path, lookup: bool, progress: Callable[[str], None]) -> None:
        self.folder, self.lookup_only, self._progress = RunFolder(run), lookup, progress
        self.has = [name for name, stage in STAGES.items() if self._is_made(stage)]
        self._recommender: Recommender | None = None
        self._grown: Lookup | None = None
        self._cache: CachedLists | None = None
        if "model" in self.has and not lookup:
            progress("loading the libraries")
            from core.recommend.recommender import Recommender

            progress("loading the model")
            self._recommender = Recommender.load(run)
        else:
            self._table("users", ["user_id"])  # there must be data at least
        if lookup and "index" in self.has:
            progress("loading the index")
            with contextlib.suppress(EagerError):  # whoever asks about the index gets this error
                _ = self.lookup

    def _is_made(self, stage: str) -> bool:
        if stage == "tune" and self.folder.best_checkpoint() is not None:
            return True
        try:
            return self.folder.artefact(stage).is_dir()
        except (ProjectError, OSError, ValueError, KeyError, TypeError):
            return False

    def _table(self, name: str, columns: list[str]) -> pl.DataFrame:
        path = self.folder.artefact("data") / f"{name}.parquet"
        try:
            return pl.read_parquet(path, columns=columns, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: cannot be read ({error})", "train again with --new") from error

    def ready(self) -> protocol.Message:
        """How many users and items there are, and what can be asked about."""
        if self._recommender is not None:
            users, items = self._recommender.dataset.n_users, self._recommender.n_items
        else:
            users, items = len(self.users), self._table("items", ["item_id"]).height
            items += len(load_revisions(self.folder).items)
        so_far = self._recommender.so_far if self._recommender is not None else ""
        return protocol.ready(self.folder.id, users, items, self.has, so_far)

    @property
    def recommender(self) -> Recommender:
        """The model.

        Raises:
            ProjectError: there is none, or this process was started without it.
        """
        if self._recommender is None:
            if self.lookup_only:
                raise ProjectError("this process answers about the index alone", "start it without --lookup")
            raise ProjectError(f"run {self.folder.id} has no model yet", "train it to the end first")
        return self._recommender

    @cached_property
    def users(self) -> pl.Series:
        """Ids of all users, in the order of the logs."""
        return self._table("users", ["user_id"])["user_id"]

    @cached_property
    def dataset(self) -> Dataset:
        """What the run was trained on.

        Raises:
            DataError: one of its files is damaged.
        """
        if self._recommender is not None:
            return self._recommender.dataset
        return Dataset.load(self.folder.artefact("data"))

    def times(self, user: str, count: int) -> list[str | None]:
        """When a user took the first `count` of what they took: days, or minutes where they are told; None = not known.

        Raises:
            DataError: the times are damaged.
        """
        place = self._places.get(user)
        if place is None:
            return [None] * count
        found = user_times(self.folder.artefact("data"), int(self.dataset.sequences.offsets[place]), count)
        if found is None:
            return [None] * count
        days = all(one.time() == time() for one in found)
        return [one.date().isoformat() if days else one.isoformat(" ", "minutes") for one in found]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {user: place for place, user in enumerate(self.users.to_list())}

    @cached_property
    def _base(self) -> Lookup:
        return Lookup.load(self.folder.artefact("index"), self.folder.artefact("data"))

    @property
    def lookup(self) -> Lookup:
        """The index beside its catalogue, with all items that were added up to now and all that were removed."""
        known = self._grown or self._base
        if known.revision != newest_revision(self.folder):
            known = self._base.grown(load_revisions(self.folder))
        self._grown = known
        return known

    def branch_words(self, item_id: str) -> str:
        """Words of the two highest branches that hold an item; empty where the index has none."""
        if "index" not in self.has:
            return ""
        try:
            lookup = self.lookup
        except EagerError:  # whoever asks about the index gets this error
            return ""
        number, table = lookup.number(item_id), lookup.branches
        if number is None:
            return ""
        codes = lookup.index.codes[number].tolist()
        rows = [table.find(codes[:depth]) for depth in range(1, min(3, table.levels))]
        return " › ".join(", ".join(table.words(row)[:2]) for row in rows if row >= 0 and table.words(row))

    def close(self) -> None:
        """Write down what is not written yet."""
        if self._cache is not None:
            self._cache.close()

    @property
    def cache(self) -> CachedLists | None:
        """The lists that were made beforehand; None where there are none.

        Raises:
            DataError: the cache is damaged.
        """
        if self._cache is None and (self.folder.path / CACHE_FILE).is_file():
            self._cache = CachedLists(self.folder)
        return self._cache

    @cached_property
    def nearest(self) -> Nearest:
        """Nearest neighbours by each source that has vectors."""
        self._progress("loading the vectors")
        from core.index.nearest import Nearest

        made = [source for source in KINDS if self._is_made(source)]
        return Nearest.load({source: self.folder.artefact(source) / "vectors.npz" for source in made})
