"""Cleaning, ordering, the split, and the figures of the real data sets."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.data import Dataset, Sequences, profile
from core.data.dataset import load_dataset, user_times
from core.data.split import Split
from core.errors import DataError, EagerError, ProjectError
from core.project import Project
from core.settings import DataSettings
from tests.core.data.data_tools import MakeProject, load


def frame(rows: list[tuple[Any, ...]], *names: str) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=list(names), orient="row")


def lists(dataset: Dataset) -> dict[str, list[str]]:
    ids = dataset.items["item_id"].to_list()
    return {user: [ids[i] for i in dataset.sequences[n]] for n, user in enumerate(dataset.users)}


def real(folder: Path, name: str, order: str, text: str, where: Path) -> Project:
    file = where / "project.toml"
    file.write_text(
        f"[data]\ninteractions = '{folder}/{name}/interactions.parquet'\nitems = '{folder}/{name}/items.parquet'\n"
        f"{order}\ntext = {text}\n",
        encoding="utf-8",
    )
    return Project.load(file)


def test_beauty(real_data: Path, tmp_path: Path) -> None:
    text = '["title", "brand", "categories", "keywords"]'
    dataset = load(real(real_data, "beauty", "position = 'position'", text, tmp_path))
    assert (dataset.n_users, dataset.n_items, len(dataset.sequences.items)) == (22_363, 12_101, 198_502)
    assert dataset.targets_count() == 131_413
    assert dataset.report.rows == 198_502 and not dataset.report.rejected
    assert dataset.report.text_missing["title"] == 7
    codes = dataset.items["asin"]
    assert not any(code in text for code, text in zip(codes, dataset.items["text"], strict=True))
    test = dataset.evaluation("test")
    assert len(test) == 22_363 and len(test.histories.items) == 198_502 - 22_363

    dataset.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")}
    start = time.perf_counter()
    again = Dataset.load(tmp_path)
    assert time.perf_counter() - start < 1.0
    assert again.items.equals(dataset.items) and again.users.equals(dataset.users)
    assert again.sequences.items.tolist() == dataset.sequences.items.tolist()
    assert again.report == dataset.report
    again.save(tmp_path)
    assert before == {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")}


def test_scientific_has_the_very_sequences_of_the_published_file(real_data: Path, tmp_path: Path) -> None:
    dataset = load(real(real_data, "scientific", "position = 'position'", '["title", "description"]', tmp_path))
    assert (dataset.n_users, dataset.n_items, len(dataset.sequences.items)) == (8_317, 4_344, 58_492)
    published = json.loads((real_data / "scientific/lc-rec-format/Scientific.inter.json").read_text())
    assert lists(dataset) == {user: [str(item) for item in items] for user, items in published.items()}


def test_online_retail_keeps_the_order_of_the_file_inside_a_basket(real_data: Path, tmp_path: Path) -> None:
    dataset = load(real(real_data, "online-retail", "time = 'timestamp'", '["title"]', tmp_path))
    assert (dataset.n_users, dataset.n_items, len(dataset.sequences.items)) == (4_074, 3_145, 264_510)
    assert round(dataset.report.tied, 2) == 0.95
    raw = pl.read_parquet(real_data / "online-retail" / "interactions.parquet").with_row_index("row")
    first = raw["user_id"].unique(maintain_order=True)
    assert dataset.users.to_list() == first.to_list()
    expected = raw.sort("timestamp", "row").group_by("user_id", maintain_order=True).agg("item_id")
    ours = lists(dataset)
    assert all(ours[user] == items for user, items in expected.iter_rows())
    figures = profile(dataset)
    assert json.loads(json.dumps(figures)) == figures


def test_order_by_time_then_row_and_numbers_by_first_row(make: MakeProject) -> None:
    rows = [("z", "b", 2), ("a", "b", 1), ("z", "a", 1), ("z", "c", 2), ("z", "d", 1)]
    dataset = load(make(frame(rows, "user_id", "item_id", "t"), time="t"))
    assert dataset.users.to_list() == ["z", "a"]
    assert dataset.items["item_id"].to_list() == ["a", "b", "c", "d"]
    assert lists(dataset) == {"z": ["a", "d", "b", "c"], "a": ["b"]}
    assert lists(load(make(frame(rows, "user_id", "item_id", "t"))))["z"] == ["b", "a", "c", "d"]


def test_a_target_moves_no_number(make: MakeProject) -> None:
    """An item's number depends on the set of items alone, so no later stage can see a target through it."""
    rows = [("u", item, n) for n, item in enumerate("dbca")] + [("v", item, n) for n, item in enumerate("acbd")]
    one = load(make(frame(rows, "user_id", "item_id", "t"), time="t"))
    rows[3], rows[2] = ("u", "b", 3), ("u", "a", 2)
    two = load(make(frame(rows, "user_id", "item_id", "t"), time="t"))
    assert one.items.equals(two.items) and one.users.equals(two.users)
    assert one.train()[0].tolist() == two.train()[0].tolist()


