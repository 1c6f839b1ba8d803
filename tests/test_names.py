"""One name, one thing: no public class and no file stem of the tree stands for two."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.imports import ROOT, modules

ROLES = frozenset({"__init__", "__main__", "stage", "screen", "lines", "style"})
"""Stems that say what a file is in its folder."""
SAME_THING = {
    "contrast": "InfoNCE, as a loss of the tuning and as an alignment of vectors",
    "contrastive": "learning by InfoNCE, of the decoder's states and of text vectors",
    "file": "a provider that reads a file, one of each kind",
    "sasrec": "SASRec as vectors and as a baseline",
}
"""Stems of plug-ins that are one thing under several kinds."""


def test_no_public_class_stands_twice() -> None:
    places = defaultdict(list)
    for top in ("core", "eagertui"):
        for module, file in modules(top).items():
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(module)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_file_stem_stands_twice() -> None:
    places = defaultdict(list)
    for top in ("core", "eagertui"):
        for module, file in modules(top).items():
            verb = module.startswith("eagertui.cli.verbs.")  # named by what a person types
            if not verb and file.stem not in ROLES and file.stem not in SAME_THING:
                places[file.stem].append(str(file.relative_to(ROOT)))
    assert {stem: found for stem, found in places.items() if len(found) > 1} == {}


def test_what_is_called_the_same_is_there() -> None:
    stems = [file.stem for file in modules("core").values()]
    assert all(stems.count(stem) > 1 for stem in SAME_THING), "an exception that nothing needs any more"


def test_nothing_names_what_is_not_in_the_repository() -> None:
    files = [*Path(ROOT / "assets").rglob("*.md"), *Path(ROOT / "assets").rglob("*.toml"), ROOT / "README.md"]
    files += [file for top in ("core", "eagertui") for file in modules(top).values()]
    assert [str(file) for file in files if "dossier" in file.read_text(encoding="utf-8")] == []


def test_what_is_imported_is_there() -> None:
    """Inside functions and in benchmarks too, which few runs reach."""
    files = {name: file for top in ("core", "eagertui", "tests") for name, file in modules(top).items()}
    names = {module: set(_names(file)) for module, file in files.items()}
    missing = [
        f"{module}:{node.lineno}: {node.module}.{alias.name}"
        for module, file in files.items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("core", "eagertui", "tests")
        for alias in node.names
        if alias.name not in names.get(str(node.module), ()) and f"{node.module}.{alias.name}" not in files
        and not (ROOT / str(node.module).replace(".", "/") / alias.name).is_dir()
    ]  # fmt: skip
    assert missing == []


def _names(file: Path) -> Iterator[str]:
    """What a module declares, assigns or imports, in any block."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
