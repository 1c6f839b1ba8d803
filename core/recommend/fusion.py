"""Fusion of independent scorers: candidates of each, scored exactly by all, in one list.

A list follows the weighted sum of the parts' log-probabilities (a logarithmic opinion pool: Genest & Zidek 1986,
Statistical Science 1(1)), the first of which is the generator. Validation chooses the weights, one set for lists that
may hold seen items and one for lists that may not; the stage `evaluate` writes them down.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.errors import DataError
from core.files import write_atomic
from core.model.checkpoint import TunedModel
from core.model.trie import Allowed
from core.recommend.beam import Lists, beam_search
from core.recommend.catalogue_parts import DENSE, GENERATOR, CataloguePart, DensePart, FittedPart, Later
from core.recommend.encoded import Histories, encode
from core.recommend.exact import exact_log_probs
from core.safe_json import number, read_object
from core.settings import OTHER_PARTS

FUSION_FILE = "fusion.json"
"""Where the stage `evaluate` keeps parts and weights."""
_BLEND_FILE = "blend.json"
"""What it kept up to version 0.1: the weight of the dense head."""


@dataclass(frozen=True)
class Fusion:
    """What lists follow.

    Attributes:
        parts: names, the generator first.
        kept: weight of each part in lists that may hold items of the history; none is below 0.
        hidden: the same in lists that may not.
    """

    parts: tuple[str, ...]
    kept: tuple[float, ...]
    hidden: tuple[float, ...]

    def weights(self, hide_seen: bool) -> tuple[float, ...]:
        """The weights of lists without items of the history, or with them."""
        return self.hidden if hide_seen else self.kept

    @property
    def baselines(self) -> tuple[str, ...]:
        """The parts that are baselines."""
        return tuple(name for name in self.parts if name not in (GENERATOR, *OTHER_PARTS))

    @staticmethod
    def alone() -> Fusion:
        """The generator alone."""
        return Fusion((GENERATOR,), (1.0,), (1.0,))


def save_fusion(folder: Path, fusion: Fusion) -> None:
    """Write parts and weights into the artefact of the stage `evaluate`."""
    write_atomic(folder / FUSION_FILE, json.dumps(asdict(fusion)))


def load_fusion(folder: Path) -> Fusion | None:
    """Parts and weights in the artefact of the stage `evaluate`, also one of version 0.1; None where it has none.

    Raises:
        DataError: the file is damaged.
    """
    if not (folder / FUSION_FILE).exists():
        weight = number(read_object(folder / _BLEND_FILE).get("weight"), -1.0)
        both = (1 - weight, weight)
        return Fusion((GENERATOR, DENSE), both, both) if weight >= 0 else None
    found = read_object(folder / FUSION_FILE)
    parts, kept, hidden = (found.get(name) for name in ("parts", "kept", "hidden"))
    weights = [number(one, -1.0) for some in (kept, hidden) if isinstance(some, list) for one in some]
    if not isinstance(parts, list) or len(weights) != 2 * len(parts) or not parts or min(weights) < 0:
        raise DataError(f"{folder / FUSION_FILE}: no parts and weights", "remove its folder and train again")
    return Fusion(tuple(map(str, parts)), tuple(weights[: len(parts)]), tuple(weights[len(parts) :]))


@dataclass(frozen=True)
class Parts:
    """The parts of a list, ready to score.

    Attributes:
        names: the generator first.
        checkpoint: the generator.
        catalogue: the other parts.
        listed: number of each of the trie's items; None = the same.
    """

    names: tuple[str, ...]
    checkpoint: TunedModel
    catalogue: tuple[CataloguePart, ...]
    listed: npt.NDArray[np.integer] | None = None

    @staticmethod
    def of(
        names: Sequence[str],
        checkpoint: TunedModel,
        fitted: Mapping[str, FittedPart],
        listed: npt.NDArray[np.integer] | None = None,
        later: Later | None = None,
    ) -> Parts:
        """Put parts together.

        Args:
            names: those that are wanted; what is not there is left out.
            checkpoint: the generator, and its dense head.
            fitted: the other parts, by name.
            listed: number of each of the trie's items; None = the same.
            later: see `BaselinePart`.
        """
        device = checkpoint.trie.item_nodes.device
        columns = None if listed is None else torch.as_tensor(listed, dtype=torch.long, device=device)
        catalogue: dict[str, CataloguePart] = {}
        for name in names:
            if name == DENSE and checkpoint.dense is not None:
                catalogue[name] = DensePart(checkpoint.dense, columns)
            elif name in fitted:
                catalogue[name] = fitted[name].among(columns, later)
        return Parts((GENERATOR, *catalogue), checkpoint, tuple(catalogue.values()), listed)

    def some(self, catalogue: npt.NDArray[np.integer]) -> Parts:
        """The generator and those of the other parts, by their places among these."""
        names, parts = (self.names[0], *(self.names[n + 1] for n in catalogue)), [self.catalogue[n] for n in catalogue]
        return replace(self, names=names, catalogue=tuple(parts))

    def weighted(self, fusion: Fusion, hide_seen: bool) -> npt.NDArray[np.float32]:
        """The weight of each part; shape (parts,)."""
        weights = dict(zip(fusion.parts, fusion.weights(hide_seen), strict=True))
        return np.array([weights.get(name, 0.0) for name in self.names], dtype=np.float32)


class FusedSearch:
    """Histories, and what every part says after them; computed once, for lists of any weights.

    Args:
        parts: what scores.
        histories: item numbers.
        beams: width of the search, and how many favourites of the other parts are added.
        allowed: the items that may be listed; None = every item of the trie.
    """

    def __init__(self, parts: Parts, histories: Histories, beams: int, allowed: Allowed | None = None) -> None:
        self._parts, self._beams, self._allowed = parts, beams, allowed
        with torch.inference_mode():
            self._read = encode(parts.checkpoint.model, histories)
            states = self._read.states
            # Log-probabilities of the parts that score everything; fp32, (parts but the first, users, items).
            values = [part.log_probs(states, histories) for part in parts.catalogue]
            users, items, device = len(histories), parts.checkpoint.trie.n_items, states.device
            self.catalogue = torch.stack(values) if values else torch.zeros(0, users, items, device=device)
            # Those of the generator as far as they are known, NaN elsewhere; (users, items).
            self._generated = torch.full((users, items), torch.nan, device=device)

    @cached_property
    @torch.inference_mode()
    def beam(self) -> Tensor:
        """What the beams found, as numbers in the trie, best first, -1 behind the last; (users, found)."""
        checkpoint, device = self._parts.checkpoint, self._generated.device
        lists = beam_search(checkpoint.model, checkpoint.trie, self._read, self._beams, self._allowed)
        items = torch.as_tensor(lists[0], dtype=torch.long, device=device)
        log_probs = torch.as_tensor(lists[1], device=device)
        row, place = torch.nonzero(items >= 0, as_tuple=True)
        self._generated[row, items[row, place]] = log_probs[row, place]
        return items

    @torch.inference_mode()
    def generated(self, items: Tensor) -> Tensor:
        """The generator's log-probabilities of some items, exact whether the beams found them or not.

        Args:
            items: numbers in the trie; shape (users, count).

        Returns:
            fp32, shape (users, count).
        """
        # Those that are not known yet come first, and only as many columns are computed as some user needs.
        unknown = self._generated.gather(1, items).isnan()
        width = int(unknown.sum(dim=1).max()) if items.numel() else 0
        if width:
            checkpoint = self._parts.checkpoint
            first = torch.argsort(unknown.int(), dim=1, descending=True, stable=True)[:, :width]
            asked = items.gather(1, first)
            known = self._generated.gather(1, asked)
            needed = asked.masked_fill(~known.isnan(), -1)
            found = exact_log_probs(checkpoint.model, checkpoint.trie, self._read, needed)
            self._generated.scatter_(1, asked, torch.where(known.isnan(), found, known))
        return self._generated.gather(1, items)

    @torch.inference_mode()
    def favourites(self, scores: Tensor) -> Tensor:
        """The items of the highest scores that may be listed, best first, -1 behind the last.

        Args:
            scores: shape (users, items).

        Returns:
            Numbers in the trie; shape (users, min(beams, items)).
        """
        if self._allowed is not None:
            scores = scores.masked_fill(~self._allowed.items, -torch.inf)
        best, items = scores.topk(min(self._beams, scores.shape[1]), dim=1)
        return items.masked_fill(best.isneginf(), -1)

    @torch.inference_mode()
    def values(self, items: Tensor) -> Tensor:
        """What every part says of some items; numbers in the trie, (users, count) -> (parts, users, count)."""
        others = self.catalogue.gather(2, items.expand(len(self.catalogue), -1, -1))
        return torch.cat([self.generated(items)[None], others])

    @torch.inference_mode()
    def lists(self, weights: npt.NDArray[np.float32]) -> Lists:
        """What the beams found and what the other parts together like best, by the weighted sum of all parts.

        Args:
            weights: of the parts; shape (parts,).

        Returns:
            Items as the trie numbers them and log-probabilities among these candidates, shape (users, candidates),
            best first, equal ones by number; -1 and -inf behind the last.
        """
        scores = torch.zeros_like(self._generated)
        for weight, values in zip(weights[1:].tolist(), self.catalogue, strict=True):
            scores = scores + weight * values
        items = united(self.beam, self.favourites(scores))
        missing, known = items < 0, items.clamp_min(0)
        total = scores.gather(1, known)
        if weights[0]:  # reading the items' codes is what a list costs most
            total = total + float(weights[0]) * self.generated(known)
        ordered, best = _sorted(items, total.masked_fill(missing, -torch.inf))
        with np.errstate(invalid="ignore"):
            norm = np.logaddexp.reduce(best, axis=1, keepdims=True)
        return ordered, best - np.where(np.isfinite(norm), norm, 0.0).astype(best.dtype)


def united(found: Tensor, more: Tensor) -> Tensor:
    """Lists of items, each once: (users, n) and (users, m) -> (users, at most n + m), -1 where there is none."""
    # Those of `more` that are not among `found` come first, and only as many columns are kept as some user needs.
    repeated = (more[:, :, None] == found[:, None, :]).any(dim=2) | (more < 0)
    width = int((~repeated).sum(dim=1).max()) if more.numel() else 0
    fresh = torch.argsort(repeated.int(), dim=1, stable=True)[:, :width]
    return torch.cat([found, more.masked_fill(repeated, -1).gather(1, fresh)], dim=1)


def _sorted(items: Tensor, scores: Tensor) -> Lists:
    """Best first, equal scores by item number; -1 behind the last."""
    numbers, values = items.int().cpu().numpy(), scores.float().cpu().numpy()
    order = np.lexsort((numbers, -values), axis=1)
    return np.take_along_axis(numbers, order, axis=1), np.take_along_axis(values, order, axis=1)


def fused_lists(
    parts: Parts,
    weights: npt.NDArray[np.float32],
    histories: Histories,
    beams: int,
    allowed: Allowed | None = None,
) -> Lists:
    """The lists after some histories by the weighted sum of all parts; see `FusedSearch`."""
    heard = np.flatnonzero(weights[1:])  # the parts beside the generator that have a say
    if not len(heard):
        return beam_search(parts.checkpoint.model, parts.checkpoint.trie, histories, beams, allowed)
    return FusedSearch(parts.some(heard), histories, beams, allowed).lists(weights[[0, *(heard + 1)]])
