"""The next item's title from the codes of a history."""

from __future__ import annotations

from core.prompts.tasks._helpers import HistoryTextTask


class HistoryToTitle(HistoryTextTask):
    """The next item's title from the codes of a history."""

    prompt_fields = ("history",)
    response_fields = ("title",)
