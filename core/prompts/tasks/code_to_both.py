"""An item's title and description from its code."""

from __future__ import annotations

from core.prompts.tasks._helpers import ItemTask


class CodeToBoth(ItemTask):
    """An item's title and description from its code."""

    prompt_fields = ("item",)
    response_fields = ("title", "description")
