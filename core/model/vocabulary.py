"""Codes as tokens: every code of every level is one new token of the language model's tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.errors import EnvironmentFault
from core.index.table import ItemIndex
from core.index.tokens import token
from core.model.model_folder import LEAST_TOKENS
from core.model_settings import BackboneSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

BEGIN, END, PAD = "<s>", "</s>", "<pad>"
CHECKED = 4096
"""Codes that are tokenised in one go when they are checked."""


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer that has a token for every code.

    Attributes:
        tokenizer: text and code tokens.
        code_ids: token id of each code, level by level; each int64, shape (width,).
        frame: what stands before every history, as token ids; never empty.
        added: ids that the tokenizer did not have before: codes, and the end token where there was none.
    """

    tokenizer: PreTrainedTokenizerBase
    code_ids: tuple[npt.NDArray[np.int64], ...]
    frame: tuple[int, ...]
    added: tuple[int, ...] = ()

    @staticmethod
    def build(tokenizer: PreTrainedTokenizerBase, index: ItemIndex, frame: str) -> Vocabulary:
        """Add the codes that the tokenizer does not know yet, and an end token where it has none.

        Raises:
            EnvironmentFault: where the tokenizer splits a code or gives two codes one id.
        """
        names = index.tokens()
        before = set(tokenizer.get_vocab().values())
        known = set(tokenizer.get_added_vocab())
        # A name that is only a piece of the model's own vocabulary is no token yet: text is split before it is found.
        tokenizer.add_tokens([name for name in names if name not in known], special_tokens=True)
        if tokenizer.eos_token_id is None:
            tokenizer.add_special_tokens({"eos_token": END})
        ids = np.array(tokenizer.convert_tokens_to_ids(names), dtype=np.int64)
        if len(np.unique(ids)) != len(names):
            raise EnvironmentFault("the tokenizer gives two codes one token id", "use another backbone")
        _check(tokenizer, names, ids)
        begin = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
        words = tokenizer.encode(frame, add_special_tokens=False) if frame else []
        start = tuple(begin + words) or (int(tokenizer.eos_token_id),)
        ends = np.cumsum(index.widths)
        parts = tuple(ids[end - width : end] for end, width in zip(ends, index.widths, strict=True))
        added = sorted({*ids.tolist(), int(tokenizer.eos_token_id)} - before)
        return Vocabulary(tokenizer, parts, start, tuple(added))

    @property
    def end(self) -> int:
        """Id of the token that ends a row."""
        return int(self.tokenizer.eos_token_id)

    @property
    def new_ids(self) -> npt.NDArray[np.int64]:
        """Ids of all codes and of whatever else was added, rising; int64."""
        return np.unique(np.concatenate([*self.code_ids, np.array(self.added, dtype=np.int64)]))

    @property
    def size(self) -> int:
        """Rows that the model needs; more than there are tokens where a tokenizer leaves ids free."""
        return max(len(self.tokenizer), self.end + 1, int(max(ids.max(initial=0) for ids in self.code_ids)) + 1)

    def grown(self, index: ItemIndex) -> Vocabulary:
        """The vocabulary of an index whose last level became wider: its new codes come after all other tokens.

        Args:
            index: the wider one.

        Returns:
            One with a tokenizer of its own; this one where no code is new.
        """
        more = [token(index.levels - 1, code) for code in range(len(self.code_ids[-1]), index.widths[-1])]
        if not more:
            return self
        tokenizer = deepcopy(self.tokenizer)
        tokenizer.add_tokens(more, special_tokens=True)
        ids = np.array(tokenizer.convert_tokens_to_ids(more), dtype=np.int64)
        last = np.concatenate([self.code_ids[-1], ids])
        added = (*self.added, *ids.tolist())
        return replace(self, tokenizer=tokenizer, code_ids=(*self.code_ids[:-1], last), added=added)

    def item_tokens(self, index: ItemIndex) -> npt.NDArray[np.int64]:
        """Token ids of every item's code; shape (items, levels)."""
        return np.stack([ids[index.codes[:, level]] for level, ids in enumerate(self.code_ids)], axis=1)


def build_vocabulary(settings: BackboneSettings, index: ItemIndex, texts: Iterable[str], frame: str) -> Vocabulary:
    """The tokenizer with all codes: trained on the catalogue for `tiny`, else the backbone's own."""
    if settings.model == "tiny":
        return Vocabulary.build(train_tokenizer(texts, settings.text_vocabulary), index, frame)
    return Vocabulary.build(load_tokenizer(settings.model), index, frame)


def _check(tokenizer: PreTrainedTokenizerBase, names: Sequence[str], ids: npt.NDArray[np.int64]) -> None:
    """Refuse a tokenizer that does not read every code as its one id: alone, in a row of codes, and between words."""
    for start in range(0, len(names), CHECKED):
        some, right = names[start : start + CHECKED], ids[start : start + CHECKED].tolist()
        alone = tokenizer(list(some), add_special_tokens=False)["input_ids"]
        for name, tokens, number in zip(some, alone, right, strict=True):
            if tokens != [number]:
                raise EnvironmentFault(f"the tokenizer splits the code {name}", "use another backbone")
        wanted = set(right)
        for text in ("".join(some), " and ".join(some), f"a{'b'.join(some)}c"):
            tokens = tokenizer.encode(text, add_special_tokens=False)
            if [number for number in tokens if number in wanted] != right:
                raise EnvironmentFault("the tokenizer splits codes inside a text", "use another backbone")


def train_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of a catalogue's own words, for any language."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=BEGIN, eos_token=END, pad_token=PAD)


def load_tokenizer(folder: Path | str) -> PreTrainedTokenizerBase:
    """The tokenizer of a Hugging Face folder or hub id.

    Raises:
        EnvironmentFault: where it cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise EnvironmentFault(f"cannot load the tokenizer of {folder}: {reason}", "check backbone.model") from error
    if len(tokenizer) < LEAST_TOKENS:  # transformers 5 makes one up where the folder has none
        raise EnvironmentFault(
            f"cannot load the tokenizer of {folder}: it knows {len(tokenizer) or 'no'} tokens", "check backbone.model"
        )
    return tokenizer
