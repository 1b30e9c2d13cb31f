"""Opening a database: create the tables of an empty one, refuse one of another schema."""

from __future__ import annotations

from importlib import resources
from typing import Final

from kling_mock.storage import statements as sql
from kling_mock.storage.adapters.engine import Engine, TransactionMode
from kling_mock.storage.errors import SchemaError
from kling_mock.storage.schema import SCRIPTS, TABLE_NAMES, VERSION, Dialect
from kling_mock.storage.steps import DuplicateError, RetryTransactionError, Transaction

__all__ = ["ensure_schema", "script_statements"]

_UPGRADE: Final = "`kling-mock db check` says what is missing, `kling-mock db upgrade` adds it"


def script_statements(dialect: Dialect) -> list[str]:
    """Return the statements of the committed script of a database."""
    text = (resources.files("kling_mock.storage") / "ddl" / SCRIPTS[dialect]).read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [one.strip() for one in "\n".join(lines).split(";\n") if one.strip()]


async def ensure_schema(engine: Engine) -> None:
    """Create the tables of an empty database, or check the version of an existing schema.

    Several processes may do this at the same time. The version is written last, so if
    a process is killed in the middle, the next one completes the tables.

    Raises:
        SchemaError: The schema has another version, or tables of these names exist that this
            package did not create.
    """
    existing = await engine.tables()
    if "schema_version" not in existing:
        foreign = existing & set(TABLE_NAMES)
        if foreign and not _is_partly_created(existing):
            names = ", ".join(sorted(foreign))
            raise SchemaError(
                f"the database has the tables {names}, and they are not this relay's. {_UPGRADE}"
            )
        await engine.execute_script(script_statements(engine.dialect))
    version = await engine.run(_version, TransactionMode.WRITE)
    if version != VERSION:
        what = "is of a newer program; use that one" if version > VERSION else _UPGRADE
        raise SchemaError(
            f"the database has version {version} of the tables, this program needs {VERSION}:"
            f" {what}"
        )


def _is_partly_created(existing: frozenset[str]) -> bool:
    """Whether all existing tables come from a creation that was interrupted or is still running."""
    made = tuple(name for name in TABLE_NAMES if name in existing)
    return bool(made) and made == TABLE_NAMES[: len(made)] and existing <= set(TABLE_NAMES)


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
