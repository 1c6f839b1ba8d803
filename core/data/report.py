"""What reading and cleaning did to the data: everything dropped is counted, nothing goes in silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class DataReport:
    """What reading and cleaning did; everything dropped is counted here.

    Attributes:
        files: The files that were read, as named in the project.
        rows: Rows of the interaction log.
        rejected: Unusable rows by reason.
        examples: Up to five rows of each reason: `file`, `row` (1-based, without the header), `value`.
        below_rating: Rows rated below `data.min_rating`.
        duplicates: Rows dropped by the duplicates rule.
        core_rounds: Rounds of the k-core until nothing changed.
        core_rows: Rows the k-core took away; `core_users` and `core_items` likewise.
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
    """

    files: list[str] = field(default_factory=list)
    rows: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    below_rating: int = 0
    duplicates: int = 0
    core_rounds: int = 0
    core_rows: int = 0
    core_users: int = 0
    core_items: int = 0
    tied: float = 0.0
    order: str = "file"
    timeline: list[dict[str, Any]] = field(default_factory=list)
    first_time: str | float | None = None
    last_time: str | float | None = None
    time_step: str = ""
    item_rows: int = 0
    item_duplicates: int = 0
    item_rejected: dict[str, int] = field(default_factory=dict)
    items_without_row: int = 0
    items_without_text: int = 0
    text_missing: dict[str, int] = field(default_factory=dict)
    text_cut: dict[str, int] = field(default_factory=dict)
    text_broken: dict[str, int] = field(default_factory=dict)

    @property
    def rejected_rows(self) -> int:
        """Rejected rows of the log, all reasons together."""
        return sum(self.rejected.values())
