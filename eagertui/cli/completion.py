"""Shell completion: a small static script, made from the parser's own verbs and options."""

from __future__ import annotations

import argparse

SHELLS = ("bash", "zsh", "fish")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion script of a shell; `eval` it, or write it where the shell looks for such scripts."""
    verbs = _verbs(parser)
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](_options(parser), verbs)


def _options(parser: argparse.ArgumentParser) -> dict[str, str]:
    """The long options of a parser and their one-line help."""
    found = {}
    for action in parser._actions:
        long = [name for name in action.option_strings if name.startswith("--")]
        found.update({name: str(action.help or "").split("\n")[0].replace("%%", "%") for name in long})
    return found


def _verbs(parser: argparse.ArgumentParser) -> dict[str, tuple[str, dict[str, str]]]:
    """Each verb with its help and its options."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: str(choice.help or "") for choice in action._choices_actions}
            return {name: (helps.get(name, ""), _words(sub)) for name, sub in action.choices.items()}
    return {}


def _words(parser: argparse.ArgumentParser) -> dict[str, str]:
    """What may follow a verb: its options, and where it has verbs of its own, those and theirs."""
    inner = _verbs(parser)
    words = {name: text for name, (text, _) in inner.items()} | _options(parser)
    for _, options in inner.values():
        words |= options
    return words


def _bash(options: dict[str, str], verbs: dict[str, tuple[str, dict[str, str]]]) -> str:
    cases = "\n".join(f"        {verb}) words='{' '.join(more)}' ;;" for verb, (_, more) in verbs.items())
    return f"""\
_eagertui() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} verb='' words='' part
    for part in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $part in -*) ;; *) verb=$part; break ;; esac
    done
    case $verb in
        '') words='{" ".join([*verbs, *options])}' ;;
{cases}
    esac
    case $word in
        -*) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word") ;;
        *) if [ -z "$verb" ]; then mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
           else mapfile -t COMPREPLY < <(compgen -f -- "$word"); fi ;;
    esac
}}
complete -o filenames -F _eagertui eagertui"""


def _zsh(options: dict[str, str], verbs: dict[str, tuple[str, dict[str, str]]]) -> str:
    def described(words: dict[str, str]) -> str:
        return " ".join(f"'{name}:{_quiet(text)}'" for name, text in words.items())

    cases = "\n".join(f"        ({verb}) offers=({described(more)}) ;;" for verb, (_, more) in verbs.items())
    first = described({**{verb: text for verb, (text, _) in verbs.items()}, **options})
    return f"""\
#compdef eagertui
_eagertui() {{
    local verb part
    local -a offers
    for part in ${{words[2,CURRENT-1]}}; do
        case $part in (-*) ;; (*) verb=$part; break ;; esac
    done
    offers=({first})
    case $verb in
{cases}
    esac
    _describe 'eagertui' offers
    [[ -n $verb ]] && _files
}}
compdef _eagertui eagertui"""


def _fish(options: dict[str, str], verbs: dict[str, tuple[str, dict[str, str]]]) -> str:
    lines = [f"complete -c eagertui -l {name[2:]} -d '{_quiet(text)}'" for name, text in options.items()]
    for verb, (text, more) in verbs.items():
        lines.append(f"complete -c eagertui -n __fish_use_subcommand -a {verb} -d '{_quiet(text)}'")
        seen = f"'__fish_seen_subcommand_from {verb}'"
        lines += [f"complete -c eagertui -n {seen} -l {name[2:]} -d '{_quiet(t)}'" for name, t in more.items()]
    return "\n".join(lines)


def _quiet(text: str) -> str:
    """A help text without what a shell would read in it."""
    return "".join(c for c in text if c not in "'\"`$\\:[]()")
