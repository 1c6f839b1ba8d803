"""The one renderer: from a task's wording and its fields to a row of tokens.

A row is joined from parts that were tokenised apart, so the masks come from lengths and never from searching text. What
does not fit loses the oldest items of the history first, then the ends of its texts; the frame is never cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from core.errors import ProjectError
from core.prompts.encode import Bank, Encoder, Ids
from core.prompts.tasks import Fields, task_number
from core.prompts.texts import ItemTexts
from core.prompts.truncate import FIXED, HISTORY, TEXT, Piece, fit
from core.prompts.wordings import Wordings, fields_in

if TYPE_CHECKING:
    from core.model.vocabulary import Vocabulary

BARE = -1
"""In place of a wording's number: the bare sequential row, history and target behind the vocabulary's frame."""
CODES = frozenset({"item", "history", "candidates"})
"""Fields that are written in codes; the others are words."""
USER_TOKENS = 128
"""Tokens of a text about a user at most; LC-Rec's have two or three sentences."""
BREAK = "\n"
"""Stands between prompt and response; part of the frame."""
BETWEEN = ", "
"""Stands between candidates and between titles."""
QUOTE = '"'


@dataclass(frozen=True)
class RenderedRow:
    """A row of tokens and what of it is predicted.

    Attributes:
        tokens: the whole row: begin token or frame, prompt, response, end token; int64, shape (length,).
        targets: mask of the tokens that are predicted (the response and the end token); same shape.
        codes: places in `tokens` of the first code token of every predicted item; shape (k,).
        items: item number of each of these; shape (k,).
        task: its number, see `core.prompts.tasks.task_number`.
        soft: row of each item in the teachers' `SoftTargets`; shape (k,), or empty where teachers say nothing.
        before: items of the history in front of the first one that is predicted, of the sequential task.
        asking: places in `tokens` of the wording's own words in the prompt: not of its fields, nor the begin token.
    """

    tokens: npt.NDArray[np.int64]
    targets: npt.NDArray[np.bool_]
    codes: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    task: int
    soft: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    before: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    asking: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class _Slot:
    """A placeholder: its name, and the blank that goes with its text and not with the words before it."""

    name: str
    before: str = ""


Parts = list[Ids | _Slot]


