"""`kollama completion`: prints shell scripts that are made from the parser, so that they know all commands and options."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping

from echorator.cli.options.kollama import parser
from echorator.host.exits import Exit

_NAMED = ("name", "names")  # positional arguments that name Models
FILES = ("--kubeconfig",)
CLUSTER = ("-n", "--namespace", "--kubeconfig", "--context")  # options that decide which Models there are

_BASH = """\
_kollama() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" command="" word i
    local -a cluster=()
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$word" in
            {cluster}) cluster+=("$word" "${{COMP_WORDS[i+1]}}"); i=$((i + 1)) ;;
            -*) ;;
            *) [ -z "$command" ] && command="$word" ;;
        esac
    done
    case "$command:$previous" in
{values}
    esac
    local options="" names=""
    case "$command" in
{commands}
    esac
    if [ "${{current#-}}" != "$current" ]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    elif [ "$names" = models ]; then
        COMPREPLY=($(compgen -W "$(kollama list -o name "${{cluster[@]}}" 2>/dev/null | sed 's|^model/||')" -- "$current"))
    elif [ "$names" = files ]; then
        COMPREPLY=($(compgen -f -- "$current"))
    else
        COMPREPLY=($(compgen -W "$names" -- "$current"))
    fi
}}
complete -F _kollama kollama
"""
_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def run(arguments: argparse.Namespace) -> int:
    """Print the script for the shell and return the exit code."""
    top = parser()
    commands, texts = commands_of(top)
    if arguments.shell == "fish":
        print(_fish(top, commands, texts), end="")
    else:
        print(("" if arguments.shell == "bash" else _ZSH) + _bash(top, commands), end="")
    return Exit.OK


def commands_of(top: argparse.ArgumentParser) -> tuple[Mapping[str, argparse.ArgumentParser], Mapping[str, str]]:
    """Return the parsers and the help texts of all commands by name."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices, {choice.dest: str(choice.help) for choice in action._choices_actions}
    raise AssertionError("the parser has commands")


def options_of(made: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the options of a parser, without its positional arguments."""
    return [action for action in made._actions if action.option_strings]


def positionals_of(made: argparse.ArgumentParser) -> str:
    """Return what the positional arguments are: "models", "files", or the possible words."""
    for action in made._actions:
        if action.option_strings or isinstance(action, argparse._SubParsersAction):
            continue
        if action.dest in _NAMED:
            return "models"
        return "files" if action.dest == "file" else " ".join(map(str, action.choices or ()))
    return ""


def _bash(top: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]) -> str:
    values, cases = [], []
    for name, made in commands.items():
        for option in options_of(made):
            patterns = "|".join(f"{name}:{flag}" for flag in option.option_strings)
            if option.choices:
                words = " ".join(map(str, option.choices))
                values.append(f'        {patterns}) COMPREPLY=($(compgen -W "{words}" -- "$current")); return ;;')
            elif option.nargs is None:
                how = '$(compgen -f -- "$current")' if option.option_strings[-1] in FILES else ""
                values.append(f"        {patterns}) COMPREPLY=({how}); return ;;")
        flags = " ".join(flag for option in options_of(made) for flag in option.option_strings)
        cases.append(f'        {name}) options="{flags}"; names="{positionals_of(made)}" ;;')
    flags = " ".join(flag for option in options_of(top) for flag in option.option_strings)
    cases.append(f'        "") options="{flags}"; names="{" ".join(commands)}" ;;')
    return _BASH.format(cluster="|".join(CLUSTER), values="\n".join(values), commands="\n".join(cases))


def _fish(top: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser], texts: Mapping[str, str]) -> str:
    lines = ["complete -c kollama -f"]
    lines += [f"complete -c kollama -n __fish_use_subcommand -a {name} -d {shlex.quote(texts.get(name, ''))}" for name in commands]
    lines += [_fish_option("__fish_use_subcommand", option) for option in options_of(top)]
    for name, made in commands.items():
        here = f"'__fish_seen_subcommand_from {name}'"
        lines += [_fish_option(here, option) for option in options_of(made)]
        words = positionals_of(made)
        if words == "models":
            lines.append(f"complete -c kollama -n {here} -a '(kollama list -o name 2>/dev/null | string replace model/ \"\")'")
        elif words == "files":
            lines.append(f"complete -c kollama -n {here} -F")
        elif words:
            lines.append(f"complete -c kollama -n {here} -a {shlex.quote(words)}")
    return "\n".join(lines) + "\n"


def _fish_option(here: str, option: argparse.Action) -> str:
    names = " ".join(f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.option_strings)
    takes = ""
    if option.choices:
        takes = f" -x -a {shlex.quote(' '.join(map(str, option.choices)))}"
    elif option.nargs is None:
        takes = " -r -F" if option.option_strings[-1] in FILES else " -x"
    return f"complete -c kollama -n {here} {names}{takes} -d {shlex.quote(option.help or '')}"
