"""`cache` and `recommend --all-users` on a real run, verb by verb."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.eagertui.cli import cli_tools

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a trained run and its cache."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.unpack_archive(ROOT / "tests/fixtures/run-0.1.0.zip", folder)
    shop = folder / "shop"
    done = eager(shop, "cache", "build", "--hide-seen", "--k", 4)
    assert done.returncode == 0, done.stderr
    assert "users to do, about" in done.stderr and "write-ahead log" in done.stderr and "users: " in done.stdout
    return shop


def eager(shop: Path, *words: object) -> subprocess.CompletedProcess[str]:
    verbs = 2 if words[0] == "cache" else 1
    return cli_tools.eager(*words[:verbs], shop, *words[verbs:], cwd=shop)


def told(shop: Path, *words: object) -> dict[str, Any]:
    done = eager(shop, *words, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_cached_list_needs_no_model(shop: Path) -> None:
    found = told(shop, "cache", "get", "--user", "u001", "--hide-seen", "--k", 4)
    assert (found["source"], found["state"], len(found["items"])) == ("cache", "fresh", 4)
    done = eager(shop, "cache", "get", "--user", "u001", "--hide-seen", "--k", 4)
    assert done.stdout.startswith("user u001 to date, from the cache, made 2") and done.stderr == ""
    none = eager(shop, "cache", "get", "--user", "u001", "--keep-seen", "--cached")
    assert none.returncode == 4 and "no lists of this question" in none.stderr
    done = eager(shop, "cache", "get", "--user", "nobody")
    assert done.returncode == 4 and "no user 'nobody'" in done.stderr


@pytest.mark.slow  # core/recommend/cache/test_cached_lists.py asks the same without processes
def test_what_the_cache_does_not_have_the_model_lists(shop: Path) -> None:
    done = eager(shop, "cache", "get", "--user", "u001", "--keep-seen", "--json")
    found = json.loads(done.stdout)
    assert found["source"] == "model" and "the model makes the list" in done.stderr and found["items"]


def test_status_export_and_forget(shop: Path, tmp_path: Path) -> None:
    copy = tmp_path / "shop"
    shutil.copytree(shop, copy, symlinks=True)
    state = told(copy, "cache", "status")
    (one,) = state["generations"]
    assert one["current"] and one["pending"] == 0 and one["users"] == state["lists"] and one["users_per_second"] > 0
    assert "hidden" in eager(copy, "cache", "status").stdout
    out = tmp_path / "cached.parquet"
    assert told(copy, "cache", "export", "--hide-seen", "--out", out)["rows"] == pl.read_parquet(out).height
    assert told(copy, "cache", "forget", "--user", "u001")["lists"] == 1
    gone = eager(copy, "cache", "get", "--user", "u001", "--hide-seen", "--k", 4)
    assert gone.returncode == 4 and "forgotten" in gone.stderr
    missing = eager(copy, "cache", "status", "--run", "none")
    assert missing.returncode == 2


@pytest.mark.slow  # core/recommend/cache/test_list_jobs.py refreshes without processes
def test_a_refresh_tells_what_it_took(shop: Path, tmp_path: Path) -> None:
    log = tmp_path / "new.csv"
    log.write_text("user_id,item_id,time\nu002,i07,99\nu002,i03,98\nsomebody,i04,1\n")
    done = told(shop, "cache", "refresh", "--interactions", log)
    assert (done["rows"], done["changed_users"], done["new_users"], done["refreshed"]) == (3, 2, 1, 2)
    assert told(shop, "cache", "get", "--user", "somebody", "--hide-seen", "--k", 4)["state"] == "fresh"
    assert eager(shop, "cache", "refresh", "--interactions", tmp_path / "none.csv").returncode == 2


@pytest.mark.slow  # core/recommend/cache/test_list_users.py writes the file without processes
def test_all_users_into_a_file(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    done = eager(shop, "recommend", "--all-users", "--out", out, "--k", 3, "--as-tested")
    assert done.returncode == 0 and done.stdout.strip() == str(out) and "users to do" in done.stderr
    table = pl.read_parquet(out)
    assert table.columns == ["user_id", "rank", "item_id", "score"] and table["rank"].max() == 3
    for wrong in (["--all-users"], ["--all-users", "--out", "x.csv"], ["--user", "u001", "--out", out]):
        assert eager(shop, "recommend", *wrong).returncode == 2
