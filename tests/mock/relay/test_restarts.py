"""The effect of a start: it fills an empty database, and leaves one in use unchanged."""

from __future__ import annotations

import asyncio
import pickle
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.cli.operator import operator_on
from kling_mock.relay.bootstrap import USER, bootstrap
from kling_mock.relay.domain.credentials import token_hash
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.operator.operations import run
from kling_mock.relay.settings import RelaySettings
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import NewChannel, NewToken, NewUser
from tests.mock.relay.http_calls import GUIDE, VIDEOS
from tests.mock.relay.standalone import standalone
from tests.mock.relay.storage.databases import Mysql, Postgres, SqliteFile, need
from tests.started import SERVE, started

NOW = 1_700_000_000
FIRST = RelaySettings(
    upstream_url="https://first.example", upstream_key="access|secret", token="sk-first"
)
SECRET = "whsec_" + "QUJD" * 8
Action: TypeAlias = tuple[str, str, dict[str, Any]]
Stored: TypeAlias = dict[str, Any]
Bootstrap: TypeAlias = Callable[[Storage, RelaySettings, int], Awaitable[None]]


# ---------------------------------------------------------------- what an operator can do

_CHANNELS = st.sampled_from(["Kling AI", "two", "three", "2", "1"])
_USERS = st.sampled_from([USER, "alice", "bob"])
_TOKENS = st.sampled_from(["1", "2", "3"])
_STATUS = st.sampled_from(["enabled", "disabled"])
_CHANNEL = {
    "name": st.sampled_from(["Kling AI", "two", "three"]),
    "base_url": st.sampled_from(
        ["https://first.example", "https://b.example", "http://127.0.0.1:1"]
    ),
    "key": st.sampled_from(["access|secret", "access|secret\nother|key", "other|key", "api-key"]),
    "model_mapping": st.sampled_from(["", '{"a": "b"}']),
    "models": st.sampled_from(["", "kling-v1-6"]),
    "webhook_secrets": st.sampled_from(["", SECRET]),
    "priority": st.integers(-3, 3),
    "weight": st.integers(0, 3),
    "status": _STATUS,
}
_NEEDED = ("name", "base_url", "key")
_WHOLE = st.fixed_dictionaries(
    {name: _CHANNEL[name] for name in _NEEDED},
    optional={name: strategy for name, strategy in _CHANNEL.items() if name not in _NEEDED},
)


def _call(call: str, key: st.SearchStrategy[str], **body: Any) -> st.SearchStrategy[Action]:
    return st.tuples(st.just(call), key, st.fixed_dictionaries(body))


_NOBODY = st.just("")
ACTIONS: st.SearchStrategy[list[Action]] = st.lists(
    st.one_of(
        st.tuples(st.just("add_channel"), _NOBODY, _WHOLE),
        st.tuples(st.just("replace_channel"), _CHANNELS, _WHOLE),
        st.tuples(
            st.just("change_channel"), _CHANNELS, st.fixed_dictionaries({}, optional=_CHANNEL)
        ),
        _call("delete_channel", _CHANNELS),
        _call("add_user", _NOBODY, username=_USERS, quota=st.integers(0, 9)),
        _call("set_user_status", _USERS, status=_STATUS),
        _call("delete_user", _USERS),
        _call("credit", _USERS, amount=st.integers(1, 9), reference=st.sampled_from(["a", "b"])),
        _call("add_token", _USERS, name=st.sampled_from(["web", ""])),
        _call("set_token_status", _TOKENS, status=_STATUS),
        _call("set_token_quota", _TOKENS, remain_quota=st.integers(0, 9)),
        _call("delete_token", _TOKENS),
    ),
    max_size=8,
)
#: With which address, key and token the process is started again.
AGAIN = st.builds(
    RelaySettings,
    upstream_url=st.sampled_from([FIRST.upstream_url, "https://b.example", "https://new.example"]),
    upstream_key=st.sampled_from([FIRST.upstream_key, "access|another", "new|key"]),
    token=st.sampled_from([FIRST.token, "sk-second"]),
)


async def stored(storage: Storage) -> Stored:
    """Everything that an operator can set, and every balance."""
    users = await storage.list_users(limit=100)
    return {
        "users": list(map(attrs.asdict, users)),
        "tokens": [attrs.asdict(t) for user in users for t in await storage.list_tokens(user.id)],
        "ledger": [attrs.asdict(e) for user in users for e in await storage.list_ledger(user.id)],
        "channels": list(map(attrs.asdict, await storage.list_channels(with_deleted=True))),
    }


