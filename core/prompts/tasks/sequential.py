"""The next item's code straight after the codes of the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.prompts.tasks import Draw, FieldRows, TextTask, Value
from core.prompts.tasks._helpers import NO_HISTORY, Prefixes
from core.prompts.wordings import Wording

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData


class Sequential(TextTask):
    """The next item's code straight after the codes of the history, one row a prefix.

    A wording of it is a frame before the history. Training packs many targets into one row: see
    `core.tune.target_rows`.
    """

    prompt_fields = ("history",)
    response_fields = ("item",)

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        prefixes = Prefixes(data)

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            history, target = prefixes.at(row)
            return {"history": history, "item": target}

        return FieldRows(len(prefixes), fields, NO_HISTORY)

    def problem(self, wording: Wording) -> tuple[str, str] | None:
        """See `TextTask`."""
        if wording.prompt.endswith("{history}") and wording.response == "{item}":
            return None
        return (
            "the next item follows the history straight away",
            'the prompt ends with {history}, and the response is "{item}"',
        )
