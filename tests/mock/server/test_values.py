"""Values that cannot be are refused where they are set, by an error that says what they must be."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import pytest

from kling_mock import KlingMock, Limits, RateLimit, RelaySettings, User
from kling_mock.controls.attributes import _settings

NAN: Final = math.nan

# Each argument gets values of a wrong type, and wrong values of the right type.
MOCK: Final[dict[str, list[Any]]] = {
    "clock": [None, [], b"manual", True, "foo", "60", NAN, 0, -1, 1e300, 1e9, 1_000_001],
    "seed": ["7", 1.5, True, [], 2**5000],
    "start": ["7", [], True, NAN, math.inf, -1, 1e300, 10**400, "later"],
    "host": [None, 5, b"127.0.0.1", "http://a", "a:80", "127.0.0.1:80", "[::1]", "a b"],
    "kling_port": ["80", 1.5, True, None, -1, 65_536],
    "public_url": [5, True, b"http://a", "", "foo", "ftp://a", "http://", "http://a:99999"],
    "tls_cert": [5, b"a.pem", True, ""],
    "tls_key": [5, "a.pem"],  # without a certificate
    "callback_hosts": [5, None, b"a", {"a": 1}, [5], [None], "a:80", "http://a", "*.a", [""]],
    "admin": [None, True, [], {}, "foo", ""],
    "admin_hosts": [5, None, [5], "a:80", "http://a"],
    "admin_origins": [5, None, b"a", {"a": 1}, [5], "*", "null", "a:80", "http://a/b", "ws://a"],
    "secrets": [5, "secret", True],
    "journal_size": ["5", 1.5, True, None, 0, -1],
    "ignored_fields": [None, True, "drop", ""],
    "strict": [None, 1, "no"],
    "unexpected_notes": [None, 5, "all", ["unknown", "all"], [5]],
    "relay": [None, 5, "units", RelaySettings],
}
RELAY: Final[dict[str, list[Any]]] = {
    "database": [5, b"sqlite://", ""],
    "port": ["80", 1.5, True, None, -1, 65_536],
    "public_url": [5, "foo", "http://"],
    "pricing": [None, [], "foo"],
    "plain_check": ["no", 1, None],
    "test_callback": ["no", 1, None],
    "callback_hosts": [5, None, "a:80"],
    "callback_secret": ["secret", 5, None],
    "upstream_url": [5, None, "foo", "http://"],
    "upstream_key": [5, None, b"a|b"],
    "token": [5, None, b"sk-1"],
    "admin_token": [5, None, b"a"],
    "operator": [None, [], "foo"],
    "admin_hosts": [5, None, [5], "a:80", "http://a"],
    "upstream_timeout": ["3", True, None, 0, NAN, math.inf],
    "create_lease": ["3", True, 1.5, None, 0, 46],
    "reads_at_once": ["3", True, 1.5, None, 0],
    "calls_per_channel": ["3", True, 1.5, None, -1],
    "reads_per_channel": ["3", True, 1.5, None, 0],
    "webhooks_at_once": ["3", True, 1.5, None, 0],
    "webhooks_per_receiver": ["3", True, 1.5, None, 0],
    "receiver_off_days": ["3", True, None, -1, NAN, math.inf],
    "body_memory_mib": ["3", True, 1.5, None, 95],
    "token_rate": ["3", True, None, -1, NAN, math.inf],
    "token_burst": ["3", True, 1.5, None, 0],
    "open_tasks_per_token": ["3", True, 1.5, None, -1],
    "write_limit": ["3", True, None, 0, 2.9, NAN, math.inf],
    "sweep_interval": ["3", True, None, 0, NAN, math.inf],
    "limits": ["3", 5, None],
}
SECONDS: Final[list[Any]] = ["5", True, None, [], 0, -1, NAN, math.inf]
LIMITS: Final[dict[str, list[Any]]] = {
    "connections": ["5", True, 1.5, None, 0, -1],
    "header_seconds": SECONDS,
    "idle_seconds": SECONDS,
    "body_seconds": SECONDS,
    "body_rate": SECONDS,
    "send_seconds": SECONDS,
}
TABLES: Final[dict[Callable[..., Any], dict[str, list[Any]]]] = {
    KlingMock: MOCK,
    RelaySettings: RELAY,
    Limits: LIMITS,
}


def rows(table: dict[Any, dict[str, list[Any]]]) -> list[Any]:
    return [
        pytest.param(kind, name, value, id=f"{getattr(kind, '__name__', kind)}-{name}-{number}")
        for kind, arguments in table.items()
        for name, values in arguments.items()
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(("kind", "name", "value"), rows(TABLES))
def test_a_wrong_argument_is_refused(kind: Callable[..., Any], name: str, value: Any) -> None:
    """It is a ValueError that begins with the argument's name and says what it must be."""
    with pytest.raises(ValueError, match=rf"^(start|speed|{name})\b.* must ") as raised:
        kind(**{name: value})
    allowed = {"clock": {"clock", "speed"}}.get(name, {name})
    assert re.match(r"\w+", str(raised.value))[0] in allowed  # type: ignore[index] # it has matched