async def operate(storage: Storage, actions: list[Action]) -> None:
    """Do what is accepted; an operator who is refused goes on."""
    service = operator_on(storage)
    for name, key, body in actions:
        try:
            await run(service, name, {"id": key, **body} if key else body)
        except RelayError:
            continue


async def lived(
    storage: Storage, start: Bootstrap, actions: list[Action], again: RelaySettings
) -> tuple[Stored, Stored]:
    """Start, let the operator work, and start again; return what was stored before and after."""
    await start(storage, FIRST, NOW)
    await operate(storage, actions)
    before = await stored(storage)
    if isinstance(storage, MemoryStorage):
        storage = pickle.loads(pickle.dumps(storage))  # noqa: S301 - as a snapshot keeps it
    await start(storage, again, NOW + 60)
    return before, await stored(storage)


# ---------------------------------------------------------------- the promise


@settings(max_examples=150, deadline=None)
@given(actions=ACTIONS, again=AGAIN)
@pytest.mark.slow
def test_a_restart_changes_nothing_in_memory(actions: list[Action], again: RelaySettings) -> None:
    """This holds for any settings of the operator, and for any arguments of the start."""
    before, after = asyncio.run(lived(MemoryStorage(), bootstrap, actions, again))
    assert after == before


@pytest.fixture(scope="module", params=["sqlite", "mariadb", "postgres"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SqliteFile | Mysql | Postgres]:
    if request.param == "sqlite":
        yield SqliteFile(tmp_path_factory.mktemp("restarts"))
        return
    need("mysql" if request.param == "mariadb" else "postgres")
    server = Mysql() if request.param == "mariadb" else Postgres()
    asyncio.run(server.make())
    try:
        yield server
    finally:
        asyncio.run(server.drop())


async def _empty(database: SqliteFile | Mysql | Postgres) -> None:
    if isinstance(database, SqliteFile):
        database.path.unlink(missing_ok=True)
        return
    storage = connect(database.url)
    await storage.open()
    await storage.close()
    await database.empty()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=ACTIONS, again=AGAIN)
@pytest.mark.slow
def test_a_restart_changes_nothing_in_a_database(
    database: SqliteFile | Mysql | Postgres, actions: list[Action], again: RelaySettings
) -> None:
    """The same on SQLite, MariaDB and PostgreSQL, where the next process opens the database."""

    async def on(
        relay_settings: RelaySettings, work: Callable[[Storage], Awaitable[None]]
    ) -> Stored:
        storage = connect(database.url)
        await storage.open()
        try:
            await bootstrap(storage, relay_settings, NOW)
            await work(storage)
            return await stored(storage)
        finally:
            await storage.close()

    async def both() -> tuple[Stored, Stored]:
        await _empty(database)

        async def nothing(_: Storage) -> None:
            return

        return await on(FIRST, lambda storage: operate(storage, actions)), await on(again, nothing)

    before, after = asyncio.run(both())
    assert after == before


async def naive(storage: Storage, relay_settings: RelaySettings, now: int) -> None:
    """The former start: it made what is missing, and overwrote the channel."""
    user = await storage.find_user(USER)
    if user is None:
        user = await storage.create_user(NewUser(USER, 1), now=now)
    hashed = token_hash(relay_settings.token)
    if await storage.authenticate(hashed) is None:
        await storage.create_token(NewToken(user.id, hashed, "default"), now=now)
    channel = NewChannel(
        name="Kling AI", base_url=relay_settings.upstream_url, api_keys=relay_settings.upstream_key
    )
    for existing in await storage.list_channels():
        if existing.name == channel.name:
            fields = {
                name: getattr(existing, name) for name in ("model_mapping", "priority", "status")
            }
            await storage.replace_channel(existing.id, attrs.evolve(channel, **fields))
            return
    await storage.create_channel(channel, now=now)


CONTROLS: list[tuple[str, list[Action], RelaySettings]] = [
    ("key", [("change_channel", "1", {"key": "access|secret\nother|key"})], FIRST),
    ("address", [("change_channel", "1", {"base_url": "https://b.example"})], FIRST),
    ("deleted", [("delete_channel", "1", {})], FIRST),
    ("renamed", [("change_channel", "1", {"name": "two"})], FIRST),
    ("token", [], attrs.evolve(FIRST, token="sk-second")),
]


