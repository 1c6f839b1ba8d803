"""Users, and the lists that the model makes for them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from core.errors import DataError
from core.serve.methods.params import Params, ids_of, length_of, limit_of, wish_of
from core.serve.served_run import ServedRun

WORDS = ("more", "less", "like", "unlike", "wish")
"""Parameters whose lists no cache holds."""
UNKNOWN = 20
"""Ids that no item has which an answer names at most."""


def recommend(run: ServedRun, params: Params) -> dict[str, Any]:
    """The best next items for `user`, after `history` (item ids, oldest first), for a `wish`, or for nobody.

    Args:
        run: needs its model.
        params: `user` or `history`; `k`: length of the list; `hide_seen`: leave the history's items out (the project's
            rule where not given); `as_tested`: the user's history without the held-out item; `only`: condition of SQL
            on the item table; `allow` and `deny`: item ids; `more` and `less`: texts, what the list is to hold more and
            less of; `like` and `unlike`: the same by ids or titles of items; `wish`: words to find items by; `cached`:
            a user's list from the cache, where it has one to serve, which needs no model.

    Returns:
        `user`, `history` (`item_id`, `title`, and of a user's own the `time`, null where the log told none),
        `history_kind` ("to date", "as tested", null for a bare history), `items` (the fields of
        `core.recommend.recommendation.Ranked`, and the `words` of its branches), `target` and `target_title`: the
        held-out item, null to date; `short`: whether fewer than `k` items may be listed; `unknown`: ids of `allow` and
        `deny` that no item has, the first `UNKNOWN` of them; `source`: "model", "wish", "popularity" or "cache", then
        with its `state` and when it was `made`; `weights` of a wish's scorers; `notes`: sentences to show; `seconds`.
    """
    began = time.perf_counter()
    if params.get("cached") and params.get("user") is not None and not any(params.get(name) for name in WORDS):
        told = _from_cache(run, params)
        if told is not None:
            return {**told, "seconds": round(time.perf_counter() - began, 6)}
    recommender = run.recommender
    hide_seen = params.get("hide_seen")
    allow, deny = ids_of(params, "allow"), ids_of(params, "deny") or []
    allowed = recommender.allowed(str(params.get("only") or ""), allow, deny)
    answer = recommender.recommend(
        params.get("user"), ids_of(params, "history"), length_of(params),
        None if hide_seen is None else bool(hide_seen), allowed, bool(params.get("as_tested")),
        ids_of(params, "more") or (), ids_of(params, "less") or (), wish_of(params),
        ids_of(params, "like") or (), ids_of(params, "unlike") or (),
    )  # fmt: skip
    return {
        "user": answer.user,
        "history": _timed(run, answer.user, [{"item_id": item, "title": title} for item, title in answer.history]),
        "history_kind": answer.history_kind,
        "items": [{**asdict(item), "words": run.branch_words(item.item_id)} for item in answer.items],
        "source": answer.source,
        "weights": answer.weights,
        "notes": list(answer.notes),
        "target": answer.target,
        "target_title": recommender.named(recommender.number(answer.target))[1] if answer.target else None,
        "short": answer.short,
        "unknown": recommender.unknown([*(allow or ()), *deny])[:UNKNOWN],
        "seconds": round(time.perf_counter() - began, 4),
    }


def steer(run: ServedRun, params: Params) -> dict[str, Any]:
    """What words would do to a list, without one: `more` and `less` as for `recommend`.

    Returns:
        `method` and `strength`; `texts`: for each text its `direction` ("more", "less") and the `tags` that it names
        (`name`, `columns`, `items`: how many); `left_out`: items that the hard rule leaves out; `notes`.
    """
    more, less = (ids_of(params, name) or [] for name in ("more", "less"))
    known, steering = run.recommender.words.steerer, run.recommender.steering(more, less)
    texts = []
    for direction, some in (("more", more), ("less", less)):
        for text in some:
            tags = known.tags.inside(text)
            rows = [{"name": tag.name, "columns": list(tag.columns), "items": len(tag.items)} for tag in tags]
            texts.append({"text": text, "direction": direction, "tags": rows})
    left_out = 0 if steering.denied is None else int(steering.denied.sum())
    about = {"method": known.method, "strength": steering.strength, "left_out": left_out}
    return {**about, "texts": texts, "notes": list(steering.notes)}


def _from_cache(run: ServedRun, params: Params) -> dict[str, Any] | None:
    """The fields of `recommend` from the cache; None where it has no list to serve."""
    cache = run.cache
    if cache is None:
        return None
    asked = {"k": length_of(params), "allow": ids_of(params, "allow"), "deny": ids_of(params, "deny")}
    question = cache.question({**params, **asked})
    found = cache.get(str(params.get("user")), question)
    if not found.served:
        return None
    try:
        told = user(run, params)
    except DataError:  # the cache may know users that the data do not
        told = {"to_date": [], "as_tested": [], "target": None}
    history = told["as_tested" if question.as_tested else "to_date"]
    seen, lookup = {one["item_id"] for one in history}, run.lookup
    ids = [lookup.item_id(item) for item in found.items.tolist()]
    items = [
        {
            "rank": rank, "item_id": ids[rank - 1], "title": lookup.title(item), "score": round(score, 6),
            "seen": ids[rank - 1] in seen, "code": lookup.index.text(item), "words": run.branch_words(ids[rank - 1]),
        }
        for rank, (item, score) in enumerate(zip(found.items.tolist(), found.scores.tolist(), strict=True), 1)
    ]  # fmt: skip
    return {
        "user": found.user, "history": history, "history_kind": found.history_kind, "items": items,
        "target": told["target"] if question.as_tested else None, "short": found.short, "unknown": [],
        "source": "cache", "state": found.state, "made": found.made,
    }  # fmt: skip


def user(run: ServedRun, params: Params) -> dict[str, Any]:
    """What `user` (id) took.

    Returns:
        `user`, `to_date` and `as_tested`: items (`item_id`, `title`, `time`: null where the log told none), the oldest
        first; `target`: the held-out item of the test, null where the user is not evaluated.
    """
    user, dataset = str(params.get("user", "")), run.dataset
    places = (run.users == user).arg_true()
    if not len(places):
        near = run.users.filter(run.users.str.starts_with(user[:3])).head(3).to_list() or run.users.head(3).to_list()
        raise DataError(f"no user {user[:80]!r} among the {len(run.users):,} of this run", f"e.g. {', '.join(near)}")
    items = dataset.sequences[places[0]]
    titled = _timed(run, user, dataset.items.select("item_id", "title")[items].to_dicts())
    test = int(dataset.split.test[places[0]])  # -1 where the user is not evaluated
    return {
        "user": user,
        "to_date": titled,
        "as_tested": titled[:test] if test >= 0 else titled,
        "target": titled[test]["item_id"] if test >= 0 else None,
    }


def _timed(run: ServedRun, user: str | None, history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A user's own history with the time of each item; any other one as it is."""
    if user is None:
        return history
    return [one | {"time": time} for one, time in zip(history, run.times(user, len(history)), strict=True)]


def users(run: ServedRun, params: Params) -> dict[str, Any]:
    """Ids of users, in the order of the logs: at most `limit` that start with `prefix`."""
    prefix = str(params.get("prefix", ""))
    return {"users": run.users.filter(run.users.str.starts_with(prefix)).head(limit_of(params)).to_list()}
