"""Text vectors learnt so that an item's are alike whichever of its columns are read; `semantic_dim` wide.

After the first half of LLMEmb (arXiv 2409.19925), contrastive tuning by attribute dropout. Without a language model
the encoder is a small network on weighted terms of each column; with one (`[vectors.contrastive] encoder`) low-rank
adapters learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.cost import Job, Work
from core.errors import ProjectError
from core.settings import opt
from core.vectors import ItemVectors, VectorProvider, VectorTask

STEP, ITEM = 0.015, 5e-5
"""Seconds of a step of the small network, and of an item in it."""


@dataclass(frozen=True)
class ContrastiveOptions:
    """The table `[vectors.contrastive]`."""

    drop: float = opt(0.4, "share of an item's columns that a view leaves out; 0 = none", low=0.0, below=1.0)
    term_drop: float = opt(0.1, "share of the terms of the others that it leaves out (network)", low=0.0, below=1.0)
    epochs: int = opt(20, "passes over the items", low=1, high=10000)
    temperature: float = opt(0.2, "cosines are divided by this", above=0.0, high=10.0)
    batch: int = opt(512, "items a step", low=2, high=65536)
    learning_rate: float = opt(
        5e-3, "highest step size of AdamW; LLMEmb has 2e-4 for a language model", above=0.0, high=1.0
    )
    encoder: str = opt(
        "", "Hugging Face model, a folder or a hub id, in which adapters learn; empty = a network on counted terms"
    )


class ContrastiveVectors(VectorProvider):
    """See `core.vectors.attribute_dropout`, and `core.vectors.adapted_encoder` for that of a language model."""

    options = ContrastiveOptions
    kept = ("encoder.safetensors",)

    def vectors(self, task: VectorTask) -> ItemVectors:
        """Rows of unit length.

        Raises:
            ProjectError: there are fewer than two columns of text.
            EnvironmentFault: the language model cannot be loaded.
        """
        texts = task.field_texts
        if len(texts) < 2:
            named = f"only {next(iter(texts))!r}" if texts else "none"
            raise ProjectError(
                f"vectors.semantic = 'contrastive' leaves out columns of text, and data.text names {named}",
                "name two columns or more in data.text, or set vectors.semantic = 'lsa'",
            )
        if task.options.encoder:
            from core.vectors.adapted_encoder import fit_adapted

            return fit_adapted(task, texts, _model(task), task.folder / self.kept[0])
        from core.vectors.attribute_dropout import fit_contrastive

        encoder, vectors = fit_contrastive(
            texts, task.texts, task.options, task.settings.semantic_dim, task.seed, task.reporter, task.folder
        )
        encoder.save(task.folder / self.kept[0])
        return vectors

    def encode(self, task: VectorTask) -> ItemVectors:
        """By the network or the adapters that were learnt; a sentence without columns is read as each of them."""
        if task.options.encoder:
            from core.vectors.adapted_encoder import encode_adapted

            return encode_adapted(task, _model(task), task.folder / self.kept[0])
        from core.vectors.column_encoder import FieldEncoder

        encoder = FieldEncoder.load(task.folder / self.kept[0])
        return encoder.encode(task.field_texts or dict.fromkeys(encoder.terms, task.texts))

    @classmethod
    def model(cls, argument: str, options: Any) -> str:
        """See `VectorProvider`."""
        return str(options.encoder)

    @classmethod
    def work(cls, job: Job, source: str, dim: float) -> Work | None:
        """Terms counted, and every item read twice an epoch."""
        options: Mapping[str, Any] = job.settings("semantic")["options"]
        sizes, epochs = job.sizes, float(options["epochs"])
        if options["encoder"]:
            body = job.encoder(str(options["encoder"]))
            tokens = min(sizes.text_mb * 1e6 / 4, sizes.items * 256.0)
            # Two views of a part of the text, forwards and backwards, then the whole once.
            seen = 6.0 * epochs * (1 - float(options["drop"])) + 2.0
            return None if body is None else Work(single=5.0) + job.trained(seen * body * tokens)
        steps = max(1.0, sizes.items / float(options["batch"]))
        return Work(single=0.7 + 0.3 * sizes.text_mb, shared=epochs * (steps * STEP + sizes.items * ITEM))


def _model(task: VectorTask) -> str:
    folder = task.resolve(task.options.encoder)
    return str(folder) if folder.is_dir() else str(task.options.encoder)
