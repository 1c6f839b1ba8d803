"""The two forms of the contrast, as modules.

`summary` is EAGER-LLM's form (arXiv 2502.14735, the global contrast decompression task, and its released code): the
state at a row's last token, which has read the target's code, is projected to every source and finds the item's vector
among others (InfoNCE, arXiv 1807.03748). Duplicates of the right item are masked and items without a vector left out,
as the released code does not.

`next` is our form: the state before the target's code, which has not seen it, finds the target among all items by one
softmax over both sources. What it learns is a scorer of the whole catalogue besides the beams.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.model.dense import DenseHead
from core.model_settings import ContrastSettings
from core.training.softmax import Offsets, softmax_loss
from core.training.unit import unit_rows
from core.tune.losses import LossValue, TargetStates
from core.vectors import ItemVectors


class SummaryContrast(nn.Module):
    """Projectors from states to the sources' spaces.

    Args:
        settings: form, weights, temperature, negatives.
        hidden: width of a state.
        sources: vectors of the items, by name: `semantic`, `behavior`; those of weight 0 are left out.
    """

    def __init__(self, settings: ContrastSettings, hidden: int, sources: Mapping[str, ItemVectors]) -> None:
        super().__init__()
        self.settings = settings
        weights = {"semantic": settings.semantic, "behavior": settings.behavior}
        self.weights = {name: weights[name] for name in sources if weights[name] > 0}
        self.projectors = nn.ModuleDict()
        for name in self.weights:
            unit = functional.normalize(torch.from_numpy(sources[name].matrix).float(), dim=1)
            self.register_buffer(f"vectors_{name}", unit, persistent=False)
            self.register_buffer(f"known_{name}", torch.from_numpy(sources[name].known), persistent=False)
            self.projectors[name] = nn.Linear(hidden, unit.shape[1], bias=False)

    __call__: Callable[..., LossValue]

    def vectors(self, name: str) -> Tensor:
        """Unit vectors of a source; shape (items, dim)."""
        return self.get_buffer(f"vectors_{name}")

    def forward(self, batch: TargetStates) -> LossValue:
        """The weighted loss, and each source's own; see `core.tune.losses.Loss`."""
        states, items = batch.end_states, batch.end_items
        parts: dict[str, Tensor] = {}
        total = states.new_zeros((), dtype=torch.float32)
        if not len(items):
            return total, parts
        drawn = self._drawn(items.device)
        for name, weight in self.weights.items():
            known = self.get_buffer(f"known_{name}")[items]
            if not bool(known.any()):
                continue
            loss = self._loss(name, states[known], items[known], drawn)
            parts[name] = loss.detach()
            total = total + weight * loss
        return total, parts

    def _drawn(self, device: torch.device) -> Tensor | None:
        """Negatives for the whole batch and both sources, (negatives,); None = the whole catalogue."""
        count = len(self.vectors(next(iter(self.weights)))) if self.weights else 0
        wanted = self.settings.negatives
        return torch.randint(count, (wanted,), device=device) if 0 < wanted < count else None

    def _loss(self, name: str, states: Tensor, items: Tensor, drawn: Tensor | None) -> Tensor:
        """InfoNCE of one source: the mean over the rows; states (rows, hidden), items (rows,)."""
        projected = unit_rows(self.projectors[name](states).float())  # (rows, dim)
        vectors, known = self.vectors(name), self.get_buffer(f"known_{name}")
        # Against the whole catalogue, without the items that have no vector.
        if drawn is None:
            place = known.cumsum(0) - 1  # of every item among those that have one
            return softmax_loss(projected / self.settings.temperature, vectors[known], place[items])
        # Against drawn items: the right one first, (rows, 1 + negatives); the right one drawn again is masked.
        right = (projected * vectors[items]).sum(dim=1, keepdim=True)
        wrong = projected @ vectors[drawn].T
        wrong = wrong.masked_fill((drawn == items[:, None]) | ~known[drawn], -torch.inf)
        logits = torch.cat([right, wrong], dim=1) / self.settings.temperature
        return functional.cross_entropy(logits, torch.zeros_like(items))