def test_the_split(make: MakeProject) -> None:
    rows = [("long", item) for item in "abcde"] + [
        ("two", "a"),
        ("two", "b"),
        ("three", "c"),
        ("three", "b"),
        ("three", "a"),
    ]
    dataset = load(make(frame(rows, "user_id", "item_id")))
    train = dataset.train()
    assert [train[n].tolist() for n in range(3)] == [[0, 1, 2], [0, 1], [2]]
    valid, test = dataset.evaluation("valid"), dataset.evaluation("test")
    assert valid.users.tolist() == test.users.tolist() == [0, 2]
    assert valid.targets.tolist() == [3, 1] and test.targets.tolist() == [4, 0]
    assert [valid.histories[n].tolist() for n in range(2)] == [[0, 1, 2], [2]]
    assert [test.histories[n].tolist() for n in range(2)] == [[0, 1, 2, 3], [2, 1]]
    assert dataset.targets_count() == (5 - 3) + (2 - 1) + 0
    assert all(values.dtype == np.int32 for values in (test.users, test.targets, test.histories.items))
    with pytest.raises(ValueError, match="no split"):
        dataset.evaluation("train")


def test_sequences() -> None:
    sequences = Sequences(np.arange(6, dtype=np.int32), np.array([0, 2, 2, 6]))
    assert len(sequences) == 3
    assert [part.tolist() for part in sequences] == [[0, 1], [], [2, 3, 4, 5]]
    assert sequences[-1].tolist() == [2, 3, 4, 5]
    some = sequences.take(np.array([2, 0, 1]), np.array([1, 5, 0]))
    assert [part.tolist() for part in some] == [[2, 3, 4], [], []]
    with pytest.raises(IndexError):
        sequences[3]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("exact", ["a", "b", "a", "b"]), ("first", ["a", "b"]), ("keep", ["a", "a", "b", "a", "b"])],
)
def test_duplicates(make: MakeProject, rule: str, expected: list[str]) -> None:
    rows = [("u", "a", 1), ("u", "a", 1), ("u", "b", 2), ("u", "a", 3), ("u", "b", 4)]
    dataset = load(make(frame(rows, "user_id", "item_id", "t"), time="t", duplicates=rule))
    assert lists(dataset) == {"u": expected}
    assert dataset.report.duplicates == 5 - len(expected)


def naive_core(rows: list[tuple[int, int]], users: int, items: int) -> list[tuple[int, int]]:
    while True:
        left = [
            (u, i) for u, i in rows
            if sum(a == u for a, _ in rows) >= users and sum(b == i for _, b in rows) >= items
        ]  # fmt: skip
        if left == rows:
            return left
        rows = left


def test_the_k_core_equals_a_naive_one(make: MakeProject) -> None:
    random = np.random.default_rng(1)
    pairs = [(int(u), int(i)) for u, i in zip(random.zipf(1.6, 300) % 40, random.zipf(1.5, 300) % 30, strict=True)]
    pairs = list(dict.fromkeys(pairs))
    for users, items in ((2, 2), (3, 2), (2, 4), (0, 3)):
        expected = naive_core(pairs, users, items)
        dataset = load(
            make(frame(pairs, "user_id", "item_id"), min_user_interactions=users, min_item_interactions=items)
        )
        ours = [(int(u), int(i)) for u, all_of in lists(dataset).items() for i in all_of]
        assert sorted(ours, key=pairs.index) == expected
        assert [u for u, _ in ours] == sorted((u for u, _ in ours), key=[u for u, _ in pairs].index)
        assert dataset.report.core_rows == len(pairs) - len(expected)
        assert dataset.report.core_items == len({i for _, i in pairs}) - len({i for _, i in expected})


def test_nothing_left_says_why(make: MakeProject) -> None:
    with pytest.raises(DataError, match=r"no interactions are left after cleaning: 2 rows, .* 2 outside the k-core"):
        load(make(frame([("u", "a"), ("u", "b")], "user_id", "item_id"), min_item_interactions=2))


def test_ratings(make: MakeProject) -> None:
    rows = [("u", "a", 5.0), ("u", "b", 2.0), ("u", "c", None), ("u", "d", float("nan")), ("u", "e", 4.0)]
    log = frame(rows, "user_id", "item_id", "stars")
    dataset = load(make(log, rating="stars", min_rating=4.0, max_rejected=0.5))
    assert lists(dataset) == {"u": ["a", "e"]}
    assert dataset.report.below_rating == 1
    assert dataset.report.rejected == {"no readable rating": 2}
    assert len(lists(load(make(log, rating="stars")))["u"]) == 5, "without a threshold no rating is needed"


