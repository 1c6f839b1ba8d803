"""What the serving child answers: lists where there is a model, look-ups where there is an index."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from core.errors import DataError, EagerError, ProjectError
from core.index.lookup import Lookup
from core.index.revisions.changes import load_revisions, newest_revision
from core.index.tokens import token
from core.run.folder import RunFolder

if TYPE_CHECKING:
    from core.index.nearest import Nearest
    from core.recommend.recommender import Recommender

SOURCES = ("semantic", "behavior")
STAGES = {"data": "data", "index": "index", "model": "tune", "semantic": "semantic", "behavior": "behavior"}
"""What the ready line's `has` names, and the stage that makes it."""
NEAREST = 10
MOST = 1000
"""Rows of an answer at most."""
Params = Mapping[str, Any]


class Answers:
    """A run that answers; loads what a question needs when it comes.

    Args:
        run: the run's folder.
        lookup: answer about the index alone; the model, and torch with it, is not loaded.
        progress: called with a sentence before something that takes a while.

    Raises:
        ProjectError: the run has no data yet.
        DataError: one of its files is damaged.
    """

    def __init__(self, run: Path, lookup: bool, progress: Callable[[str], None]) -> None:
        self.run, self.lookup_only, self._progress = RunFolder(run), lookup, progress
        self.has = [name for name, stage in STAGES.items() if self._made(stage)]
        self._recommender: Recommender | None = None
        self._grown: Lookup | None = None
        if "model" in self.has and not lookup:
            progress("loading the libraries")
            from core.recommend.recommender import Recommender

            progress("loading the model")
            self._recommender = Recommender.load(run)
        else:
            self._data("users", ["user_id"])  # there must be data at least
        if lookup and "index" in self.has:
            progress("loading the index")
            with contextlib.suppress(EagerError):  # whoever asks it something is told
                _ = self.lookup

    def _made(self, stage: str) -> bool:
        try:
            return self.run.artefact(stage).is_dir()
        except (ProjectError, OSError, ValueError, KeyError, TypeError):
            return False

    def _data(self, table: str, columns: list[str]) -> pl.DataFrame:
        path = self.run.artefact("data") / f"{table}.parquet"
        try:
            return pl.read_parquet(path, columns=columns, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: cannot be read ({error})", "train again with --new") from error

    def hello(self) -> dict[str, Any]:
        """The ready line: how many users and items there are, and what can be asked."""
        if self._recommender is not None:
            users, items = self._recommender.dataset.n_users, self._recommender.n_items
        else:
            users, items = len(self._users), self._data("items", ["item_id"]).height
            items += len(load_revisions(self.run).items)
        return {"ready": True, "run": self.run.id, "users": users, "items": items, "has": self.has}

    def answer(self, method: object, params: Params) -> dict[str, Any]:
        """Answer a question.

        Raises:
            EagerError: why not.
            ValueError: there is no such method, or a parameter is no number.
        """
        methods: dict[str, Callable[[Params], dict[str, Any]]] = {
            "recommend": self._recommend, "users": self._find_users, "index.item": self._item,
            "index.branch": self._branch, "index.find": self._find, "index.siblings": self._siblings,
        }  # fmt: skip
        if not isinstance(method, str) or method not in methods:
            raise ValueError(f"no method {method!r}")
        return methods[method](params)

    # --- the model

    def _recommend(self, params: Params) -> dict[str, Any]:
        if self._recommender is None:
            if self.lookup_only:
                raise ProjectError("this process answers about the index alone", "start it without --lookup")
            raise ProjectError(f"run {self.run.id} has no model yet", "train it to the end first")
        began = time.perf_counter()
        history, k = params.get("history"), params.get("k")
        found = self._recommender.recommend(
            params.get("user"), [str(item) for item in history] if history is not None else None,
            int(k) if k else None, bool(params.get("hide_seen")),
        )  # fmt: skip
        return {
            "user": found.user,
            "history": [{"item_id": item, "title": title} for item, title in found.history],
            "items": [asdict(item) for item in found.items],
            "target": found.target,
            "seconds": round(time.perf_counter() - began, 4),
        }

    @cached_property
    def _users(self) -> pl.Series:
        return self._data("users", ["user_id"])["user_id"]

    def _find_users(self, params: Params) -> dict[str, Any]:
        prefix, limit = str(params.get("prefix", "")), _count(params, "limit", 50)
        return {"users": self._users.filter(self._users.str.starts_with(prefix)).head(limit).to_list()}

    # --- the index

    @cached_property
    def _base(self) -> Lookup:
        return Lookup.load(self.run.artefact("index"), self.run.artefact("data"))

    @property
    def lookup(self) -> Lookup:
        """The index beside its catalogue, with all items that were added up to now and all that were removed."""
        held = self._grown or self._base
        if held.revision != newest_revision(self.run):
            held = self._base.grown(load_revisions(self.run))
        self._grown = held
        return held

    @cached_property
    def _nearest(self) -> Nearest:
        self._progress("loading the vectors")
        from core.index.nearest import Nearest

        there = [source for source in SOURCES if self._made(source)]
        return Nearest.load({source: self.run.artefact(source) / "vectors.npz" for source in there})

    def _number(self, lookup: Lookup, params: Params) -> int:
        """The item that is meant: an id, or a number."""
        item = params.get("item")
        if isinstance(item, int) and not isinstance(item, bool):
            if 0 <= item < lookup.n_items:
                return item
            raise DataError(f"no item has the number {item}", f"they go from 0 to {lookup.n_items - 1}")
        number = lookup.number(str(item))
        if number is None:
            near = [lookup.item_id(found) for found in lookup.search(str(item), 3)]
            hint = f"did you mean {', '.join(near)}?" if near else "index.find looks for ids and titles"
            raise DataError(f"no item {str(item)[:80]!r} in the index of this run", hint)
        return number

    def _item(self, params: Params) -> dict[str, Any]:
        """An item, and its nearest by each source that has a vector of it."""
        lookup = self.lookup
        item = self._number(lookup, params)
        codes, levels = lookup.index.codes, lookup.index.levels
        near: dict[str, list[dict[str, Any]]] = {}
        kept: dict[str, list[float]] = {}
        for source in self._nearest.sources:
            if lookup.is_added(item) or not self._nearest.known(item, source):
                continue
            rows = []
            for other, similarity in self._nearest.near(item, source, NEAREST):
                same = (codes[other] == codes[item]).cumprod().sum()
                rows.append({**_row(lookup, other), "similarity": similarity, "shared": int(same)})
            near[source] = rows
            depths = range(1, levels + 1)
            kept[source] = [round(sum(row["shared"] >= d for row in rows) / max(len(rows), 1), 4) for d in depths]
        return {**lookup.about(item), "near": near, "kept": kept}

    def _branch(self, params: Params) -> dict[str, Any]:
        """A branch, the branches below it, and a page of its items."""
        lookup = self.lookup
        table = lookup.branches
        prefix = [int(code) for code in params.get("prefix") or []]
        offset, limit = max(int(params.get("offset") or 0), 0), _count(params, "limit", 50)
        branch = table.find(prefix)
        if branch < 0:
            told = "".join(token(level, code) for level, code in enumerate(prefix[: table.levels])) or "nothing"
            raise DataError(f"no branch {told} in the index of this run", "its items have other codes")
        depth, (added, removed) = len(prefix), lookup.changes(branch)
        children = [
            {
                "branch": row, "code": int(table.code[row]), "token": token(depth, int(table.code[row])),
                "items": int(table.size[row]), "rows": int(table.rows[row]), "words": table.words(row),
            }
            for row in table.children(branch)
        ]  # fmt: skip
        return {
            "branch": branch, "prefix": prefix, "depth": depth, "words": table.words(branch),
            "count": int(table.size[branch]), "rows": int(table.rows[branch]), "added": added, "removed": removed,
            "children": children, "offset": offset,
            "items": [_row(lookup, int(item)) for item in table.items(branch, offset, limit)],
        }  # fmt: skip

    def _find(self, params: Params) -> dict[str, Any]:
        text, limit = str(params.get("text", "")), _count(params, "limit", 50)
        lookup = self.lookup
        return {"items": [_row(lookup, item) for item in lookup.search(text, limit)]}

    def _siblings(self, params: Params) -> dict[str, Any]:
        """The items that share the longest prefix that this one shares with any other."""
        offset, limit = max(int(params.get("offset") or 0), 0), _count(params, "limit", 50)
        lookup = self.lookup
        count, items = lookup.siblings(self._number(lookup, params), limit, offset)
        return {"count": count, "offset": offset, "items": [_row(lookup, item) for item in items]}


def _row(lookup: Lookup, item: int) -> dict[str, Any]:
    """An item in a list."""
    return {
        "number": item, "item_id": lookup.item_id(item), "title": lookup.title(item), "code": lookup.index.text(item),
        "added": lookup.is_added(item), "removed": lookup.is_removed(item),
    }  # fmt: skip


def _count(params: Params, name: str, default: int) -> int:
    """A number of rows that somebody asked for."""
    return min(max(int(params.get(name, default)), 0), MOST)
