"""Providers of vectors as plug-ins: what a name runs, and what it adds to a fingerprint."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.data.dataset import Dataset
from core.errors import ProjectError
from core.fields import find
from core.pipeline import recipes_of, run_stages
from core.project import Project
from core.registry import BEHAVIOR_VECTORS, TEXT_VECTORS, Registry
from core.run.reporter import NullReporter
from core.vectors import KINDS, ItemVectors, VectorProvider
from core.vectors.stage import vector_task
from tests.core.engine_tools import stages_of

TOY = """
from dataclasses import dataclass

import numpy as np

from core.settings import opt
from core.vectors import ItemVectors, VectorProvider


@dataclass(frozen=True)
class ToyOptions:
    scale: float = opt(2.0, "how long the vectors are", low=0.0, high=10.0)


class Toy(VectorProvider):
    \"\"\"Draws vectors, and counts the words of the text vectors' artefact.

    More of it.
    \"\"\"

    options = ToyOptions
    inputs = ("semantic",)

    def vectors(self, task):
        assert (task.inputs["semantic"] / "vectors.npz").is_file() and len(task.texts) == task.n_items
        rows = np.random.default_rng(task.seed).normal(size=(task.n_items, 3)) * task.options.scale
        return ItemVectors.of(rows, np.bincount(task.train.items, minlength=task.n_items) > 0, "toy")


class Short(VectorProvider):
    \"\"\"Forgets the last item.\"\"\"

    def vectors(self, task):
        return ItemVectors.of(np.ones((task.n_items - 1, 2)), np.ones(task.n_items - 1, dtype=bool), "short")
