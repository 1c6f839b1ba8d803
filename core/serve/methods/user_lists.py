"""Users, and the lists that the model makes for them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from core.serve.methods.params import Params, limit_of
from core.serve.served_run import ServedRun


def recommend(run: ServedRun, params: Params) -> dict[str, Any]:
    """The best next items for `user`, or after `history` (item ids, oldest first).

    Args:
        run: needs its model.
        params: `user` or `history`; `k`: length of the list; `hide_seen`: leave the history's items out.

    Returns:
        `user`, `history` (`item_id`, `title`), `items` (the fields of `core.recommend.recommender.Ranked`), `target`:
        the held-out item, `seconds`.
    """
    recommender = run.recommender
    began = time.perf_counter()
    history, k = params.get("history"), params.get("k")
    answer = recommender.recommend(
        params.get("user"), [str(item) for item in history] if history is not None else None,
        int(k) if k else None, bool(params.get("hide_seen")),
    )  # fmt: skip
    return {
        "user": answer.user,
        "history": [{"item_id": item, "title": title} for item, title in answer.history],
        "items": [asdict(item) for item in answer.items],
        "target": answer.target,
        "seconds": round(time.perf_counter() - began, 4),
    }


def users(run: ServedRun, params: Params) -> dict[str, Any]:
    """Ids of users, in the order of the logs: at most `limit` that start with `prefix`."""
    prefix = str(params.get("prefix", ""))
    return {"users": run.users.filter(run.users.str.starts_with(prefix)).head(limit_of(params)).to_list()}
