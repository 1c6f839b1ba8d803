"""Are wishes found that say it in other words than the catalogue? 200 of the sample's, on a finished run.

    python tests/benchmarks/experiments/wishes.py RUN

RUN is a finished run on the bundled sample, or on a part of it. `wishes.tsv` holds phrases of the catalogue's blurbs,
and beside each a wish that we wrote by hand without a word of it. Wanted are the books of the phrase's genre whose
blurb has the phrase. The figure is the share of them among the first ten (of at most ten), the mean over the wishes
with its 95 % bootstrap interval:

    served       the list that the run gives for the wish
    model        the generator alone, asked in the wording of `intent-to-code`, where a stage trained that
    text         the cosine of text vectors alone
    bm25s        the package's BM25 over titles and blurbs, with its own tokenizer: what a search box would do

A run with a decoder made from scratch has the catalogue's words alone.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

import bm25s
import numpy as np
import polars as pl

from core.recommend.recommender import Recommender
from core.sample.fact import GENRES

WISHES = Path(__file__).parent / "wishes.tsv"
K, DRAWS = 10, 1000
SCORERS = ("served", "model", "text", "bm25s")


def wishes() -> list[tuple[str, str]]:
    """Phrases and wishes."""
    return [(phrase, wish) for phrase, _, wish in (line.partition("\t") for line in WISHES.read_text().splitlines())]


def wanted(phrase: str, items: pl.DataFrame) -> set[str]:
    """Ids of the books that a phrase's wish is after; `items`: those of the sample that may be listed."""
    (genre,) = (genre.name for genre in GENRES if phrase in (*genre.subjects, *genre.roles))
    whole = rf"(?i)\b{re.escape(phrase)}\b"
    return set(items.filter((pl.col("genre") == genre) & pl.col("blurb").str.contains(whole))["item_id"])


def recalls(ranked: Callable[[str], list[str]], asked: list[tuple[str, set[str]]]) -> np.ndarray:
    """Of every wish, the share of what is wanted among the first ten."""
    return np.array([len(set(ranked(wish)[:K]) & books) / min(K, len(books)) for wish, books in asked])


def wish_scores(run: Path) -> dict[str, float]:
    """The figures of a finished run as the cells of a benchmark."""
    recommender = Recommender.load(run)
    ids = recommender.items["item_id"].to_list()
    sample = pl.read_parquet(Path(__file__).parents[3] / "assets" / "sample" / "items.parquet")
    items = sample.filter(pl.col("item_id").is_in(ids))
    asked = [(wish, books) for phrase, wish in wishes() if (books := wanted(phrase, items))]
    search = recommender.words.wishes
    texts = [f"{title} {blurb}" for title, blurb in zip(items["title"], items["blurb"], strict=True)]
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, stopwords="en", show_progress=False), show_progress=False)

    def served(wish: str) -> list[str]:
        return [item.item_id for item in recommender.recommend(wish=wish, k=K).items]

    def scorer(name: str) -> Callable[[str], list[str]]:
        return lambda wish: [ids[item] for item in search.rankings(wish).get(name, [])[:K]]

    def lexical(wish: str) -> list[str]:
        tokens = bm25s.tokenize(wish, stopwords="en", return_ids=False, show_progress=False)[0]
        known = [token for token in tokens if token in index.vocab_dict]
        scores = index.get_scores(known) if known else np.zeros(len(items))
        return [items["item_id"][int(row)] for row in np.argsort(-scores, kind="stable")[:K] if scores[row] > 0]

    found: dict[str, float] = {"wishes": len(asked)}
    scorers = {"served": served, "model": scorer("intent"), "text": scorer("text"), "bm25s": lexical}
    for name, ranked in scorers.items():
        if name == "model" and not any(stage.tasks.get("intent-to-code") for stage in recommender.project.tune.stages):
            continue
        values = recalls(ranked, asked)
        drawn = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
        low, high = np.quantile(drawn, [0.025, 0.975]).tolist()
        found |= {f"wish {name}": float(values.mean()), f"wish {name} low": low, f"wish {name} high": high}
    return found


def main() -> None:
    """Ask, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    args = parser.parse_args()
    found = wish_scores(args.run)
    print(f"{found['wishes']:.0f} wishes, share of what is wanted among the first {K}")
    for name in SCORERS:
        if f"wish {name}" not in found:
            print(f"{name:8} not trained")
            continue
        low, high = found[f"wish {name} low"], found[f"wish {name} high"]
        print(f"{name:8} {found[f'wish {name}']:.4f} [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    main()
