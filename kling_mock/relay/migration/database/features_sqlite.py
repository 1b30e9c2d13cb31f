"""SQLite: compare the tokens of the table's statements with those of its description.

SQLite keeps the text of each CREATE. Anything in it that is missing from the statement of a
rebuild, from a CHECK to a keyword of a later version, would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.storage.schema import Dialect, Table, create, create_indexes

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
    """Yield a phrase for each feature of the table that the description *described* lacks."""
    name = described.name
    text = session.query("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", name)
    actual, expected = _items(str(text[0][0])), _items(create(described, Dialect.SQLITE))
    for thing, tokens in actual.items():
        if expected.get(thing) != tokens:
            yield f"{thing}, defined as: {' '.join(tokens)}"
    yield from _index_differences(session, described)
    yield from _mentions(session, name)


def _index_differences(session: Session, described: Table) -> Iterator[str]:
    expected = {
        index.name: _tokens(text)
        for index, text in zip(
            described.indexes, create_indexes(described, Dialect.SQLITE), strict=True
        )
    }
    for name, text in session.query(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? "
        "AND sql IS NOT NULL",
        described.name,
    ):
        if _index_tokens(str(text)) != expected.get(str(name)):
            yield f"the index {name}, defined as: {text}"


def _mentions(session: Session, name: str) -> Iterator[str]:
    """Return the views, triggers and tables whose text mentions the table.

    A rebuild renames the table, and SQLite then changes the name in these objects too.
    """
    for kind, other, text in session.query(_OTHERS, name, name):
        if name.lower() in (token.strip("'").lower() for token in _tokens(str(text))):
            yield f"the {kind} {other}, which mentions {name}"


# ---------------------------------------------------------------- tokens


def _tokens(text: str) -> list[str]:
    """Return the tokens of a statement: names without quotes and in lower case."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match.lastgroup == "quoted":
            mark = token[-1]
            tokens.append(token[1:-1].replace(mark * 2, mark).lower())
        elif match.lastgroup != "blank":
            tokens.append(token if match.lastgroup == "text" else token.lower())
    return tokens


def _index_tokens(text: str) -> list[str]:
    """Return the tokens of a CREATE INDEX, without tokens that state the default."""
    tokens = _tokens(text)
    for number in range(len(tokens) - 2):
        if tokens[number : number + 3] == ["if", "not", "exists"]:
            del tokens[number : number + 3]
            break
    return [word for word in tokens if word != "asc"]


def _items(text: str) -> dict[str, list[str]]:
    """Return the tokens of a CREATE TABLE by the object that they describe, sorted in each.

    Column constraints may come in any order, so the order of tokens does not matter.
    """
    tokens = _tokens(text)
    start = tokens.index("(")
    items, depth = [list[str]()], 1
    end = len(tokens)
    for number, part in enumerate(tokens[start + 1 :], start + 1):
        depth += (part == "(") - (part == ")")
        if not depth:
            end = number
            break
        if part == "," and depth == 1:
            items.append([])
        else:
            items[-1].append(part)
    objects = dict[str, list[str]]()
    for item in items:
        _add(objects, item)
    if rest := tokens[end + 1 :]:
        objects["the table's options"] = rest
    return objects


def _add(objects: dict[str, list[str]], item: Sequence[str]) -> None:
    if item[:1] == ["constraint"] and item[2:4] == ["primary", "key"]:
        item = item[2:]
    if item[:2] == ["primary", "key"]:
        objects["the primary key"] = list(item)
        return
    if item[0] in {"constraint", "check", "unique", "foreign"}:
        named = item[0] == "constraint"
        objects[f"the constraint {item[1] if named else ' '.join(item)}"] = sorted(item)
        return
    name, rest = item[0], _without(list(item[1:]), "default", "null")
    if "primary" in rest and "autoincrement" not in rest:
        rest = _without(rest, "primary", "key")
        objects["the primary key"] = ["primary", "key", "(", name, ")"]
    elif "autoincrement" in rest:
        rest = _without(rest, "not", "null")
    if "not" not in rest:
        rest = _without(rest, "null")
    objects[f"the column {name}"] = sorted(rest)


def _without(tokens: list[str], *phrase: str) -> list[str]:
    """Return *tokens* without the first occurrence of *phrase*."""
    for number in range(len(tokens)):
        if tuple(tokens[number : number + len(phrase)]) == phrase:
            return [*tokens[:number], *tokens[number + len(phrase) :]]
    return tokens
