"""Editing the project file in a person's own editor."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import EagerError
from eagertui.app import EagerApp
from eagertui.tidying import editor_command

Open = Callable[..., Any]


def test_the_editor_is_the_persons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    file, fault = Path("/a/project.toml"), EagerError("/a/project.toml:29: Invalid value")
    monkeypatch.setenv("EDITOR", "nano -w")
    assert editor_command(file, None) == ["nano", "-w", "/a/project.toml"]
    assert editor_command(file, fault) == ["nano", "-w", "+29", "/a/project.toml"]
    assert editor_command(file, EagerError("/b.csv:29: no column")) == ["nano", "-w", "/a/project.toml"]
    monkeypatch.setenv("VISUAL", "code --wait")
    assert editor_command(file, fault) == ["code", "--wait", "/a/project.toml"]
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert editor_command(file, None) is None


async def test_what_the_editor_wrote_counts_at_once(
    open_app: Open, shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/bookshop/renamed/ "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    asked: list[bool] = []

    @contextlib.contextmanager
    def suspend(app: EagerApp) -> Iterator[None]:  # a test has no terminal to hand over
        asked.append(True)
        yield

    async with open_app() as eyes:
        await eyes.see("bookshop")
        await eyes.press("E")  # here there is nothing to hand over: that is said
        await eyes.see("cannot be started")
        monkeypatch.setattr(EagerApp, "suspend", suspend)
        await eyes.press("E")
        await eyes.see("renamed")
        assert asked
        monkeypatch.setenv("VISUAL", str(tmp_path / "none"))
        await eyes.press("E")
        await eyes.see("set EDITOR to another editor")
    assert subprocess.run(["grep", "-c", "renamed", shop / "project.toml"], check=False).returncode == 0
