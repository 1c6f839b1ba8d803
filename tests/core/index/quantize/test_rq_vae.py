"""The auto-encoder's codes: what is learnt, dead codes, early stop, resuming, and what guides LETTER and alignment."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from core.errors import DataError, StopRequested
from core.index.quantize import Matrix, Quantized, Task, quantize
from core.index.quantize.autoencoder import code_catalogue, learn
from core.index.quantize.guides import LetterGuide, reduced
from core.index.quantize.methods.aligned import AlignedOptions
from core.index.quantize.methods.letter import LetterOptions
from core.index.quantize.methods.rq_vae import RqVaeOptions
from core.index.quantize.network import Guide, Network
from core.index.quantize.residual import encode
from core.registry import QUANTIZERS
from core.run.reporter import NullReporter
from core.run.reporting import Wish
from core.settings import IndexSettings

SETTINGS = RqVaeOptions(layers=(32,), latent=6, epochs=40, batch_items=100, learning_rate=5e-3)
WIDTHS = (16, 16, 16)


def clusters(items: int = 600, dim: int = 20, seed: int = 0) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Centred vectors of items in twelve groups, and whose is whose."""
    rng = np.random.default_rng(seed)
    whose = rng.integers(12, size=items)
    vectors = 2 * rng.normal(size=(12, dim))[whose] + rng.normal(size=(items, dim))
    return (vectors - vectors.mean(axis=0)).astype(np.float32), whose


def hinted() -> tuple[Matrix, Matrix, npt.NDArray[np.int64]]:
    """Vectors that tell four kinds of items apart only faintly, another source that does so loudly, and the kinds."""
    rng = np.random.default_rng(3)
    vectors, kinds = clusters()[0].copy(), rng.integers(4, size=600)
    vectors[:, :4] = 0.7 * np.eye(4)[kinds]
    other = rng.normal(size=(4, 14))[kinds] + 0.2 * rng.normal(size=(600, 14))
    centred = [matrix - matrix.mean(axis=0) for matrix in (vectors, other)]
    return centred[0].astype(np.float32), centred[1].astype(np.float32), kinds


def task(method: str = "rq-vae", **changed: object) -> Task:
    vectors, kind = clusters()[0], QUANTIZERS.options(method)
    index, options, other = IndexSettings(method=method), kind() if kind else None, clusters(seed=7)[0]
    plain = Task(vectors, WIDTHS, 0, index, SETTINGS, NullReporter(), options, other)
    return replace(plain, **changed)  # type: ignore[arg-type]


@functools.cache
def plain() -> Quantized:
    """What comes of the plain task; nobody changes it."""
    return quantize(task())


@functools.cache
def unguided(epochs: int) -> npt.NDArray[np.int32]:
    """Codes of `hinted` vectors that follow nothing but them."""
    return quantize(task(vectors=hinted()[0], rq_vae=replace(SETTINGS, epochs=epochs))).codes


def same(first: Quantized, second: Quantized) -> bool:
    return np.array_equal(first.codes, second.codes) and all(
        np.array_equal(a, b) for a, b in zip(first.codebooks, second.codebooks, strict=True)
    )


@pytest.mark.parametrize("batch_norm", [False, True])
def test_codes_tell_what_the_vectors_are(batch_norm: bool) -> None:
    found = quantize(task(rq_vae=replace(SETTINGS, batch_norm=batch_norm)))
    assert found.figures["batch_norm"] is batch_norm
    assert found.figures["error"] < 0.5 and found.figures["collisions"] < 0.4
    assert found.figures["used"] == [len(np.unique(column)) for column in found.codes.T]
    assert min(found.figures["used"]) >= 15
    assert np.array_equal(found.codes, encode(found.latent, found.codebooks))
    whose = clusters()[1]
    pairs = np.random.default_rng(1).integers(len(whose), size=(5000, 2))
    shared = found.codes[pairs[:, 0], 0] == found.codes[pairs[:, 1], 0]
    alike = whose[pairs[:, 0]] == whose[pairs[:, 1]]
    assert shared[alike].mean() > 3 * shared[~alike].mean()


