"""Benchmarks whose cells are trainings: each finished one is kept, so an interrupted table goes on."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
Cell = dict[str, float]


def light_before(data: str) -> list[str]:
    """The recipe `light` as it was when most of the kept cells were computed, so that new ones can stand beside them.

    Its items shared their codes and did not follow their texts; its generator saw the log's own histories.
    """
    own = [] if data == "sample" else ["tune.transitions_share=0.5"]  # the sample's project has its own share
    own += ["index.conflicts=matching"]
    return ["vectors.align=none", "tune.drawn=0.0", "tune.distill=0.8", "tune.stages.0.epochs=20", *own]


def eagertui(*argv: str) -> list[dict[str, Any]]:
    """The JSON lines of a headless command."""
    command = [sys.executable, "-m", "eagertui.cli", "--headless", *argv, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}:\n{done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def artefact(run: Path, stage: str) -> Path:
    """Where a stage's artefact of a run lies."""
    told: str = json.loads((run / "stages" / f"{stage}.json").read_text())["artefact"]
    return run / told


class Cells:
    """Finished cells of one benchmark, in `results/NAME.json`.

    Args:
        name: of the benchmark.
    """

    def __init__(self, name: str) -> None:
        self.path = RESULTS / f"{name}.json"
        self._held = threading.Lock()

    def known(self) -> dict[str, Cell]:
        """All of them."""
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def keep(self, cell: str, found: Mapping[str, float]) -> None:
        """Write one down."""
        with self._held:
            self.path.parent.mkdir(exist_ok=True)
            told = json.dumps({**self.known(), cell: dict(found)}, indent=1, sort_keys=True)
            self.path.write_text(told + "\n")
            figures = {name: one for name, one in found.items() if not isinstance(one, str)}
            print(cell, figures, file=sys.stderr, flush=True)

    def fill(self, wanted: Sequence[str], make: Callable[[str], Mapping[str, float]], jobs: int = 1) -> None:
        """Compute what is missing, some at a time."""
        missing = [cell for cell in wanted if cell not in self.known()]
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda cell: self.keep(cell, make(cell)), missing))
