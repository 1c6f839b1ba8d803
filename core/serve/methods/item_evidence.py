"""Why an item stands in a list or is missing from it, and what would change that."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from core.errors import DataError
from core.recommend.evidence.faithfulness_figure import NOT_MEASURED, load_faithfulness
from core.recommend.evidence.record import json_values
from core.recommend.evidence.sentences import beam_sentence
from core.serve.methods import user_lists
from core.serve.methods.params import ids_of, length_of
from core.serve.request import Request
from core.serve.served_run import ServedRun

if TYPE_CHECKING:
    from core.recommend.evidence.explain import Question

MOST_KEPT = 200
"""Prefixes of a level that an answer tells at most."""


def explain(run: ServedRun, request: Request) -> dict[str, Any]:
    """The evidence for `item` (an id; the list's first where not given).

    Args:
        run: needs its model.
        request: and those of `recommend`, for the list that is meant.

    Returns:
        The fields of `recommend`, and `evidence` (the fields of `core.recommend.evidence.record.Evidence`);
        `sentences`: the same in words; `writer`: who said it, `template` or `local`, and `refused`: what a local
        writer's text held that the evidence does not, empty where it was shown or none was asked; `held_out`: how the
        held-out item fared in the search (the fields of `BeamTrace`, and a `sentence`), null to date; `faithfulness`:
        the figure of the deletion test, null where it was not measured, and `faith`: that in words. `seconds` of all.
    """
    began = time.perf_counter()
    answer = user_lists.recommend(run, request)
    request.check()
    explainer = run.recommender.explainer
    question, target = question_of(run, request)
    item = request.get("item")
    evidence = explainer.explain(question, None if item is None else run.recommender.number(str(item)))
    text = explainer.writer.written(evidence)
    measured = load_faithfulness(run.folder)
    held_out = None
    if target is not None and target in run.recommender.listed:
        trace = explainer.traces(question, [target])[0]
        held_out = {**json_values(trace), "sentence": beam_sentence(trace)}
    return {
        **answer,
        "evidence": evidence.to_json(),
        "sentences": list(text.sentences),
        "writer": text.writer,
        "refused": text.refused,
        "held_out": held_out,
        "faithfulness": measured and measured.to_json(),
        "faith": measured.sentence() if measured else NOT_MEASURED,
        "seconds": round(time.perf_counter() - began, 4),
    }


def smallest_change(run: ServedRun, request: Request) -> dict[str, Any]:
    """Few edits of the history that bring `item` (an id) into its list or out of it; can be cancelled between steps.

    Args:
        run: needs its model.
        request: and those of `recommend`.

    Returns:
        The fields of `core.recommend.evidence.smallest_change.SmallestChange`, `sentence`, `seconds`.
    """
    from core.recommend.evidence.smallest_change import smallest_change as find

    began = time.perf_counter()
    question, _ = question_of(run, request)
    if request.get("item") is None:
        raise DataError("which item?", "give its id as item")
    recommender = run.recommender
    found = find(recommender.explainer, question, recommender.number(str(request["item"])), request.check)
    return {**found.to_json(), "seconds": round(time.perf_counter() - began, 4)}


def beam(run: ServedRun, request: Request) -> dict[str, Any]:
    """What the generator's search kept at every level, and how `items` (ids) fared; as tested the held-out one too.

    Args:
        run: needs its model.
        request: and those of `recommend`; `limit`: prefixes of a level, `MOST_KEPT` at most.

    Returns:
        `levels`: of each the number of prefixes it `kept`, and the likeliest of them as `prefixes` (the fields of
        `core.recommend.evidence.record.Prefix`); `items`: the fields of `BeamTrace`, its `code` and a `sentence`.
    """
    recommender = run.recommender
    question, target = question_of(run, request)
    limit = min(max(int(request.get("limit", MOST_KEPT)), 0), MOST_KEPT)
    items = [recommender.number(one) for one in ids_of(request, "items") or ()]
    if target is not None and target in recommender.listed:
        items.append(target)
    kept, traces = recommender.explainer.beam(question, items)
    return {
        "levels": [{"kept": len(some), "prefixes": json_values(some[:limit])} for some in kept],
        "items": [
            {**json_values(one), "code": recommender.checkpoint.index.text(item), "sentence": beam_sentence(one)}
            for one, item in zip(traces, items, strict=True)
        ],
    }


def question_of(run: ServedRun, request: Request) -> tuple[Question, int | None]:
    """The list that is meant, in the parameters of `recommend`."""
    hide_seen, recommender = request.get("hide_seen"), run.recommender
    allow, deny = ids_of(request, "allow"), ids_of(request, "deny") or []
    allowed = recommender.allowed(str(request.get("only") or ""), allow, deny)
    return recommender.explainer.question(
        request.get("user"), ids_of(request, "history"), length_of(request),
        None if hide_seen is None else bool(hide_seen), allowed, bool(request.get("as_tested")),
    )  # fmt: skip
