"""What the levels of an index tell of each other, and how many directions its codes span."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.index.measure.code_figures import code_figures, effective_rank, entropy, mutual_information, redundancy
from core.index.measure.report_card import report_card

COUNT, WIDTH = 6000, 16


def drawn(levels: int = 2) -> np.ndarray:
    return np.random.default_rng(0).integers(WIDTH, size=(COUNT, levels))


def test_independent_codes_tell_nothing_of_each_other_but_what_chance_does() -> None:
    codes = drawn()
    told, bias = mutual_information(*codes.T), (WIDTH - 1) ** 2 / (2 * COUNT)
    assert told == pytest.approx(bias, rel=0.3)
    assert redundancy(drawn(3)) == pytest.approx(0.0, abs=0.01)
    few = np.random.default_rng(1).integers(64, size=(500, 2))  # more pairs than items: chance looks like knowledge
    assert mutual_information(*few.T) > 1.0 and redundancy(few) == pytest.approx(0.0, abs=0.05)


def test_a_codebook_twice_tells_all_of_itself() -> None:
    codes = drawn(1)
    twice = np.concatenate([codes, codes], axis=1)
    assert mutual_information(*twice.T) == pytest.approx(entropy(codes[:, 0]))
    assert redundancy(twice) == pytest.approx(1.0)
    renamed = np.concatenate([codes, (codes * 7 + 3) % WIDTH], axis=1)  # the numbers say nothing
    assert redundancy(renamed) == pytest.approx(1.0)
    assert redundancy(codes) is None and redundancy(np.zeros((9, 2), dtype=np.int64)) is None


def test_another_order_of_levels_changes_nothing() -> None:
    codes = drawn(3)
    codes[:, 2] = np.where(codes[:, 2] < 8, codes[:, 0], codes[:, 2])
    assert redundancy(codes) == pytest.approx(redundancy(codes[:, [2, 0, 1]]), abs=0.01)


def test_the_rank_is_the_number_of_equal_directions() -> None:
    draw = np.random.default_rng(0)
    three = draw.normal(size=(4000, 3)) @ np.eye(3, 10)
    assert effective_rank(three) == pytest.approx(3.0, abs=0.05)
    assert effective_rank(three + 5.0) == pytest.approx(effective_rank(three))  # where the middle lies is nothing
    assert effective_rank(three * [9.0] * 10) == pytest.approx(effective_rank(three))
    assert effective_rank(np.ones((5, 4))) == 0.0


def written(folder: Path, codes: np.ndarray) -> list[str]:
    folder.mkdir()
    np.save(folder / "raw.npy", codes.astype(np.int32))
    books = {f"level_{n}": np.random.default_rng(n).normal(size=(WIDTH, 6)) for n in range(3)}
    np.savez(folder / "codebooks.npz", **books)
    return ["semantic", "semantic", "behavior"]


def test_the_figures_of_an_index_stand_on_its_card(tmp_path: Path) -> None:
    codes = drawn(3)
    codes[:, 1] = codes[:, 0]
    sources = written(tmp_path / "index", codes)
    figures = code_figures(tmp_path / "index", sources)
    assert figures["redundancy"] == {"semantic": 1.0}  # behaviour has one level
    assert figures["rank"]["behavior"]["dim"] == 6 and 3 < figures["rank"]["behavior"]["effective"] <= 6
    card = {text: grade for grade, text in report_card(figures)}
    assert card["two levels of semantic codes tell 100% of each other"] == "poor"
    assert any(text.startswith("behavior codes span") and "of 6 directions" in text for text in card)


@pytest.mark.parametrize("file", ["raw.npy", "codebooks.npz"])
@pytest.mark.parametrize("content", [b"", b"PK nothing", None])
def test_what_cannot_be_read_is_left_out(file: str, content: bytes | None, tmp_path: Path) -> None:
    sources = written(tmp_path / "index", drawn(3))
    if content is None:
        (tmp_path / "index" / file).unlink()
    else:
        (tmp_path / "index" / file).write_bytes(content)
    assert code_figures(tmp_path / "index", sources) == {}
    assert code_figures(tmp_path / "index", []) == {}
