"""The shipped sample is what the generator makes, and its figures are what the project promises of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from core.assets import assets_path
from core.sample.shop import Shop, best_reachable, generate

FILES = ("items.parquet", "interactions.parquet", "best_reachable.json")
SHIPPED = assets_path() / "sample"
WRITTEN_WITH = "2.1.0"  # another Polars may write the same tables in other bytes


@pytest.fixture(scope="module")
def shop() -> Shop:
    return generate()


@pytest.fixture(scope="module")
def best() -> dict[str, float]:
    return json.loads((SHIPPED / "best_reachable.json").read_text(encoding="utf-8"))


def test_one_command_writes_the_shipped_files_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "core.sample", str(tmp_path / "new")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(FILES)
    for name in FILES:
        ours, new = SHIPPED / name, tmp_path / "new" / name
        if name.endswith(".json") or pl.__version__ == WRITTEN_WITH:
            assert new.read_bytes() == ours.read_bytes(), name
        else:
            assert pl.read_parquet(new).equals(pl.read_parquet(ours)), name


def test_another_seed_makes_another_shop(shop: Shop) -> None:
    other = generate(1, readers=20)
    assert not other.items.equals(shop.items)
    assert generate(1, readers=20).interactions.equals(other.interactions)


def test_sizes_are_as_promised() -> None:
    log, items = (pl.read_parquet(SHIPPED / f"{name}.parquet") for name in ("interactions", "items"))
    assert log["user_id"].n_unique() >= 1500
    assert len(items) >= 800
    assert set(log["item_id"]) == set(items["item_id"])
    reads = log.group_by("item_id").len()["len"]
    assert reads.min() >= 5
    assert reads.mean() >= 20
    assert sum(path.stat().st_size for path in SHIPPED.glob("*.parquet")) < 500_000
    assert not log.select("user_id", "item_id").is_duplicated().any()
    assert not log.select("user_id", "timestamp").is_duplicated().any()
    assert set(log["rating"]) <= {1, 2, 3, 4, 5}


def test_the_log_holds_the_reading_lists_in_order(shop: Shop) -> None:
    log = pl.read_parquet(SHIPPED / "interactions.parquet")
    read = log.sort("user_id", "timestamp").group_by("user_id", maintain_order=True).agg("item_id")
    ids = np.array(shop.items["item_id"])
    assert read["item_id"].to_list() == [ids[books].tolist() for books in shop.lists]


def test_the_best_reachable_figures_are_recomputed(shop: Shop, best: dict[str, float]) -> None:
    assert best_reachable(shop) == best
    assert best["recall@10"] > 0.45
    assert best["recall@1"] < best["recall@5"] < best["recall@10"] < best["recall@20"] < best["recall@50"]


def test_popularity_and_transitions_stay_far_below_it(shop: Shop, best: dict[str, float]) -> None:
    books = len(shop.items)
    fame, steps = np.zeros(books), np.zeros((books, books))
    for reading in shop.lists:
        train = np.array(reading[:-2])
        np.add.at(fame, train, 1)
        for gap in (1, 2, 3):
            np.add.at(steps, (train[:-gap], train[gap:]), 1 / gap)
    ties = 1e-6 * fame / fame.max()

    def recall(score_of: list[np.ndarray]) -> float:
        pairs = zip(score_of, shop.lists, strict=True)
        return float(np.mean([(score > score[reading[-1]]).sum() < 10 for score, reading in pairs]))

    popular = recall([fame for _ in shop.lists])
    stepwise = [sum(steps[reading[-1 - gap]] / gap for gap in (1, 2, 3)) + ties for reading in shop.lists]
    assert popular < 0.15 * best["recall@10"]
    assert 0.15 * best["recall@10"] < recall(stepwise) < 0.6 * best["recall@10"]


def test_times_and_ratings_tell_nothing_of_the_circle(shop: Shop) -> None:
    """Ratings depend on the book alone, so the figures need not condition on them."""
    circles = shop.items.select("item_id", circle=pl.Series(shop.shelf.circle))
    means = shop.interactions.join(circles, "item_id").group_by("circle").agg(pl.col("rating").mean())["rating"]
    assert means.max() - means.min() < 0.2


def test_the_project_file_loads() -> None:
    from core.project import Project

    project = Project.load(SHIPPED / "project.toml")
    assert (project.name, project.recipe) == ("bookshop", "light")
    assert project.data.text == ("title", "author", "series", "genre", "blurb")
    assert project.resolve(project.data.interactions) == SHIPPED / "interactions.parquet"