def test_every_argument_has_its_rows() -> None:
    """An argument that is added later is missing here until its wrong values are thought of."""
    assert set(MOCK) == set(inspect.signature(KlingMock).parameters)
    assert set(RELAY) == {field.name for field in attrs.fields(RelaySettings)}
    assert set(LIMITS) == {field.name for field in attrs.fields(Limits)}


def test_a_certificate_that_cannot_be_read_is_named() -> None:
    """An OSError, like any file that is not there, with the argument and the path."""
    with pytest.raises(OSError, match=r"tls_cert: must be .* '/no/such.pem' cannot be used"):
        KlingMock(tls_cert="/no/such.pem")


@pytest.mark.parametrize(
    "options",
    [
        {"clock": 1_000_000},
        {"clock": 0.5, "start": 0},
        {"start": "now", "seed": -7},
        {"host": ""},
        {"host": "localhost"},
        {"host": "::1"},
        {"callback_hosts": ["a", "10.0.0.5"], "journal_size": 1},
        {"ignored_fields": "refuse", "unexpected_notes": []},
        {"unexpected_notes": "coerced"},
        {"relay": RelaySettings(upstream_url="http://a/", sweep_interval=1)},
    ],
)
def test_control_right_arguments_are_taken(options: dict[str, Any]) -> None:
    """The checks refuse nothing that works."""
    KlingMock(**options)


# ---------------------------------------------------------------- handles

NO_NAMES: Final[list[Any]] = [5, None, True, [5], [[]], ["foo"], "foo"]
HANDLES: Final[dict[str, dict[str, list[Any]]]] = {
    "account": {
        "slots": ["2", 1.5, True, -1, math.inf],
        "disabled": ["no", 1, None],
        "in_arrears": ["no", 1, None],
        "denied": NO_NAMES,
        "allowed_ips": [5, True, [5], [True], [None], "foo", "10.0.0.0/99", "127.0.0.1/8"],
        "rate_limit": [
            5,
            "5",
            (5, 1),
            RateLimit("5"),  # type: ignore[arg-type] # what is tested
            RateLimit(0),
            RateLimit(5, seconds="1"),  # type: ignore[arg-type] # what is tested
            RateLimit(5, seconds=NAN),
            RateLimit(5, seconds=0),
            RateLimit(5, seconds=True),
            RateLimit(5, retry_after="no"),  # type: ignore[arg-type] # what is tested
        ],
        "characters": [5, None, "5", ["5"], [True], [[]]],
        "units": ["x", [], True, -1, NAN, math.inf, "1e999"],
    },
    "callbacks": {
        "retries": ["10", 5, None, [True], ["10"], [NAN], [-1], [1e300]],
        "timeout": ["5", None, True, 0, NAN, math.inf, 1e300],
        "timestamps": [5, None, [], "foo"],
    },
    "mock": {"retired": [5, True, "", "2026", "kling-v1", ["kling-0"], [5], [None], [[]]]},
}


@pytest.fixture(scope="module")
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as server:
        yield server


def handle(mock: KlingMock, name: str) -> Any:
    return mock if name == "mock" else getattr(mock, name)


@pytest.mark.parametrize(("owner", "name", "value"), rows(HANDLES))
def test_a_wrong_setting_is_refused(mock: KlingMock, owner: str, name: str, value: Any) -> None:
    """When it is set, with what it must be, and the old one stays."""
    before = getattr(handle(mock, owner), name)
    with pytest.raises(ValueError, match=r"must be "):
        setattr(handle(mock, owner), name, value)
    assert getattr(handle(mock, owner), name) == before


def test_every_setting_has_its_rows(mock: KlingMock) -> None:
    """This holds for all settings of the handles."""
    for owner in ("mock", "account", "callbacks", "faults", "progress", "content", "deliveries"):
        assert set(HANDLES.get(owner, ())) == set(_settings(type(handle(mock, owner))))


Call = tuple[tuple[Any, ...], dict[str, Any]]


def _each(arguments: tuple[Any, ...], name: str, values: list[Any]) -> list[Call]:
    return [(arguments, {name: value}) for value in values]


