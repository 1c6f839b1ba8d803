"""The walls, seen from a fresh process: what did an import really load? And the wheel's list of packages."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).resolve().parents[1]
LEARNING = ("torch", "transformers", "peft", "faiss", "sklearn", "tokenizers", "scipy")

LIGHT = [
    "core", "core.project", "core.recipes", "core.run.folder", "core.run.launch", "core.run.follow",
    "core.run.reporter", "core.run.engine", "core.data", "core.data.guess", "core.evaluate.metrics",
    "core.evaluate.compare", "eagertui.cli.output.metrics_table", "core.index.table", "core.index.shape", "core.index.branches",
    "core.index.lookup", "core.index.measure.diff", "core.index.exchange.in_out", "core.serve.process",
    "core.pipeline", "core.__main__",
]  # fmt: skip
HEADLESS = ["cli", "headless", "printer", "lists", "profile", "plain", "doctor", "completion", "starting"]


def loaded(code: str) -> set[str]:
    """The names of the top packages in a fresh process after some code."""
    code += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", LIGHT)
def test_light_rooms_load_no_learning_library(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip("this version has no such module")
    assert not loaded(f"import {module}") & {*LEARNING, "textual", "eagertui"}


@pytest.mark.parametrize("module", HEADLESS)
def test_the_headless_path_loads_no_toolkit(module):
    assert not loaded(f"import eagertui.{module}") & {*LEARNING, "textual"}


def test_a_headless_verb_loads_no_toolkit(tmp_path):
    (tmp_path / "project.toml").write_text('[data]\ninteractions = "x.csv"\n')
    code = f"from eagertui.cli.parser import main; assert main(['--headless', 'runs', {str(tmp_path)!r}]) == 0"
    assert not loaded(code) & {*LEARNING, "textual"}


def test_the_app_loads_no_learning_library():
    assert not loaded("import eagertui.app, eagertui.bridge") & set(LEARNING)


def test_the_library_names_load_on_use():
    assert "polars" not in loaded("import core")
    assert not loaded("from core import Project") & set(LEARNING)
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
