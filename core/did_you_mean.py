"""The word that a person most likely meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that a person most likely meant; empty where none is near."""
    words = list(candidates)
    for cut in (0.6, 0.45):
        match = difflib.get_close_matches(word.lower(), [w.lower() for w in words], n=1, cutoff=cut)
        if match:
            return next(w for w in words if w.lower() == match[0])
    return ""
