"""What trips a new user up, tried in tmux with real keys: an empty home, the installed command, two sizes.

    python tests/benchmarks/terminal/first_hour.py [--size 80x24] [--only WORD ...] [--keep FOLDER]

Each step types a command or presses keys, and says what must stand on the screen and what must not. A step that fails
does not end the others. --keep writes a text screen a step. It runs with the Python that has the wheel or the
checkout; nothing is trained but the last part (`--only train`), a short run on a part of the sample. Needs tmux, and
about five minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from steps import Missing, Walk, after_the_list, pressing

SHORT = (
    "--set data.where=\"user_id < 'r0400'\" --set tune.stages.epochs=1 --set sasrec.epochs=1 "
    "--set index.rq-vae.epochs=8 --set tune.validate_users=100 --set recommend.beams=10"
)
LOCKED = "unshare -m bash --norc -c 'mount --bind read-only read-only; mount -o remount,bind,ro read-only;"
"""A shell, for root, in which a folder cannot be written."""


def in_the_shell(walk: Walk) -> None:
    """What is typed."""
    command = walk.command
    dry = "eagertui train shop --dry-run --set"
    command("one setting for every stage", f"{dry} tune.stages.epochs=1 2>&1 | grep -E 'tune|error'", "one epoch",
            hides=["did you mean"])  # fmt: skip
    command("a key of no table", f"{dry} epochs=1; echo code $?; {dry} tune.epochs=1; echo code $?",
            r"did you mean tune\.stages\.epochs", "code 2")  # fmt: skip
    command(
        "the template has the recipe's values",
        "eagertui init own --interactions shop/interactions.parquet 2>/dev/null; grep -E "
        "'batch_tokens|hidden_size|layers|patience|dropout =|distill|stages ='"
        " own/project.toml | tail -13 | cut -c 1-58",
        "batch_tokens = 1024", "hidden_size = 192", "layers = 3", "patience = 20", "dropout = 0.2", "distill = 0.8",
        "epochs = 20",
    )  # fmt: skip
    command("recipes introduce themselves", "eagertui recipes | grep -A4 '^lc-rec:'",
            "6.7 billion", "13 GB", "GPUs")  # fmt: skip
    command("an impossible start, dry run",
            "for set in recipe=lc-rec backbone.model=/nonexist run.device=cuda; do "
            f"{dry} $set >/dev/null 2>out; echo code $?; grep -A1 ^error out; done",
            "hub cannot be reached", "no model at /nonexist", "no GPU", "code 3", hides=["code 0"])  # fmt: skip
    command("the time before a first run", f"{dry} seed=1", "not known before a first run")
    command("a path that is nothing", "eagertui shpo; eagertui ./nowhere", "did you mean shop", "nothing at nowhere")
    command("a table is no project", "eagertui shop/items.parquet; eagertui check shop/interactions.parquet",
            "is a table, not a project", "the project beside it: eagertui shop")  # fmt: skip
    command("a verb prints, on a pipe too", "eagertui runs ours | cat; eagertui check shop 2>/dev/null | head -6",
            "bookshop-demo", "29,032")  # fmt: skip
    command("codes with their words",
            "eagertui recommend ours --user r0236 --k 3 --why 2>/dev/null | grep -E -A3 '^(rank|code) ' | grep -v ─",
            r"<a_\d+>", "branch")  # fmt: skip
    command("no foreign warnings",
            "eagertui recommend ours --user r0236 --k 3 2>&1 >/dev/null | cat; echo said by stderr: the lines above",
            hides=["deprecated", "Warning"])  # fmt: skip
    command("k of the library",
            "python -c \"from eagertui import Recommender; "
            "r = Recommender.load('ours/runs/bookshop-demo'); "
            "print(len(r.recommend(history=['b0012', 'b0345'], k=5).items), 'items')\"",
            "^5 items|\n5 items")  # fmt: skip
    new = "new = pl.read_parquet('shop/items.parquet').head(1).with_columns(item_id=pl.lit('n1'))"
    command("an added item, its neighbours and its place",
            f"python -c \"import polars as pl; {new}; new.write_parquet('new.parquet')\"\n"
            "eagertui index add ours new.parquet", "n1 +<a_", "beside",
            hides=["rejected: {}"])  # fmt: skip
    command("titles beside codes in prompts", "eagertui prompts ours --task sequential --rows 1 2>&1 | tail -20",
            r"<a_\d+>", "#|The ")  # fmt: skip
    command("an exported folder can be read", "eagertui export ours --out folder 2>/dev/null >/dev/null; ls -l folder",
            r"-rw-r--r--.*model.safetensor", "README.md", hides=["-rw-------"])  # fmt: skip
    command("a terminal of latin-1",
            "export PYTHONIOENCODING=latin-1; eagertui runs ours; eagertui; echo code $?; unset PYTHONIOENCODING",
            hides=[r"\\u25"])  # fmt: skip
    command("wordings", "eagertui export --help | grep -i hugging; eagertui init x --interactions nofile.csv; "
            "eagertui init --sample three 2>&1", "Hugging Face", "the folder that you are in",
            hides=["hugging face folder", "lies in"])  # fmt: skip
    command(
        "completion knows runs, settings, recipes and requests",
        'eval "$(eagertui --completion bash)"\n'
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _eagertui; echo "${COMPREPLY[@]}"; }\n'
        "ask eagertui recommend ours --run ''; ask eagertui train --set tune.st; ask eagertui control p; "
        "ask eagertui train --set recipe = li",
        "bookshop-demo", "tune.stages", "pause", "light-large",
    )  # fmt: skip
    command("names, pins, deletes and prunes runs",
            "eagertui runs ours --name bookshop-demo first; eagertui runs ours --pin bookshop-demo; "
            "eagertui runs ours --rm bookshop-demo --yes; eagertui runs ours --unpin bookshop-demo; "
            "mkdir ours/runs/.store/deadbeef; echo n | eagertui runs ours --rm bookshop-demo; "
            "eagertui runs ours --prune --yes; eagertui runs ours", "first", "pinned", "MB|KB|bytes")  # fmt: skip
    command("a project that cannot be written, headless",
            f"{LOCKED} eagertui check read-only 2>&1 | head -5; "
            "eagertui --headless train read-only; echo code $?'",
            "29,032", "cannot write", "code 3", hides=["code 0"])  # fmt: skip


def in_the_app(walk: Walk) -> None:
    """What is pressed."""
    app = walk.app
    for key, place in (("3", "Index"), ("5", "Explore"), ("6", "Compare")):
        app(f"{place} before a project is open", "", pressing(key), "No project is open", "1 +home")
    for path in ("shop", "two/shop", "ours"):
        app(f"Home, {path} opened", path, pressing("1"), "Quit")
    app("projects of one name", "shop", pressing("1"), "bookshop", "two")
    app("Home with a run", "ours", pressing("1"), "This run", "finished")
    app("Train, the test panel to its end", "open ours train", pressing("Tab", "Tab", "Tab", "G"), "popularity")
    app("Train, the test panel, back to its first row", "open ours train", pressing("Tab", "Tab", "Tab", "G", "g"),
        "model")  # fmt: skip
    app("Compare, the methods to their end", "open ours compare", pressing("Tab", "G"), "popularity")
    app("the form before a first run", "shop", pressing("t"), "not known")
    app("the form, an impossible recipe", "shop",
        pressing("t", "...", "/", "=recipe", "Enter", "...", "Enter", "...", "Home", "Down", "Down", "Down", "Enter"),
        "huggyllama")  # fmt: skip
    app("recipes in the form", "shop", pressing("t", "...", "/", "=recipe", "Enter", "...", "Enter"),
        "GPUs, 6.7 B|1.9 M")  # fmt: skip
    app("the filter ranks names first", "shop", pressing("t", "/", "=ep"), r"epochs")
    app("a name of a run", "ours", pressing("1", "N", "C-u", "=second", "Enter"), "second")
    app("deleting a run asks and tells the bytes", "ours", pressing("1", "D"), "[MK]B", "Delete")
    app("a pinned run stays", "ours", pressing("1", "P", "D"), "pinned")
    app("freeing the disk", "ours", pressing("1", "C"), "[MK]B|nothing|No ")
    app("ctrl+c names our keys", "shop", pressing("C-c"), "q", hides=[r"ctrl\+q"])
    app("j k g G", "open ours data", pressing("...", "[", "v", "...", "j", "j", "G", "k"), "Items|Interactions|Users")
    app("help names moving", "ours", pressing("?", "G"), "screenful", "one step back")
    app("one theme in the palette", "ours", pressing("C-p", "=theme"), "Theme")
    app("the palette finds an item", "open ours explore", pressing("C-p", "=Castle"), "Castle")
    app("the palette finds a setting", "ours", pressing("C-p", "=batch_tokens"), "tune.batch_tokens")
    app("the palette finds a page", "ours", pressing("C-p", "=glossary"), "(?i)glossary")
    app("the palette finds a project", "ours", pressing("C-p", "=two"), "two")
    app("the palette finds a run", "ours", pressing("C-p", "=bookshop-demo"), "demo")
    app("titles have the room in Data", "open ours data", pressing("...", "[", "v", "..."), "Items",
        r"[A-Z]\w+ \w+ \w+")  # fmt: skip
    app("Index", "open ours index", pressing("Down", "Right"), "Quit")
    app("Explore, a list and the held-out item", "open ours explore --user r0236", pressing(), "Next", "r0236",
        seconds=90)  # fmt: skip
    app("Esc keeps the answer", "open ours explore --user r0236",
        after_the_list("/", "=zzz", "Escape", "Escape"),
        "Next", "Quit")  # fmt: skip
    app("Enter drills down to an item", "open ours explore --user r0236",
        after_the_list("Tab", "Tab", "Enter"),
        "esc back|Quit", seconds=5)  # fmt: skip
    app("E opens the editor", "shop", pressing("E"), "bookshop", "Quit")
    broken(walk)
    two_apps(walk)
    read_only(walk)


def broken(walk: Walk) -> None:
    """Files with faults."""
    settings = walk.home / "config" / "eagertui" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('symbols = "ascii"\n[keys]\nnonsense = "z"\ntrain = "5"\n')
    walk.app("a wrong line of config.toml costs that line", "open ours train", pressing(), "nonsense", "train")
    settings.unlink()
    file = walk.home / "two/shop/project.toml"
    good = file.read_text()
    file.write_text(good.replace("seed = 0", "seed = = 0"))
    walk.app("a broken project file shows its line", "two/shop", pressing("t"), "seed = = 0", before="EagerTUI")
    editor = walk.home / "mend.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/= = 0/= 7/' \"$1\"\n")
    editor.chmod(0o755)
    walk.shell["EDITOR"] = str(editor)
    walk.app("E mends it and all is read again", "two/shop", pressing("t", "E"), "seed +7", before="EagerTUI")
    walk.shell["EDITOR"] = "cat"
    file.write_text(good)


def two_apps(walk: Walk) -> None:
    """What two apps at once remember."""
    step = "two apps keep each other's projects"
    if not walk.wanted(step):
        return
    shutil.rmtree(walk.home / "state", ignore_errors=True)
    one, other = walk.session(), None
    try:
        one.type("eagertui"), one.keys("Enter")
        one.see("first", "Quit", seconds=60, place=False)
        other = walk.session()
    except Exception:
        one.close()
        raise
    try:
        other.type("eagertui two/shop"), other.keys("Enter")
        other.see("second", "Quit", seconds=60, place=False)
        time.sleep(2)
        other.keys("q")
        time.sleep(2)
        one.keys("s")
        time.sleep(4)
        one.keys("q")
        time.sleep(2)
        one.type("clear; eagertui"), one.keys("Enter")
        with contextlib.suppress(Missing):
            one.see("again", "two", "bookshop", seconds=40, place=False)
        walk.check(step, one.screen(), [r"two", r"bookshop"])
    finally:
        one.close()
        other.close()


def read_only(walk: Walk) -> None:
    """A project whose folder cannot be written."""
    step = "Data of a project that cannot be written"
    if os.geteuid() or not walk.wanted(step):
        return
    terminal = walk.session()
    try:
        terminal.type(f"clear; {LOCKED} eagertui open read-only data'"), terminal.keys("Enter")
        with contextlib.suppress(Missing):
            terminal.see(step, "29,032", seconds=60, place=False)
        walk.check(step, terminal.screen(), ["29,032|29,0"], ["ended without an answer"])
        terminal.keys("t")
        with contextlib.suppress(Missing):
            terminal.see(step, "cannot write", seconds=40, place=False)
        wanted = ["cannot *write|cannot[^a-z]+write"]
        walk.check("the form of a project that cannot be written", terminal.screen(), wanted)
    finally:
        terminal.close()


def a_run(walk: Walk) -> None:
    """A short run: watched, stopped, gone on with, and what is told of the next one."""
    step = "train, a short run"
    if not walk.wanted(step):
        return
    terminal = walk.session()

    def see(name: str, *patterns: str, seconds: float = 120, hides: Sequence[str] = ()) -> None:
        with contextlib.suppress(Missing):
            terminal.see(name, *patterns, seconds=seconds, place=False)
        walk.check(f"train, {name}", terminal.screen(), patterns, hides)

    try:
        terminal.type(f"clear; eagertui train shop {SHORT}"), terminal.keys("Enter")
        terminal.see("the place", "No run yet", seconds=60, place=False)
        terminal.keys("t")
        terminal.see("the form", "not known|about", seconds=90, place=False)
        pressing("...", "t")(terminal)
        see("at work, stages to come", "running", "Story|Stages", seconds=90)
        terminal.see("tuning", r"stage 7/10", seconds=400, place=False)
        terminal.keys("x")
        time.sleep(1)
        see("stop asks", "(?i)stop", seconds=10)
        terminal.keys("s")
        see("stopped, each stage by its name", "stopped", seconds=60, hides=[r"\.partial"])
        terminal.keys("r")
        see("goes on", "running", seconds=60)
        see("ranking, which pass", r"\d of \d|/10", seconds=400)
        see("finished, sums of both parts", "finished", seconds=600)
        terminal.keys("t")
        see("the next one's time", "about|nothing to compute|not known", seconds=60)
    finally:
        terminal.close()


def main() -> int:
    """Walk in one size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--only", action="append", default=[], help="a word of the steps to try; repeatable")
    parser.add_argument("--keep", type=Path, help="a folder for the screens")
    options = parser.parse_args()
    walk = Walk(options.size, options.only, options.keep)
    try:
        for part in (in_the_shell, in_the_app, a_run):
            part(walk)
    finally:
        walk.end()
    print(f"{walk.tried - len(walk.failed)} of {walk.tried} as they must be; failed: {walk.failed}")
    return bool(walk.failed)


if __name__ == "__main__":
    sys.exit(main())
