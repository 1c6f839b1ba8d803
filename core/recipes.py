"""Recipes: partial projects that ship with the program, in `assets/recipes/*.toml`."""

from __future__ import annotations

from pathlib import Path

from core.assets import assets_path


def recipe_paths() -> dict[str, Path]:
    """Every recipe's file by its name, in alphabetical order."""
    return {path.stem: path for path in sorted((assets_path() / "recipes").glob("*.toml"), key=lambda one: one.stem)}
