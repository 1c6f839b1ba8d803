"""What a run would cost: the formulas, what is reused or known from earlier, hostile files, and the words."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from core import estimate as room
from core import pipeline
from core.assets import assets_path
from core.cost import MachineSpeed as Machine
from core.errors import ProjectError
from core.estimate import BASE, Estimate, StageEstimate, epochs_share, estimate, sizes, times_made
from core.estimate.paces import MOST, SPREAD_ONE, Paces, StageTime, keep_times, load_paces, this_machine, usual
from core.model.size import shape_of
from core.project import Project
from core.run.folder import RunFolder

QUIET = Machine(2)
ONE_THREAD = Machine(1)
"""Where the processor's seconds of `light` on the sample were recorded, with the lists of its scorer."""
RECORDED_THERE = {"semantic": 1.8, "sasrec": 38.4, "teacher": 42.2, "index": 8.7, "tune": 222.0, "evaluate": 88.6}
EPOCHS = "tune.stages.0.epochs=20"
TIME = StageTime("sasrec", 1, 100.0, 10.0, 150.0, 120.0, 1, False, this_machine())
"""An earlier SASRec on this machine, a busy one."""
QWEN = {
    "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "intermediate_size": 4864, "vocab_size": 151936, "hidden_act": "silu", "tie_word_embeddings": True,
}  # fmt: skip
"""A decoder of half a billion parameters."""


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """Whether somebody else is at work must not decide a comparison."""
    monkeypatch.setattr(room, "crowding", lambda threads: 1.0)


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


def of(file: Path, *overrides: str, machine: Machine = QUIET, paces: Paces | None = None) -> Estimate:
    return estimate(Project.load(file, list(overrides)), machine, paces or Paces())


def stage(found: Estimate, name: str) -> StageEstimate:
    return next(one for one in found.stages if one.name == name)


def record(file: Path, name: str) -> Path:
    """The file that tells about a finished stage."""
    store = file.parent / "runs" / ".store"
    return next(f for f in store.glob("*/stage.json") if json.loads(f.read_text())["stage"] == name)


def weight(found: Estimate, name: str) -> float:
    value = stage(found, name).weight
    assert value is not None
    return value


def seconds(found: Estimate, name: str) -> float:
    value = stage(found, name).seconds
    assert value is not None
    return value


def known(*times: StageTime) -> Paces:
    """What is known after some stages."""
    return Paces(times)


def test_the_sample_weighs_what_was_recorded(shop):
    there = of(shop, EPOCHS, machine=ONE_THREAD)
    for name, took in RECORDED_THERE.items():
        assert took / 1.5 < weight(there, name) < took * 1.5, name
    assert there.memory_mb is not None and 1090 / 1.3 < there.memory_mb < 1090 * 1.3  # its peak
    assert there.disk_mb is not None and 14 < there.disk_mb < 200  # what was left, and checkpoints


def test_two_stages_at_the_same_time_take_what_the_longer_one_takes(shop, monkeypatch):
    alone, both = of(shop, machine=ONE_THREAD), of(shop, machine=QUIET)
    assert both.beside and not alone.beside
    assert weight(both, "sasrec") == weight(alone, "sasrec")  # each computes with half of the threads
    assert weight(both, "teacher") < weight(alone, "teacher") / 4 and stage(both, "teacher").note == "beside sasrec"
    assert both.memory_mb is not None and alone.memory_mb is not None and both.memory_mb >= alone.memory_mb
    monkeypatch.setattr(room, "free_memory_mb", lambda: 2 * BASE + 10.0)
    assert not of(shop).beside and weight(of(shop), "teacher") == weight(alone, "teacher")
    monkeypatch.undo()
    assert not of(shop, "sasrec.epochs=1").beside  # shorter than the start of a process


def test_time_is_not_known_before_a_first_run(shop):
    found = of(shop)
    assert found.seconds is None and {one.seconds for one in found.stages} == {None}
    assert {one.why for one in found.stages} == {room.UNKNOWN}
    assert "not known before a first run" in found.words() and "of memory" in found.words()


def test_earlier_runs_tell_a_stage_its_pace_and_the_others_a_rough_one(shop):
    found = of(shop, paces=known(TIME))
    pace = 120.0 / 110.0  # the processor's time, whatever kept it waiting
    work = weight(of(shop), "sasrec") / usual("sasrec")
    assert seconds(found, "sasrec") == pytest.approx(work * pace)
    assert stage(found, "sasrec").why == "from earlier runs on this machine"
    rough = weight(of(shop), "tune") * pace / usual("sasrec")
    assert seconds(found, "tune") == pytest.approx(rough) and "other stages" in stage(found, "tune").why
    assert stage(found, "tune").spread > stage(found, "sasrec").spread
    assert found.seconds == pytest.approx(sum(one.seconds or 0 for one in found.stages) + room.START)
    assert of(shop, paces=known(replace(TIME, version=0))).seconds is not None
    assert "other stages" in stage(of(shop, paces=known(replace(TIME, version=0))), "sasrec").why  # other code


