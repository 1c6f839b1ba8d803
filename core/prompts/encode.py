"""Parts of a row as token ids, tokenised apart from each other and remembered.

Tokenisers of the SentencePiece kind put a blank before whatever they are given. A part in the middle of a row must not
get one, so it is tokenised behind a character whose tokens are then taken off again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Ids = npt.NDArray[np.int64]

LEADS = ("\n", ".", "|", ":", ",", "#", "a", "e", "1", "0")
"""Characters that a part may be tokenised behind; the first one that works is taken."""
CHUNK = 50_000
"""Texts of one call."""
CHARACTERS_A_TOKEN = 24
"""More characters than that are not looked at for each token that is wanted."""


@dataclass(frozen=True)
class Bank:
    """Token ids of many texts in one array.

    Attributes:
        flat: all ids, one text after the other.
        offsets: where each text starts; one more than there are texts.
    """

    flat: Ids
    offsets: Ids

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> Ids:
        return self.flat[self.offsets[number] : self.offsets[number + 1]]

    def without(self, ids: Ids) -> Bank:
        """The same texts without some ids."""
        bad = np.isin(self.flat, ids)
        if not bad.any():
            return self
        kept = np.concatenate([[0], np.cumsum(~bad)])
        return Bank(self.flat[~bad], kept[self.offsets])

    def with_each(self, ids: Ids) -> Bank:
        """The same texts with ids after each."""
        places = np.repeat(self.offsets[1:], len(ids))
        steps = np.arange(len(self.offsets), dtype=np.int64) * len(ids)
        return Bank(np.insert(self.flat, places, np.tile(ids, len(self))), self.offsets + steps)

    @staticmethod
    def of(lists: Sequence[Sequence[int]]) -> Bank:
        """Put lists one after the other."""
        offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
        return Bank(np.fromiter((one for some in lists for one in some), np.int64, int(offsets[-1])), offsets)


class Encoder:
    """From text to token ids, as they stand in the middle of a row.

    Args:
        tokenizer: of any family.
        codes: ids that no text may have, whatever is written in it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, codes: Ids) -> None:
        self.tokenizer = tokenizer
        special = [n for n, one in tokenizer.added_tokens_decoder.items() if one.special]
        # A tokenizer whose model holds them finds them in a text even where it is told not to look.
        unknown = [] if tokenizer.unk_token_id is None else [tokenizer.unk_token_id]
        self._reserved = np.setdiff1d([*special, *codes], unknown).astype(np.int64)
        self._leads = self._working_leads()

    def first(self, text: str) -> Ids:
        """A text at the start of a row; special tokens written in it are such."""
        return np.array(self._ids([text], special=True)[0], dtype=np.int64)

    def words(self, text: str) -> Ids:
        """A text inside a row that we or the writer of a wording wrote: special tokens written in it are such."""
        return np.array(self._inside([text], special=True)[0], dtype=np.int64)

    def many(self, texts: Sequence[str], limit: int = 0) -> Bank:
        """Texts of the data inside a row, in calls of many: what looks like a special token in them is only text.

        Args:
            texts: any number.
            limit: tokens of a text at most, cut after a whole word where there is one in the second half; 0 = all.
        """
        encoded: list[list[int]] = []
        longest = limit * CHARACTERS_A_TOKEN
        for start in range(0, len(texts), CHUNK):
            some = [text[:longest] if limit else text for text in texts[start : start + CHUNK]]
            ids = self._inside(some, special=False)
            encoded += [self._cut(one, limit) if limit and len(one) > limit else one for one in ids]
        return Bank.of(encoded).without(self._reserved)

    def _cut(self, ids: list[int], limit: int) -> list[int]:
        """The first tokens of a text, up to the end of a word, and never in the middle of a letter."""
        for end in range(limit, limit // 2, -1):
            token = self.tokenizer.convert_ids_to_tokens(ids[end])
            if isinstance(token, str) and token[:1] in ("Ġ", "▁", " ", "Ċ"):
                return ids[:end]
        for end in range(limit, max(limit - 4, 0), -1):
            if not str(self.tokenizer.decode(ids[:end])).endswith("\ufffd"):
                return ids[:end]
        return ids[:limit]

    def _ids(self, texts: list[str], special: bool) -> list[list[int]]:
        if not texts:
            return []
        lists = self.tokenizer(
            texts, add_special_tokens=False, split_special_tokens=not special, return_attention_mask=False
        )["input_ids"]
        return [list(one) for one in lists]

    def _inside(self, texts: list[str], special: bool) -> list[list[int]]:
        """Ids of texts as they stand behind another one."""
        inside: list[list[int]] = [[] for _ in texts]
        left = [number for number, text in enumerate(texts) if text]
        for lead in (*self._leads, ""):
            if not left:
                break
            head = self._ids([lead], special)[0] if lead else []
            merged = []
            for number, ids in zip(left, self._ids([lead + texts[n] for n in left], special), strict=True):
                if ids[: len(head)] == head:
                    inside[number] = ids[len(head) :]
                else:
                    merged.append(number)  # the lead became one with the text: try another
            left = merged
        return inside

    def _working_leads(self) -> tuple[str, ...]:
        """The characters behind which this tokenizer puts no blank; none where it never puts one, or always does."""
        pairs = (("a", "b"), ("e", "t"), ("1", "2"))
        plain = [(self._ids([one], True)[0], self._ids([other], True)[0]) for one, other in pairs]
        decoded = [self.tokenizer.decode(one + other) for one, other in plain]
        if all(text == one + other for text, (one, other) in zip(decoded, pairs, strict=True)):
            return ()
        unknown = self.tokenizer.unk_token_id
        working = []
        for lead in LEADS:
            head = self._ids([lead], True)[0]
            for (one, other), (before, _) in zip(pairs, plain, strict=True):
                whole = self._ids([lead + other], True)[0]
                behind = whole[len(head) :]
                if whole[: len(head)] != head or unknown in whole:
                    continue
                if self.tokenizer.decode(before + behind) == one + other:
                    working.append(lead)
                    break
        return tuple(working)
