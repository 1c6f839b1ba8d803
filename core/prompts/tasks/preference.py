"""What a user likes, in words, from the codes of their history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.prompts.tasks import Draw, FieldRows, TextTask, Value
from core.prompts.tasks._helpers import table_starts

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData


class Preference(TextTask):
    """One row a user with a preference; the history is all training items but the last, from which it was made."""

    prompt_fields = ("history",)
    response_fields = ("preference",)
    needs_user_texts = True
    scales_with = "users"

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        train, starts = data.train, table_starts(data.users.preferences)
        counts = np.diff(starts)
        users = np.flatnonzero((counts > 0) & (train.lengths > 1))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            user = int(users[row])
            number = int(starts[user] + rng.integers(counts[user]))
            return {"history": train[user][:-1][-data.max_history :], "preference": ("preference", number)}

        return FieldRows(len(users), fields, f"no user has a preference (texts.users: {data.users.source})")
