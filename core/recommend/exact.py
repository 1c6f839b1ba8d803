"""Exact log-probabilities of chosen items: a few passes for any number of them, without a search."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.model.generator import Generator
from core.model.masks import masks
from core.model.trie import Level, Trie
from core.recommend.encoded import Encoded


@torch.inference_mode()
def exact_log_probs(model: Generator, trie: Trie, read: Encoded, items: Tensor) -> Tensor:
    """Log-probability of each item among the whole catalogue, as the beam search scores it; see `path_log_probs`.

    Items below zero are none, and what stands for them means nothing.

    Returns:
        Shape (users, items).
    """
    path = path_log_probs(model, trie, read, items)
    total = torch.zeros(items.shape, device=items.device)
    for level in range(len(trie)):
        total = total + path[..., level]
    return total


@torch.inference_mode()
def path_log_probs(model: Generator, trie: Trie, read: Encoded, items: Tensor) -> Tensor:
    """Log-probability of every code of each item among the codes that may follow those before it.

    All paths are branches of the one history: under a tree mask a code attends to the history and to the codes before
    it on its own path. What several items share of their codes is read once, and what is forced is not read at all.

    Args:
        model: the generator, in evaluation mode.
        trie: legal codes.
        read: the histories.
        items: numbers in the trie, below zero = none (what stands there means nothing); shape (users, items).

    Returns:
        Shape (users, items, levels); an item's sum is its log-probability.
    """
    asked, known = items >= 0, items.clamp_min(0)
    # Level by level the different nodes on the items' paths below which a choice is left; (users, nodes) a level.
    blocks: list[_Block] = []
    for level in range(1, len(trie)):
        block = _block(trie, known, asked, level, blocks)
        if block is None:
            break
        blocks.append(block)
    # The state after the code that leads to each node, which predicts the next one; (users, all nodes, hidden).
    states = _read_paths(model, trie, read, blocks) if blocks else read.states[:, None]

    # The root's branches are the same for all items: (users, branches), gathered for each item's first code.
    root, zero = trie.levels[0], torch.zeros_like(known[:, 0])
    path = [_log_probs(model, read.states, root, zero, 0).gather(-1, trie.nodes(known, 1))]
    for level, block in enumerate(blocks, 1):
        branching, nodes = trie.levels[level], block.nodes
        begin = block.begin
        log_probs = _log_probs(model, states[:, begin : begin + nodes.shape[1]], branching, nodes, level)
        # Which of its parent's branches an item's path takes; what is forced is certain; (users, items).
        place = trie.nodes(known, level + 1) - branching.starts[trie.nodes(known, level)].long()
        at = (block.slot * log_probs.shape[2] + place).masked_fill(~block.is_open, 0)
        path.append(log_probs.flatten(1).gather(1, at).masked_fill(~block.is_open, 0.0))
    path += [torch.zeros_like(path[0])] * (len(trie) - len(path))
    return torch.stack(path, dim=-1)


@dataclass(frozen=True)
class _Block:
    """The different nodes of one level that are read, side by side.

    Attributes:
        begin: their first place among those of all levels.
        nodes: of the trie, any where a user has fewer; shape (users, width).
        paths: places of the codes that lead to each, its own last; shape (users, width, level).
        slot: which of the nodes lies on each item's path; shape (users, items).
        is_open: whether one does: what is forced from there on needs none; shape (users, items).
    """

    begin: int
    nodes: Tensor
    paths: Tensor
    slot: Tensor
    is_open: Tensor


def _block(trie: Trie, items: Tensor, asked: Tensor, level: int, above: list[_Block]) -> _Block | None:
    """What is read of one level, below the blocks of those above it; None = nothing."""
    nodes = trie.nodes(items, level)
    first_leaf, end = trie.leaves(nodes, level)
    is_open = asked & (end - first_leaf > 1)
    # Equal nodes beside one another, those that need no reading behind: each first of its kind gets the next slot.
    ordered, order = nodes.masked_fill(~is_open, torch.iinfo(torch.long).max).sort(dim=1, stable=True)
    fresh = is_open.gather(1, order)
    fresh[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    rank = fresh.cumsum(dim=1) - 1
    width = int(fresh.sum(dim=1).max()) if items.numel() else 0
    if not width:
        return None
    slot = torch.zeros_like(rank).scatter(1, order, rank).clamp_min(0)
    # One item of each slot stands for all: (users, width), the first item where a user has fewer slots.
    item = rank.new_zeros(len(rank), width + 1).scatter(1, rank.masked_fill(~fresh, width), order)[:, :width]
    begin = above[-1].begin + above[-1].nodes.shape[1] if above else 0
    own = (begin + torch.arange(width, device=items.device)).expand(len(items), width)[..., None]
    if above:
        parent = above[-1].slot.gather(1, item)[..., None].expand(-1, -1, level - 1)
        own = torch.cat([above[-1].paths.gather(1, parent), own], dim=2)
    return _Block(begin, nodes.gather(1, item), own, slot, is_open)


def _read_paths(model: Generator, trie: Trie, read: Encoded, blocks: list[_Block]) -> Tensor:
    """One pass over the codes of all blocks behind the histories; (users, nodes of all blocks, hidden)."""
    users, length = read.is_token.shape
    total = blocks[-1].begin + blocks[-1].nodes.shape[1]
    codes = [model.code_tokens(trie.levels[level].codes[one.nodes].long(), level) for level, one in enumerate(blocks)]
    embedded = model.embed(torch.cat(codes, dim=1))
    # The tree mask: a code sees the history and its own path, itself included; (users, 1, total, length + total).
    seen = torch.zeros(users, 1, total, length + total, dtype=torch.bool, device=embedded.device)
    seen[..., :length] = read.is_token[:, None, None]
    for one in blocks:
        seen[:, 0, one.begin : one.begin + one.nodes.shape[1]].scatter_(2, length + one.paths, True)
    # All codes of a level have the same position, whatever their place.
    first = read.next_position[:, None]
    position = torch.cat([(first + level).expand_as(one.nodes) for level, one in enumerate(blocks)], dim=1)
    at = torch.cat([read.position, position], dim=1)
    mask = masks(model.lm.config, seen, position, at, embedded.dtype)
    return model.states(embedded, cache=read.branch(), mask=mask, position=position)


def _log_probs(model: Generator, states: Tensor, branching: Level, parents: Tensor, level: int) -> Tensor:
    """Log-probabilities of the codes that may follow: states (..., hidden), parents (...) -> (..., branches)."""
    codes, _, legal = branching.branches(parents)
    logits = model.branch_logits(states, level, parents, codes, legal)
    return torch.log_softmax(logits.masked_fill(~legal, -torch.inf), dim=-1)
