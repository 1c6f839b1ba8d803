"""Plug-ins by name: those of a folder, and those that other packages bring by entry points."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import ProjectError
from core.registry import Origin, Registry

BASE = '''
class Shape:
    """What a shape is."""
    version = 1
    options = None
'''
ROUND = '''"""Round all over."""
from shapes_{n}._base import Shape

class Round(Shape):
    """A class line."""
'''
FLAT = '''"""Flat as a plate.

More of it.
"""
from shapes_{n}._base import Shape

class Flat(Shape):
    version = 2
'''
FOREIGN = '''
from shapes_{n}._base import Shape

class Cube(Shape):
    """Six faces."""
    version = 3

class Stranger: ...
'''


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Registry[Any]:
    """A kind of plug-in with two built-in ones, and a package beside it that brings more."""
    n = abs(hash(request.node.name))
    folder = tmp_path / f"shapes_{n}"
    folder.mkdir()
    files = {"__init__": "", "_base": BASE, "round": ROUND, "quite_flat": FLAT}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text.replace("{n}", str(n)))
    (tmp_path / f"foreign_{n}.py").write_text(FOREIGN.replace("{n}", str(n)))
    points = {"cube": f"foreign_{n}:Cube", "stranger": f"foreign_{n}:Stranger", "gone": "no_such_module:X",
              "round": f"foreign_{n}:Cube"}  # fmt: skip
    info = tmp_path / f"foreign_{n}-4.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: foreign-{n}\nVersion: 4.5\n")
    lines = [f"{name} = {place}" for name, place in points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[test.shapes.{n}]", *lines]) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    folder_name, group, base = f"shapes_{n}", f"test.shapes.{n}", f"shapes_{n}._base:Shape"
    return Registry("shape", folder_name, group, "draw.shape", base, first=("round",), prefixes=("gone:",))


def test_names_come_from_files_and_entry_points(shapes: Registry[Any]) -> None:
    assert shapes.all_names == ("round", "cube", "gone", "quite-flat", "stranger")
    assert shapes.names == ("round", "cube", "quite-flat", "stranger")
    assert not any(name.startswith(("foreign_", "no_such")) for name in sys.modules), "listing loads nothing"
    assert shapes.doc("quite-flat") == "Flat as a plate." and shapes.doc("round") == "Round all over."


def test_an_argument_behind_a_colon_is_no_part_of_the_name(shapes: Registry[Any]) -> None:
    assert shapes.has("gone:some/where") and not shapes.has("cube:some/where")
    assert shapes.name_of("gone:some:where") == "gone"


def test_a_built_in_plug_in_is_never_replaced(shapes: Registry[Any]) -> None:
    assert shapes.get("round").__name__ == "Round"
    assert shapes.origin("round") is None
    assert shapes.fingerprint("round") == {}, "what was made before there were plug-ins keeps its fingerprint"
    assert shapes.fingerprint("quite-flat") == {"shape quite-flat": {"version": 2}}


def test_a_foreign_one_says_where_it_comes_from(shapes: Registry[Any]) -> None:
    found = shapes.get("cube")
    assert found.__name__ == "Cube" and shapes.doc("cube") == "Six faces."
    origin = shapes.origin("cube")
    assert isinstance(origin, Origin) and origin.package.startswith("foreign-") and origin.version == "4.5"
    marks = shapes.fingerprint("cube")["shape cube"]
    assert marks == {"version": 3, "package": origin.package, "package_version": "4.5"}


@pytest.mark.parametrize(
    ("name", "words"),
    [("stranger", "is no shape"), ("gone", "cannot be loaded"), ("sphere", 'there is no shape "sphere"')],
)
def test_what_cannot_be_used_is_named(shapes: Registry[Any], name: str, words: str) -> None:
    with pytest.raises(ProjectError, match=words) as error:
        shapes.get(name)
    assert error.value.exit_code == 2 and "draw.shape" in str(error.value) and name in str(error.value)


def test_a_file_declares_one(shapes: Registry[Any], tmp_path: Path) -> None:
    file = next(tmp_path.glob("shapes_*/round.py"))
    file.write_text(file.read_text() + "\nclass Second(Shape): ...\n")
    with pytest.raises(TypeError, match="exactly one"):
        shapes.get("round")
