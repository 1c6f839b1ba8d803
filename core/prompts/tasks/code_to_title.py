"""An item's title from its code."""

from __future__ import annotations

from core.prompts.tasks._helpers import ItemTask


class CodeToTitle(ItemTask):
    """An item's title from its code."""

    prompt_fields = ("item",)
    response_fields = ("title",)
