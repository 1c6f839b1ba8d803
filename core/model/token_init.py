"""What the rows of new tokens start from, in a checkpoint that never saw them.

A random row, LC-Rec's way (arXiv 2311.09049; released code), says nothing; the mean of the old rows says "some token",
and rows that all start there stay too alike (Grounded Token Initialization, arXiv 2604.02324); the mean of the rows of
a branch's words, or of an item's title, says what the code means, before the first step of training. `aligned` starts
from the codes' vectors in the language model's space: our reading of the alignment tokenization of Semantic Convergence
(arXiv 2412.13771), of which no code was published.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.errors import DataError, ProjectError
from core.index.branches import BranchTable
from core.index.table import ItemIndex
from core.model.forward import head_layer, input_layer, is_tied, is_wrapped, plain, rows_of
from core.model.vocabulary import Vocabulary
from core.project import Project

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Matrix = npt.NDArray[np.float32]

NOISE = 0.05
"""Length of the random part of a row, as a share of the row's; without it codes of the same words stayed the same."""
BLOCK = 16_384
"""Rows that are read together."""
WORDS = 8
"""Terms of a code at most."""


@torch.no_grad()
def init_token_rows(
    lm: PreTrainedModel,
    vocabulary: Vocabulary,
    how: str,
    seed: int,
    words: Sequence[Sequence[str]] | None = None,
    vectors: Sequence[npt.NDArray[np.floating] | None] | None = None,
) -> int:
    """Give the tokens that were added their first rows, at the input and, where it has its own, at the output head.

    All are scaled to the mean length of the old rows. Tokens that the tokenizer knew keep what they have.

    Args:
        lm: the model, already large enough and not adapted.
        vocabulary: which ids are new.
        how: `random`, `mean`, `words` or `aligned`; a code without words or vector gets the mean.
        seed: of what is random.
        words: for `words`, terms of every code, level by level.
        vectors: for `aligned`, a vector of every code, level by level; None where there is none.

    Returns:
        How many rows started from words or vectors.

    Raises:
        ProjectError: `aligned` without vectors of the model's width.
    """
    new = torch.tensor(vocabulary.added, dtype=torch.long)  # token ids, (new,)
    if not len(new):
        return 0
    old = _others(vocabulary, vocabulary.added)
    word_ids = _word_ids(vocabulary, words) if how == "words" and words is not None else {}
    code_rows = _code_rows(vocabulary, vectors, int(lm.config.hidden_size)) if how == "aligned" else {}
    head = head_layer(lm)
    for number, layer in enumerate([input_layer(lm)] if is_tied(lm) else [input_layer(lm), head]):
        weight: Tensor = layer.weight
        mean, length = _mean_row(weight, old)
        # Random directions of length one; (new, hidden).
        noise = torch.randn(len(new), weight.shape[1], generator=torch.Generator().manual_seed(seed + number))
        noise = noise / noise.norm(dim=1, keepdim=True)
        if how == "random":
            rows = noise
        else:
            rows = mean.repeat(len(new), 1)
            for place, token in enumerate(new.tolist()):
                if token in word_ids:
                    rows[place] = weight[word_ids[token]].float().mean(dim=0)
                elif token in code_rows:
                    rows[place] = code_rows[token]
            # Direction of the start, and a little that tells codes of the same words apart.
            rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12) + NOISE * noise
        weight[new] = (rows / rows.norm(dim=1, keepdim=True) * length).to(weight.dtype)
    bias = getattr(head, "bias", None)
    if bias is not None:
        bias[new] = bias[old].mean()
    return len(word_ids) + len(code_rows)


