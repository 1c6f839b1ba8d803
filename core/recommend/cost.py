"""What lists cost: the work of a search, for the stages that make some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.cost import Job, Work
from core.model.size import DecoderShape

BEAM, LIST = 80e-6, 1.4e-3  # seconds of bookkeeping of a beam, of a user's list


def scores_catalogue(settings: Mapping[str, Any]) -> bool:
    """Whether the model comes with a scorer of the whole catalogue."""
    return settings.get("contrast", {}).get("form") == "next" and any(one["contrast"] for one in settings["stages"])


def search_work(job: Job, shape: DecoderShape, most: int, beams: int) -> Work:
    """Lists for one user."""
    beams = min(beams, job.sizes.items)
    tokens = job.sizes.history(most) * job.levels + beams * (job.levels - 1)
    return job.trained(2.0 * shape.body * tokens) + Work(shared=LIST + beams * BEAM)
