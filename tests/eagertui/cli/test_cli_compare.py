"""The verb `compare`: what it prints and writes, and the words it has for what is wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from eagertui.cli.output.metrics_table import metrics_table
from eagertui.cli.parser import main
from tests.core.evaluate.comparison_tools import made_up_dataset, some_ranks, write_project, write_run

USERS = 150


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with two runs, the newer one with other beams."""
    project = write_project(tmp_path / "shop")
    dataset, ranks = made_up_dataset(USERS, 40), some_ranks(USERS, methods=("model", "popularity", "sasrec"))
    write_run(project, 1, dataset, ranks)
    worse = {**ranks, "model": np.where(np.arange(USERS) % 2 == 0, 0, ranks["model"]).astype(np.int32)}
    write_run(project, 2, dataset, worse, "recommend.beams=5")
    return project.parent


def printed(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> str:
    assert main(["compare", *map(str, args)]) == code
    return capsys.readouterr().out


def test_table_json_csv_and_latex_agree(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(printed(capsys, shop, "--json", "--metric", "recall@10"))
    assert [run["id"][-4:] for run in found["runs"]] == ["0002", "0001"]  # the newest is the reference
    row = found["results"][0]["rows"][1]
    gain = row["differences"]["recall@10"]
    assert (row["label"], gain["verdict"]) == ("light 0001 model", "better") and gain["low"] > 0
    table = printed(capsys, shop, "--metric", "recall@10")
    for text in ("seen items kept", "seen items hidden", "against light 0002 model", "one seed each", "recommend.beams",
                 "popularity", "memory: seen", "leave-one-out"):  # fmt: skip
        assert text in table, table
    assert f"{gain['difference']:+.4f}".replace("0.", ".") in table
    lines = list(csv.DictReader(io.StringIO(printed(capsys, shop, "--csv"))))
    assert len(lines) == 2 * sum(len(r["values"]) for r in found["results"][0]["rows"])
    line = next(one for one in lines if one["runs"].endswith("0001") and one["metric"] == "recall@10")
    assert float(line["difference"]) == gain["difference"] and line["verdict"] == gain["verdict"]
    latex = printed(capsys, shop, "--latex", "--metric", "recall@10")
    assert latex.startswith(r"\begin{tabular}") and gain["verdict"] in latex and r"\bottomrule" in latex


def test_runs_that_are_named_and_the_reference(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = json.loads(printed(capsys, shop, "--run", "0001", "--json"))
    assert len(one["runs"]) == 1 and one["settings"] == []
    both = json.loads(printed(capsys, shop, "--run", "0001", "--run", "0002", "--against", "0002", "--json"))
    assert both["against"].startswith(both["runs"][1]["id"])


def test_the_word_is_that_of_the_table_behind_a_training(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That table says what the run gains over a method; this one what the method gains over the run."""
    run = json.loads(printed(capsys, shop, "--run", "0001", "--json"))
    metrics = json.loads(next((shop / "runs").glob("*0001/metrics.json")).read_text())
    assert metrics_table(metrics).row_count == 3
    opposite = {"better": "worse", "worse": "better"}
    for row in run["results"][0]["rows"][1:]:
        written = metrics["differences"]["test"][row["method"]]["ndcg@10"]
        gain = row["differences"]["ndcg@10"]
        assert (gain["low"], gain["high"]) == (-written["high"], -written["low"])
        cells = [str(cell) for cell in metrics_table(metrics).columns[-1].cells]
        assert any(opposite.get(gain["verdict"], gain["verdict"]) in cell for cell in cells)


def test_the_page(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "page.html"
    assert printed(capsys, shop, "--html", out) == ""
    page = out.read_text()
    assert page.startswith("<!doctype html>") and "recommend.beams" in page and "Users who gained" not in page
    printed(capsys, shop, "--html", out, "--with-users", "2")
    assert "Users who gained" in out.read_text()
    with pytest.raises(SystemExit):
        main(["compare", str(shop), "--with-users", "0"])


def test_what_is_wrong_is_said(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = next((shop / "runs").glob("*0001/ranks.parquet"))
    damaged.write_bytes(b"PAR1")
    found = json.loads(printed(capsys, shop, "--json"))
    assert len(found["runs"]) == 1 and "left out" in found["notes"][0] and "ranks.parquet" in found["notes"][0]
    assert main(["compare", str(shop), "--run", "0001"]) == 4
    assert "eagertui evaluate" in capsys.readouterr().err
    for args in (["--metric", "precision@3"], ["--run", "nothing"], ["--against", "nothing"]):
        assert main(["compare", str(shop), *args]) == 2
        assert "error: " in capsys.readouterr().err
    next((shop / "runs").glob("*0002/ranks.parquet")).unlink()
    assert main(["compare", str(shop)]) == 2
    assert "ranks.parquet" in capsys.readouterr().err
