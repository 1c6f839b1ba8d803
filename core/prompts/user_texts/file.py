"""Texts about users from the file `NAME.user.json` that LC-Rec released (arXiv 2311.09049, code and data).

    {"user_explicit_preference": {USER: [overall, long-term, short-term]},
     "user_vague_intention": {"train": {USER: {"item": ..., "inters": ..., "querys": [about the user, about the item]}},
                              "test": ...}}

Only `train` is read: the intentions of `test` tell of the item that the test asks for. A user is named by our id, or by
a number that `NAME.user2id` beside the file explains.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.data.dataset import Dataset
from core.errors import DataError, ProjectError
from core.prompts.texts import UserTexts

PREFERENCES, INTENTIONS = "user_explicit_preference", "user_vague_intention"
LONGEST = 4000
"""Characters of a text at most."""
SHAPE = f'LC-Rec\'s file has "{PREFERENCES}" and "{INTENTIONS}", each by user'


def file_texts(path: Path, dataset: Dataset, users: Collection[int]) -> UserTexts:
    """Read the texts of our users.

    Args:
        path: the file.
        dataset: logs and catalogue.
        users: whose texts are wanted.

    Returns:
        The texts; the notes say how many were read and how many rows were refused, with the first of each reason.

    Raises:
        ProjectError: there is no such file.
        DataError: it is no JSON, not of this shape, or has no text about any user of ours.
    """
    tree = _read(path)
    numbers = {str(user): number for number, user in enumerate(dataset.users.to_list())}
    preferences, intentions = tree.get(PREFERENCES, {}), tree.get(INTENTIONS, {})
    if isinstance(intentions, dict) and isinstance(intentions.get("train"), dict):
        intentions = intentions["train"]
    if not isinstance(preferences, dict) or not isinstance(intentions, dict) or not (preferences or intentions):
        raise DataError(f"{path}: no file of user texts", SHAPE)
    names = _names(path, {*preferences, *intentions}, numbers)
    refused: dict[str, list[str]] = {}
    wanted = set(users)

    def read(part: Mapping[str, Any], clean: Any) -> list[tuple[str, ...]]:
        by_user: list[tuple[str, ...]] = [()] * dataset.n_users
        for key, value in part.items():
            number = names.get(key)
            if number is None:
                refused.setdefault("unknown user", []).append(key)
                continue
            texts = clean(number, value)
            if isinstance(texts, str):  # why there are none
                refused.setdefault(texts, []).append(key)
            elif number in wanted:
                by_user[number] = texts
        return by_user

    train, ids = dataset.train(), dataset.items["item_id"].to_list()
    ours = set(ids)

    def preference(number: int, value: Any) -> tuple[str, ...] | str:
        return _texts(value)

    def intention(number: int, value: Any) -> tuple[str, ...] | str:
        if isinstance(value, dict):
            items = train[number]
            named = str(value["item"]) if isinstance(value.get("item"), str | int) else ""
            if named in ours and (not len(items) or ids[int(items[-1])] != named):
                return "its item is not the user's last training item"
            value = value.get("querys", value.get("queries"))
        return _texts(value)

    result = UserTexts(tuple(read(intentions, intention)), tuple(read(preferences, preference)), "file")
    notes = [_summary(path, result), *(_note(path, reason, keys) for reason, keys in refused.items())]
    if not result.written and wanted:
        raise DataError(f"{path}: no text about any user of the data; " + "; ".join(notes[1:]), SHAPE)
    return replace(result, notes=tuple(notes))


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"texts.users: {path}: cannot be read ({error.strerror})", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}", SHAPE) from error
    if not isinstance(tree, dict):
        raise DataError(f"{path}: no JSON object", SHAPE)
    return tree


def _names(path: Path, keys: Collection[str], numbers: Mapping[str, int]) -> dict[str, int]:
    """Our user number behind each key: by the key itself, or by what a file beside says of it."""
    best = {key: numbers[key] for key in keys if key in numbers}
    beside = path.parent / f"{path.name.split('.')[0]}.user2id"
    if beside.is_file():
        lines = beside.read_text(encoding="utf-8", errors="replace").splitlines()
        pairs = [line.split("\t") for line in lines]
        ids = {pair[1].strip(): pair[0].strip() for pair in pairs if len(pair) == 2}
        explained = {key: numbers[ids[key]] for key in keys if ids.get(key) in numbers}
        best = max(best, explained, key=len)
    return best


def _texts(value: Any) -> tuple[str, ...] | str:
    """The texts of a row, or why there are none."""
    some = [value] if isinstance(value, str) else value
    if not isinstance(some, list) or not all(isinstance(one, str) for one in some):
        return "no list of texts"
    lines = [" ".join(one.split())[:LONGEST].strip() for one in some]
    kept = tuple(dict.fromkeys(line for line in lines if line.strip(" .")))
    return kept or "no text"


def _summary(path: Path, result: UserTexts) -> str:
    counts = [Counter(bool(texts) for texts in some)[True] for some in (result.intents, result.preferences)]
    return f"{path.name}: intents of {counts[0]:,} users, preferences of {counts[1]:,}"


def _note(path: Path, reason: str, keys: list[str]) -> str:
    return f"{path}: {len(keys):,} rows refused: {reason}, first user {keys[0][:60]!r}"
