"""What a run would cost: the formulas, what is reused or known from earlier, hostile stores, and the words."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core import estimate as room
from core import pipeline
from core.assets import assets_path
from core.cost import REFERENCE
from core.cost import MachineSpeed as Machine
from core.errors import ProjectError
from core.estimate import BASE, Estimate, StageEstimate, estimate, sizes
from core.model.size import shape_of
from core.project import Project
from core.run.folder import RunFolder

QUIET = Machine(1.9 * REFERENCE, 2)
"""Two quiet cores of the machine on which the recorded runs were made: what its probe gave for two threads."""
RECORDED = {"semantic": 1.12, "sasrec": 16.68, "teacher": 18.90, "index": 4.1, "tune": 70.53}
RECORDED_TOTAL = 121.8
ONE_THREAD = Machine(168.0, 1)
"""A newer machine, another job beside it: the processor's seconds of `light`, with the lists of its scorer."""
RECORDED_THERE = {"index": 5.4, "tune": 243.8, "evaluate": 27.0}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Whether somebody else is at work must not decide a comparison."""
    monkeypatch.setattr(room, "busy", lambda threads: False)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The sample project, untrained."""
    for file in (assets_path() / "sample").iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    return tmp_path / "project.toml"


@pytest.fixture
def finished(trained: RunFolder, tmp_path: Path) -> Path:
    """The tiny world with all of its artefacts, in a folder of its own."""
    folder = tmp_path / "finished"
    shutil.copytree(Project.load(trained.project_path).directory, folder)
    return folder / "project.toml"


def of(file: Path, *overrides: str, machine: Machine = QUIET) -> Estimate:
    return estimate(Project.load(file, list(overrides)), machine)


def stage(found: Estimate, name: str) -> StageEstimate:
    return next(one for one in found.stages if one.name == name)


def record(file: Path, name: str) -> Path:
    """The file that tells about a finished stage."""
    store = file.parent / "runs" / ".store"
    return next(f for f in store.glob("*/stage.json") if json.loads(f.read_text())["stage"] == name)


def seconds(found: Estimate, name: str) -> float:
    value = stage(found, name).seconds
    assert value is not None
    return value


def test_the_sample_is_estimated_as_it_was_recorded(shop):
    found = of(shop)
    assert found.seconds is not None
    assert RECORDED_TOTAL / 3 < found.seconds < RECORDED_TOTAL * 3
    for name, took in RECORDED.items():
        assert took / 3 < seconds(found, name) < took * 3, name
    there = of(shop, machine=ONE_THREAD)
    for name, took in RECORDED_THERE.items():
        assert took / 3 < seconds(there, name) < took * 3, name
    assert found.memory_mb is not None and 1456 / 2 < found.memory_mb < 1456 * 2  # its peak
    assert found.disk_mb is not None and 14 < found.disk_mb < 200  # what was left, and checkpoints


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("sasrec", "sasrec.epochs=10", "sasrec.epochs=20"),
        ("teacher", "sasrec.layers=2", "sasrec.layers=4"),
        ("tune", "tune.stages.0.epochs=5", "tune.stages.0.epochs=10"),
        ("tune", "backbone.layers=3", "backbone.layers=6"),
        ("tune", "index.depth=1", "index.depth=3"),
        ("tune", "validate_users=100", "validate_users=2000"),
        ("tune", "distill=0", "distill=0.5"),
        ("evaluate", "recommend.beams=20", "recommend.beams=200"),
        ("evaluate", "data.max_history=5", "data.max_history=30"),
        ("semantic", "vectors.semantic_dim=64", "vectors.semantic_dim=512"),
        ("baselines", 'evaluate.baselines=["popularity"]', 'evaluate.baselines=["popularity","sasrec"]'),
        ("behavior", "vectors.behavior=sasrec", "vectors.behavior=ppmi-svd"),
        ("index", "index.method=random", "index.method=kmeans-tree"),
    ],
)
def test_more_work_takes_longer(shop, name, less, more):
    less, more = (text if "." in text.partition("=")[0] else f"tune.{text}" for text in (less, more))
    small, large = of(shop, less), of(shop, more)
    assert seconds(small, name) < seconds(large, name)


