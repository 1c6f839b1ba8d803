"""Two processes train like one with twice the accumulation."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.jobs import work
from core.jobs.start import create_run
from core.project import Project
from tests.core.engine_tools import walks, write_world

SETTINGS = (
    "run.threads=1", "run.goal=metrics", "tune.dropout=0", "tune.batch_tokens=256", "tune.stages.0.epochs=2",
    "lora.dropout=0", "contrast.form=next", "contrast.behavior=0.3", "evaluate.baselines=[]", "evaluate.bootstrap=0",
)  # fmt: skip


def trained(folder: Path, processes: int, *more: str) -> dict[str, torch.Tensor]:
    """The best weights of a run that so many processes train, started as `torchrun` starts them."""
    folder.mkdir()
    project = write_world(folder, walks())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sets = [part for text in (*SETTINGS, *more) for part in ("--set", text)]
    command = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(project), *sets]
    world = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    children = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **(world | {"RANK": str(n), "LOCAL_RANK": str(n)} if processes > 1 else {})},
        )
        for n in range(processes)
    ]  # fmt: skip
    told = [child.communicate(timeout=240)[0] for child in children]
    assert [child.returncode for child in children] == [0] * processes, told
    (best,) = folder.glob("runs/.store/*/best")
    return {**load_file(best / "model.safetensors"), **load_file(best / "dense.safetensors")}


@pytest.mark.slow  # five real engines
def test_four_processes_give_the_metrics_of_one(tmp_path: Path) -> None:
    """The engine starts them itself; the ranks of the model that they have tuned are those of one process."""
    file = write_world(tmp_path / "four", walks())
    sets = [*SETTINGS, "run.processes=4"]
    run = create_run(Project.load(file, sets))
    child = subprocess.run([sys.executable, "-m", "core", "train", str(run.path)], check=False)
    assert child.returncode == 0, run.log_tail()
    told = run.metrics()
    store = run.path.parent / ".store"
    assert not list(store.glob("*.partial")) and not (run.artefact("evaluate") / "shards").exists()
    shutil.rmtree(run.artefact("evaluate"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work, "workers", lambda file, settings: contextlib.nullcontext())
        assert work.train_run(run) == 0
    assert run.metrics() == told
    tuned = load_file(run.artefact("tune") / "best" / "model.safetensors")
    one = trained(tmp_path / "one", 1, "tune.accumulate=4")
    assert all(torch.allclose(one[name], weights, atol=1e-4) for name, weights in tuned.items())


@pytest.mark.slow  # four trainings; the one above has four processes
def test_two_processes_are_one_with_twice_the_batches(tmp_path: Path) -> None:
    one = trained(tmp_path / "one", 1, "tune.accumulate=2")
    two = trained(tmp_path / "two", 2)
    other = trained(tmp_path / "other", 1)
    assert one.keys() == two.keys()
    for name, weights in one.items():
        assert torch.allclose(weights, two[name], atol=1e-4), name
    assert any(not torch.allclose(weights, other[name], atol=1e-3) for name, weights in one.items())
