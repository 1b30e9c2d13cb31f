"""An operator's texts are kept unchanged, or refused: no database cuts them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.cli.operator import operator_on
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.operator import service as service_module
from kling_mock.relay.operator.operations import run
from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.mysql import SESSION, MysqlEngine
from kling_mock.relay.storage.connect import connect, engine_of
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import Transaction
from kling_mock.relay.storage.text import TEXT_BYTES
from kling_mock.relay.storage.values import NewUser, accounts
from tests.mock.relay.http_calls import GUIDE, VIDEOS, Caller, error_of
from tests.mock.relay.storage.databases import Mysql, Postgres, SqliteFile, need
from tests.plain_http import NO_TLS

NOW = 1_700_000_000
CHANNEL = {"name": "two", "base_url": "https://a.example", "key": "a|b"}


class Field(NamedTuple):
    """One text that an operator can give.

    Attributes:
        call: Name of the operator's call.
        key: What is named in its path.
        name: Name of the member.
        limit: The maximum size of its column.
        bytes: Whether that is counted in bytes, not characters.
        ascii: Whether nothing else is accepted anyway.
        before: What it begins with.
        after: What it ends with.
        more: The other members.
    """

    call: str
    key: str
    name: str
    limit: int
    bytes: bool = False
    ascii: bool = False
    before: str = ""
    after: str = ""
    more: Mapping[str, Any] = MappingProxyType({})

    def text(self, size: int, filler: str) -> str:
        """Return a text of *size* characters or bytes."""
        room = size - len(self.before) - len(self.after)
        width = len(filler.encode()) if self.bytes else 1
        return self.before + filler * (room // width) + "a" * (room % width) + self.after


def _channel(name: str, limit: int, **about: Any) -> Field:
    more = {key: value for key, value in CHANNEL.items() if key != name}
    return Field("add_channel", "", name, limit, more=more, **about)


FIELDS = (
    Field("add_user", "", "username", 100),
    Field("add_token", "ann", "name", 100),
    Field("credit", "ann", "note", 255, more={"amount": 1, "reference": "r"}),
    Field("credit", "ann", "reference", 200, ascii=True, more={"amount": 1, "note": ""}),
    _channel("name", 100),
    _channel("base_url", 255, before="https://"),
    _channel("key", TEXT_BYTES, bytes=True, ascii=True),
    _channel("model_mapping", TEXT_BYTES, bytes=True, before='{"a": "', after='"}'),
    _channel("models", TEXT_BYTES, bytes=True),
    _channel("webhook_secrets", TEXT_BYTES, bytes=True, ascii=True, before="whsec_QUJD"),
)
FILLERS = ("a", "é", "中", "😀")


def cases() -> Iterator[tuple[Field, str, bool]]:
    """Yield each field with a text, and whether that fits."""
    for field in FIELDS:
        for filler in FILLERS[:1] if field.ascii else FILLERS:
            # A secret is base64: what fills it up is white space.
            used = "\n" if field.name == "webhook_secrets" else filler
            yield field, field.text(field.limit, used), True
            yield field, field.text(field.limit + 1, used), False


async def stored_texts(storage: Storage, field: Field) -> list[str]:
    """Everything that is stored of a field."""
    users = await storage.list_users()
    match field.call, field.name:
        case "add_user", _:
            return [user.username for user in users]
        case "add_token", _:
            return [token.name for user in users for token in await storage.list_tokens(user.id)]
        case "credit", name:
            entries = [entry for user in users for entry in await storage.list_ledger(user.id)]
            return [getattr(entry, name) for entry in entries]
        case _, name:
            column = {"key": "api_keys"}.get(name, name)
            return [getattr(channel, column) for channel in await storage.list_channels()]


async def judge(storage: Storage, field: Field, text: str, *, fits: bool) -> None:
    """The promise: kept as it is, or a 400 that names the field, its size and the limit."""
    service = operator_on(storage)
    key = {"id": field.key} if field.key else {}
    parameters = {**key, **field.more, field.name: text}
    if fits:
        await run(service, field.call, parameters)
        assert text in await stored_texts(storage, field), field
        return
    before = await stored_texts(storage, field)
    with pytest.raises(RelayError) as refused:
        await run(service, field.call, parameters)
    assert refused.value.http == 400, field
    assert field.name in refused.value.message
    assert str(field.limit) in refused.value.message, refused.value.message
    assert str(field.limit + 1) in refused.value.message, refused.value.message
    assert len(refused.value.message) < 300  # the text itself is not repeated
    assert await stored_texts(storage, field) == before, field


@asynccontextmanager
async def opened(kind: str, folder: Path) -> AsyncIterator[Storage]:
    if kind == "memory":
        yield MemoryStorage()
        return
    server: Mysql | Postgres | None = None
    if kind != "sqlite":
        need("mysql" if kind == "mariadb" else "postgres")
        server = Mysql() if kind == "mariadb" else Postgres()
        await server.make()
    storage = connect(SqliteFile(folder).url if server is None else server.url)
    await storage.open()
    try:
        yield storage
    finally:
        await storage.close()
        if server is not None:
            await server.drop()


@pytest.mark.parametrize("kind", ["memory", "sqlite", "mariadb", "postgres"])
@pytest.mark.slow
async def test_every_text_is_kept_or_refused(kind: str, tmp_path: Path) -> None:
    """All four stores agree on each field at its limit and one above, whatever the characters."""
    async with opened(kind, tmp_path) as storage:
        await storage.create_user(NewUser("ann", 5), now=NOW)
        for number, (field, text, fits) in enumerate(cases()):
            unique = field
            if field.call == "add_channel" and field.name != "name":
                unique = field._replace(more={**field.more, "name": f"channel {number}"})
            if field.name == "note":
                unique = field._replace(more={**field.more, "reference": f"r{number}"})
            await judge(storage, unique, text, fits=fits)


async def test_a_mapping_that_is_given_as_an_object_is_measured_as_text() -> None:
    """It is stored as its text, and that has to fit."""
    storage = MemoryStorage()
    body = CHANNEL | {"model_mapping": {"a": "b" * TEXT_BYTES}}
    with pytest.raises(RelayError, match=f"model_mapping: .*{TEXT_BYTES}.* has {TEXT_BYTES + 9}"):
        await run(operator_on(storage), "add_channel", body)
    assert await storage.list_channels() == []


@pytest.mark.parametrize("odd", ["\0", "\ud800"])
@pytest.mark.parametrize("name", ["key", "models", "name", "base_url", "model_mapping"])
async def test_what_no_database_keeps_is_refused(name: str, odd: str) -> None:
    """A NUL or half a surrogate pair is not replaced by something else."""
    before = '{"a": "' if name == "model_mapping" else "https://"
    after = '"}' if name == "model_mapping" else "z"
    with pytest.raises(RelayError) as refused:
        await run(
            operator_on(MemoryStorage()),
            "add_channel",
            CHANNEL | {name: f"{before}{odd}{after}"},
        )
    assert refused.value.http == 400
    assert name in refused.value.message


@pytest.mark.parametrize("name", ["key", "model_mapping", "models", "base_url", "note"])
async def test_control_without_the_check_a_text_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The same judgement fails for a store that takes whatever comes."""
    for module in (service_module, accounts):
        monkeypatch.setattr(module, "check_fits", lambda *_: None)
    monkeypatch.setattr(
        "kling_mock.relay.storage.transactions.accounts.check_fits", lambda *_: None
    )
    monkeypatch.setattr("kling_mock.web.json_schema._LIMITS", {})
    (field,) = (field for field in FIELDS if field.name == name)
    storage = MemoryStorage()
    await storage.create_user(NewUser("ann", 5), now=NOW)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await judge(storage, field, field.text(field.limit + 1, "a"), fits=False)


