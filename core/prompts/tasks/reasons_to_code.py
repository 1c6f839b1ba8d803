"""What a user likes, in words, and then the item that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from core.prompts.tasks import Draw, FieldRows, TextTask, Value
from core.prompts.tasks._helpers import table_starts

if TYPE_CHECKING:
    from core.prompts.task_data import TaskData


class ReasonsToCode(TextTask):
    """One row a user with a preference: it is written first, then the user's last training item.

    After GREAM's reasoning rows (arXiv 2510.20815, section 3.2), in which a large model writes the steps and sees the
    answer; here they come from the items before the answer, so they cannot tell it.
    """

    prompt_fields = ("history",)
    response_fields = ("preference", "item")
    needs_user_texts = True
    scales_with = "users"

    def rows(self, data: TaskData) -> FieldRows:
        """See `TextTask`."""
        train, starts = data.train, table_starts(data.users.preferences)
        counts = np.diff(starts)
        users = np.flatnonzero((counts > 0) & (train.lengths > 1))

        def fields(row: int, rng: Draw) -> dict[str, Value]:
            user = int(users[row])
            number, items = int(starts[user] + rng.integers(counts[user])), train[user]
            history = items[:-1][-data.max_history :]
            return {"history": history, "preference": ("preference", number), "item": int(items[-1])}

        return FieldRows(len(users), fields, f"no user has a preference (texts.users: {data.users.source})")
