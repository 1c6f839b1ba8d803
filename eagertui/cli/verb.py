"""What a verb of the command line declares of itself."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


def _none(parser: ArgumentParser) -> None:
    """No arguments of its own."""


@dataclass(frozen=True)
class Verb:
    """One verb.

    Attributes:
        name: the word that a person types.
        help: one line for `--help`.
        work: does it without a screen and returns the exit code; None where it only has verbs of its own.
        arguments: adds its own arguments to its parser.
        project: whether it takes PROJECT as its first argument.
        sets: whether it takes `--set KEY=VALUE`, and `--help` lists the settings.
        run: whether it takes `--run ID`.
        place: where the app shows the same; empty: nowhere.
        opens: whether it opens the app there on a terminal, where `--headless` is missing; all others print.
        prints_with: options that, like `--headless` and `--json`, mean that no app is wanted.
        prints: whether it takes `--headless` and `--json`.
        verbs: verbs of its own.
        order: where help lists it; verbs of the same number by name.
    """

    name: str
    help: str
    work: Callable[[Namespace], int] | None = None
    arguments: Callable[[ArgumentParser], None] = _none
    project: bool = True
    sets: bool = False
    run: bool = False
    place: str = ""
    opens: bool = False
    prints_with: tuple[str, ...] = ()
    prints: bool = True
    verbs: tuple[Verb, ...] = ()
    order: int = 100


def positive(text: str) -> int:
    """A whole number of at least 1, for `add_argument(type=)`."""
    from argparse import ArgumentTypeError

    number = int(text)
    if number < 1:
        raise ArgumentTypeError(f"{text} is not at least 1")
    return number