def test_epochs_are_most_of_the_time(shop):
    """Doubling them nearly doubles what they cost."""
    once, twice = (seconds(of(shop, f"sasrec.epochs={n}"), "sasrec") for n in (10, 20))
    assert twice == pytest.approx(2 * once)


def test_a_machine_twice_as_fast_takes_half_the_time(shop):
    slow, fast = of(shop), of(shop, machine=Machine(2 * QUIET.gflops, 2))
    assert slow.seconds is not None and fast.seconds == pytest.approx(slow.seconds / 2)


def test_number_formats_and_threads(shop):
    fp32 = of(shop, machine=Machine(QUIET.gflops, 2, bf16=False))
    emulated = of(shop, machine=Machine(QUIET.gflops, 2, bf16=True, native=False))
    assert seconds(of(shop), "tune") < seconds(fp32, "tune") < seconds(emulated, "tune")
    alone = of(shop, machine=Machine(QUIET.gflops / 2, 1))
    assert seconds(alone, "tune") > 1.5 * seconds(of(shop), "tune")
    tree = "index.method=kmeans-tree"  # k-means is at one thread anyway
    one = of(shop, tree, machine=Machine(QUIET.gflops / 2, 1))
    assert seconds(one, "index") == pytest.approx(seconds(of(shop, tree), "index"))


def test_the_probe_stands_behind_an_estimate(shop):
    found = estimate(Project.load(shop))
    assert found.seconds is not None and found.seconds > 0
    assert found.spread > 1


def test_memory_and_disk_grow(shop):
    small, large = of(shop, "sasrec.batch_users=8"), of(shop, "sasrec.batch_users=4096")
    assert small.memory_mb is not None and large.memory_mb is not None
    assert BASE < small.memory_mb < large.memory_mb
    wide = of(shop, "backbone.hidden_size=512").disk_mb
    assert wide is not None and small.disk_mb is not None and wide > small.disk_mb


def test_what_is_there_costs_nothing(finished):
    found = of(finished)
    assert {one.state for one in found.stages} == {"reuse"}
    assert [one.seconds for one in found.stages] == [0.0] * len(found.stages)
    assert found.seconds is not None and found.seconds < 5  # the engine's start
    assert found.disk_mb == 0
    changed = of(finished, "tune.dropout=0.3")
    assert {one.name for one in changed.stages if one.state == "run"} == {"tune", "steer", "evaluate"}
    assert seconds(changed, "sasrec") == 0 < seconds(changed, "tune")


def test_earlier_runs_are_scaled(finished):
    """Twice the epochs of a stage that took its time: about twice that time, whatever the formula says."""
    file = record(finished, "sasrec")
    about = json.loads(file.read_text())
    about["seconds"] = 1e6  # no time to believe: what follows is the formula alone, however long the fixture took
    file.write_text(json.dumps(about))
    formula = of(finished, "seed=8", "sasrec.epochs=3")
    assert "speed" in stage(formula, "sasrec").why
    for factor in (0.5, 2.0):
        about["seconds"] = 0.6 * factor
        file.write_text(json.dumps(about))
        slow = Machine(REFERENCE * seconds(formula, "sasrec") / 0.6 * QUIET.one_thread * 2, 2)
        found = of(finished, "sasrec.epochs=6", machine=slow)
        assert stage(found, "sasrec").why == "scaled from earlier runs"
        assert seconds(found, "sasrec") == pytest.approx(1.2 * factor)
    about["seconds"] = 500.0  # another machine's
    file.write_text(json.dumps(about))
    assert "speed" in stage(of(finished, "sasrec.epochs=6", machine=slow), "sasrec").why


def test_patience_that_ended_an_earlier_tuning_counts(finished):
    file = record(finished, "tune")
    about = json.loads(file.read_text())
    about["settings"]["stages"][0]["epochs"] = 100
    about["settings"]["patience"] = 1
    about["summary"]["best_epoch"] = 2  # so three were trained
    about["seconds"] = 3.0
    file.write_text(json.dumps(about))
    found = of(finished, "tune.stages.0.epochs=30", "tune.patience=1")
    assert stage(found, "tune").why == "scaled from earlier runs"
    assert 3.0 < seconds(found, "tune") < 31.0


