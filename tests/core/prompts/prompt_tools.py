"""A small catalogue in words, and tokenizers of several families that know some of them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import polars as pl
from transformers import PreTrainedTokenizerFast

from core.data.arrays import Sequences
from core.data.data_report import DataReport
from core.data.dataset import Dataset
from core.index.table import ItemIndex
from core.model.vocabulary import Vocabulary, train_tokenizer
from core.prompts.negatives import Negatives
from core.prompts.render import Renderer
from core.prompts.task_data import TaskData, user_tables
from core.prompts.texts import item_texts
from core.prompts.user_texts import user_texts
from core.prompts.wordings import load_wordings
from tests.core.engine_tools import KINDS, sequences, uneven_codes

FAMILIES = ("bytes", "bytes without begin", "unigram with begin", "llama with begin")
ITEMS = 40
TITLES = [f"The {KINDS[n % 5]} {'tale' if n % 2 else 'song'}, part {n}" for n in range(ITEMS)]
ABOUT = [
    f"A story about {KINDS[n % 5]} and {KINDS[(n // 5) % 5]} weather, told in {n + 2} chapters. It ends well! (mostly)"
    for n in range(ITEMS)
]
WORDS = [*TITLES, *ABOUT, 'Yes No True False A B 1 2 \n " , . ? ! : ( ) – / I II Left Right First Second take took']
COLUMNS = ("title", "genre", "description")


def tokenizer_of(family: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE as GPT-2 and Qwen have it; Metaspace with Unigram, and BPE with byte fallback as Llama has it."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    if family.startswith("bytes"):
        tokenizer = train_tokenizer(WORDS, 400)
        if "without" in family:
            tokenizer.bos_token = None
        return tokenizer
    special = ["<unk>", "<s>", "</s>"]
    if family.startswith("unigram"):
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        made.decoder = decoders.Metaspace(prepend_scheme="always")
        letters = sorted({letter for text in [*WORDS, *_wordings()] for letter in text if letter != " "})
        trainer = trainers.UnigramTrainer(
            vocab_size=400, special_tokens=special, unk_token="<unk>", initial_alphabet=letters, show_progress=False
        )
        made.train_from_iterator(WORDS, trainer)
    else:
        learnt = Tokenizer(models.BPE())
        learnt.pre_tokenizer = pre_tokenizers.Metaspace()
        plain = [text.replace("\n", "") for text in WORDS]
        learnt.train_from_iterator(plain, trainers.BpeTrainer(vocab_size=400, show_progress=False))
        model = json.loads(learnt.to_str())["model"]
        names = [*special, *(f"<0x{n:02X}>" for n in range(256)), *model["vocab"]]
        merges = [tuple(pair) for pair in model["merges"]]
        vocab = {name: number for number, name in enumerate(names)}
        made = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", byte_fallback=True))
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        made.decoder = decoders.Sequence(
            [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        made.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>", clean_up_tokenization_spaces=False
    )


def _wordings() -> list[str]:
    return [part for some in load_wordings().values() for one in some for part in (one.prompt, *one.answers)]


@cache
def small_dataset() -> Dataset:
    """Users who walk along the items; some too short to be evaluated."""
    draw = np.random.default_rng(3)
    lists = [draw.permutation(ITEMS)[: draw.integers(1, 12)].tolist() for _ in range(30)]
    items = pl.DataFrame(
        {
            "item_id": [f"i{n:02}" for n in range(ITEMS)],
            "title": TITLES,
            "text": [f"{title}. {about}" for title, about in zip(TITLES, ABOUT, strict=True)],
            "genre": [f"{KINDS[n % 5].title()}, Fiction" for n in range(ITEMS)],
            "description": ABOUT,
        }
    )
    users = pl.Series("user_id", [f"u{n}" for n in range(len(lists))])
    return Dataset(users, items, sequences(*lists), DataReport())


@cache
def small_catalogue() -> ItemIndex:
    codes = uneven_codes(ITEMS, 3, 5, 1)
    ids = small_dataset().items["item_id"]
    return ItemIndex(ids, codes, (5, 5, 5), ("semantic",) * 3)


@cache
def task_data_of(family: str, max_tokens: int = 4096, draw: str = "popular", users: str = "template") -> TaskData:
    """What rows are made of, in a tokenizer family."""
    dataset, index = small_dataset(), small_catalogue()
    vocabulary = Vocabulary.build(tokenizer_of(family), index, "")
    return task_data_from(dataset, index, vocabulary, max_tokens, draw, users)


def task_data_from(
    dataset: Dataset, index: ItemIndex, vocabulary: Vocabulary, max_tokens: int = 4096, draw: str = "popular",
    users: str = "template", columns: tuple[str, ...] = COLUMNS,
) -> TaskData:  # fmt: skip
    texts, train = item_texts(dataset.items, columns), dataset.train()
    about = user_texts(users, dataset, texts)
    renderer = Renderer(
        vocabulary, vocabulary.item_tokens(index), load_wordings(), texts, max_tokens, 64, user_tables(about)
    )
    return TaskData(train, texts, about, renderer, Negatives(draw, index.codes, train, dataset.sequences), 6, 3)


def held_out(whole: Sequences, user: int) -> set[int]:
    """Validation and test item of a user; empty where the user is not evaluated."""
    items = whole[user].tolist()
    return set(items[-2:]) if len(items) >= 3 else set()
