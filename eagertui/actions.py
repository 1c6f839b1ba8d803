"""Everything a person can do, declared once: keys, footer, help, command palette and documentation read this table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding

PLACES = {
    "home": "Home",
    "data": "Data",
    "index": "Index",
    "train": "Train",
    "explore": "Explore",
    "compare": "Compare",
}
"""The places of the app, in the order of their number keys."""

FORMS = {"start": "the form before a training", "new": "the new project", "pick": "the choice of a file"}
"""Screens that lie over a place and have keys of their own."""


@dataclass(frozen=True)
class Action:
    """One thing to do."""

    id: str
    """Stable name, for a person's own keys."""
    keys: str
    """Comma-separated; the first one is shown."""
    run: str
    """Textual's action string; one without `app.` belongs to the place's own screen."""
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
    # Home
    Action("new-project", "n", "app.new_project", "New project", "Make a project from two files.", ("home",),
           headless="eagertui init DIR --interactions FILE --items FILE"),
    Action("sample", "s", "app.sample", "Try sample", "Copy the sample project, a bookshop, and open it.", ("home",),
           headless="eagertui init --sample DIR"),
    Action("demo", "d", "app.demo", "Demo", "Open the demo: a finished run of the bookshop to look at and to ask.",
           ("home",), headless="eagertui open demo"),
    # runs
    Action("train", "t", "app.train", "Train", "Look at the settings and the cost, then train the project.",
           ("home", "data", "train"), headless="eagertui --headless train"),
    Action("resume", "r", "app.resume", "Resume", "Let this stopped or failed run go on where it was.",
           ("home", "train"), headless="eagertui --headless train --run ID"),
    Action("stop", "x", "app.stop_run", "Stop", "Stop the run: ask, then signal, then end it.", ("home", "train"),
           headless="eagertui --headless control stop --run ID"),
    Action("pause", "p", "app.pause_run", "Pause", "Pause the run, or let it go on.", ("train",),
           headless="eagertui --headless control pause --run ID"),
    Action("checkpoint", "w", "app.checkpoint_run", "Checkpoint", "Save a checkpoint now.", ("train",),
           headless="eagertui --headless control checkpoint --run ID"),
    Action("explore-run", "e", "app.explore", "Explore", "Recommendations of this run.", ("home", "train", "compare"),
           headless="eagertui --headless recommend --user ID --run ID"),
    # what is there already
    Action("edit-project", "E", "app.edit_project", "Edit file", "Open the project file in your own editor ($EDITOR).",
           ("home", "data", "index", "train", "start"), footer=False),
    Action("delete", "D,delete", "delete", "Delete",
           "Delete the run under the cursor, after a question; in the list of projects: forget one, its files stay.",
           ("home",), footer=False, headless="eagertui runs --rm ID"),
    Action("name-run", "N", "app.name_run", "Name", "Give the run under the cursor a name.", ("home",), footer=False,
           headless="eagertui runs --name ID NAME"),
    Action("pin-run", "P", "app.pin_run", "Pin", "Pin the run under the cursor, so that it stays, or unpin it.",
           ("home",), footer=False, headless="eagertui runs --pin ID"),
    Action("prune", "C", "app.prune", "Free disk", "Delete the artefacts that no run uses, after a question.",
           ("home",), footer=False, headless="eagertui runs --prune"),
    # Train
    Action("hold", "space", "hold", "Hold view", "Hold the view still, or let it follow again; the run goes on.",
           ("train",)),
    Action("output", "o", "output", "Output",
           "The stages where they have no room, what the engine printed (stdout.log), and the story again.",
           ("train",)),
    Action("watched-lists", "u", "watched_lists", "Lists", "A user's list after every epoch, of a few fixed users.",
           ("train",)),
    Action("next-metric", "m", "next_metric", "Next curve",
           "Other curves: validation, step size, throughput, memory.", ("train",), footer=False),
    Action("log-scale", "y", "log_scale", "Log scale", "Logarithmic or plain height of the loss.", ("train",),
           footer=False),
    Action("smooth", "s", "smooth", "Smooth", "Smooth the curves: off, little, much.", ("train",), footer=False),
    Action("zoom-in", "plus", "zoom(1)", "Zoom in", "Look at the newer part of the curves.", ("train",), footer=False),
    Action("zoom-out", "minus", "zoom(-1)", "Zoom out", "Look at more of the curves.", ("train",), footer=False),
    Action("zoom-reset", "0", "zoom_reset", "Whole curve", "Look at the whole curves.", ("train",), footer=False),
    # Data
    Action("next-table", "v", "next_table", "Table", "The next table: interactions, items, users, rejected rows.",
           ("data",)),
    Action("user", "u", "user", "User", "What one user's history becomes: training, validation, test.", ("data",)),
    Action("sort", "o", "sort", "Sort", "Sort by the column under the cursor: up, down, as it was.", ("data",)),
    Action("panel", "right_square_bracket", "page(1)", "Panel", "One panel large, then the next, then all.",
           ("data",)),
    Action("panel-before", "left_square_bracket", "page(-1)", "Panel before", "The panel before.", ("data",),
           footer=False),
    Action("read-again", "ctrl+r", "read_again", "Read again", "Read the files again.", ("data",),
           headless="eagertui --headless check"),
    # Index
    Action("find-item", "slash", "find", "Item", "Find an item by its title or id: its code, siblings, neighbours.",
           ("index",)),
    Action("branch-items", "i", "items", "Items", "Every item of the branch under the cursor, in a table.", ("index",)),
    Action("index-view", "v", "next_view", "View", "The tree, then the conflicts, then the whole report.", ("index",),
           headless="eagertui --headless index show"),
    Action("build-index", "b", "app.build_index", "Build",
           "Build an index by another quantizer, or with other settings.", ("index",),
           headless="eagertui --headless index build"),
    Action("index-diff", "d", "diff", "Diff", "The index of another run beside this one.", ("index",),
           headless="eagertui --headless index diff A B"),
    Action("index-add", "a", "add_items", "Add items",
           "Give the items of a table a code; the run recommends them at once.", ("index",), footer=False,
           headless="eagertui index add FILE"),
    Action("index-sort", "o", "sort", "Sort", "Sort the conflicts by the column under their cursor.", ("index",),
           footer=False),
    # Explore
    Action("find", "slash", "filter", "Find", "Type the beginning of a user's id, or a part of an item's title.",
           ("explore",), headless="eagertui recommend --user ID"),
    Action("outcome", "o", "next_kind", "Outcome", "Users by the test: missed, hit, by smaller rank; by history.",
           ("explore",)),
    Action("beside", "b", "beside", "Beside", "A baseline's list beside the model's; again for the next one.",
           ("explore",)),
    Action("run-beside", "s", "run_beside", "Run beside",
           "The list of another run beside this one's, after the same history; again for the next one.", ("explore",),
           footer=False),
    Action("beam", "t", "beam", "Beam", "How the search came to the item under the cursor, level by level.",
           ("explore",), headless="eagertui recommend --user ID --why ITEM"),
    Action("add-item", "a", "add", "Add", "Add an item to the end of the history; the list answers at once.",
           ("explore",), headless="eagertui recommend --history ID,ID"),
    Action("drop-item", "d", "drop", "Drop", "Take the item under the cursor out of the history, or out of the list.",
           ("explore",), headless="eagertui recommend --deny ID"),
    Action("undo", "u", "undo", "Undo", "Take the last change back.", ("explore",)),
    Action("hide-seen", "h", "hide_seen", "Hide seen", "Leave items of the history out of the list, or let them in.",
           ("explore",), headless="eagertui recommend --hide-seen"),
    Action("only", "f", "only", "Only", "Only items that fulfil a condition on the item table.", ("explore",),
           footer=False, headless="eagertui recommend --only CONDITION"),
    Action("more", "m", "more", "More of", "Steer the list towards words.", ("explore",), footer=False,
           headless="eagertui recommend --more TEXT"),
    Action("less", "l", "less", "Less of", "Steer the list away from words.", ("explore",), footer=False,
           headless="eagertui recommend --less TEXT"),
    Action("wish", "i", "wish", "Wish", "Find items by a wish, for this history or for nobody.", ("explore",),
           footer=False, headless="eagertui recommend --wish TEXT"),
    Action("plain", "r", "plain", "As it was", "The user's own history and the whole catalogue again.", ("explore",),
           footer=False),
    Action("new-basket", "n", "new_basket", "New basket", "An empty basket: a customer of whom nothing is known.",
           ("explore",), footer=False, headless="eagertui recommend --history ID,ID"),
    Action("change", "y", "change", "Least change",
           "The smallest change of the history that brings the item under the cursor in, or out.", ("explore",),
           footer=False),
    Action("history-kind", "w", "history_kind", "Other history",
           "The history without the held-out item, or all of it.", ("explore",), footer=False,
           headless="eagertui recommend --as-tested"),
    Action("earlier", "J", "move(-1)", "Earlier", "Move the item under the cursor of the history back.",
           ("explore",), footer=False),
    Action("later", "K", "move(1)", "Later", "Move the item under the cursor of the history forward.",
           ("explore",), footer=False),
    Action("longer", "plus", "length(1)", "Longer", "A longer list: 10, 20, 50.", ("explore",), footer=False,
           headless="eagertui recommend --k 50"),
    Action("shorter", "minus", "length(-1)", "Shorter", "A shorter list.", ("explore",), footer=False),
    Action("next-run", "v", "next_run", "Next run",
           "Ask another run the same: a finished one, or one in training that has a checkpoint.", ("explore",),
           footer=False),
    Action("epochs", "e", "epochs", "Epochs", "A user's list after every epoch of this run's training.", ("explore",),
           footer=False),
    Action("export-list", "x", "export", "Export", "Write the question and its answer into a file.", ("explore",),
           footer=False, headless="eagertui recommend --user ID --json"),
    Action("restart", "ctrl+r", "restart", "Reload model", "End the serving process and start it again.", ("explore",),
           footer=False),
    # Compare
    Action("mark-run", "space", "mark", "Mark", "Mark this run, or take its mark away; the marked ones are compared.",
           ("compare",), headless="eagertui compare --run ID --run ID"),
    Action("compare-view", "v", "next_view", "View",
           "The next view: methods, parts of the users, settings that differ, users, curves.", ("compare",)),
    Action("compare-metric", "m", "next_metric", "Metric", "Judge by the next metric.", ("compare",),
           headless="eagertui compare --metric NAME"),
    Action("compare-seen", "h", "seen", "Seen items", "Seen items kept in the lists, or hidden from them.",
           ("compare",)),
    Action("compare-against", "a", "against", "Against", "Hold all others against the run or method under the cursor.",
           ("compare",), headless="eagertui compare --against ID"),
    Action("compare-page", "x", "page", "Page", "Write the comparison as one HTML page beside the project.",
           ("compare",), headless="eagertui compare --html FILE"),
    Action("compare-back", "escape", "step_back", "Back", "The view that led here, then the place before.",
           ("compare",), footer=False),
    # lists
    Action("filter", "slash", "filter", "Filter", "Keep the rows that hold a text; !text those that do not.",
           ("home", "data", "train", "compare"), footer=False),
    # the form before a training
    Action("form-start", "t", "start", "Start", "Train with these settings.", ("start",),
           headless="eagertui --headless train --set KEY=VALUE"),
    Action("form-new", "n", "start_new", "New run", "Train as a new run, even where one could go on.", ("start",),
           headless="eagertui --headless train --new"),
    Action("form-default", "d", "default", "Default", "Give the setting its value of the project file again.",
           ("start",)),
    Action("form-filter", "slash", "filter", "Filter", "Keep the settings whose name or words hold a text.",
           ("start",)),
    Action("form-back", "escape", "back", "Back", "Back without a start; what was changed is kept.", ("start",)),
    # a new project
    Action("new-write", "w", "write", "Write", "Write the project and open it.", ("new",),
           headless="eagertui init DIR --interactions FILE --items FILE --set data.user=COLUMN"),
    Action("new-default", "d", "default", "Guess", "Give the setting under the cursor the guessed value again.",
           ("new",)),
    Action("new-filter", "slash", "filter", "Filter", "Keep the settings whose name or words hold a text.", ("new",)),
    Action("new-back", "escape", "back", "Other files", "Back to the choice of the files.", ("new",)),
    # the choice of a file
    Action("pick-none", "n", "none", "None", "There is no such file; go on without.", ("pick",)),
    Action("pick-type", "slash", "type", "Path", "Type a path; tab completes it.", ("pick",)),
    Action("pick-all", "full_stop", "every", "All", "Every file, or only those that may be tables.", ("pick",)),
    Action("pick-up", "left,backspace", "up", "Up", "The folder above.", ("pick",)),
    Action("pick-folder", "f", "folder", "Folder", "Take the whole folder: its tables are read one after the other.",
           ("pick",)),
    Action("pick-back", "escape", "back", "Back", "Back without a choice.", ("pick",)),
    # the tour of the demo
    Action("got-it", "full_stop", "app.got_it", "Got it", "Dismiss this hint of the demo's tour for good.",
           ("home", "index", "explore", "compare"), footer=False),
    # everywhere
    Action("home", "1", "app.go('home')", "Go to Home", "Projects and their runs.", footer=False),
    Action("place-data", "2", "app.go('data')", "Go to Data", "What is in the logs.", footer=False,
           headless="eagertui --headless check"),
    Action("place-index", "3", "app.go('index')", "Go to Index", "The item index: codes and their quality.",
           footer=False),
    Action("place-train", "4", "app.go('train')", "Go to Train", "One run, live.", footer=False),
    Action("place-explore", "5", "app.go('explore')", "Go to Explore", "What a user gets, and from which history.",
           footer=False),
    Action("place-compare", "6", "app.go('compare')", "Go to Compare", "Runs and baselines side by side.",
           footer=False, headless="eagertui compare"),
    Action("copy", "c", "app.copy", "Copy", "Copy what is under the cursor to the clipboard.", footer=False),
    Action("back", "escape", "app.go_back", "Back", "Back to where you were.", footer=False),
    Action("help", "question_mark,f1", "app.help", "Help", "Every key of this place."),
    Action("theme", "ctrl+t", "app.next_theme", "Theme", "The next theme: dark, light, the terminal's own colours.",
           footer=False),
    Action("about", "f2", "app.about", "About", "Versions, machine and where the files lie, to copy.", footer=False,
           headless="eagertui doctor"),
    Action("quit", "q", "app.quit_app", "Quit", "Leave; what trains goes on without the app."),
)  # fmt: skip

