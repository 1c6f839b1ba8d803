"""Exact log-probabilities of chosen items: a few passes for any number of them, without a search."""

from __future__ import annotations

import torch
from torch import Tensor

from core.model.generator import Generator
from core.model.masks import masks
from core.model.trie import Level, Trie
from core.recommend.encoded import Encoded


@torch.inference_mode()
def exact_log_probs(model: Generator, trie: Trie, read: Encoded, items: Tensor) -> Tensor:
    """Log-probability of each item among the whole catalogue, as the beam search scores it; see `path_log_probs`.

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

    All paths are branches of the one history: under a tree mask a code attends to the history and to the codes of its
    own item before it.

    Args:
        model: the generator, in evaluation mode.
        trie: legal codes.
        read: the histories.
        items: numbers in the trie; shape (users, items).

    Returns:
        Shape (users, items, levels); an item's sum is its log-probability.
    """
    users, count = items.shape
    states, steps = read.states, len(trie) - 1
    # The state after each code of an item but the last, which predicts the next; (users, items, steps, hidden). One
    # pass reads the codes of all items in a row, item by item and level by level: (users, items * steps) tokens.
    inside = states.new_zeros(users, count, 0, states.shape[-1])
    if steps:
        codes = [trie.levels[level].codes[trie.nodes(items, level + 1)].long() for level in range(steps)]
        tokens = torch.stack([model.code_tokens(code, level) for level, code in enumerate(codes)], dim=-1)
        embedded = model.embed(tokens.flatten(1))
        # The tree mask: (items * steps) queries see the whole history and, in a block an item, their own path;
        # (users, 1, items * steps, keys).
        own = torch.block_diag(*[torch.ones(steps, steps, dtype=torch.bool, device=items.device).tril()] * count)
        own = own.expand(users, 1, -1, -1)
        seen = torch.cat([read.is_token[:, None, None].expand(-1, -1, count * steps, -1), own], dim=3)
        # Every item's codes stand where the next item's would, right after the history.
        position = read.next_position[:, None] + torch.arange(steps, device=items.device).repeat(count)
        at = torch.cat([read.position, position], dim=1)
        mask = masks(model.lm.config, seen, position, at, embedded.dtype)
        after = model.states(embedded, cache=read.branch(), mask=mask, position=position)
        inside = after.unflatten(1, (count, steps))
    path = []  # of each level, the code's log-probability below its prefix; (users, items)
    for level, branching in enumerate(trie.levels):
        parents = trie.nodes(items, level)
        # Which of its parent's branches the item's path takes.
        place = trie.nodes(items, level + 1) - branching.starts[parents].long()
        if level:
            log_probs = _log_probs(model, inside[:, :, level - 1], branching, parents, level)
            path.append(log_probs.gather(-1, place[..., None])[..., 0])
        else:  # the root's branches are the same for all items: (users, branches)
            path.append(_log_probs(model, states, branching, parents[:, 0], level).gather(-1, place))
    return torch.stack(path, dim=-1)


def _log_probs(model: Generator, states: Tensor, branching: Level, parents: Tensor, level: int) -> Tensor:
    """Log-probabilities of the codes that may follow: states (..., hidden), parents (...) -> (..., branches)."""
    codes, _, legal = branching.branches(parents)
    logits = model.level_logits(states, level).float().gather(-1, codes)
    return torch.log_softmax(logits.masked_fill(~legal, -torch.inf), dim=-1)
