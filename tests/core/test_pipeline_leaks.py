"""No validation or test target reaches anything that is fitted."""

from __future__ import annotations

import random
from pathlib import Path

from core.project import Project
from tests.core.engine_tools import (
    N_USERS,
    Log,
    stages_of,
    up_to,
    walks,
    write_world,
)


def swapped(log: Log, places: int, seed: int = 0) -> Log:
    """The same log with everybody's last one or two items dealt out anew among the users."""
    draw = random.Random(seed)
    deck = [item for items in log.values() for item in items[-places:]]
    draw.shuffle(deck)
    return {user: items[:-places] + [deck.pop() for _ in range(places)] for user, items in log.items()}


def rows_of(data: Path) -> list[bytes]:
    from core.data.dataset import Dataset
    from core.tune.target_rows import every_item_rows

    rows = every_item_rows(Dataset.load(data).train(), 6)
    return [array.tobytes() for array in (rows.windows.items, rows.windows.offsets, rows.first_target)]


TIMES = ("stage.json", "seconds.json")


def test_no_held_out_target_reaches_anything_that_is_fitted(trained_project: Project, tmp_path: Path) -> None:
    """Every validation and test target is changed; vectors, SASRec, index and training rows stay the same bytes."""
    other = swapped(walks(), 2)
    moved = [user for user, items in walks().items() if items[-2:] != other[user][-2:]]
    assert len(moved) > 0.9 * N_USERS and all(other[u][:-2] == items[:-2] for u, items in walks().items())
    made, ours = up_to("index", write_world(tmp_path / "other", other)), stages_of(trained_project)
    assert (made["data"] / "sequences.parquet").read_bytes() != (ours["data"] / "sequences.parquet").read_bytes()
    for name in ("items.parquet", "users.parquet"):
        assert (made["data"] / name).read_bytes() == (ours["data"] / name).read_bytes()
    fitted = list(made)[1 : list(made).index("index") + 1]
    assert {"semantic", "sasrec", "behavior", "index"} <= set(fitted)
    for stage in fitted:
        assert made[stage] != ours[stage]  # made anew, not found
        names = sorted(path.name for path in ours[stage].iterdir() if path.is_file() and path.name not in TIMES)
        assert names
        for name in names:
            assert (made[stage] / name).read_bytes() == (ours[stage] / name).read_bytes(), (stage, name)
    assert rows_of(made["data"]) == rows_of(ours["data"])


def test_no_held_out_target_reaches_ppmi_vectors(tmp_path: Path) -> None:
    settings = ["vectors.behavior=ppmi-svd", "tune.distill=0"]
    one = up_to("index", write_world(tmp_path / "one", walks()), *settings)
    two = up_to("index", write_world(tmp_path / "two", swapped(walks(), 2)), *settings)
    for stage, name in (("behavior", "vectors.npz"), ("index", "index.parquet")):
        assert (one[stage] / name).read_bytes() == (two[stage] / name).read_bytes()


def test_no_test_target_reaches_the_model(trained_project: Project, tmp_path: Path) -> None:
    """Validation chooses the epoch; a test target moves no byte of the checkpoint."""
    other = swapped(walks(), 1)
    assert sum(items[-1] != other[user][-1] for user, items in walks().items()) > 0.9 * N_USERS
    made, ours = up_to("tune", write_world(tmp_path / "other", other)), stages_of(trained_project)
    assert made["tune"] != ours["tune"]
    for path in sorted((ours["tune"] / "best").iterdir()):
        assert (made["tune"] / "best" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_training_item_does_reach_it(trained_project: Project, tmp_path: Path) -> None:
    """So that the tests above can fail."""
    log = walks()
    log["u000"][0], log["u000"][1] = log["u000"][1], log["u000"][0]
    made, ours = up_to("index", write_world(tmp_path / "other", log)), stages_of(trained_project)
    for stage, name in (("sasrec", "sasrec.safetensors"), ("behavior", "vectors.npz")):
        assert (made[stage] / name).read_bytes() != (ours[stage] / name).read_bytes()
    assert rows_of(made["data"]) != rows_of(ours["data"])
