"""Semantic vectors of a language model's encoder: from the items' text alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.errors import EnvironmentFault
from core.run.reporter import Reporter
from core.vectors import ItemVectors

if TYPE_CHECKING:
    from torch import Tensor

MAX_TOKENS = 256
"""Tokens of a text that are read."""


class TextModel(NamedTuple):
    """A Hugging Face model and its tokenizer."""

    tokenizer: Any
    body: Any

    def pooled(self, texts: Sequence[str]) -> Tensor:
        """The mean of each text's last states, of unit length, on the device of the model; (texts, width)."""
        from torch.nn import functional

        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        tokens = tokens.to(self.body.device)
        # The mean over the tokens that are no padding; (batch, tokens, width) -> (batch, width).
        states = self.body(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"][..., None].float()
        return functional.normalize((states * mask).sum(1) / mask.sum(1).clamp_min(1.0), dim=-1)


def load_text_model(model: str, dtype: str, device: str) -> TextModel:
    """Load an encoder or a decoder that reads texts.

    Args:
        model: a hub id or a folder.
        dtype: fp32 or bf16.
        device: cpu, cuda, cuda:1.

    Raises:
        EnvironmentFault: where it cannot be loaded.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        body = AutoModel.from_pretrained(model, dtype=torch.bfloat16 if dtype == "bf16" else torch.float32)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise EnvironmentFault(
            f"cannot load the text encoder {model!r}: {first}",
            "name a folder that holds it, or use vectors.semantic = 'lsa', which needs no download",
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return TextModel(tokenizer, body.eval().to(device))


def encoder_vectors(texts: Sequence[str], model: str, dtype: str, device: str, reporter: Reporter) -> ItemVectors:
    """Mean-pooled last states of a Hugging Face encoder or decoder, rows of unit length.

    As LC-Rec's released code makes its text vectors (arXiv 2311.09049), but for one text an item: there title and
    description are encoded apart and averaged. Texts are sorted by length into batches, so little is padded.

    Args:
        texts: one an item.
        model: a hub id or a folder.
        dtype: fp32 or bf16.
        device: cpu, cuda, cuda:1.
        reporter: hears the progress.

    Raises:
        EnvironmentFault: where the model cannot be loaded.
        StopRequested: somebody asked to stop.
    """
    encoder = load_text_model(model, dtype, device)
    return vectors_of_model(texts, encoder, f"hf:{model}", reporter)


def vectors_of_model(texts: Sequence[str], encoder: TextModel, source: str, reporter: Reporter) -> ItemVectors:
    """The vectors that a model gives texts; those without a word have none of their own.

    Args:
        texts: one an item.
        encoder: reads them.
        source: what to call it.
        reporter: hears the progress; may ask to stop.

    Raises:
        StopRequested: somebody asked to stop.
    """
    import torch

    known = np.array([bool(text.strip()) for text in texts])
    order = np.flatnonzero(known)[np.argsort([len(t) for t in texts if t.strip()], kind="stable")]
    rows: list[npt.NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            batch = [texts[int(i)] for i in order[start : start + 64]]
            rows.append(encoder.pooled(batch).cpu().numpy())
            reporter.progress("text vectors", min(start + 64, len(order)), len(order), "items")
            reporter.stop_if_asked()
    width = rows[0].shape[1] if rows else 1
    matrix = np.zeros((len(texts), width), dtype=np.float32)
    if rows:
        matrix[order] = np.concatenate(rows)
    return ItemVectors.of(matrix, known, source)
