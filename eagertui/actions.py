"""Everything a person can do, declared once: keys, footer, help and command palette all read this table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding

PLACES = {"home": "Home", "train": "Train", "explore": "Explore"}
"""The places of the app, in the order of their number keys."""


@dataclass(frozen=True)
class Action:
    """One thing to do."""

    id: str
    """Stable name, for a person's own keys."""
    keys: str
    """Comma-separated; the first one is shown."""
    run: str
    """Textual's action string."""
    label: str
    """One or two words for the footer."""
    help: str
    """One sentence."""
    places: tuple[str, ...] = ()
    """Where it works; empty is everywhere."""
    footer: bool = True
    headless: str = ""
    """The command that does the same without a screen."""


ACTIONS: tuple[Action, ...] = (
    Action("train", "t", "app.train", "Train", "Train the project: go on with its unfinished run, or start one.",
           ("home", "train"), headless="eagertui --headless train"),
    Action("train-new", "n", "app.train_new", "New run", "Start a new run, even where one could go on.",
           ("home", "train"), headless="eagertui --headless train --new"),
    Action("sample", "s", "app.sample", "Try sample", "Copy the sample project, a bookshop, and open it.", ("home",),
           headless="eagertui init --sample DIR"),
    Action("resume", "r", "app.resume", "Resume", "Let this stopped or failed run go on where it was.",
           ("home", "train"), headless="eagertui --headless train --run ID"),
    Action("stop", "x", "app.stop_run", "Stop", "Stop the run: ask, then signal, then end it.", ("home", "train"),
           headless="Ctrl-C"),
    Action("pause", "p", "app.pause_run", "Pause", "Pause the run, or let it go on.", ("train",)),
    Action("checkpoint", "k", "app.checkpoint_run", "Checkpoint", "Save a checkpoint now.", ("train",)),
    Action("explore-run", "e", "app.explore", "Explore", "Recommendations of this run.", ("home", "train"),
           headless="eagertui --headless recommend --user ID --run ID"),
    Action("find", "slash", "find", "Find user", "Type a user's id.", ("explore",)),
    Action("restart", "ctrl+r", "restart", "Reload model", "End the serving process and start it again.", ("explore",)),
    Action("home", "1", "app.go('home')", "Go to Home", "The runs of the project.", footer=False),
    Action("place-train", "2", "app.go('train')", "Go to Train", "One run, live.", footer=False),
    Action("place-explore", "3", "app.go('explore')", "Go to Explore", "What a user gets, and from which history.",
           footer=False),
    Action("back", "escape", "app.go_back", "Back", "Back to where you were.", footer=False),
    Action("help", "question_mark,f1", "app.help", "Help", "Every key of this place."),
    Action("quit", "q", "app.quit_app", "Quit", "Leave; what trains goes on without the app."),
)  # fmt: skip


def actions_of(place: str) -> list[Action]:
    """What can be done in a place, its own actions first."""
    own = [action for action in ACTIONS if place in action.places]
    return own + [action for action in ACTIONS if not action.places]


def bindings(actions: Iterable[Action]) -> list[Binding]:
    """Actions as Textual's key bindings."""
    return [
        Binding(a.keys, a.run, a.label, show=a.footer, tooltip=a.help, id=a.id, key_display=key_name(a))
        for a in actions
    ]


def key_name(action: Action) -> str:
    """The key as it is shown."""
    key = action.keys.split(",")[0]
    return {"question_mark": "?", "slash": "/", "escape": "esc", "ctrl+r": "^r"}.get(key, key)


def own_bindings(place: str) -> list[Binding]:
    """The bindings of one place's screen."""
    return bindings(action for action in ACTIONS if place in action.places)


def app_bindings() -> list[Binding]:
    """The bindings that work everywhere."""
    return bindings(action for action in ACTIONS if not action.places)
