"""Do words steer? More and less of a category, and wishes, on a finished run; nothing of the run is changed.

    python tests/benchmarks/experiments/steering.py PROJECT [--users 1000] [--seed 0] [--served]

Lists are those of the users' space alone (the dense head's), over the whole catalogue, so that thousands of users cost
seconds; `--served` measures those that the run serves, fused with the generator, in as many minutes.

More: each user of the test split asks for a category of the item that is held out, "given the right category". NDCG@10
over the whole catalogue, seen items kept, histories as tested, with 95 % bootstrap intervals over the users:

    nothing said       the plain list
    hard filter        the plain top 1,000 without what is not in the category
    vector, experts    `steer.method`, strength 1; the experts learnt four fifths of the tags, the rest is unseen
    other words        the category inside one of four sentences that nothing was fitted to
    only words         the category's words with no tag known, as for a tag that the catalogue does not have

Less: each user asks for less of the tag that fills most of the plain top 10 and is not the held-out item's: the share
of the top 10 that carries it.

Wishes: the words of that category alone, no history: recall@10 of the held-out item, beside a wish of a category drawn
at random and popularity. Where the items have series, a series' name is to find the series.

Bars: `vector` or `experts` above both plain and hard filter; less with the hard rule: a share of exactly 0; a wish
above random tags and popularity. Figures are kept in results/steering.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from core.evaluate.metrics import bootstrap_interval, paired_difference, values_of
from core.project import Project
from core.recommend.recommender import Recommender
from core.recommend.stage import train_experts
from core.recommend.steering.steerer import Steerer, Steering
from core.recommend.steering.tags import BRANCH, Tag, TagTable
from core.run.listing import find_run
from core.run.reporting import NullReporter

RESULTS = Path(__file__).parent / "results" / "steering.json"
DEEP, K, LEAST, SLICE = 1000, 10, 5, 8
UNSEEN = 5  # one tag in so many is kept from the experts
OTHERS = ("I would like to see more {} if you have any", "{}, please, and plenty of it", "what about {} this time",
          "show me items that belong to {}")  # fmt: skip
Ranks = np.ndarray


def rank_of(lists: np.ndarray, targets: np.ndarray) -> Ranks:
    """1-based ranks of the targets, 0 = not in the list."""
    hit = lists == targets[:, None]
    return np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, 0).astype(np.int32)


class Served:
    """The lists that the run serves.

    Args:
        recommender: the run.
        histories: item numbers.
    """

    def __init__(self, recommender: Recommender, histories: list[list[int]]) -> None:
        self.recommender, self.histories = recommender, histories

    def plain(self, k: int) -> np.ndarray:
        """The best k items of every history; a thousand beams take memory, so users of like length, a few at a time."""
        lists = np.full((len(self.histories), k), -1)
        order = sorted(range(len(lists)), key=lambda place: len(self.histories[place]))
        for start in range(0, len(order), SLICE):
            some = order[start : start + SLICE]
            rows = [self.histories[place] for place in some]
            lists[some] = self.recommender.recommend_many(rows, k=k, hide_seen=False)[0]
        return lists

    def steered(self, asked: Sequence[Steering], chosen: Sequence[int]) -> np.ndarray:
        """Top K of every history; `chosen`: number of each one's question."""
        each = [asked[number] for number in chosen]
        return self.recommender.recommend_many(self.histories, k=K, steer=each, hide_seen=False)[0]