@pytest.mark.parametrize(
    ("actions", "again"), [pytest.param(*control[1:], id=control[0]) for control in CONTROLS]
)
def test_control_a_naive_start_is_noticed(actions: list[Action], again: RelaySettings) -> None:
    """The comparison fails for a start that overwrites the operator's settings, not for ours."""
    before, after = asyncio.run(lived(MemoryStorage(), naive, actions, again))
    assert after != before
    before, after = asyncio.run(lived(MemoryStorage(), bootstrap, actions, again))
    assert after == before


# ---------------------------------------------------------------- named cases


async def test_an_empty_database_gets_a_channel_a_user_and_a_token() -> None:
    """With these, a new relay works at once."""
    storage = MemoryStorage()
    await bootstrap(storage, FIRST, NOW)
    (channel,) = await storage.list_channels()
    assert (channel.base_url, channel.api_keys) == (FIRST.upstream_url, FIRST.upstream_key)
    caller = await storage.authenticate(token_hash(FIRST.token))
    assert caller is not None
    assert caller.user.username == USER


async def test_a_start_that_was_killed_half_way_is_completed() -> None:
    """A user without a token, made by a start that ended there, gets its token."""
    storage = MemoryStorage()
    await storage.create_user(NewUser(USER, 5), now=NOW)
    await bootstrap(storage, FIRST, NOW)
    assert await storage.authenticate(token_hash(FIRST.token)) is not None


async def test_users_of_the_operator_s_own_are_not_joined_by_another() -> None:
    """A database with users does not get another user or a token."""
    storage = MemoryStorage()
    await storage.create_user(NewUser("alice", 5), now=NOW)
    await bootstrap(storage, FIRST, NOW)
    assert [user.username for user in await storage.list_users()] == ["alice"]
    assert await storage.authenticate(token_hash(FIRST.token)) is None


async def test_another_key_in_the_environment_is_reported_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """One warning says that the database wins and how to change it, and shows no key."""
    storage = MemoryStorage()
    await bootstrap(storage, FIRST, NOW)
    await bootstrap(storage, FIRST, NOW)
    assert not caplog.records
    await bootstrap(storage, attrs.evolve(FIRST, upstream_key="access|another-secret"), NOW)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "channels in the database are used" in record.getMessage()
    assert "kling-mock channel set" in record.getMessage()
    assert "another-secret" not in caplog.text


async def test_the_channel_of_an_emulated_kling_follows_it() -> None:
    """`serve` has a new port and key with each start; all else of its channel stays."""
    storage = MemoryStorage()
    own = RelaySettings(
        upstream_url="http://127.0.0.1:1001", upstream_key="a|b", token="sk-of-sixteen-or-more"
    )
    await bootstrap(storage, own, NOW, emulated=True)
    await run(
        operator_on(storage), "change_channel", {"id": "1", "priority": 7, "status": "disabled"}
    )
    moved = attrs.evolve(own, upstream_url="http://127.0.0.1:1002", upstream_key="c|d")
    await bootstrap(storage, moved, NOW, emulated=True)
    (channel,) = await storage.list_channels(with_deleted=True)
    assert (channel.base_url, channel.api_keys) == ("http://127.0.0.1:1002", "c|d")
    assert (channel.priority, channel.status) == (7, 2)


@pytest.mark.parametrize(
    "changed", [{"base_url": "https://a.example"}, {"key": "a|b\nc|d"}, {"name": "mine"}]
)
async def test_a_channel_that_is_not_the_emulated_kling_s_own_stays(
    changed: dict[str, str],
) -> None:
    """Another address, a second key or another name make it the operator's."""
    storage = MemoryStorage()
    own = RelaySettings(
        upstream_url="http://127.0.0.1:1001", upstream_key="a|b", token="sk-of-sixteen-or-more"
    )
    await bootstrap(storage, own, NOW, emulated=True)
    await run(operator_on(storage), "change_channel", {"id": "1", **changed})
    before = await storage.list_channels(with_deleted=True)
    moved = attrs.evolve(own, upstream_url="http://127.0.0.1:1002", upstream_key="e|f")
    await bootstrap(storage, moved, NOW, emulated=True)
    assert await storage.list_channels(with_deleted=True) == before


async def test_an_emulated_kling_leaves_a_relay_s_database_as_it_is() -> None:
    """Its channel may lead to a gateway on this computer, as with `serve --db` by mistake."""
    storage = MemoryStorage()
    gateway = attrs.evolve(FIRST, upstream_url="http://127.0.0.1:1001", upstream_key="a|b")
    await bootstrap(storage, gateway, NOW)
    before = await stored(storage)
    emulated = RelaySettings(
        upstream_url="http://127.0.0.1:1002", upstream_key="e|f", token="sk-of-sixteen-or-more"
    )
    await bootstrap(storage, emulated, NOW, emulated=True)
    assert await stored(storage) == before


