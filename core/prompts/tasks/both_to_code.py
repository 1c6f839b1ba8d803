"""An item's code from its title and description."""

from __future__ import annotations

from core.prompts.tasks._helpers import ItemTask


class BothToCode(ItemTask):
    """An item's code from its title and description."""

    prompt_fields = ("title", "description")
    response_fields = ("item",)
