"""What a baseline of the run would list after the same history, to stand beside the model's own list."""

from __future__ import annotations

import time
from typing import Any

from core.errors import DataError
from core.serve.methods.item_evidence import question_of
from core.serve.request import Request
from core.serve.served_run import ServedRun


def baseline_list(run: ServedRun, request: Request) -> dict[str, Any]:
    """The list of the baseline `method` for the same user, history and restrictions.

    Args:
        run: needs its model.
        request: and those of `recommend`; `method`: a baseline of the run, the first where not given.

    Returns:
        `method`, `methods`: all that the run has; `items`: `rank`, `item_id`, `title`, `seen`; `target`; `seconds`.
    """
    began = time.perf_counter()
    recommender, explainer = run.recommender, run.recommender.explainer
    question, target = question_of(run, request)
    methods = explainer.baseline_names
    method = str(request.get("method") or (methods[0] if methods else ""))
    if method not in methods:
        raise DataError(f"no baseline {method!r} in this run", f"it has {', '.join(methods) or 'none'}")
    seen = set(question.history)
    items = []
    for rank, item in enumerate(explainer.baseline_list(question, method), 1):
        item_id, title = recommender.named(item)
        items.append({"rank": rank, "item_id": item_id, "title": title, "seen": item in seen})
    target_id = None if target is None else recommender.named(target)[0]
    seconds = round(time.perf_counter() - began, 4)
    return {"method": method, "methods": methods, "items": items, "target": target_id, "seconds": seconds}
