"""Tasks as plug-ins: the built-in ones, one file each, and one of another package."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import ProjectError
from core.pipeline import plan
from core.project import Project
from core.prompts.render import Renderer
from core.prompts.task_data import TaskData
from core.prompts.tasks import task_number, task_seed
from core.prompts.wordings import load_wordings, wording_file
from core.registry import TASKS
from tests.core.engine_tools import walks, write_world
from tests.core.prompts.prompt_tools import ITEMS, TITLES, task_data_of
from tests.imports import ROOT
from tests.plug_in_tools import forget, install

TASK = '''
from core.prompts.tasks import FieldRows, TextTask


class Echo(TextTask):
    """An item's title after its code and its title in capitals."""

    prompt_fields = ("item", "loud")
    response_fields = ("title",)
    scales_with = "items"

    def rows(self, data):
        def fields(row, rng):
            return {"item": row, "loud": data.texts.titles[row].upper(), "title": row}

        return FieldRows(len(data.texts.titles), fields, "there are no items")
'''
WORDINGS = '[[wordings]]\nprompt = "{item} shouts {loud}"\nresponse = "{title}"\n'


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The task `a-toy-echo`, which stands before all others in the alphabet; where its package lies."""
    install(
        tmp_path / "site", monkeypatch, "toy_echo", {"eagertui.tasks a-toy-echo": "toy_echo_task:Echo"},
        {"toy_echo_task.py": TASK, "a-toy-echo.toml": WORDINGS},
    )  # fmt: skip
    yield tmp_path / "site"
    monkeypatch.undo()
    sys.modules.pop("toy_echo_task", None)
    forget()


def test_no_task_loads_what_renders_it() -> None:
    """Lists of tasks, estimates and the check of wordings run where no learning library may be."""
    code = """
import sys
import core.prompts.task_data
from core.prompts.wordings import load_wordings
load_wordings()
print(*sorted({"torch", "transformers", "tokenizers", "scipy", "sklearn"} & {m.partition(".")[0] for m in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == []


def test_a_task_says_what_it_needs() -> None:
    """Its fields are those of its wordings; what rows are counted by, it really makes."""
    data = task_data_of("bytes")
    train = data.train
    most = {"items": ITEMS, "users": len(train), "prefixes": 2 * int(np.maximum(train.lengths - 1, 0).sum())}
    without = task_data_of("bytes", users="none")
    for name in TASKS.all_names:
        task = TASKS.get(name)()
        assert 0 < len(data.rows(name)) <= most[task.scales_with], name
        assert bool(len(without.rows(name))) == (not task.needs_user_texts), name
        example = data.rows(name).example(0, (0,))
        assert ("item" in task.response_fields) == bool(len(example.items)), name


def test_a_task_of_another_package_is_rendered_like_ours(echo: Path) -> None:
    assert TASKS.all_names.index("a-toy-echo") == task_number("a-toy-echo") == 17
    own = load_wordings(tasks=["a-toy-echo"])
    assert own["a-toy-echo"][0].prompt == "{item} shouts {loud}" and "a-toy-echo" not in load_wordings()
    data = task_data_of("bytes")
    renderer = Renderer(data.renderer.vocabulary, data.renderer.item_tokens, own, data.texts, 4096)
    rows = TaskData(**{**vars(data), "renderer": renderer}).rows("a-toy-echo")
    example = rows.example(3, (0,))
    assert len(rows) == ITEMS and example.task == 17
    (prompt, _), (response, predicted) = renderer.spans(example)
    assert prompt.strip().endswith(f"shouts {TITLES[3].upper()}") and TITLES[3] in response and predicted


def test_own_wordings_win_over_those_of_another_package(echo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    assert wording_file("a-toy-echo", folder) == echo / "a-toy-echo.toml"
    (folder / "a-toy-echo.toml").write_text(WORDINGS.replace("shouts", "ruft"))
    assert "ruft" in load_wordings(folder, ["a-toy-echo"])["a-toy-echo"][0].prompt
    (folder / "a-toy-echo.toml").write_text(WORDINGS.replace("{loud}", "{title}"))
    with pytest.raises(ProjectError, match=r"\{title\} means nothing here"):
        load_wordings(folder, ["a-toy-echo"])
    with pytest.raises(ProjectError, match='no task "absent"'):
        load_wordings(None, ["absent"])


def test_what_is_installed_beside_changes_nothing(echo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the draws of a task nor the fingerprint of a project that does not use the package."""
    file = write_world(tmp_path / "world", walks())
    project = Project.load(file, ["tune.stages.0.tasks={ sequential = 1.0, code-to-title = 0.5 }"])
    marks = [stage.fingerprint for stage in plan(project)]
    seed, ours = task_seed("a-toy-echo"), [task_seed(name) for name in TASKS.all_names[:17]]
    install(
        tmp_path / "more", monkeypatch, "toy_more", {"eagertui.tasks a-more": "toy_echo_task:Echo"},
        {"a-more.toml": WORDINGS},
    )  # fmt: skip
    assert task_number("a-toy-echo") == 18 and task_seed("a-toy-echo") == seed > 18
    assert [task_seed(name) for name in TASKS.all_names[:17]] == ours == list(range(17))
    assert [stage.fingerprint for stage in plan(project)] == marks
    monkeypatch.undo()
    forget()
    assert [stage.fingerprint for stage in plan(project)] == marks


@pytest.mark.parametrize("listed", [True, False])
def test_the_verb_shows_it(echo: Path, tmp_path: Path, listed: bool) -> None:
    from core.jobs.prompts import shown_prompts

    project = Project.load(write_world(tmp_path / "world", walks()))
    shown = shown_prompts(project, None if listed else "a-toy-echo", None, 1, lambda text: None)
    tasks = {task["task"]: task for task in shown["tasks"]}
    assert set(tasks) == (set(TASKS.all_names) if listed else {"a-toy-echo"})
    assert tasks["a-toy-echo"]["rows"] == 60 and "THE AMBER BOOK" in str(tasks["a-toy-echo"]["examples"])
