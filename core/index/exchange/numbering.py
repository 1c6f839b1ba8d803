"""Whose items are these? LC-Rec's files name items by numbers, whose meaning stands in other files beside them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from core.errors import DataError


def names_of_keys(path: Path, keys: Collection[str], item_ids: Collection[str]) -> dict[str, str]:
    """The item id behind each key of a file of codes.

    The keys are item ids themselves, or numbers that a file beside them explains: `NAME.item2id` (lines of id, tab,
    number), a JSON map of ids to numbers or of numbers to ids (alone, or below `item2id` in a larger one), or
    `NAME.item.json` where its items carry ids of ours. The explanation that names most of our items is taken; the keys
    themselves, where it is no better.

    Args:
        path: the file of codes.
        keys: its keys.
        item_ids: ours.

    Returns:
        For each key an item id; keys that nothing explains stand for themselves.

    Raises:
        DataError: none of the keys leads to an item of ours.
    """
    ours = set(item_ids)
    best: dict[str, str] = {key: key for key in keys}
    most = len(ours & best.keys())
    for file in _beside(path):
        for explained in _maps(file, ours):
            names = {key: explained.get(key, key) for key in keys}
            named = len(ours & set(names.values()))
            if named > most:
                best, most = names, named
    if not most and ours:
        raise DataError(
            f"{path}: none of its {len(best):,} items is in the catalogue; its keys look like {_some(best)}, "
            f"ours like {_some(item_ids)}",
            "put the file that numbers its items (NAME.item2id, or a JSON map) beside it",
        )
    return best


def _some(names: Collection[str]) -> str:
    return ", ".join(repr(str(name)[:40]) for _, name in zip(range(3), names, strict=False))


def _beside(path: Path) -> Iterator[Path]:
    """Files that may explain the numbers, the likeliest first."""
    base = path.name.split(".")[0]
    names = (f"{base}.item2id", f"{base}.item2id.json", f"{base}.id2item.json", "item2id", "item2id.json",
             "id2item.json", "item2id.txt", "datamaps.json", f"{base}.datamaps.json", f"{base}.item.json")  # fmt: skip
    for name in names:
        if (file := path.parent / name).is_file():
            yield file


def _maps(file: Path, ours: Collection[str]) -> Iterator[Mapping[str, str]]:
    """The maps from number to item id that a file holds."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
        if not text.lstrip().startswith("{"):
            pairs = [line.rstrip("\r").split("\t") for line in text.split("\n")]
            yield {pair[1].strip(): pair[0].strip() for pair in pairs if len(pair) == 2}
            return
        content: Any = json.loads(text)
    except (OSError, ValueError, RecursionError):
        return  # it explains nothing, then
    for part in (content, content.get("item2id"), content.get("id2item")):
        if not isinstance(part, dict):
            continue
        plain = {key: str(value) for key, value in part.items() if isinstance(value, str | int)}
        yield plain
        yield {value: key for key, value in plain.items()}
    fields = {name for item in content.values() if isinstance(item, dict) for name in item}
    for name in sorted(fields):
        ids = {key: str(item[name]) for key, item in content.items() if isinstance(item, dict) and name in item}
        if any(value in ours for value in ids.values()):
            yield ids