def test_many_runs_agree_or_do_not(shop):
    alike = [replace(TIME, processor=120.0 + n) for n in range(5)]
    apart = [replace(TIME, processor=60.0 * (1 + n)) for n in range(3)]
    assert stage(of(shop, paces=known(*alike)), "sasrec").spread < 1.2
    assert stage(of(shop, paces=known(*apart)), "sasrec").spread == pytest.approx(2.0)


def test_beside_others_it_takes_longer(shop, monkeypatch):
    quiet = of(shop, paces=known(TIME))
    monkeypatch.setattr(room, "crowding", lambda threads: 3.0)
    busy = of(shop, paces=known(TIME))
    assert quiet.seconds is not None and busy.seconds == pytest.approx(3 * quiet.seconds)
    assert busy.spread > quiet.spread and "busy" in busy.warnings[0] and not quiet.warnings


def test_of_several_seeds_it_is_all(shop):
    one, three = of(shop, paces=known(TIME)), of(shop, "run.seeds=0,1,2", paces=known(TIME))
    assert one.seconds is not None and three.seconds is not None
    assert 2.9 * one.seconds < three.seconds < 3 * one.seconds  # the data are made once
    assert three.memory_mb == one.memory_mb and [s.name for s in three.stages] == [s.name for s in one.stages]


