"""Users by how the test went: against a plain loop over the same ranks, and a million of them in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from eagertui.places.explore.outcomes import BY_LENGTH, KINDS, RANKED, Outcome, Outcomes

COUNT = 300


def write(path: Path, count: int, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    columns = {
        "split": ["valid"] + ["test"] * (count - 1),
        "user_id": [f"u{n:07}" for n in range(count)],
        "history": rng.integers(2, 30, count),
        "rank_model": rng.integers(0, 51, count).astype(np.int32),
        "rank_model+dense": rng.integers(0, 51, count).astype(np.int32),
        "masked_rank_model+dense": np.zeros(count, dtype=np.int32),
        "rank_sasrec": rng.integers(0, 51, count).astype(np.int32),
        "rank_popularity": rng.integers(0, 51, count).astype(np.int32),
        "masked_rank_sasrec": np.ones(count, dtype=np.int32),
    }
    frame = pl.DataFrame(columns)
    frame.write_parquet(path)
    return frame


def test_kinds_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    frame = write(tmp_path / "ranks.parquet", COUNT)
    outcomes = Outcomes.load(tmp_path / "ranks.parquet", masked=False)
    wanted: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for row in frame.iter_rows(named=True):
        if row["split"] != "test":
            continue
        ours = row["rank_model+dense"] or 1000
        others = {name: row[f"rank_{name}"] or 1000 for name in ("sasrec", "popularity")}
        best = min(others.values())
        for kind in ("everybody", *BY_LENGTH):
            wanted[kind].append(row["user_id"])
        wanted["hit" if ours <= RANKED else "missed"].append(row["user_id"])
        if ours != best:
            wanted["ours ahead" if ours < best else "behind"].append(row["user_id"])
        told = outcomes.of(row["user_id"])
        assert told is not None and (told.rank or 1000, told.best or 1000) == (ours, best)
        assert told.rival == ("" if best == 1000 else "sasrec" if others["sasrec"] == best else "popularity")
        assert told.history == row["history"]
    for kind, users in wanted.items():
        found, many = outcomes.find(kind, "", COUNT)
        assert many == len(users) and {one.user for one in found} == set(users), kind
    assert len(outcomes) == COUNT - 1 and outcomes.of("nobody") is None


def test_the_worst_stand_first_and_the_prefix_narrows(tmp_path: Path) -> None:
    write(tmp_path / "ranks.parquet", COUNT)
    outcomes = Outcomes.load(tmp_path / "ranks.parquet", masked=False)
    missed, _ = outcomes.find("missed", "", COUNT)
    ranks = [one.rank or 1000 for one in missed]
    assert ranks == sorted(ranks, reverse=True) and ranks[0] == 1000
    for kind, turned in (("shortest", False), ("longest", True)):
        lengths = [one.history for one in outcomes.find(kind, "", COUNT)[0]]
        assert lengths == sorted(lengths, reverse=turned)
    few, many = outcomes.find("hit", "u00001", 5)
    assert len(few) == min(5, many) and all(one.user.startswith("u00001") for one in few)


def test_hidden_ranks_and_a_run_without_baselines(tmp_path: Path) -> None:
    write(tmp_path / "ranks.parquet", 20)
    hidden = Outcomes.load(tmp_path / "ranks.parquet", masked=True)
    assert hidden.of("u0000003") == Outcome("u0000003", 0, 1, "sasrec", hidden.of("u0000003").history)  # type: ignore[union-attr]
    pl.DataFrame({"split": ["test"], "user_id": ["a"], "history": [3], "rank_model": [4]}).write_parquet(
        tmp_path / "alone.parquet"
    )
    alone = Outcomes.load(tmp_path / "alone.parquet", masked=False)
    assert alone.of("a") == Outcome("a", 4, 0, "", 3)
    assert alone.find("behind", "", 5) == ([], 0) and alone.find("ours ahead", "", 5)[1] == 1


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing PAR1"])
def test_damaged_ranks_are_an_error_of_the_reader(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ranks.parquet").write_bytes(content)
    with pytest.raises((OSError, pl.exceptions.PolarsError)):
        Outcomes.load(tmp_path / "ranks.parquet", masked=False)


def test_some_users_whatever_their_ids_are(tmp_path: Path) -> None:
    write(tmp_path / "ranks.parquet", 20)
    outcomes = Outcomes.load(tmp_path / "ranks.parquet", masked=False)
    found = outcomes.some(["u0000003", "u0000000", "\ud800", "nobody", ""])  # the first user was not tested
    assert list(found) == ["u0000003"] and found["u0000003"] == outcomes.of("u0000003")
