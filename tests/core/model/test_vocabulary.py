"""Codes as tokens, in tokenizers of several families."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AddedToken, PreTrainedTokenizerFast

from core.errors import EnvironmentFault
from core.index.table import ItemIndex
from core.model.vocabulary import BEGIN, Vocabulary, load_tokenizer, train_tokenizer
from tests.core.engine_tools import TEXTS, small_index, uneven_codes
from tests.core.model.families import bytes_tokenizer, pieces_tokenizer

FAMILIES = ("bytes", "words", "pieces", "spaces")


def tokenizer_of(family: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE with a begin token; whole words, word pieces in lower case and metaspace BPE without one."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    quiet: Any = {"show_progress": False}
    if family == "bytes":
        return train_tokenizer(TEXTS, 300)
    if family == "words":
        made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        made.train_from_iterator(TEXTS, trainers.WordLevelTrainer(special_tokens=["[UNK]"], **quiet))
        return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")
    if family == "pieces":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]", "[PAD]"], **quiet)
        made.train_from_iterator(TEXTS, trainer)
        return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]")
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "</s>"], **quiet))
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", eos_token="</s>")


def index_of(count: int = 40) -> ItemIndex:
    return small_index(uneven_codes(count, 3, 7, 0), (7, 7, 9))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_code_of_every_level_is_one_token(family: str, tmp_path: Path) -> None:
    tokenizer, index = tokenizer_of(family), index_of()
    before = len(tokenizer)
    vocabulary = Vocabulary.build(tokenizer, index, "")
    ids = np.concatenate(vocabulary.code_ids)
    assert [len(level) for level in vocabulary.code_ids] == [7, 7, 9]
    ends = int(family in ("words", "pieces"))  # these had no end token
    assert len(tokenizer) == before + 23 + ends == vocabulary.size
    assert len(np.unique(ids)) == 23 and (ids >= before).all()
    assert vocabulary.added == tuple(range(before, before + 23 + ends)) and vocabulary.end == tokenizer.eos_token_id
    assert [tokenizer.convert_ids_to_tokens(int(number)) for number in ids] == index.tokens()
    items = vocabulary.item_tokens(index)
    assert items.shape == (40, 3)
    for item in range(40):
        assert tokenizer.encode(index.text(item), add_special_tokens=False) == items[item].tolist()
    together = index.text(3) + index.text(9)
    assert tokenizer.encode(together, add_special_tokens=False) == [*items[3].tolist(), *items[9].tolist()]

    tokenizer.save_pretrained(tmp_path)
    again = Vocabulary.build(load_tokenizer(tmp_path), index, "")
    assert [level.tolist() for level in again.code_ids] == [level.tolist() for level in vocabulary.code_ids]
    assert again.frame == vocabulary.frame
    assert len(again.tokenizer) == before + 23 + ends and not again.added  # what it knows is not added again
    assert again.new_ids.tolist() == sorted(ids.tolist())


@pytest.mark.parametrize("family", FAMILIES)
def test_there_is_always_something_before_the_history(family: str) -> None:
    tokenizer, index = tokenizer_of(family), index_of()
    plain = Vocabulary.build(tokenizer, index, "").frame
    assert len(plain) == 1 and 0 <= plain[0] < len(tokenizer)
    worded = Vocabulary.build(tokenizer, index, "a coral story").frame
    words = tokenizer.encode("a coral story", add_special_tokens=False)
    assert list(worded) == [*([tokenizer.bos_token_id] if family == "bytes" else []), *words] and words


@pytest.mark.parametrize("text", ["plain words", "  blanks\t\n kept ", "naïve Grüße 書 🙂", "<s> [bold] <a_1", ""])
def test_the_trained_tokenizer_keeps_every_text(text: str) -> None:
    tokenizer = train_tokenizer(TEXTS, 300)
    assert tokenizer.decode(tokenizer.encode(text.replace(BEGIN, ""))) == text.replace(BEGIN, "")


def test_the_trained_tokenizer_is_the_catalogues_own() -> None:
    text = TEXTS[0]
    learned = train_tokenizer(TEXTS, 400)
    assert len(learned.encode(text)) < len(text.split()) * 2
    assert train_tokenizer(TEXTS, 400).get_vocab() == learned.get_vocab()
    assert len(train_tokenizer([], 300).encode("never seen")) == len("never seen")


def test_a_tokenizer_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EnvironmentFault, match=r"backbone\.model"):
        load_tokenizer(tmp_path / "nowhere")
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(EnvironmentFault):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("make", [pieces_tokenizer, lambda: bytes_tokenizer(True), lambda: bytes_tokenizer(False)])
def test_codes_inside_running_text(make: Any) -> None:
    """SentencePiece-like with a begin token, GPT-2's and Qwen's: thousands of codes, each one id wherever it stands."""
    index = small_index([[0, 0, 0], [1499, 1499, 9]], (1500, 1500, 10))
    vocabulary = Vocabulary.build(make(), index, "")
    tokenizer, names = vocabulary.tokenizer, index.tokens()
    ids = np.concatenate(vocabulary.code_ids).tolist()
    for before, after in (("", ""), ("amber", "amber"), ("a story: ", ", and"), ("(", ")"), ("\n", "\n")):
        texts = [f"{before}{name}{after}" for name in names[::50]]
        for found, number in zip(tokenizer(texts, add_special_tokens=False)["input_ids"], ids[::50], strict=True):
            assert found.count(number) == 1 and not set(found) & (set(ids) - {number})
    assert vocabulary.size == len(tokenizer) and vocabulary.new_ids.tolist() == sorted(ids)


def test_a_tokenizer_that_knows_some_codes_already() -> None:
    """As tokens they keep their ids; as a mere piece of the vocabulary a code becomes a token."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = {"[UNK]": 0, "amber": 1, "<a_0>": 2, "<a_1>": 3}
    made = Tokenizer(models.WordLevel(pieces, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")
    tokenizer.add_tokens(["<a_1>", "<b_0>"], special_tokens=True)
    index = small_index([[0, 0], [1, 1], [2, 0]])
    vocabulary = Vocabulary.build(tokenizer, index, "")
    assert [ids.tolist()[:2] for ids in vocabulary.code_ids] == [[2, 3], [4, 6]]
    assert set(vocabulary.added) == {5, 6, vocabulary.end}
    assert tokenizer.encode("amber<a_0><b_0>", add_special_tokens=False) == [1, 2, 4]


def test_a_tokenizer_with_free_ids_has_room_for_all() -> None:
    """Where ids are left out, there are more rows than tokens."""
    from tokenizers import Tokenizer, models

    made = Tokenizer(models.WordLevel({"[UNK]": 0, "amber": 7}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]")
    vocabulary = Vocabulary.build(tokenizer, small_index([[0], [1]]), "")
    assert vocabulary.size > max(vocabulary.new_ids) and vocabulary.size >= len(tokenizer)


def test_a_tokenizer_that_splits_codes_is_refused() -> None:
    """It knows the codes, but puts something before every text, a lone code too."""
    from tokenizers import Tokenizer, models, normalizers

    made = Tokenizer(models.WordLevel({"[UNK]": 0, "x": 1}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", eos_token="x")
    index = small_index([[0], [1]])
    tokenizer.add_tokens([AddedToken(name, normalized=True) for name in index.tokens()])
    tokenizer.backend_tokenizer.normalizer = normalizers.Prepend("x")
    with pytest.raises(EnvironmentFault, match="splits"):
        Vocabulary.build(tokenizer, index, "")
