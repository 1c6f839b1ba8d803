"""The generator: a causal language model together with what it must know of the items' codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedModel

from core.recommend.trie import Trie
from core.tune.dropout import dropout
from core.tune.trainable import embed, head_logits
from core.tune.windows import Mask


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
        self.frame: Tensor
        self.register_buffer("item_tokens", torch.from_numpy(item_tokens), persistent=False)
        self.register_buffer("frame", torch.tensor(list(frame)), persistent=False)
        for level, ids in enumerate(code_ids):
            self.register_buffer(f"codes_{level}", torch.from_numpy(ids), persistent=False)

    @property
    def levels(self) -> int:
        """Codes an item."""
        return int(self.item_tokens.shape[1])

    def prompt(self, histories: Tensor) -> Tensor:
        """Token ids of frame and histories; (users, length) item numbers -> (users, tokens)."""
        frame = self.frame.expand(len(histories), -1)
        return torch.cat([frame, self.item_tokens[histories].flatten(1)], dim=1)

    def code_tokens(self, codes: Tensor, level: int) -> Tensor:
        """Token ids of codes of one level; any shape."""
        return torch.as_tensor(self.get_buffer(f"codes_{level}")[codes])

    def embed(self, tokens: Tensor) -> Tensor:
        """Input vectors of token ids."""
        return embed(self.lm, tokens)

    def states(
        self, embedded: Tensor, cache: Cache | None = None, mask: Mask | None = None, position: Tensor | None = None
    ) -> Tensor:
        """Last-layer states; `cache` is extended, `mask` as `core.tune.windows.masks` makes it."""
        out = self.lm.base_model(
            inputs_embeds=embedded,
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
            use_cache=cache is not None,
        )
        return torch.as_tensor(out.last_hidden_state)

    def level_logits(self, states: Tensor, level: int) -> Tensor:
        """Logits of the level's codes alone; (..., width)."""
        return head_logits(self.lm, states, self.get_buffer(f"codes_{level}"))


class Batch(NamedTuple):
    """Some training rows.

    Attributes:
        items: item numbers, padded on the right with -1; shape (rows, items).
        first_target: place of each row's first target; shape (rows,).
        taught: item numbers that the teacher expects at each target, row by row; shape (targets, top). Empty = none.
        trust: the teacher's probabilities of these; same shape.
    """

    items: Tensor
    first_target: Tensor
    taught: Tensor
    trust: Tensor


class NextItem(nn.Module):
    """The sequential task, every item supervised: the loss of predicting each item's code from what came before.

    At each level the softmax runs over the codes that the trie allows there, exactly as in decoding, so the sum over
    the levels is minus the log-probability of the item among the whole catalogue. A teacher's expectation, where there
    is one, is mixed into the answer: at each level, its probability of every branch below the prefix of the answer.

    Args:
        model: the generator.
        trie: legal codes.
        dropout: share of the input activations dropped.
        token_dropout: share of the input tokens hidden.
        distill: share of the loss that follows the teacher.
    """

    def __init__(self, model: Generator, trie: Trie, dropout: float, token_dropout: float, distill: float) -> None:
        super().__init__()
        self.model, self.trie = model, trie
        self.dropout, self.token_dropout, self.distill = dropout, token_dropout, distill

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, float], int]:
        """See `core.tune.loop.Loop`."""
        length = batch.items.shape[1]
        levels, frame = self.model.levels, len(self.model.frame)
        tokens = self.model.prompt(batch.items.clamp_min(0))[:, :-1]
        embedded = self.model.embed(tokens)
        if self.training and self.token_dropout:
            kept = torch.rand(tokens.shape, device=tokens.device) >= self.token_dropout
            kept[:, :frame] = True
            embedded = embedded * kept[..., None]
        embedded = dropout(embedded, self.dropout, self.training)
        # Token i predicts token i + 1, so an item's codes are predicted from the place before its first one on.
        states = self.model.states(embedded)[:, frame - 1 :].unflatten(1, (length, levels))
        place = torch.arange(length, device=tokens.device)
        wanted = (batch.items >= 0) & (place >= batch.first_target[:, None])
        chosen, targets = states[wanted], batch.items[wanted]
        total = states.new_zeros((), dtype=torch.float32)
        parts: dict[str, float] = {"loss": 0.0}
        nodes, same = torch.zeros_like(targets), torch.ones_like(batch.taught, dtype=torch.bool)
        for level, branching in enumerate(self.trie.levels):
            codes, children, legal = branching.branches(nodes)
            first, nodes = children[:, 0], self.trie.nodes(targets, level + 1)
            logits = self.model.level_logits(chosen[:, level], level).float().gather(1, codes)
            guess = torch.log_softmax(logits.masked_fill(~legal, -torch.inf), dim=1).masked_fill(~legal, 0.0)
            loss = -guess.gather(1, (nodes - first)[:, None]).mean()
            parts[f"loss_{level + 1}"] = loss.item()
            parts["loss"] += loss.item()
            if batch.taught.numel():
                below = self.trie.nodes(batch.taught, level + 1)
                branch = (below - first[:, None]).where(same, 0)
                expected = torch.zeros_like(guess).scatter_add_(1, branch, batch.trust * same)
                loss = (1.0 - self.distill) * loss - self.distill * (expected * guess).sum(dim=1).mean()
                same = below == nodes[:, None]
            total = total + loss
        return total, parts, len(targets)
