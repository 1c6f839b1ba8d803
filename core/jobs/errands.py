"""Short jobs that a screen has done in a process of its own, so that it never waits and can always call them off.

stdout is JSON lines: any number of `{"progress": text}`, then one `{"result": {...}}` or `{"error": {...}}`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from core.errors import EagerError
from core.files import system_fault

Tell = Callable[[str], None]
TICK = 1.0
"""Seconds between two words on how far a long job is."""
CACHED = 3
"""Data sets of projects that cannot be written, at most."""


def main(argv: list[str]) -> int:
    """Do one errand; returns the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m core errand")
    works = parser.add_subparsers(dest="work", required=True)
    for name in ("data", "plan"):
        work = works.add_parser(name)
        work.add_argument("project", type=Path)
        work.add_argument("--set", dest="overrides", action="append", default=[])
    guess = works.add_parser("guess")
    guess.add_argument("--interactions", required=True)
    guess.add_argument("--items", default="")
    guess.add_argument("--directory", type=Path, required=True)
    guess.add_argument("--set", dest="told", action="append", default=[], metavar="data.user=COLUMN")
    prompts = works.add_parser("prompts")
    prompts.add_argument("project", type=Path)
    prompts.add_argument("--set", dest="overrides", action="append", default=[])
    prompts.add_argument("--task")
    prompts.add_argument("--wording", type=int)
    prompts.add_argument("--rows", type=int, default=1)
    for name in ("cache-build", "cache-refresh", "all-users", "list-shards", "index-add"):
        lists = works.add_parser(name)
        lists.add_argument("run", type=Path)
        lists.add_argument("request", type=json.loads, help="a JSON object, see the function")
    pretraining = works.add_parser("pretrain")
    pretraining.add_argument("project", type=Path)
    pretraining.add_argument("request", type=json.loads, help="a JSON object, see the function")
    args = parser.parse_args(argv)
    out = sys.stdout

    def tell(text: str) -> None:
        _say(out, progress=text)

    with contextlib.redirect_stdout(sys.stderr):  # libraries may print; stdout is ours
        try:
            works_by_name = {
                "data": data, "plan": plan, "guess": guess_errand, "prompts": prompts_errand,
                "cache-build": cache_build, "cache-refresh": cache_refresh, "all-users": all_users,
                "list-shards": list_shards, "index-add": index_add, "pretrain": pretrain_errand,
            }  # fmt: skip
            _say(out, result=works_by_name[args.work](args, tell))
        except EagerError as error:
            _say(out, error={"message": error.message, "remedy": error.remedy, "exit_code": error.exit_code})
            return error.exit_code
        except OSError as error:
            fault = system_fault(error)
            _say(out, error={"message": fault.message, "remedy": fault.remedy, "exit_code": fault.exit_code})
            return fault.exit_code
        except MemoryError:
            _say(out, error={"message": "out of memory", "remedy": "close other programs", "exit_code": 3})
            return 3
    return 0


def _say(out: TextIO, **message: Any) -> None:
    print(json.dumps(message), file=out, flush=True)


