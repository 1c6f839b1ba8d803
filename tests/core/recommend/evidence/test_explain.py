"""Evidence is what it says it is: every figure recomputed another way."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.errors import DataError
from core.recommend.evidence.record import Evidence
from core.recommend.evidence.sentences import quoted, sentences
from core.recommend.recommender import Recommender
from core.run.folder import RunFolder
from tests.core.engine_tools import N_ITEMS, walks

LOG = walks()
USER = next(user for user, items in LOG.items() if len(items) >= 10)
IDS = [f"i{n:02}" for n in range(N_ITEMS)]


@pytest.fixture(scope="module")
def evidence(recommender: Recommender) -> Evidence:
    """Of the first item of a user's list as tested; the user took more than the model sees."""
    return recommender.explain(user=USER, as_tested=True)


def total(recommender: Recommender, history: list[int], item: int) -> float:
    return float(recommender.score_items([history], np.array([[item]])).total[0, 0])


def history_of(recommender: Recommender) -> list[int]:
    return recommender.history_of(USER, as_tested=True)[0]


def test_it_is_about_the_first_of_the_list(recommender: Recommender, evidence: Evidence) -> None:
    (first, *_, last) = recommender.recommend(user=USER, as_tested=True).items
    assert (evidence.item.item_id, evidence.rank, evidence.k) == (first.item_id, 1, 5)
    assert (evidence.user, evidence.history_kind, evidence.listable) == (USER, "as tested", True)
    assert evidence.item.title == first.title and evidence.seen == first.seen
    assert evidence.margin == pytest.approx(first.score - last.score, abs=1e-4)
    assert "".join(step.token for step in evidence.path) == first.code


def test_the_codes_add_up_to_the_generators_part_and_the_parts_to_the_score(
    recommender: Recommender, evidence: Evidence
) -> None:
    number = IDS.index(evidence.item.item_id)
    # The generator's part, which may be too weak for the fused list to show.
    generator = recommender.score_items([history_of(recommender)], np.array([[number]])).values[0, 0, 0]
    assert sum(step.log_prob for step in evidence.path) == pytest.approx(float(generator), abs=1e-5)
    assert np.exp([step.log_prob for step in evidence.path]) == pytest.approx(
        [step.probability for step in evidence.path], abs=1e-5
    )
    assert sum(part.contribution for part in evidence.parts) == pytest.approx(evidence.score, abs=1e-5)
    assert all(part.weight > 0 for part in evidence.parts) and len(evidence.parts) > 1
    assert evidence.path[-1].items == 1 and all(one.items >= two.items for one, two in pairwise(evidence.path))
    assert evidence.score == pytest.approx(total(recommender, history_of(recommender), number), abs=1e-5)


def test_leave_one_out_is_brute_force(recommender: Recommender, evidence: Evidence) -> None:
    history, item = history_of(recommender), IDS.index(evidence.item.item_id)
    whole, visible = total(recommender, history, item), recommender.project.data.max_history
    assert len(history) > visible
    assert sorted(one.place for one in evidence.removals) == list(range(len(history) - visible + 1, len(history) + 1))
    for one in evidence.removals:
        rest = history[: one.place - 1] + history[one.place :]
        assert one.item.item_id == IDS[history[one.place - 1]]
        assert one.drop == pytest.approx(whole - total(recommender, rest, item), abs=2e-5)
    assert [one.drop for one in evidence.removals] == sorted((one.drop for one in evidence.removals), reverse=True)


def test_preferences_are_groups_of_the_history(recommender: Recommender, evidence: Evidence) -> None:
    history, item = history_of(recommender), IDS.index(evidence.item.item_id)
    visible = history[-recommender.project.data.max_history :]
    codes = recommender.checkpoint.index.codes
    assert sum(one.weight for one in evidence.preferences) == pytest.approx(1, abs=1e-5)
    weights = [one.weight for one in evidence.preferences]
    assert weights == sorted(weights, reverse=True)
    kind, units, known = recommender.explainer.vectors
    assert kind == evidence.vectors == "semantic" and known.all()
    for one in evidence.preferences:
        members = [IDS.index(own.item_id) for own in one.items]
        (code,) = {int(codes[own][0]) for own in members}
        assert members == [own for own in reversed(visible) if codes[own][0] == code]
        mean = units[members].mean(axis=0)
        assert one.fitness == pytest.approx(float(units[item] @ mean / np.linalg.norm(mean)), abs=1e-5)
        rest = [own for own in history[-6:] if own not in members]
        before = history[:-6]
        expected = total(recommender, history, item) - total(recommender, before + rest, item)
        assert one.drop == pytest.approx(expected, abs=2e-5)
    assert any(len(one.items) > 1 for one in evidence.preferences)


