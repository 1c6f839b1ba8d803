"""What the serving process can be asked: one table, a function for each method.

A method takes the run and the request's parameters, and returns the fields of the result; all are JSON values. A new
one is a function in a module of its subject, and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.serve.methods import index_lookup, user_lists
from core.serve.methods.params import Params
from core.serve.served_run import ServedRun

Method = Callable[[ServedRun, Params], dict[str, Any]]

METHODS: dict[str, Method] = {
    "recommend": user_lists.recommend,
    "steer": user_lists.steer,
    "users": user_lists.users,
    "index.item": index_lookup.item,
    "index.branch": index_lookup.branch,
    "index.find": index_lookup.find,
    "index.siblings": index_lookup.siblings,
}


def answer(run: ServedRun, method: object, params: Params) -> dict[str, Any]:
    """Answer a question.

    Raises:
        EagerError: why not.
        ValueError: there is no such method, or a parameter is no number.
    """
    if not isinstance(method, str) or method not in METHODS:
        raise ValueError(f"no method {method!r}")
    return METHODS[method](run, params)