@torch.no_grad()
def lend_own_rows(
    lm: PreTrainedModel,
    vocabulary: Vocabulary,
    known: ItemIndex,
    codes: npt.NDArray[np.int32],
    like: Sequence[Sequence[int]] = (),
    titles: Mapping[int, str] = MappingProxyType({}),
) -> None:
    """Give own last codes that training never saw the mean row of others, at the input and at an output head apart.

    Where rows began with titles, what sets the words of its own title apart from those of the others' is added.

    Args:
        lm: the tuned model, adapted or not, with a row for every token.
        vocabulary: which knows these codes.
        known: the index that was trained, in which last codes are items' own.
        codes: of the items that it does not hold; shape (items, levels).
        like: numbers of known items that stand for each; where there are none, those of its group do.
        titles: that rows began with, by last code, of known items and of these; none = they did not.
    """
    if not len(codes):
        return
    own, groups = torch.from_numpy(vocabulary.code_ids[-1]), known.codes[:, :-1]
    near = list(like) or [()] * len(codes)
    known_like = [
        list(some) or np.flatnonzero((groups == code[:-1]).all(axis=1)).tolist()
        for some, code in zip(near, codes, strict=True)
    ]
    ids = own[torch.from_numpy(codes[:, -1].astype(np.int64))]  # token ids, (items,)
    numbers = [known.codes[some, -1].astype(np.int64) for some in known_like]
    stand_in = [own[torch.from_numpy(some)] for some in numbers]
    asked = np.unique(np.concatenate([codes[:, -1].astype(np.int64), *numbers])).tolist()
    said = {code: title_words(titles[code]) for code in asked if code in titles}
    pieces = dict(zip(said, _pieces(vocabulary, list(said.values())), strict=True))
    modules: list[Any] = [lm.get_input_embeddings()]
    modules += [] if is_tied(lm) else [lm.get_output_embeddings()]
    for module in modules:
        rows = torch.stack([rows_of(module, some).float().mean(dim=0) for some in stand_in])
        weight: Tensor = plain(module).weight
        if pieces:
            old = _others(vocabulary, vocabulary.new_ids.tolist())
            rows += _apart(weight, old, pieces, codes[:, -1].tolist(), [some.tolist() for some in numbers])
        weight[ids] = rows.to(weight.dtype)
        if is_wrapped(module):  # trainable tokens stand in the matrix's place
            learned = module.token_adapter.trainable_tokens_delta[module.active_adapters[0]]
            places = module.places[ids]
            learned[places[places >= 0]] = rows[places >= 0].to(learned.dtype)


def begins_with_titles(project: Project, index: ItemIndex) -> bool:
    """Whether the rows of items' own codes begin with the words of their titles.

    They do where the model learns words too: one that learns sequences alone is never asked what a row says, and tells
    items of like titles apart a little later.
    """
    backbone = project.backbone
    return index.own and project.tune.speaks and backbone.model != "tiny" and backbone.new_rows == "words"


def title_words(title: str) -> list[str]:
    """The words that an item's own code begins with."""
    return re.findall(r"\w+", title)[: 2 * WORDS]


def _apart(
    weight: Tensor, old: Tensor, pieces: Mapping[int, Sequence[int]], codes: Sequence[int], like: Sequence[list[int]]
) -> Tensor:
    """How far what a code began with lies from what others began with, (codes, hidden); nothing where it is unknown."""
    length = _mean_row(weight, old)[1]

    def start(code: int) -> Tensor:
        row = weight[list(pieces[code])].float().mean(dim=0)
        scaled: Tensor = row * (length / row.norm().clamp_min(1e-12))
        return scaled

    found = torch.zeros(len(codes), weight.shape[1], device=weight.device)
    for place, (code, others) in enumerate(zip(codes, like, strict=True)):
        there = [other for other in others if pieces.get(other)]
        if pieces.get(code) and there:
            found[place] = start(code) - torch.stack([start(other) for other in there]).mean(dim=0)
    return found


def _others(vocabulary: Vocabulary, but: Iterable[int]) -> Tensor:
    """Ids of the tokenizer's tokens but for some."""
    return torch.tensor(sorted(set(vocabulary.tokenizer.get_vocab().values()).difference(but)), dtype=torch.long)


