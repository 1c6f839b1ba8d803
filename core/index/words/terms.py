"""From text in any language to terms: words where a script has them, pieces of a run where it does not."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

LONGEST = 40
"""Characters of a term at most; whatever is longer is no word."""
MARKS_AT_MOST = 4
"""Marks on one letter at most."""
PIECES = (2, 3, 4)
"""Characters of a piece of a text without spaces."""
# Scripts that put no space between words: Han, Hiragana, Thai, Lao, Myanmar, Khmer. Katakana writes single loan words.
_UNSPACED = "".join(
    f"{chr(first)}-{chr(last)}"
    for first, last in (
        (0xE01, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3041, 0x309F), (0x3005, 0x3005), (0x3400, 0x4DBF),
        (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3134F),
    )
)  # fmt: skip
_PLAIN = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_AMOUNT = re.compile(r"\d(?!\D$)")
"""Numbers and amounts ("500", "12oz"); "3d" is a word."""
_TAG = re.compile(r"<[^<>]{1,300}>")
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF])


def terms_of(text: str, longest: int) -> list[str]:
    """The terms of a text in their order, with repeats.

    Markup, control characters, signs and numbers are passed over.

    Args:
        text: anything.
        longest: characters that are looked at.
    """
    text = text[:longest]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_INVISIBLE))
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _TAG.sub(" ", text)
    if text.isascii():  # most text is, and takes a third of the time so
        return [run for run in _PLAIN.findall(text.lower()) if _is_word(run)]
    terms = []
    for run in _runs().findall(text.lower()):
        if _unspaced().match(run):
            terms += _pieces(run)
        elif _is_word(run):
            terms.append(run)
    return terms


def _is_word(run: str) -> bool:
    return 1 < len(run) <= LONGEST and (run[0] > "9" or not _AMOUNT.match(run))


def is_piece(term: str) -> bool:
    """Whether a term is a piece of a text without spaces, and not a word."""
    return bool(_unspaced().match(term))


def alike(one: str, other: str) -> bool:
    """Whether two terms say the same to a reader: a plural, a part of the other, overlapping pieces of one text."""
    if len(one) > len(other):
        one, other = other, one
    if is_piece(one) or is_piece(other):
        return any(one[n : n + 2] in other for n in range(len(one) - 1)) or one[-1] == other[0] or other[-1] == one[0]
    if len(one) >= 3 and one in other:
        return True
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    if len(one) >= 5 and same >= len(one) - 1 and same >= len(other) - 3:  # berry, berries
        return True
    return same >= 4 and same >= 0.7 * len(other)


def _pieces(run: str) -> list[str]:
    """Neighbouring characters of a run, each with its marks, two to four at a time."""
    letters = _letters().findall(run)
    pieces = ["".join(letters[n : n + size]) for size in PIECES for n in range(len(letters) - size + 1)]
    return pieces or ([run] if len(run) <= LONGEST else [])


@lru_cache(maxsize=1)
def _marks() -> str:
    """The marks that belong to a letter before them, as ranges of a character class."""
    ranges: list[list[int]] = []
    for point in range(0x300, 0xFE30):
        if unicodedata.category(chr(point)).startswith("M"):
            if ranges and ranges[-1][1] == point - 1:
                ranges[-1][1] = point
            else:
                ranges.append([point, point])
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in ranges)


def _unspaced_letter() -> str:
    return rf"(?=\w)[{_UNSPACED}][{_marks()}]{{0,{MARKS_AT_MOST}}}"


@lru_cache(maxsize=1)
def _runs() -> re.Pattern[str]:
    letter = rf"[^\W_{_UNSPACED}][{_marks()}]{{0,{MARKS_AT_MOST}}}"
    return re.compile(rf"(?:{_unspaced_letter()})+|(?:{letter})+(?:['’](?:{letter})+)*")


@lru_cache(maxsize=1)
def _letters() -> re.Pattern[str]:
    return re.compile(_unspaced_letter())


@lru_cache(maxsize=1)
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")
