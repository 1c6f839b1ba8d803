"""The story of a run whose every moment and figure is known beforehand, written by the engine's own writer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from core.run.events import EventWriter
from core.run.folder import RunFolder

if TYPE_CHECKING:
    from tests.eagertui.world import World


class Story:
    """Writes a run's events at moments that are known.

    Args:
        world: whose clock it moves.
        folder: the run.
    """

    def __init__(self, world: World, folder: RunFolder) -> None:
        self.world = world
        self.began = self.stage_began = world.clock
        self.writer = EventWriter(folder.events_path)
        self("run.started", 0.0, run=folder.id, resumed=False, pid=1)

    def __call__(self, kind: str, after: float, **data: Any) -> None:
        """Write an event so many seconds after the one before."""
        self.world.clock += after
        self.writer.write(kind, **data)

    def stage(self, name: str, seconds: float, summary: dict[str, Any]) -> None:
        """A stage from its beginning to its end."""
        self.begin_stage(name)
        self.world.clock += seconds
        self.finish_stage(name, summary)

    def begin_stage(self, name: str) -> None:
        """The beginning of a stage."""
        self("stage.started", 0.01, stage=self.world.say(name), fingerprint=f"{name}-0001")
        self.stage_began = self.world.clock

    def finish_stage(self, name: str, summary: dict[str, Any]) -> None:
        """The end of the stage that began last."""
        told = {self.world.say(key): self.world.say(v) if isinstance(v, str) else v for key, v in summary.items()}
        seconds = round(self.world.clock - self.stage_began, 3)
        self("stage.finished", 0.0, stage=self.world.say(name), seconds=seconds, summary=told)

    def to_training(self) -> None:
        """Everything before the model trains."""
        self("stage.reused", 0.1, stage=self.world.say("data"), fingerprint="data-0001")
        self.stage("semantic", 1.3, {"source": "lsa", "dim": 256})
        self.stage("sasrec", 17.7, {"parameters": 518_528})
        self.stage("behavior", 0.2, {"source": "sasrec"})
        self.stage("teacher", 18.5, {"parameters": 551_296})
        self.stage("index", 0.4, {"levels": 4, "used_codes": "16/6/30/30", "items": 900})
        self.begin_stage("tune")

    def train(self, count: int, better: float = 0.0) -> None:
        """Ten steps at a time: losses, the machine, validations, checkpoints."""
        say = self.world.say
        names = [f"loss/{say(task)}" for task in ("next item", "title", "distil")]
        self("log", 0.1, text=say("1,737,408 parameters, 23,032 supervised targets an epoch, cpu"))
        for n in range(1, count + 1):
            step, wave = n * 10, math.sin(n * 1.7)
            loss = 2.0 + 4.0 * math.exp(-n / 30) + 0.1 * wave
            parts = dict(zip(names, (loss * 0.7, loss * 0.2 + 0.02 * wave, loss * 0.1), strict=True))
            self("progress", 2.0, task=say("sequential"), done=step, total=1200, unit=say("steps"))
            speed = {"tokens_per_second": 9000 + 500 * wave, "gradient_norm": 1 + loss / 9}
            self(
                "metric", 0.1, step=step, values={"loss": loss, "learning_rate": 1e-3 * (1 - n / 150), **parts, **speed}
            )
            if n % 10 == 0:
                values = {
                    "ndcg@10": 0.24 * (1 - math.exp(-n / 40)) + better,
                    "recall@10": 0.43 * (1 - math.exp(-n / 40)),
                }
                self("eval", 1.0, step=step, split="valid", values=values)
                self("checkpoint", 0.1, path=say(f"checkpoints/step-{step}"), step=step, best=n % 20 == 0)
            if n % 4 == 0:
                machine = {"cpu_percent": 690 + 60 * wave, "memory_mb": 1900 + n, "machine_memory_percent": 41 + wave,
                           "disk_free_mb": 81_234.0}  # fmt: skip
                self("system", 0.1, values=machine)
