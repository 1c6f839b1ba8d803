"""The engine: from interaction logs to a measured generative recommender.

It knows nothing of screens. As a library: ``from core import Project, Recommender``; the names load on first use, so
that importing ``core`` costs nothing and reading a project file never loads the learning libraries.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.index.revisions.add import add_items, remove_items
    from core.project import Project
    from core.recommend.recommender import Recommender

# Before the hub's client is imported, which asks only then: it tells the hub nothing but what it downloads.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

__all__ = ["Project", "Recommender", "add_items", "remove_items"]

_HOMES = {
    "Project": "core.project",
    "Recommender": "core.recommend.recommender",
    "add_items": "core.index.revisions.add",
    "remove_items": "core.index.revisions.add",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
