"""Sequential models with stages of their own: planned, trained, measured, fused and served like the others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from core.baselines._sequential import SequentialBaseline
from core.cost import MachineSpeed as Machine
from core.errors import Interrupted
from core.estimate import estimate
from core.estimate.paces import Paces
from core.jobs.work import train_run
from core.pipeline import STAGES, needed, recipes_of, run_stages
from core.project import Project
from core.registry import BASELINES
from core.run.folder import RunFolder
from core.serve.methods import answer
from core.serve.served_run import ServedRun
from tests.core.engine_tools import Recorder
from tests.eagertui.cli.cli_tools import eager

FULL = ["bsarec", "hstu"]
SETS = [
    'evaluate.baselines=["popularity", "bsarec", "hstu"]', 'recommend.fusion=["bsarec", "hstu"]',
    *(f"baselines.{name}.{key}" for name in FULL
      for key in ("hidden_size=8", "epochs=2", "max_history=8", "batch_users=16")),
]  # fmt: skip


def test_they_are_off_unless_named_and_each_is_a_stage(world: Path) -> None:
    assert not set(FULL) & needed(Project.load(world))
    project = Project.load(world, ['evaluate.baselines=["bsarec"]', "baselines.bsarec.alpha=0.5"])
    recipes = recipes_of(project)
    assert "hstu" not in recipes and recipes["bsarec"]["inputs"].keys() == {"data"}
    assert recipes["bsarec"]["settings"]["alpha"] == 0.5 and recipes["bsarec"]["settings"]["seed"] == 7
    assert "bsarec" in recipes["baselines"]["inputs"]
    names = [stage.name for stage in STAGES]
    for name in FULL:
        baseline = BASELINES.get(name)
        assert issubclass(baseline, SequentialBaseline) and baseline.inputs == (name,)
        assert names.index(name) < names.index("baselines")


def test_what_they_cost_is_estimated_and_grows_with_what_they_do(world: Path) -> None:
    def shares(*sets: str) -> dict[str, float]:
        found = estimate(Project.load(world, [*SETS, *sets]), Machine(1), Paces())
        return {stage.name: stage.weight for stage in found.stages if stage.name in FULL and stage.weight}

    once = shares()
    assert once.keys() == set(FULL)
    longer, wider = (shares(*(f"baselines.{name}.{key}" for name in FULL)) for key in ("epochs=40", "hidden_size=64"))
    assert all(longer[name] > 4 * once[name] and wider[name] > once[name] for name in FULL)
    assert shares("baselines.hstu.negatives=4000")["hstu"] > once["hstu"]


@pytest.fixture(scope="module")
def finished(trained: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose table and lists hold both."""
    file = copied(trained, tmp_path_factory.mktemp("full"))
    project = Project.load(file, SETS)
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(folder) == 0, folder.status().error
    return folder


def copied(trained: RunFolder, place: Path) -> Path:
    """The trained project, its artefacts too, in a folder of its own."""
    shutil.copytree(Project.load(trained.project_path).directory, place / "project")
    return place / "project" / "project.toml"


def test_a_run_that_was_stopped_in_either_ends_with_the_same_bytes(
    finished: RunFolder, trained: RunFolder, tmp_path: Path
) -> None:
    project = Project.load(copied(trained, tmp_path), SETS)
    for name in FULL:
        with pytest.raises(Interrupted, match=name):
            run_stages(project, Recorder(name, 3))
    reporter = Recorder()
    made = run_stages(project, reporter)
    assert reporter.ran == ["hstu", "baselines", "evaluate"]
    assert any("resumed at step" in line for line in reporter.logs)
    for stage, file in (*((name, "model.safetensors") for name in FULL), ("evaluate", "ranks.parquet")):
        assert (made[stage] / file).read_bytes() == (finished.artefact(stage) / file).read_bytes(), stage


def test_they_stand_in_the_table_of_the_run_and_in_its_fused_list(finished: RunFolder) -> None:
    done = eager("--headless", "compare", Project.load(finished.project_path).directory, "--run", finished.path.name,
                 "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for protocol in json.loads(done.stdout)["results"]:
        assert {"popularity", "model", "model+fused", *FULL} <= {row["method"] for row in protocol["rows"]}
    metrics = json.loads((finished.path / "metrics.json").read_text())
    for split in ("valid", "test", "valid_masked", "test_masked"):
        assert all(0 < metrics[split][name]["recall@50"] <= 1 for name in FULL)
    assert metrics["fusion"]["parts"] == ["model", *FULL]
    assert metrics["fusion"]["kept"]["gain"].keys() == {"model", *FULL}


def test_lists_are_served_with_them_and_say_what_each_gave(finished: RunFolder) -> None:
    served = ServedRun(finished.path, False, str)
    told = answer(served, "recommend", {"user": "u001", "k": 5})
    first = told["items"][0]["item_id"]
    evidence = answer(served, "explain", {"user": "u001", "item": first})["evidence"]
    assert len(told["items"]) == 5 and {part["name"] for part in evidence["parts"]} <= {"model", *FULL}
    for name in FULL:
        own = answer(served, "baseline_list", {"user": "u001", "baseline": name})
        assert own["baselines"] == ["hstu", "bsarec", "popularity"] and len(own["items"]) >= 5
        assert name in {one["name"] for one in evidence["baselines"]}