MOVING = (
    ("tab", "the next panel"),
    ("↑ ↓  j k", "the row above, the row below"),
    ("g G", "the first row, the last row; home and end as well"),
    ("pgup dn", "a screenful up or down"),
    ("enter", "open what is under the cursor"),
    ("esc", "one step back"),
    ("← →  h l", "in a table the column beside, in a tree in and out, in a chart its values"),
    ("/", "filter: a text, !text for the rows without it, =EXPRESSION over a table's columns"),
    ("ctrl+p", "find a command, project, run, item, setting or page of the documentation by its name"),
    ("ctrl+z", "to the shell; fg comes back"),
)
"""How one moves in every list, table, text and chart: keys, and what they do."""

MOVES = [
    Binding(key, f"app.move('{real}')", show=False)
    for key, real in (("j", "down"), ("k", "up"), ("g", "home"), ("G", "end"))
]
"""The keys of vi for those of every keyboard; a screen that lies over all others needs them of its own."""

KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "space": "space",
    "plus": "+",
    "minus": "-",
    "full_stop": ".",
    "left": "←",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
}


def actions_of(place: str) -> list[Action]:
    """What can be done in a place, its own actions first; a form has only its own and those that it does not cover."""
    own = [action for action in ACTIONS if place in action.places]
    taken = {key for action in own for key in action.keys.split(",")}
    everywhere = [action for action in ACTIONS if not action.places]
    return own + [a for a in everywhere if not taken & set(a.keys.split(","))]


