"""Plug-ins are listed, named and asked for their options without what they work with: none loads a heavy library."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields, is_dataclass

import pytest

from core.registry import REGISTRIES, Registry
from tests.imports import ROOT

HEAVY = ("torch", "transformers", "faiss", "sklearn", "scipy")


@pytest.fixture(params=REGISTRIES, ids=lambda kind: kind.kind)
def kind(request: pytest.FixtureRequest) -> Registry[object]:
    found: Registry[object] = request.param
    return found


def own(kind: Registry[object]) -> list[str]:
    return [name for name in kind.all_names if kind.origin(name) is None]


def test_no_plug_in_loads_what_it_works_with(kind: Registry[object]) -> None:
    """One after the other in a fresh process, so that the message names the first that does."""
    modules = [kind.folder + "." + name.replace("-", "_") for name in own(kind)]
    code = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
    loaded = sorted({set(HEAVY)!r} & {{module.partition(".")[0] for module in sys.modules}})
    if loaded:
        sys.exit(f"{{name}} loads {{loaded}}")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert not done.returncode, done.stderr


def test_each_file_is_one_class_with_a_line_for_people(kind: Registry[object]) -> None:
    assert own(kind)
    for name in own(kind):
        one, line = kind.get(name), kind.doc(name)
        assert not inspect.isabstract(one) and int(getattr(one, "version", 0)) >= 1
        assert 20 <= len(line) <= 115 and line.endswith("."), f"{name}: {line!r}"


def test_options_are_declared_settings(kind: Registry[object]) -> None:
    """Each with a line and a default, so that help, forms and the template can show it."""
    for name in own(kind):
        options = kind.options(name)
        if options is not None:
            assert is_dataclass(options) and options() == options()
            assert all(one.metadata.get("doc") for one in fields(options)), name