class Renderer:
    """Renders every task.

    Args:
        vocabulary: tokenizer and codes.
        item_tokens: token ids of every item's code; int64, shape (items, levels).
        wordings: of every task.
        texts: of the items.
        max_tokens: tokens of a row at most.
        description_tokens: tokens of a title or description at most.
        users: further tables of texts by name, e.g. `intent`: the field `("intent", 3)` is the fourth of that table.
    """

    def __init__(
        self, vocabulary: Vocabulary, item_tokens: npt.NDArray[np.int64], wordings: Wordings, texts: ItemTexts,
        max_tokens: int, description_tokens: int = 64, users: Mapping[str, Sequence[str]] | None = None,
    ) -> None:  # fmt: skip
        self.vocabulary, self.item_tokens, self.wordings = vocabulary, item_tokens, wordings
        self.max_tokens, self.description_tokens = max_tokens, description_tokens
        self.tables = {"title": texts.titles, "description": texts.descriptions, **(users or {})}
        self._encoder = Encoder(vocabulary.tokenizer, np.concatenate(vocabulary.code_ids))
        begin = vocabulary.tokenizer.bos_token_id
        self._begin = np.array([] if begin is None else [begin], dtype=np.int64)
        self._end = np.array([vocabulary.end], dtype=np.int64)
        self._break, self._between = self._encoder.words(BREAK), self._encoder.words(BETWEEN)
        self._banks: dict[tuple[str, str, str], Bank] = {}
        self._answers: dict[str, Ids] = {}
        self._templates = {
            (task, number): self._template(one.prompt, one.response)
            for task, some in wordings.items()
            for number, one in enumerate(some)
        }
        frame: Parts = [np.array(vocabulary.frame, dtype=np.int64)]
        self._templates["sequential", BARE] = [*frame, _Slot("history")], [_Slot("item")]

    def example(self, task: str, fields: Fields, wording: int) -> RenderedRow:
        """Render a row with its response.

        Args:
            task: its name.
            fields: a value for every placeholder of the wording.
            wording: its number among the task's, from 0; `BARE` for the bare sequential row, which has no end token.

        Raises:
            ProjectError: the frame alone is longer than `max_tokens`.
        """
        template = self._templates[task, wording]
        prompt, response = ([self._piece(part, fields) for part in parts] for parts in template)
        end = self._end[: 0 if wording == BARE else 1]
        self._fit([*prompt, *response], len(end), task, wording)
        # Places of the wording's own words in the prompt.
        asking: list[int] = []
        place = 0
        for part, piece in zip(template[0], prompt, strict=True):
            if wording != BARE and part is not self._begin and not isinstance(part, _Slot):
                asking += range(place, place + len(piece))
            place += len(piece)
        # Where the response begins, and the places and numbers of its items.
        start, places, items = place, [], []
        for part, piece in zip(template[1], response, strict=True):
            if isinstance(part, _Slot) and part.name == "item":
                places.append(place)
                items.append(fields["item"])
            place += len(piece)
        tokens = np.concatenate([*(unit for piece in (*prompt, *response) for unit in piece.units), end])
        targets = np.zeros(len(tokens), dtype=np.bool_)
        targets[start:] = True
        codes, numbers, words = (np.array(some, dtype=np.int64) for some in (places, items, asking))
        return RenderedRow(tokens, targets, codes, numbers, task_number(task), asking=words)

    def prompt(self, task: str, fields: Fields, wording: int, room: int = 0) -> Ids:
        """Token ids up to the response, for a model that is to give it.

        Args:
            task: see `example`.
            fields: those of the prompt; texts may be given as they are, e.g. `{"intent": "red nail polish"}`.
            wording: see `example`.
            room: tokens kept free for the response.

        Raises:
            ProjectError: the frame alone is longer than `max_tokens`.
        """
        prompt = [self._piece(part, fields) for part in self._templates[task, wording][0]]
        self._fit(prompt, room, task, wording)
        return np.concatenate([unit for piece in prompt for unit in piece.units])

    def frame_ids(self, wording: int) -> tuple[int, ...]:
        """What stands before the history in a wording of `sequential`, begin token included."""
        ids = [part for part in self._templates["sequential", wording][0] if not isinstance(part, _Slot)]
        return tuple(np.concatenate(ids).tolist())

    def spans(self, example: RenderedRow) -> list[tuple[str, bool]]:
        """The row as text, cut where supervision begins or ends: (text, whether it is predicted)."""
        tokenizer = self.vocabulary.tokenizer
        edges = np.flatnonzero(np.diff(example.targets)) + 1
        spans, before, begin = [], "", 0
        for end in (*edges.tolist(), len(example.tokens)):
            whole = str(tokenizer.decode(example.tokens[:end].tolist()))
            alone = str(tokenizer.decode(example.tokens[begin:end].tolist()))
            spans.append((whole[len(before) :] if whole.startswith(before) else alone, bool(example.targets[begin])))
            before, begin = whole, end
        return spans

    def _fit(self, pieces: list[Piece], more: int, task: str, wording: int) -> None:
        excess = fit(pieces, self.max_tokens - more)
        if excess:
            name = "the bare row" if wording == BARE else f"wording {wording + 1}"
            raise ProjectError(
                f"{task}, {name}: what cannot be cut has {self.max_tokens + excess} tokens, and a row has "
                f"{self.max_tokens} at most",
                "shorten the wording, or allow longer rows",
            )

    def _template(self, prompt: str, response: str) -> tuple[Parts, Parts]:
        """A wording with its words tokenised."""
        prompt_parts = self._parts(prompt, [self._begin] if len(self._begin) else [])
        if prompt.endswith("{history}") and response == "{item}":  # `sequential`: the item follows straight away
            return prompt_parts, [_Slot("item")]
        return [*prompt_parts, self._break], self._parts(response, None)

    def _parts(self, text: str, begin: Parts | None) -> Parts:
        """A text as words and slots; `begin` stands before it where it opens a row."""
        parts: Parts = list(begin or [])
        encode = self._encoder.words if begin is None else self._encoder.first
        text_before = ""
        pairs = fields_in(text)
        for place, (words, name) in enumerate(pairs):
            text_before += words
            if not name and place + 1 < len(pairs):
                continue  # a brace that was written twice ends the pair, not the words
            # As in running text a blank goes with the word after it.
            blank = " " if name and name not in CODES and text_before.endswith(" ") else ""
            if words := text_before.removesuffix(" ") if blank else text_before:
                parts.append(encode(words))
            if name:
                parts.append(_Slot(name, blank))
            encode, text_before = self._encoder.words, ""
        return parts

    def _piece(self, part: Ids | _Slot, fields: Fields) -> Piece:
        if not isinstance(part, _Slot):
            return Piece(FIXED, [part])
        name = part.name
        value: Any = fields[name]
        if name == "item":
            return Piece(FIXED, [self.item_tokens[value]])
        if name == "history":
            return Piece(HISTORY, list(self.item_tokens[value]))
        if name == "candidates":
            return Piece(FIXED, [unit for row in self.item_tokens[value] for unit in (self._between, row)][1:])
        if name == "titles":
            opening, others = (
                self._bank("title", before + QUOTE, QUOTE) for before in (part.before, BETWEEN)
            )  # fmt: skip
            return Piece(HISTORY, [others[n] for n in value], [opening[n] for n in value])
        if name == "answer":
            return Piece(FIXED, [self._answer(part.before + str(value))])
        if isinstance(value, str):
            return Piece(TEXT, [self._encoder.many([part.before + value if value else ""], self._limit(name))[0]])
        table, number = value if isinstance(value, tuple) else (name, int(value))
        return Piece(TEXT, [self._bank(table, part.before, "")[number]])

    def _answer(self, text: str) -> Ids:
        if text not in self._answers:
            self._answers[text] = self._encoder.words(text)
        return self._answers[text]

    def _bank(self, table: str, before: str, after: str) -> Bank:
        """All texts of a table, tokenised at once when the first one is asked for."""
        key = (table, before, after)
        if key not in self._banks:
            texts = [before + text if text else "" for text in self.tables[table]]
            bank = self._encoder.many(texts, self._limit(table))
            self._banks[key] = bank.with_each(self._encoder.words(after)) if after else bank
        return self._banks[key]

    def _limit(self, table: str) -> int:
        return self.description_tokens if table in ("title", "description") else USER_TOKENS
