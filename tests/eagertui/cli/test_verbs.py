"""Every file in the folder of verbs is a verb that a person can type, and costs nothing until then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from eagertui.actions import PLACES
from eagertui.cli import verbs
from eagertui.cli.parser import build_parser
from tests.eagertui.cli.cli_tools import eager, run_python

FILES = sorted(path.stem for path in Path(verbs.__file__).parent.glob("[!_]*.py"))
HEAVY = {"textual", "torch", "transformers", "peft", "faiss", "sklearn", "scipy", "tokenizers"}
SLOW = HEAVY | {"polars", "numpy", "rich"}
"""What no verb may load before it is asked for; the settings in a help may load tables, for they ask plug-ins."""


HELP = """
import json, os, sys
from eagertui.cli import main

for name in json.loads(sys.argv[1]):
    if not os.fork():  # each in a copy of a process that has loaded nothing but the parser
        try:
            main([name, "--help"])
        except SystemExit as end:
            print(end.code, *{module.partition(".")[0] for module in sys.modules}, end="\\0", flush=True)
        os._exit(0)
    os.wait()
"""


def test_a_file_is_a_verb_and_its_help_loads_nothing_heavy() -> None:
    done = run_python(HELP, json.dumps(FILES))
    helps = done.stdout.split("\0")[:-1]
    assert len(helps) == len(FILES), done.stderr
    for name, text in zip(FILES, helps, strict=True):
        code, *modules = text.splitlines()[-1].split()
        assert text.startswith(f"usage: eagertui {name} "), done.stderr
        assert code == "0" and not HEAVY & set(modules), name


def test_the_verbs_cost_little_until_one_is_asked_for() -> None:
    code = "from eagertui.cli.parser import build_parser; build_parser(); import sys; print(*sys.modules)"
    assert not SLOW & {name.partition(".")[0] for name in run_python(code).stdout.split()}


def test_the_files_are_the_verbs() -> None:
    assert sorted(verbs.all_verbs()) == FILES
    action = next(action for action in build_parser()._actions if action.dest == "verb")
    assert list(action.choices or ()) == list(verbs.all_verbs())
    assert len({verb.order for verb in verbs.all_verbs().values()}) == len(FILES)


def test_a_verb_opens_the_app_at_a_place_that_is_there() -> None:
    for verb in verbs.all_verbs().values():
        assert verbs.place_of(verb.name) == verb.place
        assert verb.place in ("", *PLACES)
        assert verb.work or verb.verbs
    assert verbs.place_of("nothing") == ""


def test_a_new_verb_is_one_new_file(tmp_path: Path) -> None:
    """In a copy of the package, so that nothing but the file can be what makes it known."""
    shutil.copytree(Path(verbs.__file__).parents[2], tmp_path / "eagertui")
    (tmp_path / "eagertui" / "cli" / "verbs" / "greet.py").write_text(
        "from eagertui.cli.verb import Verb\n"
        "VERB = Verb('greet', 'say hello', lambda args: print('hello') or 0, project=False)\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from eagertui.cli import main; sys.exit(main({{}}))"
    assert run_python(code.format(["greet"])).stdout == "hello\n"
    assert "say hello" in run_python(code.format(["--help"])).stdout
    assert "greet" in run_python(code.format(["--completion", "fish"])).stdout


def test_a_word_that_is_no_verb(tmp_path: Path) -> None:
    assert eager("greet", cwd=tmp_path).returncode == 2
