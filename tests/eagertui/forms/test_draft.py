"""A new project before it is written: the text of its file, the draft, the files and folders to pick from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from core.errors import EagerError, EnvironmentFault, ProjectError
from core.project import Project, all_settings
from eagertui.cli.create_project import folder_for, parse_values, peek, with_values, write_guessed, write_project
from eagertui.forms.draft import Draft, folder_problem
from eagertui.forms.folders import completed, folder_text, is_table, list_folder, split_path
from eagertui.forms.peek_lines import peek_lines
from tests.eagertui.forms.form_tools import Errands, run_init, write_tables


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a log and an item table; it is the working directory."""
    monkeypatch.chdir(write_tables(tmp_path / "library"))
    return tmp_path / "library"


# --- the text of the file ---------------------------------------------------------------------------------------------


def test_every_key_of_data_can_be_told(tables: Path) -> None:
    odd = {
        "columns": "", "item_columns": "", "encoding": "", "table": "", "item_table": "",
        "interactions": "../log.csv", "items": "../books.jsonl", "item": "book", "user": "reader", "item_key": "book",
        "time": "", "position": "when", "rating": "stars", "min_rating": "2.5", "text": "author, title",
        "min_user_interactions": "2", "min_item_interactions": "1", "duplicates": "first", "max_history": "7",
        "catalogue": "all", "split": "leave-one-out", "max_rejected": "0.5",
        "where": "stars > 1", "ties": "shuffle", "valid_from": "", "test_from": "",
    }  # fmt: skip
    assert {f"data.{key}" for key in odd} == {s.key for s in all_settings() if s.key.startswith("data.")}
    told = [*(f"data.{key}={value}" for key, value in odd.items()), "name=A 'b' #c", "recipe=light"]
    project = Project.load(write_project(tables / "new", tables / "log.csv", tables / "books.jsonl", told))
    assert project.name == "A 'b' #c"
    assert (project.data.time, project.data.position, project.data.text) == ("", "when", ("author", "title"))
    values = parse_values(told)
    assert {key: getattr(project.data, key.removeprefix("data.")) for key in values if key.startswith("data.")} == {
        key: value for key, value in values.items() if key.startswith("data.")
    }


def test_only_told_lines_change(tables: Path) -> None:
    plain = write_project(tables / "a", tables / "log.csv", tables / "books.jsonl").read_text().splitlines()
    told = ["data.max_history=9", "data.text=title", "recipe=light"]
    text = write_project(tables / "b", tables / "log.csv", tables / "books.jsonl", told).read_text().splitlines()
    changed = {new for old, new in zip(plain, text, strict=True) if old != new}
    assert {re.sub(" +", " ", row) for row in changed} == {
        'name = "b"', "max_history = 9 # as told", 'text = ["title"] # as told'
    }  # fmt: skip
    column = next(row.index("#") for row in plain if row.startswith("user = "))
    assert all(row.index("# as told") == column for row in changed if "as told" in row)


@pytest.mark.parametrize(
    ("told", "message"),
    [("seed=1", "init takes data.*, name and recipe"), ("data.user", "expected key=value"),
     ("data.usr=x", "data.usr: unknown key; did you mean data.user?"), ("recipe=lite", 'did you mean "light"?'),
     ("data.max_history=many", "expected a whole number"), ("data.user=nobody", 'no column "nobody"'),
     ("name=a/b", "must be usable as part of a folder's name"), ("data.min_rating=1", "needs data.rating")],
)  # fmt: skip
def test_what_cannot_be_told(tables: Path, told: str, message: str) -> None:
    (tables / "log.csv").write_text((tables / "log.csv").read_text().replace("stars", "n"))
    with pytest.raises(ProjectError, match=re.escape(message)):
        write_project(tables / "new", tables / "log.csv", None, [told])
    assert not (tables / "new").exists()


def test_a_written_project_is_left_alone(tables: Path) -> None:
    path = write_project(tables / "new", tables / "log.csv", None)
    text = path.read_text()
    with pytest.raises(ProjectError, match="already holds"):
        write_guessed(tables / "new", text, {"name": "other"})
    assert path.read_text() == text
    with pytest.raises(ProjectError, match="not UTF-8"):
        write_guessed(tables / "bad", text, {"data.interactions": "\udcff.csv"})
    assert not (tables / "bad").exists()


# --- the draft ------------------------------------------------------------------------------------------------------


async def guessed(draft: Draft) -> Draft:
    return draft.with_guess(await Errands()("guess", *draft.guess_arguments)).checked()


def field(draft: Draft, key: str) -> Any:
    return next(one for one in draft.fields if one.key == key)