async def test_a_database_with_users_and_no_channel_is_not_empty() -> None:
    """Users may have been imported: the environment's key does not make a channel there."""
    storage = MemoryStorage()
    await storage.create_user(NewUser("imported", 1), now=NOW)
    await bootstrap(storage, FIRST, NOW)
    assert await storage.list_channels(with_deleted=True) == []


#: What makes a token invalid: the name of a call of the operator, its key and its body.
INVALIDATING: dict[str, Action] = {
    "user disabled": ("set_user_status", USER, {"status": "disabled"}),
    "user deleted": ("delete_user", USER, {}),
    "token disabled": ("set_token_status", "1", {"status": "disabled"}),
    "token deleted": ("delete_token", "1", {}),
}


@pytest.mark.parametrize("action", INVALIDATING.values(), ids=INVALIDATING)
def test_an_app_gets_no_token_that_the_operator_has_withdrawn(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, action: Action
) -> None:
    """A start enables nothing again; it says that the token is invalid, and how to make one."""
    url = f"sqlite:///{tmp_path / 'relay.db'}"
    mine = RelaySettings(database=url, token="sk-mine-and-long-enough")
    with KlingMock(relay=mine) as mock:
        assert mock.environment["KLING_RELAY_TOKEN"] == mine.token
    asyncio.run(_operate_on(url, [action]))
    with KlingMock(relay=mine) as mock:
        assert "KLING_RELAY_TOKEN" not in mock.environment
    assert "KLING_MOCK_RELAY_TOKEN is not an enabled token of this database" in caplog.text
    assert "kling-mock token add USER" in caplog.text
    assert mine.token not in caplog.text


async def _operate_on(url: str, actions: list[Action]) -> None:
    storage = connect(url)
    await storage.open()
    await operate(storage, actions)
    await storage.close()


# ---------------------------------------------------------------- the command


@pytest.mark.slow
def test_serve_prints_a_token_of_its_own_database_only(tmp_path: Path) -> None:
    """In a database that others have made, it makes none; its ready line says null."""
    own, others = (f"sqlite:///{tmp_path / name}" for name in ("own.db", "others.db"))
    with standalone("http://127.0.0.1:9", database=others):
        pass
    log = tmp_path / "log"
    tokens = []
    for url in (own, own, others):
        with log.open("w") as lines, started(*SERVE, "--db", url, errors=lines) as (_, ready):
            headers = {"Authorization": f"Bearer {ready['relay_token']}"}
            reply = httpx.get(ready["relay_url"] + VIDEOS, headers=headers)
            tokens.append((ready["relay_token"] is not None, reply.status_code))
    assert tokens == [(True, 200), (True, 200), (False, 401)]
    assert "the database is in use, so the start has made no token" in log.read_text()


@contextmanager
def relay(
    upstream: str, folder: Path, *words: str, **environment: str
) -> Iterator[tuple[dict[str, Any], Path]]:
    """`kling-mock relay`; yields its ready line and the file of its log."""
    log = folder / f"log{len(list(folder.glob('log*')))}"
    own = {"KLING_API_KEY": "key-of-the-environment", **environment}
    command = ("relay", "--port", "0", "--upstream", upstream, *words)
    with log.open("w") as lines, started(*command, variables=own, errors=lines) as (process, ready):
        yield ready, log
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.slow
def test_later_starts_make_no_token(tmp_path: Path) -> None:
    """The first start prints a token that works; later ones say how to make one."""
    url = f"sqlite:///{tmp_path / 'relay.db'}"
    with KlingMock(relay=False) as kling:
        with relay(kling.kling_url, tmp_path, "--db", url) as (first, _):
            assert first["database"] == "sqlite"
        with relay(kling.kling_url, tmp_path, "--db", url) as (second, log):
            reply = httpx.get(
                second["relay_url"] + VIDEOS,
                headers={"Authorization": f"Bearer {first['relay_token']}"},
            )
            assert reply.status_code == 200
        with relay(
            kling.kling_url, tmp_path, "--db", url, KLING_MOCK_RELAY_TOKEN="sk-mine-and-long-enough"
        ) as (
            third,
            refused,
        ):
            assert third.keys() == first.keys()
        with relay(
            *(kling.kling_url, tmp_path, "--db", url), KLING_MOCK_RELAY_TOKEN=first["relay_token"]
        ) as (fourth, _):
            assert fourth["relay_token"] == first["relay_token"]
    assert (second["relay_token"], third["relay_token"]) == (None, None)
    assert "INFO kling relay: the database is in use, so the start has made no token" in (
        log.read_text()
    )
    assert "kling-mock token add" in log.read_text()
    assert "WARNING kling relay: KLING_MOCK_RELAY_TOKEN is not" in refused.read_text()
    assert "sk-mine" not in refused.read_text()

    async def tokens() -> int:
        storage = connect(url)
        await storage.open()
        rows = await storage.list_tokens(1)
        await storage.close()
        return len(rows)

    assert asyncio.run(tokens()) == 1


