"""The next item's code among some candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.prompts.tasks import Draw, FieldRows, TextTask, Value
from core.prompts.tasks._helpers import NO_HISTORY, prefixes_with_negatives

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData


class PickOne(TextTask):
    """One row a prefix: the item that was taken among some that were not."""

    prompt_fields = ("history", "candidates")
    response_fields = ("item",)

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        prefixes = prefixes_with_negatives(data)

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            history, target = prefixes.at(row)
            wrong = data.negatives.for_user(int(prefixes.users[row]), target, data.n_negatives, rng)
            return {"history": history, "candidates": rng.permutation([target, *wrong]), "item": target}

        return FieldRows(len(prefixes), fields, NO_HISTORY)
