"""A project's settings as a form: which fields there are, their texts, what is wrong with one. No screen here.

A field's text is what stands behind `--set KEY=`, so that a form and a command line say the same thing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from core import fields
from core.errors import ProjectError
from core.fields import Setting
from core.project import Project, all_settings, nearest_recipe
from core.recipes import RecipeCard, recipe_cards, recipe_paths
from core.setting_values import BadValue, convert, parse_text, toml_value
from eagertui.cli.verbs.index import ONLY_INDEX
from eagertui.plain import near as near

MOST_USED = (
    "recipe",
    "backbone.model",
    "run.device",
    "run.threads",
    "seed",
    "tune.stages.*.epochs",
    "tune.batch_tokens",
    "tune.stages.*.learning_rate",
    "vectors.semantic",
    "vectors.behavior",
    "index.sources",
    "index.method",
    "evaluate.baselines",
)
"""What most people change, in the order in which a form shows it; `*` is any number."""
INDEX_TABLES = ("index",)
"""The tables that an index is made by, in the order in which a form about it shows them."""
_STAGES = "tune.stages."


@dataclass(frozen=True)
class Field:
    """One setting of a form.

    Attributes:
        key: dotted, a stage's with its number: `tune.stages.0.epochs`.
        kind: its type in plain words.
        value_text: the value as `--set` would take it.
        default_text: the value that it has where nobody changes it here.
        doc: one line for a person.
        allowed: bounds or choices in words; empty where anything of the type goes.
        choices: the texts to choose from; empty where it is typed. Of a list, those that may stand in it.
        prefixes: beginnings of texts that may be typed besides the choices.
        words: what the choices are, in a sentence each, where they say so.
        changed: whether it was changed here.
        problem: what is wrong with the value; empty where nothing is.
        label: the key as its group shows it.
        used: whether the part that it belongs to is in use.
        check: says what is wrong with a text; empty where nothing is.
    """

    key: str
    kind: str
    value_text: str
    default_text: str
    doc: str
    allowed: str = ""
    choices: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    changed: bool = False
    problem: str = ""
    label: str = ""
    used: bool = True
    check: Callable[[str], str] = field(default=lambda text: "", compare=False, repr=False)

    @property
    def value(self) -> Any:
        """The value itself; None where it is wrong or no setting's."""
        try:
            return value_of(self.key, self.value_text)
        except BadValue:
            return None

    @property
    def many(self) -> bool:
        """Whether the value is a list of the choices."""
        return self.kind == "list of texts"

    def matches(self, text: str) -> bool:
        """Whether the key or the words hold a text; with `!` before it, whether they do not."""
        wanted, flipped = text.strip().casefold(), text.strip().startswith("!")
        wanted = wanted[1:].strip() if flipped else wanted
        return not wanted or (wanted in f"{self.key} {self.doc} {self.allowed}".casefold()) != flipped

    def rank(self, text: str) -> int:
        """How well a text fits the name, the smaller the better: the whole name, its beginning, in it, in the words."""
        wanted, name = text.strip().casefold(), self.key.rpartition(".")[2].casefold()
        if wanted in ("", name):
            return 0
        return 1 if name.startswith(wanted) else 2 if wanted in self.key.casefold() else 3


@dataclass(frozen=True)
class Group:
    """Fields under one heading."""

    title: str
    doc: str
    fields: tuple[Field, ...]


def filtered(groups: Sequence[Group], text: str) -> list[Group]:
    """The groups with the fields that a text matches; those that have it in their name stand first.

    Without a text, those of parts that are in use, and what was changed or is wrong.
    """
    if not text.strip():
        kept = (tuple(one for one in group.fields if one.used or one.changed or one.problem) for group in groups)
        return [replace(group, fields=some) for group, some in zip(groups, kept, strict=True)]
    fitting = [(group, [one for one in group.fields if one.matches(text)]) for group in groups]
    if not text.strip().startswith("!"):
        best = {id(group): min((one.rank(text) for one in some), default=9) for group, some in fitting}
        fitting = sorted(fitting, key=lambda pair: best[id(pair[0])])
        fitting = [(group, sorted(some, key=lambda one: one.rank(text))) for group, some in fitting]
    return [Group(group.title, group.doc, tuple(some)) for group, some in fitting]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a whole form; the key is empty where no single field is to blame."""

    key: str
    message: str
    remedy: str = ""


def text_of(value: Any) -> str:
    """A value as the text that `--set KEY=` reads as that value, without quotes where it needs none."""
    if isinstance(value, str):
        quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        return value if value == value.strip() and value.isprintable() and not quoted else toml_value(value)
    if isinstance(value, list | tuple):
        plain = all(isinstance(one, str) and one == one.strip() and one.isprintable() for one in value)
        simple = plain and all(one and "," not in one for one in value)
        return ", ".join(value) if simple and not "".join(value[:1]).startswith("[") else toml_value(value)
    return toml_value(value)


def value_of(key: str, text: str) -> Any:
    """A setting's value from the text behind `--set KEY=`.

    Raises:
        BadValue: what is wrong with it, in the words of the command line.
    """
    spec, kind = fields.find(Project, tuple(key.split(".")))
    if spec is None:
        raise BadValue(fields.unknown_key(Project, key))
    value = convert(parse_text(text, kind), kind, spec.metadata)
    if key == "recipe" and value not in recipe_paths():
        near = nearest_recipe(value)
        there = f"there are: {', '.join(recipe_paths())}"
        raise BadValue(f'no recipe "{value}"; ' + (f'did you mean "{near}"?' if near else there))
    return value


def problem(key: str, text: str) -> str:
    """What is wrong with one setting's text, as `--set` says it; empty where nothing is."""
    try:
        value_of(key, text)
    except BadValue as error:
        return str(error)
    return ""


