"""What a user likes, in words, and then the item that follows from it."""

from __future__ import annotations

from core.prompts.tasks._helpers import PreferenceTask


class ReasonsToCode(PreferenceTask):
    """A user's preference is written first, then their last training item.

    After GREAM's reasoning rows (arXiv 2510.20815, section 3.2), in which a large model writes the steps and sees the
    answer; here they come from the items before the answer, so they cannot tell it.
    """

    response_fields = ("preference", "item")
