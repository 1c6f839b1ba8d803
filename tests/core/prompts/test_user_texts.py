"""Texts about users: from the words of the data, from LC-Rec's file, from a local model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import DataError, ProjectError
from core.index.branches import BranchTable
from core.index.words.terms import terms_of
from core.prompts.texts import ItemTexts, item_texts
from core.prompts.user_texts import user_texts
from tests.core.engine_tools import sequences
from tests.core.prompts.prompt_tools import COLUMNS, ITEMS, TITLES, small_catalogue, small_dataset


def test_none_says_nothing() -> None:
    said = user_texts("none", small_dataset(), item_texts(small_dataset().items, COLUMNS))
    assert said.written == 0 and len(said.intents) == small_dataset().n_users
    with pytest.raises(ProjectError, match="provider"):
        user_texts("other", small_dataset(), item_texts(small_dataset().items, COLUMNS))


def test_template_says_kinds_and_terms_but_never_the_title() -> None:
    data = small_dataset()
    texts, train = item_texts(data.items, COLUMNS), data.train()
    codes = small_catalogue().codes
    branches = BranchTable.build(codes, np.ones(ITEMS, dtype=int))
    branches = branches.with_words([["weather", "branchword"] if n else [] for n in range(len(branches))])
    said = user_texts("template", data, texts, branches=branches)
    assert said == user_texts("template", data, texts, branches=branches)
    for user in range(len(train)):
        items = train[user].tolist()
        assert bool(items) == bool(said.intents[user])
        assert (len(items) > 1) == bool(said.preferences[user]) and len(said.preferences[user]) <= 3
        for intent in said.intents[user]:
            title = TITLES[items[-1]]
            assert title.casefold() not in intent.casefold() and not set(terms_of(title, 300)) <= set(
                terms_of(intent, 300)
            )
    assert any("branchword" in intent for some in said.intents for intent in some)


def test_a_preference_is_made_without_the_last_item_and_without_what_is_held_out() -> None:
    texts = ItemTexts(
        tuple(f"Title {n}" for n in range(6)), tuple(f"about {n}" for n in range(6)),
        (("Birch",), ("Birch",), ("Coral",), ("Dusk",), ("Ember",), ("Amber",)),
    )  # fmt: skip
    data = replace(small_dataset(), sequences=sequences([0, 1, 2, 3, 4, 5]), users=small_dataset().users[:1])
    said = user_texts("template", data, texts)
    told = " ".join(said.preferences[0])
    assert "Birch" in told and "Coral" in told
    for later in ("Dusk", "Ember", "Amber"):
        assert later not in told
    assert "Dusk" in " ".join(said.intents[0]) and "Amber" not in " ".join(said.intents[0])


@pytest.mark.parametrize(
    "titles",
    [
        ("Dune", "Emma", "Persuasion"),
        ("砂の惑星", "吾輩は猫である", "雪国"),
        ("Дюна", "Эмма", "Доводы рассудка"),
        ("!!!", "007", "x"),
    ],
)
def test_short_titles_of_any_language_are_not_given_away(titles: tuple[str, ...]) -> None:
    texts = ItemTexts(titles, tuple(f"{title}: {title} and desert winds" for title in titles),
                      tuple((title, "Books") for title in titles))  # fmt: skip
    data = replace(small_dataset(), sequences=sequences([0], [1], [2]), users=small_dataset().users[:3])
    said = user_texts("template", data, texts)
    for title, intents in zip(titles, said.intents, strict=True):
        assert intents and all(title.casefold() not in intent.casefold() for intent in intents)


def lcrec(**changes: object) -> dict:
    """A file of texts in LC-Rec's shape about our first users."""
    data = small_dataset()
    train, ids = data.train(), data.items["item_id"].to_list()
    users = [user for user in range(data.n_users) if len(train[user])][:4]
    told = {
        "user_explicit_preference": {f"u{user}": [f"likes {user}", "long", "short", "long"] for user in users},
        "user_vague_intention": {
            "train": {
                f"u{user}": {"item": ids[train[user][-1]], "inters": "", "querys": [f"wants {user}", "its own"]}
                for user in users
            },
            "test": {f"u{user}": {"item": "i00", "querys": ["SECRET", "SECRET"]} for user in users},
        },
    }
    return {**told, **changes}


def read(tmp_path: Path, tree: object):
    data = small_dataset()
    file = tmp_path / "Shop.user.json"
    file.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return user_texts("file:Shop.user.json", data, item_texts(data.items, COLUMNS), folder=tmp_path)


def test_lc_recs_file_is_read_but_not_its_test_part(tmp_path: Path) -> None:
    tree = lcrec()
    said = read(tmp_path, tree)
    user = int(next(iter(tree["user_explicit_preference"])).removeprefix("u"))
    assert said.preferences[user] == (f"likes {user}", "long", "short")
    assert said.intents[user] == (f"wants {user}", "its own")
    assert not any("SECRET" in text for some in said.intents for text in some)
    assert "intents of 4 users" in said.notes[0] and len(said.notes) == 1


def test_rows_that_cannot_be_used_are_counted_and_named(tmp_path: Path) -> None:
    tree = lcrec()
    intents = tree["user_vague_intention"]["train"]
    names = list(intents)
    data = small_dataset()
    held = next(n for n in range(data.n_users) if len(data.sequences[n]) >= 3)
    intents[f"u{held}"] = {"item": data.items["item_id"][int(data.sequences[held][-1])], "querys": ["the test item"]}
    intents[names[-1]] = {"querys": [3]}
    tree["user_explicit_preference"] |= {"stranger": ["x"], names[0]: ["", " . "]}
    said = read(tmp_path, tree)
    assert said.intents[held] == () and said.preferences[int(names[0][1:])] == ()
    notes = "\n".join(said.notes)
    for told in ("unknown user, first user 'stranger'", "not the user's last training item", "no list of texts",
                 "no text, first user", "Shop.user.json"):  # fmt: skip
        assert told in notes


def test_numbers_that_a_file_beside_explains(tmp_path: Path) -> None:
    tree = {"user_explicit_preference": {str(900 + n): f"likes {n}" for n in range(5)}}
    (tmp_path / "Shop.user2id").write_text("".join(f"u{n}\t{900 + n}\n" for n in range(5)))
    said = read(tmp_path, tree)
    assert said.preferences[3] == ("likes 3",) and said.preferences[7] == ()


@pytest.mark.parametrize(
    ("tree", "told"),
    [("{", "not JSON"), ("[1]", "no JSON object"), ({}, "no file of user texts"), ({"users": {}}, "no file of"),
     ({"user_explicit_preference": [1]}, "no file of"),
     ({"user_explicit_preference": {"x": ["a"]}}, "no text about any user")],
)  # fmt: skip
def test_a_file_that_is_none(tmp_path: Path, tree: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, tree)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    data = small_dataset()
    with pytest.raises(ProjectError, match="cannot be read"):
        user_texts("file:none.json", data, item_texts(data.items, COLUMNS), folder=tmp_path)
    with pytest.raises(ProjectError, match="no folder"):
        user_texts("local:none", data, item_texts(data.items, COLUMNS), folder=tmp_path)