def recipe_words(card: RecipeCard) -> str:
    """What a recipe needs, in as few words as a narrow list has room for: machine, parameters, download."""
    needs, size = re.split("[;.]", card.needs)[0], card.size.partition(" (")[0].rstrip(".")
    for word, short in ((" million ", " M "), (" billion ", " B ")):
        size = size.replace(word, short)
    loads = re.search(r"[\d.]+ GB", card.download)
    return f"{needs}, {size}" + (f", {loads[0]} to load" if loads else "")


def form_field(setting: Setting, key: str, value: Any) -> Field:
    """A setting as a field that nobody has changed."""
    cards = recipe_cards() if key == "recipe" else ()
    choices = tuple(card.name for card in cards) or setting.choices
    return Field(
        key=key,
        kind=setting.kind,
        value_text=text_of(value),
        default_text=text_of(value),
        doc=setting.doc,
        allowed=setting.allowed or (", ".join(choices) if key == "recipe" else ""),
        choices=() if setting.kind == "table of numbers" else choices,
        prefixes=setting.prefixes,
        words=tuple(map(recipe_words, cards)),
        label=key,
        check=lambda text: problem(key, text),
    )


def project_fields(project: Project) -> tuple[Field, ...]:
    """Every setting of a project, those of each stage apart, in order of declaration."""
    found: list[Field] = []
    stages: list[Setting] = []
    for setting in all_settings():
        if setting.key.startswith(_STAGES):
            stages.append(setting)
        else:
            one = form_field(setting, setting.key, fields.value_at(project, setting.key))
            found.append(replace(one, used=fields.is_used(project, setting.key)))
    for number in range(len(project.tune.stages)):
        for setting in stages:
            key = f"{_STAGES}{number}.{setting.key.removeprefix(_STAGES)}"
            found.append(form_field(setting, key, fields.value_at(project, key)))
    return tuple(found)


def grouped(all_fields: Sequence[Field], first: Sequence[str] = ()) -> tuple[Group, ...]:
    """Fields under headings: what most people change, then the rest by table.

    Args:
        all_fields: in order of declaration.
        first: tables that stand whole before everything else, for a form about them.
    """
    ranks = {
        one.key: rank
        for one in all_fields
        for rank, key in enumerate(MOST_USED)
        if fnmatchcase(one.key, key) and one.key.partition(".")[0] not in first
    }
    most = sorted((one for one in all_fields if one.key in ranks), key=lambda one: ranks[one.key])
    groups = [Group("Most used", "", tuple(most))] if most else []
    tables: dict[str, list[Field]] = {}
    for one in all_fields:
        if one.key not in ranks:
            table, dot, rest = one.key.partition(".")
            tables.setdefault(table if dot else "", []).append(replace(one, label=rest if dot else one.key))
    ahead = [f"[{table}]" for table in first]
    for table, members in tables.items():
        kind = fields.find(Project, (table,))[1] if table else None
        doc = (getattr(kind, "__doc__", None) or "").strip().partition("\n")[0].rstrip(".")
        groups.append(Group(f"[{table}]" if table else "project", doc, tuple(members)))
    return tuple(sorted(groups, key=lambda group: ahead.index(group.title) if group.title in ahead else len(ahead)))