class Alone:
    """The lists of the users' space alone (the dense head's, where there is one), whole catalogue, no search."""

    def __init__(self, recommender: Recommender, histories: list[list[int]]) -> None:
        most, space = recommender.project.data.max_history, recommender.words.space
        lengths = np.array([min(len(history), most) for history in histories])
        n_items = len(space.items)
        self.queries = torch.zeros(len(histories), space.items.shape[1])
        self.scores = np.zeros((len(histories), n_items), dtype=np.float32)
        for length in np.unique(lengths):
            group = np.flatnonzero(lengths == length)
            for start in range(0, len(group), 64):
                some = group[start : start + 64]
                rows = np.array([histories[place][-length:] for place in some])
                queries, log_probs = space.read(rows)
                self.queries[some], self.scores[some] = queries.float().cpu(), log_probs.float().cpu().numpy()

    def plain(self, k: int) -> np.ndarray:
        """See `Served`."""
        return _best(self.scores, k)

    def steered(self, asked: Sequence[Steering], chosen: Sequence[int]) -> np.ndarray:
        """See `Served`."""
        lists, numbers = np.full((len(self.scores), K), -1), np.asarray(chosen)
        for number in np.unique(numbers):
            some, steering = np.flatnonzero(numbers == number), asked[number]
            scores = self.scores[some]
            if steering.moves:
                scores = scores + steering.gains(self.queries[some]).numpy()
            if steering.denied is not None:
                scores = np.where(steering.denied, -np.inf, scores)
            lists[some] = _best(scores, K)
        return lists


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """The best k of every row, equal ones by number; -1 for what may not be listed."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.where(np.isfinite(np.take_along_axis(scores, order, axis=1)), order, -1)


def line(name: str, ranks: Ranks, against: dict[str, Ranks] | None = None) -> dict[str, object]:
    """Print and return NDCG@10 and recall@10 of some ranks, and how far they lie above others."""
    cell: dict[str, object] = {"users": len(ranks)}
    for metric in ("ndcg@10", "recall@10"):
        low, high = bootstrap_interval(metric, ranks, 1000)
        cell[metric] = [round(float(values_of(metric, ranks).mean()), 4), round(low, 4), round(high, 4)]
    text = f"{name:34} N@10 {_cell(cell['ndcg@10'])}  R@10 {_cell(cell['recall@10'])}"
    for other, theirs in (against or {}).items():
        difference = paired_difference("ndcg@10", ranks, theirs)
        cell[f"above {other}"] = [round(difference[key], 4) for key in ("difference", "low", "high")]
        text += f"  above {other} {_cell(cell[f'above {other}'])}"
    print(text, flush=True)
    return cell


def _cell(value: object) -> str:
    mean, low, high = value  # type: ignore[misc]
    return f"{mean:.4f} [{low:.4f}, {high:.4f}]"


def experts_of(recommender: Recommender, base: Steerer, tags: TagTable) -> Steerer:
    """A steerer with experts that learnt some of the tags."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        trained = train_experts(
            recommender.project, recommender.dataset, recommender.checkpoint, base.space, tags, recommender.words.texts,
            Path(folder), NullReporter(),
        )  # fmt: skip
    print(f"experts: {time.perf_counter() - began:.0f} s, {len(tags.tags)} tags", flush=True)
    other = copy.copy(base)
    other.experts = trained
    return other


