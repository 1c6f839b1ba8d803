"""The stages in order, on a small world: what they make, what is reused, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import Interrupted, ProjectError
from core.jobs.work import evaluate_run, train_run
from core.pipeline import needed, plan, run_stages
from core.project import Project
from core.run.events import EventReader
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from tests.core.engine_tools import (
    N_ITEMS,
    N_USERS,
    Recorder,
    Until,
    small_index,
    small_lm,
    stages_of,
    up_to,
    walks,
    write_world,
)

METHODS = ["model+fused", "model", "dense", "popularity", "transitions", "itemknn", "sasrec", "sasrec-text"]
PROTOCOLS = ("valid", "valid_masked", "test", "test_masked")


def test_the_metrics_have_their_shape(trained: RunFolder) -> None:
    metrics = trained.metrics()
    assert set(metrics) == {*PROTOCOLS, "intervals", "differences", "slices", "fusion", "protocol"}
    for split in PROTOCOLS:
        assert list(metrics[split]) == METHODS
        for values in metrics[split].values():
            wanted = {f"{name}@{k}" for name in ("recall", "ndcg") for k in (1, 5, 10, 20, 50)} | {"mrr@50"}
            assert wanted | {"coverage@10", "gini@10", "popularity@10"} == set(values)
            assert all(isinstance(value, float) and 0 <= value <= 1 for value in values.values())
            assert values["recall@1"] == values["ndcg@1"]
            assert values["ndcg@10"] <= values["recall@10"] <= values["recall@50"]
        for method in METHODS:
            for name, (low, high) in metrics["intervals"][split][method].items():
                assert low <= metrics[split][method][name] <= high
        assert set(metrics["differences"][split]) == set(METHODS[1:])
        assert set(metrics["slices"][split]) == set(METHODS)
        for method, names in metrics["differences"][split].items():
            for name, gain in names.items():
                expected = metrics[split]["model+fused"][name] - metrics[split][method][name]
                assert gain["difference"] == pytest.approx(expected, abs=2e-6)
                assert gain["low"] <= gain["difference"] <= gain["high"]
    card = {"first": "test", "split": "leave-one-out", "users": N_USERS, "items": N_ITEMS, "tied": 0.0}
    assert {name: metrics["protocol"][name] for name in card} == card
    text = json.dumps(metrics)
    assert str(trained.path.parent) not in text and trained.id not in text and "seconds" not in text


def test_the_metrics_are_those_of_the_ranks(trained: RunFolder) -> None:
    ranks = pl.read_parquet(trained.path / "ranks.parquet")
    assert ranks.height == 2 * N_USERS
    metrics = trained.metrics()
    for split in PROTOCOLS:
        source = "masked_rank_" if split.endswith("_masked") else "rank_"
        part = ranks.filter(pl.col("split") == split.removesuffix("_masked"))
        for method in METHODS:
            found = [rank for rank in part[source + method].to_list() if rank]
            for k in (1, 10, 50):
                hits = [rank for rank in found if rank <= k]
                assert metrics[split][method][f"recall@{k}"] == pytest.approx(len(hits) / N_USERS, abs=1e-6)
                gain = sum(1 / np.log2(rank + 1) for rank in hits) / N_USERS
                assert metrics[split][method][f"ndcg@{k}"] == pytest.approx(gain, abs=1e-6)
    log = walks()
    targets = {row["user_id"]: row["item_id"] for row in ranks.filter(pl.col("split") == "test").iter_rows(named=True)}
    assert targets == {user: items[-1] for user, items in log.items()}


def test_the_model_has_learnt_something(trained: RunFolder) -> None:
    """The ring is plain: better than popularity after a few seconds, clearly."""
    told = trained.metrics()["differences"]["test"]["popularity"]["ndcg@10"]
    assert told["low"] > 0


def names_of(project: Project) -> list[str]:
    return [stage.name for stage in plan(project)]


def test_a_finished_run_tells_its_story(trained: RunFolder, trained_project: Project) -> None:
    stages = names_of(trained_project)
    assert trained.status().state == "finished"
    events: list[Any] = []
    reader = EventReader(trained.events_path)
    while found := reader.poll():
        events += found
    assert [e.data["stage"] for e in events if e.kind == "stage.started"] == stages
    assert [e.data["stage"] for e in events if e.kind == "stage.finished"] == stages
    assert any(e.kind == "eval" and e.data["split"] == "valid" for e in events)
    assert any(e.kind == "checkpoint" and e.data["best"] for e in events)
    assert {"data", "semantic", "behavior", "index", "tune", "baselines", "evaluate"} <= set(stages)
    for stage in stages:
        assert trained.artefact(stage).is_dir()
    made = trained.artefact("evaluate")
    for name in ("metrics.json", "ranks.parquet"):
        assert (trained.path / name).read_bytes() == (made / name).read_bytes()


def test_no_artefact_keeps_what_was_only_for_resuming(trained: RunFolder, trained_project: Project) -> None:
    for stage in names_of(trained_project):
        left = [path.name for path in trained.artefact(stage).rglob("loop*")]
        assert not left, stage


def test_a_second_run_reuses_every_stage(trained_project: Project) -> None:
    assert {stage.state for stage in plan(trained_project)} == {"reuse"}
    reporter = Recorder()
    run_stages(trained_project, reporter)
    assert reporter.reused == names_of(trained_project) and not reporter.ran


def fresh_stages(project: Project, *overrides: str) -> list[str]:
    return [stage.name for stage in plan(Project.load(project.path or "", overrides)) if stage.state == "run"]


VECTORS = {"semantic", "sasrec", "behavior"}
STALE: list[tuple[str, set[str], set[str]]] = [
    ("index.width=9", {"index", "tune", "evaluate"}, {"data", "baselines"} | VECTORS),
    ("tune.weight_decay=0.01", {"tune", "evaluate"}, {"data", "index", "baselines"} | VECTORS),
    ("evaluate.bootstrap=60", {"evaluate"}, {"data", "index", "tune", "baselines"} | VECTORS),
    ("evaluate.mask_seen=true", {"evaluate"}, {"data", "index", "tune", "baselines"} | VECTORS),
    ("vectors.semantic_dim=5", {"index", "tune", "baselines", "evaluate"} | VECTORS, {"data"}),
    ("vectors.align_weight=0.2", {"sasrec", "behavior", "index", "tune", "evaluate"}, {"data", "semantic"}),
    ('recommend.fusion=["dense"]', {"evaluate"}, {"data", "index", "tune", "baselines"} | VECTORS),
    ("sasrec.epochs=4", {"sasrec", "behavior", "index", "tune", "baselines", "evaluate"}, {"data", "semantic"}),
    ("data.max_history=5", {"tune", "evaluate"}, {"data", "index", "baselines"} | VECTORS),
    ("data.min_user_interactions=6", {"data", "index", "tune", "baselines", "evaluate"} | VECTORS, set()),
    ("seed=8", {"index", "tune", "evaluate"}, {"data"}),
    ("recommend.k=7", set(), {"data", "index", "tune", "baselines", "evaluate"} | VECTORS),
    ("run.threads=2", set(), {"data", "index", "tune", "baselines", "evaluate"} | VECTORS),
    ("name=other", set(), {"data", "index", "tune", "baselines", "evaluate"} | VECTORS),
]


@pytest.mark.parametrize(("override", "stale", "kept"), STALE)
def test_a_setting_makes_stale_what_it_decides(
    override: str, stale: set[str], kept: set[str], trained_project: Project
) -> None:
    found = set(fresh_stages(trained_project, override))
    assert stale <= found and not kept & found


def test_where_sasrec_is_only_a_baseline_its_settings_touch_no_model(trained_project: Project) -> None:
    without = ["vectors.behavior=ppmi-svd", "vectors.align=none", "tune.distill=0"]

    def prints(*overrides: str) -> dict[str, str]:
        return {s.name: s.fingerprint for s in plan(Project.load(trained_project.path or "", [*without, *overrides]))}

    none = prints('evaluate.baselines=["popularity"]', 'recommend.fusion=["dense"]')
    one, two = prints(), prints("sasrec.epochs=9")
    assert one["sasrec"] != two["sasrec"] and "sasrec" not in none
    for stage in ("behavior", "index", "tune"):
        assert one[stage] == two[stage] == none[stage]


def test_measuring_otherwise_never_trains_again(trained: RunFolder, trained_project: Project) -> None:
    """`evaluate --set` asks for another measurement of the model that is there."""
    for override in ("recommend.beams=20", "evaluate.mask_seen=true", "evaluate.bootstrap=30"):
        assert "tune" not in fresh_stages(trained_project, override), override
    metrics = evaluate_run(trained, ["evaluate.bootstrap=30", 'evaluate.baselines=["popularity"]'])
    assert list(metrics["test"]) == ["model+fused", "model", "dense", "popularity"]
    assert metrics["test"] == {name: trained.metrics()["test"][name] for name in metrics["test"]}
    masked = evaluate_run(trained, ["evaluate.mask_seen=true"])
    assert masked["protocol"]["first"] == "test_masked"
    assert {split: masked[split] for split in PROTOCOLS} == {split: trained.metrics()[split] for split in PROTOCOLS}


def sources_of(folder: Path) -> set[str]:
    from core.index.table import ItemIndex

    return set(ItemIndex.load(folder / "index.parquet").sources)


@pytest.mark.parametrize(
    ("overrides", "sources"),
    [
        (["data.text=[]"], {"behavior"}),
        (["vectors.semantic=none"], {"behavior"}),
        (["vectors.behavior=none"], {"semantic"}),
        (['index.sources=["semantic"]'], {"semantic"}),
        (['index.sources=["behavior", "semantic"]'], {"semantic", "behavior"}),
        (["vectors.behavior=ppmi-svd"], {"semantic", "behavior"}),
        (["index.method=random"], {"semantic", "behavior"}),
    ],
)
def test_the_sources_that_are_there_make_the_index(overrides: list[str], sources: set[str], world: Path) -> None:
    made = up_to("index", world, "index.conflicts=matching", *overrides)
    assert sources_of(made["index"]) == sources


def test_what_a_needed_stage_reads_is_needed(world: Path) -> None:
    """The contrast asks for behaviour vectors, and these for SASRec, which nothing else reads."""
    overrides = ["index.sources=semantic", "tune.distill=0", "evaluate.baselines=popularity", "contrast.form=next"]
    assert "teacher" in needed(Project.load(world, overrides)), "the fused list follows it"
    overrides.append("recommend.fusion=transitions")
    project = Project.load(world, overrides)
    every = {"data", "semantic", "sasrec", "behavior", "index", "tune", "steer", "baselines", "evaluate"}
    assert needed(project) == every
    assert needed(Project.load(world, [*overrides, "run.goal=index"])) == {"data", "semantic", "index"}


def test_one_source_alone_is_said(world: Path) -> None:
    project = Project.load(world, ["data.text=[]"])
    reporter = Until("index")
    with pytest.raises(Interrupted):
        run_stages(project, reporter)
    assert any("semantic" in text and "behavior" in text for text in reporter.alerts)


def test_no_item_table_at_all(tmp_path: Path) -> None:
    """Ids alone: the tokenizer has no text to learn from, and the titles are the ids."""
    file = write_world(tmp_path, walks())
    settings = ["data.items=", "data.text=[]", "vectors.semantic=none"]
    project = Project.load(file, settings)
    made = run_stages(project, NullReporter())
    assert json.loads((made["evaluate"] / "metrics.json").read_text())["test"]["model"]["recall@50"] > 0


def test_no_source_at_all_is_refused(world: Path) -> None:
    for overrides in (["data.text=[]", "vectors.behavior=none"], ["vectors.semantic=none", "vectors.behavior=none"]):
        with pytest.raises(ProjectError, match="source") as told:
            run_stages(Project.load(world, overrides), NullReporter())
        assert "data.text" in told.value.remedy and "vectors.behavior" in told.value.remedy


def test_vectors_from_files(world: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(world.parent / "text.npy", rng.normal(size=(60, 5)).astype(np.float32))
    ids = [f"i{n:02}" for n in rng.permutation(60)]
    table = {"item_id": ids, "vector": rng.normal(size=(60, 3)).tolist()}
    pl.DataFrame(table).write_parquet(world.parent / "taste.parquet")
    overrides = ["vectors.semantic=file:text.npy", "vectors.behavior=file:taste.parquet", "index.conflicts=matching"]
    made = up_to("index", world, *overrides)
    assert sources_of(made["index"]) == {"semantic", "behavior"}
    np.save(world.parent / "text.npy", rng.normal(size=(60, 5)).astype(np.float32))
    assert stages_of(Project.load(world, overrides))["semantic"] != made["semantic"]  # another content
    (world.parent / "text.npy").unlink()
    with pytest.raises(ProjectError, match=r"text\.npy"):
        plan(Project.load(world, overrides))


def test_a_backbone_and_an_encoder_in_a_folder_beside_the_project(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative to the project file, wherever the engine is started; other weights are another model."""
    small_lm("llama", world.parent / "lm", small_index([[0], [1]]))
    overrides = ["backbone.model=lm", "vectors.semantic=hf:lm", "index.conflicts=matching"]
    elsewhere = world.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    made = up_to("tune", world, *overrides)
    assert sources_of(made["index"]) == {"semantic", "behavior"}
    assert json.loads((made["tune"] / "best" / "config.json").read_text())["model_type"] == "llama"
    small_lm("gpt2", world.parent / "lm", small_index([[0], [1]]))
    other = stages_of(Project.load(world, overrides))
    assert other["semantic"] != made["semantic"] and other["tune"] != made["tune"]


