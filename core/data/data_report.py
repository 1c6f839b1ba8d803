"""What reading and cleaning did to the data: everything dropped is counted, nothing goes in silence."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, TypedDict

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class RejectedRow(TypedDict):
    """A rejected row, as it is kept."""

    file: str
    row: Count
    value: str


class Span(TypedDict):
    """How much happened in a piece of time."""

    start: str | float
    count: Count


_RARE = (
    "notes", "left_out", "unknown", "users_without_history", "items_untrained", "rows_untrained", "targets_untrained"
)  # fmt: skip


@dataclass
class DataReport:
    """What reading and cleaning did; everything dropped is counted here.

    Attributes:
        files: The files that were read, as named in the project.
        rows: Rows of the interaction log.
        rejected: Unusable rows by reason.
        examples: Up to five rows of each reason: `file`, `row` (1-based, without the header), `value`.
        left_out: Rows that `data.where` leaves out; `unknown`: those of them for which it is neither true nor false.
        below_rating: Rows rated below `data.min_rating`.
        duplicates: Rows dropped by the duplicates rule.
        core_rounds: Rounds of the k-core until nothing changed.
        core_rows: Rows the k-core took away; `core_users` and `core_items` likewise.
        users_without_history: Split by time: users all of whose interactions lie after training.
        items_untrained: Split by time: items that only interactions after training have; `rows_untrained`: these rows.
        targets_untrained: Split by time: validation and test targets that are such items; their users are not asked.
        tied: Share of neighbouring interactions of a user that have one and the same time.
        order: How the interactions of a user are ordered.
        timeline: Where they are ordered by time, how many there are in each of up to 60 equal spans: `start` (ISO text,
            or a number) and `count`. Without a time column it is empty, as are the next three.
        first_time: When the first one that is kept happened, written like a start; `last_time` likewise.
        time_step: How long a span is, in words.
        item_rows: Rows of the item table.
        item_duplicates: Its rows whose id had come before; the first row counts.
        item_rejected: Its rows without a usable id, by reason.
        items_without_row: Items of the log that have no row in the item table; they are kept, without text.
        items_without_text: Items that have no text at all.
        text_missing: Items without a text, by column; `text_cut`: cut at 2,000 characters; `text_broken`: not UTF-8.
        notes: What is read in a way that is in doubt, in sentences.
    """

    files: list[str] = field(default_factory=list)
    rows: Count = 0
    rejected: dict[str, Count] = field(default_factory=dict)
    examples: dict[str, list[RejectedRow]] = field(default_factory=dict)
    left_out: Count = 0
    unknown: Count = 0
    below_rating: Count = 0
    duplicates: Count = 0
    core_rounds: Count = 0
    core_rows: Count = 0
    core_users: Count = 0
    core_items: Count = 0
    users_without_history: Count = 0
    items_untrained: Count = 0
    rows_untrained: Count = 0
    targets_untrained: dict[str, Count] = field(default_factory=dict)
    tied: float = 0.0
    order: str = "file"
    timeline: list[Span] = field(default_factory=list)
    first_time: str | float | None = None
    last_time: str | float | None = None
    time_step: str = ""
    item_rows: Count = 0
    item_duplicates: Count = 0
    item_rejected: dict[str, Count] = field(default_factory=dict)
    items_without_row: Count = 0
    items_without_text: Count = 0
    text_missing: dict[str, Count] = field(default_factory=dict)
    text_cut: dict[str, Count] = field(default_factory=dict)
    text_broken: dict[str, Count] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> DataReport:
        """The report in a file that may be damaged.

        Raises:
            OSError: it cannot be read.
            ValueError: it holds no report, or one whose values are of other types.
        """
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except RecursionError:
            raise ValueError("nested too deeply") from None

    def as_json(self) -> str:
        """The report as it is kept; without what only some data have, where there is none of it."""
        values = {key: value for key, value in asdict(self).items() if value or key not in _RARE}
        return json.dumps(values, indent=1, ensure_ascii=False) + "\n"

    @property
    def rejected_rows(self) -> int:
        """Rejected rows of the log, all reasons together."""
        return sum(self.rejected.values())
