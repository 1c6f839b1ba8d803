"""What GREAM's reward of a drawn item is worth on average, exactly: no item has to be drawn.

GREAM (arXiv 2510.20815, section 3.3 and released code) lets the model write items, rewards each by how much of the
answer's code it begins with, and follows the policy gradient. Where a list is all that is written, the reward depends
on the length of the common prefix alone, and the teacher-forced pass knows the probability of every prefix of the
answer. So the expectation is a sum of as many terms as a code has levels, and its gradient is the policy gradient
without variance. The derivation is ours, and so is the reward of the last level: every item has a code of its own here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.model_settings import TuneSettings


def prefix_rewards(levels: int) -> Tensor:
    """Reward of an item whose code begins with 1, 2, ... codes of the answer's: the root of their share; (levels,)."""
    return torch.arange(1, levels + 1).div(levels).sqrt()


def expected_reward(log_probs: Tensor, settings: TuneSettings) -> Tensor:
    """Expected reward of one item drawn from the model, or with `pass`, the chance that one of several is the answer.

    Args:
        log_probs: of the answer's code at every level, legal codes alone competing; shape (items, levels).
        settings: which reward, and for `pass` how many draws.

    Returns:
        Between 0 and 1; shape (items,).
    """
    # Probability that a drawn item begins with so many codes of the answer's; (items, levels).
    reached = log_probs.cumsum(dim=1).exp()
    if settings.reward == "exact":
        return reached[:, -1]
    if settings.reward == "pass":  # 1 - (1 - p)^k
        missed = torch.log1p(-reached[:, -1].clamp_max(1 - 1e-6))
        return -torch.expm1(settings.reward_draws * missed)
    gains = prefix_rewards(log_probs.shape[1]).to(reached).diff(prepend=reached.new_zeros(1))
    return reached @ gains
