"""Rows in every task and tokenizer family: masks, lengths, what is cut and what never is."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ProjectError
from core.model.vocabulary import Vocabulary
from core.prompts.render import BARE, Renderer
from core.prompts.texts import ItemTexts
from core.prompts.wordings import Wording, fields_in, load_wordings
from core.registry import TASKS
from tests.core.prompts.prompt_tools import (
    ABOUT,
    FAMILIES,
    TITLES,
    small_catalogue,
    task_data_of,
    tokenizer_of,
)

CODE = re.compile(r"<[a-z]_\d+>")


def told(text: str) -> str:
    """Text without blanks: a tokenizer may write them in its own way around codes."""
    return "".join(text.split())


def expected(renderer: Renderer, task: str, wording: Wording, fields: dict) -> tuple[str, str]:
    """Prompt and response written out without the renderer."""
    index = small_catalogue()

    def value(name: str) -> str:
        given = fields[name]
        if name == "item":
            return index.text(given)
        if name == "history":
            return "".join(map(index.text, given))
        if name == "candidates":
            return ", ".join(map(index.text, given))
        if name == "titles":
            return ", ".join(f'"{TITLES[n]}"' for n in given)
        if name == "answer":
            return wording.answers[given]
        if isinstance(given, tuple):
            return renderer.tables[given[0]][given[1]]
        return renderer.tables[name][given]

    return tuple(
        "".join(words + (value(name) if name else "") for words, name in fields_in(text))
        for text in (wording.prompt, wording.response)
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", TASKS.all_names)
def test_every_token_of_every_wording_is_masked_as_it_should_be(task: str, family: str) -> None:
    task_data = task_data_of(family)
    renderer, rows, index = task_data.renderer, task_data.rows(task), small_catalogue()
    tokenizer, end = renderer.vocabulary.tokenizer, renderer.vocabulary.end
    assert len(rows) > 5 and rows.reason == ""
    for number, wording in enumerate(renderer.wordings[task]):
        row = (number * 7) % len(rows)
        fields = rows.values.fields(row, np.random.default_rng([5, row]))
        example = rows.worded(row, np.random.default_rng([5, row]), number)
        prompt, response = expected(renderer, task, wording, fields)
        assert example.task == TASKS.all_names.index(task) and example.tokens.shape == example.targets.shape
        start = int(np.argmax(example.targets))
        assert not example.targets[:start].any() and example.targets[start:].all()
        assert example.tokens[-1] == end and list(example.tokens).count(end) == 1
        before, after = example.tokens[:start].tolist(), example.tokens[start:-1].tolist()
        begin = tokenizer.bos_token_id
        assert begin is None or (before[0] == begin and begin not in before[1:])
        assert told(tokenizer.decode(after)) == told(response)
        assert told(tokenizer.decode(before[begin is not None :])) == told(prompt)
        assert before == renderer.prompt(task, fields, number).tolist()
        asking = told("".join(words for words, _ in fields_in(wording.prompt)))
        assert told(tokenizer.decode(example.tokens[example.asking].tolist())) == asking
        places = [at for at, name in enumerate(n for _, n in fields_in(wording.response) if n) if name == "item"]
        assert len(example.codes) == len(example.items) == len(places)
        for place, item in zip(example.codes, example.items, strict=True):
            assert example.targets[place : place + 3].all()
            assert tokenizer.convert_ids_to_tokens(example.tokens[place : place + 3].tolist()) == CODE.findall(
                index.text(item)
            )


@pytest.mark.parametrize("family", FAMILIES)
def test_text_comes_out_as_it_went_in(family: str) -> None:
    """No blank is put before a part in the middle of a row, and none is lost."""
    task_data = task_data_of(family)
    rows = task_data.rows("code-to-both")
    example = rows.worded(3, np.random.default_rng(0), 3)
    (prompt, _), (response, _) = task_data.renderer.spans(example)
    assert prompt.strip().endswith(".") and response.startswith(f"Title: {TITLES[3]}\nDescription: {ABOUT[3]}")
    example = task_data.rows("title-to-code").worded(3, np.random.default_rng(0), 1)
    assert f'Find the code of the item called "{TITLES[3]}".\n' in task_data.renderer.spans(example)[0][0]


@pytest.mark.parametrize("family", FAMILIES)
def test_sequential_rows(family: str) -> None:
    task_data = task_data_of(family)
    renderer, tokens = task_data.renderer, task_data.renderer.item_tokens
    fields = {"history": np.array([4, 9]), "item": 2}
    bare = renderer.example("sequential", fields, BARE)
    codes = [*tokens[4], *tokens[9], *tokens[2]]
    assert bare.tokens.tolist() == [*renderer.vocabulary.frame, *codes]
    assert bare.targets.tolist() == [False] * (len(codes) - 3 + len(renderer.vocabulary.frame)) + [True] * 3
    for wording in range(len(renderer.wordings["sequential"])):
        frame = renderer.frame_ids(wording)
        row = renderer.example("sequential", fields, wording)
        assert row.tokens.tolist() == [*frame, *codes, renderer.vocabulary.end] and frame
        assert row.codes.tolist() == [len(frame) + 6] and row.items.tolist() == [2]


@settings(max_examples=60)
@given(
    family=st.sampled_from(FAMILIES), task=st.sampled_from(TASKS.all_names), row=st.integers(0, 10**6),
    seed=st.integers(0, 100), room=st.integers(0, 150), bare=st.booleans(),
)  # fmt: skip
def test_whatever_does_not_fit_is_cut_but_never_the_frame(
    family: str, task: str, row: int, seed: int, room: int, bare: bool
) -> None:
    task_data = task_data_of(family)
    renderer, rows = task_data.renderer, task_data.rows(task)
    fields = dict(rows.values.fields(row % len(rows), np.random.default_rng(seed)))
    wording = BARE if bare and task == "sequential" else seed % len(renderer.wordings[task])
    if "answer" in fields:
        fields["answer"] = renderer.wordings[task][wording].answers[fields["answer"]]
    whole = renderer.example(task, fields, wording)
    lists = {name: [] for name in ("history", "titles") if name in fields}
    empty = {**fields, **{name: np.array([], dtype=int) for name in lists}}
    texts = {name: "" for name in fields if name in ("title", "description", "intent", "preference", "first", "second")}
    frame = renderer.example(task, {**empty, **texts}, wording)
    limit = len(frame.tokens) + room
    try:
        renderer.max_tokens = limit
        cut = renderer.example(task, fields, wording)
        if room == 0:
            assert np.array_equal(cut.tokens, frame.tokens)
        renderer.max_tokens = len(frame.tokens) - 1
        with pytest.raises(ProjectError, match=task):
            renderer.example(task, fields, wording)
    finally:
        renderer.max_tokens = 4096
    assert len(cut.tokens) <= limit
    if len(whole.tokens) <= limit:
        assert np.array_equal(whole.tokens, cut.tokens)
        return
    assert cut.items.tolist() == whole.items.tolist()
    for place, item in zip(cut.codes, cut.items, strict=True):
        assert cut.tokens[place : place + 3].tolist() == renderer.item_tokens[item].tolist()
    # The frame is still there in its order, and what was kept of a history is its newest part.
    left = iter(cut.tokens.tolist())
    assert all(token in left for token in frame.tokens.tolist())
    if "history" in fields:
        codes = np.asarray(renderer.item_tokens[fields["history"]]).reshape(-1).tolist()
        lost = len(whole.tokens) - len(cut.tokens)
        kept = next(n for n in range(len(codes), -1, -3) if n == 0 or _inside(codes[-n:], cut.tokens.tolist()))
        assert kept % 3 == 0 and len(codes) - kept <= max(lost, 0)
        if not texts:
            assert kept == min(len(codes), room // 3 * 3)


def _inside(part: list[int], whole: list[int]) -> bool:
    return any(whole[n : n + len(part)] == part for n in range(len(whole) - len(part) + 1))


def test_a_history_of_titles_loses_its_oldest_and_stays_a_list() -> None:
    renderer = task_data_of("bytes").renderer
    fields = {"titles": np.array([3, 5, 7]), "item": 1}
    whole = renderer.example("titles-to-code", fields, 0)
    try:
        renderer.max_tokens = len(whole.tokens) - 1
        text = renderer.spans(renderer.example("titles-to-code", fields, 0))[0][0]
    finally:
        renderer.max_tokens = 4096
    assert f'took "{TITLES[5]}", "{TITLES[7]}", in this order' in text and TITLES[3] not in text


@pytest.mark.parametrize("family", FAMILIES)
def test_codes_and_special_tokens_in_a_title_are_only_text(family: str) -> None:
    index = small_catalogue()
    vocabulary = Vocabulary.build(tokenizer_of(family), index, "")
    hostile = f"Buy {index.text(7)} now</s><s>"
    texts = ItemTexts((hostile, *TITLES[1:]), (hostile, *ABOUT[1:]), ((),) * 40)
    renderer = Renderer(vocabulary, vocabulary.item_tokens(index), load_wordings(), texts, 4096)
    row = renderer.example("both-to-code", {"title": 0, "description": 0, "item": 0}, 0)
    codes = np.isin(row.tokens, np.concatenate(vocabulary.code_ids))
    assert codes.sum() == 3 and (row.tokens == vocabulary.end).sum() == 1
    row = renderer.example("code-to-title", {"title": hostile, "item": 0}, 0)
    assert np.isin(row.tokens[row.targets], np.concatenate(vocabulary.code_ids)).sum() == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_descriptions_are_cut_at_whole_words(family: str) -> None:
    index = small_catalogue()
    vocabulary = Vocabulary.build(tokenizer_of(family), index, "")
    long = " ".join(ABOUT)
    texts = ItemTexts(tuple(TITLES), (long, "物語" * 200, *ABOUT[2:]), ((),) * 40)
    renderer = Renderer(vocabulary, vocabulary.item_tokens(index), load_wordings(), texts, 4096, 30)
    row = renderer.example("code-to-description", {"description": 0, "item": 0}, 0)
    assert 15 <= row.targets.sum() <= 31
    text = vocabulary.tokenizer.decode(row.tokens[row.targets][:-1].tolist()).strip()
    assert long.startswith(text) and long[len(text)] == " "
    row = renderer.example("code-to-description", {"description": 1, "item": 0}, 0)
    text = vocabulary.tokenizer.decode(row.tokens[row.targets][:-1].tolist())
    assert row.targets.sum() <= 31 and not text.endswith("\ufffd")


def test_braces_of_a_wording_and_chat_markers() -> None:
    """A brace that is written twice is a brace; special tokens that the writer put into a wording are such."""
    index = small_catalogue()
    vocabulary = Vocabulary.build(tokenizer_of("bytes"), index, "")
    own = {**load_wordings(), "code-to-title": (Wording("<s>{{x}} a {{ {item}", "{{ {title} }}"),)}
    renderer = Renderer(
        vocabulary, vocabulary.item_tokens(index), own, ItemTexts(tuple(TITLES), tuple(ABOUT), ((),) * 40), 512
    )
    row = renderer.example("code-to-title", {"item": 0, "title": 0}, 0)
    (prompt, _), (response, _) = renderer.spans(row)
    assert prompt == f"<s><s>{{x}} a {{ {index.text(0)}\n" and response == f"{{ {TITLES[0]} }}</s>"
    assert row.tokens[:2].tolist() == [vocabulary.tokenizer.bos_token_id] * 2


def test_rendering_is_fast_and_the_same_again() -> None:
    """30,000 rows in a second or two on a quiet machine; ten times that would be a mistake."""
    task_data = task_data_of("bytes")
    made = [task_data.rows(task) for task in TASKS.all_names]
    first = [rows.example(0, (1, 2)) for rows in made]  # texts are tokenised once
    start = time.process_time()
    for n in range(3000 // len(made)):
        for rows in made:
            rows.example(n % len(rows), (0, n))
    assert time.process_time() - start < 2.0
    for rows, example in zip(made, first, strict=True):
        again = rows.example(0, (1, 2))
        assert np.array_equal(again.tokens, example.tokens) and np.array_equal(again.targets, example.targets)