def bindings(actions: Iterable[Action]) -> list[Binding]:
    """Actions as Textual's key bindings."""
    return [
        Binding(a.keys, a.run, a.label, show=a.footer, tooltip=a.help, id=a.id, key_display=key_name(a.keys))
        for a in actions
    ]


def key_name(keys: str) -> str:
    """The first of some keys as it is shown."""
    key = keys.split(",")[0].strip()
    return KEY_NAMES.get(key, f"^{key[5:]}" if key.startswith("ctrl+") else key)


def shown_key(action: Action, own: Mapping[str, str]) -> str:
    """An action's key as it is shown, the person's own where there is one."""
    return key_name(own.get(action.id, action.keys))


def clashes(own: Mapping[str, str]) -> dict[str, str]:
    """Of a person's own keys those that another action has in the same place or form, by an action's id, and why."""
    found = {}
    for place in (*PLACES, *FORMS):
        users: dict[str, list[str]] = {}
        for action in actions_of(place):
            for key in {key.strip() for key in own.get(action.id, action.keys).split(",")}:
                users.setdefault(key, []).append(action.id)
        for key, ids in users.items():
            mine = [one for one in ids if one in own]
            if len(ids) > 1 and mine:
                other = next(one for one in ids if one != mine[-1])
                found[mine[-1]] = f"{key} is the key of {other} too"
    return found


