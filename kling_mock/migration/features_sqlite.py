"""SQLite: the text of the table's statements, word for word against the description's own.

SQLite keeps the text of each CREATE. What is in it and not in the statement that a rebuild
would run, from a CHECK to a word that a later version adds, would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kling_mock.migration.ddl import create, create_indexes
from kling_mock.migration.session import Session
from kling_mock.migration.table import Table

__all__ = ["differences"]

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[\w$.]+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)

_OTHERS: Final = """
SELECT type, name, sql FROM sqlite_master
WHERE sql IS NOT NULL AND name <> ? AND NOT (tbl_name = ? AND type IN ('index', 'trigger'))"""


def differences(session: Session, described: Table) -> Iterator[str]:
    """Return what the description *described* does not say about the table, a phrase each."""
    name = described.name
    text = session.query("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", name)
    actual, expected = _items(str(text[0][0])), _items(create(described, "sqlite"))
    for thing, words in actual.items():
        if expected.get(thing) != words:
            yield f"{thing}, defined as: {' '.join(words)}"
    yield from _index_differences(session, described)
    yield from _mentions(session, name)


def _index_differences(session: Session, described: Table) -> Iterator[str]:
    expected = {
        one.name: _words(text)
        for one, text in zip(described.indexes, create_indexes(described, "sqlite"), strict=True)
    }
    for name, text in session.query(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? "
        "AND sql IS NOT NULL",
        described.name,
    ):
        if _index_words(str(text)) != expected.get(str(name)):
            yield f"the index {name}, defined as: {text}"


def _mentions(session: Session, name: str) -> Iterator[str]:
    """Return the views, triggers and tables whose text mentions the table.

    A rebuild renames the table, and SQLite changes the name in those as well.
    """
    for kind, other, text in session.query(_OTHERS, name, name):
        if name.lower() in (one.strip("'").lower() for one in _words(str(text))):
            yield f"the {kind} {other}, which mentions {name}"


# ---------------------------------------------------------------- words


def _words(text: str) -> list[str]:
    """Return the tokens of a statement: names without quotes and in lower case."""
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match.lastgroup == "quoted":
            mark = token[-1]
            found.append(token[1:-1].replace(mark * 2, mark).lower())
        elif match.lastgroup != "blank":
            found.append(token if match.lastgroup == "text" else token.lower())
    return found


def _index_words(text: str) -> list[str]:
    """Return the tokens of a CREATE INDEX, without words that say what is the case anyway."""
    words = _words(text)
    for number in range(len(words) - 2):
        if words[number : number + 3] == ["if", "not", "exists"]:
            del words[number : number + 3]
            break
    return [one for one in words if one != "asc"]


def _items(text: str) -> dict[str, list[str]]:
    """Return the tokens of a CREATE TABLE by what they are about, each sorted.

    Column constraints stand in any order, so the order of tokens does not count.
    """
    words = _words(text)
    start = words.index("(")
    items, depth = [list[str]()], 1
    end = len(words)
    for number, word in enumerate(words[start + 1 :], start + 1):
        depth += (word == "(") - (word == ")")
        if not depth:
            end = number
            break
        if word == "," and depth == 1:
            items.append([])
        else:
            items[-1].append(word)
    found = dict[str, list[str]]()
    for item in items:
        _add(found, item)
    if rest := words[end + 1 :]:
        found["the table's options"] = rest
    return found


def _add(found: dict[str, list[str]], item: Sequence[str]) -> None:
    if item[:1] == ["constraint"] and item[2:4] == ["primary", "key"]:
        item = item[2:]
    if item[:2] == ["primary", "key"]:
        found["the primary key"] = list(item)
        return
    if item[0] in {"constraint", "check", "unique", "foreign"}:
        named = item[0] == "constraint"
        found[f"the constraint {item[1] if named else ' '.join(item)}"] = sorted(item)
        return
    name, rest = item[0], _without(list(item[1:]), "default", "null")
    if "primary" in rest and "autoincrement" not in rest:
        rest = _without(rest, "primary", "key")
        found["the primary key"] = ["primary", "key", "(", name, ")"]
    elif "autoincrement" in rest:
        rest = _without(rest, "not", "null")
    if "not" not in rest:
        rest = _without(rest, "null")
    found[f"the column {name}"] = sorted(rest)


def _without(words: list[str], *phrase: str) -> list[str]:
    """Return *words* without the first occurrence of *phrase*."""
    for number in range(len(words)):
        if tuple(words[number : number + len(phrase)]) == phrase:
            return [*words[:number], *words[number + len(phrase) :]]
    return words