HOSTILE: list[Any] = [
    "",
    '{"stage": "tune", "sec',
    "[1, 2]",
    "null",
    '"tune"',
    '{"stage": "tune"}',
    '{"stage": "sasrec", "settings": 3, "inputs": [], "seconds": 1}',
    '{"stage": ["x"], "seconds": 1}',
    "[" * 100_000,
]


def test_a_hostile_store_changes_nothing(shop):
    before = of(shop)
    store = shop.parent / "runs" / ".store"
    for number, text in enumerate(HOSTILE):
        (store / f"{number:020}").mkdir(parents=True)
        (store / f"{number:020}" / "stage.json").write_text(text)
    (store / "file").write_text("x")
    (store / ("e" * 20)).mkdir()
    (store / ("f" * 20)).mkdir()
    (store / ("f" * 20) / "stage.json").mkdir()
    recipes = pipeline.recipes_of(Project.load(shop))
    for number, value in enumerate([math.nan, math.inf, -1, 0, "1", None, True, 1e300, [], {}]):
        loop = f"{number:010}" + "a" * 10
        about = {**recipes["sasrec"], "seconds": value, "summary": {}, "fingerprint": loop}
        about["inputs"] = {"data": loop, "sasrec": loop}  # made of itself
        (store / loop).mkdir()
        (store / loop / "stage.json").write_text(json.dumps(about))
    assert of(shop) == before


@pytest.mark.parametrize("took", [math.nan, math.inf, -1, 0, None, [], {}, "x", 1e300, 1e-9])
def test_a_time_that_cannot_be_is_passed_over(finished, took):
    file = record(finished, "sasrec")
    file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": took}))
    assert "speed" in stage(of(finished, "sasrec.epochs=6"), "sasrec").why


@pytest.mark.parametrize(("key", "value"), [("depth", 10**9), ("width", 1), ("width", -3), ("active", [])])
def test_settings_that_cannot_be_are_passed_over(finished, key, value):
    file = record(finished, "index")
    about = json.loads(file.read_text())
    about["settings"][key] = value
    file.write_text(json.dumps(about))
    assert stage(of(finished, "seed=8"), "index").seconds is not None


def test_a_damaged_record_of_a_wanted_artefact(finished):
    file = record(finished, "sasrec")
    file.write_text(file.read_text()[:40])
    found = of(finished)
    assert stage(found, "sasrec").state == "run"
    assert [one.state for one in pipeline.plan(Project.load(finished)) if one.name == "sasrec"] == ["run"]


def test_damaged_data_are_read_again(finished):
    whole = of(finished, "tune.dropout=0.3")
    data = record(finished, "data").parent
    (data / "users.parquet").write_bytes((data / "users.parquet").read_bytes()[:50])
    found = of(finished, "tune.dropout=0.3")
    assert "speed" in stage(found, "tune").why  # the earlier tuning read who knows what
    assert (
        seconds(whole, "tune") / room.past.TRUST <= seconds(found, "tune") <= seconds(whole, "tune") * room.past.TRUST
    )


def test_an_interrupted_stage_has_less_to_do(shop):
    whole = of(shop)
    store = shop.parent / "runs" / ".store"
    tune = store / f"{stage(whole, 'tune').fingerprint}.partial" / "loops" / "0-sequential"
    tune.mkdir(parents=True)
    (tune / "loop.json").write_text('{"epoch": 15}')
    sasrec = store / f"{stage(whole, 'sasrec').fingerprint}.partial"
    sasrec.mkdir()
    (sasrec / "loop.json").write_text('{"epoch": 1')
    left = of(shop)
    assert seconds(left, "tune") == pytest.approx(seconds(whole, "tune") / 4)
    assert seconds(left, "sasrec") == seconds(whole, "sasrec")
    assert stage(left, "tune").note == "goes on from where it was"
    (tune / "loop.json").write_text('{"epoch": 99999}')
    assert seconds(of(shop), "tune") == 0


def test_without_item_table(shop):
    found = of(shop, "data.items=", "data.text=[]", "vectors.semantic=none")
    assert not {"semantic", "teacher"} & {one.name for one in found.stages}
    assert found.seconds is not None
    (shop.parent / "items.parquet").unlink()
    with pytest.raises(ProjectError, match="items"):
        of(shop)


