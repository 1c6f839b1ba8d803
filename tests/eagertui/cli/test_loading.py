"""Old spellings in a project file: every verb that loads it names the new ones, once and on stderr."""

from __future__ import annotations

from pathlib import Path

import pytest

from eagertui.cli import main
from eagertui.cli.verb import Verb
from eagertui.cli.verbs import all_verbs
from tests.eagertui.cli.cli_tools import PROJECT

WITHOUT_A_PROJECT = {"doctor", "init", "open", "recipes"}  # `open` leaves it to the app, which says it too
NEEDED = {
    "train": ["--dry-run"],
    "recommend": ["--user", "1"],
    "export": ["--out", "{folder}/out"],
    "control": ["stop"],
    "index build": ["--dry-run"],
    "cache get": ["--user", "1"],
    "cache forget": ["--user", "1"],
    "cache export": ["--out", "{folder}/lists.parquet"],
    "index add": ["{folder}/project.toml"],
    "pretrain": ["--corpus", "{folder}", "--out", "{folder}/decoder"],
    "index remove": ["i1"],
    "index diff": ["a", "b"],
    "index import": ["{folder}/project.toml"],
    "index export": ["--out", "{folder}/out.json"],
}
"""What a verb wants besides the project, here without a terminal."""


def leaves(verbs: tuple[Verb, ...], before: str = "") -> list[str]:
    return [
        name
        for verb in verbs
        for name in (leaves(verb.verbs, f"{verb.name} ") if verb.verbs else [f"{before}{verb.name}"])
    ]


@pytest.mark.parametrize("verb", sorted({*leaves(tuple(all_verbs().values()))} - WITHOUT_A_PROJECT))
def test_a_verb_names_the_new_spelling(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "project.toml").write_text(PROJECT + "[rq_vae]\nepochs = 7\n")
    monkeypatch.chdir(tmp_path)
    more = [text.replace("{folder}", str(tmp_path)) for text in NEEDED.get(verb, [])]
    code = main(["--headless", *verb.split(), *more])  # most refuse afterwards: there is no log, and no run
    said = capsys.readouterr()
    note = "project.toml:5: rq_vae.epochs is index.rq-vae.epochs now"
    assert said.err.count(note) == 1 and note not in said.out, (code, said.err)


def test_a_file_of_today_is_loaded_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "project.toml").write_text(PROJECT + "[index.rq-vae]\nepochs = 7\n")
    assert main(["--headless", "runs", str(tmp_path)]) == 0
    assert "note" not in capsys.readouterr().err
