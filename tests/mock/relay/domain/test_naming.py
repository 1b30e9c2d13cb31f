"""A name that looks like a number never means another user."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.cli.main import main
from kling_mock.cli.operator import operator_on
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.naming import check_name, number_of, resolve_name
from kling_mock.relay.operator.operations import run
from kling_mock.relay.storage.connect import connect
from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import NewChannel, NewUser
from tests.mock.relay.http_calls import Caller, error_of
from tests.mock.relay.storage.databases import SqliteFile
from tests.plain_http import NO_TLS

NOW = 1_700_000_000


@attrs.frozen
class Thing:
    """A user or a channel."""

    id: int
    name: str


Rule = Callable[[str, list[Thing]], Thing]


def rule(key: str, things: list[Thing]) -> Thing:
    """What the operator service does, over a list."""
    number = number_of(key)
    named = next((candidate for candidate in things if candidate.name == key), None)
    numbered = next((candidate for candidate in things if candidate.id == number), None)
    return resolve_name("user", key, named, numbered)


def check(key: str, things: list[Thing], resolve: Rule) -> None:
    """The promise: what is found is what the key says, and nothing else could be meant."""
    named = [candidate for candidate in things if candidate.name == key]
    number = key.removeprefix("id:")
    numbered = [candidate for candidate in things if str(candidate.id) == number]
    ids = {candidate.id for candidate in (*named, *numbered)}
    try:
        got = resolve(key, things)
    except RelayError as error:
        assert error.http == 409
        assert len(ids) == 2
        assert all(f"id:{match_id}" in error.message for match_id in ids)
    except UnknownError:
        assert not ids
    else:
        assert ids == {got.id}


NAMES = st.sampled_from(["1", "2", "3", "01", "id:1", "alice", "1a", "-1", "1.0", "²"])
THINGS = st.lists(NAMES, max_size=4, unique=True).map(
    lambda names: [Thing(number, name) for number, name in enumerate(names, start=1)]
)
KEYS = NAMES | st.sampled_from(["id:2", "id:01", "id:", "", "99999999999999999999"])


@given(key=KEYS, things=THINGS)
@example(key="1", things=[Thing(1, "alice"), Thing(2, "1")])
@example(key="1", things=[Thing(1, "1")])
def test_a_key_means_one_thing_or_is_refused(key: str, things: list[Thing]) -> None:
    """A key is an exact name, a number, or `id:` and a number; an ambiguous one is refused."""
    check(key, things, rule)


def number_first(key: str, things: list[Thing]) -> Thing:
    """What was done once: digits are a number."""
    for candidate in things:
        if key.isdigit() and candidate.id == int(key):
            return candidate
    return name_first(key, things)


def name_first(key: str, things: list[Thing]) -> Thing:
    """The other simple rule."""
    for candidate in things:
        if key in {candidate.name, f"{candidate.id}", f"id:{candidate.id}"}:
            return candidate
    raise UnknownError("user", key)


@pytest.mark.parametrize("naive", [number_first, name_first])
def test_control_a_simple_precedence_is_noticed(naive: Rule) -> None:
    """Each simple precedence fails the same check where a name is the number of another."""
    for things in ([Thing(1, "alice"), Thing(2, "1")], [Thing(1, "2"), Thing(2, "bob")]):
        (key,) = (candidate.name for candidate in things if candidate.name.isdigit())
        check(key, things, rule)
        with pytest.raises(AssertionError):
            check(key, things, naive)


# ---------------------------------------------------------------- commands and HTTP


async def _shop(url: str) -> None:
    storage = connect(url)
    await storage.open()
    await storage.create_user(NewUser("alice", 100), now=NOW)
    await storage.create_user(NewUser("1", 100), now=NOW)  # from before such names were refused
    await storage.create_channel(NewChannel("2", "https://a.example", "a|b"), now=NOW)
    await storage.create_channel(NewChannel("two", "https://b.example", "c|d"), now=NOW)
    await storage.close()


async def test_a_top_up_never_goes_astray(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2 names both users and moves nothing; `id:` says which one is meant."""
    url = SqliteFile(tmp_path).url
    await _shop(url)

    def run(*words: str) -> tuple[int, str, str]:
        # The command has an event loop of its own.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(1) as pool:
            status = pool.submit(main, [*words, "--db", url]).result()
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    status, out, err = run("user", "topup", "1", "7")
    assert (status, out) == (2, "")
    assert "id:1" in err
    assert "id:2" in err
    for words in (("user", "disable", "1"), ("user", "delete", "1"), ("token", "add", "1")):
        assert run(*words)[0] == 2
    assert run("channel", "delete", "2")[0] == 2
    assert run("channel", "set", "2", "--weight", "3")[0] == 2
    assert run("user", "topup", "id:2", "7")[0] == 0
    assert run("user", "topup", "alice", "5")[0] == 0
    users = [json.loads(line) for line in run("user", "list")[1].splitlines()]
    assert [(user["username"], user["quota"], user["status"]) for user in users] == [
        ("alice", 105, "enabled"),
        ("1", 107, "enabled"),
    ]


