"""The loss of a batch: codes of items, words of texts, and what further losses add."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from core.model.generator import Generator
from core.model.trie import Trie
from core.model_settings import TuneSettings
from core.prompts.tasks import task_number
from core.registry import TASKS
from core.training.dropout import dropout
from core.tune.batch import Batch
from core.tune.losses import TargetStates
from core.tune.reward import expected_reward
from core.tune.word_losses import word_losses

SEQUENTIAL = task_number("sequential")


class Objective(nn.Module):
    """Predicts what a batch marks as targets.

    An item counts as one unit, its loss being minus the log-probability of its code. Under the softmax `legal` each
    level runs over the codes that the trie allows there, exactly as in decoding, so this is minus the log-probability
    of the item among the whole catalogue. A token of a text counts as one level of an item does. Units are weighted by
    their task, and the loss is their mean.

    A teacher's expectation, where there is one, is mixed into the answer: at each level, its probability of every
    branch below the prefix of the answer. Further losses join with their weights.

    Args:
        model: the generator.
        trie: legal codes.
        settings: dropout, distillation, softmax.
        weights: of each task, by name.
        losses: modules of further losses by name, see `core.tune.losses.Loss.build`.
        loss_weights: weight of each of them; the others are not asked.
        rewarded: whether items follow their expected reward in place of their likelihood, see `core.tune.reward`.
    """

    def __init__(
        self,
        model: Generator,
        trie: Trie,
        settings: TuneSettings,
        weights: Mapping[str, float],
        losses: Mapping[str, nn.Module] | None = None,
        loss_weights: Mapping[str, float] | None = None,
        rewarded: bool = False,
    ) -> None:
        super().__init__()
        self.model, self.trie, self.settings, self.rewarded = model, trie, settings, rewarded
        self.losses, self.loss_weights = nn.ModuleDict(losses or {}), dict(loss_weights or {})
        self.register_load_state_dict_pre_hook(_modern_names)  # type: ignore[no-untyped-call]
        self.task_weights: Tensor
        of_tasks = torch.tensor([weights.get(task, 0.0) for task in TASKS.all_names])
        self.register_buffer("task_weights", of_tasks, persistent=False)
        self.code_mass = -1.0
        """Probability of codes where an item's first code came in the last batch; known under `vocabulary` alone."""
        self.several = sum(weight > 0 for weight in weights.values()) > 1

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`."""
        states = self._states(batch)
        item_weights, word_weights = self.task_weights[batch.item_tasks], self.task_weights[batch.word_tasks]
        # Losses of items, with the teachers' share and without, (items,), and of words, (words,).
        parts: dict[str, Tensor] = {}
        items, answers = self._items(states, batch, parts)
        words = self._words(states, batch)
        # Their weighted mean; a word counts as one level of an item.
        units = item_weights.sum() + word_weights.sum() / self.model.levels
        units = units.clamp_min(1e-9)
        total = ((items * item_weights).sum() + (words * word_weights).sum()) / units
        shown = ((answers * item_weights).sum() + (words.detach() * word_weights).sum()) / units
        parts = {"loss": shown, **parts}  # what is shown is the loss of the answers, whatever the teachers say
        if self.several:
            parts |= _by_task(answers, batch.item_tasks) | _by_task(words.detach(), batch.word_tasks)
        total = total + self._further(states, batch, parts)
        numbers = torch.stack([part.float() for part in parts.values()]).tolist()
        values = dict(zip(parts, numbers, strict=True))
        self.code_mass = values.get("code_mass", -1.0)
        return total, values, batch.targets

    def _states(self, batch: Batch) -> Tensor:
        """Last states of all tokens; (tokens, hidden)."""
        # Vectors of the tokens, (rows, length, hidden); some codes of the history and words of wordings are hidden.
        embedded = self.model.embed(batch.tokens)
        share = self.settings.token_dropout if self.training else 0.0
        if share:
            kept = torch.rand(batch.tokens.shape, device=embedded.device) >= share
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
        # Masks over the wordings' words, (asking,): those that are hidden, and of these those that are swapped.
        drawn = torch.rand(len(asking), device=embedded.device) / self.settings.word_dropout
        hidden, other = drawn < 1, torch.randint_like(asking, len(self.model.is_code))
        swapped = (drawn < 0.5) & ~self.model.is_code[other]
        # What stands in their place, (asking, hidden): zero, or the vector of another word.
        noise = self.model.embed(other).detach() * swapped[:, None]  # teaches no word its own vector
        return embedded.flatten(0, 1).index_copy(0, asking[hidden], noise[hidden]).view_as(embedded)

    def _items(self, states: Tensor, batch: Batch, parts: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Loss of every predicted item, with and without the teachers' share; (items,) each."""
        answers = states.new_zeros(len(batch.items), dtype=torch.float32)
        soft = states.new_zeros(len(batch.teacher_heads), dtype=torch.float32)
        if not len(batch.items):
            return answers, answers
        share = self.settings.distill if len(batch.teacher_heads) and not self.rewarded else 0.0
        of_levels = []
        # The node of each answer's prefix, (items,), and the mask of the teachers' items under it, (asked, top).
        nodes, prefix_mask = torch.zeros_like(batch.items), torch.ones_like(batch.teacher_items, dtype=torch.bool)
        for level in range(self.model.levels):
            # Log-probabilities of the candidates of this level, (items, candidates), and the answer's place, (items,).
            parent_offset, nodes = self._parent_offset(nodes, level), self.trie.nodes(batch.items, level + 1)
            log_probs, place = self._log_probs(states[batch.heads + level], batch.items, parent_offset, nodes, level)
            loss = -log_probs.gather(1, place[:, None])[:, 0]
            sequential = batch.item_tasks == SEQUENTIAL
            if sequential.any():
                parts[f"loss_{level + 1}"] = loss.detach()[sequential].mean()
            answers = answers + loss
            of_levels.append(-loss)
            if self.rewarded and level == 0:  # falling entropy is the known price of rewards
                parts["entropy_1"] = -(log_probs.exp() * log_probs).detach().sum(dim=1).mean()
            if self.settings.softmax == "vocabulary" and level == 0:
                codes = self.model.code_tokens(torch.arange(self.model.width(level), device=log_probs.device), level)
                parts["code_mass"] = log_probs.detach()[:, codes].exp().sum(dim=1).mean()
            # Cross-entropy with the teachers' items that go on from the answer's prefix; (asked,).
            if share:
                child_nodes = self.trie.nodes(batch.teacher_items, level + 1)
                candidates = self._candidates(
                    batch.teacher_items, child_nodes, parent_offset[batch.teacher_heads], level
                ).where(prefix_mask, 0)
                soft_log_probs = log_probs[batch.teacher_heads].gather(1, candidates)
                soft = soft - (soft_log_probs * (batch.teacher_probs * prefix_mask)).sum(dim=1)
                prefix_mask = child_nodes == nodes[batch.teacher_heads][:, None]
        if self.rewarded:
            # In units of the batch's mean, so that its size says nothing; the gradient is that of -log of the mean.
            reward = expected_reward(torch.stack(of_levels, dim=1), self.settings)
            parts |= {"reward": reward.detach().mean(), "hit": answers.detach().neg().exp().mean()}
            return -reward / reward.detach().mean().clamp_min(1e-9), answers.detach()
        if not share:
            return answers, answers.detach()
        mixed = answers.index_add(0, batch.teacher_heads, share * (soft - answers[batch.teacher_heads]))
        return mixed, answers.detach()

    def _parent_offset(self, nodes: Tensor, level: int) -> Tensor:
        """The first child of each node: children are counted from it; (items,)."""
        return self.trie.levels[level].starts[nodes].long()

    def _log_probs(
        self, states: Tensor, items: Tensor, parent_offset: Tensor, nodes: Tensor, level: int
    ) -> tuple[Tensor, Tensor]:
        """Log-probabilities of what may come at a level, (items, candidates), and the place of the answer, (items,).

        Candidates are the children of the answer's prefix (`legal`), the codes of the level (`level`), or all tokens
        (`vocabulary`).
        """
        if self.settings.softmax == "legal":
            parents = self.trie.nodes(items, level)
            codes, _, legal = self.trie.levels[level].branches(parents)
            logits = self._tempered(self.model.branch_logits(states, level, parents, codes, legal))
            log_probs = torch.log_softmax(logits.masked_fill(~legal, -torch.inf), dim=1).masked_fill(~legal, 0.0)
            return log_probs, nodes - parent_offset
        if self.settings.softmax == "level":
            codes = self.trie.levels[level].codes[nodes].long()
            return torch.log_softmax(self._tempered(self.model.level_logits(states, level)), dim=1), codes
        log_probs = torch.log_softmax(self._tempered(self.model.word_logits(states)), dim=1)
        return log_probs, self.model.item_tokens[items, level]

    def _tempered(self, logits: Tensor) -> Tensor:
        """Logits in fp32 over the temperature of training.

        LETTER's ranking-guided loss (arXiv 2405.07314, section 3.3): the lower it is, the more the loss follows the
        hardest of the other codes. Lists are made without it.
        """
        logits = logits.float()
        return logits if self.settings.temperature == 1.0 else logits / self.settings.temperature

    def _candidates(self, items: Tensor, child_nodes: Tensor, parent_offset: Tensor, level: int) -> Tensor:
        """Place of other items among the candidates of `_log_probs`; shape of `items`, (asked, top)."""
        if self.settings.softmax == "legal":
            return child_nodes - parent_offset[:, None]
        if self.settings.softmax == "level":
            return self.trie.levels[level].codes[child_nodes].long()
        return self.model.item_tokens[items, level]

    def _words(self, states: Tensor, batch: Batch) -> Tensor:
        """Loss of every predicted token of a text; (words,)."""
        if not len(batch.words):
            return states.new_zeros(0, dtype=torch.float32)
        return word_losses(self.model.lm, states[batch.words], batch.word_ids)

    def _further(self, states: Tensor, batch: Batch, parts: dict[str, Tensor]) -> Tensor | float:
        """The weighted sum of the further losses; adds their parts."""
        asked = {name: weight for name, weight in self.loss_weights.items() if name in self.losses}
        if not asked:
            return 0.0
        # The sequential targets among the heads, (items,), and their place among themselves.
        sequential = batch.item_tasks == SEQUENTIAL
        place = sequential.cumsum(0) - 1
        teachers: dict[str, Tensor | float] = {}
        if len(batch.teacher_heads) and len(batch.teacher_heads) == int(sequential.sum()):
            teachers = {
                "teacher_items": batch.teacher_items, "teacher_probs": batch.teacher_probs,
                "distill": self.settings.distill,
            }  # fmt: skip
        view = TargetStates(
            states[batch.heads[sequential]], batch.items[sequential], place[batch.past_heads], batch.past_items,
            states[batch.ends], batch.end_items, **teachers,  # type: ignore[arg-type]
        )  # fmt: skip
        total: Tensor | float = 0.0
        for name, weight in asked.items():
            loss, of_parts = self.losses[name](view)
            parts.update({f"loss/{name} {part}".rstrip(): value for part, value in of_parts.items()})
            total = total + weight * loss
        return total


def _modern_names(module: nn.Module, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
    """Checkpoints of version 0.1 know the contrast by another name; a training that it left goes on."""
    old, new = f"{prefix}contrast.", f"{prefix}losses.contrast."
    for name in [name for name in state if name.startswith(old)]:
        state[new + name.removeprefix(old)] = state.pop(name)


def _by_task(losses: Tensor, tasks: Tensor) -> dict[str, Tensor]:
    """Mean loss of each task that is there; losses and tasks (units,)."""
    return {f"loss/{TASKS.all_names[task]}": losses[tasks == task].mean() for task in tasks.unique().tolist()}
