"""An item's code from what its user looked for and took before."""

from __future__ import annotations

from core.prompts.tasks._helpers import IntentTask


class IntentHistoryToCode(IntentTask):
    """An item's code from what its user looked for and took before."""

    prompt_fields = ("intent", "history")