# ---------------------------------------------------------------- the session


def _insert(keys: str) -> Callable[[], Transaction[str]]:
    def unit() -> Transaction[str]:
        values = (1, "one", "https://a.example", keys, "", "", "", 0, 1, 1, 41, "", NOW)
        yield sql.INSERT_CHANNEL, values
        rows = yield sql.CHANNEL_BY_NAME, ("one",)
        stored: str = rows[0][3]
        return stored

    return unit


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "control"])
@pytest.mark.slow
def test_mariadb_never_cuts_in_silence(*, ours: bool) -> None:
    """Each connection has a strict sql_mode of its own; without one the database cuts."""
    need("mysql")
    server = Mysql()
    lax = "SET SESSION sql_mode = ''"  # as on a server with this configuration

    async def attempt() -> str:
        await server.make()
        try:
            storage = connect(server.url)
            await storage.open()
            await storage.close()
            address = engine_of(server.url)
            assert isinstance(address, MysqlEngine)
            session = (lax, *SESSION) if ours else (lax,)
            engine = MysqlEngine(address.address, session=session)
            await engine.open()
            try:
                return await engine.run(_insert("a" * (TEXT_BYTES + 1)), TransactionMode.WRITE)
            finally:
                await engine.close()
        finally:
            await server.drop()

    if ours:
        with pytest.raises(StorageError, match="MySQL error 1406"):
            asyncio.run(attempt())
    else:
        assert len(asyncio.run(attempt())) == TEXT_BYTES


