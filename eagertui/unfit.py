"""Why EagerTUI cannot run here, found before anything of the engine is imported; needs the standard library alone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def unfit() -> str:
    """What is wrong with the system or the module path, and what to do; empty where nothing is."""
    if find_spec("fcntl") is None:  # locks of files, which Windows has otherwise
        return "EagerTUI runs on Linux and macOS; on Windows install it inside WSL2 (wsl --install)"
    spec = find_spec("core")
    if spec is None:
        return "EagerTUI's package core is missing: install eagertui anew"
    ours = Path(__file__).resolve().parents[1] / "core"
    places = [Path(place).resolve() for place in spec.submodule_search_locations or [spec.origin or ""]]
    if ours in places or not ours.is_dir():
        return ""
    return (
        f"another package called core stands before EagerTUI's own on the module path: {places[0]}; "
        "leave its folder, or take it out of PYTHONPATH"
    )
