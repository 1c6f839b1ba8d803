"""Are the preferences of the evidence faithful? The deletion test.

An explanation that names what a score follows from names what the score misses once it is gone (comprehensiveness:
DeYoung et al. 2020, arXiv 1911.03429). For each user, history as tested, the items behind the heaviest preference are
deleted, and the score of the list's first item falls by some amount; then equally many random items of the visible
history are, several times. The figure is the mean difference over users, with its bootstrap interval.
"""

from __future__ import annotations

import numpy as np

from core.errors import DataError
from core.recommend.evidence.faithfulness_figure import Faithfulness
from core.recommend.recommender import Recommender
from core.run.reporting import Reporter

USERS = 500
DRAWS = 5
"""Random deletions a user."""
SAMPLES = 10_000
"""Bootstrap resamples of the users."""


def measure_faithfulness(recommender: Recommender, reporter: Reporter, users: int = USERS) -> Faithfulness:
    """The deletion test on users drawn by the project's seed.

    Args:
        recommender: loaded from a run.
        reporter: hears the progress; may ask to stop.
        users: how many are asked about, at most; those whose top preference holds all that the model sees of their
            history are passed over.

    Raises:
        DataError: there is no user to ask about.
        StopRequested: somebody asked to stop.
    """
    explainer, dataset = recommender.explainer, recommender.dataset
    draw = np.random.default_rng(recommender.project.seed)
    order = draw.permutation(dataset.evaluated)
    gains: list[tuple[float, float, float]] = []
    skipped = 0
    for number in order:
        if len(gains) == users:
            break
        question, _ = explainer.question(user=dataset.users[int(number)], as_tested=True)
        first = max(len(question.history) - explainer.visible, 0)
        top = explainer.preferences(question.history)[0].places
        if len(top) == len(question.history) - first:
            skipped += 1
            continue
        listed = explainer.listed(question, question.history)
        visible = np.arange(first, len(question.history))
        some = [draw.choice(visible, len(top), False) for _ in range(DRAWS)]
        deletions = [set(top), *(set(places.tolist()) for places in (visible[-len(top) :], *some))]
        lost = explainer.drops(question, int(listed[0]), deletions)
        gains.append((float(lost[0]), float(lost[2:].mean()), float(lost[1])))
        reporter.progress("faithfulness", len(gains), min(users, len(order)), "users")
        reporter.stop_if_asked()
    if not gains:
        raise DataError("no user has a history of more than one preference", "the deletion test has nothing to delete")
    pairs = np.array(gains)
    gain = pairs[:, 0] - pairs[:, 1]
    # Resampling users is drawing how often each counts; (samples, users).
    counts = draw.multinomial(len(gain), np.full(len(gain), 1 / len(gain)), size=SAMPLES)
    low, high = np.percentile(counts @ gain / len(gain), [2.5, 97.5])
    figures = (round(float(value), 6) for value in (*pairs.mean(axis=0), gain.mean(), low, high))
    return Faithfulness(len(gain), skipped, *figures)
