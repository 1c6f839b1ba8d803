"""What the serving process can be asked: one table, a function for each method.

A method takes the run and the request, which is the mapping of its own parameters, and returns the fields of the
result; all are JSON values. A new one is a function in a module of its subject, and a row here; one that takes long
calls `request.check()` now and then, so that it can be cancelled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.serve.methods import baseline_lists, index_lookup, item_evidence, service, user_lists
from core.serve.methods.params import Params
from core.serve.request import Request
from core.serve.served_run import ServedRun

Method = Callable[[ServedRun, Request], dict[str, Any]]

METHODS: dict[str, Method] = {
    "recommend": user_lists.recommend,
    "steer": user_lists.steer,
    "baseline_list": baseline_lists.baseline_list,
    "user": user_lists.user,
    "users": user_lists.users,
    "explain": item_evidence.explain,
    "smallest_change": item_evidence.smallest_change,
    "beam": item_evidence.beam,
    "search_items": index_lookup.search_items,
    "item": index_lookup.item,
    "branch": index_lookup.branch,
    "neighbors": index_lookup.neighbors,
    "warm": service.warm,
    "cancel": service.cancel,
    "stats": service.stats,
}
LOOKUPS = frozenset({"user", "users", "search_items", "item", "branch", "neighbors"})
"""Methods that need no model: they do not wait for those that do."""


def answer(run: ServedRun, method: object, params: Params) -> dict[str, Any]:
    """Answer a question that nobody cancels.

    Raises:
        EagerError: why not.
        ValueError: there is no such method, or a parameter is no number.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"no method {method!r}")
    return METHODS[method](run, params if isinstance(params, Request) else Request(method, params))
