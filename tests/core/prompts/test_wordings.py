"""Wordings: those that come with the program, a person's own, and everything that can be wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProjectError
from core.prompts.wordings import fields_in, load_wordings
from core.registry import TASKS


def test_every_task_has_eight_different_wordings() -> None:
    wordings = load_wordings()
    assert tuple(wordings) == TASKS.all_names
    for task, some in wordings.items():
        assert len(some) >= 8 and len({one.prompt for one in some}) == len(some), task
    prompts = [one.prompt for some in wordings.values() for one in some]
    assert len(set(prompts)) == len(prompts)


def test_own_files_win(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "yes-no.toml").write_text(
        '[[wordings]]\nprompt = "Passt {item} zu {history}?"\nresponse = "{answer}"\nanswers = ["Ja", "Nein"]\n'
    )
    (own / "notes.txt").write_text("not mine")
    wordings = load_wordings(own)
    assert [one.answers for one in wordings["yes-no"]] == [("Ja", "Nein")]
    assert wordings["preference"] == load_wordings()["preference"]


GOOD = 'prompt = "What is {item}?"\nresponse = "{title}"\n'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "expected one or more tables"),
        ("[[wordings]", "not TOML"),
        ("wordings = 3", "expected one or more tables"),
        ("[[wordings]]\n" + GOOD + "[more]\n", "expected one or more tables"),
        ("[[wordings]]\n" + GOOD + "[[wordings]]\nprompt = 3\nresponse = 'x'", "wording 2: prompt: expected a text"),
        ("[[wordings]]\nprompt = '{item}'", "wording 1: expected the keys"),
        ("[[wordings]]\n" + GOOD + "answers = ['a', 'b']", "expected the keys"),
        ("[[wordings]]\nprompt = 'What?'\nresponse = '{title}'", "{item} is missing"),
        ("[[wordings]]\nprompt = '{item} {titel}'\nresponse = '{title}'", "{titel} means nothing here"),
        ("[[wordings]]\nprompt = '{item} {item}'\nresponse = '{title}'", "stands there twice"),
        ("[[wordings]]\nprompt = '{item} {'\nresponse = '{title}'", "prompt: "),
        ("[[wordings]]\nprompt = '{item!r}'\nresponse = '{title}'", "has a format"),
        ("[[wordings]]\nprompt = '{}{item}'\nresponse = '{title}'", "names nothing"),
        ("[[wordings]]\nprompt = '{item} '\nresponse = '{title}'", "begins or ends with a blank"),
        ("[[wordings]]\nprompt = '{item}'\nresponse = '  '", "expected a text"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "code-to-title.toml").write_text(content)
    with pytest.raises(ProjectError) as error:
        load_wordings(tmp_path)
    assert told in error.value.message and "code-to-title.toml" in error.value.message


@pytest.mark.parametrize(
    ("task", "content", "told"),
    [
        ("sequential", 'prompt = "{history} then"\nresponse = "{item}"', "straight away"),
        ("sequential", 'prompt = "{history}"\nresponse = "It is {item}"', "straight away"),
        ("yes-no", 'prompt = "{history} {item}"\nresponse = "{answer}"\nanswers = ["Yes"]', "two texts"),
        ("yes-no", 'prompt = "{history} {item}"\nresponse = "{answer}"\nanswers = ["Yes", "Yes"]', "both are 'Yes'"),
        ("yes-no", 'prompt = "{history} {item}"\nresponse = "{answer}"', "expected the keys"),
    ],
)
def test_rules_of_single_tasks(tmp_path: Path, task: str, content: str, told: str) -> None:
    (tmp_path / f"{task}.toml").write_text("[[wordings]]\n" + content)
    with pytest.raises(ProjectError, match=told):
        load_wordings(tmp_path)


def test_a_folder_or_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no folder"):
        load_wordings(tmp_path / "missing")
    (tmp_path / "yes_no.toml").write_text("")
    with pytest.raises(ProjectError, match="did you mean yes-no"):
        load_wordings(tmp_path)
    (tmp_path / "yes_no.toml").rename(tmp_path / "yes-no.toml")
    (tmp_path / "yes-no.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ProjectError, match="not TOML"):
        load_wordings(tmp_path)


@given(st.text(st.sampled_from("ab {}!:.0[]"), max_size=20))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        pairs = fields_in(text)
    except ValueError:
        return
    again = "".join(
        words.replace("{", "{{").replace("}", "}}") + ("{" + name + "}" if name else "") for words, name in pairs
    )
    assert (fields_in(again) and [p for p in fields_in(again) if p[1]] == [p for p in pairs if p[1]]) or not text