def _mean_row(weight: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of some rows, (hidden,), and their mean length; in blocks, since 262,144 rows in fp32 take a gigabyte."""
    total, lengths = torch.zeros(weight.shape[1], dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for some in tokens.split(BLOCK):
        rows = weight[some].float()
        total += rows.sum(dim=0)
        lengths += rows.norm(dim=1).sum()
    return (total / len(tokens)).float(), (lengths / len(tokens)).float()


def _word_ids(vocabulary: Vocabulary, words: Sequence[Sequence[str]]) -> dict[int, list[int]]:
    """Old token ids of the words of every new code that has some."""
    ids = np.concatenate(vocabulary.code_ids).tolist()
    if len(words) != len(ids):
        raise ValueError(f"words of {len(words)} codes for {len(ids)}")
    new = set(vocabulary.added)
    return {code: parts for code, parts in zip(ids, _pieces(vocabulary, words), strict=True) if parts and code in new}


def _pieces(vocabulary: Vocabulary, words: Sequence[Sequence[str]]) -> list[list[int]]:
    """Old token ids of the words of every row."""
    unknown = {*vocabulary.new_ids.tolist(), vocabulary.tokenizer.unk_token_id}
    terms = sorted({term for row in words for term in row})
    # A blank before a word: that is how it stands in a text, for byte-level tokenizers another token.
    tokens = (
        vocabulary.tokenizer([f" {term}" for term in terms], add_special_tokens=False)["input_ids"] if terms else []
    )
    pieces = {term: [one for one in row if one not in unknown] for term, row in zip(terms, tokens, strict=True)}
    return [[one for term in row for one in pieces[term]] for row in words]


def _code_rows(
    vocabulary: Vocabulary, vectors: Sequence[npt.NDArray[np.floating] | None] | None, width: int
) -> dict[int, Tensor]:
    """The vector of every new code that has one."""
    there = [vector for vector in vectors or () if vector is not None]
    if not there:
        raise ProjectError(
            "backbone.new_rows = 'aligned' starts from vectors that only the index method 'aligned' leaves",
            "set index.method = 'aligned', or backbone.new_rows = 'words'",
        )
    if len(there[0]) != width:
        raise ProjectError(
            f"backbone.new_rows = 'aligned': the codes' vectors have {len(there[0]):,} numbers, the backbone {width:,}",
            "make the text vectors with the backbone itself (vectors.semantic = 'hf:...'), or set "
            "backbone.new_rows = 'words'",
        )
    ids = np.concatenate(vocabulary.code_ids).tolist()
    new = set(vocabulary.added)
    pairs = zip(ids, vectors or (), strict=True)
    return {one: torch.from_numpy(np.asarray(v, dtype=np.float32)) for one, v in pairs if one in new and v is not None}


def code_words(folder: Path, index: ItemIndex, titles: Sequence[str] = ()) -> list[list[str]]:
    """Words of every code, level by level: the most frequent ones of the branches that end with it.

    A code stands under many parents, so a branch's words count as often as it has items. Codes of the last level name
    single items: those that are an item's own have the words of its title, the others and unused codes have none.

    Args:
        folder: the artefact of the index stage.
        index: its codes.
        titles: of the items; none = they are not known.

    Raises:
        DataError: the branches cannot be read, or are those of another index.
    """
    table = BranchTable.load(folder)
    if table.levels > index.levels or len(table.order) != len(index.codes):
        raise DataError(f"{folder}: the branches belong to another index", "train again with --new")
    starts = np.concatenate([[0], np.cumsum(index.widths)])
    counts: list[dict[str, int]] = [{} for _ in range(int(starts[-1]))]
    branches = zip(table.depth.tolist(), table.code.tolist(), table.size.tolist(), table.labels.to_list(), strict=True)
    for depth, code, size, labels in branches:
        if depth:
            own = counts[int(starts[depth - 1]) + code]
            for rank, term in enumerate(labels):
                own[term] = own.get(term, 0) + size * (len(labels) - rank)  # the first words say most
    words = [sorted(own, key=lambda term: (-own[term], term))[:WORDS] for own in counts]
    if index.own:
        for code, title in zip(index.codes[:, -1].tolist(), titles, strict=False):
            words[int(starts[-2]) + code] = title_words(title)
    return words


def code_vectors(folder: Path, index: ItemIndex) -> list[Matrix | None]:
    """Vectors of every code in the text space, level by level, where the index method made some; else None.

    Raises:
        DataError: the file cannot be read, or is that of another index.
    """
    try:
        with np.load(folder / "codebooks.npz", allow_pickle=False) as file:
            books = {name: file[name] for name in file.files if name.startswith("tokens_")}
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{folder}: the codebooks cannot be read ({error})", "train again with --new") from error
    rows: list[Matrix | None] = []
    for level, width in enumerate(index.widths):
        book = books.get(f"tokens_{level}")
        if book is not None and (book.ndim != 2 or len(book) > width):
            raise DataError(f"{folder}: the codebooks belong to another index", "train again with --new")
        rows += [None] * width if book is None else [*book, *[None] * (width - len(book))]
    return rows
