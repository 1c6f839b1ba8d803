"""Text vectors of a Hugging Face model whose low-rank adapters learn by attribute dropout.

After LLMEmb (arXiv 2409.19925) and its released code: an item is "column: value;" parts, two views have
their columns shuffled and some of them left out, states are mean-pooled, and adapters (LoRA, arXiv 2106.09685) on all
linear layers learn that the views of an item find one another (`core.vectors.attribute_dropout`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from core.data.arrays import Int64
from core.errors import DataError
from core.training.fitting import fit
from core.training.schedule import Schedule
from core.vectors import ItemVectors, VectorTask
from core.vectors.attribute_dropout import (
    ViewContrast,
    Views,
    item_batches,
    kept_columns,
    text_ids_of,
)
from core.vectors.text_encoder import TextModel, load_text_model, vectors_of_model

VALUE_CHARS = 100
"""Characters of a column's value that are read, as in the released code."""
RANK, ALPHA, DROPOUT = 8, 32, 0.1
"""Of the adapters, as there."""


@dataclass(frozen=True)
class WordedViews(Views[list[str]]):
    """Views in words.

    Attributes:
        texts: by column a text an item.
    """

    texts: Mapping[str, Sequence[str]]

    def view(self, items: Int64, draw: np.random.Generator) -> list[str]:
        """See `Views`."""
        names = list(self.texts)
        there = np.array([[bool(self.texts[name][item]) for name in names] for item in items])
        kept = kept_columns(there, self.settings.drop, draw)
        orders = draw.permuted(np.tile(np.arange(len(names)), (len(items), 1)), axis=1)
        return [
            worded({names[at]: self.texts[names[at]][item] for at in order if keeps[at]})
            for item, keeps, order in zip(items, kept, orders, strict=True)
        ]


def worded(columns: Mapping[str, str]) -> str:
    """An item in words; empty where it has none."""
    return " ".join(f"{name}: {text[:VALUE_CHARS]};" for name, text in columns.items() if text)


def fit_adapted(task: VectorTask, texts: Mapping[str, Sequence[str]], model: str, kept: Path) -> ItemVectors:
    """Train adapters on a catalogue; resumable.

    Args:
        task: what a provider gets; its options are those of `contrastive`.
        texts: by column a text an item.
        model: a folder or a hub id.
        kept: where the adapters are written.

    Raises:
        EnvironmentFault: the model cannot be loaded.
        StopRequested: somebody asked to stop.
    """
    settings, seed = task.options, task.seed
    encoder = _adapted(task, model)
    known = np.flatnonzero([bool(text.strip()) for text in task.texts])
    text_ids = text_ids_of(task.texts)

    def batches(epoch: int) -> WordedViews:
        return WordedViews(text_ids, item_batches(known, settings.batch, (seed, epoch)), settings, (seed, epoch), texts)

    if len(known) > 1:
        objective = ViewContrast(encoder.body, encoder.pooled, settings.temperature)
        schedule, bf16 = Schedule(settings.epochs, settings.learning_rate), task.dtype == "bf16"
        fit("text vectors", objective, batches, schedule, seed, task.reporter, task.folder, bf16, task.device)
    learnt = {name: p.detach().cpu().contiguous() for name, p in encoder.body.named_parameters() if p.requires_grad}
    save_file(learnt, kept)
    encoder.body.eval()
    return vectors_of_model(_items(texts), encoder, "contrastive", task.reporter)


def encode_adapted(task: VectorTask, model: str, kept: Path) -> ItemVectors:
    """Vectors of new items, or of sentences, by adapters that were trained.

    Args:
        task: what a provider gets; the items are the new ones.
        model: a folder or a hub id.
        kept: the adapters.

    Raises:
        DataError: they are broken, or those of another model.
        EnvironmentFault: the model cannot be loaded.
    """
    encoder = _adapted(task, model)
    try:
        state = load_file(kept)
        unexpected = encoder.body.load_state_dict(state, strict=False).unexpected_keys
    except (OSError, RuntimeError, SafetensorError) as error:
        raise DataError(f"{kept}: not the adapters of {model} ({error})", "train again with --new") from error
    if unexpected:
        raise DataError(f"{kept}: adapters of another model than {model}", "train again with --new")
    texts = task.field_texts
    return vectors_of_model(_items(texts) if texts else task.texts, encoder, "contrastive", task.reporter)


def _items(texts: Mapping[str, Sequence[str]]) -> list[str]:
    """Every item in words, its columns in order."""
    return [worded(dict(zip(texts, row, strict=True))) for row in zip(*texts.values(), strict=True)]


def _adapted(task: VectorTask, model: str) -> TextModel:
    """The model with fresh adapters, which alone learn."""
    from peft import LoraConfig, inject_adapter_in_model

    encoder = load_text_model(model, "fp32", task.device)
    layers = [
        name for name, layer in encoder.body.named_modules() if isinstance(layer, nn.Linear) and "pooler" not in name
    ]
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=DROPOUT, target_modules=layers)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(task.seed)
        inject_adapter_in_model(config, encoder.body)
    encoder.body.to(task.device).eval()
    for name, parameter in encoder.body.named_parameters():
        parameter.requires_grad_("lora_" in name)
    return encoder