def main() -> None:
    """Measure one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--served", action="store_true", help="the served lists; else those of the users' space alone")
    args = parser.parse_args()
    recommender = Recommender.load(find_run(Project.load(args.project).runs_dir).path)
    base, draw = recommender.words.steerer, np.random.default_rng(args.seed)
    cells: dict[str, object] = {"users": args.users, "seed": args.seed, "served": args.served}
    n_items = recommender.n_items

    # Categories of the held-out items, and users who have one; a maker is no category, nor is a branch.
    kinds = [t for t in base.tags.tags if BRANCH not in t.columns and LEAST <= len(t.items) <= n_items // 2]
    kinds = [t for t in kinds if not any(column in ("brand", "author") for column in t.columns)]
    carried: list[list[int]] = [[] for _ in range(n_items)]
    for number, tag in enumerate(kinds):
        for item in tag.items:
            carried[item].append(number)
    split = recommender.dataset.evaluation("test")
    able = [user for user in range(len(split)) if carried[split.targets[user]]]
    users = sorted(draw.permutation(able)[: args.users].tolist())
    histories, targets = [split.histories[user].tolist() for user in users], split.targets[users]
    chosen = [int(draw.choice(carried[target])) for target in targets]
    members = np.stack([base.mask(tag) for tag in kinds])
    print(f"{len(users)} of {len(split)} users, {len(kinds)} categories, seen items kept, histories as tested")

    began = time.perf_counter()
    lists_of = (Served if args.served else Alone)(recommender, histories)
    plain, deep = lists_of.plain(50), lists_of.plain(min(DEEP, n_items))
    print(f"plain top 50 and {DEEP:,}: {time.perf_counter() - began:.0f} s", flush=True)
    filtered = np.full((len(users), K), -1)
    for row, (items, number) in enumerate(zip(deep, chosen, strict=True)):
        inside = [item for item in items[items >= 0] if members[number, item]][:K]
        filtered[row, : len(inside)] = inside
    nothing, hard = rank_of(plain[:, :K], targets), rank_of(filtered, targets)
    cells["nothing said"] = line("nothing said", nothing)
    cells["hard filter"] = line("hard filter on the plain top 1,000", hard)

    unseen = {number for number in range(len(kinds)) if number % UNSEEN == 0}
    known = TagTable(tuple(tag for number, tag in enumerate(kinds) if number not in unseen))
    methods = {"vector": base}
    if recommender.checkpoint.dense is not None:
        methods["experts"] = experts_of(recommender, base, known)
    new = np.array([number in unseen for number in chosen])
    beside = {"plain": nothing, "filter": hard}
    for name, steerer in methods.items():
        began = time.perf_counter()
        asked = [steerer.steering(more=[tag.name], strength=1.0) for tag in kinds]
        lists = lists_of.steered(asked, chosen)
        ranks = rank_of(lists, targets)
        cells[name] = line(name, ranks, beside)
        share = np.mean([members[number, row[row >= 0]].mean() for number, row in zip(chosen, lists, strict=True)])
        print(
            f"{'':4}share of the category in the top 10: {share:.3f}; {time.perf_counter() - began:.0f} s", flush=True
        )
        parts = {key: ranks_[new] for key, ranks_ in beside.items()}
        cells[f"{name}, unseen tags"] = line(f"{name}, unseen tags", ranks[new], parts)
        worded = [OTHERS[place % len(OTHERS)].format(kinds[number].name) for place, number in enumerate(chosen)]
        others = [steerer.steering(more=[text], strength=1.0) for text in worded]
        cells[f"{name}, other words"] = line(
            f"{name}, other words", rank_of(lists_of.steered(others, range(len(users))), targets), beside
        )
    free = copy.copy(base)
    free.tags = TagTable(())
    asked = [free.steering(more=[tag.name], strength=1.0) for tag in kinds]
    cells["only words"] = line(
        "vector, only words", rank_of(lists_of.steered(asked, chosen), targets), beside
    )

    # Less: the tag that fills most of the plain top 10, but none of the held-out item's.
    counts = np.stack([members[:, row].sum(axis=1) for row in plain[:, :K]])
    counts[members[:, targets].T] = 0
    unwanted = counts.argmax(axis=1).tolist()
    for name, steerer, firm in (("plain", None, False), ("vector, soft", base, False), ("hard rule", base, True),
                                ("experts, soft", methods.get("experts"), False)):  # fmt: skip
        if steerer is None and name != "plain":
            continue
        lists = plain[:, :K]
        if steerer is not None:
            asked = [steerer.steering(less=[tag.name], strength=1.0, hard_less=firm) for tag in kinds]
            lists = lists_of.steered(asked, unwanted)
        share = float(
            np.mean([members[number, row[row >= 0]].mean() for number, row in zip(unwanted, lists, strict=True)])
        )
        cells[f"less, {name}"] = {**line(f"less, {name}", rank_of(lists, targets)), "share": share}
        print(f"{'':4}share of the unwanted tag in the top 10: {share:.4f}", flush=True)

    # Wishes without a history.
    def found(tag: Tag) -> np.ndarray:
        answer = recommender.recommend(wish=tag.name, k=K)
        row = [recommender.item_number(item.item_id) for item in answer.items]
        return np.array([*row, *[-1] * (K - len(row))])

    lists = {number: found(kinds[number]) for number in set(chosen)}
    cells["wish"] = line("wish, the right category", rank_of(np.stack([lists[n] for n in chosen]), targets))
    pool = sorted(lists)
    drawn = draw.choice(pool, len(users))
    cells["wish at random"] = line("wish, a category at random", rank_of(np.stack([lists[n] for n in drawn]), targets))
    taken = np.bincount(recommender.dataset.train().items, minlength=n_items)
    top = np.tile(np.lexsort((np.arange(n_items), -taken))[:K], (len(users), 1))
    cells["popularity"] = line("popularity", rank_of(top, targets))
    series = [tag for tag in base.tags.tags if "series" in tag.columns]
    if series:
        shares = []
        for tag in series:
            first = found(tag)[: len(tag.items)]
            shares.append(len(set(first.tolist()) & set(tag.items.tolist())) / min(len(tag.items), K))
        cells["series"] = round(float(np.mean(shares)), 4)
        print(f"{len(series)} series by name: {np.mean(shares):.4f} of their volumes stand first")
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[f"{recommender.project.name}, {'served' if args.served else 'alone'}"] = cells
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
