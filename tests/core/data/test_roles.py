"""Names of columns: what they say, and that they stand in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.data.roles import NAMES, first_holding, fit, has_word, is_called, is_no_text, plain
from tests.imports import modules

ENOUGH = 3
"""Names of one role beside each other are a vocabulary."""


@pytest.mark.parametrize(
    ("name", "written"),
    [("userId", "user_id"), ("Review Time", "review_time"), ("item_id:token", "item_id"), ("ASIN", "asin")],
)
def test_names_are_written_alike(name: str, written: str) -> None:
    assert plain(name) == written


def test_a_whole_name_fits_better_than_a_word_of_it() -> None:
    assert fit("userId", "user") == fit("user_id", "user") > fit("my_user_column", "user") > fit("price", "user") == 0
    assert fit("MovieID", "item") and fit("item description", "description")
    assert not fit("image_url", "title") and not fit("content_id", "description"), "codes and links are no text"
    assert is_no_text("cover_image") and not is_no_text("cover")


def test_what_an_item_table_calls_its_columns() -> None:
    assert is_called(" Title ", "title") and not is_called("subtitle", "title")
    assert has_word("main_category", "kind") and has_word("Book-Author", "maker")
    assert not has_word("categorical", "kind")
    assert first_holding(["blurb", "long_description"], "description") == "long_description"
    assert first_holding(["price"], "description") == ""


def test_every_name_stands_once() -> None:
    for role, names in NAMES.items():
        assert len(set(names)) == len(names), role
        assert all(name == plain(name) for name in names), role


def collections(file: Path) -> Iterator[tuple[int, set[str]]]:
    """The texts of every tuple, list and set that a file writes out, with its line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            texts = {one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str)}
            yield node.lineno, texts


def vocabularies(root: Path) -> list[str]:
    """Where else than in `core.data.roles` names of a role are listed."""
    return [
        f"{name}:{line}: {role}"
        for name, file in modules("core", root).items()
        if name != "core.data.roles"
        for line, texts in collections(file)
        for role, names in NAMES.items()
        if len(texts & set(names)) >= ENOUGH
    ]


def test_no_other_module_lists_names_of_columns() -> None:
    assert vocabularies(Path(__file__).resolve().parents[3]) == []


def test_a_second_list_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "labels.py").write_text('KINDS = frozenset({"genre", "brand", "category", "series"})\n')
    assert vocabularies(tmp_path) == ["core.labels:1: kind"]
