"""The generator: a causal language model together with what it must know of the items' codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.model.forward import cap_logits, embed, head_logits, head_rows, hidden_states
from core.model.masks import Mask
from core.model.sibling_logits import sibling_logits

if TYPE_CHECKING:
    from transformers import Cache, PreTrainedModel

SCORES = 1 << 23
"""Scores of a level that are held at a time."""
WIDE = 2048
"""Codes of a level from which on a product with all of them costs more than one with each node's own."""


class Generator(nn.Module):
    """A language model read as a recommender: histories of items in, scores of the next item's codes out.

    A sequence is the frame, then the codes of every item, nothing between them; so the state after an item's last
    code predicts the next item's first one, in training and in decoding alike. Only the rows of the output head that
    belong to the level's codes are ever multiplied.

    Args:
        lm: any decoder-only model of transformers, its embeddings already as large as the vocabulary.
        code_ids: token id of each code, level by level.
        item_tokens: token ids of every item's code; shape (items, levels).
        frame: token ids before every history.
    """

    def __init__(
        self,
        lm: PreTrainedModel,
        code_ids: Sequence[npt.NDArray[np.int64]],
        item_tokens: npt.NDArray[np.int64],
        frame: Sequence[int],
    ) -> None:
        super().__init__()
        self.lm = lm
        self.item_tokens: Tensor
        self.is_code: Tensor
        self.frame: Tensor
        # None of these is persistent: a checkpoint has the codes in its index and manifest.
        self.register_buffer("item_tokens", torch.from_numpy(item_tokens), persistent=False)
        self.register_buffer("frame", torch.tensor(list(frame)), persistent=False)
        # Whether a token of the vocabulary is a code; (vocabulary,).
        is_code = torch.zeros(int(lm.config.vocab_size), dtype=torch.bool)
        is_code[torch.from_numpy(np.concatenate(code_ids))] = True
        self.register_buffer("is_code", is_code, persistent=False)
        # Token ids of all levels' codes in one row, (sum of widths,), and where each level's begin in it.
        self.all_code_ids: Tensor
        self.register_buffer("all_code_ids", torch.from_numpy(np.concatenate(code_ids)), persistent=False)
        self.level_starts = [0, *np.cumsum([len(ids) for ids in code_ids]).tolist()]

    @property
    def levels(self) -> int:
        """Codes an item."""
        return int(self.item_tokens.shape[1])

    def width(self, level: int) -> int:
        """Codes of a level."""
        return len(self.code_ids(level))

    def code_ids(self, level: int) -> Tensor:
        """Token ids of a level's codes; int64, shape (width,)."""
        return self.all_code_ids[self.level_starts[level] : self.level_starts[level + 1]]

    def prompt(self, histories: Tensor) -> Tensor:
        """Token ids of frame and histories; (users, length) item numbers -> (users, tokens)."""
        frame = self.frame.expand(len(histories), -1)
        return torch.cat([frame, self.item_tokens[histories].flatten(1)], dim=1)

    def code_tokens(self, codes: Tensor, level: int) -> Tensor:
        """Token ids of codes of one level; any shape, kept."""
        return self.code_ids(level)[codes]

    def embed(self, tokens: Tensor) -> Tensor:
        """Input vectors of token ids."""
        return embed(self.lm, tokens)

    def states(
        self, embedded: Tensor, cache: Cache | None = None, mask: Mask | None = None, position: Tensor | None = None
    ) -> Tensor:
        """Last-layer states; see `core.model.forward.hidden_states`."""
        return hidden_states(self.lm, embedded, cache, mask, position)

    def word_logits(self, states: Tensor) -> Tensor:
        """Logits of the whole vocabulary; (..., hidden) -> (..., vocabulary)."""
        return head_logits(self.lm, states)

    def level_logits(self, states: Tensor, level: int) -> Tensor:
        """Logits of the level's codes alone; (..., hidden) -> (..., width)."""
        return head_logits(self.lm, states, self.code_ids(level))

    def branch_logits(self, states: Tensor, level: int, nodes: Tensor, codes: Tensor, legal: Tensor) -> Tensor:
        """Logits in fp32 of the codes that may follow some nodes.

        A level as wide as the catalogue is scored group by group on a CPU, else a few rows at a time, so that no more
        scores are held than asked for.

        Args:
            states: what predicts the codes; shape (rows, ..., hidden).
            level: of the codes.
            nodes: below which they stand; shape (rows, ...).
            codes: see `Level.branches`; shape of `nodes` plus one axis.
            legal: likewise.

        Returns:
            Shape of `codes`; what stands where no code is says nothing.
        """
        if self.width(level) >= WIDE and states.device.type == "cpu" and nodes.numel():
            # Each node once, with the codes below it: which rows ask for it, and the first that does.
            parents, group = torch.unique(nodes.flatten(), return_inverse=True)
            rows = torch.arange(len(group))
            first = rows.new_empty(len(parents)).scatter_reduce_(0, group, rows, "amin", include_self=False)
            below = legal.flatten(0, -2)[first]
            ids = self.code_tokens(codes.flatten(0, -2)[first][below], level)
            weight, bias = head_rows(self.lm, ids)
            if bias is None:
                logits = sibling_logits(states.flatten(0, -2), weight, group, below.sum(dim=1))
                return cap_logits(self.lm, logits).view_as(codes)
        scores = self.width(level) * (states[0].numel() // states.shape[-1] if len(states) else 1)
        some = max(1, SCORES // max(1, scores))
        parts = zip(states.split(some), codes.split(some), strict=True)
        return torch.cat([self.level_logits(part, level).gather(-1, own).float() for part, own in parts])
