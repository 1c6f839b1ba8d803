"""What the stage `index` leaves behind: the files that training, the screens and the verbs read."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.data.dataset import Dataset
from core.index.branches import BranchTable
from core.index.build import Built
from core.index.exchange.in_out import keep_import
from core.index.measure.report import index_report
from core.index.words.label import branch_words
from core.run.protocol import Reporter
from core.vectors import ItemVectors


def save_artefact(
    built: Built,
    dataset: Dataset,
    vectors: Mapping[str, ItemVectors],
    folder: Path,
    reporter: Reporter,
    codes_file: Path | None = None,
) -> dict[str, Any]:
    """Write an index and everything that belongs to it.

    `index.parquet`; `raw.npy`: the codes before conflicts were settled; `conflicts.parquet`; `branches.parquet` and
    `order.npy`: the code tree with its words; `codebooks.npz`: `level_0` ... and `tokens_0` ..., vectors of the codes;
    `imported.*`: the file that the codes came from; `report.json`; `seconds.json`.

    Args:
        built: the index.
        dataset: its items, and whose training part counts the branches' interactions.
        vectors: the sources in which the report looks for neighbours.
        folder: an existing folder.
        reporter: hears the progress; may ask to stop.
        codes_file: where the codes come from, if not from a quantizer of ours.

    Returns:
        The report.

    Raises:
        StopRequested: somebody asked to stop.
    """
    index, items = built.index, dataset.items
    index.save(folder / "index.parquet")
    np.save(folder / "raw.npy", np.ascontiguousarray(built.resolution.raw, dtype=np.int32))
    built.resolution.conflicts.write_parquet(folder / "conflicts.parquet")
    np.savez(folder / "codebooks.npz", **_books(built))
    if codes_file is not None:
        keep_import(codes_file, folder)
    began = time.monotonic()
    table = BranchTable.build(index.codes, np.bincount(dataset.train().items, minlength=len(items)))
    named = [title if title != item else "" for title, item in items.select("title", "item_id").iter_rows()]
    words = branch_words(table, [title or "" for title in named], [text or "" for text in items["text"]], reporter)
    table.with_words(words).save(folder)
    worded = time.monotonic()
    report = index_report(index, vectors, built=built, items=items)
    seconds = {**built.figures["seconds"], "words": worded - began, "report": time.monotonic() - worded}
    report |= {**built.figures, "conflicts": dict(built.resolution.figures)}
    del report["seconds"]  # the report is the same whenever it is made
    rounded = {name: round(value, 3) for name, value in seconds.items()}
    for name, figures in (("report.json", report), ("seconds.json", rounded)):
        (folder / name).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return report


def _books(built: Built) -> dict[str, Any]:
    """The codes' vectors, level by level; a level that only tells items apart has none."""
    books, level = {}, 0
    for part in built.parts:
        for place, book in enumerate(part.codebooks):
            books[f"level_{level}"] = book
            if part.token_vectors is not None:
                books[f"tokens_{level}"] = part.token_vectors[place]
            level += 1
    return books
