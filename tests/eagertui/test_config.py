"""A person's own settings, and what the app remembers."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import pytest

from core.errors import ProjectError
from core.files import locked
from eagertui.config import MOST_PROJECTS, Config, Memory

IDS = frozenset({"quit", "help"})


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert Config.load(tmp_path / "none.toml", IDS) == Config()


def test_what_stands_in_the_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('theme = "eager-light"\nsymbols = "ascii"\n[keys]\nquit = "f10,Q"\n')
    assert Config.load(file, IDS) == Config("eager-light", "ascii", {"quit": "f10,Q"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("theme = ", "config.toml"),
        ("colour = 1", "unknown key colour"),
        ('symbols = "dots"', "symbols is none of braille, block, ascii"),
        ("keys = 3", "keys a table"),
        ('[keys]\nquti = "x"', "keys.quti: no such action"),
        ("[keys]\nquit = 3", "keys.quit: a key is a text"),
    ],
)
def test_a_wrong_file_is_told_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ProjectError, match=said) as told:
        Config.load(file, IDS)
    assert str(file) in told.value.message
    assert told.value.remedy


def test_what_is_remembered_outlives_the_process(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "deep" / "state.json")
    memory.set("chart log", True)
    memory.opened(Path("/a/project.toml"), "a")
    memory.opened(Path("/b/project.toml"), "b")
    memory.opened(Path("/a/project.toml"), "a again")
    again = Memory(tmp_path / "deep" / "state.json")
    assert again.get("chart log", False) is True
    assert again.projects == [(Path("/a/project.toml"), "a again"), (Path("/b/project.toml"), "b")]
    again.forget(Path("/a/project.toml"))
    assert [name for _, name in Memory(tmp_path / "deep" / "state.json").projects] == ["b"]


def test_two_apps_keep_what_each_other_remembers(tmp_path: Path) -> None:
    one, other = Memory(tmp_path / "state.json"), Memory(tmp_path / "state.json")
    other.opened(Path("/b/project.toml"), "b")
    one.opened(Path("/a/project.toml"), "a")
    other.set("theme", "eager-light")
    one.set("chart.smoothing", 0.5)
    again = Memory(tmp_path / "state.json")
    assert [name for _, name in again.projects] == ["a", "b"]
    assert (again.get("theme"), again.get("chart.smoothing")) == ("eager-light", 0.5)
    one.forget(Path("/b/project.toml"))
    other.set("theme", "eager-dark")
    other.read_again()
    assert [name for _, name in other.projects] == ["a"]


def test_a_change_waits_until_the_other_app_has_written(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state.json")
    with locked(tmp_path):
        late = Thread(target=memory.set, args=("theme", "eager-light"))
        late.start()
        late.join(0.1)
        assert late.is_alive()
        (tmp_path / "state.json").write_text('{"place": "data"}')
    late.join(5)
    assert json.loads((tmp_path / "state.json").read_text()) == {"place": "data", "theme": "eager-light"}


def test_a_broken_memory_is_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    for text in ("", "{", "[1]", '{"projects": 7, "chart log": "yes"}', '{"projects": [3, {"path": ""}]}'):
        file.write_text(text)
        memory = Memory(file)
        assert memory.projects == []
        assert memory.get("chart log", False) is False


def test_a_read_only_home_costs_comfort_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "state.json")
    memory.set("theme", "eager-light")
    memory.read_again()
    assert memory.get("theme", "") == "eager-light"


def test_the_list_of_projects_does_not_grow_for_ever(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "state.json")
    for number in range(MOST_PROJECTS + 5):
        memory.opened(Path(f"/p{number}/project.toml"), "")
    assert len(memory.projects) == MOST_PROJECTS
