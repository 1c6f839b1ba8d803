"""Contrast inside SASRec: what it is near by, what it pulls together, and that without a weight nothing changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.cost import MachineSpeed
from core.data.arrays import Sequences
from core.errors import ProjectError, StopRequested
from core.estimate import estimate
from core.pipeline import recipes_of
from core.project import Project
from core.run.reporter import NullReporter, Reporter
from core.settings import SasrecSettings
from core.vectors import RECENCY, ItemVectors
from core.vectors.sasrec_contrast import TEMPERATURE, SasrecContrast, pair_loss
from core.vectors.sasrec_model import SasRec, SequenceView, fit_sasrec
from core.vectors.sequence_model import SequenceBatch, padded, training_rows
from core.vectors.text_neighbours import NONE, nearest_texts, prefix_texts, unit_texts
from tests.core.engine_tools import StopAfter, sequences, stages_of, up_to, walks, write_world
from tests.core.test_pipeline_leaks import swapped

ITEMS = 20
SMALL = SasrecSettings(
    hidden_size=16, layers=1, heads=2, dropout=0.2, batch_users=16, epochs=4, max_history=6, neighbours=3,
    contrast_users=0.1, contrast_items=0.1,
)  # fmt: skip
RING = sequences(*[[(start * 7 + step) % ITEMS for step in range(4 + start % 5)] for start in range(60)])
WITHOUT_TEXT = 5


def texts(seed: int = 0) -> ItemVectors:
    """Of one item there is none."""
    rows = np.random.default_rng(seed).normal(size=(ITEMS, 6))
    return ItemVectors.of(rows, np.arange(ITEMS) != WITHOUT_TEXT, "drawn")


def contrast(settings: SasrecSettings = SMALL, train: Sequences = RING, seed: int = 0) -> SasrecContrast:
    return SasrecContrast(training_rows(train, settings.max_history), ITEMS, settings, texts(), seed)


def fit(
    folder: Path, settings: SasrecSettings = SMALL, reporter: Reporter | None = None, train: Sequences = RING
) -> SasRec:
    return fit_sasrec(
        train, ITEMS, settings, 0, False, reporter or NullReporter(), folder,
        further=[contrast(settings, train)] if settings.contrasts else [],
    )  # fmt: skip


def weights(model: SasRec) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def view(module: SasrecContrast, model: SasRec, rows: np.ndarray, epoch: int) -> SequenceView:
    items = padded([module.rows[row] for row in rows], ITEMS)
    vectors = model.item_vectors()
    following = items[:, 1:]
    batch = SequenceBatch(items, torch.from_numpy(rows), epoch, 0)
    return SequenceView(model, batch, vectors, model.encoded(items[:, :-1], vectors), following != ITEMS, following)


def test_texts_of_histories_are_means_that_forget() -> None:
    rows, cuts = training_rows(RING, 6), np.array([1 + n % 3 for n in range(60)])
    found = prefix_texts(rows, cuts, unit_texts(texts()))
    plain = unit(texts().matrix)
    for row in (0, 1, 2, 17):
        parts = [
            RECENCY ** (cuts[row] - 1 - place) * plain[item]
            for place, item in enumerate(rows[row][: cuts[row]])
            if item != WITHOUT_TEXT
        ]
        assert found[row] == pytest.approx(unit(np.sum(parts, axis=0)) if parts else np.zeros(6), abs=1e-5)
    alone = prefix_texts([np.array([WITHOUT_TEXT, 1], dtype=np.int32)], np.array([1]), unit_texts(texts()))
    assert not alone.any()


@pytest.mark.parametrize("block", [1, 40, 1 << 24])
def test_the_search_by_blocks_is_that_by_brute_force(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vectors.text_neighbours.BLOCK_PRODUCTS", block)
    draw = np.random.default_rng(1)
    pool = unit(draw.normal(size=(30, 4))).astype(np.float32)
    pool[7] = 0.0
    asked = np.concatenate([pool[:12], unit(draw.normal(size=(3, 4))).astype(np.float32)])
    own = np.array([*range(12), NONE, NONE, 4])
    found = nearest_texts(asked, pool, own, 5)
    for row, mine in enumerate(own):
        cosines = pool @ asked[row]
        cosines[[7, *([mine] if mine != NONE else [])]] = -np.inf
        expected = np.argsort(-cosines, kind="stable")[:5] if asked[row].any() else np.full(5, NONE)
        assert found[row].tolist() == expected.tolist()


def test_fewer_than_were_asked_for() -> None:
    pool = np.eye(3, dtype=np.float32)
    assert nearest_texts(pool, pool, np.arange(3), 4)[0].tolist()[2:] == [NONE, NONE]
    nobody = nearest_texts(pool, np.zeros((2, 3), dtype=np.float32), np.full(3, NONE), 4)
    assert (nobody == NONE).all()


@pytest.mark.parametrize("kind", ["text", "random"])
def test_nobody_is_near_himself(kind: str) -> None:
    """Neither a row to itself, in whatever pass, nor an item."""
    module = contrast(replace(SMALL, contrast_neighbours=kind))
    for epoch in (1, 2):
        near = module.neighbours(epoch)
        assert near.shape == (60, 3) and (near != np.arange(60)[:, None]).all()
    like = module.like_items
    assert (like[:-1] != np.arange(ITEMS)[:, None]).all() and (like[-1] == NONE).all()
    if kind == "text":
        assert (like[WITHOUT_TEXT] == NONE).all() and not (like == WITHOUT_TEXT).any()


def test_neighbours_are_those_of_the_pass_before() -> None:
    module = contrast()
    before, now = module.cuts(1).prefix_texts, module.cuts(2).prefix_texts
    cosines = now @ before.T
    np.fill_diagonal(cosines, -np.inf)
    asked = now.any(axis=1)
    assert asked.sum() > 50
    chosen = np.take_along_axis(cosines, np.maximum(module.neighbours(2), 0), axis=1)[asked]
    assert chosen == pytest.approx(-np.sort(-cosines, axis=1)[asked, :3], abs=1e-6)


def test_of_many_histories_a_part_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vectors.sasrec_contrast.POOL", 10)
    near = contrast().neighbours(1)
    assert len(np.unique(near[near != NONE])) <= 10 and (near != np.arange(60)[:, None]).all()


def test_items_without_a_text_and_padding_stay() -> None:
    module = contrast(replace(SMALL, replace=1.0))
    items = torch.tensor([[0, WITHOUT_TEXT, 3, ITEMS]])
    found = module.exchanged(items, np.random.default_rng(0))
    assert found[0, 1] == WITHOUT_TEXT and found[0, 3] == ITEMS
    assert found[0, 0] in module.like_items[0] and found[0, 2] in module.like_items[3]
    drawn = torch.randint(0, ITEMS, (200, 6), generator=torch.Generator().manual_seed(0))
    some = contrast(replace(SMALL, replace=0.2)).exchanged(drawn, np.random.default_rng(0))
    assert float((some != drawn).float().mean()) == pytest.approx(0.2 * (ITEMS - 1) / ITEMS, abs=0.03)


def test_copies_without_any_chance_are_equal() -> None:
    settings = replace(SMALL, replace=0.0, dropout=0.0)
    module = contrast(settings)
    model = SasRec(ITEMS, settings).train()
    seen = view(module, model, np.arange(8), 0)
    one, other = module._copies(seen, torch.from_numpy(module.cuts(0).cuts[:8]))
    assert torch.equal(one, other)
    # They are the states of the histories themselves.
    cuts = module.cuts(0).cuts[:8]
    plain = torch.nn.functional.normalize(seen.states[torch.arange(8), torch.from_numpy(cuts) - 1], dim=1)
    assert torch.allclose(one, plain, atol=1e-5)


def test_weights_of_neighbours_add_up_to_one() -> None:
    module = contrast()
    draw = torch.Generator().manual_seed(0)
    asked, near = torch.randn(5, 6, generator=draw), torch.randn(5, 3, 6, generator=draw)
    there = torch.tensor([[True, True, True]] * 4 + [[True, False, False]])
    found = module.attention(asked, near, there)
    assert torch.allclose(found.sum(dim=1), torch.ones(5)) and found[4].tolist() == [1.0, 0.0, 0.0]
    # The order of neighbours is not the same for every query, as it is where a pair is scored by one linear map.
    orders = {
        tuple(module.attention(10 * asked[[n]], 10 * near[[0]], there[:1])[0].argsort().tolist()) for n in range(5)
    }
    assert len(orders) > 1


def test_the_loss_against_its_formula() -> None:
    draw = np.random.default_rng(3)
    one, other = unit(draw.normal(size=(4, 5))), unit(draw.normal(size=(4, 5)))
    targets = np.array([0, 1, 0, 2])
    both, asked = np.concatenate([one, other]), np.concatenate([targets, targets])
    losses = []
    for row in range(8):
        partner = (row + 4) % 8
        others = [n for n in range(8) if n != row and (n == partner or asked[n] != asked[row])]
        logits = both[others] @ both[row] / TEMPERATURE
        losses.append(np.log(np.exp(logits).sum()) - logits[others.index(partner)])
    found = pair_loss(torch.from_numpy(one), torch.from_numpy(other), torch.from_numpy(targets))
    assert float(found) == pytest.approx(np.mean(losses), abs=1e-5)
    assert float(pair_loss(torch.zeros(0, 5), torch.zeros(0, 5), torch.zeros(0))) == 0.0


def test_the_first_pass_has_no_neighbours_and_the_next_looks_back() -> None:
    module = contrast(replace(SMALL, contrast_items=0.0))
    model = SasRec(ITEMS, SMALL).eval()
    every = np.arange(60)
    loss, figures = module(view(module, model, every, 0))
    assert loss.item() == 0.0 and figures == {"contrast_users": 0.0}
    kept = module.now.clone()
    loss, figures = module(view(module, model, every, 1))
    assert loss.item() == pytest.approx(0.1 * figures["contrast_users"]) and loss.item() > 0
    assert torch.equal(module.before, kept)
    cuts = torch.from_numpy(module.cuts(1).cuts)
    states = view(module, model, every, 1).states[torch.arange(60), cuts - 1]
    assert torch.allclose(module.now, torch.nn.functional.normalize(states, dim=1), atol=1e-5)


def test_without_a_weight_nothing_changes(tmp_path: Path) -> None:
    """Whatever else is set."""
    off = replace(SMALL, contrast_users=0.0, contrast_items=0.0)
    plain = fit_sasrec(RING, ITEMS, replace(off, neighbours=7), 0, False, NullReporter(), tmp_path / "plain")
    assert weights(fit(tmp_path / "off", off)) == weights(plain)
    assert weights(fit(tmp_path / "on")) != weights(plain)


def test_without_a_weight_no_fingerprint_changes(world: Path) -> None:
    def recipes(*sets: str) -> dict[str, dict[str, Any]]:
        return recipes_of(Project.load(world, ["vectors.align=none", *sets]))

    plain = recipes()
    off = ["sasrec.contrast_neighbours=random", "sasrec.neighbours=3", "sasrec.replace=0.5"]
    assert recipes(*off) == plain
    assert not {"contrast_users", "neighbours", "replace"} & set(plain["sasrec"]["settings"])
    on = recipes("sasrec.contrast_users=0.1")
    assert set(on["sasrec"]["inputs"]) == {"data", "semantic"} and on["sasrec"] != plain["sasrec"]
    assert on["semantic"] == plain["semantic"]
    other = recipes("sasrec.contrast_users=0.1", "sasrec.contrast_neighbours=self")
    assert set(other["sasrec"]["inputs"]) == {"data"}


@pytest.mark.parametrize("kind", ["text", "random", "self"])
def test_an_interrupted_fit_ends_with_the_same_weights(kind: str, tmp_path: Path) -> None:
    """Inside the second pass, where states of the first are looked back at."""
    settings = replace(SMALL, contrast_neighbours=kind, epochs=3)
    whole = weights(fit(tmp_path / "whole", settings))
    with pytest.raises(StopRequested):
        fit(tmp_path / "halves", settings, StopAfter(6))
    torch.manual_seed(99)
    assert weights(fit(tmp_path / "halves", settings)) == whole


def test_kinds_of_neighbours_give_other_models(tmp_path: Path) -> None:
    found = {
        weights(fit(tmp_path / kind, replace(SMALL, contrast_neighbours=kind))) for kind in ("text", "random", "self")
    }
    assert len(found) == 3


@pytest.mark.parametrize(
    "train", [sequences([0, 1]), sequences([0, 1], [0, 1], [2, 3, 2]), sequences([5, 5, 5], [5, 5])]
)
@pytest.mark.parametrize("kind", ["text", "random", "self"])
def test_logs_with_little_in_them(train: Sequences, kind: str, tmp_path: Path) -> None:
    """One row, rows with the same next items, histories without a text."""
    model = fit(tmp_path, replace(SMALL, contrast_neighbours=kind), train=train)
    assert all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values())


def test_a_project_without_texts_is_refused(world: Path) -> None:
    sets = ["sasrec.contrast_users=0.1", "vectors.semantic=none", "tune.distill=0"]
    with pytest.raises(ProjectError, match="needs text vectors"):
        recipes_of(Project.load(world, sets))
    assert recipes_of(Project.load(world, [*sets, "sasrec.contrast_neighbours=random"]))


@pytest.mark.parametrize("sets", [["sasrec.contrast_users=0.1"], ["vectors.align=contrast"]])
def test_a_sample_of_the_catalogue_is_refused_beside_it(world: Path, sets: list[str]) -> None:
    with pytest.raises(ProjectError, match=r"sasrec\.negatives"):
        recipes_of(Project.load(world, [*sets, "sasrec.negatives=8"]))
    # Where the model that reads text is the only one of its kind, too.
    alone = ["vectors.behavior=none", "tune.distill=0", "evaluate.baselines=sasrec-text", "recommend.fusion=[]"]
    if sets[0].startswith("sasrec"):
        with pytest.raises(ProjectError, match=r"sasrec\.negatives"):
            recipes_of(Project.load(world, [*sets, *alone, "sasrec.negatives=8"]))


def test_from_the_project_to_both_models_and_no_leak(tmp_path: Path) -> None:
    """SASRec and its sibling that reads text learn with it; no held-out target reaches either."""
    sets = ["sasrec.contrast_users=0.1", "sasrec.contrast_items=0.1", "sasrec.neighbours=3", "sasrec.epochs=2"]
    log = walks()
    one = write_world(tmp_path / "one", log)
    two = write_world(tmp_path / "two", swapped(log, 2))
    made = up_to("teacher", one, *sets)
    again = up_to("teacher", two, *sets)
    for stage in ("sasrec", "teacher"):
        model, other = made[stage] / "sasrec.safetensors", again[stage] / "sasrec.safetensors"
        assert model != other and model.read_bytes() == other.read_bytes()
        assert stages_of(Project.load(one))[stage] != made[stage]


def test_the_estimate_knows_the_size_of_the_work(world: Path) -> None:
    def seconds(*sets: str) -> float:
        told = estimate(Project.load(world, [*sets]), MachineSpeed(100.0, 2)).stages
        work = {stage.name: stage.work for stage in told}["sasrec"]
        assert work is not None
        return work.seconds(MachineSpeed(100.0, 2))

    plain, users = seconds(), seconds("sasrec.contrast_users=0.1")
    assert plain < users < seconds("sasrec.contrast_users=0.1", "sasrec.contrast_items=0.1")
