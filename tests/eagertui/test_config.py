"""A person's own settings, and what the app remembers."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import pytest

from core.files import locked
from eagertui.actions import ACTIONS, clashes
from eagertui.app import EagerApp
from eagertui.config import MOST_PROJECTS, Config, Memory
from tests.eagertui.app_tools import Eyes

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
        ("theme = ", "line 1: Invalid value: theme ="),
        ("colour = 1", "colour: no such key"),
        ('symbols = "dots"', "symbols: none of braille, block, ascii"),
        ("keys = 3", "keys: not a table"),
        ('[keys]\nquti = "x"', "keys.quti: no such action; did you mean quit?"),
        ("[keys]\nquit = 3", "keys.quit: not a text"),
        ('theme = "a"\ntheme = "b"', "line 2: Cannot overwrite a value"),
        ('theme = """', "line 1"),
        ("\x00", "line 1"),
        ("=\n" * 100, "nothing of it can be read"),
    ],
)
def test_a_wrong_line_is_told(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    assert any(problem.startswith(said) for problem in Config.load(file, IDS).problems)


def test_a_wrong_line_costs_that_line_alone_and_all_are_told(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('symbols = "ascii"\ntheme = \ncolour = 1\n[keys]\nquti = "x"\nquit = "f10"\nhelp = 3\n')
    config = Config.load(file, IDS)
    assert (config.symbols, config.keys) == ("ascii", {"quit": "f10"})
    assert [problem.partition(":")[0] for problem in config.problems] == ["line 2", "colour", "keys.quti", "keys.help"]


def test_a_key_that_another_action_has_in_the_same_place_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[keys]\ntrain = "5"\nresume = "f5"\nquit = "f5"\nhelp = "f7, f8"\nsort = "r"\n')
    config = Config.load(file, frozenset(action.id for action in ACTIONS), clashes)
    assert config.keys == {"resume": "f5", "help": "f7, f8", "sort": "r"}  # resume and sort are never seen together
    assert config.problems == (
        "keys.train: 5 is the key of place-explore too",
        "keys.quit: f5 is the key of resume too",
    )


async def test_the_app_tells_every_problem_and_uses_the_rest(shop: Path) -> None:
    config = Config(symbols="ascii", problems=("line 2: Invalid value: theme =", "keys.quti: no such action"))
    app = EagerApp(shop, config=config)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await Eyes(app, pilot).see("the rest of it counts", "line 2: Invalid value", "keys.quti: no such")


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
