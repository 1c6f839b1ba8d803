"""The loss of a batch: codes of items, words of texts, and the contrast to the items' vectors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.model.generator import Generator
from core.model.trie import Trie
from core.settings import TASKS, TuneSettings
from core.training.dropout import dropout
from core.tune.batch import Batch
from core.tune.losses.contrast import Contrast, NextContrast

SEQUENTIAL = TASKS.index("sequential")


class Objective(nn.Module):
    """Predicts what a batch marks as targets.

    An item counts as one unit, its loss being minus the log-probability of its code. Under the softmax `legal` each
    level runs over the codes that the trie allows there, exactly as in decoding, so this is minus the log-probability
    of the item among the whole catalogue. A token of a text counts as one level of an item does. Units are weighted by
    their task, and the loss is their mean.

    A teacher's expectation, where there is one, is mixed into the answer: at each level, its probability of every
    branch below the prefix of the answer.

    Args:
        model: the generator.
        trie: legal codes.
        settings: dropout, distillation, softmax.
        weights: of each task, by name.
        contrast: pulls states to the items' vectors; None = nothing does.
    """

    def __init__(
        self,
        model: Generator,
        trie: Trie,
        settings: TuneSettings,
        weights: Mapping[str, float],
        contrast: Contrast | NextContrast | None = None,
    ) -> None:
        super().__init__()
        self.model, self.trie, self.settings, self.contrast = model, trie, settings, contrast
        self.task_weights: Tensor
        self.register_buffer("task_weights", torch.tensor([weights.get(t, 0.0) for t in TASKS]), persistent=False)
        self.code_mass = -1.0
        """Belief that the last batch gave to codes where an item's first code came; known under `vocabulary` alone."""
        self.several = sum(weight > 0 for weight in weights.values()) > 1

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`."""
        states = self._states(batch)
        item_weights, word_weights = self.task_weights[batch.item_tasks], self.task_weights[batch.word_tasks]
        parts: dict[str, Tensor] = {}
        items, each = self._items(states, batch, parts)
        words = self._words(states, batch)
        units = item_weights.sum() + word_weights.sum() / self.model.levels
        units = units.clamp_min(1e-9)
        total = ((items * item_weights).sum() + (words * word_weights).sum()) / units
        shown = ((each * item_weights).sum() + (words.detach() * word_weights).sum()) / units
        parts = {"loss": shown, **parts}  # what is told is the loss of the answers, whatever the teachers say
        if self.several:
            parts |= _by_task(each, batch.item_tasks) | _by_task(words.detach(), batch.word_tasks)
        total = total + self._contrast(states, batch, parts)
        values = torch.stack([part.float() for part in parts.values()]).tolist()
        told = dict(zip(parts, values, strict=True))
        self.code_mass = told.get("code_mass", -1.0)
        return total, told, batch.targets

    def _states(self, batch: Batch) -> Tensor:
        """Last states of all tokens; (tokens, hidden)."""
        embedded = self.model.embed(batch.tokens)
        hidden = self.settings.token_dropout if self.training else 0.0
        if hidden:
            kept = torch.rand(batch.tokens.shape, device=embedded.device) >= hidden
            embedded = embedded * (kept | ~self.model.is_code[batch.tokens])[..., None]
        if self.training and self.settings.word_dropout:
            embedded = self._hide(embedded, batch.asking)
        embedded = dropout(embedded, self.settings.dropout, self.training)
        position = batch.positions if batch.positions.numel() else None
        return self.model.states(embedded, position=position).flatten(0, 1)

    def _hide(self, embedded: Tensor, asking: Tensor) -> Tensor:
        """Take words of wordings away; every other one has a word drawn from the whole vocabulary in its place.

        A model that has seen few wordings must not hang on to their very words, nor stumble over those of others: the
        vectors of words that it has not read are as good as drawn.
        """
        drawn = torch.rand(len(asking), device=embedded.device) / self.settings.word_dropout
        hidden, other = drawn < 1, torch.randint_like(asking, len(self.model.is_code))
        swapped = (drawn < 0.5) & ~self.model.is_code[other]
        noise = self.model.embed(other).detach() * swapped[:, None]  # teaches no word its own vector
        return embedded.flatten(0, 1).index_copy(0, asking[hidden], noise[hidden]).view_as(embedded)

    def _items(self, states: Tensor, batch: Batch, parts: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Loss of every predicted item, with and without the teachers' share; (items,) each."""
        answers = states.new_zeros(len(batch.items), dtype=torch.float32)
        lessons = states.new_zeros(len(batch.lesson_heads), dtype=torch.float32)
        if not len(batch.items):
            return answers, answers
        share = self.settings.distill if len(batch.lesson_heads) else 0.0
        nodes, same = torch.zeros_like(batch.items), torch.ones_like(batch.taught, dtype=torch.bool)
        for level in range(self.model.levels):
            first, nodes = self._first(nodes, level), self.trie.nodes(batch.items, level + 1)
            guess, chosen = self._guess(states[batch.heads + level], batch.items, first, nodes, level)
            loss = -guess.gather(1, chosen[:, None])[:, 0]
            sequential = batch.item_tasks == SEQUENTIAL
            if sequential.any():
                parts[f"loss_{level + 1}"] = loss.detach()[sequential].mean()
            answers = answers + loss
            if self.settings.softmax == "vocabulary" and level == 0:
                codes = self.model.code_tokens(torch.arange(self.model.width(level), device=guess.device), level)
                parts["code_mass"] = guess.detach()[:, codes].exp().sum(dim=1).mean()
            if share:
                below = self.trie.nodes(batch.taught, level + 1)
                branch = self._branch(batch.taught, below, first[batch.lesson_heads], level).where(same, 0)
                ours = guess[batch.lesson_heads]
                lessons = lessons - (ours.gather(1, branch) * (batch.trust * same)).sum(dim=1)
                same = below == nodes[batch.lesson_heads][:, None]
        if not share:
            return answers, answers.detach()
        mixed = answers.index_add(0, batch.lesson_heads, share * (lessons - answers[batch.lesson_heads]))
        return mixed, answers.detach()

    def _first(self, nodes: Tensor, level: int) -> Tensor:
        """The first branch below each node: branches are counted from it."""
        return self.trie.levels[level].starts[nodes].long()

    def _guess(self, states: Tensor, items: Tensor, first: Tensor, nodes: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """Log-probabilities of what may come at a level, and the place of the answer among it."""
        if self.settings.softmax == "legal":
            codes, _, legal = self.trie.levels[level].branches(self.trie.nodes(items, level))
            logits = self.model.level_logits(states, level).float().gather(1, codes)
            guess = torch.log_softmax(logits.masked_fill(~legal, -torch.inf), dim=1).masked_fill(~legal, 0.0)
            return guess, nodes - first
        if self.settings.softmax == "level":
            codes = self.trie.levels[level].codes[nodes].long()
            return torch.log_softmax(self.model.level_logits(states, level).float(), dim=1), codes
        guess = torch.log_softmax(self.model.word_logits(states).float(), dim=1)
        return guess, self.model.item_tokens[items, level]

    def _branch(self, items: Tensor, below: Tensor, first: Tensor, level: int) -> Tensor:
        """Place of expected items among what `_guess` gives."""
        if self.settings.softmax == "legal":
            return below - first[:, None]
        if self.settings.softmax == "level":
            return self.trie.levels[level].codes[below].long()
        return self.model.item_tokens[items, level]

    def _words(self, states: Tensor, batch: Batch) -> Tensor:
        """Loss of every predicted token of a text; (words,)."""
        if not len(batch.words):
            return states.new_zeros(0, dtype=torch.float32)
        logits = self.model.word_logits(states[batch.words]).float()
        return functional.cross_entropy(logits, batch.word_ids, reduction="none")

    def _contrast(self, states: Tensor, batch: Batch, parts: dict[str, Tensor]) -> Tensor | float:
        """The weighted loss of the contrast; adds its parts."""
        if isinstance(self.contrast, Contrast) and len(batch.ends):
            loss, own = self.contrast(states[batch.ends], batch.end_items)
            parts.update({f"loss/contrast {name}": value for name, value in own.items()})
            return loss
        if isinstance(self.contrast, NextContrast):
            chosen = batch.item_tasks == SEQUENTIAL
            if chosen.any():
                taught = len(batch.lesson_heads) == int(chosen.sum())
                place = chosen.cumsum(0) - 1
                loss = self.contrast(
                    states[batch.heads[chosen]], batch.items[chosen], place[batch.past_heads], batch.past_items,
                    *((batch.taught, batch.trust, self.settings.distill) if taught else ()),
                )  # fmt: skip
                parts["loss/contrast"] = loss.detach()
                return self.contrast.weight * loss
        return 0.0


def _by_task(losses: Tensor, tasks: Tensor) -> dict[str, Tensor]:
    """Mean loss of each task that is there."""
    return {f"loss/{TASKS[task]}": losses[tasks == task].mean() for task in tasks.unique().tolist()}
