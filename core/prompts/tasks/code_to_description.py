"""An item's description from its code."""

from __future__ import annotations

from core.prompts.tasks._helpers import ItemTask


class CodeToDescription(ItemTask):
    """An item's description from its code."""

    prompt_fields = ("item",)
    response_fields = ("description",)
