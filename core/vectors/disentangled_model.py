"""What DaRec adds to a model of behaviour: two parts of every vector and every text, of which one is shared.

After DaRec (arXiv 2408.08231), whose abstract and summaries say: forcing two representations together costs what one
of them knows alone, so either is split into a shared and a specific part, the parts are kept orthogonal, the specific
ones spread evenly, and the shared ones brought to one structure, globally and among the centres of their groups. Form
and scaling of the parts are ours: no code is public.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from core.training.unit import unit_rows
from core.vectors.align import ITEMS, NodeTexts

ROUNDS = 5
"""Rounds of k-means in a step."""


class DisentangledAligner(nn.Module):
    """Four networks, and four losses that are added up.

    Args:
        texts: by kind of node; all of one width.
        width: of the vectors.
        centres: groups of either shared part.
    """

    def __init__(self, texts: Mapping[str, NodeTexts], width: int, centres: int) -> None:
        super().__init__()
        self.centres = centres
        for kind, one in texts.items():
            self.register_buffer(f"texts_{kind}", torch.from_numpy(one.matrix), persistent=False)
        dim = texts[ITEMS].matrix.shape[1]
        self.shared_vector, self.own_vector = _part(width, width), _part(width, width)
        self.shared_text, self.own_text = _part(dim, width), _part(dim, width)

    def forward(self, kind: str, vectors: Tensor, numbers: Tensor) -> tuple[Tensor, dict[str, float]]:
        """See `core.vectors.align.Alignment.build`; too few nodes to compare give no loss."""
        if len(numbers) < 2:
            return vectors.sum() * 0.0, {}
        units, texts = unit_rows(vectors.float()), getattr(self, f"texts_{kind}")[numbers]
        # Parts of vectors and of texts, of unit length, (nodes, width) each.
        shared, own = unit_rows(self.shared_vector(units).float()), unit_rows(self.own_vector(units).float())
        shared_text, own_text = unit_rows(self.shared_text(texts).float()), unit_rows(self.own_text(texts).float())
        parts = {
            "orthogonal": orthogonality(shared, own) + orthogonality(shared_text, own_text),
            "spread": spread(own) + spread(own_text),
            "structure": structure_gap(shared, shared_text),
            "centres": centre_gap(shared, shared_text, self.centres),
        }
        figures = {f"{name}_{kind}": part.item() for name, part in parts.items()}
        with torch.no_grad():
            figures[f"overlap_{kind}"] = (shared * own).sum(dim=1).abs().mean().item()
        return torch.stack(list(parts.values())).sum(), figures


def _part(inner: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inner, width), nn.GELU(), nn.Linear(width, width))


def orthogonality(shared: Tensor, own: Tensor) -> Tensor:
    """The mean squared cosine of both parts of a node; unit rows, (nodes, width) both."""
    return (shared * own).sum(dim=1).square().mean()


def spread(own: Tensor) -> Tensor:
    """How crowded unit rows are: the logarithm of the mean of exp(-2 * squared distance) over all pairs.

    Wang & Isola 2020 (arXiv 2005.10242), their uniformity.
    """
    count = len(own)
    near = (own @ own.detach().T).float().mul(4.0).sub(4.0).exp()
    mean = (near.sum() - near.diagonal().sum()) / (count * (count - 1))
    # A pair's two rows pull alike, so one side's gradient, doubled, is the whole: one product less.
    return (mean + (mean - mean.detach())).log()


def structure_gap(shared: Tensor, shared_text: Tensor) -> Tensor:
    """The mean squared difference of the cosines among nodes; it does not see in what directions either side lies.

    By products of widths in place of nodes: |AA' - BB'|^2 = |A'A|^2 + |B'B|^2 - 2 |A'B|^2.
    """
    ours, theirs, between = shared.T @ shared, shared_text.T @ shared_text, shared.T @ shared_text
    squares = [part.float().square().sum() for part in (ours, theirs, between)]
    return (squares[0] + squares[1] - 2.0 * squares[2]) / len(shared) ** 2


def centre_gap(shared: Tensor, shared_text: Tensor, count: int) -> Tensor:
    """How far the centres of both sides' groups, matched, are from being the same and apart from one another.

    The nearest two centres are matched first. Of the cosines of matched centres, the mean squared distance of those
    of one pair from one, and the mean square of all others.
    """
    count = min(count, len(shared))
    ours, theirs = (unit_rows(group_means(side, count)) for side in (shared, shared_text))
    cosines = ours @ theirs.T
    left = cosines.detach().clone()
    pairs: list[tuple[int, int]] = []
    for _ in range(count):
        row, column = divmod(int(left.argmax()), count)
        pairs.append((row, column))
        left[row], left[:, column] = -torch.inf, -torch.inf
    rows, columns = (torch.tensor(side) for side in zip(*pairs, strict=True))
    matched = cosines[rows][:, columns].float()
    same = torch.eye(count, dtype=torch.bool, device=matched.device)
    return (matched[same] - 1.0).square().mean() + (matched[~same].square().mean() if count > 1 else 0.0)


def group_means(rows: Tensor, count: int) -> Tensor:
    """Means of groups of rows by k-means; gradients pass to the members. (count, width).

    The first centre is the first row, each next one the row farthest from those before: nothing is drawn.
    """
    fixed = rows.detach()
    chosen = [0]
    for _ in range(count - 1):
        chosen.append(int(torch.cdist(fixed, fixed[chosen]).min(dim=1).values.argmax()))
    centres = fixed[chosen]
    for _ in range(ROUNDS):
        groups = torch.cdist(fixed, centres).argmin(dim=1)
        sums = torch.zeros_like(centres).index_add_(0, groups, fixed)
        sizes = torch.bincount(groups, minlength=count)[:, None]
        centres = torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
    groups = torch.cdist(fixed, centres).argmin(dim=1)
    sums = torch.zeros_like(centres).index_add(0, groups, rows)
    sizes = torch.bincount(groups, minlength=count)[:, None]
    return torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