SECONDS_OF_A_PACK: Final[list[Any]] = ["1", True, NAN, -1, 1e300]
CALLS: Final[dict[str, list[Call]]] = {
    "reset": [(("7",), {}), ((1.5,), {}), ((True,), {})],
    "complete": [((5,), {}), ((None,), {})],
    "fail": [(("0", "1301"), {}), (("0", 0), {}), (("0", 1301, 5), {})],
    "stop": [(("1",), {}), ((-1,), {}), ((NAN,), {}), ((True,), {})],
    "clock.advance": [(("1",), {}), ((None,), {}), ((True,), {}), ((NAN,), {}), ((-1,), {})],
    "ledger.credit": [(("1",), {}), ((1.5,), {}), ((True,), {}), ((None,), {})],
    "accounts.add": [((5,), {}), ((None,), {}), (("",), {}), (([],), {})],
    "account.add_webhook_secret": [
        ((5,), {}),
        ((b"whsec_",), {}),
        (("whsec_\u00fc",), {}),
        ((), {"emergency": "no"}),
    ],
    "account.add_pack": [
        (("x",), {}),
        ((1,), {"name": 5}),
        ((1,), {"slots": "2"}),
        *_each((1,), "begins_in", SECONDS_OF_A_PACK),
        *_each((1,), "lasts", [*SECONDS_OF_A_PACK, 0, math.inf]),
    ],
    "faults.add": [
        (([],), {}),
        (("foo",), {}),
        (("reset", 5), {}),
        (("reset", None), {}),
        *((("stuck",), {name: 5}) for name in ("prompt", "external_id", "account")),
        *_each(("callback-dropped",), "statuses", [5, [5], "foo"]),
        *_each(("reset",), "times", [0, "1", True]),
        *_each(("reset",), "after", [-1, "1", True]),
        *_each(("reset",), "probability", [2, -1, NAN, "1", True]),
    ],
    "faults.load": [((value,), {}) for value in (5, None, b"[]", {"kind": "reset"}, "{}")],
    "faults.remove": [((value,), {}) for value in (5, None, "reset")],
    "progress.add": [
        (([],), {}),
        (("foo",), {}),
        (("typical", 5), {}),
        *((("typical",), {name: 5}) for name in ("prompt", "external_id", "account")),
        *_each(("after",), "seconds", ["1", True, NAN, -1, 1e300]),
        *_each(("polls",), "polls", ["1", True, 1.5, 0]),
    ],
    "content.add": [
        ((5,), {}),
        ((None,), {}),
        ((re.compile(b"x"),), {}),
        (("x", []), {}),
        (("x", "foo"), {}),
        *((("x",), {name: 5}) for name in ("match", "message", "external_id", "account")),
        *_each(("x",), "code", [[], "1301", 9, 0]),
    ],
}


@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        pytest.param(name, *call, id=f"{name}-{number}")
        for name, calls in CALLS.items()
        for number, call in enumerate(calls)
    ],
)
def test_a_wrong_call_is_refused(
    mock: KlingMock, name: str, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    """A ValueError that says what was wrong, and nothing has changed."""
    *owner, method = name.split(".")
    target = getattr(mock, owner[0]) if owner else mock
    sizes = len(mock.faults), len(mock.progress), len(mock.content), len(mock.accounts)
    with pytest.raises(ValueError, match=r"must (be|have|come)|profile"):
        getattr(target, method)(*arguments, **options)
    assert sizes == (len(mock.faults), len(mock.progress), len(mock.content), len(mock.accounts))
    assert mock._thread.running


def test_control_right_calls_are_taken() -> None:
    """The checks refuse nothing that works."""
    with KlingMock(seed=1) as mock:
        mock.account.allowed_ips = ["10.0.0.0/8", "127.0.0.1"]
        mock.account.rate_limit = RateLimit(5, seconds=0.5, retry_after=True)
        mock.account.characters = {5}
        mock.account.add_pack("5.5", name="", slots=2, begins_in=0, lasts=3600)
        mock.callbacks.retries = ()
        mock.callbacks.retries = [1, 2.5]
        mock.content.add(re.compile("x"), message="no")
        mock.progress.add("after", seconds=0)
        mock.faults.add("callback-dropped", statuses=("failed",))
        mock.ledger.credit(-1)
        assert isinstance(mock.ledger.user(), User)


@pytest.mark.parametrize("speed", ["60", True, None, 0, NAN, math.inf, 1e9])
def test_a_wrong_speed_is_refused(speed: Any) -> None:
    """This includes a running clock; at the highest speed, creates still work."""
    with KlingMock(clock=60) as mock:
        with pytest.raises(ValueError, match="speed: must be a number above 0 and up to 1000000"):
            mock.clock.speed = speed
        assert mock.clock.speed == 60
