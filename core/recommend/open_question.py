"""Questions without a history, and wishes: what is listed where the model alone cannot say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from core.errors import DataError, ProjectError
from core.recommend.steering.steerer import Steering
from core.recommend.wish import DEPTH, Intent, Items, Mask, WishSearch, best_items, fused_ranks, weights_of

if TYPE_CHECKING:
    from core.recommend.lists_of_run import ListsOfRun

MODEL, POPULARITY, WISH = "model", "popularity", "wish"
"""Where a list comes from."""
ASKED = "intent-to-code"
"""The task whose wording asks the model for an item by words."""


@dataclass(frozen=True)
class OpenList:
    """Items best first, their scores, and what is to be said of them.

    Attributes:
        items: numbers; shape (at most k,).
        scores: log-probabilities by popularity, or the fused score of a wish; same shape.
        source: `MODEL`, `POPULARITY` or `WISH`.
        weights: of the scorers of a wish.
        notes: sentences for a person.
    """

    items: Items
    scores: npt.NDArray[np.float64]
    source: str
    weights: dict[str, float]
    notes: tuple[str, ...] = ()


def open_list(
    recommender: ListsOfRun, history: list[int], wish: str | None, steering: Steering | None, allowed: Mask | None,
    hide_seen: bool | None, k: int,
) -> OpenList:  # fmt: skip
    """The list for a wish, with a history or without; or for nobody.

    Args:
        recommender: the run.
        history: item numbers, oldest first; empty = nobody.
        wish: any words; None = none.
        steering: more and less of what; None = nothing.
        allowed: items that may be listed, denied ones left out already; None = all that can be recommended.
        hide_seen: see `ListsOfRun.recommend_many`.
        k: items at most.
    """
    may = np.zeros(recommender.items.height, dtype=bool)
    may[recommender.listed] = True
    may = may if allowed is None else may & allowed
    hides = recommender.project.recommend.hide_seen if hide_seen is None else hide_seen
    if history and hides:
        may[history] = False
    rankings: dict[str, Items] = {}
    notes: tuple[str, ...] = ()
    if wish is not None:
        rankings = recommender.words.wishes.rankings(wish, may)
        if not rankings:
            notes = (_unknown(recommender, wish),)
    if not rankings:
        if history:
            lists, found = recommender.recommend_many([history], may, False, k, steering)
            real = lists[0] >= 0
            return OpenList(lists[0][real].astype(np.int64), found[0][real].astype(np.float64), MODEL, {}, notes)
        scores = _popularity(recommender, steering)
        items = best_items(scores, may, k)
        return OpenList(items, scores[items], POPULARITY, {}, notes)
    named = np.unique(np.concatenate(list(rankings.values())))
    if history:
        # The model's order of what the others found, exactly.
        among = np.zeros(len(may), dtype=bool)
        among[named] = True
        lists, _ = recommender.recommend_many([history], among & may, False, len(named), steering)
        rankings["history"] = lists[0][lists[0] >= 0].astype(np.int64)
    elif steering is not None and steering.moves:
        scores = _popularity(recommender, steering)
        rankings["steering"] = named[np.argsort(-scores[named], kind="stable")]
    weights = weights_of(rankings)
    items, fused = fused_ranks(rankings, weights)
    return OpenList(items[:k], fused[:k], WISH, weights, notes)


def _popularity(recommender: ListsOfRun, steering: Steering | None) -> npt.NDArray[np.float64]:
    """Log-probability of every item by how often it was taken, moved by what is asked for; shape (items,)."""
    counts = np.bincount(recommender.dataset.sequences.items, minlength=recommender.items.height) + 1.0
    scores = np.log(counts / counts.sum())
    if steering is not None and steering.moves:
        nobody = torch.zeros(1, steering.items.shape[1], device=steering.items.device)
        scores = scores + steering.gains(nobody)[0].double().cpu().numpy()
        scores -= np.logaddexp.reduce(scores)
    return np.asarray(scores)


def _unknown(recommender: ListsOfRun, wish: str) -> str:
    try:
        return recommender.words.steerer.unknown(wish)
    except ProjectError:  # steering is off
        return f'nothing is known by "{wish[:80]}"'


def wish_search(recommender: ListsOfRun) -> WishSearch:
    """The search of a run: its items' words and text vectors, and its model where that learnt to be asked."""
    items, space = recommender.items, recommender.words.texts
    texts = [text or title or "" for text, title in zip(items["text"], items["title"], strict=True)]
    added = texts[recommender.dataset.n_items :]
    vectors = None if space is None else space.grown(added)
    return WishSearch(texts, space, vectors, _intent(recommender), recommender.project.backbone.model != "tiny")


def _intent(recommender: ListsOfRun) -> Intent | None:
    """Asks the model by words; None where no stage trained it to answer."""
    project, checkpoint = recommender.project, recommender.checkpoint
    trained = any(stage.tasks.get(ASKED) for stage in project.tune.stages)
    if not trained:
        return None
    from core.prompts.render import Renderer
    from core.prompts.task_data import ROW_TOKENS
    from core.prompts.texts import item_texts
    from core.prompts.wordings import wordings_of
    from core.recommend.beam import beam_search
    from core.recommend.encoded import encode_tokens

    model, trie, vocabulary = checkpoint.model, checkpoint.trie, checkpoint.vocabulary
    renderer = Renderer(
        vocabulary, model.item_tokens.cpu().numpy(), wordings_of(project, {ASKED}),
        item_texts(recommender.dataset.items, project.data.text), ROW_TOKENS, project.texts.description_tokens,
    )  # fmt: skip

    def ask(wish: str, allowed: Mask | None) -> Items:
        tokens = renderer.prompt(ASKED, {"intent": wish}, 0, room=model.levels)
        mask = None if allowed is None else trie.allow(recommender.of_trie(allowed))
        prompt = torch.from_numpy(tokens)[None].to(trie.item_nodes.device)
        with recommender.computing():
            items, _ = beam_search(model, trie, encode_tokens(model, prompt), min(DEPTH, trie.n_items), mask)
        return np.asarray(recommender.listed[items[0][items[0] >= 0]], dtype=np.int64)

    return ask


def find_item(recommender: ListsOfRun, text: str) -> tuple[int, str]:
    """The item that an id or words of a title mean, and what is to be said of it.

    Raises:
        DataError: no item is meant; names what is near.
    """
    number = recommender.item_number(text)
    if number is not None:
        return number, ""
    wanted, titles = text.strip().casefold(), [(title or "").casefold() for title in recommender.items["title"]]
    counts = np.bincount(recommender.dataset.sequences.items, minlength=len(titles))
    holding = [number for number, title in enumerate(titles) if title.rstrip(".") == wanted.rstrip(".")]
    holding = holding or [number for number, title in enumerate(titles) if wanted and wanted in title]
    if not holding:
        scores = recommender.words.wishes.lexical(text)
        if scores is None or scores.max() <= 0:
            raise DataError(f"no item is called {text[:80]!r}", "give an id, or words of its title")
        holding = [int(scores.argmax())]
    number = max(holding, key=lambda n: (counts[n], -n))
    others = f", the most taken of {len(holding)}" if len(holding) > 1 else ""
    item = recommender.items.row(number, named=True)
    return number, f'"{text[:80]}" is {item["title"] or item["item_id"]} ({item["item_id"]}){others}'
