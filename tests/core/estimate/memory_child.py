"""Trains the tune stage of a project in a process of its own, its peak memory the last line: run by test_memory.py."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(file: str, index: str, folder: str, overrides: list[str]) -> None:
    import peft  # noqa: F401
    import torch  # noqa: F401

    from core.machine import prepare
    from core.project import Project
    from core.run.reporter import NullReporter
    from core.tune.stage import make_tune
    from tests.memory import peak_mb

    project = Project.load(file, overrides)
    prepare(project.run)
    made = {name: Path(path) for name, path in json.loads(index).items()}
    from core.tune import tuner  # noqa: F401

    before = peak_mb()
    Path(folder).mkdir()
    make_tune(project, made, Path(folder), NullReporter())
    print(json.dumps([before, peak_mb()]))


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:])
