"""Scripts that complete the command in a shell, made from its parser.

A script holds everything: pressing Tab starts no Python.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterator
from typing import Final

import attrs

__all__ = ["SHELLS", "completion_script"]

_FILES: Final = frozenset(
    {
        *("path", "download", "image", "image_tail", "static_mask", "image_list"),
        *("image_url", "sound_file"),
    }
)


@attrs.frozen
class Word:
    """Something that may be typed.

    Attributes:
        text: The word: a command, an option, or a value of an argument.
        about: Its help, in one line.
        values: What may follow an option; empty for anything.
        takes_value: Whether anything must follow it.
        is_file: Whether a file name follows it.
    """

    text: str
    about: str = ""
    values: tuple[str, ...] = ()
    takes_value: bool = False
    is_file: bool = False


@attrs.frozen
class Place:
    """Where in a command line the cursor may be: behind some commands.

    Attributes:
        path: The commands so far, such as `kling create text2video`.
        words: What may be typed there.
        takes_files: Whether one of its arguments is a file.
    """

    path: str
    words: tuple[Word, ...]
    takes_files: bool


def completion_script(
    shell: str, parser: argparse.ArgumentParser, values: Callable[[str, str], tuple[str, ...]]
) -> str:
    """Return the script for a shell.

    Args:
        shell: A key of `SHELLS`.
        parser: The command.
        values: Returns what an option may be followed by, where the parser leaves it open;
            given the path of commands, and the option's name in the namespace.
    """
    return SHELLS[shell](tuple(_places(parser, parser.prog, values)))


def _places(
    parser: argparse.ArgumentParser, path: str, values: Callable[[str, str], tuple[str, ...]]
) -> Iterator[Place]:
    words: list[Word] = []
    takes_files = False
    for action in parser._actions:  # noqa: SLF001 - argparse shows what a parser has in no other way
        about = _line(action.help)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            words += [Word(one.dest, _line(one.help)) for one in action._choices_actions]  # noqa: SLF001 - as above
            for name, below in action.choices.items():
                yield from _places(below, f"{path} {name}", values)
        elif action.option_strings:
            known = tuple(map(str, action.choices or ())) or values(path, action.dest)
            takes_value = action.nargs != 0
            words += [
                Word(text, about, known if takes_value else (), takes_value, action.dest in _FILES)
                for text in action.option_strings
            ]
        else:
            words += [Word(str(choice)) for choice in action.choices or ()]
            takes_files = takes_files or action.dest in _FILES
    yield Place(path, tuple(words), takes_files)


def _line(text: str | None) -> str:
    return (text or "").replace("%%", "%").partition(". ")[0].rstrip(".")


# ---------------------------------------------------------------- bash


def _bash(places: tuple[Place, ...]) -> str:
    lines = [
        "# kling completion for bash; to use it: source <(kling completion bash)",
        "_kling() {",
        '    local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"',
        "    local place=kling word words files=",
        "    COMPREPLY=()",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        case "$place $word" in',
        f'            {_alternatives(places)}) place="$place $word" ;;',
        "        esac",
        "    done",
        '    case "$place $prev" in',
    ]
    for place, word in _with_values(places):
        target = shlex.quote(f"{place.path} {word.text}")
        if word.is_file:
            lines.append(f'        {target}) COMPREPLY=($(compgen -f -- "$cur")); return ;;')
        elif word.values:
            known = shlex.quote(" ".join(word.values))
            lines.append(
                f'        {target}) COMPREPLY=($(compgen -W {known} -- "$cur")); return ;;'
            )
        else:
            lines.append(f"        {target}) return ;;")
    lines += ["    esac", '    case "$place" in']
    for place in places:
        known = shlex.quote(" ".join(word.text for word in place.words))
        files = " files=yes" if place.takes_files else ""
        lines.append(f"        {shlex.quote(place.path)}) words={known}{files} ;;")
    lines += [
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        '    [ -n "$files" ] && COMPREPLY+=($(compgen -f -- "$cur"))',
        "    return 0",
        "}",
        "complete -o filenames -F _kling kling",
    ]
    return "\n".join(lines) + "\n"


def _alternatives(places: tuple[Place, ...]) -> str:
    return "|".join(shlex.quote(place.path) for place in places if " " in place.path)


def _with_values(places: tuple[Place, ...]) -> Iterator[tuple[Place, Word]]:
    for place in places:
        for word in place.words:
            if word.takes_value:
                yield place, word


# ---------------------------------------------------------------- zsh


def _zsh(places: tuple[Place, ...]) -> str:
    lines = [
        "#compdef kling",
        "# kling completion for zsh; to use it: source <(kling completion zsh)",
        "_kling() {",
        "    local place=kling word previous=${words[CURRENT-1]}",
        "    local -a known",
        "    for word in ${words[2,CURRENT-1]}; do",
        '        case "$place $word" in',
        f'            ({_alternatives(places)}) place="$place $word" ;;',
        "        esac",
        "    done",
        '    case "$place $previous" in',
    ]
    for place, word in _with_values(places):
        target = shlex.quote(f"{place.path} {word.text}")
        if word.is_file:
            lines.append(f"        ({target}) _files; return ;;")
        elif word.values:
            known = " ".join(map(shlex.quote, word.values))
            lines.append(f"        ({target}) compadd -- {known}; return ;;")
        else:
            lines.append(f"        ({target}) return ;;")
    lines += ["    esac", '    case "$place" in']
    for place in places:
        known = " ".join(shlex.quote(_described(word)) for word in place.words)
        files = "; _files" if place.takes_files else ""
        lines.append(f"        ({shlex.quote(place.path)}) known=({known}){files} ;;")
    lines += [
        "    esac",
        "    _describe kling known",
        "}",
        # Loaded from $fpath it runs at once, sourced it is registered.
        'if [ "$funcstack[1]" = _kling ]; then _kling "$@"; else compdef _kling kling; fi',
    ]
    return "\n".join(lines) + "\n"


def _described(word: Word) -> str:
    text = word.text.replace(":", "\\:")
    return f"{text}:{word.about}" if word.about else text


# ---------------------------------------------------------------- fish


def _fish(places: tuple[Place, ...]) -> str:
    lines = [
        "# kling completion for fish; to use it: kling completion fish | source",
        "function __kling_place",
        "    set -l place kling",
        "    for word in (commandline -opc)[2..-1]",
        '        switch "$place $word"',
        f"            case {' '.join(shlex.quote(p.path) for p in places if ' ' in p.path)}",
        '                set place "$place $word"',
        "        end",
        "    end",
        "    echo $place",
        "end",
        "complete -c kling -f",
    ]
    for place in places:
        at = (
            f"complete -c kling -n {_fish_text(f'test (__kling_place) = {_fish_text(place.path)}')}"
        )
        if place.takes_files:
            lines.append(f"{at} -F")
        for word in place.words:
            about = f" -d {_fish_text(word.about)}" if word.about else ""
            lines.append(f"{at} {_fish_word(word)}{about}")
    return "\n".join(lines) + "\n"


def _fish_word(word: Word) -> str:
    if not word.text.startswith("-"):
        return f"-a {_fish_text(word.text)}"
    name = f"-l {word.text[2:]}" if word.text.startswith("--") else f"-s {word.text[1:]}"
    if not word.takes_value:
        return name
    if word.is_file:
        return f"{name} -r -F"
    return f"{name} -x -a {_fish_text(' '.join(word.values))}" if word.values else f"{name} -x"


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


#: What makes the script of each shell.
SHELLS: Final[dict[str, Callable[[tuple[Place, ...]], str]]] = {
    "bash": _bash,
    "zsh": _zsh,
    "fish": _fish,
}
