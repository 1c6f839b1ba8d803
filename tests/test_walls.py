"""The walls, seen from a fresh process: what did an import really load? The modules are those of the tree, so that none
can be forgotten. And the wheel's list of packages.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
import tomli

from tests import imports
from tests.imports import ROOT, modules

LEARNING = {"torch", "transformers", "peft", "faiss", "sklearn", "tokenizers", "scipy"}
CLI = [name for name in modules("eagertui") if name.split(".")[:2] == ["eagertui", "cli"] and "__main__" not in name]
APP = [name for name in modules("eagertui") if name not in CLI and "__main__" not in name]
ENGINE = modules("core")
USED = sorted({name for file in modules("eagertui").values() for name, _ in imports.imported(file, ENGINE)})
"""What the screens and the command line import of the engine, inside functions too."""


def loaded(code: str) -> set[str]:
    """The names of the top packages in a fresh process after some code."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


def breaches(names: list[str], forbidden: set[str]) -> list[str]:
    """Which of the modules is the first to load a package that it must not; imported one after the other."""
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module(name)
    found = {forbidden!r} & {{loaded.partition(".")[0] for loaded in sys.modules}}
    if found:
        print(name, *sorted(found))
        break
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("names", "forbidden"),
    [(CLI, LEARNING | {"textual"}), (APP, LEARNING), (USED, LEARNING | {"textual", "eagertui"})],
    ids=["command line", "application", "what they use of the engine"],
)
def test_modules_load_nothing_heavy(names, forbidden):
    assert len(names) > 8
    assert breaches(names, forbidden) == []


def test_no_circle_and_no_upward_import_between_rooms(capsys):
    assert imports.main() == 0, capsys.readouterr().out


def test_a_headless_verb_loads_no_toolkit(tmp_path):
    (tmp_path / "project.toml").write_text('[data]\ninteractions = "x.csv"\n')
    code = f"from eagertui.cli import main; assert main(['--headless', 'runs', {str(tmp_path)!r}]) == 0"
    assert not loaded(code) & (LEARNING | {"textual"})


def test_the_library_names_load_on_use():
    assert "polars" not in loaded("import core")
    assert not loaded("from core import Project") & LEARNING
    with pytest.raises(AttributeError, match="Recomender"):
        import core

        core.Recomender  # noqa: B018


def test_the_wheel_lists_every_package():
    listed = tomli.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    there = {
        ".".join(file.relative_to(ROOT).parts[:-1])
        for top in ("core", "eagertui")
        for file in (ROOT / top).rglob("*.py")
        if "_assets" not in file.parts
    }
    assert sorted(listed) == sorted(there | {"core._assets"})
