"""The template of a project file: what stands behind # is what holds without it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from core.fields import options_of, settings_of
from core.jobs.project_file import project_text, with_recipe
from core.project import Project, recipe_project
from core.recipes import recipe_paths
from core.settings import DataSettings

DATA = DataSettings(interactions="log.csv", text=("title",), items="items.csv", rating="stars", min_rating=3.0)


def template(recipe: str) -> str:
    return project_text(Project(name="shop", recipe=recipe, data=DATA), {"user": "a  # remark"})


def loaded(folder: Path, text: str, *overrides: str) -> Project:
    (folder / "project.toml").write_text(text, encoding="utf-8")
    return Project.load(folder, overrides)


@pytest.mark.parametrize("recipe", recipe_paths())
def test_a_line_that_is_taken_from_behind_its_mark_changes_nothing(tmp_path: Path, recipe: str) -> None:
    text = template(recipe)
    project = loaded(tmp_path, text)
    assert project == replace(recipe_project(recipe), name="shop", data=DATA)
    lines = text.split("\n")
    marked = [number for number, line in enumerate(lines) if re.match(r"# [\w-]+ = ", line)]
    assert len(marked) > 70
    for number in marked:
        one = [*lines[:number], lines[number].removeprefix("# "), *lines[number + 1 :]]
        assert loaded(tmp_path, "\n".join(one)) == project, lines[number]
    assert loaded(tmp_path, "\n".join(line.removeprefix("# ") if n in marked else line
                                      for n, line in enumerate(lines))) == project  # fmt: skip


@pytest.mark.parametrize("recipe", recipe_paths())
def test_every_setting_is_in_the_template(recipe: str) -> None:
    shown, table = set(), ""
    for line in template(recipe).split("\n"):
        table = f"{line.strip('[]')}." if line.startswith("[") else table
        if named := re.match(r"(?:# )?([\w-]+) = ", line):
            shown.add(f"{table}{named[1]}")
    plain = {setting.key for setting in settings_of(Project) if not setting.key.startswith("tune.stages.")}
    assert shown <= plain | {"tune.stages"}
    plug_ins = {key for key in plain - shown if key.count(".") == 2}
    assert plain - shown == plug_ins  # of the plug-ins those that the recipe uses
    used = recipe_project(recipe).index.method
    assert options_of(recipe_project(recipe).index, used) is None or f"index.{used}." in " ".join(shown)


def test_the_template_for_another_recipe() -> None:
    for recipe in recipe_paths():
        told = with_recipe(template("light"), recipe).replace('recipe = "light"', f'recipe = "{recipe}"')
        assert told == template(recipe)


def test_the_epochs_and_sizes_of_light_are_in_its_template() -> None:
    text = template("light")
    tune = ("# batch_tokens = 1024", "# patience = 20", "# distill = 1.0", "# drawn = 0.6", "epochs = 10")
    for line in ("# hidden_size = 192", *tune):
        assert line in text
    assert '[contrast]\n# form = "next"' in text and "[sasrec]" in text and "[index.rq-vae]" in text
