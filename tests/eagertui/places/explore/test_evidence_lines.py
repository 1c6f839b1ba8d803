"""The lines of the evidence: everything that it holds is said, and nothing breaks whatever is told."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eagertui.places.explore.beam_lines import beam_lines
from eagertui.places.explore.evidence_lines import why_lines
from eagertui.places.explore.over import change_lines
from tests.fake_engine import HOSTILE, _about

HISTORY = [{"item_id": "h1", "title": "First book"}, {"item_id": "h2", "title": HOSTILE}]
ANSWER = _about("explain", {"item": "b7", "k": 10}, {}, HISTORY)
Anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ANSWER["evidence"], *ANSWER["evidence"]["beam"], "title", "words"]), inner)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("width", [30, 46, 100])
def test_everything_is_said(width: int) -> None:
    near = {"near": {"semantic": [{"title": "Near one"}]}}
    lines = why_lines(ANSWER, near, width)
    text = "\n".join(line.plain for line in lines)
    for word in (
        "place 1 of 10",
        "<a_7>",
        "67 %",
        "model",
        "sasrec",
        "-0.90",
        "First",
        "har",
        "12 of 40",
        "sasrec 4",
    ):
        assert word in text, word
    for word in ("✓ kept", "✗ fell", "Near one", "not measured"):
        assert word in text, word
    assert "\x1b" not in text and "\u202e" not in text


@given(Anything, Anything)
@settings(max_examples=60)
def test_nothing_breaks_whatever_is_told(evidence: Any, near: Any) -> None:
    why_lines({"evidence": evidence, "held_out": near, "faith": evidence}, near if isinstance(near, dict) else None, 40)


def test_beam_and_smallest_change() -> None:
    beam = "\n".join(line.plain for line in beam_lines(_about("beam", {"item": "b7"}, {}, HISTORY), 78))
    assert "Level 1  ██████████ 20 kept" in beam and "sea, storm" in beam and "and 1 more" in beam and "✗" in beam
    change = "\n".join(line.plain for line in change_lines(_about("smallest_change", {}, {}, HISTORY), 78))
    assert "comes out" in change and "First book" in change and "not listed" in change and "reached" in change


def test_the_search_is_a_tree_and_what_fell_off_stands_at_its_branch() -> None:
    def prefix(code: str, log_prob: float, items: int, **more: Any) -> dict[str, Any]:
        return {"code": code, "log_prob": log_prob, "items": items, "words": ["tea"], "title": "", **more}

    def trace(code: str, title: str, fell: int | None) -> dict[str, Any]:
        last = {"level": 2, "kept": 3, "alive": fell is None, "log_prob": -4.0, "last": prefix("<a_2><b_5>", -3.5, 1)}
        return {"item": {"title": title}, "code": code, "fell": fell, "levels": [last]}

    beam = {
        "levels": [
            {"kept": 3, "prefixes": [prefix("<a_1>", -0.2, 9), prefix("<a_2>", -1.0, 4), prefix("<a_7>", -2.0, 3)]},
            {"kept": 2, "prefixes": [prefix("<a_2><b_5>", -1.1, 1, title="Green"),
                                     prefix("<a_1><b_3>", -1.3, 1, title="Black")]},
            {"kept": 2, "prefixes": [prefix("<a_2><b_5><c_1>", -1.1, 1, title="Green"),
                                     prefix("<a_1><b_3><c_1>", -1.3, 1, title="Black")]},
        ],
        "items": [trace("<a_1><b_3><c_1>", "Black", None), trace("<a_2><b_9><c_1>", "White", 2)],
    }  # fmt: skip
    lines = [line.plain.rstrip() for line in beam_lines(beam, 70)]
    drawn = lines[-6:]
    assert [line[13:25].split("<")[0] for line in drawn] == ["├ ", "│ └ ", "├ ", "│ ├ ", "│ └ ✗ ", "└ "]
    assert [float(line[6:12]) for line in drawn] == [-0.2, -1.3, -1.0, -1.1, -4.0, -2.0]  # one column
    assert "<b_3><c_1>" in drawn[1] and "Black" in drawn[1] and drawn[1].endswith("✓ this item")
    assert "White" in drawn[4] and "<b_9>" in drawn[4] and "-4.00" in drawn[4] and drawn[4].endswith("held out")
    assert "all below fell" in drawn[5]
    assert all(line.cell_length <= 40 for line in beam_lines(beam, 40))
