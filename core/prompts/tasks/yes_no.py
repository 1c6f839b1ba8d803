"""Whether an item is the next one of a history, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.prompts.tasks import Draw, FieldRows, TextTask, Value
from core.prompts.tasks._helpers import NO_HISTORY, prefixes_with_negatives

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData


class YesNo(TextTask):
    """Two rows a prefix: the item that was taken, then one that was not; the first answer is that of the right one."""

    prompt_fields = ("history", "item")
    response_fields = ("answer",)
    brings_answers = True

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        prefixes = prefixes_with_negatives(data)

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            history, item = prefixes.at(row // 2)
            if row % 2:
                item = int(data.negatives.for_user(int(prefixes.users[row // 2]), item, 1, rng)[0])
            return {"history": history, "item": item, "answer": row % 2}

        return FieldRows(2 * len(prefixes), fields, NO_HISTORY)
