"""Published tables without a header, and what only looks like one of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.data.sniff import sniff
from core.errors import DataError
from tests.core.data.inputs import TITLES, Row, histories, read
from tests.core.data.test_export_inputs import OLDEST_FIRST


def lines(third: Callable[[Row], object], rows: list[Row] = OLDEST_FIRST) -> str:
    return "".join(f"{row.user}::{row.item}::{third(row)}\n" for row in rows)


@pytest.mark.parametrize("third", [lambda row: row.rating, lambda row: row.rating - 0.5])
def test_ratings_without_times(tmp_path: Path, third: Callable[[Row], object]) -> None:
    reading = read(tmp_path, lines(third))
    assert (reading.settings.user, reading.settings.item, reading.settings.rating) == ("user_id", "item_id", "rating")
    assert reading.lists == histories()


THIRD: dict[str, Callable[[Row], object]] = {
    "tags": lambda row: "dark comedy", "ten stars": lambda row: row.rating * 2, "genres": lambda row: "Drama|War",
    "words": lambda row: "(none)",
}  # fmt: skip


@pytest.mark.parametrize("name", list(THIRD))
def test_a_third_field_of_something_else_asks_for_names(tmp_path: Path, name: str) -> None:
    first = {row.user: row for row in OLDEST_FIRST}
    for folder, rows in (("all", OLDEST_FIRST), ("one row a user", list(first.values()))):
        (tmp_path / folder).mkdir()
        with pytest.raises(DataError, match="--columns user,item,rating"):
            read(tmp_path / folder, lines(THIRD[name], rows))


def test_movies_go_on_being_read(tmp_path: Path) -> None:
    """Also those whose titles are numbers."""
    titles = [*TITLES.values(), "300 (2007)", "1984"]
    file = tmp_path / "movies.dat"
    file.write_text("".join(f"{n}::{title}::Film-Noir|Children's\n" for n, title in enumerate(titles)))
    assert sniff(file).columns == ("item_id", "title", "genres")
    file.write_text("".join(f"{n}::{title} (1995)::(no genres listed)\n" for n, title in enumerate(titles)))
    assert sniff(file).columns == ("item_id", "title", "genres")
