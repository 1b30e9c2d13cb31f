"""The settings of one relay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, Literal

import attrs

from kling_mock.web.access import CALLERS
from kling_mock.web.addresses import read_base_url, read_hosts
from kling_mock.web.limits import Limits
from kling_mock.web.values import as_flag, as_number, as_text, as_whole

#: Longer than one attempt takes by default. If the sender of a create was killed, a client that
#: repeats the create learns its outcome only after this time.
CREATE_LEASE: Final = 45
#: A write is tried every 2 seconds, and may take one second.
_MIN_WRITE_LIMIT: Final = 3.0


def _upstream_url(url: str) -> str:
    return "" if url == "" else read_base_url("upstream_url", url)


def _flag(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    as_flag(field.name, value)


def _text(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    try:
        as_text(field.name, value)
    except ValueError:  # most of them are secrets
        kind = type(value).__name__
        raise ValueError(f"{field.name}: must be a string, got one of type {kind}") from None


def _seconds(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    as_number(field.name, value, above=True, unit="seconds")


def _number(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    as_number(field.name, value)


def _whole(low: int, high: int | None = None) -> Any:
    def check(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
        as_whole(field.name, value, low, high)

    return check


def _longer_than_a_probe(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    if as_number(field.name, value) < _MIN_WRITE_LIMIT:
        raise ValueError(
            f"{field.name}: must be {_MIN_WRITE_LIMIT:g} seconds or more, got {value!r}"
        )


def _one_of(*names: str) -> Any:
    def check(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
        if not (isinstance(value, str) and value in names):
            known = ", ".join(map(repr, names))
            raise ValueError(f"{field.name}: must be one of {known}, got {value!r}")

    return check


def _database(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    # The storage knows the valid URLs and their extras; its errors do not show a password.
    if value is not None and not (isinstance(value, str) and value):
        raise ValueError(f"{field.name}: must be a URL such as 'sqlite:///relay.db', or None")


def _bytes(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bytes):
        kind = type(value).__name__
        raise ValueError(f"{field.name}: must be bytes, got one of type {kind}")  # noqa: TRY004 - one kind for all


def _limits(_settings: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Limits):
        raise ValueError(f"{field.name}: must be Limits(...), got {value!r}")  # noqa: TRY004 - one kind for all


def _public_url(url: str | None) -> str | None:
    return None if url is None else read_base_url("public_url", url)


def _callback_hosts(hosts: Iterable[str]) -> frozenset[str]:
    return read_hosts("callback_hosts", hosts)


def _admin_hosts(hosts: Iterable[str]) -> frozenset[str]:
    return read_hosts("admin_hosts", hosts)


def _longer_than_an_attempt(
    settings: RelaySettings, _field: attrs.Attribute[Any], value: int
) -> None:
    if settings.upstream_timeout >= value:
        raise ValueError(
            f"upstream_timeout is {settings.upstream_timeout:g}; it must be less than create_lease,"
            f" which is {value}: after that a task counts as no longer being sent"
        )


@attrs.frozen(kw_only=True)
class RelaySettings:
    """The settings of one relay: of `kling-mock relay`, `kling-mock serve` and `KlingMock`.

        KlingMock(relay=RelaySettings(pricing="guide", database="sqlite:///relay.db"))

    Attributes:
        database: URL of the database, such as `sqlite:///relay.db`, `mysql://...` or
            `postgresql://...`; `None`, like `sqlite://`, keeps everything in memory. Several relays
            may share a database.
        port: TCP port to listen on, 0 to 65535; 0 takes any free one.
        public_url: Scheme, host and port at which Kling's callbacks reach this relay (the
            guide's `CALLBACK_DOMAIN`). `None`: `KlingMock` uses the relay's own address; a relay
            in front of a real Kling does not ask for callbacks, and tasks end by polling.
        pricing: `"units"` charges Kling's price list, `"guide"` the formula of the deployment
            guide's relay.
        plain_check: True for the guide's own check: the balance has to reach the price, nothing
            is held, and the balance can fall below zero.
        test_callback: True lets an unsigned callback from this computer complete a task of the
            emulated Kling. Only `KlingMock` and `kling-mock serve` have this test hook.
        callback_hosts: Hosts to which users' webhooks may go although their addresses are
            private; `"*"` is any. For tests, and for services in one's own network.
        callback_secret: Secret from which the `whsec_` secret of each user is derived; empty takes
            that of the database, where the first start stores one.
        upstream_url: Base URL of Kling. `KlingMock` sets it to its emulated Kling.
        upstream_key: `AK|SK` or an API key; more of the same account stand on further lines. An
            empty database gets a channel with `upstream_url` and these keys. `KlingMock` sets it.
        token: Token of the user `default`, such as `sk-` and 48 hexadecimal digits. An empty
            database gets this user and token. Empty makes a new one.
        admin_token: Bearer token of the operator's API; empty makes a new one.
        operator: Who may call the operator's API, with the admin token: `"remote"` any computer,
            `"local"` this one only and not through a proxy, `"off"` none. In `KlingMock` its
            own `admin` and `admin_token` count, for both APIs.
        admin_hosts: Names by which the operator's API may be called, without ports, in
            addition to addresses, `localhost`, and the hosts of *public_url* and of the address to
            listen on; `"*"` is any. `KlingMock` takes them for both of its APIs.
        upstream_timeout: Seconds of real time that one call of Kling may take, above 0 and less
            than *create_lease*.
        create_lease: Seconds, 1 to 45, for which an attempt to create a task counts as being
            under way if its process does not report its end. They are seconds on the relay's
            clock, times its speed if that is above 1: attempts take real time.
        reads_at_once: How many tasks the sweeper polls concurrently, 1 or more. With 1 the order
            of results does not depend on the network; `KlingMock` sets 1.
        reads_per_channel: How many of them may be of one channel, 1 or more.
        calls_per_channel: How many calls of Kling, creates included, may wait for a reply of one
            channel, 0 or more; 0 for no limit. Each process counts for itself.
        webhooks_at_once: How many webhooks are sent to users concurrently, 1 or more.
        webhooks_per_receiver: How many of them may go to one receiver, which is a user and a host,
            1 or more; of one user four times as many.
        receiver_off_days: Days, 0 or more, for which a receiver may fail without a success before
            it is switched off; 0 switches none off.
        body_memory_mib: Mebibytes that the bodies of creates may take in memory together, 96 or
            more; only what a body has beyond its first counts. One token gets three quarters.
        token_rate: Requests that a user's token may make per second; 0 for no limit.
            Seconds are real time, and each process counts for itself.
        token_burst: How many of them may come at once, 1 or more.
        open_tasks_per_token: Open tasks that a token may have; 0 for no limit.
        sweep_interval: Seconds on the relay's clock, above 0, between searches for tasks and
            webhooks that other processes have left behind.
        write_limit: Seconds of real time, 3 or more, without a write to the database after which
            `/health` is 503. A backup that locks all tables for longer would take each relay out.
        limits: Limits of the connections to the relay.

    Raises:
        ValueError: A value is out of range.
    """

    database: str | None = attrs.field(default=None, validator=_database)
    port: int = attrs.field(default=0, validator=_whole(0, 65535))
    public_url: str | None = attrs.field(default=None, converter=_public_url)
    pricing: Literal["units", "guide"] = attrs.field(
        default="units", validator=_one_of("units", "guide")
    )
    plain_check: bool = attrs.field(default=False, validator=_flag)
    test_callback: bool = attrs.field(default=False, validator=_flag)
    callback_hosts: frozenset[str] = attrs.field(default=frozenset(), converter=_callback_hosts)
    callback_secret: bytes = attrs.field(default=b"", repr=False, validator=_bytes)
    upstream_url: str = attrs.field(default="", converter=_upstream_url)
    upstream_key: str = attrs.field(default="", repr=False, validator=_text)
    token: str = attrs.field(default="", repr=False, validator=_text)
    admin_token: str = attrs.field(default="", repr=False, validator=_text)
    operator: Literal["remote", "local", "off"] = attrs.field(
        default="remote", validator=_one_of(*CALLERS)
    )
    admin_hosts: frozenset[str] = attrs.field(default=frozenset(), converter=_admin_hosts)
    upstream_timeout: float = attrs.field(default=30.0, validator=_seconds)
    create_lease: int = attrs.field(
        default=CREATE_LEASE, validator=[_whole(1, CREATE_LEASE), _longer_than_an_attempt]
    )
    reads_at_once: int = attrs.field(default=64, validator=_whole(1))
    reads_per_channel: int = attrs.field(default=8, validator=_whole(1))
    calls_per_channel: int = attrs.field(default=200, validator=_whole(0))
    webhooks_at_once: int = attrs.field(default=128, validator=_whole(1))
    webhooks_per_receiver: int = attrs.field(default=4, validator=_whole(1))
    receiver_off_days: float = attrs.field(default=5.0, validator=_number)
    body_memory_mib: int = attrs.field(default=192, validator=_whole(96))
    token_rate: float = attrs.field(default=0.0, validator=_number)
    token_burst: int = attrs.field(default=200, validator=_whole(1))
    open_tasks_per_token: int = attrs.field(default=0, validator=_whole(0))
    write_limit: float = attrs.field(default=3.0, validator=_longer_than_a_probe)
    sweep_interval: float = attrs.field(default=60.0, validator=_seconds)
    limits: Limits = attrs.field(factory=Limits, validator=_limits)
