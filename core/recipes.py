"""Recipes: partial projects that ship with the program, in `assets/recipes/*.toml`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.assets import assets_path


def recipe_paths() -> dict[str, Path]:
    """Every recipe's file by its name, in alphabetical order."""
    return {path.stem: path for path in sorted((assets_path() / "recipes").glob("*.toml"), key=lambda one: one.stem)}


@dataclass(frozen=True)
class RecipeCard:
    """How a recipe introduces itself: the comment at the top of its file.

    Attributes:
        name: of the recipe.
        what: it makes, and for what machine.
        size: parameters of the model.
        needs: processor or GPU, memory and time.
        download: what is loaded from the Hugging Face hub first; `none` where nothing is.
        figures: what we measured with it; empty where we have not.
    """

    name: str
    what: str
    size: str
    needs: str
    download: str
    figures: str = ""


def recipe_card(path: Path) -> RecipeCard:
    """Read a recipe's introduction: `# name: what`, then lines such as `# Size: ...`."""
    known: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        key, _, text = line.lstrip("# ").partition(": ")
        known.setdefault(key.lower(), text.strip())
    named = {key: known.get(key, "") for key in ("size", "needs", "download", "figures")}
    return RecipeCard(path.stem, known.get(path.stem.lower(), ""), **named)


def recipe_cards() -> tuple[RecipeCard, ...]:
    """The introductions of all recipes, by name."""
    return tuple(recipe_card(path) for path in recipe_paths().values())
