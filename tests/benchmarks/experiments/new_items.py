"""Are new items recommended? A tenth of Scientific's items is held out, trained without, added by their text.

    python tests/benchmarks/experiments/new_items.py [FOLDER] [--seeds 1] [--set key=value ...] [--million]

The users asked are those whose last item is one of the held-out ones; their history is everything before it, once as
it was (held-out items included, which then are new to the model too) and once without held-out items. Recall@10 of
that last item, in the list over the whole catalogue and in one of the new items alone:

    served           the list that follows all parts, as the project makes it
    our codes        the generator alone. `add_items`: text, and the mean behaviour of ten text neighbours; with
                     `--set vectors.align=contrast` the behaviour that the learnt projection of texts gives
    random codes     as many free codes under existing prefixes, drawn at random, the mean of three draws
    nearest text     items by the cosine of their text vector and that of the last item of the history

`--million` instead times the placing of 10,000 new items in an index of a million, made up: text vectors of 256
dimensions in 2,000 clusters, behaviour vectors of 64.

FOLDER keeps the project and its run; finished cells are kept in results/new_items.json, so an
interrupted benchmark goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from core.index.revisions.add import add_items
from core.index.revisions.changes import Growth, load_revisions
from core.index.revisions.embed_new import Texts, spaces_of
from core.index.revisions.free_codes import Places
from core.index.table import ItemIndex
from core.recommend.beam import beam_search
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from core.vectors import ItemVectors
from core.vectors.lsa_model import Lsa

RESULTS = Path(__file__).parent / "results" / "new_items.json"
BUDGET = ["tune.stages.0.epochs=6", "sasrec.epochs=10", "evaluate.bootstrap=0",
          "data.min_user_interactions=0", "data.min_item_interactions=0"]  # fmt: skip
TEXT = ["title", "brand", "categories", "description"]
SHARE, DRAWS, K, USERS = 0.1, 3, 10, 64

Histories = list[tuple[list[str], str]]
Cell = dict[str, float]


def prepare(folder: Path, seed: int) -> tuple[Path, Histories]:
    """Write Scientific's log without the held-out items, both item tables and a project; the questions besides."""
    source = Path(os.environ.get("EAGERTUI_DATA", "../shared/data")).resolve() / "scientific"
    if not source.is_dir():
        sys.exit(f"no data in {source}: set EAGERTUI_DATA")
    asked = hold_out(source, "position", folder, seed)
    lines = [
        'name = "new-items"', 'recipe = "light"', f"seed = {seed}", "[data]", 'interactions = "interactions.parquet"',
        'items = "items.parquet"', 'user = "user_id"', 'item = "item_id"', 'position = "position"',
        f"text = {json.dumps(TEXT)}",
    ]  # fmt: skip
    (folder / "project.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "project.toml", asked


def hold_out(source: Path, order: str, folder: Path, seed: int) -> Histories:
    """Hold a tenth of the items out of a log.

    Args:
        source: folder of `interactions.parquet` and `items.parquet`.
        order: the log's column of time or place.
        folder: gets both tables without the held-out items, and these in `new.parquet`.
        seed: of the draw.

    Returns:
        Of every user whose last item is held out the history before it, and that item.
    """
    log = pl.read_parquet(source / "interactions.parquet").sort("user_id", order, maintain_order=True)
    items = pl.read_parquet(source / "items.parquet")
    ids = log["item_id"].unique().sort()
    held = set(ids.sample(round(SHARE * len(ids)), seed=seed, shuffle=True).to_list())
    folder.mkdir(parents=True, exist_ok=True)
    log.filter(~pl.col("item_id").is_in(list(held))).write_parquet(folder / "interactions.parquet")
    items.filter(~pl.col("item_id").is_in(list(held))).write_parquet(folder / "items.parquet")
    items.filter(pl.col("item_id").is_in(list(held))).write_parquet(folder / "new.parquet")
    users = log.group_by("user_id", maintain_order=True).agg("item_id")["item_id"].to_list()
    return [(seen[:-1], seen[-1]) for seen in users if len(seen) > 2 and seen[-1] in held]


def train(project: Path, sets: list[str]) -> RunFolder:
    """The finished run."""
    told = [part for text in [*BUDGET, *sets] for part in ("--set", text)]
    command = [sys.executable, "-m", "eagertui.cli", "--headless", "train", str(project), *told, "--json"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    return RunFolder(Path(json.loads(lines.splitlines()[-1])["run"]))


def random_growth(growth: Growth, index: ItemIndex, seed: int) -> Growth:
    """The same items with free codes drawn at random under the index's prefixes; one that is an item's own it keeps."""
    prefixes = np.unique(index.codes[:, :-1], axis=0)
    if index.own:
        drawn = prefixes[np.random.default_rng(seed).integers(len(prefixes), size=len(growth.codes))]
        return replace(growth, codes=np.concatenate([drawn, growth.codes[:, -1:]], axis=1).astype(np.int32))
    used = set(map(tuple, index.codes.tolist()))
    free = [(*p, c) for p in prefixes.tolist() for c in range(index.widths[-1]) if (*p, c) not in used]
    drawn = np.random.default_rng(seed).choice(len(free), len(growth.codes), replace=False)
    return replace(growth, codes=np.array([free[n] for n in drawn], dtype=np.int32))


def hits_of(ranked: Callable[[list[list[str]]], list[list[str]]], asked: Histories) -> np.ndarray:
    """Whether each question's answer is in its list."""
    lists = ranked([history for history, _ in asked])
    return np.array([target in found for found, (_, target) in zip(lists, asked, strict=True)], dtype=float)


def recall(ranked: Callable[[list[list[str]]], list[list[str]]], asked: Histories) -> float:
    """Share of the questions whose answer is in the list."""
    return round(float(hits_of(ranked, asked).mean()), 5)


def by_model(loaded: Recommender, growth: Growth, only_new: bool) -> Callable[[list[list[str]]], list[list[str]]]:
    """Lists of the run's model, with some growth in place of the run's own; histories of one length together."""
    base = loaded.dataset.items["item_id"].to_list()
    first = len(base) if only_new else 0
    growth = replace(growth, removed=frozenset(base[:first]))
    held = Recommender(loaded.project, loaded.dataset, loaded.checkpoint, growth).checkpoint
    names = held.index.item_ids.to_list()
    number = {name: place for place, name in enumerate(names)}
    beams, most = max(loaded.project.recommend.beams, K), loaded.project.data.max_history

    def ranked(histories: list[list[str]]) -> list[list[str]]:
        rows = [[number[item] for item in history[-most:]] for history in histories]
        lists: list[list[str]] = [[] for _ in rows]
        for length in sorted({len(row) for row in rows}):
            same = [place for place, row in enumerate(rows) if len(row) == length]
            for start in range(0, len(same), USERS):
                part = same[start : start + USERS]
                found, _ = beam_search(held.model, held.trie, np.array([rows[place] for place in part]), beams)
                for place, items in zip(part, found[:, :K].tolist(), strict=True):
                    lists[place] = [names[first + item] for item in items if item >= 0]
        return lists

    return ranked


def by_all(run: RunFolder, only_new: bool) -> Callable[[list[list[str]]], list[list[str]]]:
    """The lists that are served: the run with its added items, and every part that its lists follow."""
    loaded = Recommender.load(run.path)
    names = loaded.checkpoint.index.item_ids.to_list()
    number = {name: place for place, name in enumerate(names)}
    allowed = np.arange(len(names)) >= (loaded.dataset.n_items if only_new else 0)

    def ranked(histories: list[list[str]]) -> list[list[str]]:
        rows = [[number[item] for item in history] for history in histories]
        lists, _ = loaded.recommend_many(rows, allowed, k=K)
        return [[names[item] for item in found if item >= 0] for found in lists.tolist()]

    return ranked


def by_text(
    run: RunFolder, growth: Growth, ids: list[str], only_new: bool
) -> Callable[[list[list[str]]], list[list[str]]]:
    """The items whose text is nearest to that of the last one; that one left out."""
    made = run.artefact("semantic")
    fresh = Lsa.load(made / "lsa.npz").encode(growth.items["text"].to_list()).matrix
    rows = np.concatenate([ItemVectors.load(made / "vectors.npz").matrix, fresh])
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    names = [*ids, *growth.items["item_id"]]
    number = {name: place for place, name in enumerate(names)}
    first = len(ids) if only_new else 0

    def nearest(history: list[str]) -> list[str]:
        last = number[history[-1]]
        near = rows[first:] @ rows[last]
        if last >= first:
            near[last - first] = -np.inf
        return [names[first + place] for place in np.argsort(-near, kind="stable")[:K]]

    return lambda histories: [nearest(history) for history in histories]


def measure(folder: Path, seed: int, sets: list[str]) -> Cell:
    """Train, add, ask."""
    project, asked = prepare(folder, seed)
    run = train(project, sets)
    before = (run.artefact("index") / "index.parquet").read_bytes()
    shutil.rmtree(run.path / "revisions", ignore_errors=True)
    loaded = Recommender.load(run.path)
    done = add_items(run, folder / "new.parquet")
    growth, index = load_revisions(run), loaded.checkpoint.index
    cell: Cell = {"new": done.figures["added"], "asked": len(asked)}
    cell["moved"] = float((run.artefact("index") / "index.parquet").read_bytes() != before)
    ids = loaded.dataset.items["item_id"].to_list()
    new = set(growth.items["item_id"])
    without = [([item for item in history if item not in new], target) for history, target in asked]
    without = [(history, target) for history, target in without if history]
    for said, questions in (("", asked), (" without new history", without)):
        for only, among in ((False, "all"), (True, "new")):
            cell[f"our codes, {among}{said}"] = recall(by_model(loaded, growth, only), questions)
            cell[f"served, {among}{said}"] = recall(by_all(run, only), questions)
            draws = [by_model(loaded, random_growth(growth, index, draw), only) for draw in range(DRAWS)]
            cell[f"random codes, {among}{said}"] = round(sum(recall(one, questions) for one in draws) / DRAWS, 5)
            cell[f"nearest text, {among}{said}"] = recall(by_text(run, growth, ids, only), questions)
    return cell


def new_item_scores(run: RunFolder, new: Path, asked: Histories) -> Cell:
    """Add the held-out items to a finished run; recall@10 of them with 95 % intervals, as the cells of a benchmark.

    Args:
        run: which knows nothing of them; additions of an earlier call are taken away.
        new: their table.
        asked: histories, as they were, and the new item that followed.
    """
    shutil.rmtree(run.path / "revisions", ignore_errors=True)
    loaded = Recommender.load(run.path)
    add_items(run, new)
    growth, ids = load_revisions(run), loaded.dataset.items["item_id"].to_list()
    known = {*ids, *growth.items["item_id"]}
    asked = [([item for item in history if item in known], target) for history, target in asked if target in known]
    cell: Cell = {"new asked": len(asked)}
    for only, among in ((False, "all"), (True, "new")):
        ways = {"model": by_model(loaded, growth, only), "served": by_all(run, only),
                "text": by_text(run, growth, ids, only)}  # fmt: skip
        for name, ranked in ways.items():
            hits = hits_of(ranked, asked)
            drawn = np.random.default_rng(0).choice(hits, (1000, len(hits))).mean(axis=1)
            low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
            key = f"new among {among}, {name}"
            cell |= {key: float(hits.mean()), f"{key} low": low, f"{key} high": high}
    return cell


def million(items: int = 1_000_000, new: int = 10_000) -> None:
    """Seconds and memory of placing many new items in a large index."""
    draw = np.random.default_rng(0)
    centres = draw.normal(size=(2000, 256)).astype(np.float32)

    def texts(kind: np.ndarray) -> np.ndarray:
        rows = centres[kind]
        for start in range(0, len(rows), 65_536):
            rows[start : start + 65_536] += 0.7 * draw.standard_normal(rows[start : start + 65_536].shape, np.float32)
        return rows

    kind, place = draw.integers(2000, size=items), draw.permutation(items)
    codes = np.stack([kind % 256, place // 1000, place % 1000], axis=1).astype(np.int32)
    ids = pl.Series("item_id", [f"i{n}" for n in range(items)])
    index = ItemIndex(ids, codes, (256, 1000, 1000), ("semantic", "behavior", "behavior"))
    behavior = ItemVectors(draw.standard_normal((items, 64), np.float32), np.ones(items, dtype=bool), "made up")
    text, fresh = texts(kind), texts(draw.integers(2000, size=new))
    began = time.perf_counter()
    given = Texts(*(ItemVectors(rows, np.ones(len(rows), dtype=bool), "made up") for rows in (text, fresh)))
    spaces, vectors = spaces_of(given, behavior)
    halves = time.perf_counter()
    places = Places(index, np.zeros((0, 3), dtype=np.int32), spaces)
    given = [places.take({source: matrix[row] for source, matrix in vectors.items()}) for row in range(new)]
    ended = time.perf_counter()
    assert len({*given}) == new and None not in given
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{new:,} new items, {items:,} old ones: behaviour halves {halves - began:.1f} s, codes {ended - halves:.1f} s"
    )
    print(f"peak memory {peak:.1f} GiB, {1000 * (ended - began) / new:.2f} ms an item")


def main() -> None:
    """Fill in the missing cells, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", dest="sets", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--million", action="store_true")
    args = parser.parse_args()
    if args.million:
        million()
        return
    folder = args.folder or Path(tempfile.mkdtemp(prefix="eagertui-new-items-"))
    RESULTS.parent.mkdir(exist_ok=True)
    for seed in range(args.seeds):
        cells: dict[str, Cell] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        name = " ".join([f"seed {seed}", *sorted(args.sets)])
        if name not in cells:
            cells[name] = measure(folder / f"seed-{seed}", seed, args.sets)
            RESULTS.write_text(json.dumps(cells, indent=1) + "\n")
        cell = cells[name]
        print(
            f"\n{name}: {cell['new']:.0f} new items, {cell['asked']:.0f} users, known codes moved: {cell['moved']:.0f}"
        )
        print(f"{'recall@10 over':30} {'served':>8} {'ours':>8} {'random':>8} {'ratio':>7} {'text':>8}")
        for place in ("all", "new", "all without new history", "new without new history"):
            ours, chance, text = (cell[f"{who}, {place}"] for who in ("our codes", "random codes", "nearest text"))
            ratio = f"{ours / chance:6.1f}x" if chance else "-"  # where no random code hit at all
            served = f"{cell[key]:8.4f}" if (key := f"served, {place}") in cell else "       -"  # cells of before
            print(f"{place:30} {served} {ours:8.4f} {chance:8.4f} {ratio:>7} {text:8.4f}")


if __name__ == "__main__":
    main()
