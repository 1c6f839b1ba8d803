"""Behaviour vectors that follow the text: RLMRec's two alignments, in LightGCN and in SASRec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.cost import MachineSpeed
from core.errors import DataError, ProjectError, StopRequested
from core.estimate import estimate
from core.index.revisions.add import add_items
from core.index.revisions.embed_new import projected, spaces_of, text_vectors
from core.index.revisions.free_codes import Places
from core.index.table import ItemIndex
from core.pipeline import plan, recipes_of
from core.project import Project
from core.registry import ALIGNMENTS
from core.run.folder import RunFolder
from core.run.reporter import NullReporter
from core.settings import SasrecSettings
from core.vectors import ItemVectors
from core.vectors.align import ITEMS, NODES, USERS, Aligning, Alignment, NodeTexts
from core.vectors.align.contrast import ContrastAlignment
from core.vectors.align.disentangled import DisentangledAlignment
from core.vectors.align.generate import GenerateAlignment
from core.vectors.align_model import ContrastAligner, GenerateAligner, SasrecAlignment
from core.vectors.lightgcn_model import AlignedBatch, AlignedLightGcn, LightGcn, lightgcn_vectors
from core.vectors.sasrec_model import SasRec, SequenceView, fit_sasrec
from core.vectors.sequence_model import SequenceBatch, padded
from core.vectors.text_projection import FILE, TextProjection
from tests.core.engine_tools import StopAfter, sequences, stages_of, up_to, walks, write_world
from tests.core.index.revisions.test_add import table
from tests.core.test_pipeline_leaks import swapped

COUNT, DIM = 24, 10
LISTS = [[8 * (user % 3) + (user * 5 + step) % 8 for step in range(5)] for user in range(60)]
TRAIN = sequences(*LISTS)
METHODS = (ContrastAlignment, GenerateAlignment, DisentangledAlignment)
SMALL = SasrecSettings(hidden_size=16, layers=1, heads=2, dropout=0.2, batch_users=16, epochs=3, max_history=6)
SILENT = 5


def texts(shuffled_by: int | None = None) -> NodeTexts:
    """Of one item there is none."""
    rows = np.random.default_rng(0).normal(size=(COUNT, DIM))
    return NodeTexts.of_items(ItemVectors.of(rows, np.arange(COUNT) != SILENT, "drawn"), shuffled_by)


def aligning(method: type[Alignment], weight: float = 0.1) -> Aligning:
    return Aligning(method(), weight, texts(), 0)


def graph(folder: Path, with_texts: Aligning | None, stop: int = 0) -> bytes:
    reporter = StopAfter(stop) if stop else NullReporter()
    return lightgcn_vectors(TRAIN, COUNT, 8, 0, reporter, folder, with_texts).matrix.tobytes()


def sequential(folder: Path, with_texts: Aligning | None, stop: int = 0) -> bytes:
    reporter = StopAfter(stop) if stop else NullReporter()
    further = [SasrecAlignment(with_texts, SMALL.hidden_size)] if with_texts else []
    model = fit_sasrec(TRAIN, COUNT, SMALL, 0, False, reporter, folder, further=further)
    return b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())


def formula(queries: np.ndarray, keys: np.ndarray, own: list[int], temperature: float) -> float:
    """InfoNCE written out: each query against every key once."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, keys)]
    logits = unit[0] @ unit[1].T / temperature
    return float(np.mean([np.log(np.exp(row).sum()) - row[n] for row, n in zip(logits, own, strict=True)]))