@dataclass(frozen=True)
class RunForm:
    """A project file and what somebody changes in it for a run; the file itself stays as it is.

    Attributes:
        path: the project file.
        fields: every setting with its value of now.
        fault: what is wrong where all fields are right by themselves.
    """

    path: Path
    fields: tuple[Field, ...]
    fault: Fault | None = None

    @classmethod
    def load(cls, path: Path, overrides: Sequence[str] = ()) -> RunForm:
        """Read a project file, with the `--set` texts of earlier changes.

        Raises:
            EagerError: what is wrong with the file, or an override of no field. A wrong value is marked in its field.
        """
        try:
            project = Project.load(path, overrides)
            Project.load(path)
        except ProjectError:
            texts = dict(_split(text) for text in overrides)
            form = cls.of_texts(path, texts)
            if not texts.keys() <= {one.key for one in form.fields}:
                raise
            return form
        return cls.of_texts(path, {one.key: one.value_text for one in project_fields(project)})

    @classmethod
    def of_texts(cls, path: Path, texts: Mapping[str, str]) -> RunForm:
        """Read a project file, with the texts of some fields; a text that says what the file says changes nothing.

        Raises:
            EagerError: what is wrong with the file.
        """
        recipe = texts.get("recipe", "")
        chosen = [f"recipe={recipe}"] if recipe and not problem("recipe", recipe) else []
        base, whole = _base(path, chosen, texts)
        shown = [_with_text(one, texts.get(one.key), whole) for one in project_fields(base)]
        if chosen and whole:  # the recipe's own value is the file's
            own = text_of(_base(path, [], texts)[0].recipe)
            shown = [
                replace(one, default_text=own, changed=one.value_text != own) if one.key == "recipe" else one
                for one in shown
            ]
        form = cls(path, tuple(shown))
        if any(one.problem for one in shown):
            return form
        try:
            project = Project.load(path, form.overrides)
        except ProjectError as error:
            fault = _fault(error, path, form.overrides)
            marked = (replace(one, problem=fault.message) if one.key == fault.key else one for one in shown)
            return cls(path, tuple(marked), fault)
        return cls(path, tuple(replace(one, used=fields.is_used(project, one.key)) for one in shown))

    def with_text(self, key: str, text: str | None) -> RunForm:
        """The form with another text in one field, None for the project's own; reads the file again.

        Raises:
            EagerError: what is wrong with the file.
        """
        texts = {one.key: one.value_text for one in self.fields if one.changed and one.key != key}
        if text is not None:
            texts[key] = text
        return type(self).of_texts(self.path, texts)

    @property
    def overrides(self) -> tuple[str, ...]:
        """What was changed, as `--set` texts."""
        return tuple(f"{one.key}={one.value_text}" for one in self.fields if one.changed)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The fields under their headings; of a run for the index alone, what makes an index comes first."""
        return grouped(self.fields, INDEX_TABLES if ONLY_INDEX in self.overrides else ())

    @property
    def trouble(self) -> Fault | None:
        """Why a run cannot start with this; None where it can."""
        if self.fault is not None:
            return self.fault
        return next((Fault(one.key, one.problem) for one in self.fields if one.problem), None)


def train_command(path: Path, overrides: Sequence[str], *, new: bool = False) -> str:
    """The command that starts the same run without a screen."""
    verb = ["index", "build"] if ONLY_INDEX in overrides else ["train"]
    sets = [part for text in overrides if text != ONLY_INDEX for part in ("--set", text)]
    return shlex.join(["eagertui", "--headless", *verb, near(path), *sets, *(["--new"] if new else [])])


def _with_text(one: Field, text: str | None, whole: bool) -> Field:
    """A field with a text, in its plainest form; unchanged where it says what the whole file says anyway."""
    if text is None:
        return one
    told = one.check(text)
    plain = text.strip() if told else text_of(value_of(one.key, text))
    return replace(one, value_text=plain, problem=told, changed=not whole or plain != one.default_text)


def _base(path: Path, chosen: Sequence[str], texts: Mapping[str, str]) -> tuple[Project, bool]:
    """The file by itself; one that is whole only together with the changes is read with them, which is told."""
    try:
        return Project.load(path, chosen), True
    except ProjectError:
        return Project.load(path, [f"{key}={text}" for key, text in texts.items()]), False


def _split(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return ".".join(part.strip() for part in key.replace("[", ".").replace("]", "").split(".")), value


def _fault(error: ProjectError, path: Path, overrides: Sequence[str]) -> Fault:
    """Which field an error of `Project.load` speaks of; the place before it is left out where that is known."""
    known = {one.key for one in project_fields(Project())}
    for place in (*(re.escape(f"--set {text}") for text in overrides), re.escape(str(path)) + r"(?::\d+)?"):
        if found := re.match(rf"{place}: ", error.message):
            key, colon, told = error.message[found.end() :].partition(": ")
            if colon and (key in known or key.startswith(_STAGES)):
                return Fault(key, told, error.remedy)
    return Fault("", error.message, error.remedy)