def data(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Read and clean the data as training would, and keep the artefact for it; describe what is in it."""
    from core import pipeline
    from core.data import profile
    from core.data.dataset import Dataset
    from core.data.doubts import doubts
    from core.data.stage import DATA
    from core.jobs.start import writable
    from core.project import Project
    from core.run.reporter import NullReporter
    from core.store import Store, fingerprint

    project = Project.load(args.project, args.overrides)
    tell("reading the files")
    recipe = pipeline.recipe_of(DATA, project, {})
    store, mark = Store(project.runs_dir / ".store"), fingerprint(recipe)
    if not store.has(mark) and not writable(store.path):
        store = Store(_cache())
    reused = store.has(mark)
    if not reused:
        store.make(mark, recipe, lambda folder: DATA.work(project, {}, folder, NullReporter()))
    tell("counting")
    artefact = store.artefact(mark)
    return {
        "artefact": str(artefact.resolve()),
        "profile": {**profile(Dataset.load(artefact)), "doubts": doubts(project.data, project.directory)},
        "max_history": project.data.max_history,
        "reused": reused,
    }


def _cache() -> Path:
    """Where data are kept of a project whose folder cannot be written, the newest few."""
    from platformdirs import user_cache_path

    folder = user_cache_path("eagertui") / "data"
    with contextlib.suppress(OSError):
        kept = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in kept[CACHED:]:
            shutil.rmtree(old, ignore_errors=True)
    return folder


def plan(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """What training would do and about what it would cost, and why it would be refused; changes nothing."""
    from core.estimate import estimate
    from core.jobs.machine_needs import missing_models
    from core.jobs.start import check_start, find_unfinished
    from core.project import Project

    project = Project.load(args.project, args.overrides)
    found = find_unfinished(project)
    cost = estimate(project).to_dict()
    cost["warnings"] = [*(one.words for one in missing_models(project)), *cost["warnings"]]
    refused = None
    try:
        check_start(project)
    except EagerError as error:
        refused = {"message": error.message, "remedy": error.remedy}
    return {**cost, "continues": found.id if found else None, "refused": refused}


def guess_errand(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """A project file for two tables, field by field, with the reasons."""
    from core.jobs.project_file import guess_project, known_data

    tell("looking at the files")
    items = Path(args.items) if args.items else None
    text = guess_project(Path(args.interactions), items, args.directory, known_data(args.told))
    return {"text": text, "fields": guessed_fields(text)}


def prompts_errand(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Examples of the tasks as the model would get them."""
    from core.jobs.prompts import shown_prompts
    from core.project import Project

    return shown_prompts(Project.load(args.project, args.overrides), args.task, args.wording, args.rows, tell)


def cache_build(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Every user's list into the cache of a run; `question`, `workers`."""
    from core.recommend.cache.list_jobs import build_cache

    return build_cache(args.run, args.request["question"], tell, _ticker(tell), args.request.get("workers", 1))


def cache_refresh(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Lists anew where a history grew or the model is another; `interactions`, `max_age`, `workers`."""
    from core.recommend.cache.list_jobs import refresh_cache

    asked = args.request
    file = Path(asked["interactions"]) if asked.get("interactions") else None
    return refresh_cache(args.run, file, asked.get("max_age", 0.0), tell, _ticker(tell), asked.get("workers", 1))


def all_users(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """Every user's list into a Parquet file; `question`, `out`, `titles`, `workers`."""
    from core.recommend.cache.list_jobs import write_all_users

    asked = args.request
    out, titles = Path(asked["out"]), bool(asked.get("titles"))
    return write_all_users(args.run, asked["question"], out, titles, tell, _ticker(tell), asked.get("workers", 1))


def list_shards(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """A part of the lists of a job that another process leads."""
    from core.recommend.cache.list_jobs import work_on_shards

    work_on_shards(args.run, args.request)
    return {}


def index_add(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """New items into the index of a run; `file`. The figures, and `items`: the ids of those that have a code now."""
    from core.index.revisions.add import add_items

    revision = add_items(args.run, Path(args.request["file"]))
    return {**revision.to_dict(), "items": revision.items["item_id"].to_list()}


def pretrain_errand(args: argparse.Namespace, tell: Tell) -> dict[str, Any]:
    """A decoder from several logs; `corpora`, `out`, `epochs`, `learning_rate`, `shared_users`, `shuffled`, `sets`."""
    from core.data.corpora import Corpus, corpus_rows
    from core.data.dataset import Dataset, load_dataset
    from core.machine import prepare
    from core.project import Project
    from core.run.reporting import NullReporter
    from core.tune.pretrain import pretrain

    tick, asked = _ticker(tell), args.request

    class Steps(NullReporter):
        def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
            tick(f"{task}: {done:,.0f} of {total:,.0f} {unit}")

    def loaded(project: Project) -> Dataset:
        tell(f"reading {project.name}")
        return load_dataset(project.data, project.directory, seed=project.seed)

    target = Project.load(args.project, asked["sets"])
    prepare(target.run)
    projects = [Project.load(Path(one)) for one in asked["corpora"]]
    rows = corpus_rows(
        [Corpus(one.name, loaded(one)) for one in projects], loaded(target) if asked["shared_users"] else None
    )
    out, epochs, rate = Path(asked["out"]), asked["epochs"], asked["learning_rate"]
    return pretrain(target, rows, out, epochs, rate, asked["shuffled"], Steps())


def _ticker(tell: Tell) -> Tell:
    """Tells how far a job is, not more often than anybody reads."""
    last = 0.0

    def tick(text: str) -> None:
        nonlocal last
        if time.monotonic() - last >= TICK:
            last = time.monotonic()
            tell(text)

    return tick


def guessed_fields(text: str) -> list[dict[str, str]]:
    """The fields of a guessed project file: key, value as TOML text, and the remark behind it."""
    import tomli

    from core.setting_values import toml_value

    fields: list[dict[str, str]] = []
    table = ""
    for row in text.splitlines():
        if row.startswith("["):
            table = row.strip("[] ").split("#")[0].strip("[] ")
            continue
        name, equals, rest = row.partition("=")
        if not equals or row.startswith("#"):
            continue
        with contextlib.suppress(tomli.TOMLDecodeError):
            value = toml_value(tomli.loads(f"value = {rest}")["value"])
            why = _remark(rest, value)
            fields.append({"key": f"{table}.{name.strip()}" if table else name.strip(), "value": value, "why": why})
    return fields


def _remark(rest: str, value: str) -> str:
    """The comment behind a value; a `#` inside the value is none."""
    after = rest.strip().removeprefix(value).strip() if rest.strip().startswith(value) else rest
    return after.partition("#")[2].strip()
