"""The card of an exported model: base and licence, counts, figures with protocol and interval, decoding."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

from core.model.export import export_model
from core.project import Project
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_ITEMS, N_USERS, small_index, small_lm, up_to


def test_counts_figures_and_no_names(trained: RunFolder, tmp_path: Path) -> None:
    card = (export_model(trained, tmp_path / "model") / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\n") and "base_model" not in card
    assert "None: a small decoder that was trained from scratch." in card
    assert f"{N_USERS} users, {N_ITEMS} items, " in card
    metrics = trained.metrics()
    value, (low, high) = metrics["test"]["model"]["recall@10"], metrics["intervals"]["test"]["model"]["recall@10"]
    assert f"| recall@10 | {value:.4f} | {low:.4f} to {high:.4f} |" in card and "95 % interval" in card
    assert "ranked among all items; those that a user took before may stand in a list." in card
    assert "beam search with 60 beams" in card
    for secret in (str(trained.path.parents[2]), "u001", "amber", trained.id):
        assert secret not in card


def test_the_recipe_for_decoding_decodes(trained: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export_model(trained, tmp_path / "model")
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S)
    assert code
    monkeypatch.chdir(folder)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code[1].replace('["ITEM", "ITEM"]', '["i03", "i04"]'), {})
    recommender = Recommender.load(trained.path)
    alone = Recommender(recommender.project, recommender.dataset, recommender.checkpoint)
    best = [item.item_id for item in alone.recommend(history=["i03", "i04"], k=3).items]
    assert eval(said.getvalue())[:3] == best


@pytest.mark.parametrize("licence", [True, False])
def test_the_licence_of_the_base_goes_along(licence: bool, world: Path, tmp_path: Path) -> None:
    base = world.parent / "lm"
    small_lm("llama", base, small_index([[0], [1]]))
    if licence:
        (base / "README.md").write_text("---\nlanguage: en\nlicense: llama2\n---\nA model.\n")
        (base / "LICENSE.txt").write_text("the community agreement\n")
    sets = ["backbone.model=lm", "vectors.behavior=none", "tune.distill=0", "tune.stages.0.epochs=1"]
    project = Project.load(world, [*sets, "contrast.form=none"])
    made = up_to("tune", world, *sets, "contrast.form=none")
    run = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    note = f'{{"artefact": "../.store/{made["tune"].name}"}}'
    (run.path / "stages" / "tune.json").write_text(note)
    (run.path / "stages" / "data.json").write_text(note.replace(made["tune"].name, made["data"].name))
    folder = export_model(run, tmp_path / "model")
    card = (folder / "README.md").read_text()
    assert str(world.parent) not in card and "base_model" not in card  # a folder is no name of the hub
    assert "None: this model was not evaluated." in card
    if licence:
        assert "license: llama2\n" in card and "lm, under llama2, which lies beside this card: LICENSE.txt." in card
        assert (folder / "LICENSE.txt").read_text() == "the community agreement\n"
    else:
        assert "lm. Its files state no licence" in card and "license:" not in card


def test_a_checkpoint_alone_says_what_it_cannot_know(trained: RunFolder, tmp_path: Path) -> None:
    card = (export_model(trained.artefact("tune") / "best", tmp_path / "model") / "README.md").read_text()
    assert "a checkpoint was exported without its run" in card and "was not evaluated" in card and "Not known." in card
