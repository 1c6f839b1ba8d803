"""What can become of a file on a person's disk."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

NOISE = random.Random("noise").randbytes(3_000)
ODD: tuple[object, ...] = (
    None, True, "x", "", -1, 0, 1e300, -1e300, float("nan"), float("inf"), [], {}, [[["x"]]], {"x": None}, 10**30,
    10**400, "9" * 9_000, "NaN", "2026-06-17",
)  # fmt: skip
"""What stands where something else should."""
Damage = Callable[[Path], None]


def holding(content: bytes) -> Damage:
    """Something else stands in the file."""
    return lambda path: _put(path, content)


def half(path: Path) -> None:
    """The disk was full, or the machine lost its power."""
    whole = path.read_bytes()
    _put(path, whole[: len(whole) // 2])


def noisy(path: Path) -> None:
    """A part of the middle is another file's."""
    whole = path.read_bytes()
    third = len(whole) // 3
    _put(path, whole[:third] + NOISE[:third] + whole[2 * third :])


def gone(path: Path) -> None:
    """Somebody deleted it."""
    path.unlink()


def folder(path: Path) -> None:
    """A folder stands in its place."""
    path.unlink()
    path.mkdir()


def unreadable(path: Path) -> None:
    """Nobody may read it; a loop of links stops even an administrator."""
    path.unlink()
    path.symlink_to(path.name)


def forbidden(path: Path) -> None:
    """Its owner took the right to read it away."""
    path.chmod(0)


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


ANY: dict[str, Damage] = {
    "empty": holding(b""),
    "half": half,
    "noise": holding(NOISE),
    "noisy": noisy,
    "zeros": holding(bytes(4_096)),
    "gone": gone,
    "folder": folder,
    "unreadable": unreadable,
    "forbidden": forbidden,
}
"""What can become of any file."""


def spoiled(value: object, luck: random.Random, share: float = 0.3) -> object:
    """A JSON value of which a part is something else, or missing."""
    if luck.random() < share:
        return luck.choice(ODD)
    if isinstance(value, dict):
        return {key: spoiled(one, luck, share) for key, one in value.items() if luck.random() > share / 3}
    return [spoiled(one, luck, share) for one in value] if isinstance(value, list) else value


def mistyped(seed: int, share: float = 0.3) -> Damage:
    """A JSON object whose fields are of other types; a line of JSON lines after the other."""

    def hurt(path: Path) -> None:
        luck = random.Random(f"{path.name} {seed}")
        rows = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        told = [{k: spoiled(v, luck, share) for k, v in json.loads(row).items()} for row in rows]
        _put(path, "".join(json.dumps(one) + "\n" for one in told).encode())

    return hurt


OTHER = {
    name: holding(text.encode())
    for name, text in {
        "null": "null", "list": "[1, {}]", "number": "7", "text": '"x"', "nothing": "{}", "deep": "[" * 100_000,
        "endless": "1" * 9_000, "not a number": "NaN", "twice": "{}{}",
    }.items()
}  # fmt: skip
"""JSON that is something else."""
JSON = {**ANY, **OTHER, **{f"mistyped {seed}": mistyped(seed) for seed in range(4)}, "all": mistyped(9, 1.0)}
"""What can become of a JSON file."""


def remove(path: Path) -> None:
    """Take it away, whatever it has become."""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def readable_by_force() -> bool:
    """Whether rights mean nothing to this process."""
    return os.geteuid() == 0
