"""Writes the artefacts of an index as the stages do: codes, branches with words, conflicts, report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from core.index.branches import BranchTable
from core.index.table import ItemIndex
from core.index.tokens import letter

Codes = npt.NDArray[np.int32]
SCHEMA = {
    "group": pl.Int32, "item": pl.Int32, "before": pl.List(pl.Int32), "after": pl.List(pl.Int32),
    "distance": pl.Float32, "duplicate": pl.Boolean, "strategy": pl.String, "price": pl.Float32,
}  # fmt: skip


@cache
def some_codes(items: int, widths: tuple[int, ...], seed: int = 0) -> Codes:
    """Different codes, of which some are used far more than others."""
    random = np.random.default_rng(seed)
    found = np.zeros((0, len(widths)), dtype=np.int32)
    while len(found) < items:
        more = np.stack([(random.random(items) ** 1.6 * width).astype(np.int32) for width in widths], axis=1)
        found = np.unique(np.concatenate([found, more]), axis=0)
    return random.permutation(found)[:items]


def write_index(
    folder: Path,
    data: Path,
    codes: Codes,
    ids: Sequence[str],
    titles: Sequence[str | None],
    widths: Sequence[int],
    sources: Sequence[str],
    words: Sequence[Sequence[str]] | None = None,
    groups: Sequence[Sequence[int]] = (),
) -> BranchTable:
    """An index of these codes; `groups` are items that shared the code of their first one before."""
    for one in (folder, data):
        one.mkdir(parents=True, exist_ok=True)
    known = pl.Series("item_id", ids, dtype=pl.String)
    pl.DataFrame([known, pl.Series("title", titles, dtype=pl.String)]).write_parquet(data / "items.parquet")
    index = ItemIndex(known, codes, tuple(widths), tuple(sources))
    index.save(folder / "index.parquet")
    rows = np.arange(len(codes)) % 7 + 1
    branches = BranchTable.build(codes, rows)
    if words is not None:
        branches = branches.with_words([words[n % len(words)] if n else [] for n in range(len(branches))])
    branches.save(folder)
    raw = codes.copy()
    for group in groups:
        raw[list(group)] = codes[group[0]]
    np.save(folder / "raw.npy", raw)
    _conflicts(codes, raw, groups).write_parquet(folder / "conflicts.parquet")
    (folder / "report.json").write_text(json.dumps(_report(index, branches, groups)))
    (folder / "seconds.json").write_text(json.dumps({"semantic": 1.25, "matching": 0.04}))
    return branches


def _conflicts(codes: Codes, raw: Codes, groups: Sequence[Sequence[int]]) -> pl.DataFrame:
    numbers = np.array([item for group in groups for item in group], dtype=np.int32)
    place = np.array([at for group in groups for at, _ in enumerate(group)], dtype=np.int32)
    columns: dict[str, Any] = {
        "group": np.repeat(np.arange(len(groups), dtype=np.int32), [len(group) for group in groups]),
        "item": numbers,
        "before": list(raw[numbers]),
        "after": list(codes[numbers]),
        "distance": (numbers % 13 * 0.021 + 0.02).astype(np.float32),
        "duplicate": place == 2,
        "strategy": ["matching"] * len(numbers),
        "price": np.where(place > 0, 0.004 * (numbers % 11), 0).astype(np.float32),
    }
    return pl.DataFrame(columns, schema=SCHEMA)


def _report(index: ItemIndex, branches: BranchTable, groups: Sequence[Sequence[int]]) -> dict[str, Any]:
    levels = []
    for level, width in enumerate(index.widths):
        counts = np.bincount(index.codes[:, level], minlength=width)
        share = counts[counts > 0] / max(1, counts.sum())
        deeper = int((branches.depth == level + 1).sum()) or len(index.codes)
        above = max(1, int((branches.depth == level).sum()))
        sizes = branches.size[branches.depth == level + 1] if level + 1 < index.levels else np.ones(1, np.int32)
        levels.append(
            {
                "letter": letter(level), "source": index.sources[level], "width": width,
                "used": int((counts > 0).sum()), "perplexity": round(float(np.exp(-(share * np.log(share)).sum())), 2),
                "prefixes": deeper, "mean_fan_out": round(deeper / above, 2), "forced_items": 0.1,
                "entropy": round(float(-(share * np.log2(share)).sum()), 3), "dead": int((counts == 0).sum()),
                "smallest": int(sizes.min(initial=1)), "median": float(np.median(sizes)) if len(sizes) else 0.0,
                "largest": int(sizes.max(initial=1)),
            }
        )  # fmt: skip
    kept = [0.71, 0.44, 0.18, 0.02, 0.0, 0.0][: index.levels]
    items, largest = sum(len(group) for group in groups), max((len(group) for group in groups), default=0)
    rate = round((items - len(groups)) / max(1, len(index.codes)), 4)
    before = {"step": "nearest code", "rate": rate, "items": items, "groups": len(groups), "largest": largest}
    after = {"step": "matching", "rate": 0.0, "items": 0, "groups": 0, "largest": 0}
    return {
        "items": len(index.codes), "base_id": "8a85cf75699a7723", "method": "kmeans-tree", "strategy": "matching",
        "levels": levels,
        "preserved": {
            source: [{"preserved": one, "chance": one / 6} for one in kept] for source in dict.fromkeys(index.sources)
        },
        "agreement": {"author": [{"depth": n + 1, "agree": one * 0.8, "chance": 0.04} for n, one in enumerate(kept)]},
        "conflicts": {"steps": [before, after], "duplicates": len(groups) // 3, "moved": items - len(groups),
                      "spilled": 1, "price": {"mean": 0.01, "largest": 0.04, "relative": 0.0031}},
        "reconstruction": {source: 0.214 for source in dict.fromkeys(index.sources)},
        "neighbours": 10,
    }  # fmt: skip
