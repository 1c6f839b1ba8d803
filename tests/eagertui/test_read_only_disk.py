"""A disk that can only be read: every verb that writes says so in one sentence, and those that read go on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.run.listing import list_runs
from tests.eagertui.app_tools import new_run
from tests.eagertui.cli.cli_tools import ROOT, environment

OWN_MOUNT = ["unshare", "--mount", "--map-root-user"]
"""What gives a process mounts of its own, without anybody's leave where the system allows it."""
DRIVER = """
import json, subprocess, sys
from tests.eagertui.cli.cli_tools import eager
place, verbs = sys.argv[1], json.loads(sys.argv[2])
subprocess.run(["mount", "--bind", place, place], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
answers = [eager(*words) for words in verbs]
print(json.dumps([[done.returncode, done.stderr] for done in answers]))
"""
Verbs = list[tuple[object, ...]]
Answers = list[tuple[int, str]]
Ask = Callable[[Path, Verbs], Answers]


@pytest.fixture(scope="module")
def ask() -> Ask:
    """Ask verbs in turn, while a folder lies on a disk that can only be read: exit code and stderr of each."""
    if shutil.which("unshare") is None or subprocess.run([*OWN_MOUNT, "true"], check=False).returncode:
        pytest.skip("this system allows nobody a mount of his own")

    def asked(place: Path, verbs: Verbs) -> Answers:
        words = json.dumps([[str(word) for word in verb] for verb in verbs])
        argv = [*OWN_MOUNT, sys.executable, "-c", DRIVER, str(place), words]
        done = subprocess.run(argv, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [(code, said) for code, said in json.loads(done.stdout)]

    return asked


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def refused(answer: tuple[int, str], *says: str) -> None:
    """One error with the place in it, and no number of the system's."""
    code, said = answer
    assert code == 3, said
    assert said.count("error: ") == 1 and "Errno" not in said and "Traceback" not in said, said
    for words in says:
        assert words in said, said


def test_a_project_on_it_is_read_and_not_trained(ask: Ask, shop: Path, logs: Path) -> None:
    before = contents(shop)
    train = ("--headless", "train", shop)
    verbs: Verbs = [("check", shop), ("runs", shop), train, (*train, "--dry-run"), (*train, "--new")]
    check, runs, *trained = ask(shop, [*verbs, ("init", shop / "new", "--interactions", logs)])
    assert check[0] == runs[0] == 0
    for answer in trained[:3]:
        refused(answer, f"cannot write {shop / 'runs'}: Read-only file system")
    refused(trained[3], f"cannot write {shop / 'new'}: Read-only file system")
    assert contents(shop) == before


def test_a_store_on_it_fails_the_run_in_words(ask: Ask, shop: Path, logs: Path) -> None:
    store = shop / "runs" / ".store"
    store.mkdir(parents=True)
    (answer,) = ask(store, [("--headless", "train", shop)])
    refused(answer, str(store))
    (run,) = list_runs(shop / "runs")
    assert (run.status.state, run.status.exit_code) == ("failed", 3)
    assert "nothing can be written" in run.status.error and "a disk that can only be read" in answer[1]


def test_a_run_on_it_is_shown_and_not_changed(ask: Ask, shop: Path) -> None:
    run = new_run(shop)
    before = contents(shop)
    shown, named, removed = ask(
        shop, [("runs", shop), ("runs", shop, "--name", run.id, "mine"), ("runs", shop, "--rm", run.id, "--yes")]
    )
    assert shown[0] == 0
    refused(named, f"{run.path / 'label.json'}: nothing can be written", "a disk that can only be read")
    refused(removed, str(run.path))
    assert contents(shop) == before


def test_lists_and_files_of_a_trained_run_on_it(ask: Ask, tmp_path: Path) -> None:
    shutil.unpack_archive(ROOT / "tests/fixtures/run-0.1.0.zip", tmp_path)
    shop = tmp_path / "shop"
    before = contents(shop)
    answers = ask(
        shop,
        [
            ("recommend", shop, "--all-users", "--out", shop / "all.parquet"),
            ("export", shop, "--out", shop / "model"),
            ("index", "export", shop, "--out", shop / "x.json"),
            ("compare", shop, "--html", shop / "page.html"),
            ("cache", "build", shop),
            ("index", "add", shop, shop / "items.parquet"),
            ("index", "show", shop),
        ],
    )
    assert answers.pop()[0] == 0
    for answer, place in zip(answers, ("", "model", "x.json", "page.html", "", ""), strict=True):
        refused(answer, str(shop / place))
        assert "Read-only file system" in answer[1] or "a disk that can only be read" in answer[1], answer[1]
    assert contents(shop) == before
