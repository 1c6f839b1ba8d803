"""The one judgement of two figures, and that nobody else judges."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from core.evaluate import compare
from core.evaluate.compare import BETTER, NOT_CLEAR, WORSE, Difference, Verdict, read_difference, verdict
from core.evaluate.metrics import paired_difference

ROOT = Path(__file__).resolve().parents[3]
WORDS = set(get_args(Verdict))
OTHER_WAYS = ("not clear", "better than", "worse than", "ahead of", "behind in")


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.001, 0.2, BETTER), (-0.2, -0.001, WORSE), (-0.1, 0.1, NOT_CLEAR),
        (0.0, 0.1, NOT_CLEAR), (-0.1, 0.0, NOT_CLEAR), (0.0, 0.0, NOT_CLEAR),
    ],
)  # fmt: skip
def test_the_interval_decides(low: float, high: float, word: str) -> None:
    assert verdict(low, high) == word
    assert Difference((low + high) / 2, low, high).verdict == word
    assert {BETTER, WORSE, NOT_CLEAR} == WORDS


def test_of_paired_ranks() -> None:
    """The same two lists of ranks: clear over many users, not over a few."""
    rng = np.random.default_rng(0)
    ours, theirs = rng.integers(1, 9, 4000).astype(np.int32), rng.integers(1, 10, 4000).astype(np.int32)

    def judged(one: np.ndarray, other: np.ndarray) -> str:
        metrics = {"differences": {"test": {"x": {"ndcg@10": paired_difference("ndcg@10", one, other)}}}}
        found = read_difference(metrics, "test", "x", "ndcg@10")
        assert found is not None and found.low < found.value < found.high and found.margin > 0
        return found.verdict

    assert (judged(ours, theirs), judged(theirs, ours)) == (BETTER, WORSE)
    assert judged(ours[:20], theirs[:20]) == NOT_CLEAR


def test_what_was_not_tested_or_is_damaged_has_no_verdict() -> None:
    tested = {"difference": 0.1, "low": 0.05, "high": 0.15}
    for differences in (
        None, 3, {}, {"test": None}, {"test": {"x": []}}, {"test": {"x": {"ndcg@10": 0.1}}},
        {"test": {"x": {"ndcg@10": {**tested, "low": "bad"}}}}, {"valid": {"x": {"ndcg@10": tested}}},
    ):  # fmt: skip
        assert read_difference({"differences": differences}, "test", "x", "ndcg@10") is None
    assert read_difference({}, "test", "x", "ndcg@10") is None
    whole = {"differences": {"test": {"x": {"ndcg@10": tested}}}}
    assert read_difference(whole, "test", "x", "ndcg@10") == Difference(0.1, 0.05, 0.15)


def judgements(file: Path) -> Iterator[str]:
    """Places of a file that say a verdict in words of their own, or hold the end of an interval against 0."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    prose |= {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            if node.value.strip(" .,:;!") in WORDS or any(way in node.value for way in OTHER_WAYS):
                yield f"{file}:{node.lineno}: {node.value!r}"
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Constant) and side.value == 0 for side in sides) and any(
                isinstance(side, ast.Subscript) and ast.unparse(side.slice) in ("'low'", "'high'") for side in sides
            ):
                yield f"{file}:{node.lineno}: {ast.unparse(node)}"


def test_nobody_else_judges() -> None:
    files = [file for top in ("core", "eagertui") for file in (ROOT / top).rglob("*.py")]
    own = Path(compare.__file__)
    assert own in files and len(list(judgements(own))) > 3
    assert [place for file in files if file != own for place in judgements(file)] == []
