"""`init` and `check`, on the real readers: from two files to a project and its profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli

from core.assets import assets_path
from tests.eagertui.cli.cli_tools import eager


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """Thirty readers who each take six of twelve books, in CSV and JSON lines."""
    log = ["reader,book,when"]
    log += [f"r{r},b{(r + n) % 12},2024-01-{n + 1:02d}" for r in range(30) for n in range(6)]
    books = [{"book": f"b{n}", "title": f"[red]Lighthouse\x1b[31m {n}", "author": "A. Keeper"} for n in range(12)]
    (tmp_path / "log.csv").write_text("\n".join(log) + "\n")
    (tmp_path / "books.jsonl").write_text("".join(json.dumps(book) + "\n" for book in books))
    return tmp_path / "log.csv", tmp_path / "books.jsonl"


def test_from_two_files_to_a_profile(tables, tmp_path):
    log, books = tables
    done = eager("init", tmp_path / "new" / "shop", "--interactions", log, "--items", books)
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    project = tomli.loads(path.read_text())
    assert (project["data"]["user"], project["data"]["item"]) == ("reader", "book")
    assert "train" in done.stderr

    done = eager("--headless", "check", path)
    assert done.returncode == 0, done.stderr
    for told in ("180 rows", "users         30", "items         12", "training targets", "history lengths"):
        assert told in done.stdout
    profile = json.loads(eager("check", path.parent, "--json").stdout)
    assert (profile["users"], profile["items"], profile["interactions"]) == (30, 12, 180)


def test_a_column_may_be_told(tables, tmp_path):
    log, _ = tables
    log.write_text(log.read_text().replace("reader,book", "x,y"))
    told = ("--set", "data.user=x", "--set", "data.item=y")
    done = eager("init", tmp_path / "shop", "--interactions", log, *told)
    assert done.returncode == 0, done.stderr
    assert eager("init", tmp_path / "other", "--interactions", log, "--set", "seed=1").returncode == 2
    assert not (tmp_path / "other").exists()


def test_init_overwrites_nothing_and_leaves_nothing(tables, tmp_path):
    log, _ = tables
    (tmp_path / "project.toml").write_text("mine")
    done = eager("init", tmp_path, "--interactions", log)
    assert done.returncode == 2
    assert "already holds project.toml" in done.stderr
    assert (tmp_path / "project.toml").read_text() == "mine"
    done = eager("init", tmp_path / "a" / "b", "--interactions", tmp_path / "missing.csv")
    assert done.returncode == 2
    assert "missing.csv" in done.stderr
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("args", [[], ["--sample", "--interactions", "x"], ["--sample", "--items", "x"]])
def test_init_wants_files_or_the_sample(args, tmp_path):
    assert eager("init", tmp_path / "shop", *args).returncode == 2
    assert not (tmp_path / "shop").exists()


def test_the_sample_is_copied_whole(tmp_path):
    done = eager("init", "--sample", tmp_path / "shop", "--json")
    assert done.returncode == 0, done.stderr
    path = Path(json.loads(done.stdout)["project"])
    assert path == tmp_path / "shop" / "project.toml"
    shipped = {p.name for p in (assets_path() / "sample").iterdir() if p.suffix in (".toml", ".parquet")}
    assert {p.name for p in path.parent.iterdir()} == shipped
    assert eager("--headless", "check", path).returncode == 0
    assert eager("init", "--sample", tmp_path / "shop").returncode == 2


def test_data_errors_have_their_own_code(tables, tmp_path):
    log, _ = tables
    eager("init", tmp_path / "shop", "--interactions", log)
    log.write_text("reader,book,when\n" + "r1,,2024-01-01\n" * 20)
    done = eager("--headless", "check", tmp_path / "shop")
    assert done.returncode == 4
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    log.unlink()
    assert eager("--headless", "check", tmp_path / "shop").returncode == 2