"""


@pytest.fixture
def toys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package with two providers of behaviour vectors, installed as pip would."""
    site = tmp_path / "site"
    about = site / "toy_vectors-1.5.dist-info"
    about.mkdir(parents=True)
    (site / "toy_vectors.py").write_text(TOY, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-vectors\nVersion: 1.5\n", encoding="utf-8")
    points = "[eagertui.vectors.behavior]\ntoy = toy_vectors:Toy\nshort = toy_vectors:Short\n"
    (about / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    BEHAVIOR_VECTORS.forget()
    yield site
    monkeypatch.undo()
    BEHAVIOR_VECTORS.forget()


def with_behavior(file: Path, name: str, *overrides: str) -> Project:
    project = Project.load(file, ["run.goal=index", "vectors.align=none", *overrides])
    return dataclasses.replace(project, vectors=dataclasses.replace(project.vectors, behavior=name))


def test_what_a_text_provider_kept_encodes_a_text_as_before(world: Path) -> None:
    """New items go through the artefact of the old ones; a provider that cannot has no `encode`."""
    project = Project.load(world, ["run.goal=index"])
    run_stages(project, NullReporter())
    made = stages_of(project)
    dataset = Dataset.load(made["data"])
    task = vector_task(project, TEXT_VECTORS, dataset, {}, made["semantic"], NullReporter())
    task = dataclasses.replace(task, items=dataset.items[:7])
    lsa, file = TEXT_VECTORS.get("lsa"), TEXT_VECTORS.get("file:x")
    assert lsa.encodes() and all((made["semantic"] / name).is_file() for name in lsa.kept)
    old = ItemVectors.load(made["semantic"] / "vectors.npz").matrix[:7]
    assert lsa().encode(task).matrix == pytest.approx(old, abs=1e-5)
    assert not file.encodes()
    with pytest.raises(TypeError, match="encodes no new items"):
        file().encode(task)


@pytest.mark.parametrize("registry", [TEXT_VECTORS, BEHAVIOR_VECTORS], ids=lambda one: one.folder)
def test_every_name_has_its_class(registry: Registry[Any]) -> None:
    assert registry.all_names
    for name in registry.all_names:
        assert issubclass(registry.get(name), VectorProvider)


def test_the_kinds_of_vectors_are_those_of_the_settings() -> None:
    spec, _ = find(Project, ("index", "sources"))
    assert spec is not None and spec.metadata["choices"] == KINDS
    assert tuple(registry.setting.partition(".")[2] for registry in (TEXT_VECTORS, BEHAVIOR_VECTORS)) == KINDS


def test_a_provider_of_another_package_runs_with_what_it_asked_for(world: Path, toys: Path) -> None:
    assert {"toy", "short"} < set(BEHAVIOR_VECTORS.names)
    assert BEHAVIOR_VECTORS.doc("toy") == "Draws vectors, and counts the words of the text vectors' artefact."
    project = with_behavior(world, "toy", 'index.sources=["behavior"]')
    run_stages(project, NullReporter())
    made = stages_of(project)
    assert set(made) == {"data", "semantic", "behavior", "index"}  # what it reads is made for it
    vectors = ItemVectors.load(made["behavior"] / "vectors.npz")
    rows = np.random.default_rng(project.seed).normal(size=(60, 3)) * 2.0
    assert vectors.source == "toy" and vectors.matrix == pytest.approx(rows.astype(np.float32))


def test_its_package_version_and_settings_are_in_the_fingerprint(world: Path, toys: Path) -> None:
    project = with_behavior(world, "toy")
    settings = recipes_of(project)["behavior"]["settings"]
    assert settings["provider of behaviour vectors toy"] == {
        "version": 1, "package": "toy-vectors", "package_version": "1.5", "seed": 7, "options": {"scale": 2.0},
    }  # fmt: skip
    before = stages_of(project)
    about = toys / "toy_vectors-1.5.dist-info" / "METADATA"
    about.write_text(about.read_text().replace("1.5", "1.6"), encoding="utf-8")
    BEHAVIOR_VECTORS.forget()
    after = stages_of(project)
    assert {name for name in after if after[name] != before[name]} == {"behavior", "index"}


def test_vectors_of_another_number_of_items_are_refused(world: Path, toys: Path) -> None:
    with pytest.raises(ProjectError, match=r"vectors\.behavior: 'short' gives 59 vectors for 60 items"):
        run_stages(with_behavior(world, "short"), NullReporter())


def test_built_in_providers_add_nothing_to_a_fingerprint(world: Path) -> None:
    for name in BEHAVIOR_VECTORS.names:
        assert set(recipes_of(with_behavior(world, name))["behavior"]["settings"]) == {"source", "dim", "seed"}
    names = {"source", "dim", "seed", "device", "dtype"}
    assert set(recipes_of(with_behavior(world, "sasrec"))["semantic"]["settings"]) == names
    assert recipes_of(with_behavior(world, "sasrec"))["behavior"]["inputs"].keys() == {"data", "sasrec"}
    assert recipes_of(with_behavior(world, "din"))["behavior"]["inputs"].keys() == {"data"}


def test_a_name_that_nobody_brings(world: Path) -> None:
    with pytest.raises(ProjectError, match='no provider of behaviour vectors "nobodys"'):
        recipes_of(with_behavior(world, "nobodys"))


def test_every_provider_that_needs_no_file_gives_a_row_an_item(world: Path) -> None:
    for name in BEHAVIOR_VECTORS.names:
        project = with_behavior(world, name, "sasrec.epochs=1")
        run_stages(project, NullReporter())
        vectors = ItemVectors.load(stages_of(project)["behavior"] / "vectors.npz")
        assert vectors.source == name and len(vectors.matrix) == 60
    ids = pl.read_parquet(stages_of(project)["data"] / "items.parquet")["item_id"]
    table = pl.DataFrame({"item_id": ids[:-1], "vector": np.eye(60)[:-1].tolist()})
    table.write_parquet(world.parent / "own.parquet")
    project = with_behavior(world, "file:own.parquet")
    run_stages(project, NullReporter())
    vectors = ItemVectors.load(stages_of(project)["behavior"] / "vectors.npz")
    assert vectors.source == "file:own.parquet" and vectors.known.sum() == 59
