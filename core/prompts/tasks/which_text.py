"""Which of two texts is an item's, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.prompts.tasks import Draw, FieldRows, TextTask, Value

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData

DUPLICATES = 8
"""Items that may have the very text of the right one before another is looked for."""


class WhichText(TextTask):
    """One row an item: its title beside another item's, or the two descriptions."""

    prompt_fields = ("item", "first", "second")
    response_fields = ("answer",)
    brings_answers = True
    scales_with = "items"

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        both = {"title": data.texts.titles, "description": data.texts.descriptions}
        tables = {name: texts for name, texts in both.items() if len({*texts} - {""}) > 1}
        count = len(data.texts.titles)
        items = np.flatnonzero([any(texts[item] for texts in tables.values()) for item in range(count)])

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            right = int(items[row])
            own = [name for name, texts in tables.items() if texts[right]]
            name = own[int(rng.integers(len(own)))]
            same = ("", tables[name][right])
            wrong = data.negatives.for_item(right, DUPLICATES, rng).tolist()
            other = next((item for item in wrong if tables[name][item] not in same), -1)
            if other < 0:  # duplicates all around: the first text that is another one
                other = next(item for item, text in enumerate(tables[name]) if text not in same)
            pair: list[tuple[str, int]] = [(name, right), (name, other)]
            answer = int(rng.integers(2))
            return {"item": right, "first": pair[answer], "second": pair[1 - answer], "answer": answer}

        return FieldRows(
            len(items), fields, "no two items differ in title or description: data.text names no such column"
        )
