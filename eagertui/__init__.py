"""EagerTUI: from interaction logs to a generative LLM recommender, in the terminal.

As a library: ``from eagertui import Project, Recommender``, the names of `core`, which load on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core import Project, Recommender, add_items, remove_items

__all__ = ["Project", "Recommender", "add_items", "remove_items"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from eagertui.unfit import unfit

    if why := unfit():
        raise ImportError(why)
    return getattr(import_module("core"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