@pytest.mark.parametrize(
    ("name", "less", "more"),
    [
        ("sasrec", "sasrec.epochs=10", "sasrec.epochs=20"),
        ("teacher", "sasrec.layers=2", "sasrec.layers=4"),
        ("teacher", "sasrec.preferences=0", "sasrec.preferences=5"),
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
    assert weight(small, name) < weight(large, name)


def test_epochs_are_most_of_the_time(shop):
    """Doubling them nearly doubles what they cost."""
    once, twice = (weight(of(shop, f"sasrec.epochs={n}"), "sasrec") for n in (10, 20))
    assert twice == pytest.approx(2 * once)


def test_number_formats_and_threads(shop):
    fp32 = of(shop, machine=Machine(2, bf16=False))
    emulated = of(shop, machine=Machine(2, bf16=True, native=False))
    assert weight(of(shop), "tune") < weight(fp32, "tune") < weight(emulated, "tune")
    alone = of(shop, machine=ONE_THREAD)
    assert weight(alone, "tune") > 1.5 * weight(of(shop), "tune")
    tree = "index.method=kmeans-tree"  # k-means is at one thread anyway
    one = of(shop, tree, machine=ONE_THREAD)
    assert weight(one, "index") == pytest.approx(weight(of(shop, tree), "index"))


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
    assert weight(changed, "sasrec") == 0 < weight(changed, "tune")


def test_patience_that_ended_a_tuning_counts(finished):
    about = json.loads(record(finished, "tune").read_text())
    about["settings"]["stages"][0]["epochs"] = 100
    about["settings"]["patience"] = 1
    about["summary"]["best_epoch"] = 2  # so three were trained
    assert epochs_share(about) == pytest.approx(0.03)
    assert epochs_share({**about, "summary": None}) == epochs_share({}) == 1.0


def test_a_run_leaves_its_paces_behind(finished, tmp_path):
    file = tmp_path / "paces.jsonl"
    planned = of(finished, "tune.dropout=0.3", "steer.method=none")
    wanted = [one for one in planned.stages if one.state == "run"]
    store = finished.parent / "runs" / ".store"
    shutil.copytree(record(finished, "tune").parent, store / wanted[0].fingerprint)
    times = times_made(planned, Project.load(finished, ["run.threads=1"]))
    assert [one.stage for one in times] == ["tune"]  # the evaluation is still to come
    keep_times(times, file)
    keep_times(times, file)
    assert len(file.read_text().splitlines()) == 2
    assert load_paces(file).of("tune", times[0].version, False) == (times[0].pace, SPREAD_ONE, True)


HOSTILE: list[Any] = ["", '{"stage": "tune", "sec', "[1, 2]", "null", '"tune"', "[" * 100_000, '{"stage": 1}']


def test_a_hostile_file_of_paces_says_nothing(tmp_path):
    file = tmp_path / "paces.jsonl"
    good = asdict(TIME)
    bad = [{**good, "processor": value} for value in (math.nan, math.inf, -1, 0, "1", None, True, [], {})]
    bad += [{**good, "shared": 0, "single": 0}, {**good, "machine": "another"}, {**good, "gpu": 1}]
    file.write_text("\n".join([*HOSTILE, *map(json.dumps, bad)]))
    assert load_paces(file).of("sasrec", 1, False) is None
    file.write_bytes(b"\xff\xfe")
    assert load_paces(file).of("sasrec", 1, False) is load_paces(tmp_path).of("sasrec", 1, False) is None
    keep_times([TIME], file)
    assert load_paces(file).of("sasrec", 1, False) is not None
    keep_times([TIME] * 2 * MOST, file)
    assert len(file.read_text().splitlines()) == MOST


def test_a_damaged_record_of_a_wanted_artefact(finished):
    file = record(finished, "sasrec")
    file.write_text(file.read_text()[:40])
    found = of(finished)
    assert stage(found, "sasrec").state == "run"
    assert [one.state for one in pipeline.plan(Project.load(finished)) if one.name == "sasrec"] == ["run"]


def test_an_interrupted_stage_has_less_to_do(shop):
    whole = of(shop, EPOCHS)
    store = shop.parent / "runs" / ".store"
    tune = store / f"{stage(whole, 'tune').fingerprint}.partial" / "loops" / "0-sequential"
    tune.mkdir(parents=True)
    (tune / "loop.json").write_text('{"epoch": 15}')
    sasrec = store / f"{stage(whole, 'sasrec').fingerprint}.partial"
    sasrec.mkdir()
    (sasrec / "loop.json").write_text('{"epoch": 1')
    left = of(shop, EPOCHS)
    assert weight(left, "tune") == pytest.approx(weight(whole, "tune") / 4)
    assert weight(left, "sasrec") == weight(whole, "sasrec")
    assert stage(left, "tune").note == "goes on from where it was"
    (tune / "loop.json").write_text('{"epoch": 99999}')
    assert weight(of(shop, EPOCHS), "tune") == 0


def test_without_item_table(shop):
    found = of(shop, "data.items=", "data.text=[]", "vectors.semantic=none")
    assert not {"semantic", "teacher"} & {one.name for one in found.stages}
    assert weight(found, "tune") > 0
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
    assert weight(counted, "tune") / 4 < weight(found, "tune") < weight(counted, "tune") * 4
    found, paced = of(shop, paces=known(TIME)), stage(of(shop), "tune").spread
    assert found.spread == pytest.approx(room.SPREAD_GUESS) and paced < found.spread
    assert "guess" in stage(found, "tune").why


def test_a_backbone_from_elsewhere(shop):
    unknown = of(shop, "backbone.model=someone/large")
    assert stage(unknown, "tune").seconds is None is unknown.seconds is unknown.memory_mb
    assert stage(unknown, "tune").note == room.UNKNOWN_MODEL
    assert weight(unknown, "sasrec") > 0
    folder = shop.parent / "qwen"
    folder.mkdir()
    (folder / "config.json").write_text("{")
    assert stage(of(shop, "backbone.model=qwen"), "tune").weight is None
    (folder / "config.json").write_text(json.dumps(QWEN))
    known = of(shop, "backbone.model=qwen")
    assert weight(known, "tune") > 20 * weight(of(shop), "tune")
    assert known.memory_mb is not None and known.memory_mb > 0.49e3 * 16  # half a billion parameters
    shape = shape_of({"model": "qwen"}, 0, Project.load(shop).resolve)
    assert shape is not None and shape.parameters == pytest.approx(494e6, rel=0.01)  # as its model card says


@pytest.mark.parametrize(("texts", "task"), [("items", "title-to-code"), ("users", "intent-to-code")])
def test_what_a_local_model_writes_counts(shop, texts, task):
    """Hours of it are said before they are spent; where nothing asks for the texts, none are written."""
    folder = shop.parent / "qwen"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(QWEN))
    asked, silent = (f"tune.stages.0.tasks={{sequential=1,{name!r}=1}}" for name in (task, "code-to-title"))
    sets = ["recipe=lc-rec-small", "tune.stages.0.epochs=1"]
    written = f"texts.{texts}=local:qwen"
    without, together = of(shop, *sets, asked), of(shop, *sets, asked, written)
    assert weight(together, "tune") > weight(without, "tune") + 300
    assert together.memory_mb is not None and without.memory_mb is not None
    assert together.memory_mb >= without.memory_mb and together.memory_mb > BASE + 980  # in bf16
    if texts == "users":
        assert weight(of(shop, *sets, silent, written), "tune") == weight(of(shop, *sets, silent), "tune")
    (folder / "config.json").unlink()
    assert stage(of(shop, *sets, asked, written), "tune").seconds is None


def test_a_gpu_is_not_known_before_a_first_run(shop):
    found = of(shop, machine=Machine(2, gpu=True), paces=known(TIME))
    assert {one.name for one in found.stages if one.seconds is None} == {"tune", "evaluate"}
    assert stage(found, "tune").why == room.UNKNOWN_GPU
    assert found.seconds is None and found.memory_mb is not None


def test_a_gpu_is_known_from_earlier_runs(shop):
    version = next(one.version for one in pipeline.STAGES if one.name == "tune")
    told = replace(TIME, stage="tune", version=version, gpu=True, seconds=33.0)
    found = of(shop, machine=Machine(2, gpu=True), paces=known(told))
    work = stage(found, "tune").work
    assert work is not None and seconds(found, "tune") == pytest.approx(33.0 / 110.0 * (work.shared + work.single))


def test_too_little_memory_or_disk_is_said(shop, monkeypatch):
    assert not [text for text in of(shop).warnings if "GB" in text]
    monkeypatch.setattr(room, "free_memory_mb", lambda: 100.0)
    monkeypatch.setattr(room, "free_disk_mb", lambda folder: 1.0)
    monkeypatch.setattr(room, "crowding", lambda threads: 2.0)
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
