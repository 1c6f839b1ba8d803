"""The serving child: the index without a model, and a model with an index."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core import add_items, remove_items
from core.errors import DataError, ProjectError
from core.index.lookup import Lookup
from core.pipeline import run_stages
from core.project import Project
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.serve.methods import answer
from core.serve.served_run import ServedRun
from tests.core.engine_tools import N_ITEMS, N_USERS, Recorder, walks, write_world


def ask(run: ServedRun, method: str, **params: Any) -> dict[str, Any]:
    told = answer(run, method, params)
    assert json.loads(json.dumps(told)) == told
    return told


def quiet(text: str) -> None:
    assert text


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that has come as far as its index, with a model neither made nor begun."""
    path = write_world(tmp_path_factory.mktemp("indexed"), walks())
    project = Project.load(path, ["run.goal=index", "vectors.behavior=ppmi-svd"])
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    run_stages(project, NullReporter(), folder)
    return folder


@pytest.fixture(scope="module")
def served(indexed: RunFolder) -> ServedRun:
    return ServedRun(indexed.path, True, quiet)


@pytest.fixture(scope="module")
def lookup(indexed: RunFolder) -> Lookup:
    return Lookup.load(indexed.artefact("index"), indexed.artefact("data"))


def test_the_artefact_of_the_index(indexed: RunFolder, lookup: Lookup) -> None:
    folder = indexed.artefact("index")
    report = json.loads((folder / "report.json").read_text())
    named = {"levels", "preserved", "agreement", "reconstruction", "method", "conflicts"}
    assert set(report) >= {"items", "base_id", *named}
    with np.load(folder / "codebooks.npz") as books:
        widths = lookup.index.widths[: -1 if lookup.index.own else None]  # an item's own code stands for no vector
        assert [books[f"level_{n}"].shape[0] for n in range(len(widths))] == list(widths)
    table = lookup.branches
    assert table.rows[0] == sum(max(len(items) - 2, 0) for items in walks().values())  # the training part alone
    assert lookup.raw is not None and lookup.raw.shape == lookup.index.codes[:, : len(widths)].shape
    named = [table.words(row) for row in range(1, len(table))]
    assert all(named) and table.words(0) == []
    assert any({"amber", "birch", "coral", "dusk", "ember"} & set(words) for words in named)


def test_ready(served: ServedRun, indexed: RunFolder) -> None:
    has = ["data", "index", "semantic", "behavior"]
    size = {"users": N_USERS, "items": N_ITEMS}
    assert served.ready() == {"ready": True, "run": indexed.id, **size, "has": has, "so_far": ""}


def test_an_item(served: ServedRun, lookup: Lookup) -> None:
    told = ask(served, "neighbors", item="i07")
    assert told == ask(served, "neighbors", item=7)
    about = lookup.about(7)
    assert {name: told[name] for name in about} == about
    assert list(told["near"]) == ["semantic", "behavior"]
    codes = lookup.index.codes
    for source, rows in told["near"].items():
        assert len(rows) == 10 and 7 not in [row["number"] for row in rows]
        assert [row["similarity"] for row in rows] == sorted((row["similarity"] for row in rows), reverse=True)
        for row in rows:
            other = row["number"]
            assert (row["item_id"], row["title"]) == (lookup.item_id(other), lookup.title(other))
            assert row["code"] == lookup.index.text(other)
            same = [bool((codes[7][:d] == codes[other][:d]).all()) for d in range(1, lookup.index.levels + 1)]
            assert row["shared"] == sum(same)
        for depth, share in enumerate(told["kept"][source], 1):
            assert share == pytest.approx(np.mean([row["shared"] >= depth for row in rows]))


def test_branches(served: ServedRun, lookup: Lookup) -> None:
    root = ask(served, "branch", limit=3)
    assert (root["count"], root["depth"], len(root["items"])) == (N_ITEMS, 0, 3)
    assert sum(child["items"] for child in root["children"]) == N_ITEMS
    assert sum(child["rows"] for child in root["children"]) == root["rows"]
    child = root["children"][1]
    below = ask(served, "branch", prefix=[child["code"]], offset=1, limit=1000)
    assert (below["branch"], below["count"], below["words"]) == (child["branch"], child["items"], child["words"])
    expected = lookup.branches.items(child["branch"])[1:].tolist()
    assert [row["number"] for row in below["items"]] == expected
    assert child["token"] == f"<a_{child['code']}>"
    for prefix in ([999], [child["code"], 999], lookup.index.codes[0].tolist(), [-1], [2**70]):
        with pytest.raises(DataError, match="branch"):
            answer(served, "branch", {"prefix": prefix})


def test_search(served: ServedRun) -> None:
    assert [row["item_id"] for row in ask(served, "search_items", text="part 7")["items"]] == ["i07"]
    assert len(ask(served, "search_items", text="the", limit=4)["items"]) == 4
    assert ask(served, "search_items", text="no such book")["items"] == []


