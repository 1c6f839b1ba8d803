"""What the texts of a local model cost (`core.prompts.text_writer`), before any is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.cost import MB, Job, Work
from core.prompts.text_writer import BATCH, LOCAL, PURPOSES
from core.registry import TASKS

WEIGHT = 0.33e-9
"""Seconds of one thread in which a weight is read and used once, for a token of every prompt of a batch."""
START = 6.0
"""Seconds until a model is loaded."""
PROMPT = {"intent": 110.0, "preference": 250.0, "item": 110.0}
"""Tokens of a prompt, by purpose."""
PREFERENCES = 3
"""Questions about what a user likes."""


def writing_work(job: Job, tune: Mapping[str, Any]) -> Work | None:
    """All texts that a training asks for, none of them written before; None where a model is not there yet.

    Args:
        job: the run.
        tune: settings of the stage `tune`.
    """
    work = Work()
    for purpose, model, tokens in _purposes(tune):
        shape = job.decoder(model)
        if shape is None:
            return None
        texts = float(job.sizes.items if purpose == "item" else job.sizes.n_users)
        texts *= PREFERENCES if purpose == "preference" else 1
        steps = texts / BATCH * tokens
        read = job.trained(2.0 * shape.body * texts * PROMPT[purpose])
        work += read + Work(shared=steps * shape.parameters * WEIGHT, single=START)
    return work


def writing_memory(job: Job, tune: Mapping[str, Any]) -> float:
    """MB of the largest of the models, in bf16; they are gone before the training begins."""
    shapes = [job.decoder(model) for _, model, _ in _purposes(tune)]
    return max((shape.parameters * 2 * MB for shape in shapes if shape is not None), default=0.0)


def _purposes(tune: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """What a local model is asked for: purpose, model, tokens of an answer."""
    texts = tune.get("texts", {})
    tasks = {name for stage in tune["stages"] for name, weight in stage["tasks"].items() if weight}
    asked = {"items": bool(tasks - {"sequential"}), "users": any(TASKS.get(task).needs_user_texts for task in tasks)}
    return [
        (purpose, str(texts[name]).removeprefix(LOCAL), float(prompt["tokens"]))
        for name, purposes in PURPOSES.items()
        if asked[name] and str(texts.get(name, "")).startswith(LOCAL)
        for purpose, prompt in zip(purposes, texts[f"{name} asked"], strict=True)
    ]