def test_training_is_better_than_its_start() -> None:
    start = quantize(task(rq_vae=replace(SETTINGS, epochs=1)))
    assert plain().figures["error"] < 0.8 * start.figures["error"]


class Telling(NullReporter):
    """Keeps the figures of the looks, and asks to stop after some steps."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.looks: list[float] = []
        self.left = stop_after
        self.done: list[tuple[float, float]] = []

    def metric(self, step: int, values: dict[str, float]) -> None:  # type: ignore[override]
        if "collisions" in values:
            self.looks.append(values["score"])

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        if unit == "steps":
            self.left -= 1
            self.done.append((done, total))

    def wants(self) -> Wish:
        return "stop" if self.left <= 0 else "go"


def test_the_best_look_is_kept_and_progress_is_told() -> None:
    heard = Telling()
    found = quantize(task(reporter=heard, rq_vae=replace(SETTINGS, epochs=80, patience=2, learning_rate=0.05)))
    assert found.figures["error"] + found.figures["collisions"] == pytest.approx(min(heard.looks), abs=2e-6)
    assert heard.done[0] == (1, 480) and len(heard.looks) >= 3
    worse = len(heard.looks) - 1 - int(np.argmin(heard.looks))
    assert worse == 2 or found.figures["epochs"] == 80
    assert found.figures["best_epoch"] <= found.figures["epochs"]


@pytest.mark.parametrize("method", ["rq-vae", "letter", "aligned"])
def test_an_interrupted_training_goes_on_as_if_nothing_had_been(method: str, tmp_path: Path) -> None:
    whole = plain() if method == "rq-vae" else quantize(task(method))
    for place in (40, 150, 30):  # before there are codes, after a look, and soon again
        with pytest.raises(StopRequested):
            quantize(task(method, folder=tmp_path / "codes", reporter=Telling(place)))
    assert same(quantize(task(method, folder=tmp_path / "codes")), whole)
    assert list((tmp_path / "codes").iterdir()) == []


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StopRequested):
        quantize(task(folder=tmp_path, reporter=Telling(150)))
    place = json.loads((tmp_path / "loop.json").read_text())
    place["notes"]["best"] = -1.0  # no later look is better
    (tmp_path / "loop.json").write_text(json.dumps(place))
    (tmp_path / "best.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="best"):
        quantize(task(folder=tmp_path))


def network(widths: tuple[int, ...] = WIDTHS, **changed: object) -> Network:
    torch.manual_seed(0)
    vectors = torch.from_numpy(clusters()[0])
    made = Network(vectors, widths, replace(SETTINGS, **changed), Guide())  # type: ignore[arg-type]
    with torch.no_grad():
        for book in made.embedded:
            book.normal_()
    return made


def test_the_uniform_mapping_is_the_last_levels_alone() -> None:
    latent = torch.randn(400, 6)
    plain, _, _ = network(uniform=0.0).quantise(latent)
    mapped, total, _ = network().quantise(latent)
    assert torch.equal(plain[:, :-1], mapped[:, :-1])
    spread = [np.bincount(codes[:, -1].numpy(), minlength=16) for codes in (plain, mapped)]
    assert spread[1].max() < spread[0].max() and spread[1].max() <= 50
    sums = sum(book[mapped[:, level]] for level, book in enumerate(network().embedded))
    assert isinstance(sums, torch.Tensor) and torch.allclose(total, sums, atol=1e-5)


def test_gradients_pass_straight_through_level_by_level() -> None:
    made = network(uniform=0.0, commitment=0.25)
    latent = torch.randn(50, 6, requires_grad=True)
    codes, total, loss = made.quantise(latent)
    (direct,) = torch.autograd.grad(total.sum(), latent, retain_graph=True)
    assert torch.allclose(direct, torch.ones_like(direct))
    # Of the losses only the first level's commitment reaches the encoder.
    (pull,) = torch.autograd.grad(loss, latent)
    first = made.embedded[0][codes[:, 0]]
    assert torch.allclose(pull, 0.25 * 2 * (latent - first) / latent.numel() / len(WIDTHS), atol=1e-6)


def test_codes_that_die_are_put_where_items_are() -> None:
    class Killing(Guide):
        """Throws half of the first codes far away at the first look."""

        def __init__(self) -> None:
            super().__init__()
            self.looks = 0

        def look(self, books: object) -> None:
            self.looks += 1
            if self.looks == 1:
                assert isinstance(books, list)
                with torch.no_grad():
                    books[0][:4] = 1e4

    found, guide = learn(task(), Killing)
    assert isinstance(guide, Killing) and guide.looks > 2
    assert found.figures["used"][0] >= 15 and np.abs(found.codebooks[0]).max() < 1e3


def test_the_catalogue_is_seen_without_the_mapping_and_without_training() -> None:
    made = network(batch_norm=True)
    before = {name: held.clone() for name, held in made.state_dict().items()}
    first, again = code_catalogue(made), code_catalogue(made)
    assert first.score == again.score and np.array_equal(first.codes, encode(first.latent, first.books))
    assert all(torch.equal(before[name], held) for name, held in made.state_dict().items())


def agreement(codes: npt.NDArray[np.int32], kinds: npt.NDArray[np.int64]) -> float:
    """How much more often two items share their first code if they are of one kind."""
    pairs = np.random.default_rng(1).integers(len(kinds), size=(20000, 2))
    alike = kinds[pairs[:, 0]] == kinds[pairs[:, 1]]
    shared = codes[pairs[:, 0], 0] == codes[pairs[:, 1], 0]
    return float(shared[alike].mean() / max(shared[~alike].mean(), 1e-9))


@pytest.mark.parametrize(
    ("method", "options"), [("letter", LetterOptions(collaborative=1.0)), ("aligned", AlignedOptions(align=1.0))]
)
def test_a_guided_method_follows_the_other_source(method: str, options: object) -> None:
    vectors, other, kinds = hinted()
    longer = replace(SETTINGS, epochs=60)
    guided = quantize(task(method, vectors=vectors, other=other, rq_vae=longer, options=options)).codes
    assert agreement(guided, kinds) > 1.5 * agreement(unguided(longer.epochs), kinds)


def test_letters_other_vectors_have_the_latent_width() -> None:
    wide, narrow = clusters(dim=20)[0], clusters(dim=2)[0]
    assert reduced(wide, 6).shape == reduced(narrow, 6).shape == (600, 6)
    assert np.allclose(np.linalg.norm(reduced(wide, 6), axis=1), 1, atol=1e-5)
    assert (reduced(narrow, 6)[:, 2:] == 0).all() and (reduced(0 * narrow, 6) == 0).all()


@pytest.mark.parametrize("width", [1, 2, 3, 8, 45])
def test_letters_clusters_hold_all_codes_in_like_numbers(width: int) -> None:
    made = LetterGuide(task("letter", widths=(width,), other=np.zeros((4, 6), dtype=np.float32)))
    book = torch.randn(width, 6, requires_grad=True)
    made.look([book])
    assert sorted(made.members[0, :width].tolist()) == list(range(width))
    begin, size, rank = made.places[0, :width].unbind(dim=1)
    assert (size >= min(2, width)).all() and int(size.max() - size.min()) <= 1
    assert ((rank >= begin) & (rank < begin + size)).all()
    loss = made(torch.arange(4), torch.zeros(4, 6), torch.arange(4)[:, None] % width, [book])["diversity"]
    assert torch.isfinite(loss) and bool(loss > 0) == (width > 2)  # of two codes the other one is certain


def test_aligned_codes_have_images_that_add_up_to_their_item() -> None:
    vectors, other, _ = hinted()
    found = quantize(task("aligned", vectors=vectors, other=other, options=AlignedOptions(align=1.0)))
    assert found.token_vectors is not None
    assert [image.shape for image in found.token_vectors] == [(16, 14)] * 3
    summed = sum(image[found.codes[:, level]] for level, image in enumerate(found.token_vectors))
    cosine = (summed * other).sum(axis=1) / np.linalg.norm(summed, axis=1) / np.linalg.norm(other, axis=1)
    assert cosine.mean() > 0.5
    assert plain().token_vectors is None