def test_data_that_cannot_be_used(shop):
    (shop.parent / "interactions.parquet").unlink()
    (shop.parent / "interactions.parquet").write_text("user_id,item_id,timestamp,rating\n,,,\n")
    found = of(shop)
    assert found.seconds is found.memory_mb is found.disk_mb is None
    assert "the data cannot be used" in found.warnings[0]
    assert "unknown" in found.words()


def test_a_large_log_is_guessed(shop, monkeypatch):
    counted = of(shop)
    monkeypatch.setattr(sizes, "READ_ROWS", 100)
    monkeypatch.setattr(sizes, "HEAD_ROWS", 5_000)
    found = of(shop)
    assert counted.seconds is not None and found.seconds is not None
    assert counted.seconds / 4 < found.seconds < counted.seconds * 4
    assert found.spread == pytest.approx(room.SPREAD_GUESS) and counted.spread < found.spread
    assert "guess" in stage(found, "tune").why


def test_a_backbone_from_elsewhere(shop):
    unknown = of(shop, "backbone.model=someone/large")
    assert stage(unknown, "tune").seconds is None is unknown.seconds is unknown.memory_mb
    assert stage(unknown, "tune").note == room.UNKNOWN_MODEL
    assert seconds(unknown, "sasrec") > 0
    folder = shop.parent / "qwen"
    folder.mkdir()
    (folder / "config.json").write_text("{")
    assert of(shop, "backbone.model=qwen").seconds is None
    config = {
        "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
        "intermediate_size": 4864, "vocab_size": 151936, "hidden_act": "silu", "tie_word_embeddings": True,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    known = of(shop, "backbone.model=qwen")
    assert seconds(known, "tune") > 20 * seconds(of(shop), "tune")
    assert known.memory_mb is not None and known.memory_mb > 0.49e3 * 16  # half a billion parameters
    shape = shape_of({"model": "qwen"}, 0, Project.load(shop).resolve)
    assert shape is not None and shape.parameters == pytest.approx(494e6, rel=0.01)  # as its model card says


def test_a_gpu_is_not_known_before_a_first_run(shop):
    found = of(shop, machine=Machine(QUIET.gflops, 2, gpu=True))
    assert {one.name for one in found.stages if one.seconds is None} == {"tune", "evaluate"}
    assert stage(found, "tune").note == room.UNKNOWN_GPU
    assert found.seconds is None and found.memory_mb is not None


def test_a_gpu_is_known_from_earlier_runs(finished):
    found = of(finished, "tune.dropout=0.3", machine=Machine(QUIET.gflops, 2, gpu=True))
    took = json.loads(record(finished, "tune").read_text())["seconds"]
    assert seconds(found, "tune") == pytest.approx(took, rel=0.35)  # patience may have ended it early


def test_too_little_memory_or_disk_is_said(shop, monkeypatch):
    assert not [text for text in of(shop).warnings if "GB" in text]
    monkeypatch.setattr(room, "free_memory_mb", lambda: 100.0)
    monkeypatch.setattr(room, "free_disk_mb", lambda folder: 1.0)
    monkeypatch.setattr(room, "busy", lambda threads: True)
    memory, disk, others = of(shop).warnings
    assert "memory" in memory and "0.1 GB are free" in memory and "batch_tokens" in memory
    assert "disk" in disk and str(shop.parent) in disk
    assert "busy" in others


def test_as_json(shop):
    told = json.loads(json.dumps(of(shop).to_dict(), allow_nan=False))
    assert {"stages", "seconds", "memory_mb", "disk_mb", "spread", "warnings"} <= set(told)
    assert {"name", "state", "note", "seconds", "fingerprint"} <= set(told["stages"][0])
    assert [one["name"] for one in told["stages"]] == [one.name for one in pipeline.plan(Project.load(shop))]


def test_nothing_heavy_is_loaded(shop):
    code = (
        "import sys; from core.project import Project; from core.estimate import estimate;"
        f"estimate(Project.load({str(shop)!r})).to_dict();"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    root = Path(pipeline.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert not set(done.stdout.split()) & {
        "torch",
        "transformers",
        "sklearn",
        "faiss",
        "tokenizers",
        "scipy",
        "textual",
    }
