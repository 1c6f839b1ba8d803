"""Two processes that hold half of a model each (FSDP 2) train like one that holds all of it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from core.run.reporter import NullReporter
from tests.core.training.sharded import EPOCHS, Small, small_loop, trained


def two_processes(folder: Path, out: Path, stop: int = 0) -> dict[str, Tensor]:
    """What the first of two processes saw; empty where they were stopped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    world = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-m", "tests.core.training.sharded", str(folder), str(stop), str(out)]
    children = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**world, "RANK": str(n), "LOCAL_RANK": str(n)},
        )
        for n in range(2)
    ]  # fmt: skip
    try:
        outputs = [child.communicate(timeout=240)[0] for child in children]
    finally:
        for child in children:
            child.kill()
    assert [child.returncode for child in children] == [0, 0], outputs
    return load_file(out) if out.exists() else {}


def same(found: dict[str, Tensor], expected: dict[str, Tensor], atol: float) -> None:
    assert found.keys() == expected.keys() and found
    for name, tensor in found.items():
        assert torch.allclose(tensor, expected[name], atol=atol), name


@pytest.mark.slow
def test_half_a_model_each_is_a_whole_one(tmp_path: Path) -> None:
    module = Small()
    one = trained(module, small_loop(module, tmp_path / "one", NullReporter(), accumulate=2))
    assert not torch.allclose(one["1.embed.weight"], one[f"{EPOCHS}.embed.weight"], atol=0.05)  # it learns
    assert not torch.allclose(one[f"{EPOCHS}.embed.weight"], one["embed.weight"], atol=0.002)  # the mean is another

    two = two_processes(tmp_path / "two", tmp_path / "two.safetensors")
    same(two, one, 1e-4)

    # Interrupted and taken up again: the same to the byte.
    assert not two_processes(tmp_path / "halves", tmp_path / "halves.safetensors", stop=3)
    shutil.copytree(tmp_path / "halves", tmp_path / "alone")
    halves = two_processes(tmp_path / "halves", tmp_path / "halves.safetensors")
    same(halves, {name: two[name] for name in halves}, 0.0)
    assert "1.logits" not in halves and "2.logits" in halves

    # The checkpoint holds whole tensors: one process may go on where two stopped.
    module = Small()
    alone = trained(module, small_loop(module, tmp_path / "alone", NullReporter(), accumulate=2))
    same(alone, {name: one[name] for name in alone}, 1e-4)
