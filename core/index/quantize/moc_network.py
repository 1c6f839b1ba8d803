"""The auto-encoder of Mixture-of-Codes: codebooks that know nothing of one another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.index.quantize.methods.rq_vae import RqVaeOptions
from core.index.quantize.network import Guide, Network


class MocNetwork(Network):
    """Every level has a linear head of its own on the encoding and quantises that; the decoder reads their mean.

    The heads start on directions of their own: from like starts all of them find the same groups of items, and their
    codes say one thing several times.

    What is quantised are the heads' outputs side by side, and a code vector is zero outside its level's part: so the
    code vectors' sum approximates it, and the nearest code of a level is that of its part alone.

    Args:
        items: what is coded, of about unit variance; shape (items, dim).
        widths: codes at each level.
        settings: layers, weights of the losses; the uniform mapping is left out, for no level is the last one.
        guide: what else the codes should follow.
    """

    def __init__(self, items: Tensor, widths: Sequence[int], settings: RqVaeOptions, guide: Guide) -> None:
        super().__init__(items, widths, settings, guide)
        heads = [nn.Linear(settings.latent, settings.latent) for _ in widths]
        with torch.no_grad():
            for level, head in enumerate(heads):
                mine = torch.arange(settings.latent) % len(widths) == level % settings.latent
                head.weight.copy_(torch.diag(mine.float()))
                head.bias.zero_()
        self.heads = nn.ModuleList(heads)

    def encode(self, items: Tensor) -> Tensor:
        """The heads' outputs side by side; (batch, dim) -> (batch, levels * latent)."""
        encoded = self.encoder(items)
        return torch.cat([head(encoded) for head in self.heads], dim=1)

    def decode(self, quantised: Tensor) -> Tensor:
        """Items of the mean over the levels; (batch, levels * latent) -> (batch, dim)."""
        return torch.as_tensor(self.decoder(quantised.unflatten(1, (len(self.heads), -1)).mean(dim=1)))

    def code_vectors(self) -> list[Tensor]:
        """The code vectors, zero outside the part of their level; (width, levels * latent) each."""
        inner, levels = self.settings.latent, len(self.heads)
        return [
            functional.pad(book, (level * inner, (levels - 1 - level) * inner))
            for level, book in enumerate(self.embedded)
        ]

    def columns(self, level: int) -> slice:
        """The level's part."""
        return slice(level * self.settings.latent, (level + 1) * self.settings.latent)

    def quantise(self, latent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantise every part by itself; see `Network.quantise`."""
        parts, losses, codes = [], [], []
        for level, book in enumerate(self.embedded):
            part = latent[:, self.columns(level)]
            # Squared distances to the code vectors, shape (batch, width), less what an item's own length adds to all.
            distances = torch.addmm(book.square().sum(dim=1), part, book.T, alpha=-2.0).detach()
            chosen = distances.argmin(dim=1)
            vector = functional.embedding(chosen, book)
            pull = functional.mse_loss(part, vector.detach())
            losses.append(functional.mse_loss(vector, part.detach()) + self.settings.commitment * pull)
            parts.append(part + (vector - part).detach())  # in value the code vector, in gradient the part
            codes.append(chosen)
        return torch.stack(codes, dim=1), torch.cat(parts, dim=1), torch.stack(losses).mean()
