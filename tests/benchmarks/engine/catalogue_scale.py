"""A large catalogue from the log to lists: processor time and peak memory of every stage, each in a process of its own.

`python tests/benchmarks/engine/catalogue_scale.py --folder FOLDER` makes up a log of 200,000 users and 500,000 items
with texts, and goes through the stages; what is finished is kept in FOLDER, so the same command goes on. Bar: 6 GB.
`--items 20000 --users 10000` is a small one. SASRec draws 8,192 items a step and sees every user once; the model learns
for 1,000 steps; item neighbours, lists and the cache are asked for 5,000 drawn users.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

STAGES = ("data", "semantic", "sasrec", "behavior", "index", "tune")
STEPS = (*STAGES, "itemknn", "lists", "cache")
EACH = 12
"""Interactions of a user, on average."""
WORDS = 20_000
PROJECT = """name = "catalogue"
recipe = "light"
[run]
threads = 1
[data]
interactions = "log.parquet"
items = "items.parquet"
time = "ts"
text = ["title"]
min_user_interactions = 3
min_item_interactions = 0
catalogue = "all"
[vectors]
semantic_dim = 64
[sasrec]
hidden_size = 64
epochs = 1
batch_users = 512
negatives = 8192
[tune]
distill = 0.0
batch_tokens = 4096
validate_users = 200
[[tune.stages]]
name = "sequential"
tasks = { sequential = 1.0 }
epochs = 1
caps = { sequential = ROWS }
"""


def make_world(folder: Path, users: int, items: int) -> None:
    """Log, item table and project file: items by 1/rank, titles of words that neighbours share."""
    rng = np.random.default_rng(0)
    rows = users * EACH
    pl.DataFrame(
        {
            "user_id": pl.Series(rng.integers(0, users, rows)).cast(pl.String),
            "item_id": pl.Series(np.minimum((items + 1.0) ** rng.random(rows), items).astype(np.int64)).cast(pl.String),
            "ts": rng.integers(1_600_000_000, 1_700_000_000, rows),
        }
    ).write_parquet(folder / "log.parquet")
    words = np.stack([np.arange(items) % WORDS, np.arange(items) // 50 % WORDS, rng.integers(0, WORDS, items)])
    titles = pl.select(pl.format("word{} kind{} thing{}", *(pl.Series(one) for one in words))).to_series()
    table = {"item_id": pl.Series(np.arange(1, items + 1)).cast(pl.String), "title": titles}
    pl.DataFrame(table).write_parquet(folder / "items.parquet")
    # A row is a user's history: about EACH items of four codes, less what is held out; 1,000 steps of 4,096 tokens.
    caps = str(1250 * 4096 // (EACH * 4))
    (folder / "project.toml").write_text(PROJECT.replace("ROWS", caps), encoding="utf-8")


def work(folder: Path, step: str, drawn: int) -> dict[str, Any]:
    """Do one step here and now."""
    from core.data.dataset import Dataset
    from core.errors import Interrupted
    from core.evaluate.metrics import ranking_metrics
    from core.pipeline import plan, run_stages
    from core.project import Project
    from core.run.reporter import NullReporter, Wish

    project = Project.load(folder / "project.toml")
    made = {stage.name: project.runs_dir / ".store" / stage.fingerprint for stage in plan(project)}

    class Until(NullReporter):
        """Asks to stop once the stage is finished."""

        over = False

        def stage_finished(self, name: str, seconds: float, summary: Any) -> None:
            self.over = self.over or name == step

        def wants(self) -> Wish:
            return "stop" if self.over else "go"

    if step in STAGES:
        with contextlib.suppress(Interrupted):
            run_stages(project, Until())
        return {}
    if step == "cache":
        from cache_store import by_model

        from core.run.folder import RunFolder

        run = RunFolder.create(project.runs_dir, project.to_toml(), project.name)
        for name in STAGES:
            note = json.dumps({"artefact": str(Path("..") / ".store" / made[name].name)})
            (run.path / "stages" / f"{name}.json").write_text(note, encoding="utf-8")
        return by_model(run.path, drawn)
    dataset = Dataset.load(made["data"])
    split = dataset.evaluation("test")
    users = np.random.default_rng(0).permutation(len(split))[:drawn]
    began = time.process_time()
    if step == "itemknn":
        from core.baselines.itemknn import ItemKNN
        from core.data.dataset import Evaluation
        from core.evaluate.ranks import rank_by_scores

        scorer = ItemKNN(dataset.train(), dataset.n_items)
        fitted = time.process_time() - began
        some = Evaluation(split.users[users], split.histories.take(users), split.targets[users])
        ranks = rank_by_scores(scorer, some, dataset.n_items, step, NullReporter()).ranks
        more = {"fit_s": round(fitted, 1)}
    else:
        from core.evaluate.ranks import ranks_of
        from core.model.checkpoint import load_checkpoint

        checkpoint = load_checkpoint(made["tune"] / "best", "cpu")
        began = time.process_time()
        ranking = ranks_of(checkpoint.model, checkpoint.trie, split, users, 20, 50, False, NullReporter())
        ranks, more = ranking.ranks, {}
    spent = time.process_time() - began - more.get("fit_s", 0.0)
    recall = ranking_metrics(ranks)["recall@10"]
    return {
        **more,
        "users_per_cpu_s": round(len(users) / max(spent, 1e-9), 1),
        "recall@10, seen kept": round(recall, 4),
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--items", type=int, default=500_000)
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--drawn", type=int, default=5_000)
    parser.add_argument("--step", choices=STEPS, help="do this one here and now")
    args = parser.parse_args()
    if args.step:
        found = work(args.folder, args.step, args.drawn)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"cpu_s": round(time.process_time(), 1), "peak_mb": usage.ru_maxrss // 1024, **found}))
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    if not (args.folder / "project.toml").is_file():
        make_world(args.folder, args.users, args.items)
    kept = args.folder / "figures.json"
    figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    for step in STEPS:
        if step not in figures:
            argv = [sys.executable, __file__, "--folder", str(args.folder), "--step", step, "--drawn", str(args.drawn)]
            done = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True)
            figures[step] = json.loads(done.stdout.splitlines()[-1])
            kept.write_text(json.dumps(figures, indent=1), encoding="utf-8")
        print(step, json.dumps(figures[step]), flush=True)


if __name__ == "__main__":
    main()