def test_users_too_short_to_evaluate(tmp_path: Path) -> None:
    """Nothing to measure is refused after the data, before anything is trained; an index alone can be had."""
    file = write_world(tmp_path, {f"u{n}": [f"i{n:02}", f"i{n + 1:02}"] for n in range(20)})
    project = Project.load(file)
    folder = RunFolder.create(project.runs_dir, project.to_toml(), "short")
    assert train_run(folder) == 4
    fault = folder.status().error
    assert fault is not None and "no user has more than 2 interactions" in str(fault)
    assert [path.stem for path in (folder.path / "stages").glob("*.json")] == []
    assert "index" in run_stages(Project.load(file, ["run.goal=index"]), NullReporter())


def test_a_handful_of_items(tmp_path: Path) -> None:
    """Four items and three users: every stage bears it."""
    log = {f"u{n}": ["i00", "i01", "i02", "i03"][: 3 + n % 2] for n in range(3)}
    project = Project.load(write_world(tmp_path, log))
    made = run_stages(project, NullReporter())
    metrics = json.loads((made["evaluate"] / "metrics.json").read_text())
    assert metrics["test"]["model"]["recall@50"] == 1.0
    assert metrics["test_masked"]["popularity"]["recall@1"] <= 1.0


def test_a_run_that_is_not_there_yet(world: Path) -> None:
    project = Project.load(world)
    folder = RunFolder.create(project.runs_dir, project.to_toml(), "x")
    with pytest.raises(ProjectError, match="tune"):
        folder.artefact("tune")


def test_the_best_reachable_of_synthetic_data_stands_beside(trained: RunFolder, trained_project: Project) -> None:
    """A file beside the log, known to whoever made the data, is shown with the metrics and makes them stale."""
    file = trained_project.resolve(trained_project.data.interactions).parent / "best_reachable.json"
    file.write_text('{"recall@10": 0.9}', encoding="utf-8")
    try:
        assert fresh_stages(trained_project) == ["evaluate"]
        assert evaluate_run(trained, [])["best_reachable"] == {"recall@10": 0.9}
    finally:
        file.unlink()
