"""Ids that a person writes: whether they are known, and what to say where they are not."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from itertools import islice
from pathlib import Path

import polars as pl

from core.errors import DataError

COMPARED = 200_000
"""Among more ids than that no similar one is looked for."""


def unknown_id(name: str, known: Collection[str], kind: str) -> DataError:
    """The error for an id that nobody has: names those that are written alike, else what ids look like.

    Args:
        name: as somebody wrote it.
        known: all ids.
        kind: what they are ids of, e.g. `user`.
    """
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6) if len(known) <= COMPARED else []
    hint = f"did you mean {', '.join(near)}?" if near else f"ids look like {', '.join(islice(known, 3))}"
    return DataError(f"no {kind} {name!r} among the {len(known):,} of this run", hint)


def check_user(data: Path, user: str) -> None:
    """Refuse an unknown user by a look at the data alone, before anything heavy is loaded.

    Args:
        data: the artefact of the stage `data`.
        user: an id.

    Raises:
        DataError: nobody has it, or the users cannot be read.
    """
    path = data / "users.parquet"
    try:
        users = pl.read_parquet(path, columns=["user_id"], glob=False)["user_id"]
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be read ({error})", "train again with --new") from error
    if not (users == user).any():
        raise unknown_id(user, users.to_list(), "user")
