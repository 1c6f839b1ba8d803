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
    for action in parser._actions:  # `control pause`
        if action.choices and not action.option_strings and not isinstance(action, argparse._SubParsersAction):
            words |= {str(choice): "" for choice in action.choices}
    for _, options in inner.values():
        words |= options
    return words


def _settings() -> tuple[list[str], list[str]]:
    """The keys of `--set` and the recipes."""
    from core.project import all_settings
    from core.recipes import recipe_paths

    return [setting.key for setting in all_settings()], list(recipe_paths())


def _bash(options: dict[str, str], verbs: dict[str, tuple[str, dict[str, str]]]) -> str:
    cases = "\n".join(f"        {verb}) words='{' '.join(more)}' ;;" for verb, (_, more) in verbs.items())
    keys, recipes = _settings()
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
    local before=${{COMP_WORDS[COMP_CWORD-1]}} first=${{COMP_WORDS[COMP_CWORD-2]:-}} folder
    # bash cuts words at =: the recipe of `--set recipe=light` is a word of its own
    [ "$word" = '=' ] && word='' first=$before before='='
    if [ "$before" = '=' ] && [ "$first" = recipe ]; then
        mapfile -t COMPREPLY < <(compgen -W "{" ".join(recipes)}" -- "$word"); return
    elif [ "$before" = --set ]; then
        compopt -o nospace 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -S = -W "{" ".join(keys)}" -- "$word"); return
    elif [[ $before == --run || $before == --rm || $before == --name || $before == --pin || $before == --unpin ]]; then
        for part in . "${{COMP_WORDS[@]:2}}"; do [ -d "$part/runs" ] && folder=$part/runs; done
        mapfile -t COMPREPLY < <(compgen -W "$([ -n "$folder" ] && ls "$folder" 2>/dev/null)" -- "$word"); return
    fi
    case $word in
        -*) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word") ;;
        *) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word" | grep -v '^-')
           [ -n "$verb$word" ] && mapfile -t -O ${{#COMPREPLY[@]}} COMPREPLY < <(compgen -f -- "$word") ;;
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
        for name, more_text in more.items():
            what = f"-l {name[2:]}" if name.startswith("--") else f"-a {name}"
            lines.append(f"complete -c eagertui -n {seen} {what} -d '{_quiet(more_text)}'")
    keys, recipes = _settings()
    offers = " ".join([*(f"recipe={name}" for name in recipes), *(f"{key}=" for key in keys)])
    lines.append(f"complete -c eagertui -l set -x -a '{offers}'")
    return "\n".join(lines)


def _quiet(text: str) -> str:
    """A help text without what a shell would read in it."""
    return "".join(c for c in text if c not in "'\"`$\\:[]()")