def test_the_strongest_transition_is_counted(recommender: Recommender, evidence: Evidence) -> None:
    train = [items[:-2] for items in LOG.values()]
    followed = [pair for items in train for pair in pairwise(items)]
    counts = {one: followed.count((one, evidence.item.item_id)) for one in LOG[USER][:-1]}
    assert evidence.transition is not None
    assert evidence.transition.count == max(counts.values()) == counts[evidence.transition.item.item_id] > 0
    assert evidence.transition.total == sum(one == evidence.transition.item.item_id for one, _ in followed)
    never = next(item for item in IDS if not any((one, item) in followed for one in LOG[USER][:-1]))
    assert recommender.explain(never, user=USER, as_tested=True).transition is None


def test_baselines_rank_as_in_evaluation(recommender: Recommender, trained: RunFolder) -> None:
    ranks = pl.read_parquet(trained.path / "ranks.parquet").filter(pl.col("split") == "test")
    for row in ranks.head(4).iter_rows(named=True):
        for hide, prefix in ((False, "rank_"), (True, "masked_rank_")):
            if hide and row["item_id"] in LOG[row["user_id"]][:-1]:
                continue
            found = recommender.explain(row["item_id"], user=row["user_id"], as_tested=True, hide_seen=hide)
            assert [one.name for one in found.baselines] == list(recommender.project.evaluate.baselines)
            for one in found.baselines:
                measured = row[prefix + one.name]
                assert one.rank == measured if measured else one.rank > 50


def test_where_an_item_falls_off_the_beam(trained: RunFolder) -> None:
    """Against a search over a table of all paths, with a beam of four."""
    from tests.core.recommend.evidence.conftest import in_fp32

    narrow = in_fp32(trained)
    narrow.project = replace(narrow.project, recommend=replace(narrow.project.recommend, beams=4, k=4))
    history = history_of(narrow)
    question, target = narrow.explainer.question(user=USER, as_tested=True)
    assert target == IDS.index(LOG[USER][-1])
    sums = np.cumsum(narrow.explainer._path_log_probs(history, np.arange(N_ITEMS)), axis=1)
    codes = [tuple(row) for row in narrow.checkpoint.index.codes.tolist()]
    kept, traces = narrow.explainer.beam(question, range(N_ITEMS))
    alive: set[tuple[int, ...]] = {()}
    fell: dict[int, int] = {}
    for level in range(len(codes[0])):
        prefixes = {c[: level + 1]: float(sums[n, level]) for n, c in enumerate(codes) if c[:level] in alive}
        best = sorted(prefixes.items(), key=lambda pair: -pair[1])[:4]
        alive = {code for code, _ in best}
        if level < len(kept):
            assert [one.log_prob for one in kept[level]] == pytest.approx([value for _, value in best], abs=1e-4)
        fell |= {n: level + 1 for n, c in enumerate(codes) if c[: level + 1] not in alive and n not in fell}
    assert {n: trace.fell for n, trace in enumerate(traces) if trace.fell} == fell and len(fell) >= N_ITEMS - 4
    for n, trace in enumerate(traces):
        assert trace.item.item_id == IDS[n] and trace.beams == 4
        if trace.fell:
            level = trace.levels[-1]
            assert level.level == trace.fell and not level.alive and level.log_prob < level.last.log_prob
            assert all(one.alive for one in trace.levels[:-1])


def test_the_held_out_item_changes_no_byte(trained: RunFolder, recommender: Recommender) -> None:
    from tests.core.recommend.evidence.conftest import in_fp32

    other = in_fp32(trained)
    user = list(LOG).index(USER)
    items = other.dataset.sequences.items.copy()
    last = int(other.dataset.sequences.offsets[user + 1]) - 1
    items[last] = (items[last] + 7) % N_ITEMS
    other.dataset = replace(other.dataset, sequences=replace(other.dataset.sequences, items=items))
    assert other.history_of(USER, True)[1] != recommender.history_of(USER, True)[1]
    for one in recommender.recommend(user=USER, as_tested=True).items:
        ours, theirs = (
            json.dumps(held.explain(one.item_id, user=USER, as_tested=True).to_json()) for held in (recommender, other)
        )
        assert ours == theirs
    to_date = (json.dumps(held.explain("i05", user=USER).to_json()) for held in (recommender, other))
    assert len(set(to_date)) == 2  # so the test can fail


