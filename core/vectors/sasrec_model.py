"""SASRec with a full softmax over the catalogue: a behaviour source, and the baseline to beat.

The model is that of Kang & McAuley 2018, "Self-Attentive Sequential Recommendation" (arXiv 1808.09781), with
these departures:

* The loss is cross-entropy over every item in place of their binary cross-entropy with one sampled negative:
  with it SASRec is a far stronger baseline (Klenitskiy & Vasilev 2023, arXiv 2309.07602, "SASRec+").
* Scores are the cosine of state and item vector over a temperature, as in the sampled softmax of Wu et al. 2022 (arXiv
  2201.02327), here over every item; it converges several times faster than the plain dot product (our measurement).
* The point-wise network has GELU and a hidden layer four times as wide as the states; theirs has ReLU and one width.

Only training prefixes are ever seen: the number of epochs is fixed and the step size falls to zero, so nothing needs a
validation target.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from core.data.arrays import Sequences
from core.run.reporter import Reporter
from core.settings import SasrecSettings
from core.training.dropout import dropout
from core.training.softmax import softmax_loss
from core.training.unit import unit_rows
from core.vectors import ItemVectors
from core.vectors.preference_attention import PreferenceAttention
from core.vectors.sequence_model import SequenceBatch, SequenceModel, fit_rows, training_rows

MEAN_LENGTH = 10
"""A batch holds at most `batch_users` times so many items."""
NOT_THERE = -1e4
"""Added to a logit that is not to count."""
LARGE = 100_000
"""Items of a catalogue from which on a full softmax takes most of the time of a training."""
FEATURE_SCALE = 0.2
"""Standard deviation of the features, beside that of 0.02 of fresh item vectors."""


class _Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.attention_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """States in, states out; shape (batch, length, width)."""
        batch, length, width = x.shape
        drop = self.dropout if self.training else 0.0
        # Self-attention: each place sees itself and those before it. Three of (batch, heads, length, width / heads).
        packed = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.heads, width // self.heads)
        # fp32: the CPU's bf16 attention kernel is several times slower on the way back.
        query, key, value = packed.permute(2, 0, 3, 1, 4).float()
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=drop)
        # The heads side by side again, (batch, length, width), and the residual.
        mixed = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        x = x + dropout(mixed, self.dropout, self.training)
        # The point-wise network, (batch, length, 4 * width) inside, and its residual.
        hidden = dropout(functional.gelu(self.up(self.mlp_norm(x))), self.dropout, self.training)
        return x + dropout(self.down(hidden), self.dropout, self.training)


class _CodeFeatures(nn.Module):
    """What an item's codes add to its vector: a row a code, each with a gate that all codes of the item decide.

    After the fusion block of Mixture-of-Codes (arXiv 2410.09560), known by its abstract and notes: the codes' rows side
    by side, a narrow layer and a wide one, and gates that multiply the rows; here their sum joins the item's vector.

    Args:
        codes: of every item, level by level; (items, levels).
        width: of the item vectors.
    """

    def __init__(self, codes: npt.NDArray[np.int64], width: int) -> None:
        super().__init__()
        sizes = codes.max(axis=0, initial=0) + 1
        starts = np.concatenate([[0], np.cumsum(sizes)])
        # (items + 1, levels): numbers of rows; the last row, of padding, has none and stays zero.
        numbers = np.concatenate([codes + starts[:-1], np.full((1, codes.shape[1]), starts[-1])])
        self.numbers: Tensor
        self.register_buffer("numbers", torch.from_numpy(numbers))
        self.rows = nn.Embedding(int(starts[-1]) + 1, width)
        whole = codes.shape[1] * width
        self.down, self.up = nn.Linear(whole, max(1, width // 4)), nn.Linear(max(1, width // 4), whole)

    def forward(self, items: Tensor | None = None) -> Tensor:
        """Of some items, (items,), or of all and the padding; (items, width)."""
        numbers = self.numbers if items is None else self.numbers[items]
        rows = self.rows(numbers)  # (items, levels, width)
        gates = torch.sigmoid(self.up(self.down(rows.flatten(1)))).view_as(rows)
        there = (numbers != self.rows.num_embeddings - 1)[..., None]
        return torch.as_tensor((gates * rows * there).sum(dim=1))


class SasRec(SequenceModel):
    """Causal self-attention over item vectors; the state after an item scores the next one.

    Args:
        n_items: size of the catalogue.
        settings: the model.
        features: what is known of the items besides who took them, shape (items, dim): a learnt projection of it is
            added to the item vectors, or, as `settings.features` says, is all that they are. None = plain SASRec.
        codes: of every item, shape (items, levels), whose rows join the item vectors too; None = none.
        groups: of every item, shape (items,): a state reads those of its history, by their features; None = none.
    """

    def __init__(
        self, n_items: int, settings: SasrecSettings, features: npt.NDArray[np.float32] | None = None,
        codes: npt.NDArray[np.int64] | None = None, groups: npt.NDArray[np.int64] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(n_items, settings.max_history)
        width = settings.hidden_size
        self.settings = settings
        alone = features is not None and settings.features == "only"
        self.items = None if alone else nn.Embedding(n_items + 1, width, padding_idx=n_items)
        self.positions = nn.Embedding(settings.max_history, width)
        self.blocks = nn.ModuleList(_Block(width, settings.heads, settings.dropout) for _ in range(settings.layers))
        self.norm = nn.LayerNorm(width)
        self.features: Tensor | None
        self.register_buffer("features", None)
        if features is not None:
            # (items + 1, dim): the last row is that of padding.
            scaled = torch.from_numpy(features * (FEATURE_SCALE / np.maximum(features.std(), 1e-9))).float()
            self.features = torch.cat([scaled, scaled.new_zeros(1, scaled.shape[1])])
            self.project_items = nn.Linear(features.shape[1], width, bias=False)
        self.codes = None if codes is None else _CodeFeatures(codes, width)
        self.preferences = None
        if groups is not None and features is not None:
            dim, most = features.shape[1], settings.preferences
            self.preferences = PreferenceAttention(groups, dim, width, settings.heads, most, settings.dropout)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        self._fixed: Tensor | None = None

    def frozen(self) -> SasRec:
        """The model with its item vectors computed once, for scoring alone."""
        with torch.no_grad():
            self._fixed = self.item_vectors()
        return self.eval()

    def item_vectors(self) -> Tensor:
        """One unit vector an item, and one for padding; (items + 1, width)."""
        if self._fixed is not None:
            return self._fixed
        own = None if self.items is None else self.items.weight
        return self._joined(own, self.features, None if self.codes is None else self.codes())

    def _vectors_of(self, items: Tensor) -> Tensor:
        """The unit vectors of some items alone; (items,) -> (items, width)."""
        own = None if self.items is None else self.items.weight[items]
        coded = None if self.codes is None else self.codes(items)
        return self._joined(own, None if self.features is None else self.features[items], coded)

    def _joined(self, own: Tensor | None, features: Tensor | None, coded: Tensor | None) -> Tensor:
        """Unit vectors of items, (items, width), from what there is of their own rows, features and codes' rows."""
        projected = None if features is None else self.project_items(features)
        parts: list[Tensor] = [part for part in (own, projected, coded) if part is not None]
        return unit_rows(functools.reduce(torch.add, parts))

    def states(self, histories: Tensor) -> Tensor:
        """(batch, length) item numbers, padded on the right with `n_items` -> (batch, length, width).

        The padding needs no mask: it stands behind all that is asked about, and attention is causal.
        """
        return self.encoded(histories, self.item_vectors())

    def encoded(self, histories: Tensor, item_vectors: Tensor, items: Tensor | None = None) -> Tensor:
        """As `states`, with item vectors that are computed already.

        Args:
            histories: rows of `item_vectors`; (batch, length).
            item_vectors: of all items and the padding, (items + 1, width), or of some.
            items: the numbers of the histories' items, where these are others than their rows; (batch, length).
        """
        # Scaled to the size that a fresh embedding would have, so that positions are heard from the start.
        vectors = functional.embedding(histories, item_vectors) * (0.1 * math.sqrt(self.settings.hidden_size))
        x = vectors + self.positions.weight[: histories.shape[1]]
        x = dropout(x, self.settings.dropout, self.training)
        for block in self.blocks:
            x = block(x)
        x = torch.as_tensor(self.norm(x))
        if self.preferences is None or self.features is None:
            return x
        return torch.as_tensor(self.preferences(x, histories if items is None else items, self.features))

    def logits(self, states: Tensor) -> Tensor:
        """(rows, width) -> (rows, items): cosine over temperature."""
        items = self.item_vectors()[: self.n_items]
        return unit_rows(states) @ items.T / self.settings.temperature

    def loss(self, states: Tensor, item_vectors: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy over the catalogue.

        Args:
            states: of the places that have a target; (targets, width).
            item_vectors: of `item_vectors`; (items + 1, width).
            targets: the item that follows each of these; (targets,).
        """
        queries = unit_rows(states.float()) / self.settings.temperature
        return softmax_loss(queries, item_vectors[: self.n_items], targets)

    def sampled_loss(self, histories: Tensor, asked: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy over the targets of the step and `negatives` items drawn from the catalogue.

        A sampled softmax (Jean et al. 2015, arXiv 1412.2007, section 3.2) in which what is drawn stands for all that
        are no target: its part of the softmax' sum is scaled up to the catalogue, so the sum is right on average. Only
        the vectors that are used are computed.

        Args:
            histories: as in `states`.
            asked: which of their states have a target; bool, same shape.
            targets: the item that follows each of these; (targets,).
        """
        count = self.settings.negatives
        right, places = torch.unique(targets, return_inverse=True)
        drawn = torch.randint(self.n_items, (count,), device=targets.device)
        used, where = torch.unique(torch.cat([histories.flatten(), right, drawn]), return_inverse=True)
        vectors = self._vectors_of(used)  # (used, width)
        states = self.encoded(where[: histories.numel()].view_as(histories), vectors, histories)[asked]
        queries = unit_rows(states.float()) / self.settings.temperature
        # A drawn target is there already; the others weigh as many items as they stand for. (right + drawn,)
        gains = torch.full((count,), math.log(self.n_items / count), device=targets.device)
        gains = torch.cat([gains.new_zeros(len(right)), gains.masked_fill(torch.isin(drawn, right), NOT_THERE)])
        return softmax_loss(queries, vectors[where[histories.numel() :]], places, gains=gains)

    def last_logits(self, histories: Tensor, last: Tensor) -> Tensor:
        """See `SequenceModel`."""
        return self.logits(self.states(histories)[torch.arange(len(histories)), last])

    def vectors(self, train: Sequences) -> ItemVectors:
        """The item vectors, unit length; items in no training prefix count as unknown."""
        matrix = self.item_vectors()[: self.n_items].detach().numpy()
        known = np.bincount(train.items, minlength=self.n_items) > 0
        return ItemVectors.of(matrix, known, "sasrec")

    @staticmethod
    def load(path: Path, n_items: int, settings: SasrecSettings) -> SasRec:
        """Read what `save` wrote."""
        state = load_file(path)
        features, numbers, groups = (state.get(name) for name in ("features", "codes.numbers", "preferences.groups"))
        codes = None if numbers is None else numbers[:-1].numpy()
        model = SasRec(
            n_items, settings, None if features is None else features[:-1].numpy(),
            groups=None if groups is None else groups[:-1].numpy(),
        )  # fmt: skip
        if codes is not None and numbers is not None:  # numbers of rows count on from level to level
            model.codes = _CodeFeatures(codes, settings.hidden_size)
            model.codes.rows = nn.Embedding(*state["codes.rows.weight"].shape)
        model.load_state_dict(state)
        return model.eval()


@dataclass(frozen=True)
class SequenceView:
    """What a further loss sees of a batch.

    Attributes:
        model: the model in training.
        batch: the rows.
        item_vectors: of the model, of unit length; (items + 1, width).
        states: after each item but the last; (batch, length - 1, width).
        real: which of these have a next item; bool, (batch, length - 1).
        following: the next item of each; (batch, length - 1).
    """

    model: SasRec
    batch: SequenceBatch
    item_vectors: Tensor
    states: Tensor
    real: Tensor
    following: Tensor


class _NextItem(nn.Module):
    """The training objective: cross-entropy of every next item over the whole catalogue or a sample of it, and more.

    Args:
        model: what is trained.
        further: each takes a `SequenceView` and gives a loss, weighted, and figures by name.
    """

    def __init__(self, model: SasRec, further: Sequence[nn.Module]) -> None:
        super().__init__()
        self.model, self.further = model, nn.ModuleList(further)

    def forward(self, batch: SequenceBatch) -> tuple[Tensor, dict[str, float], int]:
        """See `core.training.loop.Loop`."""
        # Every place predicts the item after it; padding is no target. (batch, length - 1) both.
        following = batch.items[:, 1:]
        real = following != self.model.n_items
        if 0 < self.model.settings.negatives < self.model.n_items:
            loss = self.model.sampled_loss(batch.items[:, :-1], real, following[real])
            return loss, {"sasrec_loss": loss.item()}, int(real.sum())
        item_vectors = self.model.item_vectors()  # once for both ends: they are many
        states = self.model.encoded(batch.items[:, :-1], item_vectors)
        # Only states that have a target are scored, one row each: (targets, items).
        loss = self.model.loss(states[real], item_vectors, following[real])
        parts = {"sasrec_loss": loss.item()}
        view = SequenceView(self.model, batch, item_vectors, states, real, following)
        for one in self.further:
            more, figures = one(view)
            loss = loss + more
            parts.update(figures)
        return loss, parts, int(real.sum())


def fit_sasrec(
    train: Sequences,
    n_items: int,
    settings: SasrecSettings,
    seed: int,
    bf16: bool,
    reporter: Reporter,
    folder: Path,
    features: npt.NDArray[np.float32] | None = None,
    further: Sequence[nn.Module] = (),
    codes: npt.NDArray[np.int64] | None = None,
    groups: npt.NDArray[np.int64] | None = None,
) -> SasRec:
    """Fit on every training prefix, on the CPU.

    Args:
        train: training sequences.
        n_items: size of the catalogue.
        settings: the model and its schedule.
        seed: of weights, order and dropout.
        bf16: whether matrix products run in bf16.
        reporter: hears the progress; may ask to stop.
        folder: where a checkpoint is left for resuming.
        features: see `SasRec`.
        further: losses that join that of the next item; each takes a `SequenceView` and gives a loss, weighted, and
            figures by name.
        codes: see `SasRec`.
        groups: see `SasRec`.

    Raises:
        StopRequested: where somebody asked to stop.
    """
    if n_items > LARGE and not settings.negatives:
        advice = f"every step scores all {n_items:,} items; sasrec.negatives = 8192 draws some instead"
        reporter.alert("warning", "a large catalogue", advice)
    torch.manual_seed(seed)
    model = SasRec(n_items, settings, features, codes, groups)
    rows = training_rows(train, settings.max_history)
    if not rows:
        return model.eval()
    # Scores of every item at every target take the memory, so long histories come in smaller batches.
    objective, budget = _NextItem(model, further), settings.batch_users * MEAN_LENGTH
    fit_rows("sasrec", objective, rows, n_items, settings, seed, bf16, reporter, folder, budget)
    return model.eval()
