"""The loop of the serving process: strangers' lines, questions that are cancelled or replaced, a queue with an end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.run.folder import RunFolder
from core.serve import methods, protocol
from core.serve.methods import LOOKUPS, METHODS
from core.serve.request import Request
from core.serve.served_run import ServedRun
from tests.core.serve.serve_tools import Conversation, request_lines

WINDOW = 32
"""Requests on their way: fewer than may wait, so that none is refused."""


@pytest.fixture(scope="module")
def served(trained: RunFolder) -> ServedRun:
    return ServedRun(trained.path, False, str)


def kinds(messages: list[protocol.Message]) -> set[str]:
    return {message["error"]["kind"] for message in messages if "error" in message}


@pytest.mark.parametrize("count", [4_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_thousands_of_requests_of_strangers(served: ServedRun, count: int) -> None:
    """Every line gets exactly one answer, whatever it is; the loop goes on, and says what it did."""
    lookups = (*sorted(LOOKUPS), "cancel", "stats")
    slower = tuple(name for name in METHODS if name not in lookups)
    often, rarely = request_lines((*lookups, "dance"), 1), request_lines(slower, 2)
    with Conversation(served) as talk:
        for number in range(count):
            talk.say(often() if number % 80 else rarely())
            if number % WINDOW == 0:
                talk.wait(number + 1)
        answers = talk.wait(count)
        assert len(answers) == count and all(("result" in one) != ("error" in one) for one in answers)
        assert sum("result" in one for one in answers) > 0.3 * count
        assert {"refused", "malformed", "unknown method"} <= kinds(answers)
        assert not kinds(answers) & {"busy", "internal"}
        figures = talk.ask(1, "stats")["result"]
        assert figures["waiting"] == 0 and figures["requests"]["item"] > count // 20
        assert figures["milliseconds"]["item"]["p50"] > 0
        assert len(talk.ask(2, "recommend", user="u001", k=3)["result"]["items"]) == 3


def test_lines_that_are_too_long_are_skipped_whole(served: ServedRun) -> None:
    long = b'{"id": 5, "method": "users", "params": {"prefix": "' + b"x" * protocol.MAX_REQUEST
    with Conversation(served) as talk:
        talk.say(long + long + b'"}}\n')
        talk.say(b"[" * 200_000 + b"\n")
        talk.say({"id": 6, "method": "users", "params": {"limit": 1}})
        answers = talk.wait(3)
    assert [answer.get("error", {}).get("kind") for answer in answers] == ["too long", "malformed", None]
    assert answers[2] == {"id": 6, "result": {"users": ["u000"]}}


class Slow:
    """A method that works until it is let go, and looks whether somebody waits."""

    def __init__(self) -> None:
        self.began, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self, run: ServedRun, request: Request) -> dict[str, Any]:
        self.began.release()
        while not self.go.wait(0.002):
            request.check()
        return {"n": request.get("n")}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    method = Slow()
    monkeypatch.setitem(methods.METHODS, "recommend", method)
    yield method
    method.go.set()


def test_a_question_is_cancelled_at_work_and_in_the_queue(served: ServedRun, slow: Slow) -> None:
    with Conversation(served) as talk:
        for number in (1, 2, 3):
            talk.say({"id": number, "method": "recommend"})
        assert slow.began.acquire(timeout=30)
        assert talk.ask(9, "users", limit=1)["result"] == {"users": ["u000"]}  # look-ups do not wait
        assert talk.ask(10, "cancel", id=2)["result"] == {"cancelled": 1}
        assert talk.ask(11, "cancel", id=1)["result"] == {"cancelled": 1}
        assert talk.ask(12, "cancel", id="1")["result"] == {"cancelled": 0}
        assert slow.began.acquire(timeout=30)
        slow.go.set()
        answers = {answer["id"]: answer for answer in talk.wait(7)}
    assert kinds([answers[1], answers[2]]) == {"cancelled"} and answers[3]["result"] == {"n": None}


def test_the_newest_question_of_a_channel_wins(served: ServedRun, slow: Slow) -> None:
    with Conversation(served) as talk:
        talk.say({"id": 1, "method": "recommend", "channel": "explore", "params": {"n": 1}})
        assert slow.began.acquire(timeout=30)
        talk.say({"id": 2, "method": "recommend", "channel": "other", "params": {"n": 2}})
        for number in (3, 4):
            talk.say({"id": number, "method": "recommend", "channel": "explore", "params": {"n": number}})
        replaced = talk.wait(2)
        slow.go.set()
        answers = {answer["id"]: answer for answer in talk.wait(4)}
    assert kinds(replaced) == {"replaced"} and {one["id"] for one in replaced} == {1, 3}
    assert (answers[2]["result"], answers[4]["result"]) == ({"n": 2}, {"n": 4})


def test_the_queue_has_an_end(served: ServedRun, slow: Slow) -> None:
    with Conversation(served) as talk:
        talk.say({"id": 0, "method": "recommend"})
        assert slow.began.acquire(timeout=30)
        for number in range(1, protocol.MAX_WAITING + 3):
            talk.say({"id": number, "method": "recommend"})
        assert kinds(talk.wait(2)) == {"busy"}
        assert talk.ask(1000, "stats")["result"]["waiting"] == protocol.MAX_WAITING
        slow.go.set()
        talk.wait(protocol.MAX_WAITING + 4)


def test_quit_withdraws_what_is_unanswered(served: ServedRun, slow: Slow) -> None:
    with Conversation(served) as talk:
        talk.say({"id": 1, "method": "recommend"})
        assert slow.began.acquire(timeout=30)
        talk.say({"id": 2, "method": "recommend"})
        talk.say({"id": 3, "method": "quit"})
        answers = talk.wait(2)
    assert {answer["id"] for answer in answers} == {1, 2} and kinds(answers) == {"cancelled"}


def test_a_fault_of_a_method_is_an_answer(
    served: ServedRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(run: ServedRun, request: Request) -> dict[str, Any]:
        raise [KeyError("oops"), MemoryError()][request["n"]]

    monkeypatch.setitem(methods.METHODS, "recommend", broken)
    with Conversation(served) as talk:
        first, second = (talk.ask(n + 1, "recommend", n=n)["error"] for n in (0, 1))
    assert (first["kind"], second["kind"], second["exit_code"]) == ("internal", "internal", 3)
    assert "oops" in first["message"] and "oops" in capsys.readouterr().err


def test_a_process_is_warm_at_its_first_question(served: ServedRun) -> None:
    with Conversation(served) as talk:
        assert talk.ask(1, "warm")["result"]["loaded"] == ["index", "vectors", "model"]


def test_what_a_user_took(served: ServedRun) -> None:
    with Conversation(served) as talk:
        told = talk.ask(1, "user", user="u001")["result"]
        assert talk.ask(2, "recommend", user="u001")["result"]["history"] == told["to_date"]
        assert [one["time"] for one in told["to_date"]] == [None] * len(told["to_date"])  # the log's times are numbers
        assert told["as_tested"] == told["to_date"][:-1] and told["target"] == told["to_date"][-1]["item_id"]
        assert "e.g. u000" in talk.ask(3, "user", user="u0")["error"]["remedy"]