def test_too_many_bad_rows_name_file_row_and_reason(make: MakeProject) -> None:
    rows = [("u", "a"), (None, "b"), ("v", "c")]
    with pytest.raises(DataError) as caught:
        load(make(frame(rows, "user_id", "item_id")))
    assert "log.parquet: 1 of 3 rows cannot be used; most often: no user id, e.g. log.parquet row 2" in str(
        caught.value
    )
    assert caught.value.exit_code == 4
    assert load(make(frame(rows, "user_id", "item_id"), max_rejected=0.34)).report.rejected == {"no user id": 1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1, 2], "bca"),
        ([3.5, -1.0, 2.25], "bca"),
        (["10", "9", "1e1"], "bac"),
        (["2024-03-01", "2023-12-31", "2024-02-29"], "bca"),
        (["2024-03-01 10:00:00", "2024-03-01 09:59:59.9", "2024-03-01 09:59:59.95"], "bca"),
        (["2024-03-01T10:00:00Z", "2024-03-01T11:30:00+02:00", "2024-03-01T08:45:00-01:00"], "bca"),
        (["12/30/2010 8:26", "1/2/2010 17:05", "2/1/2010 9:00"], "bca"),
        (["30.12.2010 08:26", "01.02.2010 17:05", "02.11.2010 09:00"], "bca"),
        (["30/12/2010", "01/02/2010", "02/11/2010"], "bca"),
        (["09 13, 2009", "01 2, 2009", "02 1, 2009"], "bca"),
        (["Tue Apr 03 18:00:09 +0000 2012", "Tue Apr 03 18:00:06 +0000 2012", "Tue Apr 03 18:00:07 +0000 2012"], "bca"),
        (["1700000000000000003", "1700000000000000001", "1700000000000000002"], "bca"),
        ([1 << 60 | 3, 1 << 60 | 1, 1 << 60 | 2], "bca"),
    ],
)
def test_ways_to_write_a_time(make: MakeProject, values: list[Any], expected: str) -> None:
    log = pl.DataFrame({"user_id": ["u"] * 3, "item_id": list("abc"), "t": values})
    assert lists(load(make(log, time="t"))) == {"u": list(expected)}
    assert lists(load(make(log.write_csv(), time="t"))) == {"u": list(expected)}


def test_typed_times_and_strange_types(make: MakeProject) -> None:
    base = pl.DataFrame({"user_id": ["u"] * 2, "item_id": ["a", "b"], "t": [9000, 2000]})
    for kind in (
        pl.Date,
        pl.Datetime("ns"),
        pl.Datetime("ms", "Europe/Paris"),
        pl.UInt64,
        pl.Float32,
        pl.Decimal(10, 2),
    ):
        assert lists(load(make(base.with_columns(pl.col("t").cast(kind)), time="t"))) == {"u": ["b", "a"]}
    t = base["t"]
    strange = (
        t.cast(pl.Time),
        t.cast(pl.Duration("us")),
        t.reshape((2, 1)).arr.to_list(),
        t > 0,
        t.cast(pl.String).cast(pl.Binary),
    )
    for bad in strange:
        with pytest.raises(DataError, match=r'the column "t" holds .*, not times'):
            load(make(base.with_columns(bad.alias("t")), time="t"))
    with pytest.raises(DataError, match=r'the times in "t" are written in no known way, e.g. "soon"'):
        load(make(base.with_columns(t=pl.Series(["soon", "soon"])), time="t"))


def test_ids_of_many_types_become_text(make: MakeProject) -> None:
    items = ["7", "8"]
    for kind in (pl.Int8, pl.UInt64, pl.Int64, pl.Float64, pl.Categorical, pl.String, pl.Int128, pl.Binary):
        text = pl.Series(items)
        ids = text.cast(kind) if kind in (pl.Categorical, pl.String, pl.Binary) else text.cast(pl.Int64).cast(kind)
        log = pl.DataFrame({"user_id": ids, "item_id": ids})
        assert load(make(log)).items["item_id"].to_list() == items
    for bad in (pl.Series([[1], [2]]), pl.Series([{"x": 1}, {"x": 2}]), pl.Series([True, False])):
        with pytest.raises(DataError, match=r'the column "item_id" holds .*, not ids'):
            load(make(pl.DataFrame({"user_id": ["u", "v"], "item_id": bad})))
    with pytest.raises(DataError, match="no user id"):
        load(make(pl.DataFrame({"user_id": pl.Series([None, None]), "item_id": ["a", "b"]})))


