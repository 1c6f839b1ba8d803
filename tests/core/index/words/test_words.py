"""Words for branches: telling, in any language, harmless, the same every time."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import StopRequested
from core.index.branches import BranchTable
from core.index.words.label import branch_words
from core.index.words.terms import LONGEST, alike, is_piece, terms_of
from tests.core.engine_tools import StopAfter

NAIL = ["Red nail polish", "Blue nail lacquer", "Nail polish remover", "Glitter nail polish", "Nails polish set"]
HAIR = ["Curl shampoo for hair", "Hair conditioner", "Shampoo for dry hair", "Hair mask", "Dry shampoo for hair"]
SOAP = ["Soap bar with oil", "Lavender soap bar", "Goat milk soap bar", "Soap for hands", "Olive soap bar"]


def labelled(groups: list[list[str]], texts: list[str] | None = None) -> list[list[str]]:
    """The words of the first-level branches, one a group of titles."""
    titles = [title for group in groups for title in group]
    codes = np.array([[g, n] for g, group in enumerate(groups) for n in range(len(group))], dtype=np.int32)
    table = BranchTable.build(codes, np.ones(len(codes)))
    words = branch_words(table, titles, texts or titles)
    assert words[0] == [] and len(words) == len(table)
    return [words[row] for row in table.children(0)]


def test_groups_are_told_apart() -> None:
    nail, hair, soap = labelled([NAIL, HAIR, SOAP])
    assert nail[0] in ("nail", "nails") and "polish" in nail[:2]
    assert set(hair[:2]) == {"hair", "shampoo"}
    assert set(soap[:2]) == {"soap", "bar"}
    assert all(3 <= len(words) <= 5 for words in (nail, hair, soap))
    assert not set(nail) & set(hair) | set(hair) & set(soap)


def test_no_two_words_of_a_branch_are_alike() -> None:
    for words in labelled([NAIL, HAIR, SOAP]):
        assert not any(alike(one, other) for n, one in enumerate(words) for other in words[:n])


def test_words_that_are_everywhere_say_nothing() -> None:
    groups = [[f"the {title} of the best" for title in group] for group in (NAIL, HAIR, SOAP)]
    for words in labelled(groups):
        assert not set(words) & {"the", "of", "best"}


def test_the_title_counts_more_than_the_text() -> None:
    texts = [title + ". " + ("polish zebra" if n < 5 else "xx") for n, title in enumerate(NAIL + HAIR + SOAP)]
    nail = labelled([NAIL, HAIR, SOAP], texts)[0]
    assert nail.index("zebra") > nail.index("nail")


def test_deeper_words_do_not_repeat_those_above() -> None:
    titles = [f"nail polish {c} {s}" for c in ("red", "blue") for s in ("matte", "gloss", "cream")] * 2
    titles += ["hair shampoo curl", "hair mask", "hair oil", "hair comb"]
    codes = [[0, int("blue" in t), n] for n, t in enumerate(titles[:12])] + [[1, 0, n] for n in range(4)]
    table = BranchTable.build(np.array(codes, dtype=np.int32), np.ones(16))
    words = branch_words(table, titles, [""] * 16)
    assert words[table.find([0])][:2] == ["nail", "polish"]
    assert words[table.find([0, 0])][0] == "red" and words[table.find([0, 1])][0] == "blue"
    assert words[table.find([1, 0])] == words[table.find([1])]  # the only branch below says the same


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([["Лак для ногтей красный", "Лак для ногтей синий"], ["Шампунь для волос", "Шампунь сухой для волос"]],
         ["ногтей", "шампунь"]),
        ([["护发洗发水", "洗发水 红色"], ["指甲油 红色", "蓝色指甲油"]], ["洗发水", "指甲油"]),
        ([["シャンプー 青", "ヘア シャンプー"], ["ネイル 赤", "赤い ネイル"]], ["シャンプー", "ネイル"]),
        ([["เล็บเจล แดง", "เล็บเจล ฟ้า"], ["แชมพูสระผม", "แชมพู ผม"]], ["ล็บเจ", "แชมพู"]),
        ([["नाखून पॉलिश लाल", "नाखून पॉलिश"], ["बाल शैम्पू", "शैम्पू बाल तेल"]], ["नाखून", "शैम्पू"]),
        ([["매니큐어 빨강", "매니큐어 파랑"], ["샴푸 두피", "샴푸 건성"]], ["매니큐어", "샴푸"]),
        ([["طلاء أظافر", "طلاء أحمر"], ["شامبو شعر", "شامبو جاف"]], ["طلاء", "شامبو"]),
    ],
)  # fmt: skip
def test_any_language(groups: list[list[str]], expected: list[str]) -> None:
    for words, word in zip(labelled(groups), expected, strict=True):
        assert word in words


HOSTILE = [
    "[red]nail[/red] <script>alert('x')</script> \x1b[31m polish\x07 \u202eright-to-left\u202c",
    "nail&nbsp;polish &lt;b&gt;bold&lt;/b&gt; 🙂🙂 100% 12oz ----- @@@ \ufffd\ufeff",
    "n" * 10_000, "nail " * 2_000, "e\u0301" * 300, "Z" + "\u0301" * 500, "\ud800".encode("utf-8", "replace").decode(),
    "", " ", "\x00", "''''", "<" * 5_000, "&" * 5_000, "<<>><", "\n\n\t",
]  # fmt: skip


def test_hostile_text_is_harmless() -> None:
    words = labelled([HOSTILE, HAIR])
    assert "nail" in words[0]
    for word in (word for told in words for word in told):
        assert len(word) <= LONGEST
        assert all(unicodedata.category(letter)[0] in "LMN" or letter in "'’" for letter in word)


@given(st.text(max_size=200))
def test_terms_are_words_alone(text: str) -> None:
    for term in terms_of(text, 500):
        assert 0 < len(term) <= LONGEST
        assert all(unicodedata.category(letter)[0] in "LMN" or letter in "'’" for letter in term), term
        assert term == term.lower()


@given(st.text(st.characters(max_codepoint=127), max_size=100))
def test_plain_text_is_read_as_any_other(text: str) -> None:
    assert terms_of(text, 500) == terms_of(text + " é", 500)


def test_terms() -> None:
    assert terms_of("OPI Nail-Lacquer, 0.5oz (12 pcs) 3D vitamin b12 Palmer's", 99) == [
        "opi", "nail", "lacquer", "pcs", "3d", "vitamin", "b12", "palmer's"
    ]  # fmt: skip
    assert terms_of("<b>caf&eacute;</b> ﬁne so\u00adft", 99) == ["café", "fine", "soft"]
    assert terms_of("洗发水", 99) == ["洗发", "发水", "洗发水"] and is_piece("洗发") and not is_piece("nail")
    assert terms_of("nail polish", 4) == ["nail"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nail", "nails"), ("berry", "berries"), ("moisturizer", "moisturizing"), ("conditioner", "conditioners"),
        ("洗发", "发水"), ("hair", "hairspray"),
    ],
)  # fmt: skip
def test_alike(one: str, other: str) -> None:
    assert alike(one, other) and alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("nail", "hair"), ("shampoo", "shaver"), ("洗发", "指甲"), ("comb", "come")]
)
def test_not_alike(one: str, other: str) -> None:
    assert not alike(one, other)


def test_the_same_words_every_time() -> None:
    assert labelled([NAIL, HAIR, SOAP]) == labelled([NAIL, HAIR, SOAP])


def test_items_in_another_order_change_nothing() -> None:
    titles = NAIL + HAIR + SOAP
    codes = np.array([[n // 5, n % 5] for n in range(15)], dtype=np.int32)
    mixed = np.random.default_rng(0).permutation(15)
    one = branch_words(BranchTable.build(codes, np.ones(15)), titles, titles)
    other = [titles[n] for n in mixed]
    assert branch_words(BranchTable.build(codes[mixed], np.ones(15)), other, other) == one


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = labelled([NAIL, HAIR, SOAP])
    monkeypatch.setattr("core.index.words.label.BLOCK", 2)
    assert labelled([NAIL, HAIR, SOAP]) == before


@pytest.mark.parametrize("title", ["", "...", "0000 11"])
def test_items_without_words(title: str) -> None:
    assert labelled([[title] * 3, [title] * 2]) == [[], []]
    assert labelled([[title], NAIL])[0] == []


def test_the_smallest_catalogues() -> None:
    assert labelled([["nail polish"]]) == [["nail", "polish"]]
    assert branch_words(BranchTable.build(np.zeros((0, 2), np.int32), []), [], []) == [[]]
    assert branch_words(BranchTable.build(np.arange(3, dtype=np.int32)[:, None], [1] * 3), NAIL[:3], NAIL[:3]) == [[]]


def test_it_can_be_stopped() -> None:
    codes = np.array([[0, 0], [1, 0]], dtype=np.int32)
    with pytest.raises(StopRequested):
        branch_words(BranchTable.build(codes, [1, 1]), NAIL[:2], NAIL[:2], StopAfter(1))