@pytest.mark.parametrize("kind", [ContrastAligner, GenerateAligner])
def test_a_node_that_comes_twice_is_not_its_own_negative(kind: type[ContrastAligner] | type[GenerateAligner]) -> None:
    torch.manual_seed(0)
    module = kind({ITEMS: texts()}, 8, 0.2)
    vectors, numbers = torch.randn(5, 8), torch.tensor([3, 7, 3, 0, 7])
    loss, figures = module(ITEMS, vectors, numbers)
    queries, keys = (some.detach().numpy() for some in module.compared(vectors, module.texts(ITEMS, numbers.unique())))
    assert loss.item() == pytest.approx(formula(queries, keys, [1, 2, 1, 0, 2], 0.2), abs=1e-5)
    assert set(figures) == {"own_text_first_items"} and 0 <= figures["own_text_first_items"] <= 1


def test_nodes_with_the_same_text_are_no_negatives() -> None:
    torch.manual_seed(0)
    rows = np.random.default_rng(1).normal(size=(4, DIM))
    rows[2] = rows[1]
    module = ContrastAligner({ITEMS: NodeTexts.of_items(ItemVectors.of(rows, np.ones(4, bool), "drawn"))}, 8, 0.2)
    vectors = torch.randn(4, 8)
    whole, _ = module(ITEMS, vectors, torch.arange(4))
    queries, keys = (some.detach().numpy() for some in module.compared(vectors, module.texts(ITEMS, torch.arange(4))))
    expected = [
        formula(queries[[n]], keys[[m for m in range(4) if m == n or {n, m} != {1, 2}]], [place], 0.2)
        for n, place in ((0, 0), (1, 1), (2, 1), (3, 3))
    ]
    assert whole.item() == pytest.approx(np.mean(expected), abs=1e-5)


def test_the_control_deals_out_the_same_texts() -> None:
    plain, shuffled = texts(), texts(shuffled_by=3)
    assert shuffled.known.tolist() == plain.known.tolist() and not shuffled.matrix[SILENT].any()
    assert sorted(map(tuple, shuffled.matrix.tolist())) == sorted(map(tuple, plain.matrix.tolist()))
    assert (shuffled.matrix != plain.matrix).any(axis=1).mean() > 0.7
    assert np.array_equal(shuffled.matrix, texts(shuffled_by=3).matrix)


def test_texts_of_users_are_means_of_what_they_took() -> None:
    found = texts().of_users(sequences([0, 1, SILENT], [SILENT], [], [2, 2]))
    assert found.known.tolist() == [True, False, False, True]
    mean = texts().matrix[0] + texts().matrix[1]
    assert found.matrix[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    assert found.matrix[3] == pytest.approx(texts().matrix[2], abs=1e-5) and not found.matrix[1:3].any()


@pytest.mark.parametrize("method", METHODS)
def test_nodes_without_a_text_are_never_drawn(method: type[Alignment]) -> None:
    known = np.arange(2000) % 2 == 0
    found = method().draw(np.arange(0, 2000, 1), known, np.random.default_rng(0))
    assert known[found].all() and len(np.unique(found)) == len(found) <= max(NODES, 1024)
    if method is ContrastAlignment:
        assert method().draw(np.array([1, 2, 4]), known, np.random.default_rng(0)).tolist() == [2, 4]


def test_what_is_rebuilt_asks_its_neighbourhood_alone() -> None:
    """In one of two graphs that never meet: the other one, and the hidden vector itself, get no gradient."""
    users, items = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 3, 4])
    torch.manual_seed(0)
    model = LightGcn(users, items, 3, COUNT, 8)
    with_texts = aligning(GenerateAlignment)
    module = AlignedLightGcn(model, with_texts, texts().of_users(sequences([0, 1], [1, 2], [3, 4])))
    batch = AlignedBatch(
        (torch.tensor([0]), torch.tensor([0]), torch.tensor([1])), torch.tensor([1, 2]), torch.tensor([])
    )
    hidden = batch.items
    start = model.items_and_users.index_copy(0, hidden, module.aligner.token.expand(2, -1))
    loss, _ = module.aligner(ITEMS, model.vectors(start)[0][hidden], hidden)
    (gradient,) = torch.autograd.grad(loss, model.items_and_users, retain_graph=True)
    (of_token,) = torch.autograd.grad(loss, module.aligner.token)
    reached = gradient.any(dim=1).nonzero()[:, 0].tolist()
    assert reached == [0, COUNT, COUNT + 1] and bool(of_token.any())  # item 0, users 0 and 1