def test_items_that_come_and_go_are_known_at_once(indexed: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / indexed.id)
    shutil.copytree(indexed.path, folder.path)
    (tmp_path / "runs" / ".store").symlink_to(indexed.path.parent / ".store")
    served = ServedRun(folder.path, True, quiet)
    assert ask(served, "search_items", text="later")["items"] == []
    rows = {"item_id": ["late"], "title": ["A later book of amber"], "blurb": ["A tale of amber and amber weather"]}
    pl.DataFrame(rows).write_parquet(tmp_path / "new.parquet")
    add_items(folder, tmp_path / "new.parquet")
    remove_items(folder, ["i07"])
    (row,) = ask(served, "search_items", text="later")["items"]
    assert (row["item_id"], row["number"], row["added"], row["removed"]) == ("late", N_ITEMS, True, False)
    told = ask(served, "neighbors", item="late")
    assert told["near"] == {} and told["code"] == row["code"] and told["added"] and len(told["path"]) > 0
    assert ask(served, "item", item="i07")["removed"] and served.ready()["items"] == N_ITEMS + 1
    root = ask(served, "branch", limit=1000)
    assert (root["count"], root["added"], root["removed"]) == (N_ITEMS + 1, 1, 1)
    assert sum(child["items"] for child in root["children"]) == N_ITEMS + 1
    under = ask(served, "branch", prefix=told["codes"][:1], limit=1000)
    assert under["added"] == 1 and "late" in [item["item_id"] for item in under["items"]]


def test_users_and_refusals(served: ServedRun) -> None:
    assert ask(served, "users", prefix="u09", limit=2) == {"users": ["u090", "u091"]}
    with pytest.raises(ProjectError, match="index alone"):
        answer(served, "recommend", {"user": "u001"})
    with pytest.raises(DataError, match="no item") as error:
        answer(served, "item", {"item": "i0"})
    assert "i00" in error.value.remedy
    for item in (-1, 60, None, [], True):
        with pytest.raises(DataError):
            answer(served, "item", {"item": item})
    for method in ("dance", None, 7, "_item"):
        with pytest.raises(ValueError, match="method"):
            answer(served, method, {})
    with pytest.raises(ValueError):
        answer(served, "search_items", {"text": "x", "limit": "many"})


def test_a_run_without_a_model_still_starts(indexed: RunFolder) -> None:
    served = ServedRun(indexed.path, False, quiet)
    assert "model" not in served.ready()["has"]
    with pytest.raises(ProjectError, match="no model yet"):
        answer(served, "recommend", {"user": "u001"})
    assert ask(served, "item", item="i07")["number"] == 7


def test_a_run_with_data_alone_starts(tmp_path: Path) -> None:
    project = Project.load(write_world(tmp_path, walks()))
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    with pytest.raises(ProjectError, match="data"):
        ServedRun(folder.path, True, quiet)
    with pytest.raises(Exception, match="stopped"):
        run_stages(project, Recorder("data"), folder)
    served = ServedRun(folder.path, True, quiet)
    assert served.ready()["has"] == ["data"] and served.ready()["items"] == N_ITEMS
    with pytest.raises(ProjectError, match="index"):
        answer(served, "item", {"item": "i07"})


def test_a_damaged_index_is_told_when_it_is_asked(tmp_path: Path) -> None:
    project = Project.load(write_world(tmp_path, walks()), ["run.goal=index", "vectors.behavior=none"])
    folder = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    (run_stages(project, NullReporter(), folder)["index"] / "order.npy").write_bytes(b"")
    served = ServedRun(folder.path, True, quiet)
    assert "index" in served.ready()["has"]
    with pytest.raises(DataError, match="branches"):
        answer(served, "item", {"item": "i07"})


def test_a_trained_run_answers_both(trained: RunFolder) -> None:
    served = ServedRun(trained.path, False, quiet)
    assert len(ask(served, "recommend", user="u001", k=3)["items"]) == 3
    assert ask(served, "neighbors", item="i07")["near"].keys() == {"semantic", "behavior"}


def test_the_process_without_a_model_loads_no_torch(indexed: RunFolder) -> None:
    lines = [
        {"id": 1, "method": "item", "params": {"item": "i07"}},
        {"id": 2, "method": "branch", "params": {"prefix": "x"}},
        {"id": 3, "method": "search_items", "params": [1]},
        {"id": 4, "method": "recommend", "params": {"user": "u001"}},
    ]
    code = (
        "import sys\nfrom core.__main__ import main\n"
        f"code = main(['serve', {str(indexed.path)!r}, '--lookup'])\n"
        "print('torch' in sys.modules, 'transformers' in sys.modules, file=sys.stderr)\nsys.exit(code)"
    )
    asked = "".join(json.dumps(line) + "\n" for line in lines) + "nonsense\n" + "[" * 100_000 + "\n"
    done = subprocess.run([sys.executable, "-c", code], input=asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr.split()[-2:] == ["False", "False"]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert next(line for line in told if "ready" in line)["has"][:2] == ["data", "index"]
    by_id = {line["id"]: line for line in told if line.get("id")}
    assert by_id[1]["result"]["item_id"] == "i07"
    assert all("error" in by_id[number] for number in (2, 3, 4))
    assert sum(line.get("id", 0) is None for line in told) == 2
