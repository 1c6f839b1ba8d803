"""The verb `index`, by the real engine on a small world: build, show, diff, export, import, add, remove."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

from tests.core.engine_tools import walks, write_world
from tests.eagertui.cli.cli_tools import eager

LEVELS = "index.width=8"


def lines(done) -> list[dict]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two runs for the index alone, made by different quantizers."""
    project = write_world(tmp_path_factory.mktemp("shop"), walks())
    for method in ("kmeans-tree", "rq-kmeans"):
        done = eager("--headless", "index", "build", project, "--set", f"index.method={method}", "--set", LEVELS)
        assert done.returncode == 0, done.stderr
    return project


def runs(shop: Path) -> list[dict]:
    return lines(eager("--headless", "runs", shop, "--json"))[0]["runs"]


def made(shop: Path) -> list[str]:
    """The two runs of the fixture, the newer first."""
    return [run["id"] for run in runs(shop)][-2:]


def test_build_reports_and_goes_no_further(shop: Path) -> None:
    done = eager("--headless", "index", "build", shop, "--set", "index.method=kmeans-tree", "--set", LEVELS)
    assert done.returncode == 0 and "index        reused" in done.stderr
    for told in ("items, base", "perplexity", "conflicts after", "nearest in", "branch"):
        assert told in done.stdout
    run = Path(done.stdout.splitlines()[-1])
    assert not (run / "metrics.json").exists() and not (run / "stages" / "tune.json").exists()
    assert json.loads((run / "run.json").read_text())["goal"] == "index"


def test_the_dry_run_names_the_stages_of_an_index_alone(shop: Path) -> None:
    done = eager("--headless", "index", "build", shop, "--dry-run", "--set", "index.method=parallel")
    assert done.returncode == 0 and "index        run" in done.stdout and "tune" not in done.stdout


def test_a_run_without_a_model_is_not_asked_for_recommendations(shop: Path) -> None:
    done = eager("--headless", "recommend", shop, "--user", "u0")
    assert done.returncode == 2 and "no finished run" in done.stderr


def test_show_and_diff(shop: Path) -> None:
    newest, older = made(shop)
    report = lines_of_object(eager("--headless", "index", "show", shop, "--run", newest, "--json"))
    assert report["method"] == "rq-kmeans" and report["conflicts"]["steps"][-1]["rate"] == 0
    done = eager("--headless", "index", "diff", shop, older, newest)
    assert done.returncode == 0 and "rq-kmeans" in done.stdout and "kmeans-tree" in done.stdout
    found = lines(eager("--headless", "index", "diff", shop, older, newest, "--json"))[0]
    assert (found["a"], found["b"]) == (older, newest)


def lines_of_object(done) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["codes.index.json", pytest.param("codes.parquet", marks=pytest.mark.slow)])
def test_what_is_exported_comes_back_as_the_same_index(shop: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    older = made(shop)[1]
    base = lines_of_object(eager("--headless", "index", "show", shop, "--run", older, "--json"))
    assert eager("--headless", "index", "export", shop, "--run", older, "--out", path).returncode == 0
    done = eager("--headless", "index", "import", shop, path)
    assert done.returncode == 0 and "--set 'index.method=" in done.stderr
    again = Path(done.stdout.splitlines()[-1])
    report = lines_of_object(eager("--headless", "index", "show", shop, "--run", again.name, "--json"))
    assert report["conflicts"]["steps"][0]["rate"] == 0
    copy = tmp_path / f"again-{name}"
    assert eager("--headless", "index", "export", shop, "--run", again.name, "--raw", "--out", copy).returncode == 0
    assert copy.read_bytes() == path.read_bytes()
    assert [level["used"] for level in report["levels"]] == [level["used"] for level in base["levels"]]


def test_a_broken_file_of_codes_is_refused(shop: Path, tmp_path: Path) -> None:
    path = tmp_path / "codes.json"
    path.write_text('{"i0": ["<a_1>"], "nobody": ["<a_2>"]}')
    done = eager("--headless", "index", "import", shop, path)
    assert done.returncode == 4 and "codes.json" in done.stderr and "Traceback" not in done.stderr
    done = eager("--headless", "index", "import", shop, tmp_path / "none.json")
    assert done.returncode == 2 and "none.json" in done.stderr


def test_items_are_added_and_removed(shop: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(next(shop.parent.glob("*.parquet")))
    fresh = table.head(3).with_columns(pl.Series(table.columns[0], ["new1", "new2", "new2"]))
    fresh.write_parquet(tmp_path / "new.parquet")
    run = made(shop)[1]
    told = lines(eager("--headless", "index", "add", shop, tmp_path / "new.parquet", "--run", run, "--json"))[0]
    assert told["added"] == 2 and told["duplicates"] == 1
    told = lines(eager("--headless", "index", "remove", shop, "new1", "--run", run, "--json"))[0]
    assert told["removed"] == 1
    report = lines_of_object(eager("--headless", "index", "show", shop, "--run", run, "--json"))
    assert [(item["item_id"], item["removed"]) for item in report["added"]] == [("new1", True), ("new2", False)]
    assert report["revision"] == 2 and report["removed"] == ["new1"] and report["added"][1]["code"].startswith("<a_")
    done = eager("--headless", "index", "show", shop, "--run", run)
    assert "revision 2: 2 items added, 1 removed" in done.stdout and "removed again" in done.stdout
    assert report["added"][1]["code"] in done.stdout
    another = table.head(1).with_columns(pl.Series(table.columns[0], ["new3"]))
    another.write_parquet(tmp_path / "another.parquet")
    done = eager("index", "add", shop, tmp_path / "another.parquet", "--run", run)
    assert re.search(r"^new3  <a_\d+>.*\n    beside ", done.stdout, re.MULTILINE) and "{}" not in done.stdout
    done = eager("--headless", "index", "remove", shop, "nobody", "--run", run)
    assert done.returncode == 4 and "nobody" in done.stderr


def test_the_verb_alone_says_what_it_can_do() -> None:
    done = eager("--headless", "index")
    assert done.returncode == 2
    done = eager("index", "--help")
    assert done.returncode == 0 and "import" in done.stdout
