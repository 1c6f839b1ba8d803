"""Every verb prints but `train`; a project alone opens the app; a path that is no project says what it is."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.run.folder import RunFolder
from eagertui.actions import PLACES
from eagertui.cli.verbs import all_verbs
from eagertui.no_project import fault_at
from tests.eagertui.cli.cli_tools import PROJECT, eager, environment

OPENED = """
import json, sys, eagertui.app
eagertui.app.run_app = lambda project, place="", overrides=(), user="": print(
    "opened", project, place or "-", *overrides, user or "-") or 0
from eagertui.cli import main
for argv in json.loads(sys.argv[1]):
    code = main(argv)
    print(f"\\0{code}", flush=True)
"""


def on_a_terminal(*commands: list[str], cwd: Path) -> list[tuple[int, str]]:
    """What came of each `eagertui ARGS` on a terminal, and what it printed; the app only says how it was opened."""
    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", OPENED, json.dumps(commands)], stdin=follower, stdout=follower, stderr=follower,
        cwd=cwd, env={**environment(), "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    text = b""
    try:
        while part := os.read(leader, 4096):
            text += part
    except OSError:  # the child has closed its end
        pass
    finally:
        os.close(leader)
    assert child.wait(60) == 0, text
    ends = re.findall(r"(.*?)\0(\d+)\n", text.decode().replace("\r\n", "\n"), re.S)
    return [(int(code), printed) for printed, code in ends]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "project.toml").write_text(PROJECT)
    (folder / "logs.csv").write_text("user_id,item_id\n" + "".join(f"u{n % 7},i{n % 5}\n" for n in range(70)))
    return folder


def test_train_alone_opens_the_app_on_a_terminal(shop: Path) -> None:
    assert [verb.name for verb in all_verbs().values() if verb.opens] == ["train"]
    ends = on_a_terminal(
        ["train", "shop", "--set", "seed=3"],
        ["runs", "shop"],
        ["runs", "shop", "--headless"],
        ["--headless", "runs", "shop"],
        ["recommend", "shop", "--user", "1"],
        ["check", "shop", "--set", "data.min_user_interactions=0"],
        cwd=shop.parent,
    )
    assert [code for code, _ in ends] == [0, 0, 0, 0, 2, 0]
    trained, *listed, recommended, checked = (text for _, text in ends)
    assert trained == "opened shop/project.toml train seed=3 -\n"
    assert all("no runs yet" in text for text in listed)
    assert "no finished run" in recommended
    assert "opened" not in checked and "70" in checked


def test_a_project_opens_the_app_where_it_was_left_or_at_a_place(shop: Path) -> None:
    opened = [
        ([], "None - -"),
        (["shop"], "shop/project.toml - -"),
        (["shop/project.toml"], "shop/project.toml - -"),
        (["open", "shop"], "shop/project.toml - -"),
        (["open", "shop", "compare"], "shop/project.toml compare -"),
        (["open", "shop", "explore", "--user", "r1"], "shop/project.toml explore r1"),
        (["shop", "data"], "shop/project.toml data -"),
        (["open", "index"], "None index -"),
    ]
    wrong = [["open", "shop", "indx"], ["shop", "kitchen"]]
    *ends, near, far = on_a_terminal(*(args for args, _ in opened), *wrong, cwd=shop.parent)
    assert ends == [(0, f"opened {said}\n") for _, said in opened]
    assert near[0] == 2 and "did you mean index?" in near[1]
    assert far[0] == 2 and all(place in far[1] for place in PLACES)


def test_a_verb_prints_into_a_pipe(shop: Path) -> None:
    done = eager("runs", shop)
    assert (done.returncode, done.stdout) == (0, "") and "no runs yet" in done.stderr
    assert json.loads(eager("check", shop, "--json", "--set", "data.min_user_interactions=0").stdout)


@pytest.mark.parametrize("verb", [[], ["open"], ["runs"], ["--headless", "train"], ["check"]])
def test_a_table_says_that_it_is_one_and_how_to_begin(shop: Path, verb: list[str]) -> None:
    parquet = shop / "interactions.parquet"
    parquet.write_bytes(b"PAR1\xff\x00PAR1")
    for file in (parquet, shop / "logs.csv"):
        done = eager(*verb, file)
        assert done.returncode == 2
        assert f"{file} is a table, not a project" in done.stderr
        assert "UTF-8" not in done.stderr
        assert f"eagertui {shop};" in done.stderr
        assert f"eagertui init {file.stem} --interactions {file}" in done.stderr


def test_a_word_that_is_nothing_names_the_nearest(shop: Path) -> None:
    for word, near in (("shpo", "shop"), ("trian", "train"), ("recomend", "recommend")):
        done = eager(word, "--dry-run", cwd=shop.parent)
        assert done.returncode == 2
        assert f'no verb and no project is called "{word}"; did you mean {near}?' in done.stderr
        assert "eagertui init DIR --interactions FILE" in done.stderr
    done = eager("./nowhere", cwd=shop.parent)
    assert "error: there is nothing at nowhere" in done.stderr
    assert f"did you mean {shop}?" in eager("runs", shop.parent / "shpo").stderr


def test_a_folder_says_that_it_has_no_project_file(shop: Path) -> None:
    folder = shop.parent / "tables"
    folder.mkdir()
    (folder / "log.csv").write_text("a,b\n1,2\n")
    for done in (eager(folder), eager("check", folder)):
        assert done.returncode == 2
        assert f"no project in {folder}: a folder without project.toml" in done.stderr
        assert f"eagertui init {folder} --interactions {folder}/log.csv" in done.stderr
    done = eager("runs", cwd=shop.parent)
    assert "no project here: a folder without project.toml" in done.stderr
    assert "projects in it: shop" in done.stderr


def test_a_run_says_whose_it_is(shop: Path) -> None:
    run = RunFolder.create(shop / "runs", "name = 'shop'\n", name="shop")
    for path in (run.path, run.path / "run.json"):
        done = eager(path)
        assert done.returncode == 2
        assert f"{run.path} is a run, not a project" in done.stderr
        assert f"eagertui {shop}; a verb takes the run as --run {run.id}" in done.stderr


def test_what_is_a_project_has_no_fault(shop: Path) -> None:
    assert fault_at(shop) is None and fault_at(shop / "project.toml") is None
    (shop / "odd").write_text(PROJECT)
    assert fault_at(shop / "odd") is None
