"""Why an item, and what would change that, asked of the serving process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.errors import DataError, EagerError
from core.recommend.evidence.faithfulness_figure import Faithfulness, save_faithfulness
from core.recommend.evidence.record import Evidence
from core.recommend.evidence.sentences import sentences
from core.run.folder import RunFolder
from core.serve.methods import METHODS, answer
from core.serve.request import Request, Withdrawn
from core.serve.served_run import ServedRun
from tests.core.engine_tools import N_ITEMS, walks

LOG = walks()
USER = next(user for user, items in LOG.items() if len(items) >= 10)


@pytest.fixture(scope="module")
def served(trained: RunFolder) -> ServedRun:
    return ServedRun(trained.path, False, lambda text: None)


def ask(run: ServedRun, method: str, **params: Any) -> dict[str, Any]:
    told = answer(run, method, params)
    assert json.loads(json.dumps(told)) == told
    return told


def test_the_list_and_the_evidence_for_its_first(served: ServedRun) -> None:
    told = ask(served, "explain", user=USER, as_tested=True, k=4)
    plain = ask(served, "recommend", user=USER, as_tested=True, k=4)
    assert [one["item_id"] for one in told["items"]] == [one["item_id"] for one in plain["items"]]
    evidence = Evidence.from_json(told["evidence"])
    assert evidence.item.item_id == plain["items"][0]["item_id"] and evidence.k == 4
    assert told["sentences"] == sentences(evidence) and (told["writer"], told["refused"]) == ("template", "")
    assert told["held_out"]["item"]["item_id"] == LOG[USER][-1] and told["held_out"]["sentence"]
    assert told["faithfulness"] is None and "not measured" in told["faith"]
    assert ask(served, "explain", user=USER)["held_out"] is None
    assert ask(served, "explain", history=["i01"], item="i05")["evidence"]["item"]["item_id"] == "i05"


def test_the_figure_of_the_deletion_test_stands_beside_it(trained: RunFolder, tmp_path: Path) -> None:
    (tmp_path / ".store").symlink_to(trained.path.parent / ".store")
    folder = RunFolder(tmp_path / trained.id)
    shutil.copytree(trained.path, folder.path)
    save_faithfulness(folder, Faithfulness(10, 0, 0.5, 0.4, 0.4, 0.1, -0.1, 0.3))
    told = ask(ServedRun(folder.path, False, lambda text: None), "explain", user=USER)
    assert not told["faithfulness"]["shown"] and "not shown to be faithful" in told["faith"]


def test_smallest_change(served: ServedRun) -> None:
    last = ask(served, "recommend", user=USER, k=N_ITEMS)["items"][-1]["item_id"]
    told = ask(served, "smallest_change", user=USER, item=last, k=3)
    assert (
        told["wanted"] == "in" and told["sentence"] and [one["kind"] for one in told["attempts"]] == ["remove", "add"]
    )
    assert last in json.dumps(told["item"])


def test_the_beam(served: ServedRun) -> None:
    told = ask(served, "beam", user=USER, as_tested=True, items=["i05"], limit=7)
    assert [one["item"]["item_id"] for one in told["items"]] == ["i05", LOG[USER][-1]]
    for level in told["levels"]:
        assert len(level["prefixes"]) == min(level["kept"], 7)
        log_probs = [one["log_prob"] for one in level["prefixes"]]
        assert log_probs == sorted(log_probs, reverse=True)
    assert ask(served, "beam", user=USER)["items"] == []


@pytest.mark.parametrize("method", ["explain", "smallest_change"])
def test_nobody_waits_any_more(served: ServedRun, method: str) -> None:
    request = Request(method, {"user": USER, "item": "i05"})
    request.withdraw("a newer question took its place", "replaced")
    with pytest.raises(Withdrawn, match="newer"):
        METHODS[method](served, request)


def test_what_is_no_question(served: ServedRun) -> None:
    for method in ("explain", "smallest_change", "beam"):
        with pytest.raises(DataError):
            answer(served, method, {"user": "nobody", "item": "i01"})
        with pytest.raises((EagerError, ValueError, TypeError)):
            answer(served, method, {"user": USER, "k": "many", "item": "i01"})
    for params in ({"user": USER}, {"user": USER, "item": "no"}, {"user": USER, "item": [1]}):
        with pytest.raises(DataError):
            answer(served, "smallest_change", params)
    with pytest.raises(ValueError):
        answer(served, "beam", {"user": USER, "items": "i01"})
