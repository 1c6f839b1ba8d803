"""Baselines as plug-ins."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core.baselines import Baseline
from core.data.dataset import load_dataset
from core.evaluate.baseline_ranks import load_ranking, measure_baselines
from core.fields import find
from core.pipeline import recipes_of
from core.project import Project
from core.registry import BASELINES
from core.run.reporter import NullReporter
from tests.core.engine_tools import Recorder

TOY = """
from dataclasses import dataclass

import numpy as np

from core.baselines import Baseline
from core.settings import opt


@dataclass(frozen=True)
class NewestOptions:
    back: int = opt(1, "which of the history's last items is scored first", low=1, high=9)


class Newest(Baseline):
    \"\"\"The item taken last, again.\"\"\"

    options = NewestOptions

    def __init__(self, back, n_items):
        self.back, self.n_items = back, n_items

    @classmethod
    def fit(cls, task):
        return cls(task.options.back, task.n_items)

    def score(self, histories):
        scores = np.zeros((len(histories), self.n_items), dtype=np.float32)
        scores[np.arange(len(histories)), histories.items[histories.offsets[1:] - self.back]] = 1.0
        return scores
"""


@pytest.fixture
def newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A package with a baseline, installed as pip would."""
    about = tmp_path / "site" / "newest-2.0.dist-info"
    about.mkdir(parents=True)
    (about.parent / "newest_item.py").write_text(TOY, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: newest\nVersion: 2.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[eagertui.baselines]\nnewest = newest_item:Newest\n", encoding="utf-8")
    monkeypatch.syspath_prepend(about.parent)
    BASELINES.forget()
    yield
    monkeypatch.undo()
    BASELINES.forget()


def with_baselines(file: Path, *names: str) -> Project:
    project = Project.load(file, ["tune.distill=0"])
    return dataclasses.replace(project, evaluate=dataclasses.replace(project.evaluate, baselines=names))


def test_the_default_is_every_built_in_baseline_in_the_registry_s_order() -> None:
    spec, _ = find(Project, ("evaluate", "baselines"))
    assert spec is not None and spec.default == ("popularity", "transitions", "itemknn", "sasrec", "sasrec-text")
    assert BASELINES.names[:5] == spec.default
    for name in BASELINES.names:
        assert issubclass(BASELINES.get(name), Baseline)


def test_what_a_baseline_reads_is_made_for_it(world: Path) -> None:
    for names, stages in ((("itemknn",), {"data"}), (("itemknn", "sasrec"), {"data", "sasrec"}), ((), {"data"})):
        recipe = recipes_of(with_baselines(world, *names))["baselines"]
        assert recipe["inputs"].keys() == stages and recipe["settings"] == {"baselines": list(names)}


def test_a_baseline_of_another_package_is_measured(world: Path, newest: None, tmp_path: Path) -> None:
    project = with_baselines(world, "newest", "popularity")
    settings = recipes_of(project)["baselines"]["settings"]
    assert settings["baseline newest"] == {
        "version": 1, "package": "newest", "package_version": "2.0", "seed": 7, "options": {"back": 1},
    }  # fmt: skip
    dataset = load_dataset(project.data, project.directory)
    options = {"newest": BASELINES.get("newest").options(), "popularity": None}
    told = measure_baselines(options, dataset, {}, 7, tmp_path, NullReporter())
    assert told["newest recall@50"] > 0 and told.keys() == {"newest recall@50", "popularity recall@50"}
    ranking = load_ranking(tmp_path / "newest-test.npz")
    assert not (ranking.ranks == 1).any()  # nobody takes an item twice in this log
    last = dataset.evaluation("test").histories
    assert ranking.shown[last.items[last.offsets[1:] - 1]].min() > 0


def test_finished_baselines_are_not_measured_again(world: Path, tmp_path: Path) -> None:
    project = Project.load(world)
    dataset = load_dataset(project.data, project.directory)

    class Heard(Recorder):
        def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
            self.logs.append(task)

    first, second = Heard(), Heard()
    one = measure_baselines({"popularity": None}, dataset, {}, 7, tmp_path, first)
    both = measure_baselines({"popularity": None, "transitions": None}, dataset, {}, 7, tmp_path, second)
    assert set(first.logs) == {"popularity"} and set(second.logs) == {"transitions"}
    assert both["popularity recall@50"] == one["popularity recall@50"]
