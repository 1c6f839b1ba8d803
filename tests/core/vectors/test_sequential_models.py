"""BSARec and HSTU beside calculations by hand; the way of training that all sequential models share."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.baselines.bsarec import BsaRecBaseline, BsaRecOptions
from core.baselines.hstu import HstuBaseline, HstuOptions
from core.data.arrays import Sequences
from core.errors import StopRequested
from core.run.reporter import NullReporter, Reporter
from core.settings import SasrecSettings
from core.vectors.bsarec_model import BsaRec, low_pass
from core.vectors.hstu_model import Hstu
from core.vectors.sasrec_model import fit_sasrec
from core.vectors.sequence_model import SequenceBatch, TrainedModel, prefix_rows
from tests.core.engine_tools import StopAfter, sequences

ITEMS, LONGEST = 20, 8
BSAREC = BsaRecOptions(hidden_size=8, dropout=0.1, batch_users=16, epochs=3, max_history=LONGEST, cutoff=4)
HSTU = HstuOptions(hidden_size=8, layers=2, dropout=0.1, batch_users=16, epochs=3, max_history=LONGEST, negatives=12)


def ring(items: int = ITEMS, users: int = 60) -> Sequences:
    """Everybody walks along a ring, one step at a time."""
    return sequences(*[[(start * 7 + step) % items for step in range(4 + start % 5)] for start in range(users)])


def fresh(name: str, **changes: float) -> TrainedModel:
    """A model with weights as large as those of a trained one."""
    torch.manual_seed(1)
    model: TrainedModel = (
        BsaRecBaseline.model(ITEMS, replace(BSAREC, **changes))
        if name == "bsarec"
        else HstuBaseline.model(ITEMS, replace(HSTU, **changes))
    )
    with torch.no_grad():
        model.get_submodule("items").weight.normal_(std=0.5)
        model.get_submodule("positions").weight.normal_(std=0.3)
    return model.eval()


def trained(name: str, folder: Path, reporter: Reporter | None = None, **changes: float) -> TrainedModel:
    torch.manual_seed(5)
    model: TrainedModel = (
        BsaRecBaseline.model(ITEMS, replace(BSAREC, **changes))
        if name == "bsarec"
        else HstuBaseline.model(ITEMS, replace(HSTU, **changes))
    )
    model.train_on(name, ring(), 5, False, reporter or NullReporter(), folder)
    return model


def weights(model: TrainedModel) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.state_dict().values()]


@pytest.mark.parametrize("cutoff", [1, 4, 5])
def test_the_low_pass_is_that_of_numpy_s_fourier_transform(cutoff: int) -> None:
    """Of a history that stands at either end of the longest one, the rest of which is zero."""
    states = np.random.default_rng(0).normal(size=(5, 3))
    filtered = (low_pass(LONGEST, cutoff)[:5, :5].numpy().astype(np.float64)) @ states
    for start in (0, LONGEST - 5):
        whole = np.zeros((LONGEST, 3))
        whole[start : start + 5] = states
        kept = np.fft.rfft(whole, axis=0, norm="ortho")
        kept[cutoff // 2 + 1 :] = 0
        theirs = np.fft.irfft(kept, n=LONGEST, axis=0, norm="ortho")
        np.testing.assert_allclose(filtered, theirs[start : start + 5], atol=1e-6)


def norm(x: np.ndarray, module: torch.nn.Module, eps: float) -> np.ndarray:
    scale, shift = (getattr(module, name).detach().numpy() for name in ("weight", "bias"))
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * scale + shift


def linear(x: np.ndarray, module: torch.nn.Module) -> np.ndarray:
    bias = getattr(module, "bias", None)
    return x @ module.weight.detach().numpy().T + (0 if bias is None else bias.detach().numpy())


def test_bsarec_by_hand() -> None:
    """Filter, attention, their mixture and the point-wise network, over all places of a history."""
    model, history = fresh("bsarec"), [3, 1, 4, 1, 5]
    assert isinstance(model, BsaRec)
    with torch.no_grad():  # norms that do something
        for block in model.blocks:
            for one in (block.filter_norm, block.attention_norm, block.mlp_norm):
                one.weight.uniform_(0.5, 1.5)
                one.bias.normal_(std=0.2)
    items, positions = (module.weight.detach().numpy() for module in (model.items, model.positions))
    x = norm(items[history] + positions[[4, 3, 2, 1, 0]], model.norm, 1e-12)
    for block in model.blocks:
        spectrum = np.fft.rfft(np.concatenate([x, np.zeros((LONGEST - 5, 8))]), axis=0)
        spectrum[BSAREC.cutoff // 2 + 1 :] = 0
        low = np.fft.irfft(spectrum, n=LONGEST, axis=0)[:5]
        filtered = norm(x + low + block.root_beta.detach().numpy() ** 2 * (x - low), block.filter_norm, 1e-12)
        query, key, value = (linear(x, one) for one in (block.query, block.key, block.value))
        gathered = np.zeros_like(x)
        for i in range(5):
            parts = np.exp([query[i] @ key[j] / math.sqrt(8) for j in range(i + 1)])
            gathered[i] = (parts / parts.sum()) @ value[: i + 1]
        attended = norm(x + linear(gathered, block.out), block.attention_norm, 1e-12)
        mixed = BSAREC.alpha * filtered + (1 - BSAREC.alpha) * attended
        hidden = linear(mixed, block.up)
        hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
        x = norm(mixed + linear(hidden, block.down), block.mlp_norm, 1e-12)
    np.testing.assert_allclose(model.score(sequences(history))[0], items[:ITEMS] @ x[-1], rtol=1e-4, atol=1e-5)


def test_hstu_by_hand() -> None:
    """Every weight of the attention in a loop: SiLU of product and bias, over the longest length."""
    model, history = fresh("hstu"), [3, 1, 4, 1, 5]
    assert isinstance(model, Hstu)
    items, positions = (module.weight.detach().numpy() for module in (model.items, model.positions))
    x = items[history] * math.sqrt(8) + positions[:5]

    def silu(values: np.ndarray) -> np.ndarray:
        return values / (1 + np.exp(-values))

    heads, wide, narrow = HSTU.heads, HSTU.linear_dim, HSTU.attention_dim
    for block in model.blocks:
        every = silu(linear(norm(x, block.norm, 1e-6), block.project))
        gate, value, query, key = np.split(every, np.cumsum([heads * wide, heads * wide, heads * narrow]), axis=1)
        bias, gathered = block.by_distance.detach().numpy(), np.zeros_like(value)
        for head in range(heads):
            ours, theirs = slice(head * narrow, (head + 1) * narrow), slice(head * wide, (head + 1) * wide)
            for i in range(5):
                for j in range(i + 1):
                    weight = silu(query[i, ours] @ key[j, ours] + bias[i - j]) / LONGEST
                    gathered[i, theirs] += weight * value[j, theirs]
        x = x + linear(norm(gathered, block.mixed_norm, 1e-6) * gate, block.out)
    state, vectors = x[-1] / np.linalg.norm(x[-1]), items[:ITEMS] / np.linalg.norm(items[:ITEMS], axis=1, keepdims=True)
    expected = vectors @ state / HSTU.temperature
    np.testing.assert_allclose(model.score(sequences(history))[0], expected, rtol=1e-3, atol=1e-4)


def test_a_later_item_moves_no_earlier_state_of_hstu() -> None:
    model = fresh("hstu")
    assert isinstance(model, Hstu)
    one, other = torch.tensor([[1, 2, 3, 4, 5]]), torch.tensor([[1, 2, 3, 9, 7]])
    with torch.no_grad():
        first, second = model.states(one)[0], model.states(other)[0]
    torch.testing.assert_close(first[:3], second[:3])
    assert (first[3:] - second[3:]).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["bsarec", "hstu"])
def test_padding_and_what_stands_behind_it_change_nothing(name: str) -> None:
    model = fresh(name)
    alone = model.score(sequences([1, 2, 3]))[0]
    together = model.score(sequences([1, 2, 3], [4, 5, 6, 7, 8, 9, 10], [11]))[0]
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        behind = model.last_logits(torch.tensor([[1, 2, 3, 12, 13]]), torch.tensor([2]))[0]
    np.testing.assert_allclose(alone, behind.numpy(), rtol=1e-5, atol=1e-5)
    longest = list(range(LONGEST + 3))
    np.testing.assert_array_equal(model.score(sequences(longest))[0], model.score(sequences(longest[3:]))[0])


def test_every_prefix_is_a_row_of_bsarec_and_its_last_item_the_target() -> None:
    train = sequences([1, 2, 3, 4], [5], [6, 7])
    assert [row.tolist() for row in prefix_rows(train, 2)] == [[1, 2], [1, 2, 3], [2, 3, 4], [6, 7]]
    model = fresh("bsarec")
    batch = SequenceBatch(torch.tensor([[1, 2, 3, 4], [6, 7, ITEMS, ITEMS]]), torch.arange(2), 0, 0)
    loss, _, count = model(batch)
    scores = torch.from_numpy(model.score(sequences([1, 2, 3], [6])))
    expected = torch.nn.functional.cross_entropy(scores, torch.tensor([4, 7]))
    assert count == 2 and loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_hstu_s_loss_is_that_of_the_right_item_among_those_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    model, drawn = fresh("hstu"), torch.tensor([7, 0, 7, 15, 2])
    monkeypatch.setattr(torch, "randint", lambda *_: drawn)
    loss, _, count = model(SequenceBatch(torch.tensor([[1, 2, 3], [6, 7, ITEMS]]), torch.arange(2), 0, 0))
    scores = model.score(sequences([1], [1, 2], [6])).astype(np.float64)
    losses = []
    for row, target in zip(scores, (2, 3, 7), strict=True):
        every = np.exp([row[target], *row[drawn.numpy()]])
        losses.append(-math.log(every[0] / every.sum()))
    assert count == 3 and loss.item() == pytest.approx(np.mean(losses), rel=1e-4)


@pytest.mark.parametrize("name", ["bsarec", "hstu"])
def test_they_learn_the_ring(name: str, tmp_path: Path) -> None:
    model = trained(name, tmp_path, dropout=0.0, epochs=25, learning_rate=2e-2)
    scores = model.score(sequences([3, 4, 5], [10, 11], [18, 19]))
    assert [int(row.argmax()) for row in scores] == [6, 12, 0]


@pytest.mark.parametrize("name", ["bsarec", "hstu"])
def test_an_interrupted_training_ends_with_the_same_weights(name: str, tmp_path: Path) -> None:
    whole = weights(trained(name, tmp_path / "whole"))
    with pytest.raises(StopRequested):
        trained(name, tmp_path / "halves", StopAfter(7))
    assert weights(trained(name, tmp_path / "halves")) == whole
    assert not list((tmp_path / "halves").iterdir())


@pytest.mark.parametrize("name", ["bsarec", "hstu"])
def test_what_is_saved_scores_alike(name: str, tmp_path: Path) -> None:
    model, other = trained(name, tmp_path, epochs=1), fresh(name)
    model.save(tmp_path / "model.safetensors")
    other.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(model.score(ring()), other.score(ring()))


def test_nothing_to_learn_from_leaves_a_fresh_model(tmp_path: Path) -> None:
    for name in ("bsarec", "hstu"):
        model = fresh(name)
        before = weights(model)
        model.train_on(name, sequences([1], []), 0, False, NullReporter(), tmp_path)
        assert weights(model) == before


def test_sasrec_is_trained_as_before_it_shared_its_training(tmp_path: Path) -> None:
    """Figures of a model that the code before trained; its files were the same to the byte on the machine of both."""
    settings = SasrecSettings(hidden_size=16, layers=1, dropout=0.2, batch_users=16, epochs=4, max_history=6)
    model = fit_sasrec(ring(), ITEMS, settings, 3, False, NullReporter(), tmp_path)
    found = [tensor.double().abs().sum().item() for tensor in (model.items.weight, model.blocks[0].qkv.weight)]
    assert [*found, float(np.abs(model.score(ring())).sum())] == pytest.approx(STORED, rel=1e-4)


STORED = [5.071509085733851, 12.494463043072756, 2851.5693359375]
