"""Mixture-of-Codes: learnt codebooks side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import StopRequested
from core.index.conflicts.resolve import resolve
from core.index.quantize import quantize
from core.index.quantize.autoencoder import code_catalogue
from core.index.quantize.moc_network import MocNetwork
from core.index.quantize.network import Guide, Network
from core.index.quantize.residual import encode
from tests.core.index.quantize.test_rq_vae import SETTINGS, WIDTHS, Telling, clusters, same, task

PLAIN = replace(SETTINGS, uniform=0.0)


def network(widths: tuple[int, ...] = WIDTHS) -> MocNetwork:
    torch.manual_seed(0)
    made = MocNetwork(torch.from_numpy(clusters()[0]), widths, PLAIN, Guide())
    with torch.no_grad():
        for book in made.embedded:
            book.normal_()
    return made


def test_every_code_is_the_nearest_of_its_own_part() -> None:
    made = network()
    latent = made.encode(made.items[:50])
    codes, total, _ = made.quantise(latent)
    for level, book in enumerate(made.embedded):
        part = latent[:, 6 * level : 6 * (level + 1)]
        assert torch.equal(codes[:, level], torch.cdist(part, book).argmin(dim=1))
    sums = torch.stack([book[codes[:, level]] for level, book in enumerate(made.code_vectors())]).sum(dim=0)
    assert torch.allclose(total, sums, atol=1e-5)
    # The decoder reads the mean of the code vectors.
    mean = torch.stack([book[codes[:, level]] for level, book in enumerate(made.embedded)]).mean(dim=0)
    assert torch.allclose(made.decode(total), made.decoder(mean), atol=1e-5)


def test_one_codebook_is_a_plain_vector_quantiser() -> None:
    """That of `rq-vae` with one level, where the head changes nothing."""
    made = network(WIDTHS[:1])
    torch.manual_seed(0)
    plain = Network(made.items, WIDTHS[:1], PLAIN, Guide())
    with torch.no_grad():
        made.heads[0].weight.copy_(torch.eye(6))  # type: ignore[operator, union-attr]
        made.heads[0].bias.zero_()  # type: ignore[operator, union-attr]
        plain.load_state_dict({name: one for name, one in made.state_dict().items() if not name.startswith("heads")})
    rows = torch.arange(100)
    assert plain(rows)[0].item() == pytest.approx(made(rows)[0].item(), abs=1e-6)
    latent = plain.encode(plain.items)
    assert torch.equal(plain.quantise(latent)[0], made.quantise(made.encode(made.items))[0])


def test_another_order_of_codebooks_is_another_order_of_codes() -> None:
    made, other, order = network(), network(), [2, 0, 1]
    with torch.no_grad():
        for place, level in enumerate(order):
            other.embedded[place].copy_(made.embedded[level])
            other.heads[place].load_state_dict(made.heads[level].state_dict())
    one, two = (some.quantise(some.encode(some.items)) for some in (made, other))
    assert torch.equal(one[0][:, order], two[0])
    assert torch.allclose(made.decode(one[1]), other.decode(two[1]), atol=1e-5)
    assert one[2].item() == pytest.approx(two[2].item(), abs=1e-6)


def test_codes_tell_what_the_vectors_are_and_conflicts_are_settled() -> None:
    found = quantize(task("moc"))
    start = quantize(task("moc", rq_vae=replace(SETTINGS, epochs=1)))
    assert found.figures["error"] < 0.5 * start.figures["error"]
    assert min(found.figures["used"]) >= 10
    # Every codebook finds the twelve groups by itself, so codes repeat; from like starts nearly all of them do.
    assert found.figures["collisions"] < 0.9
    # The form that all quantizers share: residual coding by these code vectors finds the same codes.
    assert np.array_equal(found.codes, encode(found.latent, found.codebooks))
    for level, book in enumerate(found.codebooks):
        assert book[:, : 6 * level].any() == book[:, 6 * (level + 1) :].any() == False  # noqa: E712
    settled = resolve([found], "matching", 0.003, 50)
    assert len(np.unique(settled.codes, axis=0)) == len(found.codes)


def test_codes_that_die_get_vectors_of_their_own_part() -> None:
    from core.index.quantize.autoencoder import _revive

    made = network()
    with torch.no_grad():
        made.embedded[1][:5] = 1e4
    seen = code_catalogue(made)
    optimizer = torch.optim.AdamW(made.parameters())
    assert _revive(made, optimizer, seen, 0) >= 5
    parts = seen.latent[:, made.columns(1)]
    revived = made.embedded[1][:5].detach().numpy()
    assert all(np.abs(parts - row).sum(axis=1).min() < 1e-4 for row in revived)


def test_an_interrupted_training_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    few = replace(SETTINGS, epochs=12)
    whole = quantize(task("moc", rq_vae=few))
    for place in (10, 40):  # before there are codes, and after a look
        with pytest.raises(StopRequested):
            quantize(task("moc", rq_vae=few, folder=tmp_path / "codes", reporter=Telling(place)))
    assert same(quantize(task("moc", rq_vae=few, folder=tmp_path / "codes")), whole)
