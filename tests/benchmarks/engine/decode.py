"""What exact decoding costs: beside transformers' `generate`, without its constraint, and with wider beams.

    python tests/benchmarks/engine/decode.py RUN [--users 200] [--slow-users 40] [--threads N] [--fp32]
        [--only PART ...]

RUN is a finished run's folder (README's Beauty run is the one of the bars). The sides that are compared take turns in
one process, on the same threads and in the run's own dtype, or in fp32. The parts, and the bar of each:

generate    users/s of our search, beam 20, beside `generate` with a Python prefix function, one user at a time
            (LC-Rec's way, arXiv 2311.09049, released code) and 32 users at a time; lists of ten compared, in fp32 up
            to ties. At least 30x the better of the two.
constraint  milliseconds a step of the search beside a search over all codes, legal or not (30 interleaved pairs, 32
            users, beam 20); then the look-ups of legality alone, on this index and on one of a million items. At most
            .3 ms a step, and twice that at a million. A filter that leaves 10,000 of the million: a second once.
overlap     how much of the best ten of beams 500 the beams 20, 50 and 100 find.
batch       the served list of 32 users in one call beside that of one. At most 8x one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import torch

from core.data.arrays import Sequences
from core.machine import use_bf16
from core.model.adapters import merge_adapters
from core.model.generator import Generator
from core.model.masks import masks
from core.model.trie import Trie
from core.recommend.beam import beam_search
from core.recommend.encoded import encode
from core.recommend.recommender import Recommender
from core.recommend.search_batches import search_batches

BEAMS, TOP, BATCH, PAIRS = 20, 10, 32, 30
WIDE = 500
MILLION, LEFT = 1_000_000, 10_000
LEVELS, WIDTH = 4, 256
Rows = npt.NDArray[np.int64]


def histories_of(recommender: Recommender, count: int) -> list[list[int]]:
    """Visible histories of users as tested, drawn once and for all."""
    known = recommender.dataset.users.to_list()
    drawn = np.random.default_rng(0).permutation(len(known))[:count]
    longest = recommender.project.data.max_history
    return [recommender.history_of(known[user], as_tested=True)[0][-longest:] for user in drawn.tolist()]


def by_length(histories: list[list[int]], most: int) -> list[Rows]:
    """Batches of histories of one length each, (users, length)."""
    groups: dict[int, list[list[int]]] = {}
    for history in histories:
        groups.setdefault(len(history), []).append(history)
    return [np.array(group[at : at + most]) for group in groups.values() for at in range(0, len(group), most)]


class PrefixFunction:
    """Which tokens may follow, as a dictionary of prefixes: what research code gives to `generate`."""

    def __init__(self, model: Generator, prompt: int) -> None:
        self.prompt, self.follow = prompt, {(): set()}  # type: ignore[var-annotated]
        for tokens in model.item_tokens.tolist():
            for level, token in enumerate(tokens):
                self.follow.setdefault(tuple(tokens[:level]), set()).add(token)
        self.lists = {prefix: sorted(tokens) for prefix, tokens in self.follow.items()}

    def __call__(self, _: int, tokens: torch.Tensor) -> list[int]:
        """The tokens that may come next; those of the root where a beam has already left the tree."""
        return self.lists.get(tuple(tokens[self.prompt :].tolist()), self.lists[()])


def generated(model: Generator, rows: Rows, item_of: dict[tuple[int, ...], int]) -> npt.NDArray[np.int64]:
    """Lists by transformers: (users, length) -> (users, TOP)."""
    prompt = model.prompt(torch.from_numpy(rows))
    out = model.lm.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=model.levels,
        num_beams=BEAMS,
        num_return_sequences=TOP,
        do_sample=False,
        early_stopping=True,
        renormalize_logits=True,
        eos_token_id=None,
        pad_token_id=0,
        prefix_allowed_tokens_fn=PrefixFunction(model, prompt.shape[1]),
    )
    codes = out[:, prompt.shape[1] :].tolist()
    return np.array([item_of.get(tuple(code), -1) for code in codes]).reshape(len(rows), TOP)


def searched(model: Generator, trie: Trie, histories: list[list[int]]) -> None:
    """The way of every list: in batches of rows that are about as long."""
    flat = np.array([item for history in histories for item in history], dtype=np.int32)
    given = Sequences(flat, np.cumsum([0, *map(len, histories)], dtype=np.int64))
    longest, bf16 = int(given.lengths.max()), torch.is_autocast_enabled("cpu")
    batches = search_batches(
        lambda rows, _: beam_search(model, trie, rows, BEAMS), trie, given, longest, bf16, together=True
    )
    for _ in batches:
        pass


@torch.inference_mode()
def beside_generate(model: Generator, trie: Trie, histories: list[list[int]], slow: int) -> None:
    """Users a second of three ways, in turns, and whether the lists are the same."""
    item_of = {tuple(tokens): item for item, tokens in enumerate(model.item_tokens.tolist())}
    seconds = {"ours": 0.0, "generate, one user": 0.0, f"generate, {BATCH} users": 0.0}
    users = dict.fromkeys(seconds, 0)
    same = close = asked = 0
    few = histories[:slow]
    for turn in range(4):  # ours asked about everybody, then a quarter of the few whom the others are asked about
        for name, rows in (
            ("ours", [histories]),
            ("generate, one user", by_length(few[turn::4], 1)),
            (f"generate, {BATCH} users", by_length(few[turn::4], BATCH)),
        ):
            for batch in rows:
                began = time.perf_counter()
                if name == "ours":
                    searched(model, trie, batch)
                else:
                    lists = generated(model, batch, item_of)
                seconds[name] += time.perf_counter() - began
                users[name] += len(batch)
                if name == "generate, one user":
                    ours, scores = beam_search(model, trie, batch, BEAMS)
                    for mine, values, theirs in zip(ours[:, :TOP], scores, lists, strict=True):
                        asked += 1
                        same += mine.tolist() == theirs.tolist()
                        score = dict(zip(ours[0].tolist(), values.tolist(), strict=True))
                        pairs = [(a, b) for a, b in zip(mine.tolist(), theirs.tolist(), strict=True) if a != b]
                        close += all(abs(score[a] - score.get(b, -np.inf)) < 1e-4 for a, b in pairs)
    pace = {name: users[name] / seconds[name] for name in seconds}
    for name, speed in pace.items():
        print(f"{name:24} {speed:9.2f} users/s  ({users[name]} users)")
    best = max(speed for name, speed in pace.items() if name != "ours")
    print(f"ours : the better of them   {pace['ours'] / best:.1f} (bar: 30)")
    print(f"lists equal {same} of {asked}, equal up to ties (1e-4) {close} of {asked}\n")


@torch.inference_mode()
def unconstrained(model: Generator, rows: Rows) -> torch.Tensor:
    """The same search over all codes of every level, legal or not: nothing is looked up; (users, BEAMS, levels).

    Histories are read as the search reads them: padding, which it allows for, is no part of the constraint.
    """
    read = encode(model, rows)
    (users, length), states, cache = read.is_token.shape, read.states[:, None], read.branch()
    scores = torch.zeros(users, 1)
    paths = torch.zeros(users, 1, 0, dtype=torch.long)
    codes = torch.zeros(users, 1, 0, dtype=torch.long)
    at, written = torch.arange(length), length
    for level in range(model.levels):
        everything = (torch.log_softmax(model.level_logits(states, level).float(), -1) + scores[..., None]).flatten(1)
        scores, picked = everything.topk(BEAMS, dim=1)
        width = model.width(level)
        parent, code = picked // width, picked % width
        codes = torch.cat([codes.gather(1, parent[..., None].expand(-1, -1, level)), code[..., None]], dim=2)
        if level == model.levels - 1:
            break
        own = written + torch.arange(BEAMS).expand(users, BEAMS)
        paths = torch.cat([paths.gather(1, parent[..., None].expand(-1, -1, level)), own[..., None]], dim=2)
        written += BEAMS
        embedded = model.embed(model.code_tokens(code, level))
        seen = torch.zeros(users, 1, BEAMS, written, dtype=torch.bool)
        seen[..., :length] = True
        seen[:, 0].scatter_(2, paths, True)
        position = torch.full((users, BEAMS), length + level)
        at = torch.cat([at, position[0]])
        mask = masks(model.lm.config, seen, position, at, embedded.dtype)
        states = model.states(embedded, cache=cache, mask=mask, position=position)
    return codes


def in_turns(pairs: int, *ways: Callable[[], object]) -> list[list[float]]:
    """Milliseconds of each way, the ways one after the other, `pairs` times."""
    took: list[list[float]] = [[] for _ in ways]
    for turn in range(pairs + 2):
        for place, way in enumerate(ways):
            began = time.perf_counter()
            way()
            if turn > 1:  # the first two warm up
                took[place].append(1000 * (time.perf_counter() - began))
    return took


def apart(without: list[float], with_it: list[float]) -> float:
    """Median milliseconds between the two of a pair."""
    return median(b - a for a, b in zip(without, with_it, strict=True))


@torch.inference_mode()
def legality(trie: Trie, filtered: bool = False) -> float:
    """Milliseconds a step of what the constraint adds: branches looked up, logits gathered, illegal ones masked."""
    rng = torch.Generator().manual_seed(0)
    items = torch.randint(0, trie.n_items, (BATCH, BEAMS), generator=rng)
    kept = torch.zeros(trie.n_items, dtype=torch.bool)
    kept[torch.randperm(trie.n_items, generator=rng)[:LEFT]] = True
    allowed = trie.allow(kept) if filtered else None
    total = 0.0
    for level in range(len(trie)):
        nodes = trie.nodes(items if level else items[:, :1], level)
        logits = torch.randn(*nodes.shape, WIDTH, generator=rng)

        def free(logits: torch.Tensor = logits) -> None:
            torch.log_softmax(logits, -1).flatten(1).topk(BEAMS, dim=1)

        def constrained(nodes: torch.Tensor = nodes, logits: torch.Tensor = logits, level: int = level) -> None:
            codes, first, legal = trie.levels[level].branches(nodes)
            scored = torch.log_softmax(torch.where(legal, logits.gather(-1, codes), -torch.inf), -1)
            if allowed is not None:
                scored = torch.where(allowed.reaches(first, codes.shape[2], level), scored, -torch.inf)
            best = scored.flatten(1).topk(min(BEAMS, scored.shape[1] * scored.shape[2]), dim=1).indices
            trie.leaves(first.gather(1, best // codes.shape[2]) + best % codes.shape[2], level + 1)

        total += apart(*in_turns(PAIRS, free, constrained))
    return total / len(trie)


def constraint(model: Generator, trie: Trie, histories: list[list[int]]) -> None:
    """The cost of legality a step, and of a filter."""
    longest = max(by_length(histories, BATCH), key=len)
    rows = np.resize(longest, (BATCH, longest.shape[1]))
    free, ours = in_turns(PAIRS, lambda: unconstrained(model, rows), lambda: beam_search(model, trie, rows, BEAMS))
    steps = model.levels
    print(f"a search of {BATCH} users, beam {BEAMS}: free {median(free):.1f} ms, constrained {median(ours):.1f} ms")
    print(f"constraint, whole search     {apart(free, ours) / steps:+.3f} ms a step (bar: .3)")
    print(f"look-ups alone, {trie.n_items:9,} items  {legality(trie):+.3f} ms a step")
    codes = np.random.default_rng(0).integers(0, WIDTH, (MILLION, LEVELS))
    million = Trie(codes)
    print(f"look-ups alone, {MILLION:9,} items  {legality(million):+.3f} ms a step (bar: .6)")
    kept = torch.zeros(MILLION, dtype=torch.bool)
    kept[torch.randperm(MILLION, generator=torch.Generator().manual_seed(0))[:LEFT]] = True
    (once,) = in_turns(5, lambda: million.allow(kept))
    print(f"a filter of {LEFT:,} of them      {median(once):.0f} ms once (bar: 1,000)")
    print(f"look-ups with that filter    {legality(million, filtered=True):+.3f} ms a step\n")


def overlap(model: Generator, trie: Trie, histories: list[list[int]]) -> None:
    """Share of the best ten of the widest beams that narrower ones find."""
    best: dict[int, list[set[int]]] = {beams: [] for beams in (20, 50, 100, WIDE)}
    for rows in by_length(histories, 16):
        for beams, lists in best.items():
            lists += [set(items[:TOP].tolist()) for items in beam_search(model, trie, rows, beams)[0]]
    for beams in (20, 50, 100):
        shares = [len(a & b) / TOP for a, b in zip(best[beams], best[WIDE], strict=True)]
        whole = sum(share == 1 for share in shares) / len(shares)
        found = f"{np.mean(shares):.4f} of the best {TOP} of beams {WIDE}"
        print(f"beams {beams:4}: {found}; all ten for {whole:.3f} of users")
    print()


def batch(recommender: Recommender, histories: list[list[int]]) -> None:
    """One call with 32 users beside one with one user; the served list, as the project makes it."""
    many = histories[:BATCH]
    ask = recommender.recommend_many
    one, together = map(median, in_turns(10, lambda: ask(many[:1]), lambda: ask(many)))
    print(f"one user {one:.0f} ms, {BATCH} users in one call {together:.0f} ms: {together / one:.1f}x (bar: 8)\n")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--slow-users", type=int, default=40, help="users whom `generate` is asked about")
    parser.add_argument("--threads", type=int, help="instead of the run's own")
    parser.add_argument("--fp32", action="store_true", help="instead of the run's own dtype")
    parts = ("generate", "constraint", "overlap", "batch")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    arguments = parser.parse_args()
    recommender = Recommender.load(arguments.run)
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    histories = histories_of(recommender, arguments.users)
    bf16 = use_bf16(recommender.project.run) and not arguments.fp32
    kind = "bf16" if bf16 else "fp32"
    print(f"{recommender.n_items:,} items, {len(histories)} users, {torch.get_num_threads()} threads, {kind}\n")
    if "batch" in arguments.only:
        batch(recommender, histories)
    model, trie = recommender.checkpoint.model, recommender.checkpoint.trie
    merge_adapters(model.lm)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        if "generate" in arguments.only:
            beside_generate(model, trie, histories, arguments.slow_users)
        if "constraint" in arguments.only:
            constraint(model, trie, histories)
        if "overlap" in arguments.only:
            overlap(model, trie, histories)


if __name__ == "__main__":
    main()
