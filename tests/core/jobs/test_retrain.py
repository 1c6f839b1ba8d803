"""From one run to the next: on grown data, and on all of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.errors import ProjectError
from core.jobs.retrain import check_base, continued, final
from core.jobs.start import create_run
from core.jobs.work import evaluate_run, train_run
from core.project import Project
from core.run.folder import RunFolder
from core.run.listing import WITH_MODEL, find_run, run_info


@pytest.fixture
def finished(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """The run in a project of its own."""
    folder = tmp_path / "shop"
    shutil.copytree(Project.load(trained.project_path).directory, folder)
    return RunFolder(folder / "runs" / trained.id)


def project_of(run: RunFolder, *sets: str) -> Project:
    return Project.load(run.path.parent.parent / "project.toml", sets)


def test_what_both_mean_in_settings(finished: RunFolder) -> None:
    project = project_of(finished)
    onward = [f'run.base="{finished.id}"', "run.base_revision=0", "tune.stages.0.epochs=2"]  # of three
    assert continued(project, finished.id[-4:]) == onward
    eight = project_of(finished, "tune.stages.0.epochs=8")
    assert continued(eight, finished.id)[-1] == "tune.stages.0.epochs=4"  # behind what was set, so it wins
    best = json.loads((finished.path / "stages" / "tune.json").read_text())["summary"]["best_epoch"]
    wanted = [f'run.chosen="{finished.id}"', "run.goal=model", "data.split=none", f"tune.stages.0.epochs={best}"]
    assert final(project) == final(project, finished.id) == wanted
    loaded = project_of(finished, *wanted)
    assert (loaded.run.chosen, loaded.run.goal, loaded.data.split) == (finished.id, "model", "none")
    with pytest.raises(ProjectError, match="no run nothing"):
        continued(project, "nothing")


def test_a_run_that_does_not_go_with_the_project_is_refused(finished: RunFolder) -> None:
    base = f"run.base={finished.id}"
    check_base(project_of(finished, base))
    with pytest.raises(ProjectError, match="backbone"):
        check_base(project_of(finished, base, "backbone.layers=2"))
    with pytest.raises(ProjectError, match="no run strange"):
        create_run(project_of(finished, "run.base=strange"))
    manifest = finished.artefact("tune") / "best" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "adapters": [{"name": "a"}]}))
    with pytest.raises(ProjectError, match="adapters"):
        check_base(project_of(finished, base))
    for key, value in (("tune.stages.0.name", "other"), ("tune.dropout", "0.7"), ("backbone.layers", "2")):
        with pytest.raises(ProjectError, match=f"with another .{key.split('.')[0]}."):
            final(project_of(finished, f"{key}={value}"))
    with pytest.raises(ProjectError, match="began with nothing, and this project begins with"):
        final(project_of(finished, base))
    note = finished.path / "stages" / "tune.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "summary": {}}))
    with pytest.raises(ProjectError, match="chose no epoch"):
        final(project_of(finished))


@pytest.mark.slow  # trains again
def test_a_run_learns_on_from_another_on_grown_data(finished: RunFolder) -> None:
    import torch

    from core.index.table import ItemIndex
    from core.model.checkpoint import load_checkpoint

    home = finished.path.parent.parent
    items = pl.read_parquet(home / "items.parquet")
    new = items.head(1).with_columns(pl.lit("i60").alias("item_id"))
    pl.concat([items, new]).write_parquet(home / "items.parquet")
    with (home / "log.csv").open("a") as log:
        log.writelines(f"u{user:03},i60,{90 + user}\n" for user in range(12))
    run = create_run(project_of(finished, *continued(project_of(finished), finished.id)))
    assert train_run(run) == 0, run.status().error
    before, after = (ItemIndex.load(one.artefact("index") / "index.parquet") for one in (finished, run))
    assert after.item_ids.to_list() == [*before.item_ids.to_list(), "i60"] and after.widths == before.widths
    assert (after.codes[:-1] == before.codes).all()
    old, grown = (load_checkpoint(one.artefact("tune") / "best") for one in (finished, run))
    assert old.vocabulary.tokenizer.get_vocab() == grown.vocabulary.tokenizer.get_vocab()
    weights = [torch.cat([p.flatten() for p in one.model.lm.parameters()]) for one in (old, grown)]
    near = torch.nn.functional.cosine_similarity(*(one.detach() for one in weights), dim=0)
    assert 0.9 < float(near) < 1  # weights that were drawn anew stand at right angles
    assert run.metrics()["test"]["model"]["recall@10"] > 0


@pytest.mark.slow  # trains again
def test_a_final_fit_holds_nothing_out_and_measures_nothing(finished: RunFolder) -> None:
    from core.data.dataset import Dataset
    from core.recommend.recommender import Recommender

    run = create_run(project_of(finished, *final(project_of(finished))))
    assert train_run(run) == 0, run.status().error
    assert not (run.path / "metrics.json").exists() and not (run.path / "stages" / "evaluate.json").exists()
    dataset = Dataset.load(run.artefact("data"))
    assert not len(dataset.evaluated) and len(dataset.train().items) == len(dataset.sequences.items)
    assert len(Dataset.load(finished.artefact("data")).train().items) < len(dataset.train().items)
    chosen, fitted = Recommender.load(finished.path), Recommender.load(run.path)
    assert fitted.parts.names == chosen.parts.names  # the weights are those that validation chose
    assert len(fitted.recommend("u000", k=5).items) == 5
    assert fitted.history_of("u000", as_tested=True) == (fitted.history_of("u000")[0], None)
    assert np.isfinite([item.score for item in fitted.recommend("u001", k=5).items]).all()
    assert find_run(run.path.parent) == finished and find_run(run.path.parent, None, WITH_MODEL) == run
    assert run_info(run).goal == "model"
    with pytest.raises(ProjectError, match="nothing held out"):
        evaluate_run(run, [])
