"""An item's code from what its user looked for."""

from __future__ import annotations

from core.prompts.tasks._helpers import IntentTask


class IntentToCode(IntentTask):
    """An item's code from what its user looked for."""

    prompt_fields = ("intent",)
