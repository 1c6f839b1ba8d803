"""Circles and upward imports between the rooms of `core`, imports inside functions and under TYPE_CHECKING included.

    python -m tests.imports

The order of the rooms is that of the layers contract in pyproject.toml, the lowest last. Prints every upward import and
every circle, then how many there are; the exit code is 1 where there is one.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import tomli

ROOT = Path(__file__).resolve().parents[1]


def modules(top: str, root: Path = ROOT) -> dict[str, Path]:
    """Every module below a package, by its dotted name."""
    files = [file for file in sorted((root / top).rglob("*.py")) if "_assets" not in file.parts]
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(file: Path, known: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """What a file imports of the known modules, wherever in it, and on which line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name and name not in known:
                name = name.rpartition(".")[0]
            if name:
                yield name, node.lineno


def layers() -> list[tuple[str, ...]]:
    """The rooms in the order of the contract, the lowest first; rooms of one layer stand side by side."""
    contracts = tomli.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    found = next(one["layers"] for one in contracts if one["type"] == "layers" and "core.errors" in str(one["layers"]))
    return [tuple(part.strip(" ()") for part in layer.replace(":", "|").split("|")) for layer in reversed(found)]


def room(module: str, rooms: dict[str, int]) -> str:
    """The room that a module lies in; empty where the contract names none."""
    while module and module not in rooms:
        module = module.rpartition(".")[0]
    return module


def arrows(root: Path = ROOT) -> dict[tuple[str, str], list[str]]:
    """Imports between rooms: (from, to) -> places as file:line."""
    known, found = modules("core", root), defaultdict(list)
    rooms = {name: height for height, layer in enumerate(layers()) for name in layer}
    for module, file in known.items():
        own = room(module, rooms)
        for name, line in imported(file, known):
            other = room(name, rooms)
            if own != other and own and other:
                found[own, other].append(f"{file.relative_to(root)}:{line}")
    return dict(found)


def upward(found: dict[tuple[str, str], list[str]]) -> dict[tuple[str, str], list[str]]:
    """Those imports that climb, or go from side to side where the contract wants the rooms apart."""
    height = {name: place for place, layer in enumerate(layers()) for name in layer}
    return {pair: places for pair, places in found.items() if height[pair[1]] > height[pair[0]]}


def circles(found: dict[tuple[str, str], list[str]]) -> list[tuple[str, ...]]:
    """Groups of rooms that reach each other."""
    nexts: dict[str, set[str]] = defaultdict(set)
    for one, other in found:
        nexts[one].add(other)

    def reach(start: str) -> set[str]:
        seen, todo = set(), [start]
        while todo:
            for name in nexts[todo.pop()] - seen:
                seen.add(name)
                todo.append(name)
        return seen

    reached = {name: reach(name) for name in list(nexts)}
    groups = {tuple(sorted(b for b in reached[a] if a in reached.get(b, ()))) for a in reached if a in reached[a]}
    return sorted(groups)


def unplaced() -> list[str]:
    """Modules that no layer of the contract holds."""
    rooms = {name: 0 for layer in layers() for name in layer}
    return [name for name in modules("core") if not room(name, rooms) and name not in ("core", "core.__main__")]


def main() -> int:
    """Print what is wrong, and the two counts."""
    found = arrows()
    climbing, round_ways, lost = upward(found), circles(found), unplaced()
    for (one, other), places in sorted(climbing.items()):
        print(f"upward  {one} -> {other}   {', '.join(places)}")
    for group in round_ways:
        print(f"circle  {' '.join(group)}")
    for name in lost:
        print(f"in no layer  {name}")
    print(f"{len(round_ways)} circles, {len(climbing)} upward imports between {len(set(sum(found, ())))} rooms of core")
    return 1 if climbing or round_ways or lost else 0


if __name__ == "__main__":
    sys.exit(main())
