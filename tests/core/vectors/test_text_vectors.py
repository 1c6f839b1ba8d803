"""Vectors of texts: LSA, and encoders in a Hugging Face folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import DataError, EnvironmentFault
from core.run.reporter import NullReporter
from core.vectors import ItemVectors
from core.vectors.lsa_model import Lsa, fit_lsa
from core.vectors.text_encoder import encoder_vectors
from tests.core.engine_tools import TEXTS

SHELF = [f"{adjective} {noun} for the {place}" for noun, place in
         (("soap", "bath"), ("soap", "hands"), ("drill", "workshop"), ("drill", "wall"))
         for adjective in ("gentle", "strong", "cheap", "blue", "small", "large")]  # fmt: skip


def nearest_two_of_three(held: ItemVectors, groups: list[str]) -> float:
    """Share of the items whose nearest other item is of their own group."""
    near = held.matrix @ held.matrix.T
    np.fill_diagonal(near, -np.inf)
    return float(np.mean([groups[row] == groups[int(near[row].argmax())] for row in range(len(groups))]))


def test_lsa_puts_like_texts_together() -> None:
    held = fit_lsa(SHELF, 8, 0)[1]
    assert held.matrix.shape == (24, 8) and held.matrix.dtype == np.float32
    assert np.linalg.norm(held.matrix, axis=1) == pytest.approx(np.ones(24), abs=1e-5)
    assert held.known.all() and held.source == "lsa"
    assert nearest_two_of_three(held, ["soap"] * 12 + ["drill"] * 12) == 1.0


def test_lsa_is_the_same_for_the_same_seed() -> None:
    assert fit_lsa(SHELF, 8, 3)[1].matrix.tobytes() == fit_lsa(SHELF, 8, 3)[1].matrix.tobytes()


def test_an_item_without_text_gets_the_mean() -> None:
    held = fit_lsa([*SHELF, "", "  \n"], 6, 0)[1]
    assert held.known.tolist() == [True] * 24 + [False] * 2
    assert held.matrix[24] == pytest.approx(held.matrix[:24].mean(axis=0), abs=1e-6)
    assert held.matrix[25].tolist() == held.matrix[24].tolist()


@pytest.mark.parametrize(
    "texts",
    [
        ["one"],
        ["", ""],
        ["the same words"] * 7,
        ["the same words"] * 40 + [""],
        ["alpha", "beta", "gamma", "delta"],
        ["a", "b"],
        ["的", "書", "茶", "的書"],
        ["!!!", "???", "..."],
        ["本日は晴天なり", "本日は雨天なり", "明日は晴天なり"] * 4,
        ["word"] * 3 + ["word other"] * 3,
    ],
    ids=["one", "empty", "same", "same and empty", "no word twice", "letters", "cjk", "no words", "japanese", "nested"],
)
def test_lsa_bears_odd_catalogues(texts: list[str]) -> None:
    held = fit_lsa(texts, 16, 0)[1]
    assert held.matrix.shape[0] == len(texts) == len(held.known) and 1 <= held.matrix.shape[1] <= 16
    assert np.isfinite(held.matrix).all()
    assert held.known.tolist() == [bool(text.strip()) for text in texts]


def test_a_kept_analysis_reads_a_text_as_it_did_when_it_was_fitted(tmp_path: Path) -> None:
    fitted, held = fit_lsa([*SHELF, ""], 8, 0)
    fitted.save(tmp_path / "lsa.npz")
    again = Lsa.load(tmp_path / "lsa.npz").encode([*SHELF, "", "zebra"])
    assert again.matrix[:24] == pytest.approx(held.matrix[:24], abs=1e-5)
    assert again.known.tolist() == [True] * 24 + [False] * 2  # no known word, no vector of its own
    fresh = fitted.encode(["huge pink soap for the garden"]).matrix[0]
    assert SHELF[int((held.matrix[:24] @ fresh).argmax())].split()[1] == "soap"
    fitted.save(tmp_path / "twice.npz")
    assert (tmp_path / "twice.npz").read_bytes() == (tmp_path / "lsa.npz").read_bytes()


@pytest.mark.parametrize("texts", [["one"], ["", ""], ["的", "書", "茶", "的書"], ["the same words"] * 7])
def test_an_analysis_of_an_odd_catalogue_bears_new_texts(texts: list[str], tmp_path: Path) -> None:
    fitted, held = fit_lsa(texts, 16, 0)
    fitted.save(tmp_path / "lsa.npz")
    again = Lsa.load(tmp_path / "lsa.npz").encode([*texts, "something else"])
    assert again.matrix.shape == (len(texts) + 1, held.matrix.shape[1]) and np.isfinite(again.matrix).all()
    known = [row for row in range(len(texts)) if again.known[row]]
    assert again.matrix[known] == pytest.approx(held.matrix[known], abs=1e-5)
    assert fitted.encode([]).matrix.shape == (0, held.matrix.shape[1])


def test_a_broken_analysis_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lsa.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"lsa\.npz"):
        Lsa.load(tmp_path / "lsa.npz")


def encoder(folder: Path, kind: str) -> str:
    """A tiny encoder with random weights, its tokenizer trained on some texts, as a Hugging Face folder."""
    import torch
    from transformers import BertConfig, BertModel, LlamaConfig, LlamaModel

    from core.model.vocabulary import train_tokenizer

    torch.manual_seed(0)
    tokenizer = train_tokenizer(TEXTS, 300)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if kind == "bert":
        BertModel(BertConfig(**shape)).save_pretrained(folder)
    else:
        LlamaModel(LlamaConfig(**shape)).save_pretrained(folder)
        tokenizer.pad_token = None  # as many decoders come
    tokenizer.save_pretrained(folder)
    return str(folder)


class Counting(NullReporter):
    """Keeps the progress told."""

    def __init__(self) -> None:
        self.told: list[tuple[float, float]] = []

    def progress(self, task: str, done: float, total: float, unit: str = "") -> None:
        self.told.append((done, total))


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_an_encoder_from_a_folder(kind: str, tmp_path: Path) -> None:
    model = encoder(tmp_path, kind)
    texts = [*TEXTS, "", "a coral story", "a much longer " * 30]
    reporter = Counting()
    held = encoder_vectors(texts, model, "fp32", "cpu", reporter)
    assert held.matrix.shape == (len(texts), 16) and held.source == f"hf:{model}"
    assert held.known.tolist() == [True] * len(TEXTS) + [False, True, True]
    own = held.matrix[held.known]
    assert np.linalg.norm(own, axis=1) == pytest.approx(np.ones(len(own)), abs=1e-5)
    assert held.matrix[len(TEXTS)] == pytest.approx(own.mean(axis=0), abs=1e-5)
    assert reporter.told[-1] == (len(texts) - 1, len(texts) - 1)

    # A text's vector is its own: neither its neighbours in the batch nor the padding show in it.
    for n in (0, len(texts) - 2, len(texts) - 1):
        alone = encoder_vectors([texts[n]], model, "fp32", "cpu", NullReporter())
        assert alone.matrix[0] == pytest.approx(held.matrix[n], abs=1e-4)
    assert len({row.tobytes() for row in own.round(3)}) > len(own) // 2

    half = encoder_vectors(texts[:5], model, "bf16", "cpu", NullReporter())
    assert (half.matrix * held.matrix[:5]).sum(axis=1) == pytest.approx(np.ones(5), abs=0.02)


def test_an_encoder_is_mean_pooled(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    model = encoder(tmp_path, "bert")
    tokens = AutoTokenizer.from_pretrained(model)("a coral story", return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(model).eval()(**tokens).last_hidden_state[0]
    expected = torch.nn.functional.normalize(states.mean(dim=0), dim=0)
    found = encoder_vectors(["a coral story", "x"], model, "fp32", "cpu", NullReporter())
    assert found.matrix[0] == pytest.approx(expected.numpy(), abs=1e-4)


def test_no_text_at_all_needs_no_encoder(tmp_path: Path) -> None:
    held = encoder_vectors(["", " "], encoder(tmp_path, "bert"), "fp32", "cpu", NullReporter())
    assert held.matrix.shape[0] == 2 and not held.known.any() and np.isfinite(held.matrix).all()


def test_a_missing_encoder_is_the_environments_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EnvironmentFault, match="lsa"):
        encoder_vectors(["x"], str(tmp_path / "nowhere"), "fp32", "cpu", NullReporter())
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EnvironmentFault, match="cannot load"):
        encoder_vectors(["x"], str(tmp_path), "fp32", "cpu", NullReporter())
