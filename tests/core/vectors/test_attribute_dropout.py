"""Text vectors by attribute dropout, after LLMEmb: views, their loss, the network on terms, adapters of a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from core.assets import assets_path
from core.data.dataset import Dataset
from core.data.items import field_texts
from core.errors import DataError, EnvironmentFault, ProjectError, StopRequested
from core.index.revisions.add import add_items
from core.jobs.machine_needs import check_machine
from core.jobs.work import train_run
from core.pipeline import plan, recipes_of, run_stages
from core.project import Project
from core.recommend.steering.text_space import TextSpace
from core.registry import TEXT_VECTORS
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.vectors import ItemVectors
from core.vectors.adapted_encoder import worded
from core.vectors.attribute_dropout import (
    FieldViews,
    contrast_of_views,
    fit_contrastive,
    item_batches,
    kept_columns,
    text_ids_of,
)
from core.vectors.column_encoder import FieldEncoder
from core.vectors.sasrec_model import SasRec, fit_sasrec
from core.vectors.stage import text_model, vector_task
from core.vectors.text.contrastive import ContrastiveOptions
from core.vectors.text_encoder import encoder_vectors
from tests.core.engine_tools import StopAfter, sequences, stages_of
from tests.core.vectors.test_text_vectors import encoder

SHORT = ContrastiveOptions(epochs=3, batch=16)
KINDS, COLOURS, PLACES = ("soap", "drill", "lamp", "chair"), ("pink", "blue", "black"), ("bath", "cellar", "garden")
SHELF = [(kind, colour, place) for kind in KINDS for colour in COLOURS for place in PLACES]
COLUMNS = {
    "name": [f"{colour} {kind}" for kind, colour, _ in SHELF] + ["", "pink soap"],
    "use": [f"for the {place}" for _, _, place in SHELF] + ["", "for the bath"],
    "group": [kind for kind, _, _ in SHELF] + ["", "soap"],
}
WHOLE = [". ".join(filter(None, row)) for row in zip(*COLUMNS.values(), strict=True)]
"""36 things, one without a text, and a twin of the first."""


def fitted(
    folder: Path, settings: ContrastiveOptions = SHORT, stop: int = 0, seed: int = 0
) -> tuple[FieldEncoder, ItemVectors]:
    reporter = StopAfter(stop) if stop else NullReporter()
    return fit_contrastive(COLUMNS, WHOLE, settings, 16, seed, reporter, folder)


def test_a_view_leaves_out_a_share_of_the_columns_and_never_all() -> None:
    there = np.random.default_rng(0).random((4000, 5)) < 0.7
    there[:2] = [[False] * 5, [False, True, False, False, False]]
    kept = kept_columns(there, 0.4, np.random.default_rng(1))
    count = there.sum(axis=1)
    assert not (kept & ~there).any()
    expected = {0: 0, 1: 1, 2: 1, 3: 2, 4: 3, 5: 3}  # int(0.4 n) go, as in the released code; of two, one
    assert all((kept.sum(axis=1)[count == n] == left).all() for n, left in expected.items())
    whole = kept[count == 5].mean(axis=0)
    assert whole == pytest.approx(np.full(5, 0.6), abs=0.05)  # each column as often as any other
    assert np.array_equal(kept_columns(there, 0.0, np.random.default_rng(1)), there)


def test_the_views_of_an_epoch_are_the_same_whenever_they_are_drawn(tmp_path: Path) -> None:
    found, _ = fitted(tmp_path, replace(SHORT, epochs=1))
    weights, parts = found.weights(COLUMNS), item_batches(np.arange(36), 16, (0, 1))
    views = FieldViews(text_ids_of(WHOLE), parts, SHORT, (0, 1), weights, found.column_of)
    assert [len(part) for part in parts] == [12] * 3
    once, twice = views[1], views[1]
    assert all(torch.equal(a, b) for a, b in zip(once.first, twice.first, strict=True))
    assert not torch.equal(once.first.terms, once.second.terms)
    # A term stands in a view only beside the mark of its column.
    ends = torch.cat([once.first.offsets[1:], torch.tensor([len(once.first.terms)])])
    marks = weights.shape[1] - len(COLUMNS)
    for begin, end in zip(once.first.offsets, ends, strict=True):
        terms = once.first.terms[begin:end].numpy()
        columns = set(terms[terms >= marks] - marks)
        assert set(found.column_of[terms]) == columns and len(columns) == 2


def test_the_loss_is_that_of_finding_ones_other_view_both_ways() -> None:
    draw = np.random.default_rng(0)
    first, second = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in draw.normal(size=(2, 5, 8)))
    text_ids = np.array([0, 1, 2, 1, 3])  # the second and the fourth are no negatives of each other
    logits = first @ second.T / 0.07
    terms = []
    for one in (logits, logits.T):
        for row in range(5):
            others = [other for other in range(5) if other == row or text_ids[other] != text_ids[row]]
            terms.append(np.log(np.exp(one[row, others]).sum()) - one[row, row])
    loss, _ = contrast_of_views(torch.from_numpy(first), torch.from_numpy(second), torch.from_numpy(text_ids), 0.07)
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-4)


def test_where_nothing_is_left_out_the_loss_is_near_its_floor(tmp_path: Path) -> None:
    """The order of columns is nothing to a sum of terms: both views are the same, only near texts can be confused."""

    class Last(NullReporter):
        def metric(self, step: int, values: dict[str, float]) -> None:  # type: ignore[override]
            self.values = {**getattr(self, "values", {}), **values}

    losses = {}
    for drop in (0.0, 0.4):
        reporter = Last()
        some = ContrastiveOptions(drop=drop, term_drop=0.0, epochs=60, temperature=0.05)
        fit_contrastive(COLUMNS, WHOLE, some, 16, 0, reporter, tmp_path / str(drop))
        losses[drop] = reporter.values["epoch_text_contrast"]
    assert losses[0.0] < 0.01 < 20 * losses[0.0] < losses[0.4]


def test_an_item_without_a_text_has_no_vector_and_twins_have_one(tmp_path: Path) -> None:
    _, found = fitted(tmp_path)
    assert found.source == "contrastive" and found.known.tolist() == [True] * 36 + [False, True]
    assert found.matrix.shape == (38, 16) and found.matrix.dtype == np.float32
    assert np.linalg.norm(found.matrix[found.known], axis=1) == pytest.approx(np.ones(37), abs=1e-5)
    assert found.matrix[36] == pytest.approx(found.matrix[found.known].mean(axis=0), abs=1e-6)
    assert found.matrix[37].tolist() == found.matrix[0].tolist()


def test_the_other_view_of_an_item_of_the_sample_is_nearer_than_any_other_item(tmp_path: Path) -> None:
    """Of 95 of 100, where the views share a column that tells books apart: genre and author alone do not."""
    books = pl.read_parquet(assets_path() / "sample" / "items.parquet").head(300).with_columns(text=pl.lit("x"))
    texts = field_texts(books, ("title", "author", "series", "genre", "blurb"))
    whole = [". ".join(filter(None, row)) for row in zip(*texts.values(), strict=True)]
    options = ContrastiveOptions(epochs=100, temperature=0.07, learning_rate=1e-2)
    found, vectors = fit_contrastive(texts, whole, options, 128, 0, NullReporter(), tmp_path)
    everything, text_ids = [np.arange(len(whole))], text_ids_of(whole)
    batch = FieldViews(text_ids, everything, options, (9, 0), found.weights(texts), found.column_of)[0]
    with torch.no_grad():
        first, second = (found.network(bags).numpy() for bags in (batch.first, batch.second))
    others = first @ vectors.matrix.T
    np.fill_diagonal(others, -np.inf)
    marks = found.weights(texts).shape[1] - len(texts)
    shared = np.zeros((2, len(whole), len(texts)), dtype=bool)
    for view, bags in enumerate((batch.first, batch.second)):
        item = np.repeat(np.arange(len(whole)), np.diff(np.append(bags.offsets, len(bags.terms))))
        mark = bags.terms.numpy() >= marks
        shared[view, item[mark], bags.terms.numpy()[mark] - marks] = True
    telling = shared.all(axis=0)[:, [0, 4]].any(axis=1)  # title or blurb
    nearer = (first * second).sum(axis=1) > others.max(axis=1)
    assert telling.mean() > 0.6 and nearer[telling].mean() >= 0.95


def test_the_same_seed_gives_the_same_vectors_and_stopping_changes_nothing(tmp_path: Path) -> None:
    _, whole = fitted(tmp_path / "whole")
    assert fitted(tmp_path / "again")[1].matrix.tobytes() == whole.matrix.tobytes()
    assert fitted(tmp_path / "other", seed=1)[1].matrix.tobytes() != whole.matrix.tobytes()
    for place in (1, 4, 8):
        with pytest.raises(StopRequested):
            fitted(tmp_path / f"stop{place}", stop=place)
        assert fitted(tmp_path / f"stop{place}")[1].matrix.tobytes() == whole.matrix.tobytes()


def test_what_was_kept_reads_items_and_sentences(tmp_path: Path) -> None:
    found, vectors = fitted(tmp_path, replace(SHORT, epochs=20))
    found.save(tmp_path / "encoder.safetensors")
    again = FieldEncoder.load(tmp_path / "encoder.safetensors")
    read = again.encode(COLUMNS)
    assert read.known.tolist() == vectors.known.tolist()
    assert read.matrix[read.known] == pytest.approx(vectors.matrix[vectors.known], abs=1e-5)
    sentence = again.encode({name: ["a drill", "zebra"] for name in COLUMNS})
    assert sentence.known.tolist() == [True, False]
    assert SHELF[int((vectors.matrix[:36] @ sentence.matrix[0]).argmax())][0] == "drill"
    (tmp_path / "encoder.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"encoder\.safetensors"):
        FieldEncoder.load(tmp_path / "encoder.safetensors")


ODD = ([["", ""], ["", ""]], [["a"], ["b"]], [["same"] * 5] * 2, [["的", "書"], ["茶", ""]])


@pytest.mark.parametrize("columns", ODD)
def test_odd_catalogues_are_borne(columns: list[list[str]], tmp_path: Path) -> None:
    texts = dict(zip("ab", columns, strict=True))
    whole = [". ".join(filter(None, row)) for row in zip(*columns, strict=True)]
    _, found = fit_contrastive(texts, whole, SHORT, 8, 0, NullReporter(), tmp_path)
    assert np.isfinite(found.matrix).all() and found.known.tolist() == [bool(text) for text in whole]


def test_the_columns_of_an_item_are_those_that_became_its_text() -> None:
    items = pl.DataFrame(
        {"item_id": ["1", "2"], "title": ["Tea & cake.", "2"], "text": ["", ""],
         "colour": [["small", "blue"], None], "number": [1, 2]}
    )  # fmt: skip
    whole = items.with_columns(text=pl.Series(["Tea & cake. small, blue. Whole words", "Odd"]))
    assert field_texts(whole, ("title", "colour", "text")) == {
        "title": ["Tea & cake", ""], "colour": ["small, blue", ""], "text": ["Whole words", "Odd"]
    }  # fmt: skip
    assert field_texts(items.drop("colour"), ("title", "colour")) == {}


ON = ["vectors.semantic=contrastive", "vectors.contrastive.epochs=2", "run.goal=index"]


def test_a_project_learns_them_and_reads_new_items_and_sentences(world: Path, tmp_path: Path) -> None:
    project = Project.load(world, ON)
    run = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
    assert train_run(run) == 0
    made = stages_of(project)
    vectors = ItemVectors.load(made["semantic"] / "vectors.npz")
    assert vectors.source == "contrastive" and vectors.matrix.shape == (60, 8)
    space = TextSpace.of(project, Dataset.load(made["data"]), made)
    assert space is not None and space.encode(["amber", "zebra"])[1].tolist() == [True, False]
    items = pl.read_parquet(world.parent / "items.parquet")
    twin = items.filter(pl.col("item_id") == "i20").with_columns(item_id=pl.lit("new"))
    twin.write_parquet(tmp_path / "new.parquet")
    added = add_items(run, tmp_path / "new.parquet").items.row(0, named=True)
    assert added["cosines"][0] == pytest.approx(1.0, abs=1e-5)  # its columns are read as they were
    nearest = pl.read_parquet(made["data"] / "items.parquet")["title"][added["like"][0]]
    assert nearest.split()[1] == items["title"][20].split()[1]


def test_only_its_own_stages_depend_on_its_settings(world: Path) -> None:
    off, on = (recipes_of(Project.load(world, sets)) for sets in ([], ["vectors.contrastive.drop=0.1"]))
    assert on == off
    alone = [*ON, "vectors.align=none"]  # else models that follow the texts change with them
    some, other = (plan(Project.load(world, [*alone, *sets])) for sets in ([], ["vectors.contrastive.drop=0.1"]))
    pairs = zip(some, other, strict=True)
    assert {one.name for one, two in pairs if one.fingerprint != two.fingerprint} == {"semantic", "index"}


def test_with_one_column_there_is_nothing_to_leave_out(world: Path) -> None:
    with pytest.raises(ProjectError, match="only 'title'") as refused:
        run_stages(Project.load(world, [*ON, 'data.text=["title"]']), NullReporter())
    assert "lsa" in refused.value.remedy


def test_adapters_of_a_language_model_learn_the_same_way(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = Path(encoder(world.parent / "encoder", "bert"))
    before = {file.name: file.read_bytes() for file in model.iterdir()}
    sets = [*ON, "vectors.contrastive.encoder=encoder", "vectors.contrastive.batch=20", "run.goal=index"]
    project = Project.load(world, sets)
    assert text_model(project) == "encoder" and "files" in recipes_of(project)["semantic"]["settings"]
    check_machine(project)
    run_stages(project, NullReporter())
    made = stages_of(project)
    vectors = ItemVectors.load(made["semantic"] / "vectors.npz")
    assert vectors.matrix.shape == (60, 16) and vectors.known.all()
    assert {file.name: file.read_bytes() for file in model.iterdir()} == before  # the model itself stays as it was

    # What was kept reads the same texts to the same vectors, and they are not those of the model without adapters.
    provider, dataset = TEXT_VECTORS.get("contrastive"), Dataset.load(made["data"])
    task = replace(vector_task(project, TEXT_VECTORS, dataset, {}, made["semantic"], NullReporter()))
    assert provider().encode(task).matrix == pytest.approx(vectors.matrix, abs=1e-5)
    plain = encoder_vectors([worded(dict(zip(task.field_texts, row, strict=True)))
                             for row in zip(*task.field_texts.values(), strict=True)],
                            str(model), "fp32", "cpu", NullReporter())  # fmt: skip
    assert np.abs(plain.matrix - vectors.matrix).max() > 1e-3

    for stop in (2, 5):  # steps, and texts read at the end
        folder = world.parent / f"stop{stop}"
        folder.mkdir()
        with pytest.raises(StopRequested):
            provider().vectors(replace(task, folder=folder, reporter=StopAfter(stop)))
        assert np.array_equal(provider().vectors(replace(task, folder=folder)).matrix, vectors.matrix)

    with pytest.raises(EnvironmentFault, match="nowhere"):
        check_machine(Project.load(world, [*sets, "vectors.contrastive.encoder=./nowhere"]))
    (made["semantic"] / "encoder.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"encoder\.safetensors"):
        provider().encode(task)


def test_a_sasrec_of_text_alone_has_no_row_of_an_item(world: Path) -> None:
    sets = ["vectors.semantic=lsa", "sasrec.epochs=1", 'evaluate.baselines=["sasrec-text"]']
    both, only = (Project.load(world, [*sets, f"sasrec.features={kind}"]) for kind in ("with-id", "only"))
    changed = {name for name, one in recipes_of(only).items() if one != recipes_of(both)[name]}
    assert "teacher" in changed and not changed & {"data", "semantic", "sasrec", "behavior", "index"}
    features = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    features[3] = features[7]
    model = SasRec(12, replace(only.sasrec, hidden_size=8, heads=1), features)
    assert "items.weight" not in model.state_dict()
    vectors = model.item_vectors()
    assert torch.equal(vectors[3], vectors[7])  # all that is known of an item is its text
    lists = sequences(*[[n % 12, (n + 1) % 12, (n + 2) % 12, (n + 3) % 12] for n in range(30)])
    settings = replace(only.sasrec, hidden_size=8, heads=1, epochs=2)
    trained = fit_sasrec(lists, 12, settings, 0, False, NullReporter(), world.parent / "fit", features=features)
    trained.save(world.parent / "model.safetensors")
    again = SasRec.load(world.parent / "model.safetensors", 12, settings)
    assert np.isfinite(again.score(lists)).all() and np.array_equal(again.score(lists), trained.score(lists))
