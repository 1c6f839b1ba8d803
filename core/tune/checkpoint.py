"""A tuned model on disk: one folder, loaded whole or refused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from core.errors import DataError
from core.index.table import ItemIndex
from core.recommend.trie import Trie
from core.run.status import write_atomic
from core.tune.attention import NAME as CPU_ATTENTION
from core.tune.contrast import Dense, load_dense, save_dense
from core.tune.generator import Generator
from core.tune.vocabulary import Vocabulary, load_tokenizer

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """A model ready to recommend."""

    model: Generator
    trie: Trie
    index: ItemIndex
    dense: Dense | None = None


def generator_of(lm: PreTrainedModel, vocabulary: Vocabulary, index: ItemIndex) -> Generator:
    """Join a language model with the codes."""
    return Generator(lm, vocabulary.code_ids, vocabulary.item_tokens(index), vocabulary.frame)


def save_checkpoint(
    folder: Path,
    lm: PreTrainedModel,
    vocabulary: Vocabulary,
    index: ItemIndex,
    about: dict[str, Any],
    dense: Dense | None = None,
) -> None:
    """Write the model, tokenizer, index, scorer and manifest into a folder that nobody reads yet."""
    folder.mkdir(parents=True, exist_ok=True)
    transformers_logging.disable_progress_bar()
    lm.save_pretrained(folder, safe_serialization=True)
    vocabulary.tokenizer.save_pretrained(folder)
    index.save(folder / "index.parquet")
    if dense is not None:
        save_dense(dense, folder)
    code_ids = [ids.tolist() for ids in vocabulary.code_ids]
    files = {path.name: _digest(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    manifest = {
        "schema": 1,
        "index": index.base_id,
        "frame": list(vocabulary.frame),
        "code_ids": code_ids,
        "files": files,
    }
    write_atomic(folder / MANIFEST, json.dumps({**manifest, **about}))


def load_checkpoint(folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Checkpoint:
    """Load what `save_checkpoint` wrote.

    Raises:
        DataError: where a file is missing, changed or does not belong to the others.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, digest in manifest["files"].items():
            if _digest(folder / name) != digest:
                raise DataError(f"{folder / name}: changed since the checkpoint was written", "train again with --new")
        index = ItemIndex.load(folder / "index.parquet")
        transformers_logging.disable_progress_bar()
        kernel = CPU_ATTENTION if device == "cpu" else "sdpa"
        lm = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=kernel)
        code_ids = tuple(np.array(ids, dtype=np.int64) for ids in manifest["code_ids"])
        vocabulary = Vocabulary(load_tokenizer(folder), code_ids, tuple(manifest["frame"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise DataError(f"{folder}: the checkpoint cannot be loaded ({error})", "train again with --new") from error
    if manifest["index"] != index.base_id:
        raise DataError(f"{folder}: the index does not belong to this model", "train again with --new")
    model = generator_of(lm, vocabulary, index).to(device).eval()
    return Checkpoint(model, Trie(index.codes, device), index, load_dense(folder, device))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
