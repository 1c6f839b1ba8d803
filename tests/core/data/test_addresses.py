"""Tables in object stores and on the web: the same data set as from a disk, copied once, taken anew when asked."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

from core.data import load_dataset
from core.data.addresses import copy_of, on_disk
from core.data.guess import guess_data
from core.errors import DataError, EagerError, EnvironmentFault, ProjectError
from core.project import Project
from eagertui.cli import main
from tests.core.data.inputs import ITEMS, LOG, ROWS, histories, log, read
from tests.core.data.object_store import ObjectStore, object_store

HALF = len(ROWS) // 2


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """A store, and a cache for the copies."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with object_store(monkeypatch) as one:
        yield one


def packed(write: Callable[[pl.DataFrame, io.BytesIO], object], rows: slice = slice(None)) -> bytes:
    frame = pl.read_csv(LOG.encode(), schema_overrides={"user_id": pl.String, "item_id": pl.String})
    file = io.BytesIO()
    write(frame[rows], file)
    return file.getvalue()


def project(folder: Path, interactions: str, items: str = "") -> Project:
    text = f'[data]\ninteractions = "{interactions}"\nitems = "{items}"\ntime = "timestamp"\nrating = "rating"\n'
    text += "min_user_interactions = 0\nmin_item_interactions = 0\n" + ('text = ["title"]\n' if items else "")
    (folder / "project.toml").write_text(text)
    return Project.load(folder / "project.toml")


