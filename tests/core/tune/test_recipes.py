"""Every recipe that fits a CPU, from logs to metrics."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from core.jobs.start import create_run
from core.jobs.work import train_run
from core.project import Project
from core.recipes import recipe_paths
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import walks, write_world

SMALL = sorted(name for name in recipe_paths() if name.endswith("-small") or name == "light")
QUICK = (
    "backbone.hidden_size=32", "backbone.layers=1", "backbone.heads=2", "backbone.intermediate_size=32",
    "backbone.text_vocabulary=300", "sasrec.epochs=2", "evaluate.bootstrap=0", 'evaluate.baselines=["popularity"]',
    "tune.stages.0.epochs=2", "run.threads=1", "index.rq-vae.layers=[16]", "index.rq-vae.epochs=4",
    "texts.description_tokens=12",
)  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
def test_from_logs_to_metrics(name: str, tmp_path: Path) -> None:
    file = write_world(tmp_path, walks())
    text = "\n".join(line for line in file.read_text().splitlines() if not line.startswith("[[tune"))
    text = text.partition("[index]")[0].partition("[sasrec]")[0]
    file.write_text(f'recipe = "{name}"\n{text}')
    folder = create_run(Project.load(file, QUICK))
    assert train_run(folder) == 0, folder.status().error
    run, metrics = folder.path, folder.metrics()["test"]
    assert metrics["model"]["recall@10"] > metrics["popularity"]["recall@10"] / 2
    project = Project.load(run / "project.resolved.toml")
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    assert not [event for event in events if "no rows for" in event.get("title", "")]
    names = {name for event in events for name in event.get("values", {})}
    asked = {task for stage in project.tune.stages for task in stage.tasks}
    if len(asked) > 1:
        assert {f"epoch_loss/{task}" for task in asked} <= names
    assert ("dense" in metrics) == (project.contrast.form == "next")
    asks_all(run)


def asks_all(run: Path) -> None:
    """Lists follow every part, by the weights that the evaluation chose; or the model's alone."""
    weights = json.loads((RunFolder(run).artefact("evaluate") / "fusion.json").read_text())["kept"]
    both = Recommender.load(run)
    user = both.users()[0]
    items = both.recommend(user=user).items
    assert len({item.item_id for item in items}) == 10
    assert [item.score for item in items] == sorted((item.score for item in items), reverse=True)
    alone = Recommender(both.project, both.dataset, both.checkpoint).recommend(user=user).items
    same = [item.score for item in items] == [item.score for item in alone]
    assert same == (weights[0] == 1)


PAPERS = {"lc-rec": "2311.09049", "eager-llm": "2502.14735", "semantic-convergence": "2412.13771"}
"""The published systems, by the arXiv id of the paper."""
SOURCE = re.compile(r"(paper|released (code|script)|ours|as LC-Rec)\b")
"""How a comment of a published recipe begins."""


@pytest.mark.parametrize("name", sorted(recipe_paths()))
def test_a_recipe_says_what_it_is_and_after_which_paper(name: str) -> None:
    head, _, body = recipe_paths()[name].read_text().partition("\n\n")
    assert head.startswith(f"# {name}: ")
    paper = PAPERS.get(name.removesuffix("-small"))
    assert paper is None or f"arXiv {paper}" in head
    assert not re.search(r"# \d+\.\d+(?! million)", body), "a bare section number names no source"


@pytest.mark.parametrize("name", PAPERS)
def test_every_figure_of_a_published_recipe_says_where_it_comes_from(name: str) -> None:
    lines = recipe_paths()[name].read_text().splitlines()
    for above, line in itertools.pairwise(lines):
        if not re.match(r"[\w.-]+ = ", line):
            continue
        comment = line.rpartition(" # ")[2] if " # " in line else above.removeprefix("# ")
        assert SOURCE.match(comment), line
