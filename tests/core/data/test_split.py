"""The split by time, the order of ties, and which rows count."""

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from core.data import Dataset
from core.data.profile import profile
from core.data.views import user_split
from core.errors import DataError, ProjectError
from core.project import Project
from core.stage import Settings
from tests.core.data.data_tools import MakeProject, load

DAY = timedelta(days=1)
START = datetime(2024, 1, 1, tzinfo=UTC)


def _log(seed: int = 0, users: int = 30, rows: int = 12) -> list[tuple[str, str, int]]:
    """Rows of user, item and day: items come into use one after the other, some users come late."""
    draw = random.Random(seed)
    made = [
        (f"u{user}", f"i{(day + draw.randrange(60)) // 8}", day)
        for user in range(users)
        for day in sorted(draw.sample(range(0 if user % 5 else 90, 120), rows))
    ]
    draw.shuffle(made)
    return made


def _frame(rows: list[tuple[str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": [user for user, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "time": [(START + day * DAY).isoformat(sep=" ") for _, _, day in rows],
        }
    )


def _by_hand(rows: list[tuple[str, str, int]], valid: int, test: int, core: int) -> dict[str, dict[str, object]]:
    """Training rows and targets of every user, in plain Python."""
    ordered = sorted(enumerate(rows), key=lambda one: (one[1][2], one[0]))
    train = list(dict.fromkeys(row for _, row in ordered if row[2] < valid))
    while True:
        users = {user for user, _, _ in train if sum(row[0] == user for row in train) >= core}
        items = {item for _, item, _ in train if sum(row[1] == item for row in train) >= core}
        kept = [row for row in train if row[0] in users and row[1] in items]
        if len(kept) == len(train):
            break
        train = kept
    answer: dict[str, dict[str, object]] = {}
    every = list(dict.fromkeys(row for _, row in ordered))
    for user in users:
        own = [row for row in every if row[0] == user]
        known = [row for row in own if row[1] in items]
        one: dict[str, object] = {"train": [item for _, item, day in known if day < valid]}
        for name, low, high in (("valid", valid, test), ("test", test, 10**6)):
            first = next((row for row in own if low <= row[2] < high), None)
            if first is not None and first[1] in items:
                one[name] = (first[1], [row[1] for row in known[: known.index(first)]])
        answer[user] = one
    return answer


def _as_ids(dataset: Dataset) -> dict[str, dict[str, object]]:
    ids = dataset.items["item_id"].to_list()
    answer: dict[str, dict[str, object]] = {
        user: {"train": [ids[item] for item in items]}
        for user, items in zip(dataset.users.to_list(), dataset.train(), strict=True)
    }
    for name in ("valid", "test"):
        asked = dataset.evaluation(name)
        for user, target, history in zip(asked.users, asked.targets, asked.histories, strict=True):
            answer[dataset.users[int(user)]][name] = (ids[target], [ids[item] for item in history])
    return answer


@pytest.mark.parametrize("core", [0, 3])
def test_split_by_time_is_what_python_makes_of_it(make: MakeProject, core: int) -> None:
    rows = _log()
    project = make(
        _frame(rows), time="time", split="time", valid_from="2024-03-21", test_from="2024-04-10",
        min_user_interactions=core, min_item_interactions=core,
    )  # fmt: skip
    dataset = load(project)
    assert _as_ids(dataset) == _by_hand(rows, 80, 100, max(core, 1))
    assert {"valid", "test"} <= {name for one in _as_ids(dataset).values() for name in one}
    report = dataset.report
    assert report.users_without_history == 6
    assert report.items_untrained > 0 < sum(report.targets_untrained.values())
    said = profile(dataset)
    assert said["split"]["rule"] == "time"
    assert said["cold"]["users_without_history"] == 6


def test_a_target_changes_no_training_row(make: MakeProject) -> None:
    rows = _log()
    settings = {"time": "time", "split": "time", "valid_from": "2024-03-21", "test_from": "2024-04-10"}
    before = load(make(_frame(rows), min_item_interactions=3, min_user_interactions=2, **settings))
    other = [(user, f"i{day % 3}" if day >= 80 else item, day) for user, item, day in rows]
    after = load(make(_frame(other), min_item_interactions=3, min_user_interactions=2, **settings))
    assert before.items.equals(after.items)
    assert {u: o["train"] for u, o in _as_ids(before).items()} == {u: o["train"] for u, o in _as_ids(after).items()}


@pytest.mark.parametrize("scale", [None, 1, 1000, 10**6, 10**9])
def test_dates_and_shares_mean_the_same_in_every_unit(make: MakeProject, scale: int | None) -> None:
    rows = _log()
    frame = _frame(rows)
    if scale:
        seconds = [int((START + day * DAY).timestamp()) * scale for _, _, day in rows]
        frame = frame.with_columns(pl.Series("time", seconds))
    by_date = load(make(frame, time="time", split="time", valid_from="2024-03-21T00:00:00Z", test_from="2024-04-10"))
    assert _as_ids(by_date) == _by_hand(rows, 80, 100, 1)
    days = sorted(row[2] for row in dict.fromkeys(rows))
    cuts = [days[int(len(days) * share)] for share in (0.75, 0.85)]
    by_share = load(make(frame, time="time", split="time", valid_from="0.25", test_from="0.15"))
    assert _as_ids(by_share) == _by_hand(rows, *cuts, 1)


def test_a_split_by_time_survives_saving(make: MakeProject, tmp_path: object) -> None:
    project = make(_frame(_log()), time="time", split="time")
    dataset = load(project)
    folder = project.directory / "saved"
    folder.mkdir()
    dataset.save(folder)
    assert _as_ids(Dataset.load(folder)) == _as_ids(dataset)
    user = int(dataset.evaluation("test").users[0])
    shown = user_split(dataset, user, 20)
    assert shown["part"].to_list().count("test") == 1
    assert shown["item"][shown["test"].to_list().index("target")] == _as_ids(dataset)[dataset.users[user]]["test"][0]  # type: ignore[index]
    assert len(dataset.as_tested()[user]) == shown["part"].to_list().index("test")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"valid_from": "2024-04-10", "test_from": "2024-03-21"}, "must lie before"),
        ({"valid_from": "2020-01-01"}, "no interaction lies before it"),
        ({"test_from": "2030-01-01"}, "no interaction lies from then on"),
        ({"valid_from": "yesterday"}, "no date, no share and no number"),
    ],
)
def test_cuts_that_cannot_be_are_refused(make: MakeProject, settings: Settings, words: str) -> None:
    with pytest.raises((DataError, ProjectError), match=words):
        load(make(_frame(_log()), time="time", split="time", **settings))


