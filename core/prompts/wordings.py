"""Wordings of the tasks: TOML files with placeholders in braces, a person's own before those of the task."""

from __future__ import annotations

import inspect
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli

from core.assets import assets_path
from core.errors import ProjectError
from core.project import Project
from core.registry import TASKS

if TYPE_CHECKING:
    from core.prompts.tasks import TextTask

MAX_BYTES = 1_000_000
LONGEST = 4000
"""Characters of a prompt or a response at most."""


@dataclass(frozen=True)
class Wording:
    """One way to put a task.

    Attributes:
        prompt: what is given, with placeholders.
        response: what is to be predicted, with placeholders.
        answers: what `{answer}` may be, for tasks whose wordings bring their answers; else empty.
    """

    prompt: str
    response: str
    answers: tuple[str, ...] = ()


Wordings = Mapping[str, tuple[Wording, ...]]


def wordings_of(project: Project, tasks: Iterable[str] = ()) -> dict[str, tuple[Wording, ...]]:
    """The wordings of a project; see `load_wordings`."""
    return load_wordings(own_folder(project), tasks)


def own_folder(project: Project) -> Path | None:
    """The folder of a project's own wordings."""
    return project.resolve(project.texts.prompts) if project.texts.prompts else None


def load_wordings(folder: Path | None = None, tasks: Iterable[str] = ()) -> dict[str, tuple[Wording, ...]]:
    """The wordings of every built-in task, and of others.

    Args:
        folder: of a person's own files `TASK.toml`; see `wording_file`.
        tasks: names of tasks of other packages that are wanted too.

    Returns:
        For each task its wordings, at least one; in the order of the registry.

    Raises:
        ProjectError: a file is missing, is not TOML, belongs to no task, or a wording in it cannot be used; names file
            and wording. Or there is no such task.
    """
    names, wanted = TASKS.all_names, set(tasks)
    if folder is not None:
        if not folder.is_dir():
            raise ProjectError(f"texts.prompts: no folder at {folder}", "files in it are called TASK.toml")
        for file in sorted(folder.glob("*.toml")):
            if file.stem not in names:
                near = get_close_matches(file.stem, names, n=1)
                hint = f"did you mean {near[0]}.toml?" if near else "tasks: " + ", ".join(names)
                raise ProjectError(f"{file}: there is no task {file.stem!r}", hint)
    chosen = [name for name in names if name in wanted or TASKS.origin(name) is None]
    chosen += sorted(wanted - set(names))  # the registry says that there is none
    return {task: read_wordings(wording_file(task, folder), task) for task in chosen}


def wording_file(task: str, folder: Path | None = None) -> Path:
    """The file of a task's wordings.

    Args:
        task: its name.
        folder: of a person's own files, which win over those that the task comes with.

    Raises:
        ProjectError: there is no such task.
    """
    name = f"{task}.toml"
    if folder is not None and (folder / name).is_file():
        return folder / name
    if TASKS.has(task) and TASKS.origin(task) is None:
        return assets_path() / "prompts" / name
    return Path(inspect.getfile(TASKS.get(task))).with_name(name)


def read_wordings(file: Path, task: str) -> tuple[Wording, ...]:
    """Read and check the wordings of one task.

    Raises:
        ProjectError: see `load_wordings`.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ProjectError(f"{file}: larger than {MAX_BYTES:,} bytes, so no file of wordings")
        tree = tomli.loads(file.read_bytes().decode("utf-8"))
    except OSError as error:
        raise ProjectError(f"{file}: cannot be read ({error.strerror})") from error
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"{file}: not TOML: {error}") from error
    tables = tree.get("wordings")
    if set(tree) != {"wordings"} or not isinstance(tables, list) or not tables:
        raise ProjectError(f"{file}: expected one or more tables [[wordings]] and nothing else")
    about = TASKS.get(task)()
    return tuple(_checked(f"{file}: wording {number}", about, one) for number, one in enumerate(tables, start=1))


def fields_in(text: str) -> list[tuple[str, str]]:
    """A text as pairs (words, placeholder after them); the last placeholder is empty where the text ends in words.

    Raises:
        ValueError: a brace stands alone, or a placeholder has a format.
    """
    pairs = []
    for words, name, form, conversion in string.Formatter().parse(text):
        if form or conversion:
            raise ValueError(f"{{{name}}} has a format")
        pairs.append((words, name or ""))
        if name == "":
            raise ValueError("{} names nothing")
    return pairs


def _checked(where: str, task: TextTask, table: Any) -> Wording:
    """A wording from its table."""
    keys = {"prompt", "response", "answers"} if task.brings_answers else {"prompt", "response"}
    if not isinstance(table, dict) or set(table) != keys:
        raise ProjectError(f"{where}: expected the keys {', '.join(sorted(keys))} and no others")
    for key, fields in (("prompt", task.prompt_fields), ("response", task.response_fields)):
        text = table[key]
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            raise ProjectError(f"{where}: {key}: expected a text of 1 to {LONGEST:,} characters")
        _check_fields(f"{where}: {key}", text, frozenset(fields))
    if table["prompt"] != table["prompt"].strip() or table["response"] != table["response"].strip():
        raise ProjectError(f"{where}: begins or ends with a blank")
    answers = table.get("answers", [])
    if task.brings_answers:
        fine = isinstance(answers, list) and len(answers) == 2
        if not fine or not all(isinstance(one, str) and one == one.strip() and one for one in answers):
            raise ProjectError(f'{where}: answers: expected two texts, e.g. ["Yes", "No"]')
        if answers[0] == answers[1]:
            raise ProjectError(f"{where}: answers: both are {answers[0]!r}")
    wording = Wording(table["prompt"], table["response"], tuple(answers))
    if problem := task.problem(wording):
        message, remedy = problem
        raise ProjectError(f"{where}: {message}", remedy)
    return wording


def _check_fields(where: str, text: str, wanted: frozenset[str]) -> None:
    known = ", ".join(f"{{{name}}}" for name in sorted(wanted))
    remedy = f"it needs {known}, each once; a brace itself is written twice"
    try:
        names = [name for _, name in fields_in(text) if name]
    except ValueError as error:
        raise ProjectError(f"{where}: {error}", remedy) from None
    for name in names:
        if name not in wanted:
            raise ProjectError(f"{where}: {{{name}}} means nothing here", remedy)
        if names.count(name) > 1:
            raise ProjectError(f"{where}: {{{name}}} stands there twice", remedy)
    if missing := sorted(wanted - set(names)):
        raise ProjectError(f"{where}: {{{missing[0]}}} is missing", remedy)
