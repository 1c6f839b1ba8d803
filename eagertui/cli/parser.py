"""The command line: `eagertui [PROJECT]` opens the app, `eagertui VERB [PROJECT]` prints; `train` does either.

Each verb imports what it needs when it runs, so that `--version`, `--help` and the app's first paint cost little.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from core.errors import EagerError, EnvironmentFault, Interrupted, ProjectError
from eagertui.cli.verb import Verb
from eagertui.cli.verbs import all_verbs
from eagertui.plain import DEMO, visible

if TYPE_CHECKING:
    from core.project import Project


class _Parser(argparse.ArgumentParser):
    """Errors in our own form; the settings are listed only when somebody asks for help."""

    settings = False
    argv: Sequence[str] = ()
    """The whole command line; a help's settings are those of the recipe that it names."""

    def error(self, message: str) -> NoReturn:
        print(f"error: {message}\nsee: {self.prog} --help", file=sys.stderr)
        raise SystemExit(ProjectError.exit_code)

    def format_help(self) -> str:
        if self.settings:
            self.epilog = _settings_help(_recipe_of(self.argv))
        return super().format_help()


def _settings_help(recipe: str) -> str:
    """Every setting with the recipe's value."""
    from core.project import all_settings, recipe_project

    project = recipe_project(recipe)
    rows = [f"settings for --set, with the values of the recipe {recipe} (what stands in the project file wins):"]
    for setting in all_settings():
        allowed = f" [{setting.allowed}]" if setting.allowed else ""
        rows.append(f"  {setting.key} = {_recipe_value(project, setting.key)}\n      {setting.doc}{allowed}")
    return "\n".join(rows)


def _recipe_value(project: Project, key: str) -> str:
    """A setting's value as TOML text; of a stage's setting all values where they differ."""
    from core.fields import value_at
    from core.setting_values import toml_value

    _, stages, name = key.partition("tune.stages.")
    if not stages:
        return toml_value(value_at(project, key))
    values = [toml_value(getattr(stage, name)) for stage in project.tune.stages]
    named = [f"{value} ({stage.name})" for value, stage in zip(values, project.tune.stages, strict=True)]
    return values[0] if len(set(values)) == 1 else ", ".join(named)


def _recipe_of(argv: Sequence[str]) -> str:
    """The recipe that a command line names by `--set recipe=`, else its project's, else `light`."""
    from core.recipes import recipe_paths

    small = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    small.add_argument("--set", dest="overrides", action="append", default=[])
    with contextlib.suppress(argparse.ArgumentError, SystemExit, EagerError):
        known, rest = small.parse_known_args(argv)
        given = [text.partition("=")[2].strip() for text in known.overrides if text.partition("=")[0] == "recipe"]
        if given and given[-1] in recipe_paths():
            return str(given[-1])
        folders = [Path(text) for text in [*rest, "."] if (Path(text) / "project.toml").is_file()]
        files = [Path(text) for text in rest if text.endswith(".toml") and Path(text).is_file()]
        for project in [*files, *folders][:1]:
            from core.project import Project

            return Project.load(project).recipe
    return "light"


