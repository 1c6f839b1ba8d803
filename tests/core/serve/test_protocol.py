"""The lines of the serving process: what is written is read again, and nothing else is taken for a message."""

from __future__ import annotations

import pytest

from core.errors import DataError, EagerError
from core.serve import protocol
from core.serve.methods import METHODS


def test_a_message_comes_back_as_it_was() -> None:
    for message in (
        protocol.progress("loading the model"),
        protocol.ready("a run", 3, 4, ["data"]),
        protocol.request(7, "users", {"prefix": "界\n\x1b", "limit": 2}),
        protocol.failure(DataError("no user", "look again")),
    ):
        line = protocol.line(message)
        assert line.endswith("\n") and line.count("\n") == 1
        assert protocol.parse(line) == protocol.parse(line.encode()) == message


@pytest.mark.parametrize("text", ["", "a library prints something", "[1, 2]", "null", "3", b"\xff\xfe", "[" * 99_999])
def test_what_a_library_prints_is_no_message(text: str | bytes) -> None:
    assert protocol.parse(text) == {}


def test_an_error_arrives_with_remedy_and_exit_code() -> None:
    error = protocol.error_of(protocol.failure(DataError("no user", "look again")))
    assert error is not None
    assert (error.message, error.remedy, error.exit_code) == ("no user", "look again", DataError.exit_code)
    assert protocol.error_of(protocol.progress("x")) is None
    for odd in ({"error": "just words"}, {"error": {}}, {"error": {"message": None, "exit_code": "4"}}):
        odd_error = protocol.error_of(odd)
        assert odd_error is not None and odd_error.exit_code == EagerError.exit_code


def test_every_method_says_what_it_answers() -> None:
    assert protocol.QUIT not in METHODS
    assert all(method.__doc__ for method in METHODS.values())
