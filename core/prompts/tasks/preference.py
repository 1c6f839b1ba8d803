"""What a user likes, in words, from the codes of their history."""

from __future__ import annotations

from core.prompts.tasks._helpers import PreferenceTask


class Preference(PreferenceTask):
    """What a user likes, in words, from the codes of their history."""

    response_fields = ("preference",)
