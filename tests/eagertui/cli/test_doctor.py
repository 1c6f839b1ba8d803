"""`doctor` names the plug-ins of every kind, with their packages, and those that cannot be loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.registry import REGISTRIES
from tests.eagertui.cli.cli_tools import eager, run_python

ENTRY_POINTS = """[eagertui.losses]
toy = toy_plugins:Toy
broken = no_such_module:Nothing
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a package that brings two losses, as pip would install it; one of them cannot be loaded."""
    (tmp_path / "toy_plugins.py").write_text("from core.tune.losses import Loss\n\n\nclass Toy(Loss):\n    pass\n")
    info = tmp_path / "toy_plugins-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugins\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    return tmp_path


def test_the_built_in_plug_ins_of_every_kind_are_named() -> None:
    kinds = json.loads(eager("doctor", "--json").stdout)["plug-ins"]
    assert len(kinds) == len(REGISTRIES)
    for registry, rows in zip(REGISTRIES, kinds.values(), strict=True):
        assert {row["name"] for row in rows if "package" not in row} == set(registry.all_names)
    text = eager("doctor").stdout
    assert "rq-vae" in text and "contrast" in text


def test_those_of_other_packages_are_named_with_version_and_error(installed: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(installed)!r}); from eagertui.cli import main; sys.exit(main({{}}))"
    done = run_python(code.format(["doctor", "--json"]))
    rows = {row["name"]: row for row in json.loads(done.stdout)["plug-ins"]["losses"]}
    assert rows["toy"] == {"name": "toy", "package": "toy-plugins", "version": "0.3"}
    assert "no_such_module" in rows["broken"]["error"]
    text = run_python(code.format(["doctor"])).stdout
    assert "toy (toy-plugins 0.3)" in text
    assert "broken fails: " in text and "no_such_module" in text


def test_no_learning_library_is_loaded_for_it() -> None:
    code = "from eagertui.cli import main; main(['doctor']); import sys; print(*sys.modules)"
    loaded = set(run_python(code).stdout.splitlines()[-1].split())
    assert not {"torch", "transformers", "textual", "faiss", "sklearn"} & loaded