# ---------------------------------------------------------------- a channel that is broken


BROKEN = {
    "keys": "UPDATE channels SET api_keys = 'access|' WHERE name = 'two'",
    "mapping": """UPDATE channels SET model_mapping = '{"a": "b' WHERE name = 'two'""",
    "list": "UPDATE channels SET model_mapping = '[1]' WHERE name = 'two'",
    "no keys": "UPDATE channels SET api_keys = '' WHERE name = 'two'",
}


@pytest.mark.parametrize("statement", BROKEN.values(), ids=BROKEN)
def test_a_broken_channel_stops_no_other(
    statement: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It takes no tasks, is logged once, shown by /health and can be listed and repaired."""
    database = SqliteFile(tmp_path)
    with (
        KlingMock(relay=RelaySettings(database=database.url)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        key = f"{mock.access_key}|{mock.secret_key}"
        two = CHANNEL | {"base_url": mock.kling_url, "key": key, "priority": 9}
        caller.operate("POST", "channels", json=two)
        asyncio.run(database.query(statement))
        mock.clock.advance(3)  # until another process's change is seen
        for _ in range(3):
            caller.created()
            mock.clock.advance(3)
        health = http.get("/health")
        assert health.status_code == 200
        assert health.json()["degraded"] == [{"channel": 2, "reason": "unreadable"}]
        assert [channel["id"] for channel in caller.operate("GET", "channels")["data"]] == [1, 2]
        repaired = {"key": key, "model_mapping": ""}
        caller.operate("PATCH", "channels/two", json=repaired)
        assert "degraded" not in http.get("/health").json()
        caller.created(model="kling-v1-6")
    lines = [record.getMessage() for record in caplog.records if "cannot be read" in record.msg]
    assert len(lines) == 1
    assert "channel 2 takes no tasks" in lines[0]
    assert "access|" not in lines[0]


def test_a_relay_whose_only_channel_is_broken_says_so(tmp_path: Path) -> None:
    """A create is refused with 503 `no_channel`, and not with 500."""
    database = SqliteFile(tmp_path)
    with (
        KlingMock(relay=RelaySettings(database=database.url)) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        asyncio.run(database.query("UPDATE channels SET api_keys = '|'"))
        reply = Caller(http, mock).call("POST", f"{VIDEOS}/text2video", json=GUIDE)
        assert error_of(reply) == (503, "upstream_error", "no_channel")
