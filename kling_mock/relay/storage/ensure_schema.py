"""Opening a database: creating the tables of an empty one, refusing one with another schema."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.adapters.engine import Engine, TransactionMode
from kling_mock.relay.storage.errors import SchemaError
from kling_mock.relay.storage.schema import SCRIPTS, TABLE_NAMES, VERSION, Dialect
from kling_mock.relay.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Statement,
    Transaction,
    script,
)

# Not importlib.resources: it costs several milliseconds of a server's start.
_FOLDER: Final = Path(__file__).with_name("ddl")
_UPGRADE: Final = "`kling-mock db check` says what is missing, `kling-mock db upgrade` adds it"


def script_statements(dialect: Dialect) -> list[str]:
    """Return the statements of the committed script of a database."""
    text = (_FOLDER / SCRIPTS[dialect]).read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";\n") if statement.strip()]


async def ensure_schema(engine: Engine) -> None:
    """Create the tables of an empty database, or check the version of an existing schema.

    Several processes may do this at the same time. The version is written last, so if
    a process is killed in the middle, the next one completes the tables.

    Raises:
        SchemaError: The schema has another version, or tables of these names exist that this
            package did not create.
    """
    existing = await engine.run(partial(_names, engine.table_names), TransactionMode.READ)
    if "schema_version" not in existing:
        foreign = existing & set(TABLE_NAMES)
        if foreign and not _is_partly_created(existing):
            names = ", ".join(sorted(foreign))
            raise SchemaError(
                f"the database has the tables {names}, and they are not this relay's."
                " `kling-mock db check` says what they are and which command a relay needs"
            )
        await engine.execute_script(script_statements(engine.dialect))
    version = await engine.run(_version, TransactionMode.WRITE)
    if version != VERSION:
        what = "is of a newer program; use that one" if version > VERSION else _UPGRADE
        raise SchemaError(
            f"the database has version {version} of the tables, this program needs {VERSION}:"
            f" {what}"
        )


def created_schema(dialect: Dialect) -> Transaction[int]:
    """Create the tables of a database that is known to be empty; return their version."""
    yield from script(script_statements(dialect))
    return (yield from _version())


def _names(table_names: Statement) -> Transaction[frozenset[str]]:
    rows = yield table_names, ()
    return frozenset(row[0] for row in rows)


def _is_partly_created(existing: frozenset[str]) -> bool:
    """Return whether all tables come from a creation that was interrupted or is still running."""
    created = tuple(name for name in TABLE_NAMES if name in existing)
    return bool(created) and created == TABLE_NAMES[: len(created)] and existing <= set(TABLE_NAMES)


def _version() -> Transaction[int]:
    rows = yield sql.SCHEMA_VERSION, ()
    version: int | None = rows[0][0]
    if version is not None:
        return version
    try:
        yield sql.INSERT_SCHEMA_VERSION, (VERSION,)
    except DuplicateError:
        raise RetryTransactionError from None
    return VERSION
