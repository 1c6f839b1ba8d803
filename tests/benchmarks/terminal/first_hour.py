"""What trips a new user up, tried in tmux with real keys: an empty home, the installed command, two sizes.

    python tests/benchmarks/terminal/first_hour.py [--size 80x24] [--only WORD ...] [--keep FOLDER]

Each step types a command or presses keys, waits for what must stand on the screen before the next key, and says what
must be seen at last and what must not. A step that fails does not end the others, and none needs another: --only tries
those whose names hold one of the words. --keep writes a text screen a step. It runs with the Python that has the wheel
or the checkout; nothing is trained but the last part (--only "train, "), a short run on a part of the sample. Needs
tmux, and about ten minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from steps import Does, Walk, see

SHORT = (
    "--set data.where=\"user_id < 'r0800'\" --set tune.stages.epochs=6 --set sasrec.epochs=1 "
    "--set index.rq-vae.epochs=8 --set tune.validate_users=100 --set recommend.beams=10"
)
LOCKED = "unshare -m bash --norc -c 'mount --bind read-only read-only; mount -o remount,bind,ro read-only;"
"""A shell, for root, in which a folder cannot be written."""
A_LIST = see("Next 20", r"1 .*-\d")


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
    """Places and keys."""
    app = walk.app
    for key, place in (("3", "Index"), ("5", "Explore"), ("6", "Compare")):
        app(f"{place} before a project is open", "", [key], "No project is open", "1 +home", hides=["Build|Find|Mark"])
    test_panel = [see(r"model\+fused"), *([] if walk.small else ["Tab", "Tab", "Tab"]), "G"]
    app("Train, the test panel to its end", "open ours train", test_panel, "better than", "hidden: model.fused +R@10")
    app("Train, the test panel, back to its first row", "open ours train", [*test_panel, see("better than"), "g"],
        r"model\+fused")  # fmt: skip
    app("Train, the stages of a finished run", "open ours train", [see(r"model\+fused"), *stages_of_finished(walk)],
        r"tune +\d+ min", "evaluate +")  # fmt: skip
    app("Compare, the methods to their end", "open ours compare", [see("model"), "Tab", "G"], "best reachable")
    app("ctrl+c names our keys", "shop", [see("look at the data"), "C-c"], "q quits", "ctrl.z", hides=[r"ctrl\+q"])
    items = [see("users +2,000"), "[", see("of 29,032"), "v", see("of 900")]  # one panel large, as on a small screen
    app("j k g G", "open ours data", [*items, "j", "j", "G", "k"], "900 of 900")
    app("titles have the room in Data", "open ours data", items, "The Forsworn Dragon's")
    app("help names moving", "ours", [see("This run|What now"), "?", see("Keys of"), "G"], "a screenful",
        "one step back")  # fmt: skip
    app("Explore, a list and the held-out item", "open ours explore --user r0236", [], "Next 20", r"1 .*-\d",
        "held out")  # fmt: skip
    app("Esc keeps the answer", "open ours explore --user r0236",
        [A_LIST, "/", "=zzz", see("zzz"), "Escape", "Escape", "Escape", see("This run"), "5"], "Next 20", r"1 .*-\d",
        hides=["zzz"])  # fmt: skip
    app("Enter drills down to an item", "open ours explore --user r0236", [A_LIST, "Tab", "Tab", "Enter"],
        "Code by code", "Scorers")  # fmt: skip
    app("E opens the editor", "shop", [see("look at the data"), "E"], "look at the data", "Quit")


def stages_of_finished(walk: Walk) -> list[Does]:
    """Keys to the stages of a finished run: on a small screen the story comes before them."""
    return ["o", see("Story|stage"), "o"] if walk.small else ["o"]


def home(walk: Walk) -> None:
    """Projects and runs."""
    app = walk.app
    known = see("1 in all", "This run")
    app("projects of one name", "shop", [see("look at the data")], r"bookshop +no run yet +~/shop",
        r"bookshop +no run yet +~/two/shop", visited="two/shop")  # fmt: skip
    app("Home with a run", "ours", [known], "R@10 .5905", "52 min")
    app("a name of a run", "ours", [known, "N", see("enter keeps"), "C-u", "=second", "Enter"], "finished +second")
    app("deleting a run asks and tells the bytes", "ours", [known, "D"], "Delete 7.3 MB", "Keep it")
    app("a pinned run stays", "ours", [known, "P", see("pinned"), "D"], "run bookshop-demo is pinned")
    if walk.wanted("freeing the disk"):
        store = walk.finished("full") / "runs" / ".store" / "0123456789abcdef0123"
        store.mkdir()
        (store / "left-over").write_bytes(bytes(3_000_000))
    app("freeing the disk", "full", [known, "C"], r"3.0 MB")


def the_form(walk: Walk) -> None:
    """Before a training."""
    app = walk.app
    form = ["t", see("memory 1.2 GB")]
    recipes = [*form, "/", "=recipe", see("1 of"), "Enter", "Enter", see("enter takes")]
    app("the form before a first run", "shop", form, "time not known before a first run")
    app("the filter ranks names first", "shop", [*form, "/", "=ep", see(r"\d of 1")],
        r"Most used\s+(?:[│┃].*)?\n\W+tune.stages.0.epochs")  # fmt: skip
    app("recipes in the form", "shop", [*recipes, "Home"], "GPUs, 6.7 B parameters",
        "two CPU cores, 1.9 M parameters")  # fmt: skip
    app("the form, an impossible recipe", "shop", [*recipes, "Home", "Enter"],
        "cannot start: vectors.semantic needs huggyllama/llama-7b", "hub cannot be reached")  # fmt: skip


def the_palette(walk: Walk) -> None:
    """What ctrl+p finds."""
    for step, command, typed, shown in (
        ("one theme in the palette", "ours", "theme", r"Theme +\(\^t\)"),
        ("the palette finds an item", "open ours explore", "dragon", "(?m)Dragon.* item$"),
        ("the palette finds a setting", "ours", "batch_tokens", r"tune\.batch_tokens +setting"),
        ("the palette finds a page", "ours", "glossary", "glossary +documentation"),
        ("the palette finds a project", "ours", "shop", "bookshop +project"),
        ("the palette finds a run", "ours", "bookshop-demo", "bookshop-demo +run"),
    ):
        there = see("Who") if "explore" in command else see("This run")
        walk.app(step, command, [there, "C-p", see("Search"), f"={typed}"], shown, visited="two/shop")


def broken(walk: Walk) -> None:
    """Files with faults."""
    settings = walk.home / "config" / "eagertui" / "config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('symbols = "ascii"\n[keys]\nnonsense = "z"\ntrain = "5"\n')
    walk.app("a wrong line of config.toml costs that line", "open ours train", [], "keys.nonsense: no such action",
             "keys.train: 5 is the key")  # fmt: skip
    settings.unlink()
    file = walk.home / "two/shop/project.toml"
    good = file.read_text()
    file.write_text(good.replace("seed = 0", "seed = = 0"))
    walk.app("a broken project file shows its line", "two/shop", [], "line 5: seed = = 0", "E +opens the file")
    editor = walk.home / "mend.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/= = 0/= 7/' \"$1\"\n")
    editor.chmod(0o755)
    walk.shell["EDITOR"] = str(editor)
    walk.app("E mends it and all is read again", "two/shop",
             [see("seed = = 0"), "E", see("look at the data"), "t", see("memory 1.2 GB")], "seed +7")  # fmt: skip
    walk.shell["EDITOR"] = "cat"
    file.write_text(good)


def two_apps(walk: Walk) -> None:
    """What two apps at once remember."""
    step = "two apps keep each other's projects"
    if not walk.wanted(step):
        return
    walk.forget()
    with walk.session() as one:
        walk.open(one, "eagertui")
        walk.visit("two/shop", see("look at the data"))
        one.do(["s", see("~/bookshop|data of bookshop|look at the data")])
        walk.leave(one)
        walk.open(one, "eagertui")
        walk.look(one, step, [], r"bookshop .*~/bookshop", r"bookshop .*two/shop")
        walk.leave(one)


def read_only(walk: Walk) -> None:
    """A project whose folder cannot be written."""
    if os.geteuid():
        return
    walk.app("Data of a project that cannot be written", f"{LOCKED} eagertui open read-only data'", [], "29,032",
             "users +2,000", hides=["ended without an answer"])  # fmt: skip
    walk.app("the form of a project that cannot be written", f"{LOCKED} eagertui read-only'",
             [see("look at the data"), "t"], "cannot start: cannot write", "copy the project")  # fmt: skip


def a_run(walk: Walk) -> None:
    """A short run: watched, stopped, gone on with, and what is said of the next one."""
    if not walk.wanted("train, "):
        return
    live = ["o"] if walk.small else []  # a small screen has no room for the stages beside the curves
    with walk.session() as terminal:

        def look(name: str, does: Sequence[Does], *wants: str, hides: Sequence[str] = (), seconds: float = 600) -> None:
            walk.look(terminal, f"train, {name}", does, *wants, hides=hides, seconds=seconds)

        walk.open(terminal, f"eagertui train shop {SHORT}")
        look("the form of a short run", [see("No run yet"), "t"], "time not known before a first run", "memory")
        look("at work", ["t"], "running", "stage [2-9]/10")
        look("stages to come", [see(r"stage [67]/10", seconds=600), *live], r"(tune|steer|baselines) +≈")
        look("stop asks", [see(r"stage 7/10", seconds=600), "x"], "Stop this run", "s +Stop and save")
        look("stopped, each stage by its name", ["s"], "■ stopped", "■ tune +stopped", hides=[r"\.partial"])
        look("goes on", ["r"], "running", "stage ([7-9]|10)/10")
        look("ranking, which pass", [], r"ranking \d of 2")
        look("finished", [], "✓ finished", "R@10|e +recommendations")
        look("finished, sums of both parts", [] if walk.small else ["o"], r"tune +[\d.]+ (s|min)",
             r"evaluate +[\d.]+ (s|min)")  # fmt: skip
        look("the next one's time", ["t"], r"about \d+|nothing to compute")
        look("the next one's time, another seed", ["/", "=seed", see("of 150"), "Enter", "Enter", "C-u", "=1", "Enter"],
             r"about \d+")  # fmt: skip
        walk.leave(terminal)


PARTS = (in_the_shell, in_the_app, home, the_form, the_palette, broken, two_apps, read_only, a_run)


def main() -> int:
    """Walk in one size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--only", nargs="+", default=[], help="words of the steps to try")
    parser.add_argument("--keep", type=Path, help="a folder for the screens")
    options = parser.parse_args()
    walk = Walk(options.size, options.only, options.keep)
    try:
        for part in PARTS:
            part(walk)
    finally:
        walk.end()
    print(f"{walk.tried - len(walk.failed)} of {walk.tried} as they must be; failed: {walk.failed}")
    return bool(walk.failed)


if __name__ == "__main__":
    sys.exit(main())
