"""Another package adds a quantizer, a vector provider, a baseline, a task and a loss, one class each, and they run from
`train` to the table. The page that shows how shows these very files.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.core.engine_tools import walks, write_world

ROOT = Path(__file__).resolve().parents[1]
TOYS = Path(__file__).with_name("toy_plugins")
SETTINGS = [
    "index.method=toy-hash", "index.toy-hash.factor=11", "vectors.semantic=toy-letters",
    "evaluate.baselines=popularity,toy-newest", "baselines.toy-newest.step=2.0",
    "tune.stages.0.tasks={ sequential = 1.0, toy-echo = 1.0 }", "tune.stages.0.losses={ toy-small = 0.1 }",
    "tune.stages.0.epochs=2", "losses.toy-small.power=1.5",
]  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages that holds the toys."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "toys"
    for file in [*TOYS.glob("*.toml"), *TOYS.glob("toy_plugins/*.*")]:
        target = source / file.relative_to(TOYS)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(folder), str(source)], check=True)
    return folder


def eager(*args: object, site: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line, with or without the package."""
    path = os.pathsep.join(map(str, [ROOT, *([site] if site else [])]))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, "-m", "eagertui.cli", "--headless", *map(str, args)]
    return subprocess.run(argv, capture_output=True, text=True, env=environment, check=False, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def trained(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that uses all five, trained."""
    project = write_world(tmp_path_factory.mktemp("world"), walks())
    sets = [part for text in SETTINGS for part in ("--set", text)]
    done = eager("train", project, *sets, "--json", site=installed)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout.splitlines()[-1])["run"])


def artefact(run: Path, stage: str) -> Path:
    """The folder that a stage made."""
    return run / json.loads((run / "stages" / f"{stage}.json").read_text())["artefact"]


def settings(run: Path, stage: str) -> str:
    """What decided a stage's artefact, as JSON."""
    return json.dumps(json.loads((artefact(run, stage) / "stage.json").read_text())["settings"])


def test_all_five_reach_the_table(trained: Path, installed: Path) -> None:
    metrics = json.loads((trained / "metrics.json").read_text())
    assert {"model", "popularity", "toy-newest"} <= set(metrics["test"])
    events = [json.loads(line) for line in (trained / "events.jsonl").read_text().splitlines()]
    losses = {name for event in events if event["kind"] == "metric" for name in event["values"]}
    assert any("toy-small" in name for name in losses), losses
    assert json.loads((artefact(trained, "index") / "report.json").read_text())["method"] == "toy-hash"
    listed = eager("recommend", trained.parents[1], "--user", "u001", site=installed)
    assert listed.returncode == 0 and "book" in listed.stdout, listed.stderr
    shown = eager("evaluate", trained.parents[1], site=installed)
    assert "toy-newest" in shown.stdout, shown.stderr


def test_package_version_and_options_decide_the_fingerprint(trained: Path) -> None:
    marks = json.dumps({"package": "toy-plugins", "package_version": "1.2"})[1:-1]
    uses = {"semantic": ["letters"], "index": ["hash"], "baselines": ["newest"], "tune": ["echo", "small"]}
    for stage, words in uses.items():
        text = settings(trained, stage)
        assert all(f"toy-{word}" in text for word in words) and text.count(marks) == len(words), (stage, text)
    assert '"factor": 11' in settings(trained, "index")
    assert '"version": 2' in settings(trained, "semantic")


def test_options_are_checked_and_listed(trained: Path, installed: Path) -> None:
    project = trained.parents[1]
    wrong = eager("train", project, "--set", "index.toy-hash.factor=0", "--dry-run", site=installed)
    assert wrong.returncode == 2 and "index.toy-hash.factor" in wrong.stderr
    near = eager("train", project, "--set", "index.toy-hash.faktor=3", "--dry-run", site=installed)
    assert near.returncode == 2 and "index.toy-hash.factor" in near.stderr
    told = eager("train", "--help", site=installed).stdout
    assert "index.toy-hash.factor" in told and "toy-letters" in told
    plugins = eager("doctor", site=installed).stdout
    assert "toy-hash" in plugins and "toy-plugins 1.2" in plugins


def test_a_missing_package_is_named(trained: Path) -> None:
    for verb in (["train", "--dry-run"], ["recommend", "--user", "u001"]):
        done = eager(verb[0], trained / "project.resolved.toml", *verb[1:])
        assert done.returncode == 2 and "toy-" in done.stderr and "package" in done.stderr, done.stderr


def test_the_page_shows_these_files() -> None:
    page = (ROOT / "assets" / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = {block.strip() for block in re.findall(r"```\w+\n(.*?)```", page, re.S)}
    files = [TOYS / "pyproject.toml", *sorted((TOYS / "toy_plugins").glob("*.*"))]
    for file in files:
        if file.name != "__init__.py":
            assert file.read_text(encoding="utf-8").strip() in blocks, f"extending.md shows another {file.name}"
