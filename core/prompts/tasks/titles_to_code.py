"""The next item's code from the titles of a history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.prompts.tasks import Draw, FieldRows, TextTask, Value
from core.prompts.tasks._helpers import NO_HISTORY, Prefixes, no_texts

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData


class TitlesToCode(TextTask):
    """One row a prefix with a titled item in its history; items without a title are passed over."""

    prompt_fields = ("titles",)
    response_fields = ("item",)

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        prefixes, titled = Prefixes(data), data.texts.titled
        # Titled items before each place of the flat training items; shape (items + 1,).
        before = np.concatenate([[0], np.cumsum(titled[data.train.items])])
        prefixes.keep(before[prefixes.places] > before[prefixes.starts])

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            history, target = prefixes.at(row)
            return {"titles": history[titled[history]], "item": target}

        return FieldRows(len(prefixes), fields, NO_HISTORY if titled.any() else no_texts("title"))
