"""A tuned model on disk: one folder, loaded whole or refused.

Where a stage trained the weights themselves, they lie in the folder. Where only adapters learned, it holds the
adapters, the rows of the new tokens, and the name and digests of the base that they belong to.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError

from core.errors import DataError
from core.files import digest, write_atomic
from core.index.table import ItemIndex
from core.model.adapters import NEW_ROWS, load_adapter, load_new_rows, save_adapter, save_new_rows, without_adapters
from core.model.backbone import grow
from core.model.dense import DenseHead, load_dense, save_dense
from core.model.generator import Generator
from core.model.peft_layers import Adapter, state_of
from core.model.pretrained import Pretrained, kernel_of
from core.model.trie import Trie
from core.model.vocabulary import Vocabulary, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MANIFEST, ADAPTERS, PROMPTS = "manifest.json", "adapters", "prompts"
SCHEMA = 2


@dataclass(frozen=True)
class TunedModel:
    """A model ready to recommend, as a checkpoint holds it.

    Attributes:
        model: the generator, in evaluation mode.
        trie: the legal codes.
        index: the codes of the items.
        vocabulary: tokenizer and codes.
        dense: the scorer of the whole catalogue that was trained beside it; None = there is none.
    """

    model: Generator
    trie: Trie
    index: ItemIndex
    vocabulary: Vocabulary
    dense: DenseHead | None = None


def generator_of(lm: PreTrainedModel, vocabulary: Vocabulary, index: ItemIndex) -> Generator:
    """Join a language model with the codes."""
    return Generator(lm, vocabulary.code_ids, vocabulary.item_tokens(index), vocabulary.frame)


def save_checkpoint(
    folder: Path,
    lm: PreTrainedModel,
    vocabulary: Vocabulary,
    index: ItemIndex,
    about: dict[str, Any],
    prompts: Sequence[Path] = (),
    dense: DenseHead | None = None,
) -> None:
    """Write the model, tokenizer, index, prompts, scorer and manifest into a folder that nobody reads yet.

    Args:
        folder: where to write.
        lm: the model, adapted or not.
        vocabulary: tokenizer and codes.
        index: the codes of the items.
        about: more to say in the manifest.
        prompts: files of wordings that the model was trained on.
        dense: the scorer that was trained beside it.
    """
    from transformers.utils import logging as transformers_logging

    folder.mkdir(parents=True, exist_ok=True)
    transformers_logging.disable_progress_bar()
    state = state_of(lm)
    if state.keeps_base:
        with without_adapters(lm):
            lm.save_pretrained(folder, safe_serialization=True)
    else:
        save_new_rows(lm, folder / NEW_ROWS)
    for adapter in state.adapters:
        save_adapter(lm, adapter, folder / ADAPTERS / adapter.key)
    vocabulary.tokenizer.save_pretrained(folder)
    index.save(folder / "index.parquet")
    if dense is not None:
        save_dense(dense, folder)
    for path in prompts:
        (folder / PROMPTS).mkdir(exist_ok=True)
        shutil.copyfile(path, folder / PROMPTS / path.name)
    inside = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    manifest = {
        "schema": SCHEMA,
        "index": index.base_id,
        "frame": list(vocabulary.frame),
        "code_ids": [ids.tolist() for ids in vocabulary.code_ids],
        "rows": vocabulary.size,
        "dtype": str(lm.dtype).removeprefix("torch."),
        "base": None if state.keeps_base else _beside(state.base, folder),
        "adapters": [{"name": one.name, "train": one.train, "key": one.key} for one in state.adapters],
        "files": {path.relative_to(folder).as_posix(): digest(path) for path in inside},
    }
    write_atomic(folder / MANIFEST, json.dumps({**manifest, **about}))


def load_checkpoint(
    folder: Path,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    adapters: bool | Collection[str] = True,
) -> TunedModel:
    """Load what `save_checkpoint` wrote.

    Args:
        folder: of the checkpoint.
        device: where the model goes.
        dtype: of its weights; None = what they were trained in.
        adapters: all of them, none (the model below), or the stages whose adapters are wanted.

    Raises:
        DataError: where a file is missing, changed or does not belong to the others.
        EnvironmentFault: where the base lies elsewhere and is missing or changed.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest.get("schema", 1) > SCHEMA:
            raise DataError(f"{folder}: written by a newer version", "update EagerTUI")
        for name, mark in manifest["files"].items():
            if digest(folder / name) != mark:
                raise DataError(f"{folder / name}: changed since the checkpoint was written", "train again with --new")
        index = ItemIndex.load(folder / "index.parquet")
        code_ids = tuple(np.array(ids, dtype=np.int64) for ids in manifest["code_ids"])
        vocabulary = Vocabulary(load_tokenizer(folder), code_ids, tuple(manifest["frame"]))
        own = torch.bfloat16 if manifest.get("dtype") == "bfloat16" else torch.float32
        lm = _base(folder, manifest, device, dtype or own)
        there = [Adapter(**entry) for entry in manifest.get("adapters", [])]
        if not isinstance(adapters, bool):
            unknown = set(adapters) - {one.name for one in there}
            if unknown:
                raise DataError(f"{folder}: no adapter {', '.join(sorted(unknown))}", _has(there))
        for one in there:
            if adapters is True or (not isinstance(adapters, bool) and one.name in adapters):
                load_adapter(lm, one, folder / ADAPTERS / one.key)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise DataError(f"{folder}: the checkpoint cannot be loaded ({error})", "train again with --new") from error
    if manifest["index"] != index.base_id:
        raise DataError(f"{folder}: the index does not belong to this model", "train again with --new")
    model = generator_of(lm, vocabulary, index).to(device).eval()
    return TunedModel(model, Trie(index.codes, device), index, vocabulary, load_dense(folder, device))


def _base(folder: Path, manifest: dict[str, Any], device: str, dtype: torch.dtype) -> PreTrainedModel:
    """The model below all adapters."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    base = manifest.get("base")
    if base is None:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=dtype, attn_implementation=kernel_of("auto", device), output_loading_info=True
        )
        lm: PreTrainedModel = loaded[0]
        about = loaded[1]
        if about["missing_keys"] or about["mismatched_keys"]:
            raise DataError(f"{folder}: the checkpoint lacks some of its weights", "train again with --new")
        if getattr(lm.config, "attn_logit_softcapping", None) is not None and device != "cpu":
            lm.set_attn_implementation("eager")
        state_of(lm).base_trained = True
        return lm
    near = (folder / str(base["model"])).resolve()  # of the same store, wherever that was carried
    pretrained = Pretrained.from_dict({**base, "model": str(near)} if base.get("source") and near.is_dir() else base)
    lm = pretrained.load(device, dtype)
    grow(lm, int(manifest["rows"]))
    load_new_rows(lm, folder / NEW_ROWS)
    state_of(lm).base = pretrained.to_dict()
    return lm


def _beside(base: dict[str, object] | None, folder: Path) -> dict[str, object] | None:
    """A base as a manifest names it: one made from a GGUF file by the way to it in the store, so that both may move."""
    if base is None or not base.get("source"):
        return base
    return {**base, "model": os.path.relpath(str(base["model"]), folder.resolve())}


def _has(adapters: Sequence[Adapter]) -> str:
    return f"it has {', '.join(one.name for one in adapters)}" if adapters else "it has none"
