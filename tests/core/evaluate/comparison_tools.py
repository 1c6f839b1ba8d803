"""Runs with made-up ranks, as the stages write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from core.data.arrays import Sequences
from core.data.data_report import DataReport
from core.data.dataset import Dataset
from core.evaluate.metrics import paired_difference, ranking_metrics
from core.project import Project
from core.run.events import EventWriter
from core.run.folder import RunFolder
from core.run.rankings import headline
from core.run.status import Status

Ranks = npt.NDArray[np.int32]
METHODS = ("model+dense", "model", "dense", "popularity", "transitions", "itemknn", "sasrec")
KINDS = ("Nail Polish", "Shampoo & <b>Soap</b>", "Lipstick")


def made_up_ranks(rng: np.random.Generator, users: int, hit: float = 0.3) -> Ranks:
    """Ranks of which a share is inside the list; shape (users,)."""
    return np.where(rng.random(users) < hit, rng.geometric(0.06, users).clip(1, 50), 0).astype(np.int32)


def like(rng: np.random.Generator, ranks: Ranks, same: float) -> Ranks:
    """Ranks of another method, which are the same for a share of the users."""
    return np.where(rng.random(len(ranks)) < same, ranks, made_up_ranks(rng, len(ranks)))


def hidden(ranks: Ranks) -> Ranks:
    """The same with seen items hidden: behind the fifth place one seen item stood above."""
    return np.maximum(ranks - (ranks > 5), 0).astype(np.int32)


def made_up_dataset(users: int, items: int, seed: int = 0, say: str = "") -> Dataset:
    """Popular and rare items, of three kinds; `say` stands in every title and id."""
    rng = np.random.default_rng(seed)
    lengths = 3 + rng.poisson(8, users)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    flat = np.minimum(rng.zipf(1.3, int(offsets[-1])) - 1, items - 1).astype(np.int32)
    table = pl.DataFrame(
        {
            "item_id": [f"i{n:05d}{say}" for n in range(items)],
            "title": [f"{say}Item {n}" for n in range(items)],
            "text": [""] * items,
            "category": [KINDS[n % 3] for n in range(items)],
        }
    )
    return Dataset(
        pl.Series("user_id", [f"u{n}{say}" for n in range(users)]), table, Sequences(flat, offsets), DataReport()
    )


def write_project(folder: Path) -> Path:
    """A project without a file of logs: only its runs are looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "project.toml").write_text('name = "shop"\n[data]\ninteractions = "logs.csv"\n')
    return folder / "project.toml"


def write_run(
    project: Path, number: int, dataset: Dataset, ranks: Mapping[str, Ranks], *settings: str, bootstrap: bool = True,
    curve: tuple[float, ...] = (0.1, 0.15, 0.17),
) -> RunFolder:  # fmt: skip
    """A finished run.

    Args:
        project: the project file.
        number: makes its id.
        dataset: what was measured.
        ranks: of every method, seen items kept.
        settings: `--set` texts.
        bootstrap: whether its metrics hold paired tests.
        curve: NDCG@10 at each validation.
    """
    run = RunFolder(project.parent / "runs" / f"2026-01-0{number % 9 + 1}-000000_shop_{number:04x}")
    store = project.parent / "runs" / ".store" / f"data-{dataset.n_users}-{dataset.n_items}"
    (run.path / "stages").mkdir(parents=True)
    if not store.is_dir():
        store.mkdir(parents=True)
        dataset.save(store)
    resolved = Project.load(project, settings)
    run.project_path.write_text(resolved.to_toml())
    summary = {"users": dataset.n_users, "items": dataset.n_items}
    note = {"artefact": f"../.store/{store.name}", "fingerprint": store.name, "summary": summary}
    (run.path / "stages" / "data.json").write_text(json.dumps(note))
    (run.path / "run.json").write_text(json.dumps({"name": "shop", "recipe": resolved.recipe, "created": 1e9 + number}))
    questions = dataset.evaluation("test")
    popularity = np.bincount(dataset.train().items, minlength=dataset.n_items)
    columns: dict[str, object] = {
        "split": ["test"] * len(questions),
        "user_id": dataset.users.gather(questions.users.astype(np.int64)),
        "item_id": dataset.items["item_id"].gather(questions.targets.astype(np.int64)),
        "history": questions.histories.lengths,
        "popularity": popularity[questions.targets],
    }
    for name, one in ranks.items():
        columns |= {f"rank_{name}": one, f"masked_rank_{name}": hidden(one)}
    frame = pl.DataFrame(columns)
    pl.concat([frame.with_columns(pl.lit("valid").alias("split")), frame]).write_parquet(run.path / "ranks.parquet")
    metrics: dict[str, object] = {
        "test": {name: {**ranking_metrics(one), "coverage@10": 0.5} for name, one in ranks.items()},
        "test_masked": {name: {**ranking_metrics(hidden(one)), "coverage@10": 0.75} for name, one in ranks.items()},
    }
    if bootstrap:
        ours = headline(ranks)
        metrics["differences"] = {
            "test": {
                name: {"ndcg@10": paired_difference("ndcg@10", ranks[ours], one)}
                for name, one in ranks.items()
                if name != ours
            }
        }
    (run.path / "metrics.json").write_text(json.dumps(metrics))
    events = EventWriter(run.events_path)
    for step, value in enumerate(curve, 1):
        events.write("eval", step=step * 10, split="valid", values={"ndcg@10": value})
    events.close()
    run.write_status(Status("finished", exit_code=0))
    return run


def some_ranks(users: int, seed: int = 0, methods: tuple[str, ...] = METHODS) -> dict[str, Ranks]:
    """Ranks of some methods, alike for most users; the first ones are the best."""
    rng = np.random.default_rng(seed)
    first = made_up_ranks(rng, users, 0.4)
    return {name: first if not place else like(rng, first, 0.7) for place, name in enumerate(methods)}
