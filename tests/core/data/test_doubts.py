"""What `init` and `check` say that a person should look at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.data.doubts import check_measurable, doubts
from core.errors import DataError
from tests.core.data.data_tools import MakeProject, load
from tests.eagertui.cli.cli_tools import eager

TITLES = [f"Red woollen scarf number {n}" for n in range(12)]


def log(**columns: list[Any]) -> pl.DataFrame:
    """Six users with ten interactions each, and more columns."""
    ids = {"user_id": [f"u{n % 6}" for n in range(60)], "item_id": [f"i{n // 6}" for n in range(60)]}
    return pl.DataFrame({**ids, **columns})


def csv(table: pl.DataFrame) -> str:
    return table.write_csv()


@pytest.mark.parametrize(
    ("name", "values"),
    [("paid", [f"{n % 27 + 1:02}-Sep-2020 12:26:40" for n in range(60)]),
     ("a", [f"202009{n % 28 + 1:02}T122640" for n in range(60)]),
     ("b", [f"2020.09.{n % 28 + 1:02} 12:26:40" for n in range(60)]),
     ("c", [str(1_600_000_000 + n) for n in range(60)]),
     ("timestamp", [f"day {n}" for n in range(60)]), ("d", [f"{44087 + n / 7:.4f}" for n in range(60)])],
)  # fmt: skip
def test_times_that_are_not_used_are_said(make: MakeProject, name: str, values: list[str]) -> None:
    project = make(csv(log(**{name: values})))
    said = [one for one in doubts(project.data, project.directory) if "not used, though it looks like times" in one]
    assert len(said) == 1 and f"{name} (e.g. '{values[0]}'" in said[0] and "set data.time" in said[0]
    other = make(csv(log(**{name: values}, n=list(range(60)))), position="n")
    assert any('the order is that of "n"' in one for one in doubts(other.data, other.directory))


@pytest.mark.parametrize("baskets", [1, 2])
def test_times_of_large_baskets_order_them(make: MakeProject, baskets: int) -> None:
    """Nearly all neighbours are of one time; only where everybody has one basket do the times order nothing."""
    rows = [(user, basket, item) for user in range(20) for basket in range(baskets) for item in range(30)]
    lines = [f"u{user},i{30 * basket + item},{1_600_000_000 + 86_400 * (user + basket)}" for user, basket, item in rows]
    report = load(make("\n".join(["user_id,item_id,timestamp", *lines, ""]), time="timestamp")).report
    assert report.tied > 0.95
    assert any("the same in all rows of a user" in note for note in report.notes) is (baskets == 1)


def test_what_is_no_time_is_not_said(make: MakeProject) -> None:
    project = make(
        csv(
            log(price=[n * 1.25 for n in range(60)], cost=["2.55", "13.49"] * 30, shop=[f"s{n % 3}" for n in range(60)])
        )
    )
    assert doubts(project.data, project.directory) == ["no item table: items have no titles and no text, only ids"]


@pytest.mark.parametrize("sign", ["/", "-"])
@pytest.mark.parametrize("clock", ["", " 10:30", " 10:30:15"])
def test_days_that_could_be_months_are_said(make: MakeProject, sign: str, clock: str) -> None:
    doubtful = [f"{n % 12 + 1:02}{sign}{n % 9 + 1:02}{sign}2020{clock}" for n in range(60)]
    project = make(csv(log(when=doubtful)), time="when")
    said = [one for one in doubts(project.data, project.directory) if "tells the day from the month" in one]
    assert len(said) == 1 and "02" + sign + "02" not in said[0] and "write the times as" in said[0]
    clear = [*doubtful[:-1], f"{'13' if sign == '-' else '01'}{sign}{'01' if sign == '-' else '13'}{sign}2020{clock}"]
    project = make(csv(log(when=clear)), time="when")
    assert not any("tells the day" in one for one in doubts(project.data, project.directory))


def test_no_titles_are_said(make: MakeProject) -> None:
    table = pl.DataFrame({"item_id": [f"i{n}" for n in range(12)], "category": ["A", "B"] * 6, "what": TITLES})
    project = make(log(), table, text=["category"])
    assert any('no titles: no column of data.text (category)' in one and '"what" looks like one' in one
               for one in doubts(project.data, project.directory))  # fmt: skip
    project = make(log(), table, text=["category", "what"])
    assert not any("titles" in one for one in doubts(project.data, project.directory))


def test_a_first_line_of_data_is_said(make: MakeProject) -> None:
    rows = "".join(f"u{n % 6},i{n // 6},3\n" for n in range(60))
    project = make(rows, user="u0", item="i0")
    assert any("the first line looks like data" in one for one in doubts(project.data, project.directory))


def test_a_rating_for_an_item_is_said(make: MakeProject) -> None:
    project = make(csv(log(grade=[n % 5 + 1 for n in range(60)])), item="grade")
    assert any('"grade" looks like a rating' in one for one in doubts(project.data, project.directory))


def test_rounded_ids_are_said(make: MakeProject) -> None:
    codes = [f"9.7826{n % 8}E+12" if n % 3 else f"97826{n}" for n in range(60)]
    project = make(csv(log(code=codes)), item="code")
    assert any('"code" are in scientific notation' in one and "digits are lost" in one
               for one in doubts(project.data, project.directory))  # fmt: skip


def test_nobody_to_evaluate_is_refused(make: MakeProject) -> None:
    dataset = load(make(pl.DataFrame({"user_id": [f"u{n}" for n in range(60)], "item_id": [n % 7 for n in range(60)]})))
    with pytest.raises(DataError, match=r"nothing can be evaluated: every user has one interaction") as refused:
        check_measurable(dataset.sequences.lengths, dataset.split)
    assert "data.user" in refused.value.remedy and refused.value.exit_code == 4
    measurable = load(make(log()))
    check_measurable(measurable.sequences.lengths, measurable.split)


def test_init_and_check_say_their_doubts(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(csv(log(when=[f"2020-01-{n % 28 + 1:02}" for n in range(60)])))
    done = eager("init", tmp_path / "shop", "--interactions", tmp_path / "log.csv", "--set", "data.time=")
    assert done.returncode == 0, done.stderr
    assert "doubt: not used, though it looks like times: when (e.g. '2020-01-01'" in done.stderr
    done = eager("--headless", "check", tmp_path / "shop")
    assert done.returncode == 0 and "! doubt       not used, though it looks like times: when" in done.stdout
    assert len(json.loads(eager("check", tmp_path / "shop", "--json").stdout)["doubts"]) == 2


def test_a_split_by_time_that_asks_nobody_is_refused(make: MakeProject) -> None:
    """Every user came either before the cut or after it."""
    rows = "".join(f"u{n},i{n % 5},{1_600_000_000 + n * 86_400}\n" for n in range(60) for _ in range(3))
    dataset = load(make(f"user_id,item_id,t\n{rows}", time="t", split="time", duplicates="keep"))
    with pytest.raises(DataError, match="no user has a validation or a test target"):
        check_measurable(dataset.sequences.lengths, dataset.split)


def test_one_interaction_each_ends_with_4(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("user_id,item_id\n" + "".join(f"u{n},i{n % 7}\n" for n in range(60)))
    assert eager("init", tmp_path / "shop", "--interactions", tmp_path / "log.csv").returncode == 0
    for verb in ("check", "train"):
        done = eager("--headless", verb, tmp_path / "shop")
        assert done.returncode == 4, done.stderr
        assert "nothing can be evaluated: every user has one interaction" in done.stderr


def test_names_of_columns_from_the_command_line(tmp_path: Path) -> None:
    pairs = [(u, n) for u in range(40) for n in range(8)]
    rows = "".join(f"{u}\tm{(u * 7 + n) % 30 + 1}\t{(u + n) % 5 + 1}\t{881250949 + n}\n" for u, n in pairs)
    (tmp_path / "u.data").write_text(rows)
    done = eager("init", tmp_path / "ml", "--interactions", tmp_path / "u.data")
    assert done.returncode == 4 and "the first line looks like data" in done.stderr and not (tmp_path / "ml").exists()
    done = eager("init", tmp_path / "ml", "--interactions", tmp_path / "u.data", "--columns", "user,item,rating,time")
    assert done.returncode == 0, done.stderr
    profile = json.loads(eager("check", tmp_path / "ml", "--json").stdout)
    assert (profile["read"]["rows"], profile["users"], profile["read"]["order"]) == (320, 40, "time (time)")
