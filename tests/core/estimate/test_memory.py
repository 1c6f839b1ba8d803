"""What tuning holds in memory: the formula against a real training, and who is refused with which advice."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core import estimate as rooms
from core.cost import MachineSpeed as Machine
from core.errors import EnvironmentFault
from core.estimate import BASE, estimate
from core.estimate import probe as machines
from core.estimate.probe import free_room, room
from core.jobs import start, work
from core.jobs.start import create_run
from core.model.size import DecoderShape, shape_of
from core.project import Project
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.listing import list_runs
from core.run.system import Gpus
from core.settings import RunSettings
from core.tune.memory import Need, Room, advice, kept_parameters, needs, refusal, tune_settings
from tests.core.engine_tools import TEXTS, stages_of

LLAMA_70B = {
    "model_type": "llama", "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "intermediate_size": 28672, "vocab_size": 128256, "hidden_act": "silu",
    "tie_word_embeddings": False,
}  # fmt: skip
LLAMA_1B = {**LLAMA_70B, "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32,
            "intermediate_size": 8192, "tie_word_embeddings": True}  # fmt: skip
GB = 1e3


def write_config(file: Path, config: dict[str, Any]) -> None:
    """A folder `lm` beside a project file that holds a configuration and no weights."""
    (file.parent / "lm").mkdir()
    (file.parent / "lm" / "config.json").write_text(json.dumps(config))


def of(file: Path, *overrides: str) -> tuple[dict[str, Any], DecoderShape]:
    project = Project.load(file, ["backbone.model=lm", *overrides])
    settings = tune_settings(project)
    shape = shape_of(settings["backbone"], 0, project.resolve)
    assert shape is not None
    return settings, shape


def need(file: Path, *overrides: str) -> Need:
    return needs(*of(file, *overrides), 100, 30.0)


def test_what_a_stage_trains_decides_what_it_holds(world):
    write_config(world, LLAMA_1B)
    whole = need(world)
    weights = 1.236e9 * 4 / 1e6  # as its model card says
    assert whole.weights == pytest.approx(weights, rel=0.01)
    assert whole.learning == pytest.approx(3 * weights, rel=0.01)
    assert need(world, "tune.ema=0.99").learning == pytest.approx(4 * weights, rel=0.01)
    lora, tokens, both = (need(world, f"tune.stages.0.train={t}") for t in ("lora", "new-tokens", "lora+new-tokens"))
    assert whole.weights == lora.weights == tokens.weights == both.weights
    assert lora.learning == pytest.approx(
        16 * 8 * (6 * 2048 + 2 * 256 + 3 * (2048 + 8192) + 2 * 2048) * 12 / 1e6, rel=0.3
    )
    assert tokens.learning == pytest.approx(100 * 2048 * 12 / 1e6)
    assert both.learning == pytest.approx(lora.learning + tokens.learning)
    assert need(world, "tune.stages.0.train=lora", 'lora.targets=["q_proj"]').learning < lora.learning / 5


def test_weights_that_stand_still_are_as_large_as_in_their_files(world):
    write_config(world, {**LLAMA_1B, "dtype": "bfloat16"})
    lora, whole = need(world, "tune.stages.0.train=lora", "run.dtype=bf16"), need(world, "run.dtype=bf16")
    assert lora.weights == pytest.approx(whole.weights / 2)
    assert need(world, "tune.stages.0.train=lora", "run.dtype=fp32").weights == whole.weights


def test_a_checkpoint_holds_what_learnt(world):
    write_config(world, LLAMA_1B)
    settings, shape = of(world)
    assert kept_parameters(settings, shape, 100) == shape.parameters
    settings, shape = of(world, "tune.stages.0.train=lora+new-tokens")
    learnt = needs(settings, shape, 100, 30.0).learning * 1e6 / 12
    assert kept_parameters(settings, shape, 100) == pytest.approx(learnt + 100 * 2048)
    assert kept_parameters(*of(world, "backbone.model=tiny"), 100) == of(world, "backbone.model=tiny")[1].parameters


def test_what_a_batch_holds(world):
    write_config(world, LLAMA_1B)
    whole = need(world)
    assert need(world, "tune.batch_tokens=4096").states == pytest.approx(whole.states * 8)  # the world's is 512
    assert need(world, "tune.accumulate=8") == whole
    assert need(world, "backbone.gradient_checkpointing=true").states < whole.states / 3
    assert need(world, "tune.softmax=vocabulary").states > whole.states
    assert need(world, "backbone.attention=eager").states > whole.states


def test_a_tiny_model_is_never_in_the_way(world):
    settings = tune_settings(Project.load(world))
    shape = shape_of(settings["backbone"], 100, Path)
    assert shape is not None and needs(settings, shape, 100, 30.0).peak < 100
    assert refusal(Project.load(world), Room(100.0)) is None


def test_a_model_that_is_not_here_yet_is_not_judged(world):
    assert refusal(Project.load(world, ["backbone.model=someone/large"]), Room(1.0)) is None


def test_what_can_never_fit_is_refused_with_what_would(world):
    write_config(world, LLAMA_1B)
    project = Project.load(world, ["backbone.model=lm"])
    assert refusal(project, Room(24 * GB)) is None
    fault = refusal(project, Room(16 * GB))
    assert isinstance(fault, EnvironmentFault) and fault.exit_code == 3
    assert "1.2 billion" in fault.message and "18.4 GiB" in fault.message and "14.9 GiB" in fault.message
    assert fault.remedy == ("would fit: --set tune.stages.0.train=lora, or --set tune.stages.0.train=lora+new-tokens")
    hopeless = refusal(project, Room(4 * GB))
    assert hopeless is not None and "smaller backbone.model" in hopeless.remedy


def test_the_mildest_change_comes_first(world):
    write_config(world, LLAMA_1B)
    settings, shape = of(world, "tune.batch_tokens=16384")
    whole = needs(settings, shape, 0, 30.0)
    told = advice(settings, shape, 0, 30.0, Room(whole.peak - 1))
    assert told == (
        "would fit: --set backbone.gradient_checkpointing=true, or --set tune.batch_tokens=8192 --set tune.accumulate=2"
    )
    settings, shape = of(world, "tune.batch_tokens=16384", "tune.accumulate=3", "backbone.gradient_checkpointing=true")
    kept = needs(settings, shape, 0, 30.0)
    told = advice(settings, shape, 0, 30.0, Room(0, kept.on_gpu - kept.states / 3, True))
    assert not told  # the machine's own memory is too small as well
    told = advice(settings, shape, 0, 30.0, Room(99 * GB, kept.on_gpu - kept.states / 1.5, True))
    assert told.startswith("would fit: --set tune.batch_tokens=4096 --set tune.accumulate=12")


def test_a_gpu_has_a_memory_of_its_own():
    need = Need(weights=10.0, learning=30.0, states=20.0, saving=30.0)
    assert Room(29.0, 60.0, True).short(need) == (30.0, 29.0, "of memory")
    assert Room(30.0, 59.0, True).short(need) == (60.0, 59.0, "of the GPU's memory")
    assert Room(30.0, 60.0, True).short(need) is Room(30.0, None, True).short(need) is None
    assert Room(69.0).short(need) == (70.0, 69.0, "of memory") and Room(70.0).short(need) is None
    assert Room(39.0).never(need) == (40.0, 39.0, "of memory") and Room(40.0).never(need) is None
    assert Room(99.0, 39.0, True).never(need) == (40.0, 39.0, "of the GPU's memory")
    assert Room(9.0, 40.0, True).never(need) == (10.0, 9.0, "of memory")


def test_the_memory_of_this_machine(monkeypatch):
    whole, free = room(RunSettings(device="cpu")), free_room(RunSettings(device="cpu"))
    assert whole.machine > free.machine > 0 and whole.gpu is None and not whole.on_gpu

    class Two:
        def memory(self, number: int) -> tuple[float, float] | None:
            return [(80e3, 70e3), (24e3, 20e3)][number]

    monkeypatch.setattr(Gpus, "find", Two)
    assert room(RunSettings(device="cuda")).gpu == 80e3
    assert free_room(RunSettings(device="cuda:1")).gpu == 20e3
    monkeypatch.setattr(Gpus, "find", lambda: None)
    assert replace(room(RunSettings(device="cuda")), machine=0) == Room(0, None, True)


def test_a_container_s_bound_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(machines, "_CGROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000000000\n")
    (tmp_path / "memory.current").write_text("400000000\n")
    assert room(RunSettings(device="cpu")).machine == 1e3
    assert free_room(RunSettings(device="cpu")).machine == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert room(RunSettings(device="cpu")).machine > 1e3


def test_the_command_line_refuses_before_anything_is_there(world):
    """No weights are in the folder, and nobody looks for them; the log is not read either."""
    write_config(world, LLAMA_70B)
    (world.parent / "log.csv").write_text("no table")
    argv = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(world), "--set", "backbone.model=lm"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "70.6 billion" in done.stderr and "GiB" in done.stderr and "there are" in done.stderr
    assert "smaller backbone.model" in done.stderr
    assert "Traceback" not in done.stderr and "no weights" not in done.stderr
    assert not (world.parent / "runs").exists()


def test_an_engine_refuses_too(world, monkeypatch):
    """A run that was made where there was more memory."""
    write_config(world, LLAMA_70B)
    project = Project.load(world, ["backbone.model=lm"])
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert work.train_run(folder) == 3
    status = folder.status()
    assert status.state == "failed" and "70.6 billion" in status.error
    assert not (project.runs_dir / ".store").exists()
    monkeypatch.setenv("WORLD_SIZE", "8")  # they may have the model among them
    start.check_start(project)
    monkeypatch.delenv("WORLD_SIZE")
    start.check_start(Project.load(world, ["backbone.model=lm", "run.goal=index"]))


def test_a_model_that_is_trained_already_needs_no_room(trained, monkeypatch):
    project = Project.load(trained.project_path)
    monkeypatch.setattr(machines, "room", lambda settings: Room(0.1))
    start.check_start(project)
    with pytest.raises(EnvironmentFault, match="cannot be trained here"):
        create_run(replace(project, seed=99))


def test_the_estimate_says_it_too(world, monkeypatch):
    write_config(world, LLAMA_1B)
    project = Project.load(world, ["backbone.model=lm", "tune.batch_tokens=65536", "tune.stages.0.train=lora"])
    quiet = Machine(2, bf16=False)
    monkeypatch.setattr(rooms, "room", lambda settings: Room(64 * GB))
    monkeypatch.setattr(rooms, "free_room", lambda settings: Room(32 * GB))
    found = estimate(project, quiet)
    (text,) = found.short
    assert text in found.warnings and "GiB are free" in text
    assert (
        "--set tune.batch_tokens=2048 --set tune.accumulate=32, or --set backbone.gradient_checkpointing=true" in text
    )
    assert found.memory_mb is not None and found.memory_mb > 32 * GB
    monkeypatch.setattr(rooms, "room", lambda settings: Room(2 * GB))
    (text,) = estimate(project, quiet).short
    assert "cannot be trained here" in text


def test_a_run_begins_with_the_warning(world, monkeypatch):
    monkeypatch.setattr(rooms, "free_room", lambda settings: Room(1.0))
    folder = create_run(Project.load(world, ["tune.stages.0.epochs=1", "sasrec.epochs=1"]))
    assert work.train_run(folder) == 0
    story = EventReader(folder.events_path).poll()
    kinds = [event.kind for event in story]
    alert = story[kinds.index("alert")]
    assert alert.data["level"] == "warning" and "GiB are free" in alert.data["text"]
    assert kinds.index("alert") < kinds.index("stage.started")
    assert list_runs(folder.path.parent)[0].status.state == "finished"


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    """A checkpoint large enough to show."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from core.model.vocabulary import train_tokenizer

    folder = tmp_path / "llama"
    tokenizer = train_tokenizer(TEXTS, 300)
    config = LlamaConfig(
        vocab_size=2000, hidden_size=256, intermediate_size=688, num_hidden_layers=8, num_attention_heads=4,
        num_key_value_heads=4, tie_word_embeddings=False, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_real_training_holds_what_was_said(trained, llama, tmp_path):
    sets = [
        f"backbone.model={llama}", "tune.distill=0", "tune.batch_tokens=1024",
        "tune.validate_users=5", "tune.stages.0.epochs=1",
    ]  # fmt: skip
    project = Project.load(trained.project_path, sets)
    made = {name: str(path) for name, path in stages_of(project).items()}
    child, out = "tests.core.estimate.memory_child", str(tmp_path / "out")
    argv = ["-m", child, str(trained.project_path), json.dumps(made), out, *sets]
    done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, check=True)
    before, peak = json.loads(done.stdout.splitlines()[-1])
    settings = tune_settings(project)
    shape = shape_of(settings["backbone"], 24, project.resolve)
    assert shape is not None
    said = needs(settings, shape, 24, 21.0).peak
    print(f"before {before:.0f} MB, peak {peak:.0f} MB, said {BASE + said:.0f} MB")
    assert said > 200  # what is not the libraries'
    assert peak / 1.5 < BASE + said < peak * 1.5
    assert (peak - before) / 2 < said < (peak - before) * 1.5
