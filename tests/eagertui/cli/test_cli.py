"""Verbs that need no engine, the errors, and the manners of the command line."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from eagertui.cli import parser
from eagertui.cli.verbs import all_verbs
from tests.eagertui.cli.cli_tools import PROJECT, eager, eager_process, environment


def test_help_names_every_verb():
    done = eager("--help")
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in all_verbs())


def test_help_of_train_lists_the_settings_of_the_recipe(tmp_path):
    done = eager("train", "--help")
    assert "the values of the recipe light" in done.stdout
    assert all(f"  {line}\n" in done.stdout for line in (
        "tune.batch_tokens = 1024", "backbone.hidden_size = 192", "tune.stages.epochs = 20", "data.max_history = 20",
    ))  # fmt: skip
    (tmp_path / "project.toml").write_text('recipe = "eager-llm-small"\n' + PROJECT)
    for args, folder in (([tmp_path], None), ([], tmp_path), (["--set", "recipe=eager-llm-small"], None)):
        text = eager("train", *args, "--help", cwd=folder).stdout
        assert "  tune.stages.epochs = 12 (base), 2 (annealing)\n" in text
    assert "  tune.batch_tokens = 1024\n" in eager("train", tmp_path, "--set=recipe=light", "--help").stdout
    assert "recipe light" in eager("train", "--set", "recipe=nothing", "--help").stdout


def test_version_is_plain():
    done = eager_process("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("eagertui ")


@pytest.mark.parametrize("verb", [[], ["train"], ["open"], ["open", "data"]])
def test_without_a_terminal_the_app_does_not_open(verb):
    done = eager_process(*verb)
    assert done.returncode == 3
    assert "no terminal" in done.stderr
    assert "--headless" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "args",
    [
        ["trian"],
        ["train", "--nonsense"],
        ["--headless"],
        ["--headless", "train", "nowhere"],
        ["check"],
        ["evaluate", "nowhere"],
        ["open", "nowhere"],
        ["open", ".", "kitchen"],
        ["--headless", "open"],
        ["--headless", "recommend", "--k", "0", "--user", "1"],
        ["init", "x"],
        ["init"],
    ],
)
def test_usage_errors(args, tmp_path):
    done = eager(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_project_errors_name_the_place(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT + 'itms = "x"\n')
    done = eager("--headless", "train", tmp_path)
    assert done.returncode == 2
    assert "project.toml:4" in done.stderr
    assert "data.items" in done.stderr


def test_a_bad_override_is_a_usage_error(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT)
    done = eager("--headless", "check", tmp_path, "--set", "tune.batch_tokens=many")
    assert done.returncode == 2
    assert "--set tune.batch_tokens=many" in done.stderr


def test_headless_may_stand_on_either_side(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT)
    for args in (["--headless", "runs"], ["runs", "--headless"], ["runs", "--json"]):
        assert eager(*args, cwd=tmp_path).returncode == 0


def test_runs_of_a_new_project(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT)
    assert json.loads(eager("runs", tmp_path, "--json").stdout) == {"runs": []}
    done = eager("--headless", "runs", tmp_path)
    assert "no runs yet" in done.stderr
    done = eager("--headless", "recommend", tmp_path, "--user", "1")
    assert done.returncode == 2
    assert "no finished run" in done.stderr


def test_doctor_tells_versions_machine_and_paths():
    report = json.loads(eager("doctor", "--json").stdout)
    assert report["libraries"]["polars"]
    assert report["machine"]["memory"] > 0
    assert Path(report["paths"]["assets"]).is_dir()
    text = eager("doctor").stdout
    assert all(word in text for word in ("python", "threads", "memory", "disk", "gpu", "runs"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell):
    done = eager("--completion", shell)
    assert done.returncode == 0
    assert "recommend" in done.stdout
    assert "dry-run" in done.stdout
    assert "checkpoint" in done.stdout  # a word of `control`
    if shell == "fish":
        assert "-a pause" in done.stdout and "-a build" in done.stdout and "recipe=light-large" in done.stdout


def test_bash_completes_verbs_options_settings_and_runs(tmp_path):
    script = eager("--completion", "bash").stdout
    ask = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _eagertui; echo "${COMPREPLY[@]}"'

    def complete(*words: str) -> list[str]:
        argv = ["bash", "-c", f"{script}\n{ask}", "-", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()

    assert complete("eagertui", "tr") == ["train"]
    assert complete("eagertui", "train", "--dr") == ["--dry-run"]
    assert complete("eagertui", "control", "pa") == ["pause"]
    assert complete("eagertui", "train", "--set", "tune.stages.ep") == ["tune.stages.epochs="]
    assert complete("eagertui", "train", "--set", "recipe", "=", "lc") == ["lc-rec", "lc-rec-lm", "lc-rec-small"]
    assert "light" in complete("eagertui", "train", "--set", "recipe", "=")
    (tmp_path / "shop" / "runs" / "2026-01-01-000000_shop_ab12").mkdir(parents=True)
    shop = str(tmp_path / "shop")
    assert complete("eagertui", "train", shop, "--run", "2026") == ["2026-01-01-000000_shop_ab12"]
    assert complete("eagertui", "runs", str(tmp_path / "sh")) == [shop]


def test_a_reader_that_leaves_is_no_error(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT)
    command = f'"{sys.executable}" -m eagertui.cli train --help | head -n 1; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment(), check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_on_a_dumb_terminal_the_app_does_not_open(tmp_path):
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "eagertui.cli"],
            stdin=follower, stdout=follower, stderr=subprocess.PIPE, env={**environment(), "TERM": "dumb"},
            check=False, text=True, timeout=60,
        )  # fmt: skip
    finally:
        os.close(leader)
        os.close(follower)
    assert done.returncode == 3
    assert "no terminal" in done.stderr


def test_every_verb_is_known_by_its_name():
    """A word that is no verb may be a project's folder, so the parser's verbs and our list must agree."""
    actions = [a for a in parser.build_parser()._actions if a.dest == "verb"]
    assert set(actions[0].choices) == set(all_verbs())


def test_a_project_alone_opens_the_app_and_needs_a_terminal(tmp_path):
    (tmp_path / "project.toml").write_text(PROJECT)
    for argument in (tmp_path, tmp_path / "project.toml"):
        done = eager(argument)
        assert done.returncode == 3
        assert "no terminal" in done.stderr
    assert eager(tmp_path / "nothing").returncode == 2


def test_recipes_introduce_themselves():
    text = eager("recipes").stdout
    cards = json.loads(eager("recipes", "--json").stdout)["recipes"]
    assert len(cards) >= 8
    for card in cards:
        assert f"{card['name']}: {card['what']}" in text and card["needs"] in text
    assert next(card["download"] for card in cards if card["name"] == "lc-rec").startswith("huggyllama/llama-7b, 13 GB")


def test_names_in_a_help_keep_their_capitals():
    text = " ".join(eager("export", "--help").stdout.split())
    assert "Write a run's model as a plain Hugging Face folder" in text
    assert "hugging face" not in text
