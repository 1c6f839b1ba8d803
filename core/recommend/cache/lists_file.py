"""Many lists as one Parquet file: `user_id`, `rank`, `item_id`, `score`, and `title` where wanted.

Its metadata say under `METADATA` what the lists are, as a JSON object: run, model, index, history, protocol, question.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl

from core.errors import EnvironmentFault
from core.files import written_whole
from core.recommend.cache.cached_lists import CachedLists
from core.recommend.cache.list_question import ListQuestion, ListSource
from core.recommend.cache.packed_list import unpack
from core.run.disk import fault_of

METADATA = "eagertui.lists"


def write_lists(
    out: Path,
    lists: pl.DataFrame,
    user_ids: pl.DataFrame,
    items: pl.DataFrame,
    question: ListQuestion,
    source: ListSource,
    titles: bool,
) -> int:
    """Write lists, whole or not at all; returns how many rows there are.

    Args:
        out: the file.
        lists: `user`, `items` and `scores`, best first, as in `core.recommend.cache.list_shards.SCHEMA`.
        user_ids: `user` and `user_id`.
        items: `item_id` and `title` of every item number.
        question: what the lists are.
        source: what made them.
        titles: whether there is a column of titles.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    about = {
        **asdict(source), "history": question.history_kind, "k": question.k, "hide_seen": question.hide_seen,
        "protocol": "seen items hidden" if question.hide_seen else "seen items kept", "only": question.only,
        "allow": question.allow, "deny": question.deny, "users": lists.height,
    }  # fmt: skip
    names = pl.DataFrame({"items": np.arange(items.height, dtype=np.int32)}).hstack(items.select("item_id", "title"))
    rows = (
        lists.lazy()
        .filter(pl.col("items").list.len() > 0)
        .sort("user")
        .with_columns(pl.int_ranges(1, pl.col("items").list.len() + 1, dtype=pl.Int32).alias("rank"))
        .select("user", "rank", "items", "scores")
        .explode("rank", "items", "scores")
        .join(user_ids.lazy(), on="user", how="left", maintain_order="left")
        .join(names.lazy(), on="items", how="left", maintain_order="left")
        .select("user_id", "rank", "item_id", pl.col("scores").alias("score"), *(["title"] if titles else []))
    )
    try:
        with written_whole(out) as temporary:
            rows.sink_parquet(temporary, metadata={METADATA: json.dumps(about)}, engine="streaming")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise fault_of(error, out.parent) or EnvironmentFault(f"cannot write {out}: {error}") from error
    return int(lists["items"].list.len().sum())


def export_cache(cache: CachedLists, question: ListQuestion, out: Path, titles: bool) -> dict[str, object]:
    """Write the cached lists of a question as they are kept, the spare items behind the list too.

    Args:
        cache: open for reading.
        question: which lists.
        out: the file.
        titles: whether there is a column of titles.

    Returns:
        `file`, `users`, `rows`, and `current`: whether they are of the run's present model and index.

    Raises:
        ProjectError: no lists of this question are cached.
        EnvironmentFault: the file cannot be written.
    """
    generation, why = cache.generation(question)
    rows: list[tuple[int, list[int], list[float]]] = []
    for page in cache.database.rows(generation.number):
        for user, row in page:
            items, scores = unpack(row.packed)
            rows.append((user, items.tolist(), scores.tolist()))
    schema = {"user": pl.Int32(), "items": pl.List(pl.Int32()), "scores": pl.List(pl.Float32())}
    lists = pl.DataFrame(rows, schema=schema, orient="row")
    count = write_lists(out, lists, cache.user_ids(), cache.items(), question, generation.source, titles)
    return {"file": str(out.resolve()), "users": lists.height, "rows": count, "current": not why, "why": why}
