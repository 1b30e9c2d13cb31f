"""Opening a database: tables for an empty one, and a clear no to one that is not ours."""

from __future__ import annotations

from importlib import resources
from typing import Final

from kling_mock.storage import statements as sql
from kling_mock.storage.adapters.engine import Engine, Mode
from kling_mock.storage.errors import SchemaError
from kling_mock.storage.schema import TABLES, VERSION, Dialect
from kling_mock.storage.transaction import AgainError, DuplicateError, Unit

__all__ = ["found", "script_statements"]

_UPGRADE: Final = "`kling-mock db check` says what is missing, `kling-mock db upgrade` adds it"


def script_statements(dialect: Dialect) -> list[str]:
    """Return the statements of the committed script of a database."""
    text = (resources.files("kling_mock.storage") / "ddl" / f"{dialect}.sql").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [one.strip() for one in "\n".join(lines).split(";\n") if one.strip()]


async def found(engine: Engine) -> None:
    """Make the tables of an empty database; check the version of another.

    Several processes may do this at the same time. The version is written last, so that a
    process that was killed in the middle leaves a database that is founded anew.

    Raises:
        SchemaError: It is a database of another version, or has tables of these names that
            this package has not made.
    """
    existing = await engine.tables()
    ours = {table.name for table in TABLES}
    if "schema_version" not in existing:
        foreign = existing & ours
        if foreign and not _is_half_founded(existing):
            names = ", ".join(sorted(foreign))
            raise SchemaError(
                f"the database has the tables {names}, and they are not this relay's. {_UPGRADE}"
            )
        await engine.execute_script(script_statements(engine.dialect))
    version = await engine.run(_version, Mode.WRITE)
    if version != VERSION:
        raise SchemaError(
            f"the database has version {version} of the tables, this program needs {VERSION}."
            f" {_UPGRADE}"
        )


def _is_half_founded(existing: frozenset[str]) -> bool:
    """Whether all there is was made by a founding that was interrupted or is still going on."""
    order = [table.name for table in TABLES]
    made = [name for name in order if name in existing]
    return bool(made) and made == order[: len(made)] and existing <= set(order)


def _version() -> Unit[int]:
    rows = yield sql.SCHEMA_VERSION, ()
    version: int | None = rows[0][0]
    if version is not None:
        return version
    try:
        yield sql.INSERT_SCHEMA_VERSION, (VERSION,)
    except DuplicateError:
        raise AgainError from None
    return VERSION
