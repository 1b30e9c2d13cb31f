"""The facts are data with sources, and cost nothing until they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

import attrs
import pytest

import kling_sdk.facts
from kling_mock.recording.vocabulary import kind_of
from kling_sdk.endpoints import CLASSES, request_class
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import hidden, hidden_list
from kling_sdk.facts import effects, models, prices, sources, voices
from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.tables import PATH_REQUESTS

FOLDER = Path(kling_sdk.facts.__file__).parent
#: All but the one that makes tables of the others.
MODULES = sorted({*FOLDER.rglob("*.py")} - {FOLDER / "tables.py"})
#: What a module of data may be written with, beside literals and names of its own.
WORDS = {"Final", "Literal", "NamedTuple", "tuple", "dict", "str", "int", "float", "bool"}


def not_data(source: str) -> list[str]:
    """Return the lines of a module that are more than data and its types."""
    tree = ast.parse(source)
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("kling_sdk.facts.")
        for alias in node.names
    }
    allowed = (ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.ClassDef, ast.Expr)
    wrong: list[ast.stmt | ast.expr] = [node for node in tree.body if not isinstance(node, allowed)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "id", "")
            if called not in classes | imported:
                wrong.append(node)
        elif isinstance(
            node,
            ast.FunctionDef | ast.Lambda | ast.ListComp | ast.DictComp | ast.SetComp | ast.If,
        ):
            wrong.append(node)
        elif isinstance(node, ast.ImportFrom) and node.module not in {"__future__", "typing"}:
            wrong += [node] * (not str(node.module).startswith("kling_sdk.facts."))
    return [ast.unparse(node) for node in wrong]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_facts_is_data(path: Path) -> None:
    """No function, no conversion: what both sides share cannot decide anything."""
    assert not_data(path.read_text("utf-8")) == []


def test_what_is_no_data_is_noticed() -> None:
    """Negative control."""
    assert not_data("A = dict.fromkeys('ab', 1)") == ["dict.fromkeys('ab', 1)"]
    assert len(not_data("def f():\n    return 1")) == 2
    assert not_data("from kling_sdk.results.task import Task") == [
        "from kling_sdk.results.task import Task"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", ["from kling_sdk import Kling", "import kling_sdk; kling_sdk.Kling('AK|SK').close()"]
)
def test_a_client_loads_no_facts(code: str) -> None:
    """Each module is loaded when something that needs it is used."""
    code += "; import sys; print([name for name in sys.modules if 'kling_sdk.facts' in name])"
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def facts_in(value: Any) -> list[sources.Fact]:
    """Return the origins in a table."""
    if isinstance(value, sources.Fact):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [fact for part in parts if isinstance(part, dict | tuple) for fact in facts_in(part)]


#: The tables of products; those of requests have assumptions too.
TABLES = ("MODELS", "PATH_MODELS", "PRICES")
PRODUCTS = [
    {name: product[name] for name in TABLES if name in product}
    for path in sorted(FOLDER.glob("products/[a-z]*.py"))
    for product in [vars(import_module(f"kling_sdk.facts.products.{path.stem}"))]
]


@pytest.mark.parametrize(
    "module", [*map(vars, (effects, models, prices, voices)), *filter(None, PRODUCTS)]
)
def test_each_fact_says_where_it_comes_from(module: dict[str, Any]) -> None:
    """Sources that are listed, a date, and how far to trust it."""
    tables = [value for value in module.values() if isinstance(value, dict | tuple)]
    facts = facts_in([table for table in tables if table])
    assert facts
    for fact in facts:
        assert fact.sources
        assert set(fact.sources) <= sources.SOURCES.keys() - {"none"}
        assert fact.as_of.startswith("2026-")


def fields_of(cls: type, seen: set[type]) -> Iterator[Any]:
    """Yield the fields of a request class and of the objects in it."""
    seen.add(cls)
    hints = get_type_hints(cls)
    for field in attrs.fields(cls):
        yield field
        for part in parts_of(hints[field.name]):
            if attrs.has(part) and part not in seen:
                yield from fields_of(part, seen)


def parts_of(hint: Any) -> Iterator[type]:
    yield from (hint,) if isinstance(hint, type) else ()
    for part in get_args(hint):
        yield from parts_of(part)


def rows_of(record: EndpointRecord) -> Iterator[FieldFacts]:
    """Yield the rows of an endpoint, those of objects included, on either interface."""
    rows = [*record.fields]
    rows += PATH_REQUESTS[record.product].fields if record.product else ()
    while rows:
        row = rows.pop()
        yield row
        rows += row.members


ROWS = [row for name in CLASSES for row in rows_of(request_class(name).record)]
#: Texts without a list of their values that are not the user's words, beside ids.
NO_WORDS = {"duration", "effect_scene", "model", "model_name", "series_amount", "url", "id"}
#: The name of a user's item, which is shown in the list of the user's own items.
NAMES = {"element_name", "voice_name"}


def test_a_text_of_the_user_s_is_private() -> None:
    """A text that may be anything is `private`, or an id, or one of a few; new ones decide it."""
    open_texts = {row.name for row in ROWS if row.type == "string" and not row.enum}
    public = open_texts - {row.name for row in ROWS if row.private}
    assert {name for name in public if not name.endswith("_id")} == NO_WORDS | NAMES


def test_a_field_is_hidden_if_the_facts_say_that_it_is_private() -> None:
    """It is hidden in a repr, and in a recorded session."""
    fields = [field for name in CLASSES for field in fields_of(request_class(name), set())]
    hidden_names = {field.name for field in fields if field.repr in (hidden, hidden_list)}
    records = [request_class(name).record for name in CLASSES]
    private = {row.name for row in ROWS if row.private} | {"source", "target"}
    texts = {
        item.parameter
        for record in records
        if record.solution is not None
        for item in record.contents
        if any(
            content.kind == "text" and content.type == item.type
            for content in record.solution.contents
        )
    }
    assert hidden_names == private | texts
    assert {kind_of(name) for name in private | NAMES} == {"prompt"}
