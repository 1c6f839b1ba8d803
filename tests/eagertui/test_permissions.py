"""Files and folders that may not be read or written: one sentence, the right exit code, and nothing is lost.

To a process of root permissions say nothing, unless it gives that power up. Root's tests are therefore run in a process
that did, by the first one here.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.run.listing import list_runs
from tests.eagertui.app_tools import new_run
from tests.eagertui.cli.cli_tools import eager, fake_eager

ROOT = Path(__file__).resolve().parents[2]
_DROP, _OVERRIDES = 24, (1, 2, 3)
"""Linux: PR_CAPBSET_DROP, and the powers to write, to search and to own what is somebody else's."""
Open = Callable[..., Any]


def _powerful() -> bool:
    """Whether this process may read and write whatever it likes."""
    with Path("/proc/self/status").open(encoding="utf-8") as status:
        effective = next(int(line.split()[1], 16) for line in status if line.startswith("CapEff"))
    return os.geteuid() == 0 and bool(effective >> 1 & 1)


POWERFUL = sys.platform == "linux" and _powerful()
obeys = pytest.mark.skipif(POWERFUL, reason="root may read and write everything; see the first test")


def _give_up() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for power in _OVERRIDES:
        if libc.prctl(_DROP, power, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "the power is kept")


@pytest.mark.skipif(not POWERFUL, reason="this process obeys permissions, and so do the tests below")
def test_the_others_in_a_process_that_obeys_permissions() -> None:
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", __file__]
    done = subprocess.run(argv, cwd=ROOT, preexec_fn=_give_up, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout and "1 skipped" in done.stdout, done.stdout[-500:]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a trained run and its lists."""
    folder = tmp_path_factory.mktemp("kept")
    shutil.unpack_archive(ROOT / "tests/fixtures/run-0.1.0.zip", folder)
    assert eager("cache", "build", folder / "shop").returncode == 0
    return folder / "shop"


@contextmanager
def closed(*places: Path, mode: int = 0o500) -> Iterator[None]:
    """Nobody may write there meanwhile; with `mode=0` nobody may read either."""
    before = [place.stat().st_mode for place in places]
    try:
        for place in places:
            place.chmod(mode)
        yield
    finally:
        for place, was in zip(places, before, strict=True):
            place.chmod(was)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; SQLite's shared memory is nobody's data."""
    files = (one for one in folder.rglob("*") if one.is_file() and not one.name.endswith("-shm"))
    return {str(one.relative_to(folder)): one.read_bytes() for one in files}


def refuses(*words: object, says: str, engine: bool = False, code: int = 3) -> str:
    """What a verb says on stderr: one error, with a way on, the place named, and no number of the system's."""
    done = fake_eager(*words) if engine else eager(*words)
    said = done.stderr
    assert done.returncode == code, (done.returncode, said)
    assert said.count("error: ") == 1 and says in said, said
    assert "Errno" not in said and "Traceback" not in said, said
    return said


# --- what is read ---------------------------------------------------------------------------------------------------


@obeys
def test_the_log_may_not_be_read(shop: Path, logs: Path) -> None:
    with closed(logs, mode=0):
        refuses("check", shop, says=f"{logs}: cannot be read (Permission denied)")
        refuses("init", shop / "new", "--interactions", logs, says=f"{logs}: cannot be read (Permission denied)")
    assert not (shop / "new").exists()
    assert eager("check", shop).returncode == 0


@obeys
def test_a_log_that_may_not_be_read_fails_the_run_in_words_and_goes_on(shop: Path, logs: Path) -> None:
    with closed(logs, mode=0):
        said = refuses("--headless", "train", shop, says=f"{logs}: cannot be read (Permission denied)")
    assert "run failed" in said and "stdout.log" in said
    (run,) = list_runs(shop / "runs")
    assert (run.status.state, run.status.exit_code) == ("failed", 3)


@obeys
def test_the_project_may_not_be_read(shop: Path) -> None:
    with closed(shop / "project.toml", mode=0):
        refuses("check", shop, says="project.toml: cannot be read (Permission denied)")
    with closed(shop, mode=0):
        refuses("check", shop, says=f"{shop / 'project.toml'}: no permission")


@obeys
def test_runs_that_may_not_be_looked_into_are_not_said_to_be_none(shop: Path) -> None:
    run, other = new_run(shop), new_run(shop)
    with closed(run.path, mode=0):
        done = eager("runs", shop)
        assert (done.returncode, run.id in done.stderr, other.id in done.stdout) == (0, True, True)
        assert "no permission to look into 1 more" in done.stderr and run.id not in done.stdout
        refuses("evaluate", shop, "--run", run.id, says=f"{run.path}: no permission")
        assert "(1 may not)" in refuses("evaluate", shop, says="no finished run", code=2)
    for verb in (("runs", shop), ("evaluate", shop), ("compare", shop), ("--headless", "train", shop)):
        with closed(shop / "runs", mode=0):
            refuses(*verb, says=str(shop / "runs"))
    assert [one.folder for one in list_runs(shop / "runs")] == [other, run]


@obeys
def test_artefacts_and_lists_that_may_not_be_read(kept: Path) -> None:
    with closed(kept / "runs" / ".store", mode=0):
        refuses("evaluate", kept, says="no permission")
    (run,) = list_runs(kept / "runs")
    with closed(run.folder.path / "cache.sqlite", mode=0):
        refuses("cache", "status", kept, says="cache.sqlite: no permission")
    assert eager("cache", "status", kept).returncode == 0


# --- what is written ------------------------------------------------------------------------------------------------


@obeys
def test_a_new_project_where_nothing_may_be_written(shop: Path, logs: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with closed(place):
        for folder in (place, place / "new"):
            refuses("init", folder, "--interactions", logs, says=f"cannot write {folder}: Permission denied")
            refuses("init", folder, "--sample", says=f"cannot write {folder}: Permission denied")
    assert list(place.iterdir()) == []


@obeys
def test_a_project_where_nothing_may_be_written_is_read_and_not_trained(shop: Path, logs: Path) -> None:
    before = contents(shop)
    with closed(shop):
        assert eager("check", shop).returncode == 0
        assert eager("runs", shop).returncode == 0
        for words in ((), ("--new",), ("--dry-run",)):
            refuses("--headless", "train", shop, *words, says=f"cannot write {shop / 'runs'}", engine=True)
    assert contents(shop) == before
    run = new_run(shop)
    with closed(shop / "runs"):
        refuses("--headless", "train", shop, "--new", says=f"cannot write {shop / 'runs'}", engine=True)
    assert [one.folder for one in list_runs(shop / "runs")] == [run]


@obeys
def test_a_run_folder_or_store_where_nothing_may_be_written(shop: Path, logs: Path) -> None:
    run, store = new_run(shop), shop / "runs" / ".store"
    before = contents(run.path)
    with closed(run.path):
        refuses("runs", shop, "--name", run.id, "mine", says=f"{run.path / 'label.json'}: no permission")
        refuses("control", "stop", shop, "--run", run.id, says="is not at work", code=2)
    assert contents(run.path) == before
    store.mkdir()
    with closed(store):
        refuses("--headless", "train", shop, says=f"{store}")
    assert list(store.iterdir()) == []
    (one,) = list_runs(shop / "runs")
    assert (one.status.state, one.status.exit_code) == ("failed", 3) and "no permission" in one.status.error


@obeys
def test_output_files_where_nothing_may_be_written(kept: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with closed(out):
        refuses("recommend", kept, "--all-users", "--out", out / "all.parquet", says=f"cannot write {out}")
        refuses("export", kept, "--out", out / "model", says=f"cannot write {out / 'model'}: Permission denied")
        refuses("index", "export", kept, "--out", out / "x.json", says=f"{out / 'x.json'}: cannot be written")
        refuses("compare", kept, "--html", out / "page.html", says=f"{out / 'page.html'}: no permission")
    assert list(out.iterdir()) == []


@obeys
def test_lists_and_index_of_a_run_where_nothing_may_be_written(kept: Path) -> None:
    (run,) = list_runs(kept / "runs")
    before = contents(kept)
    folders = [run.folder.path, *(one for one in run.folder.path.rglob("*") if one.is_dir())]
    with closed(*folders):
        refuses("cache", "build", kept, says="cannot write")
        assert eager("cache", "status", kept).returncode == 0
        refuses("index", "add", kept, kept / "items.parquet", says="cannot write", code=3)
    assert contents(kept) == before


# --- the app --------------------------------------------------------------------------------------------------------


@obeys
async def test_the_app_says_why_it_cannot_train(open_app: Open, shop: Path, logs: Path) -> None:
    with closed(shop):
        async with open_app(size=(100, 30)) as eyes:
            await eyes.press("t")
            await eyes.see("Settings", "cannot write")
            await eyes.press("t")
            await eyes.see("copy the project")
    assert sorted(path.name for path in shop.iterdir()) == ["logs.csv", "project.toml"]


@obeys
async def test_the_app_says_why_a_log_cannot_be_read(open_app: Open, shop: Path, logs: Path) -> None:
    with closed(logs, mode=0):
        async with open_app(size=(120, 30), verb="check") as eyes:
            await eyes.see("cannot be read", "Permission denied")
