"""The next item's description from the codes of a history."""

from __future__ import annotations

from core.prompts.tasks._helpers import HistoryTextTask


class HistoryToDescription(HistoryTextTask):
    """The next item's description from the codes of a history."""

    prompt_fields = ("history",)
    response_fields = ("description",)