def test_a_split_by_time_needs_times(make: MakeProject) -> None:
    with pytest.raises(ProjectError, match=r"data\.split: time needs data\.time"):
        make(_frame(_log()), split="time")
    numbers = pl.DataFrame({"user_id": ["a"] * 4, "item_id": list("wxyz"), "n": [1, 2, 3, 4]})
    with pytest.raises(DataError, match="do not count from 1970"):
        load(make(numbers, time="n", split="time", valid_from="2024-01-01"))
    assert _as_ids(load(make(numbers, time="n", split="time", valid_from="3", test_from="4"))) == {
        "a": {"train": ["w", "x"]}
    }


def test_ties_are_shuffled_by_the_seed_alone(make: MakeProject) -> None:
    rows = [(f"u{user}", f"i{item}", item // 10) for user in range(40) for item in range(30)]
    frame = _frame(rows)

    def order(project: Project, seed: int) -> list[list[str]]:
        from core.data import load_dataset

        dataset = load_dataset(project.data, project.directory, seed=seed)
        ids = dataset.items["item_id"].to_list()
        return [[ids[item] for item in items] for items in dataset.sequences]

    filed, shuffled = make(frame, time="time"), make(frame, time="time", ties="shuffle")
    assert order(filed, 0)[0] == [f"i{item}" for item in range(30)]
    one = order(shuffled, 0)
    assert one == order(shuffled, 0) != order(shuffled, 1)
    assert len({tuple(items) for items in one}) == 40, "every user has an order of their own"
    for items in one:
        assert [int(item[1:]) // 10 for item in items] == [0] * 10 + [1] * 10 + [2] * 10
    firsts = [items[0] for items in one]
    assert len(set(firsts)) > 6, "no item of a tie comes first for all"
    with pytest.raises(ProjectError, match=r"data\.ties"):
        make(frame, ties="shuffle")
