"""Objectives and batches of the sequential task, for tests."""

from __future__ import annotations

from typing import Any

from core.index.table import ItemIndex
from core.model.checkpoint import generator_of
from core.model.trie import Trie
from core.model.vocabulary import Vocabulary
from core.model_settings import TuneSettings
from core.tune.batch import Batch, collate
from core.tune.objective import Objective
from core.tune.soft_targets import SoftTargets
from core.tune.target_rows import SequentialRows, TargetRows


def batch_of(
    rows: TargetRows, vocabulary: Vocabulary, index: ItemIndex, soft_targets: SoftTargets | None = None,
    only: range | None = None, **layout: Any,
) -> Batch:  # fmt: skip
    """All rows, or only some, as one batch, with a teacher's word or without."""
    sequential = SequentialRows(rows, vocabulary.item_tokens(index), (vocabulary.frame,))
    examples = [sequential.example(row, 0, soft_targets is not None) for row in only or range(len(sequential))]
    return collate(examples, index.levels, soft_targets=soft_targets, **layout)


def objective_of(lm: Any, vocabulary: Vocabulary, index: ItemIndex, **settings: Any) -> Objective:
    """The sequential task alone."""
    plain = {"dropout": 0.0, "token_dropout": 0.0, "distill": 0.0}
    tune = TuneSettings(**{**plain, **settings})
    return Objective(generator_of(lm, vocabulary, index), Trie(index.codes), tune, {"sequential": 1.0}).eval()