def test_sasrec_rebuilds_the_next_items_text_from_the_state_before_it() -> None:
    torch.manual_seed(0)
    model = SasRec(COUNT, SMALL).eval()
    module = SasrecAlignment(aligning(GenerateAlignment), 16)
    items = padded([np.array([1, 2, SILENT, 3], np.int32), np.array([4, 2], np.int32)], COUNT)
    vectors, following = model.item_vectors(), items[:, 1:]
    states = model.encoded(items[:, :-1], vectors)
    batch = SequenceBatch(items, torch.arange(2), 0, 0)
    loss, figures = module(SequenceView(model, batch, vectors, states, following != COUNT, following))
    # The targets with a text: 2 after 1, 3 after the silent one, 2 after 4.
    asked = torch.stack([states[0, 0], states[0, 2], states[1, 0]])
    queries, keys = (
        some.detach().numpy()
        for some in module.aligner.compared(asked, module.aligner.texts(ITEMS, torch.tensor([2, 3])))
    )
    assert figures["align_loss"] == pytest.approx(formula(queries, keys, [0, 1, 0], 0.2), abs=1e-5)
    assert loss.item() == pytest.approx(0.1 * figures["align_loss"], abs=1e-6)


@pytest.mark.parametrize("fit", [graph, sequential])
@pytest.mark.parametrize("method", METHODS)
def test_an_interrupted_fit_ends_alike(
    fit: Callable[..., bytes], method: type[Alignment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vectors.lightgcn_model.EPOCHS", 6)
    whole = fit(tmp_path / "whole", aligning(method))
    with pytest.raises(StopRequested):
        fit(tmp_path / "halves", aligning(method), 5)
    torch.manual_seed(99)
    assert fit(tmp_path / "halves", aligning(method)) == whole


@pytest.mark.parametrize("fit", [graph, sequential])
def test_an_alignment_changes_the_vectors(
    fit: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.vectors.lightgcn_model.EPOCHS", 2)
    found = [fit(tmp_path / str(n), one) for n, one in enumerate((None, *(aligning(method) for method in METHODS)))]
    assert len(set(found)) == 4


def test_the_more_weight_the_nearer_are_texts(tmp_path: Path) -> None:
    def own_text_first(weight: float) -> float:
        folder = tmp_path / str(weight)
        found = lightgcn_vectors(TRAIN, COUNT, 8, 0, NullReporter(), folder, aligning(ContrastAlignment, weight)).matrix
        near = TextProjection.load(folder / FILE).project(texts().matrix) @ found.T
        return float(np.mean([near[n].argmax() == n for n in range(COUNT) if n != SILENT]))

    found = [own_text_first(weight) for weight in (0.001, 3.0)]
    assert found[0] < found[1] and found[1] > 0.5


def test_without_a_weight_no_artefact_changes(world: Path) -> None:
    """The fingerprints are the same, so the artefacts are the very same files; unused options do not matter."""
    for behavior in ("sasrec", "lightgcn", "ppmi-svd"):
        off = [f"vectors.behavior={behavior}", "vectors.align=none"]
        plain = recipes_of(Project.load(world, off))
        for sets in (["vectors.align_weight=0.5"], ["vectors.align=contrast", "vectors.align_weight=0"],
                     ["vectors.align_control=shuffled", "vectors.contrast.temperature=0.5"]):  # fmt: skip
            assert recipes_of(Project.load(world, [*off, *sets])) == plain
        assert "align" not in plain["sasrec"]["settings"] and "align" not in plain["behavior"]["settings"]


def test_an_alignment_belongs_to_the_stage_that_learns_the_vectors(world: Path) -> None:
    def changed(*sets: str) -> set[str]:
        plain = {one.name: one.fingerprint for one in plan(Project.load(world, [sets[0], "vectors.align=none"]))}
        return {one.name for one in plan(Project.load(world, sets)) if one.fingerprint != plain[one.name]}

    # Both SASRecs learn with it, the plain one and the one that reads text.
    assert {"sasrec", "teacher"} <= changed("vectors.behavior=sasrec", "vectors.align=contrast")
    of_graph = changed("vectors.behavior=lightgcn", "vectors.align=contrast")
    assert "behavior" in of_graph and not {"sasrec", "teacher", "semantic"} & of_graph
    one = ["vectors.behavior=lightgcn", "vectors.align=contrast"]
    for more in ("vectors.align_weight=0.1", "vectors.align_control=shuffled", "vectors.contrast.temperature=0.5"):
        prints = [recipes_of(Project.load(world, sets))["behavior"]["settings"] for sets in (one, [*one, more])]
        assert prints[0] != prints[1]
    inputs = recipes_of(Project.load(world, one))["behavior"]["inputs"]
    assert set(inputs) == {"data", "semantic"}


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        (["vectors.behavior=din"], "'din' cannot follow the text"),
        (["vectors.behavior=lightgcn", "vectors.semantic=none", "tune.distill=0"], "needs text vectors"),
        (["vectors.semantic=none", "tune.distill=0"], "needs text vectors"),
    ],
)
def test_what_cannot_be_is_refused(world: Path, sets: list[str], says: str) -> None:
    with pytest.raises(ProjectError, match=says):
        recipes_of(Project.load(world, ["vectors.align=contrast", *sets]))


QUICK = ["tune.distill=0", "sasrec.epochs=1"]


@pytest.mark.parametrize("behavior", ["sasrec", "lightgcn"])
def test_no_held_out_target_reaches_the_vectors(behavior: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.vectors.lightgcn_model.EPOCHS", 2)
    sets = [f"vectors.behavior={behavior}", "vectors.align=contrast", *QUICK]
    one, two = (write_world(tmp_path / folder, log) for folder, log in (("a", walks()), ("b", swapped(walks(), 2))))
    made, other = (up_to("behavior", file, *sets)["behavior"] for file in (one, two))
    assert made != other and (made / "vectors.npz").read_bytes() == (other / "vectors.npz").read_bytes()
    assert (made / FILE).read_bytes() == (other / FILE).read_bytes()


def test_the_sasrec_that_reads_text_is_aligned_too(world: Path) -> None:
    def teacher(*sets: str) -> bytes:
        made = up_to("teacher", world, "vectors.behavior=sasrec", "sasrec.epochs=1", *sets)["teacher"]
        return (made / "sasrec.safetensors").read_bytes()

    plain, aligned = "vectors.align=none", ("vectors.align=contrast", "vectors.align_weight=1.0")
    assert len({teacher(plain), teacher(*aligned), teacher(*aligned, "vectors.align_control=shuffled")}) == 3


@pytest.mark.parametrize("name", [name for name in ALIGNMENTS.names if name != "contrast"])
def test_from_the_project_to_the_vectors(name: str, world: Path) -> None:
    """Those that learn no projection leave none."""
    made = up_to("behavior", world, f"vectors.align={name}", *QUICK)["behavior"]
    assert ItemVectors.load(made / "vectors.npz").source == "sasrec" and not (made / FILE).exists()


def test_a_projection_on_disk_projects_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    projection = TextProjection(DIM, 8)
    projection.save(tmp_path / FILE)
    rows = np.random.default_rng(0).normal(size=(5, DIM)).astype(np.float32)
    found = TextProjection.load(tmp_path / FILE).project(rows)
    assert found.tobytes() == projection.project(rows).tobytes()
    assert found == pytest.approx(projection.project(3 * rows), abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    with pytest.raises(DataError, match="from 10 to 8 numbers, not 10 to 9"):
        projected(tmp_path / FILE, rows, 9)
    (tmp_path / FILE).write_bytes(b"broken")
    with pytest.raises(DataError, match="not a projection"):
        TextProjection.load(tmp_path / FILE)


def test_new_items_lie_where_the_projection_says(world: Path, tmp_path: Path) -> None:
    """`index add` on a run whose vectors followed the text, and on one whose did not."""
    from core.jobs.work import train_run

    runs = []
    for sets in ([], ["vectors.align=contrast", "vectors.align_weight=1.0"]):
        project = Project.load(world, ["run.goal=index", "vectors.behavior=lightgcn", *sets])
        run = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
        assert train_run(run) == 0, run.status().error
        runs.append(run)
    plain, aligned = runs
    file = table(tmp_path, [f"n{n}" for n in range(6)], ["amber", "dusk", "ember"])
    assert add_items(plain, file).figures["added"] == 6
    done = add_items(aligned, file)
    project = Project.load(aligned.project_path)
    made = stages_of(project)
    fresh = done.items.select("item_id", "title", "text")
    text = text_vectors(project, made["data"], made["semantic"], fresh, None, NullReporter())
    behavior = ItemVectors.load(made["behavior"] / "vectors.npz")
    spaces, vectors = spaces_of(text, behavior, made["behavior"] / FILE)
    expected = TextProjection.load(made["behavior"] / FILE).project(text.fresh.matrix)
    assert vectors["behavior"] == pytest.approx(spaces["behavior"].centred(expected), abs=1e-6)
    assert np.abs(vectors["behavior"] - spaces_of(text, behavior)[1]["behavior"]).max() > 1e-3
    places = Places(ItemIndex.load(made["index"] / "index.parquet"), np.zeros((0, 0), np.int32), spaces)
    codes = [list(places.take({name: rows[n] for name, rows in vectors.items()}) or ()) for n in range(6)]
    assert done.items["codes"].to_list() == codes


def test_options_have_their_tables(world: Path) -> None:
    project = Project.load(world, ["vectors.align=generate", "vectors.generate.mask=0.3"])
    text = project.to_toml()
    assert "[vectors.generate]" in text and "mask = 0.3" in text
    with pytest.raises(ProjectError, match="mask"):
        Project.load(world, ["vectors.generate.mask=1.3"])


def test_the_estimate_knows_of_it(world: Path) -> None:
    def seconds(*sets: str) -> float:
        told = estimate(Project.load(world, ["vectors.behavior=lightgcn", *sets]), MachineSpeed(100.0, 2)).stages
        return {stage.name: stage.seconds for stage in told}["behavior"] or 0.0

    assert 0 < seconds() < seconds("vectors.align=contrast")


def test_both_kinds_of_nodes_are_aligned() -> None:
    torch.manual_seed(0)
    owner = np.repeat(np.arange(60), 5)
    model = LightGcn(owner, TRAIN.items.astype(np.int64), 60, COUNT, 8)
    module = AlignedLightGcn(model, replace(aligning(ContrastAlignment), weight=0.5), texts().of_users(TRAIN))
    pairs = (torch.arange(5), torch.tensor([0, 1, 2, 3, 4]), torch.arange(COUNT))
    plain, _, count = model(pairs)
    total, figures, same = module(AlignedBatch(pairs, torch.arange(4), torch.arange(6)))
    assert total.item() == pytest.approx(plain.item() + 0.5 * figures["align_loss"], abs=1e-5) and count == same == 5
    assert {"own_text_first_items", "own_text_first_users"} < set(figures)
    parts = [module.aligner(kind, vectors[:n], torch.arange(n))[0].item()
             for kind, vectors, n in zip((ITEMS, USERS), model.vectors(), (4, 6), strict=True)]  # fmt: skip
    assert figures["align_loss"] == pytest.approx(sum(parts), abs=1e-5)