async def test_a_draft_writes_what_its_command_writes(tables: Path) -> None:
    draft = await guessed(Draft(tables / "log.csv", tables / "books.jsonl", tables / "one"))
    assert draft.trouble is None
    assert field(draft, "data.user").doc.startswith("by its name · column of")
    for key, text in {"data.rating": "", "data.user": "reader", "name": "My shop", "data.text": "title",
                      "data.min_user_interactions": "2"}.items():  # fmt: skip
        draft = draft.with_text(key, text)
    draft = await guessed(draft)
    assert [one.key for one in draft.fields if one.changed] == ["name", "data.user", "data.rating", "data.text",
                                                                "data.min_user_interactions"]  # fmt: skip
    path = write_guessed(draft.directory, draft.guessed, draft.values)
    written = path.read_bytes()
    path.unlink()
    assert run_init(draft.command).read_bytes() == written
    project = Project.load(tables / "one")
    assert (project.name, project.data.rating, project.data.text) == ("My shop", "", ("title",))


async def test_a_draft_finds_values_that_do_not_go_together(tables: Path) -> None:
    draft = await guessed(Draft(tables / "log.csv", None, tables / "one"))
    draft = draft.with_text("data.position", "stars").with_text("data.rating", "").checked()
    assert draft.trouble.key == "data.position"
    assert "choose one of" in field(draft, "data.position").problem
    draft = draft.with_text("data.time", "").checked()
    assert draft.trouble is None
    draft = draft.with_text("name", "a/b").checked()
    assert draft.trouble.key == "name"
    assert draft.with_text("name", None).checked().trouble is None


def test_a_draft_without_a_guess_asks_for_the_columns(tables: Path) -> None:
    draft = Draft(tables / "log.csv", None, tables / "one", log_columns=("x", "y"))
    assert draft.trouble.key == "data.user"
    assert field(draft, "data.user").choices == ("x", "y")
    assert field(draft, "data.time").choices == ("", "x", "y")
    told = draft.with_text("data.user", "x").with_text("data.item", "y")
    assert [text for text in told.guess_arguments if text.startswith("data.")] == ["data.user=x", "data.item=y"]
    assert told.trouble is None


async def test_a_tie_of_users_and_items_is_marked_to_be_chosen(tables: Path) -> None:
    """Forty users and forty items, numbered alike: the engine refuses, the form asks, one answer settles both."""
    rows = [f"{u},{(u * 7 + n * 3) % 40 + 1}" for u in range(1, 41) for n in range(10)]
    (tables / "log.csv").write_text("\n".join(["a,b", *rows]) + "\n")
    draft = Draft(tables / "log.csv", None, tables / "one", log_columns=("a", "b"))
    with pytest.raises(EagerError, match="cannot tell which column holds the user and the item ids"):
        await guessed(draft)
    assert all("which column holds the ids?" in field(draft, key).problem for key in ("data.user", "data.item"))
    settled = await guessed(draft.with_text("data.user", "b"))
    assert settled.trouble is None and field(settled, "data.item").value_text == "a"
    assert "as told" not in field(settled, "data.item").doc


def test_a_folder_for_a_new_project(tables: Path) -> None:
    assert folder_for(Path("/data/beauty/interactions.parquet"), tables) == tables / "beauty"
    assert folder_for(Path("/data/beauty.csv.gz"), tables) == tables / "beauty"
    assert folder_for(Path("/data/logs/*.csv"), tables) == tables / "project"
    (tables / "beauty").mkdir()
    assert folder_for(Path("/data/beauty.csv"), tables) == tables / "beauty-2"
    assert folder_problem(str(tables)) == ""
    assert folder_problem(" ") == "a new project needs a folder"
    assert folder_problem(str(tables / "log.csv")) in ("is a file", "cannot be a folder (Not a directory)")
    assert folder_problem("x" * 5000).startswith("cannot be a folder")
    (tables / "project.toml").touch()
    assert "already" in folder_problem(str(tables))


def test_told_lines_of_any_value(tables: Path) -> None:
    guess = write_project(tables / "new", tables / "log.csv", None).read_text()
    words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)

    @given(name=words, column=words, texts=st.lists(words, max_size=3))
    def check(name: str, column: str, texts: list[str]) -> None:
        told = {"name": name, "data.user": column, "data.text": tuple(texts), "data.max_rejected": 0.25}
        tree = tomli.loads(with_values(guess, told))
        assert (tree["name"], tree["data"]["user"], tree["data"]["text"]) == (name, column, texts)
        assert tree["data"]["item"] == "book"

    check()


# --- files and folders -----------------------------------------------------------------------------------------------


