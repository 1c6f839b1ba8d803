"""What Textual keeps to itself is touched in one file, which names the release it was checked for."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest
from textual.app import App

from eagertui.textual_private import CHECKED_FOR
from tests.imports import ROOT, modules

SHIM = "eagertui.textual_private"
SCREENS = {
    name: file
    for name, file in modules("eagertui").items()
    if name != SHIM and not name.startswith("eagertui.cli") and "__main__" not in name
}
"""The command line imports nothing of Textual: another wall."""


def hidden(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def set_on_self(tree: ast.AST) -> set[str]:
    """Attributes that are set on `self`."""
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    return {node.attr for node in stored if isinstance(node.value, ast.Name) and node.value.id == "self"}


def own_names(tree: ast.AST) -> set[str]:
    """Names that a module defines itself: functions, classes, variables and attributes that it sets."""
    names = set_on_self(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def owner(node: ast.AST) -> str:
    """The name that a chain of attributes hangs on."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def uses(source: str) -> Iterator[str]:
    """Where a module imports or reads what is hidden in Textual, or alters a class of Textual."""
    tree = ast.parse(source)
    own, foreign = own_names(tree), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            if str(node.module).split(".")[0] == "textual":
                foreign |= {alias.asname or alias.name for alias in node.names}
        else:
            continue
        yield from (name for name in names if name.startswith("textual.") and any(map(hidden, name.split("."))))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and hidden(node.attr) and node.attr not in own:
            yield ast.unparse(node)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and owner(node) in foreign:
            yield f"{ast.unparse(node)} = ..."
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "setattr", "hasattr", "delattr")
            and isinstance(node.args[1], ast.Constant)
            and hidden(str(node.args[1].value))
        ):
            yield ast.unparse(node)


@cache
def names_within(cls: type) -> frozenset[str]:
    """The hidden names that a class defines in its body or sets on itself; Textual puts some more on every class."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    assert isinstance(tree.body[0], ast.ClassDef)
    written = {name for part in tree.body[0].body for name in names_of(part)}
    return frozenset(filter(hidden, written | set_on_self(tree)))


def names_of(part: ast.stmt) -> Iterator[str]:
    """The names that a statement in the body of a class gives it."""
    if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield part.name
    elif isinstance(part, ast.Assign | ast.AnnAssign):
        targets = part.targets if isinstance(part, ast.Assign) else [part.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def clashes(module: str) -> Iterator[str]:
    """Classes of a module that redefine a hidden name of the class of Textual they build on."""
    for cls in vars(importlib.import_module(module)).values():
        if isinstance(cls, type) and cls.__module__ == module:
            bases = [base for base in cls.__mro__ if base.__module__.split(".")[0] == "textual"]
            if bases:
                taken = frozenset[str]().union(*map(names_within, bases))
                yield from (f"{cls.__name__}.{name}" for name in sorted(names_within(cls) & taken))


@pytest.mark.parametrize("module", SCREENS)
def test_no_other_file_touches_what_textual_hides(module: str) -> None:
    assert list(uses(SCREENS[module].read_text())) == [], f"it belongs into {SHIM}"
    assert list(clashes(module)) == [], f"a hidden name of Textual's own; choose another, or move it to {SHIM}"


def test_the_walls_see_a_breach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breach = """
    from textual._context import active_app
    from textual.widgets import Input
    from textual.worker import Worker

    Worker.StateChanged.bubble = True

    class Line(Input):
        def _watch_value(self): ...
        def keys(self):
            self._own = self._bindings
            self._suggestion = getattr(self.app, "_driver")
            return self._own, active_app.get()._css_update_count
    """
    (tmp_path / "breach_of_the_wall.py").write_text(textwrap.dedent(breach))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert sorted(uses(textwrap.dedent(breach))) == [
        "Worker.StateChanged.bubble = ...",
        "active_app.get()._css_update_count",
        "getattr(self.app, '_driver')",
        "self._bindings",
        "textual._context.active_app",
    ]
    try:
        assert list(clashes("breach_of_the_wall")) == ["Line._suggestion", "Line._watch_value"]
    finally:
        sys.modules.pop("breach_of_the_wall", None)
    assert list(uses((ROOT / "eagertui" / "textual_private.py").read_text()))


def unchecked(installed: str) -> str:
    """What to do where a release of Textual is installed for which the shim was not checked."""
    minor = ".".join(installed.split(".")[:2])
    if minor == CHECKED_FOR:
        return ""
    return f"Textual {installed} is installed, {SHIM} was checked for {CHECKED_FOR}: look at each piece of it again"


def test_the_shim_was_checked_for_the_textual_that_is_installed() -> None:
    assert unchecked(version("textual")) == ""
    assert "checked for" in unchecked("8.3.0") and "8.3.0" in unchecked("8.3.0")
    assert unchecked("9.2.8")


async def test_a_frame_is_never_far_off() -> None:
    """Textual may let one moment for a frame pass: two of ours are one of its own."""
    app = App[None]()
    async with app.run_test():
        assert app.screen._update_timer._interval == pytest.approx(1 / 120)
