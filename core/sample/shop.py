"""The whole sample from one seed: book table, interaction log, best reachable figures, and their folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from core.files import written_whole
from core.sample.books import stock
from core.sample.fact import FICTION
from core.sample.oracle import metrics, ranks
from core.sample.readers import Process, Shelf, simulate

READERS = 2000
OPENING = 1_546_300_800
"""The shop's first second, 1 January 2019 UTC."""
DAY = 86_400


@dataclass(frozen=True)
class Shop:
    """The sample in memory; book numbers are rows of ``items``."""

    items: pl.DataFrame
    interactions: pl.DataFrame
    shelf: Shelf
    lists: list[list[int]]


def generate(seed: int = 0, readers: int = READERS, process: Process | None = None) -> Shop:
    """Stock the shop and let ``readers`` readers loose in it; the same seed gives the same shop."""
    process = process or Process()
    for_books, for_readers, for_log = (np.random.default_rng([seed, part]) for part in range(3))
    items, shelf = stock(for_books, process.circles)
    lists = simulate(shelf, process, readers, for_readers)
    return Shop(items, _log(items, lists, for_log), shelf, lists)


def _log(items: pl.DataFrame, lists: Sequence[Sequence[int]], rng: np.random.Generator) -> pl.DataFrame:
    """The interaction table in the order of its times. Times and ratings tell nothing about what comes next."""
    ids = items["item_id"].to_list()
    merit = 3.2 + 1.3 * rng.random(len(ids))
    rows: list[tuple[str, str, int, int]] = []
    for reader, books in enumerate(lists):
        now = OPENING + int(rng.random() * 4 * 365 * DAY)
        for book in books:
            now += 1 + int((2 + 28 * rng.random() ** 2) * DAY)
            stars = round(merit[book] + 2.0 * (rng.random() + rng.random() - 1.0))
            rows.append((f"r{reader:04d}", ids[book], now, min(max(stars, 1), 5)))
    schema = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64, "rating": pl.Int8}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("timestamp", "user_id")


def best_reachable(shop: Shop, process: Process | None = None) -> dict[str, float]:
    """Metrics of the exact prediction on every reader's last book, given all the books before it."""
    return metrics(ranks(shop.shelf, process or Process(), shop.lists))


def write(directory: Path, seed: int = 0) -> dict[str, float]:
    """Write ``items.parquet``, ``interactions.parquet`` and ``best_reachable.json``; gives the best reachable figures.

    Same seed and same Polars: same bytes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    shop = generate(seed)
    best = best_reachable(shop)
    for name, table in (("items", shop.items), ("interactions", shop.interactions)):
        with written_whole(directory / f"{name}.parquet") as temporary:
            table.write_parquet(temporary, compression="zstd", compression_level=19, statistics=False)
    (directory / "best_reachable.json").write_text(json.dumps(best, indent=2) + "\n", encoding="utf-8")
    return best


PROJECT = """name = "{name}"
recipe = "light"
[data]
interactions = "interactions.parquet"
items = "items.parquet"
time = "timestamp"
text = ["title", "author", "series", "genre", "blurb"]
min_user_interactions = 0
min_item_interactions = 0
"""


def write_shops(directory: Path, seed: int = 0, readers: int = READERS) -> None:
    """Write the bookshop as two shops with the same readers, a project folder each: `fiction` and `fact`.

    A reader's books are the same, at the same times; each shop sold those of its genres.
    """
    shop = generate(seed, readers)
    made_up = pl.col("genre").is_in([genre.name for genre in FICTION])
    for name, kept in (("fiction", made_up), ("fact", ~made_up)):
        folder = directory / name
        folder.mkdir(parents=True, exist_ok=True)
        items = shop.items.filter(kept)
        items.write_parquet(folder / "items.parquet")
        shop.interactions.join(items, on="item_id", how="semi").write_parquet(folder / "interactions.parquet")
        (folder / "project.toml").write_text(PROJECT.format(name=name), encoding="utf-8")