def test_the_beginning_of_a_table(tables: Path) -> None:
    log = peek(tables / "log.csv")
    assert (log.columns, log.rows[0], len(log.rows)) == (
        ("reader", "book", "when", "stars"),
        ("r0", "b0", "2024-01-01", "0"),
        8,
    )
    books = peek(tables / "books.jsonl", rows=2)
    assert books.format == "jsonl"
    assert books.rows[0][1] == "[red]House\x1b[31m by the sea 0"
    assert peek(tables / "*.csv").files == 1
    with pytest.raises(ProjectError, match="there is no file"):
        peek(tables / "missing.csv")
    (tables / "bad.parquet").write_bytes(b"PAR1")
    with pytest.raises(EagerError, match="truncated"):
        peek(tables / "bad.parquet")
    (tables / "odd.csv").write_text('a,b\n1,"x"y\n2,z\n')
    assert peek(tables / "odd.csv").rows[1] == ("2", "z")


def test_the_meant_column_is_in_sight(tables: Path) -> None:
    books = peek(tables / "books.jsonl")
    rows = [row.plain for row in peek_lines(books, {"author"}, 20, 4)]
    assert len(rows) == 4
    assert "author" in rows[0]
    assert "A. Keeper" in rows[1]
    whole = "\n".join(row.plain for row in peek_lines(books, (), 60, 9))
    assert "\x1b" not in whole
    assert "[red]House␛[31m by the sea 0" in whole


def test_what_is_typed_as_a_path(tables: Path) -> None:
    assert split_path("lo", tables) == (tables, "lo")
    assert split_path("/etc/ho", tables) == (Path("/etc"), "ho")
    assert split_path(f"{tables}//etc/ho", tables) == (Path("/etc"), "ho")
    assert split_path("~/x", tables) == (Path.home(), "x")
    assert split_path(f"{tables}/~/x", tables) == (Path.home(), "x")
    assert split_path("~", tables) == (Path.home(), "")
    assert split_path("../", tables) == (tables.parent, "")
    assert split_path(f"{tables}/a/../*.csv", tables) == (tables, "*.csv")
    assert split_path(f"{folder_text(tables)}x", Path("/")) == (tables, "x")
    assert folder_text(Path("/")) == "/"


def names_in(folder: Path, wanted: str = "", every: bool = False) -> list[str]:
    listing = list_folder(folder, wanted, every=every, stopped=lambda: False)
    assert listing is not None
    return [one.name for one in listing.entries]


def test_what_a_folder_shows(tables: Path) -> None:
    (tables / ".hidden").mkdir()
    (tables / "runs").mkdir()
    os.mkfifo(tables / "pipe.csv")
    listing = list_folder(tables, "", every=False, stopped=lambda: False)
    assert [one.name for one in listing.entries] == ["runs", "books.jsonl", "log.csv", "pipe.csv"]
    assert listing.hidden == 2
    assert listing.entries[0].folder
    assert listing.entries[2].size == (tables / "log.csv").stat().st_size
    names = [one.name for one in list_folder(tables, "", every=True, stopped=lambda: False).entries]
    assert {".hidden", "notes.md"} <= set(names)
    assert [one.name for one in list_folder(tables, "LOG", every=False, stopped=lambda: False).entries] == ["log.csv"]
    assert [one.name for one in list_folder(tables, "*.jsonl", every=False, stopped=lambda: False).entries] == [
        "books.jsonl"
    ]
    assert list_folder(tables, "", every=False, stopped=lambda: True) is None
    with pytest.raises(ProjectError, match="there is no folder"):
        names_in(tables / "no")
    with pytest.raises(ProjectError, match="is a file"):
        names_in(tables / "log.csv")
    with pytest.raises(EnvironmentFault, match="cannot be read"):
        names_in(Path("/" + "x" * 300))


def test_a_folder_of_thousands_is_shown_in_part(tmp_path: Path) -> None:
    for number in range(1200):
        (tmp_path / f"{number:04}.csv").touch()
    listing = list_folder(tmp_path, "", every=False, stopped=lambda: False)
    assert (len(listing.entries), listing.matching) == (500, 1200)
    assert [one.name for one in list_folder(tmp_path, "0007", every=False, stopped=lambda: False).entries] == [
        "0007.csv"
    ]


def test_names_of_tables_and_their_beginnings() -> None:
    assert all(map(is_table, ("a.CSV", "b.jsonl.gz", "c.parquet", "d.inter")))
    assert not any(map(is_table, ("a.md", "b.gz", "parquet", "c.toml")))
    assert completed(["interactions.csv", "items.csv", "x"], "i") == "i"
    assert completed(["logs.csv", "logs.tsv"], "l") == "logs."
    assert completed([], "q") == "q"
