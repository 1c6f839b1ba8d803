"""A format is one file: found by listing the folder, and no other module asks what a table's format is."""

from __future__ import annotations

import ast
import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from core.data import sources
from core.data.read import BAD, ROW, collect
from core.data.sniff import formats, open_table, sniff
from core.errors import DataError
from tests.core.data.data_tools import MakeProject, load
from tests.imports import ROOT, modules

TOY = '''
from typing import ClassVar

import polars as pl

from core.data.read import BAD, ROW, Head, TableFile


class Toy(TableFile):
    """Words between bars behind a mark of its own; the first row names the columns."""

    format: ClassVar[str] = "toy"

    @classmethod
    def recognise(cls, head):
        if not head.raw.startswith(b"7z\\xbc\\xaf"):
            return None
        return cls(head.path, tuple(head.content.decode(errors="replace").splitlines()[1].split("!")))

    def scan(self, columns):
        rows = [line.split("!") for line in self.path.read_text(errors="replace").splitlines()[2:]]
        frame = pl.DataFrame(rows, schema={name: pl.String for name in self.columns}, orient="row")
        bad = pl.lit(None, pl.String).alias(BAD)
        return frame.with_row_index(ROW, 1).lazy().select(*columns, pl.col(ROW).cast(pl.Int64), bad)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more file in the folder of the formats."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "toy.py").write_text(TOY)
    monkeypatch.setattr(sources, "__path__", [*sources.__path__, str(folder)])
    formats.cache_clear()
    yield
    formats.cache_clear()


def test_the_folder_is_the_list() -> None:
    files = [name for name in modules("core") if name.startswith("core.data.sources.")]
    assert sorted(kind.__module__ for kind in formats()) == sorted(files)
    assert formats()[-1].format == "csv", "whoever takes any text comes last"


def test_a_new_format_is_one_new_file(toy: None, make: MakeProject) -> None:
    log = b"7z\xbc\xaf\nuser_id!item_id\nu!a\nu!b\nv!a\n"
    project = make(log, b"7z\xbc\xaf\nitem_id!title\na!First\nb!Second\n", text=["title"])
    dataset = load(project)
    assert dataset.users.to_list() == ["u", "v"] and dataset.items["title"].to_list() == ["First", "Second"]
    source = open_table(project.resolve(project.data.interactions), "x")[0]
    assert source.format == "toy" and source.row_count() == 5 and source.table(rows=2).height == 2
    assert collect(source, ["user_id"], pl.col(ROW), pl.col(BAD)).rows() == [(1, None), (2, None), (3, None)]


def test_without_that_file_it_is_refused(make: MakeProject) -> None:
    with pytest.raises(DataError, match="is a 7z archive"):
        load(make(b"7z\xbc\xaf\nuser_id!item_id\nu!a\n"))


def askers(root: Path) -> list[str]:
    """Where a module of the engine compares a format by its name."""
    names = {kind.format for kind in formats()}
    return [
        f"{name}:{node.lineno}"
        for name, file in modules("core", root).items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare)
        and any(isinstance(one, ast.Constant) and one.value in names for one in (node.left, *node.comparators))
    ]


def test_nobody_asks_for_a_format_by_name(tmp_path: Path) -> None:
    assert askers(ROOT) == []
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "sizes.py").write_text('def rows(source):\n    return source.format == "parquet"\n')
    assert askers(tmp_path) == ["core.sizes:2"]


def test_a_database_is_read_in_the_order_of_its_rows(tmp_path: Path) -> None:
    """Also where an index holds all columns that are asked for, and would be read instead."""
    rows = [(f"u{n % 3}", f"i{n * 7 % 11}", "x") for n in range(40)]
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as base:
        base.execute("CREATE TABLE log (user_id TEXT, item_id TEXT, note TEXT)")
        base.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
        base.execute("CREATE INDEX both ON log (user_id, item_id)")
        base.commit()
    found = collect(sniff(tmp_path / "log.db"), ["user_id", "item_id"])
    assert found.select("user_id", "item_id").rows() == [row[:2] for row in rows]


def test_rows_that_are_not_in_the_database_yet_are_missed(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("CREATE TABLE log (user_id TEXT, item_id TEXT)")
        base.execute("INSERT INTO log VALUES ('u', 'i')")
        base.commit()
        with pytest.raises(DataError, match=r"stand in log\.db-wal"):
            sniff(tmp_path / "log.db")
    assert sniff(tmp_path / "log.db").row_count() == 1  # whoever closes it puts them in


def test_a_list_is_no_id_in_a_nested_history(tmp_path: Path) -> None:
    lines = [
        {"user_id": "u", "items": [{"item_id": ["a", "b"]}, {"item_id": "c"}]},
        {"user_id": ["v"], "items": [{"item_id": "d"}]},
        {"user_id": "w", "items": [{"item_id": "e"}]},
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    found = collect(sniff(tmp_path / "log.jsonl"), ["user_id", "item_id"])
    assert found.filter(found[BAD].is_null())["item_id"].to_list() == ["c", "e"]
