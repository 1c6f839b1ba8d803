"""Wordings of the tasks: TOML files with placeholders in braces, built in or a person's own."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli

from core.assets import assets_path
from core.errors import ProjectError
from core.settings import TASKS

MAX_BYTES = 1_000_000
LONGEST = 4000
"""Characters of a prompt or a response at most."""

PLACEHOLDERS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    task: (frozenset(prompt.split()), frozenset(response.split()))
    for task, prompt, response in (
        ("sequential", "history", "item"),
        ("code-to-title", "item", "title"),
        ("code-to-description", "item", "description"),
        ("code-to-both", "item", "title description"),
        ("title-to-code", "title", "item"),
        ("description-to-code", "description", "item"),
        ("both-to-code", "title description", "item"),
        ("history-to-title", "history", "title"),
        ("history-to-description", "history", "description"),
        ("titles-to-code", "titles", "item"),
        ("intent-to-code", "intent", "item"),
        ("intent-history-to-code", "intent history", "item"),
        ("preference", "history", "preference"),
        ("yes-no", "history item", "answer"),
        ("pick-one", "history candidates", "item"),
        ("which-text", "item first second", "answer"),
    )
}
"""What each task's prompt and response hold, every one exactly once."""
ANSWERED = frozenset({"yes-no", "which-text"})
"""Tasks whose wordings bring two answers of their own: right and wrong; the first text and the second."""


@dataclass(frozen=True)
class Wording:
    """One way to put a task.

    Attributes:
        prompt: what is given, with placeholders.
        response: what is to be predicted, with placeholders.
        answers: what `{answer}` may be, for the tasks in `ANSWERED`; else empty.
    """

    prompt: str
    response: str
    answers: tuple[str, ...] = ()


Wordings = Mapping[str, tuple[Wording, ...]]


def load_wordings(folder: Path | None = None) -> dict[str, tuple[Wording, ...]]:
    """The wordings of every task.

    Args:
        folder: of a person's own files `TASK.toml`, each of which replaces the built-in one of its task.

    Returns:
        For each task of `core.settings.TASKS` its wordings, at least one.

    Raises:
        ProjectError: a file is missing, is not TOML, belongs to no task, or a wording in it cannot be used; names file
            and wording.
    """
    files = {task: assets_path() / "prompts" / f"{task}.toml" for task in TASKS}
    if folder is not None:
        if not folder.is_dir():
            raise ProjectError(f"texts.prompts: no folder at {folder}", "files in it are called TASK.toml")
        for file in sorted(folder.glob("*.toml")):
            if file.stem not in files:
                near = get_close_matches(file.stem, TASKS, n=1)
                hint = f"did you mean {near[0]}.toml?" if near else "tasks: " + ", ".join(TASKS)
                raise ProjectError(f"{file}: there is no task {file.stem!r}", hint)
            files[file.stem] = file
    return {task: read_wordings(file, task) for task, file in files.items()}


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
    return tuple(_checked(f"{file}: wording {number}", task, one) for number, one in enumerate(tables, start=1))


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


def _checked(where: str, task: str, table: Any) -> Wording:
    """A wording from its table."""
    keys = {"prompt", "response", "answers"} if task in ANSWERED else {"prompt", "response"}
    if not isinstance(table, dict) or set(table) != keys:
        raise ProjectError(f"{where}: expected the keys {', '.join(sorted(keys))} and no others")
    for key, wanted in zip(("prompt", "response"), PLACEHOLDERS[task], strict=True):
        text = table[key]
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            raise ProjectError(f"{where}: {key}: expected a text of 1 to {LONGEST:,} characters")
        _check_fields(f"{where}: {key}", text, wanted)
    if table["prompt"] != table["prompt"].strip() or table["response"] != table["response"].strip():
        raise ProjectError(f"{where}: begins or ends with a blank")
    if task == "sequential" and (not table["prompt"].endswith("{history}") or table["response"] != "{item}"):
        raise ProjectError(
            f"{where}: the next item follows the history straight away",
            'the prompt ends with {history}, and the response is "{item}"',
        )
    answers = table.get("answers", [])
    if task in ANSWERED:
        fine = isinstance(answers, list) and len(answers) == 2
        if not fine or not all(isinstance(one, str) and one == one.strip() and one for one in answers):
            raise ProjectError(f'{where}: answers: expected two texts, e.g. ["Yes", "No"]')
        if answers[0] == answers[1]:
            raise ProjectError(f"{where}: answers: both are {answers[0]!r}")
    return Wording(table["prompt"], table["response"], tuple(answers))


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
