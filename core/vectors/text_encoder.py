"""Semantic vectors of a language model's encoder: from the items' text alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from core.errors import EnvironmentFault
from core.run.reporter import Reporter
from core.vectors import ItemVectors

MAX_TOKENS = 256
"""Tokens of a text that are read."""


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
    import torch
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        encoder = AutoModel.from_pretrained(model, dtype=torch.bfloat16 if dtype == "bf16" else torch.float32)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise EnvironmentFault(
            f"cannot load the text encoder {model!r}: {first}",
            "name a folder that holds it, or use vectors.semantic = 'lsa', which needs no download",
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    encoder = encoder.eval().to(device)
    known = np.array([bool(text.strip()) for text in texts])
    order = np.flatnonzero(known)[np.argsort([len(t) for t in texts if t.strip()], kind="stable")]
    rows: list[npt.NDArray[np.float32]] = []
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            batch = [texts[int(i)] for i in order[start : start + 64]]
            tokens = tokenizer(batch, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt").to(
                device
            )
            # The mean over the tokens that are no padding; (batch, tokens, width) -> (batch, width).
            states = encoder(**tokens).last_hidden_state.float()
            mask = tokens["attention_mask"][..., None].float()
            pooled = (states * mask).sum(1) / mask.sum(1).clamp_min(1.0)
            rows.append(torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy())
            reporter.progress("text vectors", min(start + 64, len(order)), len(order), "items")
            reporter.stop_if_asked()
    width = rows[0].shape[1] if rows else 1
    matrix = np.zeros((len(texts), width), dtype=np.float32)
    if rows:
        matrix[order] = np.concatenate(rows)
    return ItemVectors.of(matrix, known, f"hf:{model}")