def own_bindings(place: str) -> list[Binding]:
    """The bindings of one place's screen."""
    return bindings(action for action in ACTIONS if place in action.places)


def app_bindings() -> list[Binding]:
    """The bindings that work everywhere."""
    suspend = Binding("ctrl+z", "suspend_process", show=False)
    return [*bindings(action for action in ACTIONS if not action.places), *MOVES, suspend]


def markdown() -> str:
    """Every action as the page of the documentation: `python -m eagertui.actions > assets/docs/keys.md`."""
    rows = [
        "# Keys",
        "",
        "Made from the table of actions (`python -m eagertui.actions > assets/docs/keys.md`). For another key, write",
        "the action's name into the table `[keys]` of `config.toml` (`eagertui doctor` says where that lies), such as",
        '`quit = "f10"`. Every action also stands in the palette (ctrl+p) and, with its key, in the help (?).',
        "",
        "## Moving",
        "",
        "| key | what it does |",
        "|---|---|",
        *(f"| {', '.join(f'`{key}`' for key in keys.split())} | {text} |" for keys, text in MOVING),
    ]
    names = {**PLACES, **FORMS, "": "Everywhere"}
    for place, label in names.items():
        rows += ["", f"## {label[0].upper()}{label[1:]}", ""]
        rows += ["| key | name | what it does | without a screen |", "|---|---|---|---|"]
        for action in ACTIONS:
            if place in action.places or (not place and not action.places):
                keys = ", ".join(f"`{key_name(key)}`" for key in action.keys.split(","))
                twin = f"`{action.headless}`" if action.headless else ""
                rows.append(f"| {keys} | {action.id} | {action.help} | {twin} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
