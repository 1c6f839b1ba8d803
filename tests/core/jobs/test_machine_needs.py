"""An impossible start is refused before anything runs, by `train` and its `--dry-run` in the same words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import EnvironmentFault
from core.jobs import machine_needs
from core.jobs.errands import plan
from core.jobs.machine_needs import check_machine, missing_models
from core.jobs.start import start_training
from core.project import Project

LOG = "user_id,item_id\n" + "".join(f"u{n % 9},i{n % 7}\n" for n in range(126))
PROJECT = 'name = "shop"\n[data]\ninteractions = "logs.csv"\nmin_user_interactions = 0\nmin_item_interactions = 0\n'


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "logs.csv").write_text(LOG)
    (tmp_path / "project.toml").write_text(PROJECT)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["backbone.model=/nonexist"], "backbone.model: there is no model at /nonexist"),
        (
            ["backbone.model=nobody/nothing"],
            "backbone.model needs nobody/nothing, which is not on this machine, and the",
        ),
        (["recipe=lc-rec"], "vectors.semantic needs huggyllama/llama-7b, which is not on this machine, and the hub is"),
    ],
)
def test_a_model_that_is_not_there(shop: Path, overrides: list[str], words: str) -> None:
    project = Project.load(shop, overrides)
    with pytest.raises(EnvironmentFault, match=words):
        check_machine(project)
    with pytest.raises(EnvironmentFault, match=words):
        start_training(project)
    assert not (shop / "runs").exists()
    assert missing_models(project)


def test_no_gpu(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_needs, "on_gpu", lambda settings: False)
    monkeypatch.setattr(machine_needs, "_torch_finds_a_gpu", lambda: False)
    with pytest.raises(EnvironmentFault, match=r"run\.device cuda:1: no GPU that torch can use is on this machine"):
        check_machine(Project.load(shop, ["run.device=cuda:1"]))
    monkeypatch.setattr(machine_needs, "_torch_finds_a_gpu", lambda: True)
    check_machine(Project.load(shop, ["run.device=cuda"]))


def test_a_hub_that_may_have_it_is_no_fault(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    project = Project.load(shop, ["backbone.model=nobody/nothing"])
    check_machine(project)
    assert missing_models(project)[0].words.startswith("backbone.model needs nobody/nothing, which is not on this")
    monkeypatch.delenv("HTTPS_PROXY")
    for name in ("https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EnvironmentFault, match="the hub cannot be reached"):
        check_machine(project)


def test_what_is_there_or_not_needed_is_no_fault(shop: Path) -> None:
    (shop / "lm").mkdir()
    for overrides in ([], ["backbone.model=lm"], ["backbone.model=nobody/nothing", "run.goal=index"]):
        check_machine(Project.load(shop, overrides))


def test_the_plan_of_the_form_says_what_is_downloaded(shop: Path) -> None:
    class Arguments:
        """What the errand is asked."""

        project, overrides = shop, ("backbone.model=nobody/nothing",)

    answer = json.loads(json.dumps(plan(Arguments(), lambda text: None)))  # type: ignore[arg-type]
    assert answer["warnings"][0] == missing_models(Project.load(shop, Arguments.overrides))[0].words
