"""A small world of which everything is known beforehand: projects, data and runs at fixed moments, with fixed names.

Every text that comes from outside goes through `say`, so that the same world can be told in hostile words.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from textual.widgets import Input

from core.files import write_atomic
from core.project import Project
from core.run.folder import RunFolder
from core.run.identity import identity
from core.run.status import Status
from core.setting_values import toml_value
from eagertui.config import Memory
from tests.eagertui.index_tools import some_codes, write_index
from tests.eagertui.run_story import Story

NOW = 1_781_690_640.0
"""Wednesday, 2026-06-17, 10:04 UTC."""
DAY = 86_400.0
READERS, BOOKS = 60, 24
WORDS = ("Lighthouse", "Orchard", "Winter", "Cartographer", "Harbour", "Clockmaker", "River", "Library")
PLAN = {"data": 1, "semantic": 3, "sasrec": 41, "behavior": 1, "teacher": 44, "index": 2, "tune": 860, "baselines": 4,
        "evaluate": 38}  # fmt: skip
"""The stages of a run, and how many seconds each was estimated to take."""
NEAR = {
    "semantic": (370, 72, 19, 880, 299, 9, 691, 245, 108, 31),
    "behavior": (25, 530, 219, 36, 316, 413, 510, 607, 704, 801),
}
"""The neighbours that the serving process tells of, whichever item it is asked for."""
Say = Callable[[str], str]


def plain(text: str) -> str:
    """Words as they are."""
    return text


class _Frozen(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.fromtimestamp(time.time(), tz)


class World:
    """A home folder with a working folder in it; make it with `world`.

    Args:
        home: an empty folder.
        patch: takes everything back.
        say: what becomes of a text from outside.
        file_name: what becomes of a file's or folder's name.
    """

    def __init__(self, home: Path, patch: pytest.MonkeyPatch, say: Say = plain, file_name: Say = plain) -> None:
        self.say, self.file_name = say, file_name
        self.clock = NOW
        self.here = home / "shop"
        self.here.mkdir()
        self.sleeper: subprocess.Popen[bytes] | None = None
        self.answers: Path | None = None
        """What the serving process answers, once it is written."""
        self._tokens = (f"{n:04x}" for n in range(0xA11F, 0xFFFF, 0x0707))
        patch.chdir(self.here)
        for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TEXTUAL", "TEXTUAL_ANIMATIONS", "TEXTUAL_THEME"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CONFIG_HOME", "/home/reader/.config")
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.setattr(time, "time", lambda: self.clock)
        patch.setattr("core.run.folder.datetime", _Frozen)
        patch.setattr(secrets, "token_hex", lambda count=None: next(self._tokens))
        patch.setattr(os, "cpu_count", lambda: 8)
        patch.setattr(Input, "cursor_blink", False)
        patch.setattr("textual._wait.SLEEP_GRANULARITY", 0.005)  # scenes wait for states, so a look can be short

    @property
    def log_name(self) -> str:
        """The log's file that `write_files` writes."""
        return self.file_name("loans") + ".parquet"

    @property
    def books_name(self) -> str:
        """The books' file that `write_files` writes."""
        return self.file_name("books") + ".parquet"

    def close(self) -> None:
        """End what seemed to be an engine."""
        if self.sleeper is not None:
            self.sleeper.kill()
            self.sleeper.wait()

    # --- projects ---------------------------------------------------------------------------------------------------

    def project(self, name: str = "bookshop", more: str = "") -> Path:
        """A project's file."""
        folder = self.here / self.file_name(name)
        folder.mkdir(exist_ok=True)
        path = folder / "project.toml"
        data = '[data]\ninteractions = "log.parquet"\nitems = "books.parquet"\nuser = "reader"\nitem = "book"\n'
        data += 'time = "when"\ntext = ["title", "author"]\nmax_rejected = 0.9\n'
        data += "min_user_interactions = 2\nmax_history = 12\n"
        told = "".join(c for c in _utf8(self.say(name)) if c.isprintable() and c not in "/\\").lstrip(".")[:100]
        path.write_text(f"name = {toml_value(told)}\n{data}{more}", encoding="utf-8")
        return path

    def memory(self, *files: Path) -> Memory:
        """What the app remembers of projects, the last one the newest."""
        memory = Memory(None)
        for file in files:
            memory.opened(file, self.say(file.parent.name))
        return memory

    def write_tables(self, folder: Path) -> None:
        """Readers who take books in an order that can be told, a few rows that cannot be used, and the books."""
        say = lambda text: _utf8(self.say(text))  # noqa: E731
        books = [_id(say(f"b{n:02d}")) for n in range(BOOKS)]
        readers = [_id(say(f"reader-{n:03d}")) for n in range(READERS)]
        begin = 1_767_225_600
        rows: list[tuple[Any, ...]] = [
            (readers[r], books[(r * 5 + n * n) % (BOOKS - r % 7)], begin + n * 777_777 + r * r * 2_400)
            for r in range(READERS)
            for n in range(2 + r * r % 29)
        ]
        rows += [(None, books[0], begin), (readers[1], None, begin), (readers[2], books[3], None)]
        rows += [(_id(say("reader-once")), books[1], begin), (say("reader-bad"), say("b-bad"), begin)]
        log = pl.DataFrame(rows, schema=["reader", "book", "when"], orient="row")
        log = log.with_columns(pl.from_epoch("when"))
        log.with_columns(pl.lit(say("web")).alias(say("channel") or "channel")).write_parquet(folder / "log.parquet")
        pl.DataFrame(
            {
                "book": [*books, _id(say("b-unread"))],
                "title": [say(f"The {WORDS[n % 8]} and the {WORDS[n * 3 % 7]}, volume {n}") for n in range(BOOKS + 1)],
                "author": [say(("A. Keeper", "Mira Solano", "J. Thorne")[n % 3]) for n in range(BOOKS + 1)],
                say("price") or "price": [f"{4 + n % 9}.90" for n in range(BOOKS + 1)],
            }
        ).write_parquet(folder / "books.parquet")

    def write_files(self) -> None:
        """Tables in the working folder that are no project yet, and more that may lie beside them."""
        self.write_tables(self.here)
        (self.here / "log.parquet").rename(self.here / self.log_name)
        (self.here / "books.parquet").rename(self.here / self.books_name)
        for name in ("reviews", "older logs"):
            (self.here / self.file_name(name)).mkdir()
        (self.here / (self.file_name("stock") + ".csv")).write_text("book,count\nb01,3\n")
        for path in self.here.iterdir():
            os.utime(path, (NOW - 5 * DAY, NOW - 5 * DAY))

    def write_answers(self) -> None:
        """What a serving process says of a reader."""
        say, titles = self.say, [f"The {WORDS[n % 8]} and the {WORDS[n * 3 % 7]}, volume {n}" for n in range(32)]
        told = {
            "users": [say(f"reader-{n:03d}") for n in range(READERS)],
            "history": [{"item_id": say(f"b{n:02d}"), "title": say(titles[n])} for n in range(9)],
            "items": [
                {"rank": n + 1, "item_id": f"b{n + 6}", "title": say(titles[n + 6]), "score": -0.7 - 0.35 * n,
                 "seen": n < 3, "code": [n, 2, 3, 4]}
                for n in range(20)
            ],
            "near": {
                say(source): [{"number": number, "similarity": 0.97 - 0.04 * n} for n, number in enumerate(numbers)]
                for source, numbers in NEAR.items()
            },
        }  # fmt: skip
        self.answers = self.here.parent / "answers.json"
        self.answers.write_text(json.dumps(told))

    # --- runs -------------------------------------------------------------------------------------------------------

    def run(self, project: Path, began: float, recipe: str = "light") -> tuple[RunFolder, Story]:
        """A new run that began so many seconds ago, and the writer of its story."""
        self.clock = NOW - began
        resolved = Project.load(project).to_toml()
        folder = RunFolder.create(
            project.parent / "runs", resolved, self.say(project.parent.name), recipe=self.say(recipe)
        )
        renamed = folder.path.with_name(self.file_name(folder.id))
        folder.path.rename(renamed)
        folder = RunFolder(renamed)
        stages = [{"name": name, "seconds": seconds} for name, seconds in PLAN.items()]
        (folder.path / "estimate.json").write_text(json.dumps({"stages": stages}))
        return folder, Story(self, folder)

    def end(self, folder: RunFolder, story: Story, status: Status) -> RunFolder:
        """Write how a run stands; its events end here."""
        began = story.began
        known = replace(
            status,
            host=socket.gethostname(),
            started=began,
            heartbeat=self.clock if status.state != "running" else NOW,
            ended=0.0 if status.state == "running" else self.clock,
            clock=1.0,
            elapsed=self.clock - began,
        )
        folder.write_status(known)
        story.writer.close()
        self.clock = NOW
        return folder

    def finished(self, project: Path, began: float = DAY, better: float = 0.0) -> RunFolder:
        """A run that went to its end, with its metrics and its index."""
        folder, story = self.run(project, began)
        story.to_training()
        story.train(120, better)
        story.finish_stage("tune", {"parameters": 1_737_408, "valid_ndcg@10": 0.2434 + better})
        story.stage("baselines", 1.0, {"sasrec recall@50": 0.687})
        metrics = self.metrics(better)
        story.stage("evaluate", 31.0, {"ndcg@10": metrics["test"]["model"]["ndcg@10"]})
        story("run.finished", 0.1, state="finished", exit_code=0)
        write_atomic(folder.path / "metrics.json", json.dumps(metrics, indent=1))
        self.ranks(folder, metrics)
        self.index(folder)
        best = {"ndcg@10": 0.2434 + better, "recall@10": 0.436 + better}
        status = Status("finished", exit_code=0, stage="evaluate", best=best, checkpoint=self.say("checkpoints/best"))
        return self.end(folder, story, status)

    def metrics(self, better: float = 0.0) -> dict[str, Any]:
        """What an evaluation measures."""
        model = {"recall@10": 0.4152 + better, "ndcg@10": 0.2235 + better}
        test = {
            "model": model,
            self.say("sasrec"): {"recall@10": 0.4021, "ndcg@10": 0.2189},
            self.say("transitions"): {"recall@10": 0.2125, "ndcg@10": 0.1352},
            self.say("itemknn"): {"recall@10": 0.234, "ndcg@10": 0.1014},
            self.say("popularity"): {"recall@10": 0.0275, "ndcg@10": 0.0131},
        }
        around = {
            name: {key: [value - 0.011, value + 0.011] for key, value in values.items()}
            for name, values in test.items()
        }
        gains = {
            name: {key: {"difference": gain, "low": gain - 0.006, "high": gain + 0.006}}
            for name, values in test.items()
            for key, gain in [("ndcg@10", model["ndcg@10"] - values["ndcg@10"])]
            if name != "model"
        }
        return {"test": test, "intervals": {"test": around}, "differences": {"test": gains}}

    def ranks(self, folder: RunFolder, metrics: dict[str, Any]) -> None:
        """Ranks of 300 readers that are about as good as the metrics."""
        say, count = lambda text: _utf8(self.say(text)), 300
        columns: dict[str, Any] = {
            "split": ["test"] * count,
            "user_id": [_id(say(f"reader-{n:03d}")) for n in range(count)],
            "item_id": [_id(say(f"b{n * 7 % 900:03d}")) for n in range(count)],
            "history": [2 + n * n % 17 for n in range(count)],
            "popularity": [n * n % 23 for n in range(count)],
        }
        for place, (name, values) in enumerate(metrics["test"].items()):
            hits = round(values["recall@10"] * count)
            order = [(n * 101 + place * 7) % count for n in range(count)]  # who is hit, in turn
            ranks = [1 + at * at * 9 // max(hits * hits, 1) if at < hits else 0 for at in order]
            method = _utf8(name)
            columns |= {f"rank_{method}": ranks, f"masked_rank_{method}": [max(rank - (rank > 3), 0) for rank in ranks]}
        pl.DataFrame(columns).write_parquet(folder.path / "ranks.parquet")

    def index(self, folder: RunFolder, seed: int = 0) -> Path:
        """An item index, where the stages write it: codes, branches with words, conflicts and the report."""
        say, count = lambda text: _utf8(self.say(text)), 900
        titles = [f"The {WORDS[n % 8]} and the {WORDS[n * 3 % 7]}, volume {n}" for n in range(count)]
        store = folder.path.parent / ".store"
        artefact, data = store / f"12bb932145e713a54ac{9 - seed}", store / "data932145e713a54ac9"
        write_index(
            artefact,
            data,
            some_codes(count, (16, 8, 32, 32), seed),
            [_id(say(f"b{n:03d}")) for n in range(count)],
            [say(title) for title in titles],
            (16, 8, 32, 32),
            [name.replace(":", ";") for name in map(say, ("semantic", "semantic", "behavior", "behavior"))],
            [[say(word.lower()) for word in (WORDS[n % 8], WORDS[n * 5 % 7])] for n in range(56)],
            [[3, 88, 190, 200, 201], [7, 12, 410], [5, 99], [640, 641]],
        )
        report = json.loads((artefact / "report.json").read_text())
        report["base_id"], report["method"] = self.say("8a85cf75699a7723"), self.say("kmeans-tree")
        for level in report["levels"]:
            level["source"] = self.say(level["source"])
        (artefact / "report.json").write_text(json.dumps(report))
        for stage, made in (("index", artefact), ("data", data)):
            note = {"stage": stage, "artefact": f"../.store/{made.name}", "summary": {"items": count}}
            (folder.path / "stages" / f"{stage}.json").write_text(json.dumps(note))
        return artefact

    def failed(self, project: Path, began: float = 2 * DAY) -> RunFolder:
        """A run that ended with an error in words."""
        folder, story = self.run(project, began, "eager-llm")
        story.to_training()
        story.train(14)
        error, remedy = self.say("out of memory"), self.say("a smaller tune.batch_tokens or model needs less")
        folder.stdout_path.write_bytes(
            "".join(f"{self.say(row)}\n" for row in ("loading 1,737,408 weights", "RuntimeError: out of memory"))
            .encode("utf-8", "surrogatepass")
        )  # fmt: skip
        story("run.finished", 2.0, state="failed", exit_code=3, error=error, remedy=remedy)
        return self.end(
            folder,
            story,
            Status("failed", exit_code=3, error=error, remedy=remedy, stage=self.say("tune"), task=self.say("training"),
                   done=14, total=120, checkpoint=self.say("checkpoints/step-10")),
        )  # fmt: skip

    def stopped(self, project: Path, began: float = 3 * DAY) -> RunFolder:
        """A run that somebody stopped."""
        folder, story = self.run(project, began)
        story.to_training()
        story.train(40)
        error, remedy = self.say("stopped as asked"), self.say("checkpoint: checkpoints/step-40")
        story("run.finished", 1.0, state="stopped", exit_code=130, error=error, remedy=remedy)
        status = Status(
            "stopped", exit_code=130, error=error, remedy=remedy, checkpoint=self.say("checkpoints/step-40")
        )
        return self.end(folder, story, status)

    def live(self, project: Path, began: float = 245.0) -> RunFolder:
        """A run that a process seems to work on, so far that there is something of everything."""
        folder, story = self.run(project, began)
        story.to_training()
        story.train(74)
        story(
            "alert", 0.2, level="warning", title=self.say("The disk is almost full"), text=self.say("812 MB are left")
        )
        story("log", 0.2, text=self.say("the harbour sleeps beneath a paper moon"))
        story("progress", 0.2, task=self.say("sequential"), done=740, total=1200, unit=self.say("steps"))
        if self.sleeper is None:
            self.sleeper = subprocess.Popen(["sleep", "3600"], start_new_session=True)
        return self.end(
            folder,
            story,
            Status("running", pid=self.sleeper.pid, process=identity(self.sleeper.pid), stage=self.say("tune"),
                   task=self.say("sequential"), done=740, total=1200, unit=self.say("steps"), eta=290.0,
                   best={"ndcg@10": 0.2011}, checkpoint=self.say("checkpoints/step-70")),
        )  # fmt: skip


def _id(text: str) -> str:
    """What the engine takes for an id."""
    return re.sub("[\x00-\x1f\x7f\ufffd]", "", text)[-300:]


def _utf8(text: str) -> str:
    """What a table or a project file can hold."""
    return text.encode("utf-8", "replace").decode()


@contextlib.contextmanager
def world(home: Path, say: Say = plain, file_name: Say = plain) -> Iterator[World]:
    """A world in a folder; everything is as before at its end."""
    zone = os.environ.get("TZ")
    with pytest.MonkeyPatch.context() as patch:
        made = World(home, patch, say, file_name)
        try:
            yield made
        finally:
            made.close()
            shutil.rmtree(made.here, ignore_errors=True)
    assert os.environ.get("TZ") == zone
    time.tzset()
