"""The privileges that docs/storage.md names for a database user are enough, and each is needed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.errors import StorageError
from tests.mock.relay.storage.databases import MYSQL, Mysql, need
from tests.proof.history import everything

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[4] / "docs" / "storage.md").read_text("utf-8")


async def use(privileges: list[str]) -> None:
    """Make the tables, use each of them and leave, as a user with these privileges."""
    need("mysql")
    database = Mysql()
    await database.make()
    name = database.name
    try:
        await database.query(
            f"CREATE USER '{name}'@'%' IDENTIFIED BY 'pw';"
            f"GRANT {', '.join(privileges)} ON {name}.* TO '{name}'@'%'"
        )
        store = connect(f"mysql://{name}:pw@{MYSQL[0]}:{MYSQL[1]}/{name}")
        await store.open()
        try:
            await everything(store)
            await store.probe(now=1)
            await store.leave(store.process)
        finally:
            await store.close()
    finally:
        await database.query(f"DROP USER '{name}'@'%'")
        await database.drop()


async def test_the_privileges_of_the_page_are_enough_and_needed() -> None:
    sentence = re.search(r"The user needs (.*), and CREATE for an empty database", PAGE)
    assert sentence is not None
    privileges = [*re.findall("[A-Z]+", sentence[1]), "CREATE"]
    await use(privileges)
    for missing in privileges:
        with pytest.raises(StorageError, match=r"privilege|refused"):
            await use([privilege for privilege in privileges if privilege != missing])
