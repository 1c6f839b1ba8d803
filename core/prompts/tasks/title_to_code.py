"""An item's code from its title."""

from __future__ import annotations

from core.prompts.tasks._helpers import ItemTask


class TitleToCode(ItemTask):
    """An item's code from its title."""

    prompt_fields = ("title",)
    response_fields = ("item",)
