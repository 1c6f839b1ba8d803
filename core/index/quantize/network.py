"""The residual-quantised auto-encoder (RQ-VAE) of LC-Rec, LETTER and Semantic Convergence.

After LC-Rec (arXiv 2311.09049), as released in its folder `index`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.index.assign.sinkhorn import sinkhorn
from core.index.quantize.methods.rq_vae import RqVaeOptions


class Guide(nn.Module):
    """What else the codes should follow, besides the items' own vectors."""

    def forward(self, rows: Tensor, quantised: Tensor, codes: Tensor, books: Sequence[Tensor]) -> dict[str, Tensor]:
        """Losses by name, weighted.

        Args:
            rows: item numbers of the batch, shape (batch,).
            quantised: sums of their code vectors, gradients passing to the encoder; shape (batch, latent). Before
                there are codes, the encodings themselves.
            codes: shape (batch, levels); no level before there are codes.
            books: the code vectors, level by level.
        """
        return {}

    def look(self, books: Sequence[Tensor]) -> None:
        """Called now and then with the code vectors as they are."""


class Network(nn.Module):
    """Encoder, codebooks, decoder; its forward gives the losses of a batch of items.

    As LC-Rec released it: linear layers with ReLU between them, the decoder a mirror image; each level takes the code
    nearest to what the levels before leave, straight through level by level, so that a later level sends the encoder no
    gradient; the last level takes its codes by the uniform semantic mapping in training.

    Args:
        items: what is coded, of about unit variance; shape (items, dim).
        widths: codes at each level.
        settings: layers, weights of the losses.
        guide: what else the codes should follow.
    """

    def __init__(self, items: Tensor, widths: Sequence[int], settings: RqVaeOptions, guide: Guide) -> None:
        super().__init__()
        self.settings, self.guide = settings, guide
        self.coding = True
        """Whether codes are learnt yet; before, it is a plain auto-encoder."""
        self.items: Tensor
        self.register_buffer("items", items, persistent=False)
        layers = [items.shape[1], *settings.layers, settings.latent]
        self.encoder = _mlp(layers, settings.batch_norm)
        self.decoder = _mlp(layers[::-1], settings.batch_norm)
        # The name keeps the training loop from decaying them.
        self.embedded = nn.ParameterList(torch.zeros(width, settings.latent) for width in widths)

    def forward(self, rows: Tensor) -> tuple[Tensor, dict[str, float], int]:
        """The loss of a batch of item numbers, its parts by name, and the number of items."""
        wanted = self.items[rows]
        latent = self.encode(wanted)
        if self.coding:
            codes, quantised, quantisation = self.quantise(latent)
            parts = {"quantisation": quantisation, **self.guide(rows, quantised, codes, self.code_vectors())}
        else:
            quantised, parts = latent, self.guide(rows, latent, rows[:, None][:, :0], [])
        parts["reconstruction"] = functional.mse_loss(self.decode(quantised), wanted)
        total = torch.stack(list(parts.values())).sum()
        return total, {name: float(part.detach()) for name, part in parts.items()}, len(rows)

    def encode(self, items: Tensor) -> Tensor:
        """What is quantised of items; (batch, dim) -> (batch, latent)."""
        return torch.as_tensor(self.encoder(items))

    def decode(self, quantised: Tensor) -> Tensor:
        """Items of sums of code vectors; (batch, latent) -> (batch, dim)."""
        return torch.as_tensor(self.decoder(quantised))

    def code_vectors(self) -> list[Tensor]:
        """The code vectors, level by level, in the space of what `encode` gives; (width, latent) each."""
        return list(self.embedded)

    def columns(self, level: int) -> slice:
        """The part of what `encode` gives that a level's codes stand for."""
        return slice(None)

    def quantise(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise a batch of encodings, shape (batch, latent).

        Returns:
            Codes, shape (batch, levels); the sum of their vectors, straight through, shape (batch, latent); and the
            loss of code vectors and commitment, the mean over the levels.
        """
        residual, total, losses, codes = latent, torch.zeros_like(latent), [], []
        for level, book in enumerate(self.embedded):
            # Squared distances to the code vectors, shape (batch, width), less what an item's own length adds to all.
            distances = torch.addmm(book.square().sum(dim=1), residual, book.T, alpha=-2.0).detach()
            if self.settings.uniform and level == len(self.embedded) - 1:
                # The mapping scales distances over the whole batch, so here that length counts.
                distances += residual.detach().square().sum(dim=1, keepdim=True)
                chosen = _uniform_codes(distances, self.settings)
            else:
                chosen = distances.argmin(dim=1)
            vector = functional.embedding(chosen, book)
            # The code vectors are moved to the items, and by `commitment` the items to their code vectors.
            pull = functional.mse_loss(residual, vector.detach())
            losses.append(functional.mse_loss(vector, residual.detach()) + self.settings.commitment * pull)
            # In value the code vector, in gradient the residual; what is handed on has the value of what is left and no
            # gradient at all, since the two cancel.
            through = residual + (vector - residual).detach()
            total, residual = total + through, residual - through
            codes.append(chosen)
        return torch.stack(codes, dim=1), total, torch.stack(losses).mean()


def _uniform_codes(distances: Tensor, settings: RqVaeOptions) -> Tensor:
    """The code that Sinkhorn's plan gives each item most of; from distances (batch, width) to shape (batch,)."""
    plan = sinkhorn(distances.cpu().numpy(), settings.uniform, settings.rounds)
    return torch.from_numpy(plan.argmax(axis=1)).to(distances.device)


def _mlp(widths: Sequence[int], batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for place, (inner, outer) in enumerate(pairwise(widths)):
        linear = nn.Linear(inner, outer)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers.append(linear)
        if place < len(widths) - 2:
            layers += [nn.BatchNorm1d(outer), nn.ReLU()] if batch_norm else [nn.ReLU()]
    return nn.Sequential(*layers)