class NextContrast(nn.Module):
    """One softmax over the catalogue: an item is the sum of its projected source vectors.

    An item of the history is most like the state, and rarely what comes next: how much its cosine is lowered, or
    raised where people come back, is learnt too. On a catalogue of more items than `negatives` the softmax runs over
    the items that the batch names, and so many others, drawn at random, that stand for all the rest.

    Args:
        settings: weights of the sources (their sum weighs the loss), temperature, negatives.
        hidden: width of a state, and of the common space.
        sources: vectors of the items, by name.
    """

    def __init__(self, settings: ContrastSettings, hidden: int, sources: Mapping[str, ItemVectors]) -> None:
        super().__init__()
        self.settings = settings
        weights = {"semantic": settings.semantic, "behavior": settings.behavior}
        self.names = [name for name in sources if weights[name] > 0]
        self.weight = sum(weights[name] for name in self.names)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.repeat = nn.Parameter(torch.zeros(()))
        self.count = len(sources[self.names[0]].matrix)
        self.maps = nn.ModuleDict()
        for name in self.names:
            unit = functional.normalize(torch.from_numpy(sources[name].matrix).float(), dim=1)
            known = torch.from_numpy(sources[name].known)
            self.register_buffer(f"vectors_{name}", unit * known[:, None], persistent=False)
            self.maps[name] = nn.Linear(unit.shape[1], hidden, bias=False)

    __call__: Callable[..., LossValue]

    def item_vectors(self, items: Tensor | None = None) -> Tensor:
        """Unit vectors of some items, or of all, in the common space; shape (items, hidden)."""
        sources = {name: self.get_buffer(f"vectors_{name}") for name in self.names}
        mixed = [self.maps[name](vectors if items is None else vectors[items]) for name, vectors in sources.items()]
        return unit_rows(torch.stack(mixed).sum(dim=0).float())

    def _others(self, named: Tensor) -> tuple[Tensor, float]:
        """Items that are drawn beside those that are named, and what their logits gain.

        They stand for all that are not named, so the softmax's sum over the catalogue is right on average.
        """
        others = torch.randint(self.count, (self.settings.negatives,), device=named.device)
        others = others[~torch.isin(others, named)]
        return others, math.log(max(self.count - len(named), 1) / max(len(others), 1))

    def forward(self, batch: TargetStates) -> LossValue:
        """The weighted loss, and the loss itself; see `core.tune.losses.Loss`."""
        if not len(batch.items):
            return batch.states.new_zeros((), dtype=torch.float32), {}
        loss = self.loss(batch)
        return self.weight * loss, {"": loss.detach()}

    def loss(self, batch: TargetStates) -> Tensor:
        """The mean loss of finding each target's item; there must be at least one."""
        temperature = self.settings.temperature
        items, past_items, teacher_items = batch.items, batch.past_items, batch.teacher_items
        # Queries, (targets, hidden), and what they are held against: all items in order, (items, hidden) ...
        queries, gains = unit_rows(self.query(batch.states).float()) / temperature, None
        if 0 < self.settings.negatives < self.count:
            # ... or those that the batch names, in order, then those drawn, (named + drawn, hidden). Item numbers
            # become columns; the logits of those drawn gain what makes them stand for all the rest.
            named = torch.cat([items, past_items, *([] if teacher_items is None else [teacher_items.flatten()])])
            named = named.unique()
            others, gain = self._others(named)
            vectors = self.item_vectors(torch.cat([named, others]))
            gains = torch.cat([vectors.new_zeros(len(named)), vectors.new_full((len(others),), gain)])
            items, past_items = torch.searchsorted(named, items), torch.searchsorted(named, past_items)
            teacher_items = None if teacher_items is None else torch.searchsorted(named, teacher_items)
        else:
            vectors = self.item_vectors()
        # Columns and weights of the answer, (targets, 1), and of what the teachers expect, (targets, 1 + top).
        columns, weights = items[:, None], torch.ones_like(items, dtype=torch.float32)[:, None]
        if teacher_items is not None and batch.teacher_probs is not None and batch.distill:
            columns = torch.cat([columns, teacher_items], dim=1)
            weights = torch.cat([(1 - batch.distill) * weights, batch.distill * batch.teacher_probs], 1)
        # Items of each target's own history gain or lose the learnt offset.
        offsets = Offsets(batch.past_rows, past_items, self.repeat / temperature)
        return softmax_loss(queries, vectors, columns, weights, offsets, gains)

    @torch.no_grad()
    def dense(self) -> DenseHead:
        """What scores the catalogue from now on."""
        query = self.query.weight.detach().clone()
        return DenseHead(query, self.item_vectors(), self.settings.temperature, float(self.repeat))
