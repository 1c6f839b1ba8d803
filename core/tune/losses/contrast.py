"""EAGER-LLM's contrast: states of the language model are pulled to the vectors that the codes were made from.

`summary` is the paper's form (methods dossier, section 3.4): the state at a row's last token, which has read the
target's code, is projected to every source and finds the item's vector among others (InfoNCE). Accidental positives
are masked and items without a vector left out, as the released code does not.

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
from core.settings import ContrastSettings
from core.vectors import ItemVectors


class Contrast(nn.Module):
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
            held = sources[name]
            unit = functional.normalize(torch.from_numpy(held.matrix).float(), dim=1)
            self.register_buffer(f"vectors_{name}", unit, persistent=False)
            self.register_buffer(f"known_{name}", torch.from_numpy(held.known), persistent=False)
            self.projectors[name] = nn.Linear(hidden, unit.shape[1], bias=False)

    __call__: Callable[..., tuple[Tensor, dict[str, Tensor]]]

    def vectors(self, name: str) -> Tensor:
        """Unit vectors of a source; shape (items, dim)."""
        return self.get_buffer(f"vectors_{name}")

    def forward(self, states: Tensor, items: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted loss, and each source's own.

        Args:
            states: shape (rows, hidden).
            items: the row's item; shape (rows,).
        """
        parts: dict[str, Tensor] = {}
        total = states.new_zeros((), dtype=torch.float32)
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
        """Negatives for the whole batch and both sources; None = the whole catalogue."""
        count = len(self.vectors(next(iter(self.weights)))) if self.weights else 0
        wanted = self.settings.negatives
        return torch.randint(count, (wanted,), device=device) if 0 < wanted < count else None

    def _loss(self, name: str, states: Tensor, items: Tensor, drawn: Tensor | None) -> Tensor:
        found = functional.normalize(self.projectors[name](states).float(), dim=1)
        vectors, known = self.vectors(name), self.get_buffer(f"known_{name}")
        if drawn is None:
            cosines = (found @ vectors.T).masked_fill(~known, -torch.inf)
            return functional.cross_entropy(cosines / self.settings.temperature, items)
        right = (found * vectors[items]).sum(dim=1, keepdim=True)
        wrong = found @ vectors[drawn].T
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
            held = sources[name]
            unit = functional.normalize(torch.from_numpy(held.matrix).float(), dim=1)
            self.register_buffer(f"vectors_{name}", unit * torch.from_numpy(held.known)[:, None], persistent=False)
            self.maps[name] = nn.Linear(unit.shape[1], hidden, bias=False)

    __call__: Callable[..., Tensor]

    def item_vectors(self, items: Tensor | None = None) -> Tensor:
        """Unit vectors of some items, or of all, in the common space; shape (items, hidden)."""
        sources = {name: self.get_buffer(f"vectors_{name}") for name in self.names}
        mixed = [self.maps[name](held if items is None else held[items]) for name, held in sources.items()]
        return functional.normalize(torch.stack(mixed).sum(dim=0).float(), dim=1)

    def _others(self, named: Tensor) -> tuple[Tensor, float]:
        """Items that are drawn beside those that are named, and what their logits gain.

        They stand for all that are not named, so the softmax's sum over the catalogue is right on average.
        """
        others = torch.randint(self.count, (self.settings.negatives,), device=named.device)
        others = others[~torch.isin(others, named)]
        return others, math.log(max(self.count - len(named), 1) / max(len(others), 1))

    def forward(
        self,
        states: Tensor,
        items: Tensor,
        past_rows: Tensor,
        past_items: Tensor,
        taught: Tensor | None = None,
        trust: Tensor | None = None,
        distill: float = 0.0,
    ) -> Tensor:
        """The loss of finding each row's item.

        Args:
            states: before the item's code; shape (rows, hidden).
            items: shape (rows,).
            past_rows: rows, once for every different item of their histories; shape (pasts,).
            past_items: these items; shape (pasts,).
            taught: items that the teachers expect; shape (rows, top).
            trust: their probabilities.
            distill: share of the loss that follows the teachers.
        """
        warmth = self.settings.temperature
        found = functional.normalize(self.query(states).float(), dim=1) / warmth
        if 0 < self.settings.negatives < self.count:
            named = torch.cat([items, past_items, *([] if taught is None else [taught.flatten()])]).unique()
            others, gain = self._others(named)
            logits = (found @ self.item_vectors(torch.cat([named, others])).T).float()
            logits[:, len(named) :] += gain
            items, past_items = torch.searchsorted(named, items), torch.searchsorted(named, past_items)
            taught = None if taught is None else torch.searchsorted(named, taught)
        else:
            logits = (found @ self.item_vectors().T).float()
        logits.index_put_((past_rows, past_items), (self.repeat / warmth).expand(len(past_rows)), accumulate=True)
        chances = torch.log_softmax(logits, dim=1)
        named, weights = items[:, None], torch.ones_like(items, dtype=torch.float32)[:, None]
        if taught is not None and trust is not None and distill:  # one look-up for both: the matrix is large
            named, weights = torch.cat([named, taught], dim=1), torch.cat([(1 - distill) * weights, distill * trust], 1)
        return -(chances.gather(1, named) * weights).sum(dim=1).mean()

    @torch.no_grad()
    def dense(self) -> DenseHead:
        """What scores the catalogue from now on."""
        query = self.query.weight.detach().clone()
        return DenseHead(query, self.item_vectors(), self.settings.temperature, float(self.repeat))
