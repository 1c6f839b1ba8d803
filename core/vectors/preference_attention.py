"""What a history is about, asked by its state: attention over its heaviest groups of items.

After LANE (arXiv 2407.02833), which has a language model name five preferences of a user, and lets the state of a
SASRec attend over their text vectors before it meets the items. Here a preference is a group of the history's items,
those of one branch of the item index, and its vector the mean of their text vectors, weighted by recency, so no later
item and no made-up text can speak in it. An explanation shows the same groups (`core.recommend.evidence.preferences`).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.training.dropout import dropout
from core.vectors import RECENCY

NO_GROUP = -1
"""Of padding; of items it is that of their branch."""


class PreferenceAttention(nn.Module):
    """States that have read the groups of their histories.

    Args:
        groups: of every item; shape (items,).
        dim: of the items' text vectors.
        width: of the states.
        heads: of the attention.
        most: groups that a state may read, the heaviest.
        dropout: share of what was read that is dropped in training.
    """

    def __init__(
        self, groups: npt.NDArray[np.int64], dim: int, width: int, heads: int, most: int, dropout: float
    ) -> None:
        super().__init__()
        self.heads, self.most, self.dropout = heads, most, dropout
        self.groups: Tensor
        self.register_buffer("groups", torch.from_numpy(np.append(groups, NO_GROUP)))  # (items + 1,): padding last
        self.query, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.key_value = nn.Linear(dim, 2 * width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.read_norm, self.mlp_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, states: Tensor, histories: Tensor, texts: Tensor) -> Tensor:
        """Read, and pass on.

        Args:
            states: after each item; (batch, length, width).
            histories: item numbers, padded on the right with the number of items; (batch, length).
            texts: text vectors of all items and of padding; (items + 1, dim).
        """
        batch, length, width = states.shape
        key, value = self._heads(self.key_value(texts[histories])).chunk(2, dim=-1)
        weights, members = self._weights(states, key, histories)
        # What is read is the mean of the values of each group's items: (batch, heads, length, width / heads).
        read = ((weights @ members.float()) * _recency(length)) @ value.float()
        read = self.out(read.transpose(1, 2).reshape(batch, length, width))
        # Two residuals, each normed after it is added, as in the released code.
        states = self.read_norm(states + dropout(read, self.dropout, self.training))
        hidden = dropout(functional.gelu(self.up(states)), self.dropout, self.training)
        return torch.as_tensor(self.mlp_norm(states + dropout(self.down(hidden), self.dropout, self.training)))

    def shares(self, states: Tensor, histories: Tensor, texts: Tensor) -> Tensor:
        """How much of what a state reads is of which group.

        Args:
            states: as in `forward`.
            histories: as in `forward`.
            texts: as in `forward`.

        Returns:
            Shape (batch, heads, length, length), rows states; a group stands at the place of its newest item, and the
            shares of a state that has read anything add up to 1.
        """
        key = self._heads(self.key_value(texts[histories])).chunk(2, dim=-1)[0]
        return self._weights(states, key, histories, masses=True)[0]

    def _heads(self, whole: Tensor) -> Tensor:
        """(batch, length, 2 * width) -> (batch, heads, length, 2 * width / heads)."""
        batch, length, width = whole.shape
        return whole.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def _weights(self, states: Tensor, key: Tensor, histories: Tensor, masses: bool = False) -> tuple[Tensor, Tensor]:
        """Attention over groups, by the place of their newest items; and which items are of one group.

        Returns:
            (batch, heads, length, length), over the mass of the group unless `masses`, for then a sum over its items
            by recency is their mean; and (batch, 1, length, length), bool.
        """
        batch, length, width = states.shape
        groups, recency, place = self.groups[histories], _recency(length), torch.arange(length)
        members = (groups[:, :, None] == groups[:, None, :]) & (groups != NO_GROUP)[:, None, :]
        # The mass of a place's group before each state, (batch, states, places).
        mass = recency @ members.float()
        # A group stands at its newest item: none of the same lies between that place and the state.
        later = torch.where(members & (place[None, :] > place[:, None]), place[None, :], length).amin(dim=2)
        newest = (place[None, :] <= place[:, None]) & (later[:, None, :] > place[:, None])
        newest &= (groups != NO_GROUP)[:, None, :]
        if self.most < length:  # the heaviest of them alone
            heavy = torch.where(newest, mass, -1.0)
            newest &= heavy >= heavy.topk(self.most, dim=2).values[..., -1:]
        # Logits of groups: the mean of their items', (batch, heads, states, places).
        query = self.query(states).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        items = query.float() @ key.float().transpose(2, 3) / math.sqrt(width // self.heads)
        mass = mass.clamp_min(1e-9)[:, None]
        logits = (items * recency) @ members[:, None].float() / mass
        chosen = newest[:, None]
        weights = torch.softmax(logits.masked_fill(~chosen, -1e4), dim=-1) * chosen
        return weights if masses else weights / mass, members[:, None]


def _recency(length: int) -> Tensor:
    """Weight of each place for the states from it on, 0 for those before; (states, places)."""
    age = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    return torch.where(age >= 0, RECENCY ** age.clamp_min(0).float(), 0.0)