def test_the_operator_s_api_refuses_it_with_409(tmp_path: Path) -> None:
    """The same rule by HTTP."""
    with (
        KlingMock() as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        caller = Caller(http, mock)
        caller.operate("GET", "users")
        storage: Any = mock._existing_relay()._open_state().storage
        mock._thread.wait(storage.create_user(NewUser("1", 5), now=NOW), None)
        headers = {"Authorization": f"Bearer {mock.admin_token}"}
        body = {"amount": 7, "reference": "payment-1"}
        for path in ("users/1/credit", "users/1/tokens"):
            sent = body if path.endswith("credit") else {}
            reply = http.post(f"/__kling/relay/{path}", json=sent, headers=headers)
            assert error_of(reply) == (409, "conflict_error", "ambiguous_name")
        assert caller.operate("POST", "users/id:2/credit", json=body)["user_id"] == 2
        assert caller.operate("GET", "users/default")["id"] == 1


@pytest.mark.parametrize("name", ["1", "007", "id:1"])
async def test_new_names_are_no_numbers(name: str) -> None:
    """A user or channel cannot be named or renamed so."""
    storage = MemoryStorage()
    service = operator_on(storage)
    channel = {"name": "one", "base_url": "https://a.example", "key": "a|b"}
    await run(service, "add_channel", channel)
    for call, parameters in (
        ("add_user", {"username": name}),
        ("add_channel", channel | {"name": name}),
        ("change_channel", {"id": "one", "name": name}),
        ("replace_channel", channel | {"id": "one", "name": name}),
    ):
        with pytest.raises(RelayError, match="must not be digits alone") as refused:
            await run(service, call, parameters)
        assert refused.value.http == 400
    assert await storage.list_users() == []
    assert [stored.name for stored in await storage.list_channels()] == ["one"]


async def test_a_channel_that_has_such_a_name_can_be_changed() -> None:
    """What has been named so before keeps its name."""
    storage = MemoryStorage()
    await storage.create_channel(NewChannel("7", "https://a.example", "a|b"), now=NOW)
    channel = await run(operator_on(storage), "change_channel", {"id": "7", "weight": 3})
    assert (channel["name"], channel["weight"]) == ("7", 3)


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("0", 0),
        ("7", 7),
        ("id:7", 7),
        ("9" * 18, 10**18 - 1),
        ("9" * 19, None),
        ("07", None),
        ("id:", None),
        ("id:id:7", None),
        ("7 ", None),
        ("-7", None),
        ("٣", None),
    ],
)
def test_a_key_is_a_number_that_every_database_stores(key: str, number: int | None) -> None:
    """It has at most 18 digits, and one spelling."""
    assert number_of(key) == number


@pytest.mark.parametrize("name", ["7", "id:7", "007", "9" * 30])
def test_a_new_name_is_not_a_number(name: str) -> None:
    with pytest.raises(RelayError, match=r"^username: must not be digits alone"):
        check_name("username", name)


@pytest.mark.parametrize("name", ["7a", "id:", "id:a", "a7", "ID:7", ""])
def test_any_other_new_name_is_taken(name: str) -> None:
    check_name("username", name)


def test_what_is_not_found_is_shown_in_part() -> None:
    """An error does not repeat a whole page."""
    with pytest.raises(UnknownError) as caught:
        resolve_name("channel", "x" * 101, None, None)
    assert f"channel {'x' * 100!r}" in str(caught.value)


def test_an_ambiguous_name_says_how_to_write_it() -> None:
    with pytest.raises(RelayError) as caught:
        resolve_name("user", "1", Thing(2, "1"), Thing(1, "ann"))
    assert (caught.value.http, caught.value.code) == (409, "ambiguous_name")
    assert caught.value.message.endswith("Write id:2 or id:1")
    assert caught.value.message.startswith("user: '1' is the name of user 2 and the id of another")
