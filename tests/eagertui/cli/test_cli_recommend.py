"""`recommend` on a real run: which history, which items, and what is said beside the list."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.serve import client
from core.serve.methods import answer
from core.serve.served_run import ServedRun
from tests.eagertui.cli.cli_tools import eager

ROOT = Path(__file__).resolve().parents[3]
Recommend = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a trained run."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.unpack_archive(ROOT / "tests/fixtures/run-0.1.0.zip", folder)
    return folder / "shop"


def recommend_process(shop: Path, *args: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, "-m", "eagertui.cli", "--headless", "recommend", str(shop), *map(str, args)]
    return subprocess.run(
        argv, capture_output=True, text=True, env=environment, check=False, stdin=subprocess.DEVNULL, cwd=shop
    )


@pytest.fixture(scope="module")
def served(shop: Path) -> ServedRun:
    """The run, loaded once."""
    (run,) = (path for path in (shop / "runs").iterdir() if (path / "run.json").exists())
    return ServedRun(run, False, str)


@pytest.fixture
def recommend(shop: Path, served: ServedRun, monkeypatch: pytest.MonkeyPatch) -> Recommend:
    """The verb in this process, and the answers too, for a serving process would load the model for every question;
    `tests/test_extending.py` has one.
    """

    def ask(folder: object, method: str, params: dict[str, Any], *_: object) -> dict[str, Any]:
        return dict(json.loads(json.dumps(answer(served, method, params))))

    monkeypatch.setattr(client, "ask_once", ask)
    return lambda shop, *args: eager("--headless", "recommend", shop, *args, cwd=shop)


def test_every_list_says_which_history_it_follows(shop: Path, recommend: Recommend) -> None:
    to_date, as_tested = (json.loads(recommend(shop, "--user", "u001", "--json", *more).stdout)
                          for more in ((), ("--as-tested",)))  # fmt: skip
    assert (to_date["history_kind"], as_tested["history_kind"]) == ("to date", "as tested")
    assert to_date["history"][:-1] == as_tested["history"]
    assert to_date["history"][-1]["item_id"] == as_tested["target"] and to_date["target"] is None
    assert recommend(shop, "--user", "u001").stdout.startswith("user u001 to date, 8 items, the oldest first")
    done = recommend(shop, "--history", "i01", "--as-tested")
    assert done.returncode == 2 and "--user" in done.stderr


def test_restrictions(shop: Path, recommend: Recommend, tmp_path: Path) -> None:
    ids = tmp_path / "deny.txt"
    ids.write_text("i03\n\n  i04\nzebra\n")
    done = recommend(
        shop, "--user", "u001", "--only", "title LIKE '%amber%'", "--deny", ids, "--deny", "i05,i06", "--k", 50,
        "--json", "--hide-seen",
    )  # fmt: skip
    answer = json.loads(done.stdout)
    listed = {item["item_id"]: item["title"] for item in answer["items"]}
    seen = {item["item_id"] for item in answer["history"]}
    assert listed and all("amber" in title for title in listed.values())
    assert not {"i03", "i04", "i05", "i06"} & set(listed) and not seen & set(listed)
    assert answer["short"] and f"only {len(listed)} items may be listed" in done.stderr and "zebra" in done.stderr
    some = json.loads(recommend(shop, "--history", "i01", "--allow", "i01,i02", "--keep-seen", "--json").stdout)
    assert sorted(item["item_id"] for item in some["items"]) == ["i01", "i02"]
    wrong = recommend(shop, "--user", "u001", "--only", "titel = 'x'")
    assert wrong.returncode == 4 and "did you mean title" in wrong.stderr and wrong.stdout == ""
    assert recommend(shop, "--user", "u001", "--hide-seen", "--keep-seen").returncode == 2


def test_words_and_nobody(shop: Path, recommend: Recommend) -> None:
    done = recommend(shop, "--more", "zzzz qqqq", "--like", "The ember book, part 50", "--k", 3, "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 0 and answer["source"] == "popularity" and len(answer["items"]) == 3
    assert 'nothing is known by "zzzz qqqq"' in done.stderr and "follows popularity" in done.stderr
    assert "no stage steer" in done.stderr and "i50" not in {item["item_id"] for item in answer["items"]}
    done = recommend(shop, "--wish", "ember weather", "--k", 3)
    assert done.returncode == 0 and "ember book" in done.stdout and "code" in done.stdout and "<a_" in done.stdout
    assert "weights: words 0.50, text 0.50" in done.stderr and "oldest first" not in done.stdout


def test_an_unknown_user_costs_no_model(shop: Path) -> None:
    done = recommend_process(shop, "--user", "nope")
    assert done.returncode == 4 and "no user 'nope'" in done.stderr and "loading" not in done.stderr
    assert recommend_process(shop, "--user", "u001", "--history", "i01").returncode == 2


def test_why(shop: Path, recommend: Recommend) -> None:
    """The evidence of the first item below the list, of any item where it is named; all of it in JSON."""
    done = recommend(shop, "--user", "u001", "--as-tested", "--why")
    assert done.returncode == 0, done.stderr
    first = next(line.split()[1] for line in done.stdout.splitlines() if line.split()[:1] == ["1"] and "-" in line)
    assert f"\nwhy {first} " in done.stdout and "Code by code" in done.stdout and "held out: " in done.stdout
    assert "was not measured" in done.stdout
    answer = json.loads(recommend(shop, "--user", "u001", "--why", "i17", "--json").stdout)
    assert answer["evidence"]["item"]["item_id"] == "i17" and answer["sentences"] and answer["items"]
    assert answer["held_out"] is None
    wrong = recommend(shop, "--user", "u001", "--why", "i170")
    assert wrong.returncode == 4 and "i17" in wrong.stderr and wrong.stdout == ""


@pytest.mark.slow  # three processes that load the model; core/evaluate/test_faithfulness.py measures it
def test_faithfulness_is_measured_once_and_kept(shop: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    shutil.copytree(shop, project)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def evaluate(*args: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "eagertui.cli", "evaluate", str(project), "--faithfulness", *args]
        return subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, cwd=tmp_path)

    done = evaluate("--json")
    assert done.returncode == 0, done.stderr
    figure = json.loads(done.stdout)["faithfulness"]
    assert figure["users"] > 10 and figure["low"] <= figure["difference"] <= figure["high"]
    told = json.loads(recommend_process(project, "--user", "u001", "--why", "--json").stdout)
    assert told["faithfulness"] == figure and told["faith"] == figure["sentence"]
    assert evaluate("--set", "recommend.k=3").returncode == 2
