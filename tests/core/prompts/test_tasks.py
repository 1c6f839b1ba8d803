"""Rows of the tasks: which there are, that no held-out item is trained on, and wrong candidates that are wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from core.data.dataset import Dataset
from core.model.vocabulary import Vocabulary
from core.prompts.negatives import Negatives
from core.prompts.render import BARE
from core.registry import TASKS
from tests.core.engine_tools import sequences
from tests.core.prompts.prompt_tools import (
    ABOUT,
    ITEMS,
    TITLES,
    held_out,
    small_catalogue,
    small_dataset,
    task_data_from,
    task_data_of,
    tokenizer_of,
)

DRAWS = ("uniform", "popular", "prefix")


def test_how_many_rows_each_task_has() -> None:
    task_data = task_data_of("bytes")
    train = task_data.train
    prefixes = int(np.maximum(train.lengths - 1, 0).sum())
    told = {task: len(task_data.rows(task)) for task in TASKS.all_names}
    for task in ("code-to-title", "code-to-description", "code-to-both", "title-to-code", "description-to-code",
                 "both-to-code", "which-text"):  # fmt: skip
        assert told[task] == ITEMS
    for task in ("sequential", "history-to-title", "history-to-description", "titles-to-code", "pick-one"):
        assert told[task] == prefixes
    assert told["yes-no"] == 2 * prefixes
    assert told["intent-to-code"] == int((train.lengths > 0).sum())
    assert told["preference"] == told["intent-history-to-code"] == int((train.lengths > 1).sum())
    assert told["reasons-to-code"] == told["preference"]


def test_each_prefix_of_the_training_sequences_is_a_row_once() -> None:
    task_data = task_data_of("bytes")
    rows = task_data.rows("sequential")
    found = [rows.values.fields(n, np.random.default_rng(0)) for n in range(len(rows))]
    wanted = [
        (items[max(0, place - 6) : place], items[place])
        for items in (task_data.train[user].tolist() for user in range(len(task_data.train)))
        for place in range(1, len(items))
    ]
    assert [(one["history"].tolist(), one["item"]) for one in found] == wanted


@pytest.mark.parametrize("draw", DRAWS)
def test_no_row_holds_a_held_out_item_of_its_user(draw: str) -> None:
    """Moving or changing the validation and test items of a user changes no row, wrong candidates apart."""
    data = small_dataset()
    task_data = task_data_of("bytes", draw=draw)
    users = np.repeat(np.arange(len(task_data.train)), np.maximum(task_data.train.lengths - 1, 0))
    for task in ("sequential", "history-to-title", "yes-no", "pick-one", "titles-to-code"):
        rows = task_data.rows(task)
        for row in range(len(rows)):
            user = int(users[row // 2 if task == "yes-no" else row])
            fields = rows.values.fields(row, np.random.default_rng([1, row]))
            named = {int(n) for value in fields.values() for n in np.atleast_1d(value)} if "answer" not in fields else {
                *fields["history"].tolist(), fields["item"]
            }  # fmt: skip
            assert not named & held_out(data.sequences, user), (task, row)


def test_other_held_out_items_make_the_same_rows() -> None:
    data, index = small_dataset(), small_catalogue()
    lists = [data.sequences[user].tolist() for user in range(data.n_users)]
    swapped = [items[:-2] + items[-2:][::-1] if len(items) >= 3 else items for items in lists]
    other = [
        items[:-2] + [n for n in range(ITEMS) if n not in items][:2] if len(items) >= 3 else items for items in lists
    ]
    vocabulary = Vocabulary.build(tokenizer_of("bytes"), index, "")

    def rendered(sequences_: list[list[int]], tasks: tuple[str, ...]) -> list[list[int]]:
        made = task_data_from(Dataset(data.users, data.items, sequences(*sequences_), data.report), index, vocabulary)
        found = []
        for task in tasks:
            rows = made.rows(task)
            found += [rows.example(n, (4,)).tokens.tolist() for n in range(len(rows))]
        return found

    assert rendered(lists, TASKS.all_names) == rendered(swapped, TASKS.all_names)
    without_candidates = tuple(task for task in TASKS.all_names if task not in ("yes-no", "pick-one"))
    assert rendered(lists, without_candidates) == rendered(other, without_candidates)


@pytest.mark.parametrize("draw", DRAWS)
def test_wrong_candidates_were_never_taken(draw: str) -> None:
    data, index = small_dataset(), small_catalogue()
    negatives = Negatives(draw, index.codes, data.train(), data.sequences)
    for user in range(data.n_users):
        taken = set(data.sequences[user].tolist())
        right = int(data.sequences[user][0])
        for count in (1, 3, ITEMS):
            wrong = negatives.for_user(user, right, count, np.random.default_rng([user, count])).tolist()
            assert len(set(wrong)) == len(wrong) == min(count, ITEMS - len(taken)) and not set(wrong) & taken


def test_popular_items_are_drawn_more_often_and_near_ones_first() -> None:
    train = sequences([0] * 16 + [1], [2])
    counts: Counter[int] = Counter()
    drawn = Negatives("popular", np.arange(4)[:, None].astype(np.int32), train, sequences([], [2]))
    for n in range(2000):
        counts.update(drawn.for_user(0, 3, 1, np.random.default_rng(n)).tolist())
    assert counts[0] / counts[1] == pytest.approx(8, rel=0.25) and not counts[3]
    index = small_catalogue()
    near = Negatives("prefix", index.codes, train, sequences([], []))
    for right in range(ITEMS):
        shared = (index.codes[:, :2] == index.codes[right, :2]).all(axis=1)
        shared[right] = False
        wrong = near.for_item(right, 2, np.random.default_rng(right)).tolist()
        assert shared[wrong].sum() == min(2, shared.sum())


def test_answers_are_right() -> None:
    task_data = task_data_of("bytes")
    yes_no = task_data.rows("yes-no")
    for row in range(40):
        fields = yes_no.values.fields(row, np.random.default_rng(row))
        history, target = task_data.rows("sequential").values.fields(row // 2, np.random.default_rng(0)).values()
        assert fields["history"].tolist() == history.tolist()
        assert (fields["item"] == target) == (fields["answer"] == 0) == (row % 2 == 0)
    pick = task_data.rows("pick-one")
    places = Counter()
    for row in range(len(pick)):
        fields = pick.values.fields(row, np.random.default_rng([9, row]))
        shown = fields["candidates"].tolist()
        assert len(shown) == 4 and shown.count(fields["item"]) == 1
        places[shown.index(fields["item"])] += 1
    assert set(places) == {0, 1, 2, 3}
    which = task_data.rows("which-text")
    firsts = 0
    for row in range(len(which)):
        fields = which.values.fields(row, np.random.default_rng([2, row]))
        table, right = (fields["first"], fields["second"])[fields["answer"]]
        other, wrong = (fields["first"], fields["second"])[1 - fields["answer"]]
        assert right == fields["item"] == row and table == other
        texts = TITLES if table == "title" else ABOUT
        assert texts[wrong] != texts[right]
        firsts += fields["answer"] == 0
    assert 5 < firsts < ITEMS - 5


def test_wordings_and_candidates_are_drawn_anew_for_every_seed() -> None:
    rows = task_data_of("bytes").rows("pick-one")
    seen = {tuple(rows.example(0, (0, epoch)).tokens.tolist()) for epoch in range(30)}
    assert len(seen) > 20
    held = task_data_of("bytes").rows("title-to-code", [0, 2])
    all_seen = {tuple(held.example(0, (0, epoch)).tokens.tolist()) for epoch in range(30)}
    assert len(all_seen) == 2
    bare = task_data_of("bytes").rows("sequential", [BARE])
    assert bare.example(0, (0,)).tokens[0] == task_data_of("bytes").renderer.vocabulary.frame[0]


def test_tasks_without_their_texts_say_why_they_have_no_rows() -> None:
    data, index = small_dataset(), small_catalogue()
    vocabulary = Vocabulary.build(tokenizer_of("bytes"), index, "")
    bare = Dataset(data.users, data.items.with_columns(title="item_id", text=pl.lit("")), data.sequences, data.report)
    task_data = task_data_from(bare, index, vocabulary, users="none", columns=())
    for task in TASKS.all_names:
        rows = task_data.rows(task)
        textual = task not in ("sequential", "yes-no", "pick-one")
        assert bool(len(rows)) != textual and bool(rows.reason) == textual, task
    assert "none" in task_data.rows("preference").reason and "title" in task_data.rows("titles-to-code").reason
    short = Dataset(data.users[:2], data.items, sequences([1], [2]), data.report)
    assert "two items" in task_data_from(short, index, vocabulary).rows("sequential").reason


def test_a_user_who_took_everything_is_asked_nothing_about_wrong_items() -> None:
    data, index = small_dataset(), small_catalogue()
    vocabulary = Vocabulary.build(tokenizer_of("bytes"), index, "")
    greedy = Dataset(data.users[:2], data.items, sequences(list(range(ITEMS)), [1, 2, 3, 4, 5]), data.report)
    task_data = task_data_from(greedy, index, vocabulary)
    assert len(task_data.rows("pick-one")) == 2 and len(task_data.rows("yes-no")) == 4


def test_items_without_a_title_are_passed_over() -> None:
    data, index = small_dataset(), small_catalogue()
    task_data = task_data_of("bytes")
    titles = tuple("" if n % 4 == 0 else title for n, title in enumerate(TITLES))
    texts = replace(task_data.texts, titles=titles)
    task_data = replace(task_data, texts=texts)
    rows = task_data.rows("titles-to-code")
    for row in range(len(rows)):
        shown = rows.values.fields(row, np.random.default_rng(0))["titles"]
        assert len(shown) and (shown % 4 != 0).all()
    assert len(task_data.rows("code-to-title")) == len(task_data.rows("code-to-both")) == ITEMS * 3 // 4
    assert len(task_data.rows("code-to-description")) == ITEMS and data.n_items == index.codes.shape[0]