def test_json_there_and_back(evidence: Evidence) -> None:
    tree = json.loads(json.dumps(evidence.to_json()))
    assert Evidence.from_json(tree) == evidence
    for broken in ({}, {**tree, "rank": "first"}, {**tree, "path": None}):
        with pytest.raises(DataError, match="evidence"):
            Evidence.from_json(broken)


def test_seen_unlisted_restricted(recommender: Recommender) -> None:
    seen = LOG[USER][0]
    hidden = recommender.explain(seen, user=USER, hide_seen=True)
    assert hidden.seen and not hidden.listable and hidden.rank is None
    assert "may not be listed" in sentences(hidden)[0]
    every = recommender.recommend(user=USER, k=N_ITEMS).items
    far = recommender.explain(every[20].item_id, user=USER)
    assert far.rank == 21 and far.margin is not None and far.margin < 0 and "behind the 5" in sentences(far)[0]
    mask = recommender.allowed(deny=[every[0].item_id])
    denied = recommender.explain(every[0].item_id, user=USER, allowed=mask)
    assert denied.rank is None and not denied.listable and denied.beam.fell is not None
    assert recommender.explain(user=USER, allowed=mask).item.item_id == every[1].item_id
    with pytest.raises(DataError, match="no item"):
        recommender.explain(user=USER, allowed=np.zeros(N_ITEMS, dtype=bool))
    with pytest.raises(DataError, match="no item"):
        recommender.explain("nothing", user=USER)


def test_a_history_of_one_item(recommender: Recommender) -> None:
    found = recommender.explain(history=["i07"])
    assert found.removals == () and found.user is None and found.history_kind is None
    assert [one.drop for one in found.preferences] == [None] and found.preferences[0].weight == 1
    assert "only item" in " ".join(sentences(found))
    for question in ({}, {"history": []}, {"user": USER, "history": ["i07"]}):
        with pytest.raises(DataError):
            recommender.explain(**question)


def held_numbers(tree: Any) -> list[float]:
    if isinstance(tree, dict):
        return [number for value in tree.values() for number in held_numbers(value)]
    if isinstance(tree, list):
        return [number for value in tree for number in held_numbers(value)]
    return [float(tree)] if isinstance(tree, int | float) else []


@pytest.mark.parametrize("item", [None, *IDS[::7]])
def test_sentences_hold_nothing_that_the_evidence_does_not(recommender: Recommender, item: str | None) -> None:
    found = recommender.explain(item, user=USER, as_tested=True)
    tree = json.loads(json.dumps(found.to_json()))
    numbers, text = held_numbers(tree), json.dumps(tree, ensure_ascii=False)
    for sentence in sentences(found):
        for name in re.findall(r'"([^"]*)"', sentence):
            assert name in text or all(json.dumps(word) in text for word in name.split(", "))
        plain = re.sub(r'"[^"]*"|<\w+>', "", sentence)
        for digits, share in re.findall(r"(\d+(?:\.\d+)?)( %)?", plain):
            places = len(digits.partition(".")[2])
            scale = 100 if share else 1
            assert any(f"{abs(scale * number):.{places}f}" == digits for number in numbers), (digits, sentence)


def test_hostile_titles_stay_titles(trained: RunFolder) -> None:
    from tests.core.recommend.evidence.conftest import in_fp32

    other = in_fp32(trained)
    hostile = ["[bold]x[/bold]\x1b[31m\n\x00", "{0} %s %n", 'a "quoted" title ' + "w" * 3000, "‮ gnos", "12 99 %"]
    other._titles = [hostile[n % len(hostile)] for n in range(N_ITEMS)]
    found = other.explain(user=USER)
    assert Evidence.from_json(json.loads(json.dumps(found.to_json()))) == found
    said = sentences(found)
    assert all("\n" not in one and len(one) < 2000 for one in said)
    assert quoted(found.item.title) in said[0]