def content(one: Project) -> str:
    return load_dataset(one.data, one.directory).digest()


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the same log on a disk gives."""
    return read(tmp_path_factory.mktemp("twin"), LOG, ITEMS).dataset.digest()


FORMS: dict[str, Callable[[ObjectStore], str]] = {}


def form(make: Callable[[ObjectStore], str]) -> Callable[[ObjectStore], str]:
    """A way to lay the log out at an address."""
    FORMS[make.__name__] = make
    return make


@form
def parquet_folder(store: ObjectStore) -> str:
    store.objects |= {
        "log/2 b%/x.parquet": packed(pl.DataFrame.write_parquet, slice(HALF, None)),
        "log/1/x.parquet": packed(pl.DataFrame.write_parquet, slice(HALF)),
        "log/_SUCCESS": b"",
        "log-of-others.parquet": b"not ours",
    }
    return f"{store.s3}/log"


@form
def parquet_glob(store: ObjectStore) -> str:
    store.objects["log/a.parquet"] = packed(pl.DataFrame.write_parquet)
    return f"{store.s3}/log/*.parquet"


@form
def arrow(store: ObjectStore) -> str:
    store.objects["log.bin"] = packed(pl.DataFrame.write_ipc)
    return f"{store.s3}/log.bin"


@form
def gzipped_text(store: ObjectStore) -> str:
    store.objects["log.csv.gz"] = gzip.compress(LOG.replace("\n", "\r\n").encode())
    return f"{store.s3}/log.csv.gz"


@form
def several_texts(store: ObjectStore) -> str:
    store.objects |= {"t/b.csv": log(rows=ROWS[HALF:]).encode(), "t/a.csv": log(rows=ROWS[:HALF]).encode()}
    return f"{store.s3}/t/"


@form
def web(store: ObjectStore) -> str:
    store.objects["log.parquet"] = packed(pl.DataFrame.write_parquet)
    return f"{store.http}/log.parquet?signature=secret"


@form
def names_that_climb(store: ObjectStore) -> str:
    store.objects["log/..\\..\\ü $(x).csv"] = LOG.encode()
    return f"{store.s3}/log/"


@pytest.mark.parametrize("name", FORMS)
def test_the_same_data_set_as_from_a_disk(store: ObjectStore, tmp_path: Path, twin: str, name: str) -> None:
    where = FORMS[name](store)
    store.objects["items.csv"] = ITEMS.encode()
    guessed = guess_data(Path(where), Path(f"{store.s3}/items.csv"), tmp_path, {})
    assert (guessed.data.interactions, guessed.data.items) == (where.rstrip("/"), f"{store.s3}/items.csv")
    one = project(tmp_path, where, f"{store.s3}/items.csv")
    dataset = load_dataset(one.data, one.directory)
    assert dataset.digest() == twin
    notes = [note for note in dataset.report.notes if "is a copy of" in note]
    assert len(notes) == 2 and "secret" not in notes[0] and "eagertui fetch" in notes[0]
    cache = tmp_path / "cache"
    outside = [file for file in tmp_path.rglob("*.csv") if cache not in file.parents]
    assert not outside and all(file.name[:5].isdigit() for file in cache.rglob("*.csv"))
    assert all((file.stat().st_mode & 0o077) == 0 for file in cache.rglob("*") if "tables/" in str(file))


def test_rows_without_times_keep_the_order_of_the_files(store: ObjectStore, tmp_path: Path) -> None:
    ordered = sorted(ROWS, key=lambda one: one.when)
    parts = {"l/10.csv": ordered[HALF:], "l/09.csv": ordered[:HALF]}
    store.objects |= {key: log(rows=rows).encode() for key, rows in parts.items()}
    one = project(tmp_path, f"{store.s3}/l/")
    one = Project.load(one.path, ['data.time=""'])
    dataset = load_dataset(one.data, one.directory)
    ids = dataset.items["item_id"].to_list()
    assert {user: [ids[i] for i in dataset.sequences[n]] for n, user in enumerate(dataset.users)} == histories()


def test_a_copy_stays_until_another_is_fetched(
    store: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.objects["log.csv"] = LOG.encode()
    one = project(tmp_path, f"{store.s3}/log.csv")
    before = content(one)
    store.objects["log.csv"] = log(rows=ROWS[:HALF]).encode()
    store.asked.clear()
    assert content(one) == before and not store.asked
    old = on_disk(one.tables[0])

    assert main(["fetch", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert "data.interactions: 1 file" in told.out and f"copying {store.s3}/log.csv" in told.err
    assert content(one) != before
    assert old.is_dir() and on_disk(one.tables[0]) != old  # what reads the old one may end
    assert main(["fetch", str(tmp_path)]) == 0 and not old.exists()


def test_a_project_begins_at_an_address(
    store: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.objects["log.csv"] = LOG.encode()
    assert main(["init", str(tmp_path / "new"), "--interactions", f"{store.s3}/log.csv"]) == 0
    assert f'interactions = "{store.s3}/log.csv"' in (tmp_path / "new" / "project.toml").read_text()
    assert "this machine" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "new")]) == 0
    told = capsys.readouterr()
    assert "is a copy of" in told.out and "copying" not in told.err


def test_nothing_to_fetch_on_a_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log.csv").write_text(LOG)
    project(tmp_path, "log.csv")
    assert main(["fetch", str(tmp_path)]) == 2
    assert "lie on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("key", "error", "words"),
    [
        ("none.csv", ProjectError, "there is nothing"),
        ("none/*.parquet", ProjectError, "there is nothing"),
        ("latin.csv", DataError, "neither Parquet nor Arrow nor UTF-8 text"),
        ("cut.parquet", DataError, "neither Parquet nor Arrow nor UTF-8 text"),
    ],
)
def test_what_cannot_be_read_leaves_nothing(
    store: ObjectStore, tmp_path: Path, key: str, error: type[EagerError], words: str
) -> None:
    store.objects["latin.csv"] = log(user=lambda row: f"Zoë {row.user}").encode("latin-1")
    store.objects["cut.parquet"] = packed(pl.DataFrame.write_parquet)[:-20]
    one = project(tmp_path, f"{store.s3}/{key}")
    with pytest.raises(error, match=words) as told:
        content(one)
    assert f"data.interactions: {store.s3}/{key}" in told.value.message
    assert not list((tmp_path / "cache").rglob("*.*")) and copy_of(one.tables[0]) is None


def test_who_may_not_read_it_is_told_where_keys_are_looked_for(store: ObjectStore, tmp_path: Path) -> None:
    store.forbidden = True
    with pytest.raises(EnvironmentFault, match="no permission") as told:
        content(project(tmp_path, f"{store.s3}/log.csv"))
    assert "AWS_*" in told.value.remedy


def test_an_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="an address of a kind that is not read"):
        content(project(tmp_path, "ftp://shop/log.csv"))


def test_a_cache_that_cannot_be_written_is_said(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.objects["log.csv"] = LOG.encode()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EnvironmentFault, match="file"):
        content(project(tmp_path, f"{store.s3}/log.csv"))
