"""A person's way through the lists, in tmux with real keys: Explore and Compare, every key that leads somewhere.

    python -m tests.benchmarks.terminal.walk_lists PROJECT [--size 80x24] [--no-color] [--keep FOLDER]
        [--title Accidental] [--more romance]

PROJECT has two finished runs that differ in a setting, of the sample or of a log whose items have a price; the
beginning of a title and the words to steer by are given for others. A user is found by outcome, a book by its title;
three books are explained, the search is opened; seen books are hidden, a condition set, the list steered; three edits
are made and undone; SASRec and the other run stand beside; the list is written down; two runs are compared, their
settings and verdict read, a part of the users opened, and a user who lost is asked about. At every step the screen
shows what it should, and the way out stands below.
Needs tmux; see walk.py.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.terminal.walk import Terminal, environment


def to_list(terminal: Terminal, key: str = "Tab") -> None:
    """Give the keys to the list."""
    for _ in range(4):
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if "┏━ Next" in terminal.screen():
                terminal.see("the list has the keys", "┏━ Next")
                return
            time.sleep(0.2)
        terminal.keys(key)
    terminal.see("the list has the keys", "┏━ Next")


def explain(terminal: Terminal) -> None:
    """Three books, and the search for the last of them."""
    for number in range(3):
        terminal.keys("Enter")
        terminal.see(f"why {number + 1}", "Why · ", "esc back", place=False)
        terminal.see(f"the evidence {number + 1}", "Code by code", seconds=30, place=False)
        if number < 2:
            terminal.keys("Escape")
            terminal.keys("Down")
    terminal.keys("t")
    terminal.see("the beam", "Search · ", "Level 1|kept", seconds=30, place=False)
    terminal.keys("Down", "Down", "Escape")
    terminal.see("back at the list", "Next")


def what_if(terminal: Terminal, book: str, words: str) -> None:
    """Restrictions, steering and edits, and all of them taken back."""
    terminal.keys("h")
    terminal.see("seen hidden", "seen hidden")
    terminal.keys("f")
    terminal.see("a condition", "Only items where", place=False)
    terminal.type("price < 12")
    terminal.keys("Enter")
    terminal.see("only cheap books", "only price")
    terminal.keys("m")
    terminal.see("words", "More of", place=False)
    terminal.type(words)
    terminal.keys("Enter")
    terminal.see(f"more {words}", "more", words, seconds=60)
    terminal.keys("r")
    terminal.see("as it was", "Next 20")
    terminal.keys("a")
    terminal.see("an item to add", "Which item comes to the history", place=False)
    terminal.type(book)
    terminal.see("found to add", f"{book} ", place=False)
    terminal.keys("Enter")
    terminal.see("one more book", "▲|▼|new")
    terminal.keys("BTab")
    terminal.keys("d")
    terminal.see("one book less", "▲|▼|new|=")
    terminal.keys("J")
    terminal.see("another order", "Next 20")
    for number in range(3):
        terminal.keys("u")
        terminal.see(f"undo {number + 1}", "Next 20")
    to_list(terminal)


def beside(terminal: Terminal) -> None:
    """SASRec's list beside the model's, both written into a file."""
    name = ""
    while name != "sasrec":
        terminal.keys("b")
        end = time.monotonic() + 60
        while (found := re.search(r"Next by (\S+)", terminal.screen())) is None or found[1] == name:
            if time.monotonic() > end:
                terminal.fail("a list beside", terminal.screen(), f"no list after {name or 'the first key'}")
            time.sleep(0.1)
        name = found[1]
    terminal.see("SASRec beside", r"Next by sasrec ")
    terminal.keys("s")
    terminal.see("another run beside", r"Next by 20\d\d-", "in both", seconds=90)
    terminal.keys("x")
    terminal.see("written", "written")


def compare(terminal: Terminal) -> None:
    """Two runs: verdict, settings, parts of the users, a user who lost."""
    terminal.keys("6")
    terminal.see("compare", "Methods", seconds=30)
    terminal.keys("Space", "Down", "Space")
    verdict = r"model\+?\w* .*(better|worse|not clear)"
    terminal.see("two are marked, and the verdict", "2 marked", r"model\+fused .*reference", verdict, seconds=60)
    terminal.keys("v", "v")
    terminal.see("the settings that differ", "Settings that differ", r"(tune|recommend)\.", seconds=30)
    terminal.keys("v", "v", "v")
    terminal.see("the methods again", "Methods", seconds=30)
    terminal.keys("Tab", "Home", "Down", "Down", "Enter")
    terminal.see("parts of the users", "Parts of the users", seconds=30)
    terminal.keys("Down", "Down", "Enter")
    terminal.see("who gained and lost", "Who gained and lost", seconds=30)
    terminal.keys("Home", "Down", "Down", "Enter")
    terminal.see("a user who lost", "Next 20", seconds=60)
    terminal.keys("Escape")
    terminal.see("back at compare", "Who gained and lost")


def walk(terminal: Terminal, command: str, book: str, words: str) -> None:
    """The whole way."""
    started = time.monotonic()
    terminal.type(command)
    terminal.keys("Enter")
    terminal.see("who", r"Who\?", "users", seconds=300)
    terminal.keys("o")
    terminal.see("users who were missed", "missed ", "✗")
    terminal.keys("Down", "Enter")
    terminal.see("the list", "Next 20", "held out", seconds=60)
    to_list(terminal)
    explain(terminal)
    what_if(terminal, book, words)
    beside(terminal)
    terminal.keys("/")
    terminal.type(book)
    terminal.see("books by title", f"≡ {book[:5]}", seconds=30, place=False)
    terminal.keys("Enter")
    terminal.see("why that book is not listed", f"Why · {book[:5]}", "Code by code", seconds=30, place=False)
    terminal.keys("Escape")
    terminal.keys("Escape")
    compare(terminal)
    terminal.keys("q")
    terminal.see("out", r"\$\s*$", place=False)
    print(f"walked in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--no-color", action="store_true")
    parser.add_argument("--title", default="Accidental", help="the beginning of a title")
    parser.add_argument("--more", default="romance", help="words that the list is steered towards")
    parser.add_argument("--keep", type=Path, help="a folder for the screens that were seen, one file each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        session = Terminal(options.size, environment(name, options.no_color), Path(name), patience=3)
        try:
            command = f"{sys.executable} -m eagertui.cli open {options.project.absolute()} explore"
            walk(session, command, options.title, options.more)
        finally:
            session.close()
            if options.keep:
                folder = options.keep / f"{options.size}{'-no-color' if options.no_color else ''}"
                folder.mkdir(parents=True, exist_ok=True)
                for number, (step, text) in enumerate(session.seen, 1):
                    (folder / f"{number:02} {step}.txt").write_text(text)
