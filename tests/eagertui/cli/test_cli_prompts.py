"""The verb `prompts`, by the real engine on a small world."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.errors import ProjectError
from core.index.table import ItemIndex
from core.jobs.prompts import shown_prompts
from core.jobs.start import create_run
from core.jobs.work import train_run
from core.project import Project
from core.registry import TASKS
from tests.core.engine_tools import walks, write_world
from tests.eagertui.cli.cli_tools import eager

INDEX = "index.method=kmeans-tree"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that nothing was made of yet."""
    return write_world(tmp_path_factory.mktemp("shop"), walks())


def test_every_task_is_shown_and_what_is_predicted_is_marked(shop: Path) -> None:
    done = eager("prompts", shop)  # no terminal and no --headless: it never opens the app
    assert done.returncode == 0, done.stderr
    assert "drawn by lot" in done.stdout and "\x1b" not in done.stdout
    for task in TASKS.names:
        assert f"\n{task}: " in done.stdout
    assert done.stdout.count("⟦") == done.stdout.count("⟧") == len(TASKS.names) + 1  # and the line that explains them
    assert "</s>⟧" in done.stdout and "[bold]weather[/bold]" in done.stdout  # data is never markup


def test_one_wording_of_one_task_as_json(shop: Path) -> None:
    done = eager("--headless", "prompts", shop, "--task", "pick-one", "--wording", 2, "--rows", 4, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (task,) = found["tasks"]
    assert (task["task"], found["index"], found["users"], task["reason"]) == ("pick-one", "", "template", "")
    assert len(task["examples"]) == 4 and len({one["row"] for one in task["examples"]}) == 4
    for one in task["examples"]:
        given, predicted = one["spans"]
        assert one["wording"] == 2 and given["text"].startswith("<s>History: <a_") and not given["predicted"]
        assert predicted["predicted"] and predicted["text"].endswith("</s>") and len(one["items"]) == 1
        code = predicted["text"].removesuffix("</s>")
        assert code in given["text"] and 0 < one["predicted"] < one["tokens"]


def test_the_titles_of_the_codes_stand_below_a_row(shop: Path) -> None:
    found = shown_prompts(Project.load(shop), "pick-one", None, 2, str)
    for one in found["tasks"][0]["examples"]:
        text = "".join(span["text"] for span in one["spans"])
        legend = {entry["code"]: entry["item"] for entry in one["legend"]}
        assert all(code in text for code in legend) and set(one["items"]) <= set(legend.values())
        assert len(legend) == len(one["legend"]) == len(set(re.findall(r"<a_\d+><b_\d+><c_\d+>", text)))
        assert all(entry["title"].startswith("The ") or entry["title"] for entry in one["legend"])
    lines = eager("prompts", shop, "--task", "pick-one", "--rows", 1).stdout.splitlines()
    legend = found["tasks"][0]["examples"][0]["legend"]
    assert lines[-1].startswith(f"    {legend[0]['code']} {legend[0]['title'][:20]}"[:30])


@pytest.mark.slow  # a process that loads torch; core/prompts/test_wordings.py reads own files without
def test_own_wordings_and_no_texts_about_users(shop: Path) -> None:
    own = shop.parent / "wordings"
    own.mkdir()
    (own / "title-to-code.toml").write_text('[[wordings]]\nprompt = "Wo steht {title}?"\nresponse = "{item}"\n')
    sets = ("--set", "texts.prompts=wordings", "--set", "texts.users=none")
    done = eager("--headless", "prompts", shop, *sets)
    assert done.returncode == 0, done.stderr
    assert "<s>Wo steht The " in done.stdout and "title-to-code: 60 rows, 1 wordings" in done.stdout
    assert done.stdout.count("none: no user has") == 3


def test_the_codes_are_those_of_the_index_once_it_is_there(shop: Path) -> None:
    run = create_run(Project.load(shop, [INDEX, "run.goal=index"]))
    assert train_run(run) == 0, run.status().error
    base = ItemIndex.load(run.artefact("index") / "index.parquet").base_id
    assert shown_prompts(Project.load(shop, [INDEX]), "code-to-title", None, 1, str)["index"] == base
    done = eager("--headless", "prompts", shop, "--run", run.id, "--task", "code-to-title")
    assert done.returncode == 0 and f"codes of index {base}" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--task", "yes_no"), 2, "no task 'yes_no'"),
        (("--rows", "0"), 2, "at least 1"),
        (("--set", "backbone.model=no/such/model/here"), 3, "tokenizer"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(shop: Path, words: tuple[str, ...], code: int, told: str) -> None:
    done = eager("--headless", "prompts", shop, *words)
    assert done.returncode == code and told in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("task", "wording", "override", "told"),
    [
        ("yes-no", 99, "seed=1", "yes-no has no wording 99"),
        ("yes-no", 0, "seed=1", "numbered from 1"),
        (None, 1, "seed=1", "name the task too"),
        (None, None, "texts.prompts=nowhere", "no folder"),
        (None, None, "texts.users=file:none.json", "cannot be read"),
        (None, None, "texts.users=local:none", "no folder"),
    ],
)
def test_what_is_wrong_with_the_project(
    shop: Path, task: str | None, wording: int | None, override: str, told: str
) -> None:
    with pytest.raises(ProjectError) as error:
        shown_prompts(Project.load(shop, [override]), task, wording, 1, lambda text: None)
    assert told in f"{error.value.message} {error.value.remedy}"
