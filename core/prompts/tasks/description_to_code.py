"""An item's code from its description."""

from __future__ import annotations

from core.prompts.tasks._helpers import ItemTask


class DescriptionToCode(ItemTask):
    """An item's code from its description."""

    prompt_fields = ("description",)
    response_fields = ("item",)
