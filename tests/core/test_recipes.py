"""Recipes introduce themselves, and what they say is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.project import recipe_project
from core.recipes import recipe_card, recipe_paths
from core.run.rankings import OURS, headline
from core.vectors.stage import text_model

RESULTS = Path(__file__).parents[1] / "benchmarks" / "experiments" / "results" / "recipes.json"
LISTS = RESULTS.with_name("lists.json")
MEASURED_AS = {"light-large": "light, 15 M"}
"""Rows of the results that are not called as the recipe is."""
PRETRAINED = RESULTS.with_name("pretrained.json")
PRETRAINED_AS = {
    "light-lm": "scientific | gemma-3-270m-q4_k_m.gguf | 0.8 h | pretrained | seed 0",
    "eager-llm-lm": "sample | gemma-3-270m-q4_k_m.gguf | 1 h | eager-llm-lm | seed 0",
}


@pytest.mark.parametrize("name", recipe_paths())
def test_a_recipe_says_what_it_is_and_needs(name: str) -> None:
    card = recipe_card(recipe_paths()[name])
    assert card.name == name
    assert all((card.what, card.size, card.needs, card.download, card.figures))
    project = recipe_project(name)
    models = {text_model(project), project.backbone.model} - {"", "tiny"}
    assert (card.download == "none.") == (not models)
    assert all(model in card.download for model in models)
    assert ("GPU" in card.needs) == bool(models)


@pytest.mark.parametrize("name", recipe_paths())
def test_the_figures_of_a_recipe_are_the_measured_ones(name: str) -> None:
    card, results = recipe_card(recipe_paths()[name]), json.loads(RESULTS.read_text())
    lists = {data: one["test"] for data, one in json.loads(LISTS.read_text()).items() if one["recipe"] == name}
    if lists:  # what it does today; the other recipes stand as version 0.1 was measured
        for data, rows in lists.items():
            figures = [f"{rows[headline(rows)][metric]:.4f}".lstrip("0") for metric in ("recall@10", "ndcg@10")]
            assert re.search(rf"(?i){data}(?: R@10)? {figures[0]},(?: N@10)? {figures[1]}", card.figures)
        return
    if name in PRETRAINED_AS:
        cell = json.loads(PRETRAINED.read_text())[PRETRAINED_AS[name]]
        for who in ("served", "model"):
            recall, ndcg = (f"{cell[f'{who} kept {metric}']:.4f}".lstrip("0") for metric in ("recall@10", "ndcg@10"))
            assert f"{recall}, {ndcg}" in card.figures
        if "title" in card.figures:
            assert f"{cell['title from code']:.3f}".lstrip("0") in card.figures
        return
    measured = MEASURED_AS.get(name, name)
    cells = {data: results.get(f"{data} | {measured} | seed 0 | ") for data in ("sample", "scientific")}
    if not all(cells.values()):
        assert card.figures == "none of ours yet."
        return
    for data, cell in cells.items():
        method = next(name for name in OURS if f"{name} recall@10" in cell)
        recall, ndcg = (f"{cell[f'{method} {metric}']:.4f}".lstrip("0") for metric in ("recall@10", "ndcg@10"))
        assert re.search(rf"(?i){data} R@10 \{recall}, N@10 \{ndcg}", card.figures)
    assert f"{cells['sample']['parameters'] / 1e6:.1f} million parameters" in card.size
