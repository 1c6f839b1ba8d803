"""The process itself: ready for the first question, what it did, and questions that nobody wants answered any more."""

from __future__ import annotations

import time
from typing import Any

from core.errors import ProjectError
from core.serve.request import Request
from core.serve.served_run import ServedRun


def warm(run: ServedRun, request: Request) -> dict[str, Any]:
    """Load what is loaded at its first use, and make one list, so that no person waits for it.

    Returns:
        `seconds`, and `loaded`: of `index`, `vectors` and `model` what the run has.
    """
    began, loaded = time.perf_counter(), []
    if "index" in run.has:
        _ = run.lookup
        loaded.append("index")
        request.check()
        if run.nearest.sources:
            loaded.append("vectors")
    request.check()
    if "model" in run.has and not run.lookup_only:
        recommender = run.recommender
        recommender.recommend(history=[recommender.items["item_id"][0]])
        loaded.append("model")
    return {"loaded": loaded, "seconds": round(time.perf_counter() - began, 4)}


def cancel(run: ServedRun, request: Request) -> dict[str, Any]:
    """Withdraw questions: the one with the `id`, or all of a `channel`; `cancelled`: how many there were."""
    raise ProjectError("only the serving process itself can cancel", "send it as a request")


def stats(run: ServedRun, request: Request) -> dict[str, Any]:
    """What the process did, as `core.serve.server_stats.ServerStats.figures` describes it."""
    raise ProjectError("only the serving process itself counts", "send it as a request")
