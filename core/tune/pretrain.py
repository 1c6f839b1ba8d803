"""A small decoder learns what people take after what, in words, from several logs; a run may then start from it.

After CPRec (arXiv 2504.08949), known by its abstract and notes: rows over all domains while the step size stays, rows
of single domains while it falls. The rest is ours: rows are titles and nothing else, a batch asks for every next
token, and codes are no part of it, for they belong to one catalogue.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.data.corpora import CorpusRows, TitleRows
from core.errors import EnvironmentFault, ProjectError
from core.machine import device_of, use_bf16
from core.model.backbone import tiny_decoder
from core.model.pretrained import kernel_of
from core.model.vocabulary import train_tokenizer
from core.project import Project
from core.run.reporting import Reporter
from core.training.bucketing import bucketed
from core.training.fitting import fit
from core.training.schedule import Schedule

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BETWEEN = " ; "
"""Stands between two titles."""
ROW_TOKENS = 256
"""Tokens of a row, at most; the oldest titles are left out."""
NO_LABEL = -100
ABOUT = "pretrained.json"
"""The card of the folder: what was learnt from."""


class TokenBatch(NamedTuple):
    """Rows of tokens, padded on the right.

    Attributes:
        tokens: (batch, length).
        lengths: without padding; (batch,).
    """

    tokens: Tensor
    lengths: Tensor

    @property
    def token_count(self) -> int:
        """Tokens without padding."""
        return int(self.lengths.sum())


class _NextToken(nn.Module):
    """The training objective: every token after the first, by those before it."""

    def __init__(self, lm: PreTrainedModel) -> None:
        super().__init__()
        self.lm = lm

    def forward(self, batch: TokenBatch) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`."""
        device = self.lm.device
        tokens, lengths = batch.tokens.to(device), batch.lengths.to(device)
        there = torch.arange(tokens.shape[1], device=device) < lengths[:, None]
        # (batch, length - 1, tokens there are), and the number of the right one, (batch, length - 1).
        logits = self.lm(input_ids=tokens, attention_mask=there.long()).logits[:, :-1].float()
        labels = tokens[:, 1:].masked_fill(~there[:, 1:], NO_LABEL)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=NO_LABEL)
        return loss, {"title_loss": loss.item()}, int(there[:, 1:].sum())


def token_rows(rows: TitleRows, tokenizer: PreTrainedTokenizerBase, shuffled_by: int | None) -> list[list[int]]:
    """Every row in tokens, between a begin and an end; the newest titles that fit.

    Args:
        rows: titles.
        tokenizer: reads them.
        shuffled_by: a seed: each row's titles in random order, to see what their order is worth; None = as they are.
    """
    texts = [BETWEEN + title for title in rows.titles]
    spaced: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    found = []
    for number, row in enumerate(rows.rows):
        titles = row if shuffled_by is None else np.random.default_rng([shuffled_by, number]).permutation(row)
        left, parts = ROW_TOKENS - 2, list[list[int]]()
        for title in titles[::-1]:
            left -= len(spaced[title])
            if left < 0 and parts:
                break
            parts.append(spaced[title][: ROW_TOKENS - 2])
        body = [token for part in reversed(parts) for token in part]
        found.append([int(tokenizer.bos_token_id), *body, int(tokenizer.eos_token_id)])
    return found


def phases(epochs: int, anneal: float) -> tuple[int, int]:
    """Passes in which the step size stays, and in which it falls; at least one of either where there are two."""
    falling = min(max(1, round(anneal * epochs)), max(1, epochs - 1)) if anneal else 0
    return epochs - falling, falling