def test_files_that_write_times_differently_are_refused(make: MakeProject, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("user_id,item_id,t\nu,a,1700000000\n")
    (tmp_path / "b.csv").write_text("user_id,item_id,t\nu,b,2024-01-01\n")
    with pytest.raises(DataError, match="write t in different ways"):
        load(make("x", time="t", interactions="?.csv"))


def test_a_damaged_saved_data_set_is_refused(make: MakeProject, tmp_path: Path) -> None:
    dataset = load(make(frame([("u", "a"), ("u", "b")], "user_id", "item_id")))
    dataset.save(tmp_path)
    pl.DataFrame({"item": pl.Series([0, 9], dtype=pl.Int32)}).write_parquet(tmp_path / "sequences.parquet")
    with pytest.raises(DataError, match="do not fit together"):
        Dataset.load(tmp_path)
    (tmp_path / "items.parquet").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        Dataset.load(tmp_path)
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(DataError):
        Dataset.load(tmp_path)


def test_same_rows_in_another_split_of_files_and_threads(make: MakeProject, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    log = pl.DataFrame(
        {
            "user_id": random.integers(0, 300, 20_000),
            "item_id": random.integers(0, 90, 20_000),
            "t": random.integers(0, 9, 20_000),
        }
    )
    whole = load(make(log, time="t", min_user_interactions=5))
    for number in range(4):
        log[number * 5000 : (number + 1) * 5000].write_csv(tmp_path / f"part-{number}.csv")
    parts = load(make("x", time="t", min_user_interactions=5, interactions="part-*.csv"))
    assert parts.sequences.items.tolist() == whole.sequences.items.tolist()
    assert parts.users.equals(whole.users) and parts.items.equals(whole.items)


def test_profile(make: MakeProject) -> None:
    rows = [("u", item) for item in "abcab"] + [("v", "a")]
    figures = profile(load(make(frame(rows, "user_id", "item_id"), duplicates="keep")))
    assert (figures["users"], figures["items"], figures["interactions"]) == (2, 3, 6)
    assert figures["density"] == 1.0
    assert figures["history"]["max"] == 5
    assert figures["history"]["histogram"] == [
        {"low": 1, "high": 1, "count": 1}, {"low": 2, "high": 2, "count": 0}, {"low": 3, "high": 4, "count": 0},
        {"low": 5, "high": 8, "count": 1},
    ]  # fmt: skip
    assert figures["split"] == {
        "rule": "leave-one-out", "evaluated_users": 1, "train_interactions": 4, "train_targets": 2,
        "repeated_targets": 1.0,
    }  # fmt: skip
    assert figures["popularity"]["head"]["10%"] == 0.5
    assert json.loads(json.dumps(figures)) == figures


def test_errors_are_ours(make: MakeProject) -> None:
    assert issubclass(ProjectError, EagerError) and issubclass(DataError, EagerError)
    assert str(DataError("what", "do")) == "what\ndo"


def test_where_nothing_is_held_out_everything_trains(tmp_path: Path) -> None:
    lengths = np.array([5, 1, 3], dtype=np.int64)
    whole = Split.whole(lengths)
    assert whole.train.tolist() == [5, 1, 3] and set(whole.valid) == set(whole.test) == {-1}
    (tmp_path / "log.csv").write_text("user_id,item_id\n" + "".join(f"u{n % 3},i{n // 3}\n" for n in range(12)))
    settings = DataSettings("log.csv", min_user_interactions=0, min_item_interactions=0, split="none")
    made = load_dataset(settings, tmp_path)
    made.save(tmp_path)
    for dataset in (made, Dataset.load(tmp_path)):
        assert len(dataset.train().items) == 12 and not len(dataset.evaluated) and not len(dataset.evaluation("test"))
        assert dataset.as_tested().lengths.tolist() == dataset.sequences.lengths.tolist()


def test_times_stand_beside_the_items_of_their_users(make: MakeProject, tmp_path: Path) -> None:
    rows = [(user, item, f"2024-0{1 + place}-0{1 + number} 10:00") for number, user in enumerate("vu")
            for place, item in enumerate("cab")]  # fmt: skip
    data = load(make(frame(rows[::-1], "user_id", "item_id", "day"), time="day"))
    data.save(tmp_path)
    for number, user in enumerate(data.users):
        times = user_times(tmp_path, int(data.sequences.offsets[number]), 3)
        assert times is not None
        assert [str(time) for time in times] == sorted(day + ":00" for name, _, day in rows if name == user)
    (tmp_path / "times.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"times\.parquet: cannot be read"):
        user_times(tmp_path, 0, 3)
    (tmp_path / "times.parquet").unlink()
    assert user_times(tmp_path, 0, 3) is None  # of an older version