def build_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the whole command line, which is `argv`."""
    _Parser.argv = argv
    parser = _Parser(
        prog="eagertui",
        description="From interaction logs to a generative LLM recommender, in the terminal.",
        usage="%(prog)s [PROJECT] | %(prog)s VERB ...",
        epilog="With a project alone, or with nothing, the app opens. Of the verbs only open does that, and train "
        "where --headless is missing; all others print.",
    )
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.add_argument("--completion", choices=("bash", "zsh", "fish"), help="print a shell's completion script")
    parser.add_argument("--headless", action="store_true", default=False, help="train without a screen")
    group = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser, prog="eagertui")
    for verb in all_verbs().values():
        _add(group, verb)
    return parser


def _described(verb: Verb) -> str:
    """What a verb does, and where the app shows the same."""
    app = f" In the app: eagertui open PROJECT {verb.place}." if verb.place and not verb.opens else ""
    return f"{verb.help[:1].upper()}{verb.help[1:]}.{app}"


def _add(group: argparse._SubParsersAction[_Parser], verb: Verb) -> None:
    """Add a verb, and those of its own."""
    raw = argparse.RawDescriptionHelpFormatter
    text = f"{verb.help}: {', '.join(inner.name for inner in verb.verbs)}" if verb.verbs else verb.help
    parser = group.add_parser(verb.name, help=text, description=_described(verb), formatter_class=raw)
    parser.set_defaults(declared=verb)
    if verb.verbs:
        inner_group = parser.add_subparsers(metavar="WORK", parser_class=_Parser)
        for inner in verb.verbs:
            _add(inner_group, inner)
        return
    if verb.project:
        parser.add_argument("project", nargs="?", type=Path, help="project file or its folder (default: project.toml)")
    if verb.prints:
        # SUPPRESS: a default here would undo a --headless that stood before the verb.
        text = "without a screen" if verb.opens else "changes nothing: this verb always prints"
        parser.add_argument("--headless", action="store_true", default=argparse.SUPPRESS, help=text)
        text = "print JSON; implies --headless" if verb.opens else "print JSON"
        parser.add_argument("--json", action="store_true", help=text)
    if verb.sets:
        parser.settings = True
        text = "override a setting; repeatable"
        parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help=text)
    if verb.run:
        parser.add_argument("--run", metavar="ID", help="a run, or a part of its id that only it has")
    verb.arguments(parser)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a title that the terminal cannot show is no reason to fail
    words = sys.argv[1:] if argv is None else list(argv)
    parser = build_parser(words)
    try:
        args = parser.parse_args(_with_verb(words))
        code = _dispatch(parser, args)
        sys.stdout.flush()
        return code
    except EagerError as error:
        return _complain(error.message, error.remedy, error.exit_code)
    except KeyboardInterrupt:
        return _complain("interrupted", "", Interrupted.exit_code)
    except BrokenPipeError:  # whoever read our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _complain("out of memory", "", EnvironmentFault.exit_code)
    except OSError as error:
        from core.files import system_fault

        fault = system_fault(error)
        return _complain(fault.message, fault.remedy, fault.exit_code)


def _with_verb(argv: list[str]) -> list[str]:
    """`eagertui shop` is `eagertui open shop`.

    Raises:
        ProjectError: a word that is no verb and nothing that there is.
    """
    words = (at for at, word in enumerate(argv) if not word.startswith("-") and argv[at - 1 : at] != ["--completion"])
    first = next(words, None)
    if first is None or argv[first] in all_verbs():
        return argv
    if not Path(argv[first]).exists() and argv[first] != DEMO:
        from eagertui.no_project import fault_at

        verbs = () if os.sep in argv[first] else all_verbs()
        raise fault_at(Path(argv[first]), verbs) or ProjectError(f"no verb {argv[first]}")
    return [*argv[:first], "open", *argv[first:]]


def _complain(message: str, remedy: str, code: int) -> int:
    print(f"error: {visible(message)}" + (f"\n{visible(remedy)}" if remedy else ""), file=sys.stderr)
    return code


def _dispatch(parser: argparse.ArgumentParser, args: argparse.Namespace) -> int:
    if args.version:
        from eagertui.cli.verbs.doctor import version

        print(f"eagertui {version() or '(a checkout, not installed)'}")
        return 0
    if args.completion:
        from eagertui.cli.completion import script

        print(script(parser, args.completion))
        return 0
    if args.verb is None and args.headless:
        parser.error("--headless needs a verb")
    verb: Verb | None = getattr(args, "declared", None)
    if verb is None:
        from eagertui.cli.open_app import open_app

        return open_app(None)
    if args.headless and not verb.prints:
        parser.error(f"{verb.name} needs a screen; leave out --headless")
    wants_text = args.headless or any(getattr(args, name, False) for name in ("json", *verb.prints_with))
    if verb.opens and not wants_text:
        from eagertui.cli.open_app import open_app

        return open_app(args.project, verb.place, args.overrides)
    if verb.work is None:
        parser.error(f"{verb.name} needs one of its own verbs")
    return verb.work(args)


if __name__ == "__main__":
    sys.exit(main())
