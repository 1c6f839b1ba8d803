"""Codes as tokens: every code of every level is one new token of the language model's tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from core.errors import EnvironmentFault
from core.index.table import ItemIndex

BEGIN, END, PAD = "<s>", "</s>", "<pad>"


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer that speaks the codes.

    Attributes:
        tokenizer: text and code tokens.
        code_ids: token id of each code, level by level; each int64, shape (width,).
        frame: what stands before every history, as token ids; never empty.
        end: id of the token that ends a row of text.
    """

    tokenizer: PreTrainedTokenizerBase
    code_ids: tuple[npt.NDArray[np.int64], ...]
    frame: tuple[int, ...]
    end: int = 0

    @staticmethod
    def build(tokenizer: PreTrainedTokenizerBase, index: ItemIndex, frame: str) -> Vocabulary:
        """Add the codes that the tokenizer does not know yet.

        Raises:
            EnvironmentFault: where the tokenizer splits a code or gives two codes one id.
        """
        names = index.tokens()
        known = set(tokenizer.get_vocab())
        tokenizer.add_tokens([name for name in names if name not in known], special_tokens=True)
        ids = np.array([tokenizer.convert_tokens_to_ids(name) for name in names], dtype=np.int64)
        if len(np.unique(ids)) != len(names):
            raise EnvironmentFault("the tokenizer gives two codes one token id", "use another backbone")
        for name, number in zip(names[:: max(1, len(names) // 16)], ids[:: max(1, len(names) // 16)], strict=True):
            if tokenizer.encode(name, add_special_tokens=False) != [number]:
                raise EnvironmentFault(f"the tokenizer splits the code {name}", "use another backbone")
        begin = [tokenizer.bos_token_id] if tokenizer.bos_token_id is not None else []
        words = tokenizer.encode(frame, add_special_tokens=False) if frame else []
        start = tuple(begin + words) or (int(tokenizer.eos_token_id or 0),)
        ends = np.cumsum(index.widths)
        parts = tuple(ids[end - width : end] for end, width in zip(ends, index.widths, strict=True))
        return Vocabulary(tokenizer, parts, start, int(tokenizer.eos_token_id or 0))

    def item_tokens(self, index: ItemIndex) -> npt.NDArray[np.int64]:
        """Token ids of every item's code; shape (items, levels)."""
        return np.stack([ids[index.codes[:, level]] for level, ids in enumerate(self.code_ids)], axis=1)


def train_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of a catalogue's own words, for any language."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

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
    try:
        return AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise EnvironmentFault(f"cannot load the tokenizer of {folder}: {reason}", "check backbone.model") from error
