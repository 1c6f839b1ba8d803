"""assets/docs/serving.md: every method stands there, and its example of a service is a program."""

from __future__ import annotations

import ast
import re
import sys

import pytest

from core.serve.methods import METHODS
from core.serve.protocol import QUIT
from tests.imports import ROOT

TEXT = (ROOT / "assets" / "docs" / "serving.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_every_method_is_documented() -> None:
    table = TEXT[TEXT.index("## Methods") : TEXT.index("## A newer")]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted([*METHODS, QUIT])


def test_the_example_is_a_program_for_this_machine_alone() -> None:
    ast.parse(EXAMPLE)
    hosts = [
        keyword.value.value
        for node in ast.walk(ast.parse(EXAMPLE)) if isinstance(node, ast.Call)
        for keyword in node.keywords if keyword.arg == "host" and isinstance(keyword.value, ast.Constant)
    ]  # fmt: skip
    assert hosts == ["127.0.0.1"] and "no authentication" in TEXT


def test_the_example_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    monkeypatch.setattr(sys, "argv", ["service"])
    names: dict[str, object] = {"__name__": "service"}
    exec(EXAMPLE, names)
    assert any(route.path == "/recommend/{user}" for route in names["app"].routes)  # type: ignore[attr-defined]
