"""Where EagerTUI cannot run it says why in one sentence; as a library it lends the names of its engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import core
import eagertui
from eagertui.unfit import unfit
from tests.eagertui.cli.cli_tools import environment

RUN = "import sys; {before}; from eagertui.cli import main; sys.exit(main(['--version']))"
TAKE = "import sys; {before}; from eagertui import Project"
NO_FCNTL = "sys.modules['fcntl'] = None"


def python(code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """Some code in a fresh process, with folders before ours on the module path."""
    ours = environment()
    ours["PYTHONPATH"] = ":".join([*map(str, path), ours["PYTHONPATH"]])
    argv, folder = [sys.executable, "-c", code], next(iter(path), None)
    return subprocess.run(argv, capture_output=True, text=True, env=ours, cwd=folder, check=False)


def test_here_it_is_fit() -> None:
    assert unfit() == ""


def test_windows_gets_a_sentence() -> None:
    done = python(RUN.format(before=NO_FCNTL))
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: EagerTUI runs on Linux and macOS; on Windows install it inside WSL2")
    assert done.stderr.count("\n") == 1
    taken = python(TAKE.format(before=NO_FCNTL))
    assert taken.stderr.splitlines()[-1].startswith("ImportError: EagerTUI runs on Linux and macOS")


def test_a_foreign_core_is_named(tmp_path: Path) -> None:
    for foreign in (tmp_path / "a" / "core", tmp_path / "b" / "core.py"):
        package = foreign.suffix == ""
        (foreign if package else foreign.parent).mkdir(parents=True)
        (foreign / "__init__.py" if package else foreign).write_text("raise SystemExit('not ours')\n")
        done = python(RUN.format(before="pass"), foreign.parent)
        assert (done.returncode, done.stdout) == (3, "")
        assert f"another package called core stands before EagerTUI's own on the module path: {foreign}" in done.stderr
        assert done.stderr.count("\n") == 1
        assert "ImportError: another package called core" in python(TAKE.format(before="pass"), foreign.parent).stderr


def test_a_folder_called_core_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    assert python(RUN.format(before="pass"), tmp_path).returncode == 0


def test_the_library_names_are_those_of_the_engine() -> None:
    assert eagertui.__all__ == core.__all__ and set(core.__all__) <= set(dir(eagertui))
    assert eagertui.Project is core.Project and eagertui.Recommender is core.Recommender
    with pytest.raises(AttributeError, match="Recomender"):
        eagertui.Recomender  # noqa: B018


def test_they_load_on_use() -> None:
    code = "import sys; import eagertui; before = {*sys.modules}; from eagertui import Project; print('core' in before)"
    done = python(code + "; print({'torch', 'transformers', 'textual'} & {*sys.modules})")
    assert done.stdout.split("\n") == ["False", "set()", ""], done.stderr
