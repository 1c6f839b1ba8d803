"""What a baseline of the run would list after the same history, to stand beside the model's own list."""

from __future__ import annotations

import time
from typing import Any

from core.errors import DataError
from core.serve.methods.item_evidence import question_of
from core.serve.request import Request
from core.serve.served_run import ServedRun


def baseline_list(run: ServedRun, request: Request) -> dict[str, Any]:
    """The list of a baseline for the same user, history and restrictions.

    Args:
        run: needs its model.
        request: and those of `recommend`; `baseline`: its name, the first of the run where not given.

    Returns:
        `baseline`, `baselines`: all that the run has; `items`: `rank`, `item_id`, `title`, `seen`; `target`; `seconds`.
    """
    began = time.perf_counter()
    recommender, explainer = run.recommender, run.recommender.explainer
    question, target = question_of(run, request)
    names = explainer.baselines.names[::-1]  # the strongest stands last in the settings
    name = str(request.get("baseline") or (names[0] if names else ""))
    if name not in names:
        raise DataError(f"no baseline {name[:80]!r} in this run", f"it has {', '.join(names) or 'none'}")
    seen = set(question.history)
    items = []
    listed = explainer.baselines.best(name, question.history, question.hide_seen, question.allowed, question.k)
    for rank, item in enumerate(listed, 1):
        item_id, title = recommender.named(item)
        items.append({"rank": rank, "item_id": item_id, "title": title, "seen": item in seen})
    target_id = None if target is None else recommender.named(target)[0]
    seconds = round(time.perf_counter() - began, 4)
    return {"baseline": name, "baselines": names, "items": items, "target": target_id, "seconds": seconds}
