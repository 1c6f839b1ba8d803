"""A project before it is written: its two files, what was guessed from them, and what was told. No screen here."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli

from core.errors import ProjectError
from core.fields import Setting
from core.project import Project, all_settings, name_for
from eagertui.cli.create_project import ROLES, known_of, with_values
from eagertui.forms.form_model import Fault, Field, Group, form_field, near, problem, text_of, value_of

FOLDER = "folder"
"""The key of the field that names the project's folder; it is no setting."""
_GROUPS = {
    "Project": (FOLDER, "name", "recipe"),
    "Interactions": ("interactions", "table", "columns", "user", "item", "time", "position", "rating", "min_rating"),
    "Items": ("items", "item_table", "item_columns", "item_key", "text"),
}
_NEEDED = ("data.user", "data.item")


@dataclass(frozen=True)
class Draft:
    """What a new project would be.

    Attributes:
        interactions: the log.
        items: the item table, if there is one.
        directory: the project's folder.
        guessed: the text of the guessed project file; empty where nothing could be guessed.
        whys: the reasons of the guess by key.
        told: texts that somebody gave instead, by key.
        log_columns: columns of the log.
        item_columns: columns of the item table.
        failed: why the files could not be looked at with what was told.
        fault: what is wrong with the whole.
    """

    interactions: Path
    items: Path | None
    directory: Path
    guessed: str = ""
    whys: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    log_columns: tuple[str, ...] = ()
    item_columns: tuple[str, ...] = ()
    failed: Fault | None = None
    fault: Fault | None = None

    def with_guess(self, result: Mapping[str, Any]) -> Draft:
        """With the result of the `guess` errand."""
        fields = [one for one in result.get("fields", ()) if isinstance(one, Mapping)]
        whys = {str(one.get("key")): str(one.get("why")) for one in fields}
        return replace(self, guessed=str(result.get("text", "")), whys=whys, failed=None)

    def with_text(self, key: str, text: str | None) -> Draft:
        """With another text for a field, None for what was guessed; not checked yet."""
        if key == FOLDER:
            return replace(self, directory=Path(text).expanduser().absolute()) if text else self
        told = {k: v for k, v in self.told.items() if k != key}
        return replace(self, told=told if text is None else {**told, key: text})

    def checked(self) -> Draft:
        """With what is wrong with the whole, as the project file's reader would say it; reads and writes files."""
        draft = replace(self, fault=None)
        if not self.guessed or self.failed or any(one.problem for one in draft.fields):
            return draft
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "project.toml"
            try:
                path.write_text(with_values(self.guessed, self.values), encoding="utf-8")
                Project.load(path)
            except UnicodeEncodeError:
                return replace(draft, fault=Fault("", "the name of a file is not UTF-8 text", "rename the file"))
            except ProjectError as error:
                found = re.match(rf"{re.escape(str(path))}(?::\d+)?: ([\w.]+): (.*)", error.message, re.DOTALL)
                key, told = found.groups() if found else ("", error.message)
                return replace(draft, fault=Fault(key, told, error.remedy))
        return draft

    @property
    def values(self) -> dict[str, Any]:
        """The told values by key; a wrong one is left out."""
        return {key: value_of(key, text) for key, text in self.told.items() if not problem(key, text)}

    @property
    def _item_columns(self) -> tuple[str, ...]:
        return self.values.get("data.item_columns") or self.item_columns

    @property
    def sets(self) -> tuple[str, ...]:
        """What was told, as `--set` texts."""
        return tuple(f"{key}={text}" for key, text in self.told.items())

    @property
    def guess_arguments(self) -> tuple[str, ...]:
        """The arguments of the `guess` errand."""
        items = ("--items", str(self.items)) if self.items else ()
        known = known_of(self.values)
        sets = [part for name, value in known.items() for part in ("--set", f"data.{name}={text_of(value)}")]
        return ("--interactions", str(self.interactions), *items, "--directory", str(self.directory), *sets)

    @property
    def command(self) -> str:
        """The command that writes the same project."""
        items = ["--items", near(self.items)] if self.items else []
        sets = [part for text in self.sets for part in ("--set", text)]
        there = ["eagertui", "init", near(self.directory), "--interactions", near(self.interactions)]
        return shlex.join([*there, *items, *sets])

    @property
    def trouble(self) -> Fault | None:
        """Why it cannot be written; None where it can."""
        wrong = next((Fault(one.key, one.problem) for one in self.fields if one.problem), None)
        return wrong or self.failed or self.fault

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field with its value of now."""
        tree = tomli.loads(self.guessed) if self.guessed else {}
        found = [_folder_field(self.directory)]
        for setting in all_settings():
            if setting.key in ("name", "recipe"):
                value = tree.get(setting.key, name_for(self.directory) if setting.key == "name" else setting.default)
                found.append(self._field(setting, value))
            elif setting.key.startswith("data."):
                own = setting.key.removeprefix("data.")
                empty = "" if setting.key in _NEEDED else setting.default
                found.append(self._field(setting, tree.get("data", {}).get(own, setting.default if tree else empty)))
        return tuple(found)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The fields under their headings."""
        groups: dict[str, list[Field]] = {title: [] for title in (*_GROUPS, "Cleaning and split")}
        for one in self.fields:
            named = one.key.removeprefix("data.")
            title = next((title for title, names in _GROUPS.items() if named in names), "Cleaning and split")
            groups[title].append(replace(one, label=named))
        return tuple(Group(title, "", tuple(members)) for title, members in groups.items())

    def _field(self, setting: Setting, value: Any) -> Field:
        key, why = setting.key, self.whys.get(setting.key, "")
        one = form_field(setting, key, value)
        doc = f"{why} · {setting.doc}" if why and why != setting.doc else setting.doc
        one = replace(one, doc=doc)
        if key in ("data.interactions", "data.items"):
            path = self.interactions if key == "data.interactions" else self.items
            one = replace(one, kind="file", value_text=one.value_text or (near(path) if path else ""))
        elif key.removeprefix("data.") in ROLES:
            columns = (
                self._item_columns if key == "data.item_key" else self.values.get("data.columns") or self.log_columns
            )
            one = replace(one, choices=columns if key in _NEEDED else ("", *columns))
        elif key == "data.text":
            one = replace(one, choices=self._item_columns)
        if key in self.told:
            text = self.told[key]
            one = replace(one, value_text=text, changed=True, problem=one.check(text))
        if key in _NEEDED and not one.value_text:
            one = replace(one, problem="which column holds the ids? enter shows them")
        if self.fault is not None and self.fault.key == key:
            one = replace(one, problem=self.fault.message)
        return one


def _folder_field(directory: Path) -> Field:
    text = near(directory)
    return Field(
        key=FOLDER,
        kind="text",
        value_text=text,
        default_text=text,
        doc="where the project file is written and the runs will lie; made where it is missing",
        label=FOLDER,
        problem=folder_problem(text),
        check=folder_problem,
    )


def folder_problem(text: str) -> str:
    """What is wrong with a folder for a new project; empty where nothing is."""
    if not text.strip():
        return "a new project needs a folder"
    path = Path(text.strip()).expanduser()
    try:
        if (path / "project.toml").exists():
            return "there is a project in it already"
        return "is a file" if path.exists() and not path.is_dir() else ""
    except (OSError, ValueError, RuntimeError) as error:
        return f"cannot be a folder ({getattr(error, 'strerror', None) or error})"