def pretrain(
    project: Project, rows: CorpusRows, out: Path, epochs: int, learning_rate: float, shuffled: bool, reporter: Reporter
) -> dict[str, Any]:
    """Train a decoder of the project's shape and write it as a Hugging Face folder; goes on where it was interrupted.

    Args:
        project: its [backbone] says the shape, its [tune] the batches and the fall of the step size, [run] and the seed
            the rest.
        rows: of `core.data.corpora.corpus_rows`.
        out: the new folder, to be named as backbone.model.
        epochs: passes over the mixed rows; in the last ones rows of single logs take as many steps.
        learning_rate: highest step size of AdamW.
        shuffled: whether each row's titles come in random order, for comparison.
        reporter: hears the progress; may ask to stop.

    Returns:
        What the card of the folder says.

    Raises:
        ProjectError: the folder is there already, or the project starts from a model that is there.
        EnvironmentFault: the folder cannot be written.
        StopRequested: somebody asked to stop.
    """
    if out.exists() or out.is_symlink():
        raise ProjectError(f"{out} is there already", "name a folder that is not there yet: --out FOLDER")
    if project.backbone.model != "tiny":
        raise ProjectError(
            f"backbone.model = {project.backbone.model!r}: pretraining begins with a small decoder of its own",
            "leave backbone.model out, or --set backbone.model=tiny",
        )
    tune, backbone, seed = project.tune, project.backbone, project.seed
    tokenizer = train_tokenizer(rows.single.titles, backbone.text_vocabulary)
    mixed, single = (token_rows(one, tokenizer, seed if shuffled else None) for one in (rows.mixed, rows.single))
    about: dict[str, Any] = {
        "corpora": {name: {"interactions": count, "cut": rows.cut[name]} for name, count in rows.counts.items()},
        "rows": {"mixed": len(mixed), "single": len(single)},
        "tokens": {"mixed": sum(map(len, mixed)), "single": sum(map(len, single))},
        "epochs": epochs, "learning_rate": learning_rate, "shuffled": shuffled, "seed": seed,
        "backbone": {name: getattr(backbone, name) for name in ("hidden_size", "layers", "heads", "intermediate_size")},
    }  # fmt: skip
    torch.manual_seed(seed)
    device = device_of(project.run)
    kernel = kernel_of(backbone.attention, device)
    lm = tiny_decoder(backbone, tokenizer, len(tokenizer), tune.dropout, kernel)
    objective = _NextToken(lm).to(device)
    stable, _ = phases(epochs, tune.anneal)
    schedule = Schedule(
        epochs, learning_rate, tune.weight_decay, tune.warmup, "wsd",
        anneal=1.0 - stable / epochs, anneal_to=tune.anneal_to, anneal_shape=tune.anneal_shape,
    )  # fmt: skip
    decides = json.dumps([about, asdict(schedule), asdict(tune), mixed, single])
    work = out.with_name(f".{out.name}.{hashlib.sha256(decides.encode()).hexdigest()[:12]}")

    def drawn(some: Sequence[list[int]], epoch: int) -> list[TokenBatch]:
        lengths = np.array([len(row) for row in some])
        size = max(1, tune.batch_tokens // max(2, int(lengths.mean())))
        order = bucketed(lengths, size, (seed, epoch), tune.batch_tokens)
        return [_batch([some[row] for row in batch], int(tokenizer.pad_token_id or 0)) for batch in order]

    steps = len(drawn(mixed, 0))

    def batches(epoch: int) -> list[TokenBatch]:
        """As many steps in every pass, whichever rows it takes."""
        found = drawn(mixed if epoch < stable else single, epoch)
        return [found[step % len(found)] for step in range(steps)]

    try:
        work.mkdir(parents=True, exist_ok=True)
        fit("titles", objective, batches, schedule, seed, reporter, work, use_bf16(project.run), device)
        shutil.rmtree(work)
        work.mkdir()
        objective.eval().to("cpu")
        lm.save_pretrained(work, safe_serialization=True)
        tokenizer.save_pretrained(work)
        about["steps"] = steps * epochs
        (work / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        os.rename(work, out)  # noqa: PTH104  Path.rename says nothing more
    except OSError as error:
        raise EnvironmentFault(f"cannot write {out}: {error.strerror or error}", "check the path") from error
    return about


def _batch(rows: Sequence[list[int]], pad: int) -> TokenBatch:
    lengths = torch.tensor([len(row) for row in rows])
    tokens = torch.full((len(rows), int(lengths.max())), pad, dtype=torch.long)
    for place, row in enumerate(rows):
        tokens[place, : len(row)] = torch.tensor(row)
    return TokenBatch(tokens, lengths)
