"""What a training needs of the machine beside memory: the device that it names, and the models that it starts from."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import EagerError, EnvironmentFault
from core.estimate.probe import on_gpu
from core.model.gguf_header import is_gguf
from core.pipeline import plan
from core.project import Project
from core.vectors.stage import text_model

_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_ON = frozenset({"1", "ON", "YES", "TRUE"})
_PATIENCE = 3.0
"""Seconds in which the hub has to answer."""


@dataclass(frozen=True)
class NeededModel:
    """A model of the Hugging Face hub, or a folder, that a training starts from and that is not on this machine.

    Attributes:
        key: the setting that names it.
        model: hub id or path.
    """

    key: str
    model: str

    @property
    def words(self) -> str:
        """What to say of it where the hub may have it."""
        return f"{self.key} needs {self.model}, which is not on this machine: it is downloaded first"


def missing_models(project: Project) -> tuple[NeededModel, ...]:
    """The models that the stages to run need and that are not on this machine."""
    running = {"semantic", "tune"}
    with contextlib.suppress(EagerError, OSError):
        running = {stage.name for stage in plan(project) if stage.state == "run"}
    wanted = []
    if "semantic" in running and (model := text_model(project)):
        wanted.append(NeededModel("vectors.semantic", model))
    if "tune" in running and project.backbone.model != "tiny":
        wanted.append(NeededModel("backbone.model", project.backbone.model))
    return tuple(one for one in wanted if not _is_here(project.resolve(one.model), one.model))


def check_machine(project: Project) -> None:
    """Refuse a training whose device or models cannot be had here; asks the hub only about a model that it needs.

    Raises:
        EnvironmentFault: there is no GPU, no such folder, or the hub cannot be reached.
    """
    device = project.run.device
    if device.startswith("cuda") and not (on_gpu(replace(project.run, device="auto")) or _torch_finds_a_gpu()):
        raise EnvironmentFault(
            f"run.device {device}: no GPU that torch can use is on this machine",
            "run.device=auto takes what there is; `eagertui doctor` shows it",
        )
    for one in missing_models(project):
        if not _HUB_ID.fullmatch(one.model):
            raise EnvironmentFault(f"{one.key}: there is no model at {one.model}", "check the path")
        if why := _no_hub():
            raise EnvironmentFault(
                f"{one.key} needs {one.model}, which is not on this machine, and {why}",
                "name a folder that holds it, or take another recipe: `eagertui recipes` says what each one needs",
            )


def _is_here(folder: Path, model: str) -> bool:
    if folder.is_dir() or is_gguf(model):  # a file is looked into by `check_backbone`
        return True
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    with contextlib.suppress(HFValidationError):  # a path
        return isinstance(try_to_load_from_cache(model, "config.json"), str)
    return False


def _no_hub() -> str:
    """Why no model can be downloaded; empty where it may be possible."""
    if any(os.environ.get(name, "").upper() in _ON for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")):
        return "the hub is switched off (HF_HUB_OFFLINE)"
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return ""  # only the hub's client knows the way
    hub = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        socket.create_connection((hub.hostname or "", hub.port or 443), _PATIENCE).close()
    except OSError:
        return "the hub cannot be reached"
    return ""


def _torch_finds_a_gpu() -> bool:
    """Whether torch finds a GPU; asked in a process of its own, since torch is heavy."""
    code = "import sys, torch; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
