"""Every verb, one file each: whoever adds one adds a module here that declares `VERB`. Importing them is cheap."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path

from eagertui.cli.verb import Verb


@cache
def all_verbs() -> dict[str, Verb]:
    """The verbs by their names, in the order in which help lists them."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    verbs: list[Verb] = [import_module(f"{__name__}.{stem}").VERB for stem in stems]
    return {verb.name: verb for verb in sorted(verbs, key=lambda verb: (verb.order, verb.name))}


def place_of(name: str) -> str:
    """The place at which a verb opens the app; empty where there is none."""
    verb = all_verbs().get(name)
    return verb.place if verb else ""