@pytest.mark.slow
def test_the_database_of_the_environment_is_used(tmp_path: Path) -> None:
    """`kling-mock relay` honours KLING_MOCK_DB, as its sister commands do."""
    path = tmp_path / "relay.db"
    with relay("http://127.0.0.1:1", tmp_path, KLING_MOCK_DB=f"sqlite:///{path}") as (ready, log):
        assert ready["database"] == "sqlite"
    assert path.exists()
    assert "in memory" not in log.read_text()


@pytest.mark.slow
def test_a_database_in_memory_is_announced(tmp_path: Path) -> None:
    """The ready line says so, and a warning, since everything is lost at the end."""
    with relay("http://127.0.0.1:1", tmp_path, "--db", "sqlite://") as (ready, log):
        assert ready["database"] == "memory"
        assert ready["relay_token"].startswith("sk-")
    assert "WARNING kling relay: the database is in memory" in log.read_text()
    assert "KLING_MOCK_DB" in log.read_text()


@pytest.mark.slow
def test_an_operator_s_second_key_survives_a_restart(tmp_path: Path) -> None:
    """A task that was sent with it is read with it after the restart, and charged."""
    url = f"sqlite:///{tmp_path / 'relay.db'}"
    with KlingMock(relay=False, clock=1000.0) as kling:
        second = kling.accounts.add("second")
        pair = f"{second.access_key}|{second.secret_key}"
        environment = {"KLING_ACCESS_KEY": kling.access_key, "KLING_SECRET_KEY": kling.secret_key}
        with relay(kling.kling_url, tmp_path, "--db", url, **environment) as (ready, _):
            headers = {"Authorization": f"Bearer {ready['admin_token']}"}
            changed = httpx.patch(
                f"{ready['relay_url']}/__kling/relay/channels/1",
                json={"key": pair},
                headers=headers,
            )
            assert changed.status_code == 200, changed.text
            token = {"Authorization": f"Bearer {ready['relay_token']}"}
            created = httpx.post(
                f"{ready['relay_url']}{VIDEOS}/text2video", json=GUIDE, headers=token, timeout=20
            )
            assert created.json()["kling_task_id"]
        with relay(kling.kling_url, tmp_path, "--db", url, **environment) as (ready, _):
            reply: dict[str, str] = {}
            for _ in range(500):
                task = f"{ready['relay_url']}{VIDEOS}/{created.json()['task_id']}"
                reply = httpx.get(task, headers=token, timeout=20).json()
                if reply["status"] in {"succeed", "failed"}:
                    break
    assert reply["status"] == "succeed", reply


def test_webhook_secrets_survive_a_restart(tmp_path: Path) -> None:
    """The database has them, whatever the key of Kling is; a variable is used instead, if set."""
    database = f"sqlite:///{tmp_path / 'relay.db'}"
    secrets: list[str] = []
    for key, callbacks in (
        ("access|secret", b""),
        ("another|secret", b""),
        ("another|secret", b"rotated"),
        ("third|secret", b"rotated"),
    ):
        with standalone(
            *("http://127.0.0.1:9",),
            database=database,
            upstream_key=key,
            callback_secret=callbacks,
        ) as caller:
            secrets.append(caller.operate("GET", f"users/{USER}")["webhook_secret"])
    first, other_key, rotated, third_key = secrets
    assert first == other_key != rotated == third_key


def test_webhook_secrets_of_an_emulated_kling_survive_a_restart(tmp_path: Path) -> None:
    """Its own key is new with each start."""
    secrets: list[str] = []
    for _ in range(2):
        url = f"sqlite:///{tmp_path / 'relay.db'}"
        with KlingMock(relay=RelaySettings(database=url)) as mock:
            reply = httpx.get(
                f"{mock.relay_url}/__kling/relay/users/{USER}",
                headers={"Authorization": f"Bearer {mock.admin_token}"},
            )
            secrets.append(reply.json()["webhook_secret"])
    assert secrets[0] == secrets[1]
