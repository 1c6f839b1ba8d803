"""A comparison as JSON values: what `--json` prints, and all that the tables and the page are made of."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev
from typing import Any

from core.evaluate.comparison.comparison_of_runs import (
    EXPOSURE_METRICS,
    METRICS,
    PROTOCOLS,
    Comparison,
    Mover,
    SliceResult,
)
from core.evaluate.comparison.contenders import Contender
from core.evaluate.comparison.paired_users import JudgedDifference
from core.evaluate.comparison.protocol_card import protocol_card
from core.evaluate.comparison.settings_that_differ import SEED
from core.evaluate.metrics import INTERVAL_METRICS

DIGITS = 6


def comparison_object(comparison: Comparison, metric: str, with_users: int = 0) -> dict[str, Any]:
    """Everything that a comparison holds.

    Args:
        comparison: some runs.
        metric: the ranking metric of the slices; it has intervals and differences beside recall@10 and ndcg@10.
        with_users: users who gained and lost that are named, of each kind and contender; none by default.

    Returns:
        `metric`; `runs`: `id`, `recipe`, `seed`; `settings`: those that differ, `key` and `values` by run;
        `protocol`: the card; `notes`: sentences; `users`: how many; `against`: key of the contender that all are held
        against; `best_reachable`: by metric, where it is known;
        `results`: a list, both protocols one after the other: `protocol`, and `rows`: `key`, `label`, `method`,
        `main`, `runs`, `seeds`, `values` by metric, `intervals` (low, high) by metric, `seed_values` and `deviations`
        over several seeds by metric, `differences` by metric: `difference`, `low`, `high`, `verdict`, `in_full`;
        `slices`: by protocol and contender (the main ones and baselines): `family`, `name`, `users`, `value`,
        `against`, and the difference; `movers`: where users are named.
    """
    judged = tuple(dict.fromkeys((metric, *INTERVAL_METRICS)))
    reachable = {name: value for name in METRICS if (value := comparison.best_reachable(name, False)) is not None}
    found: dict[str, Any] = {
        "metric": metric,
        "runs": [{"id": run.id, "recipe": run.recipe, SEED: run.seed} for run in comparison.runs],
        "settings": [
            {"key": one.key, "values": {run.id: v for run, v in zip(comparison.runs, one.values, strict=True)}}
            for one in comparison.settings
        ],
        "protocol": protocol_card(comparison),
        "users": comparison.users,
        "against": comparison.reference.key,
        "best_reachable": reachable,
        "results": [
            {"protocol": name, "rows": [_row(comparison, one, masked, judged) for one in comparison.contenders]}
            for masked, name in PROTOCOLS.items()
        ],
        "slices": [
            {"protocol": name, "key": one.key, "rows": [_slice(row) for row in comparison.slices(one, metric, masked)]}
            for masked, name in PROTOCOLS.items()
            for one in comparison.contenders
            if one is not comparison.reference and (one.main or not one.own)
        ],
    }
    if with_users:
        found["movers"] = [
            {"protocol": name, "key": one.key, **_movers(comparison, one, metric, masked, with_users)}
            for masked, name in PROTOCOLS.items()
            for one in comparison.contenders
            if one is not comparison.reference and (one.main or not one.own)
        ]
    return {**found, "notes": comparison.notes}


def _row(comparison: Comparison, one: Contender, masked: bool, judged: Sequence[str]) -> dict[str, Any]:
    values = {name: comparison.value(one, name, masked) for name in METRICS}
    row: dict[str, Any] = {
        "key": one.key,
        "label": one.label,
        "method": one.method,
        "main": one.main,
        "runs": [run.id for run in one.runs],
        "seeds": one.seeds,
        "values": {name: round(value, DIGITS) for name, value in values.items() if value is not None},
        "intervals": {},
        "differences": {},
    }
    if one.seeds > 1:
        row["seed_values"] = {
            name: [round(value, DIGITS) for value in comparison.seed_values(one, name, masked)]
            for name in METRICS
            if name not in EXPOSURE_METRICS
        }
        row["deviations"] = {name: round(stdev(values), DIGITS) for name, values in row["seed_values"].items()}
    for name in judged:
        if (ends := comparison.interval(one, name, masked)) is not None:
            row["intervals"][name] = [round(end, DIGITS) for end in ends]
        if (gain := comparison.difference(one, name, masked)) is not None:
            row["differences"][name] = _difference(gain)
    return row


def _difference(gain: JudgedDifference) -> dict[str, Any]:
    figures = {"difference": gain.value, "low": gain.low, "high": gain.high}
    rounded = {name: round(value, DIGITS) + 0.0 for name, value in figures.items()}  # no -0.0
    return {**rounded, "verdict": gain.verdict, "in_full": gain.in_full}


def _slice(row: SliceResult) -> dict[str, Any]:
    found = {
        "family": row.family, "name": row.name, "users": row.users,
        "value": round(row.value, DIGITS), "against": round(row.other, DIGITS),
    }  # fmt: skip
    return {**found, **(_difference(row.difference) if row.difference else {})}


def _movers(comparison: Comparison, one: Contender, metric: str, masked: bool, most: int) -> dict[str, Any]:
    movers = comparison.movers(one, metric, masked, most)
    return {
        "gained": [_mover(user) for user in movers.gained],
        "lost": [_mover(user) for user in movers.lost],
        "gained_users": movers.gained_users,
        "lost_users": movers.lost_users,
        "same_users": movers.same_users,
    }


def _mover(user: Mover) -> dict[str, Any]:
    return {
        "user": user.user, "item": user.item, "title": user.title, "history": user.history,
        "gain": round(user.gain, DIGITS), "ranks": list(user.ranks), "against": list(user.other_ranks),
    }  # fmt: skip
