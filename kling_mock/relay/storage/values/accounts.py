"""Users, their tokens, channels, and the limits of amounts."""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from kling_mock.relay.storage.text import check_fits, is_external_id
from kling_mock.relay.storage.values.services import check_service, service_at

#: Status of a user, a token or a channel, with one-api's numbers.
ENABLED: Final = 1
#: Switched off by hand.
DISABLED: Final = 2
#: A deleted user or token: permanent; the row stays for what it has been charged.
DELETED: Final = 3
#: one-api's channel type of Kling (constants of one-api; confidence high).
KELING: Final = 41

#: Largest single price, charge or credit: 2 billion USD at 500,000 quota each.
MAX_AMOUNT: Final = 10**15
#: Largest balance; far below BIGINT's end, because SQLite would continue with inexact numbers.
MAX_BALANCE: Final = 10**16

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def check_amount(name: str, value: int) -> None:
    """Check that *value* is a whole number of quota from 0 to `MAX_AMOUNT`.

    Raises:
        ValueError: It is not.
    """
    if type(value) is not int or not 0 <= value <= MAX_AMOUNT:
        raise ValueError(f"{name} is a whole number of quota from 0 to {MAX_AMOUNT}")


def amount(_instance: object, field: attrs.Attribute[Any], value: int) -> None:
    """Check an attribute with `check_amount`."""
    check_amount(field.name, value)


def signed_amount(value: int) -> int:
    """Return *value* if it is a whole number other than 0 of at most `MAX_AMOUNT`, any sign.

    Raises:
        ValueError: It is not.
    """
    if type(value) is not int or not 0 < abs(value) <= MAX_AMOUNT:
        raise ValueError(f"a credit is a whole number of quota, not 0, of at most {MAX_AMOUNT}")
    return value


def _name(_instance: object, field: attrs.Attribute[Any], value: str) -> None:
    if len(value) > 100 or not is_external_id(value):
        raise ValueError(
            f"{field.name}: must have 1 to 100 characters, no space at its end, no NUL and no"
            f" unpaired surrogate; has {len(value)} characters"
        )


def _fits(_instance: object, field: attrs.Attribute[Any], value: str) -> None:
    check_fits(field.name, value)


def _fits_100(_instance: object, field: attrs.Attribute[Any], value: str) -> None:
    check_fits(field.name, value, 100)


def _fits_255(_instance: object, field: attrs.Attribute[Any], value: str) -> None:
    check_fits(field.name, value, 255)


def _service(_instance: object, _field: attrs.Attribute[Any], value: str) -> None:
    check_service(value)


def _sha256(_instance: object, field: attrs.Attribute[Any], value: str) -> None:
    if _SHA256.fullmatch(value) is None:
        raise ValueError(f"{field.name} is 64 lower-case hexadecimal digits, never the token")


@attrs.frozen
class NewUser:
    """A user to be created.

    Attributes:
        username: 1 to 100 characters, unique.
        quota: Opening balance; it gets a ledger row.
        status: `ENABLED` or `DISABLED`.
    """

    username: str = attrs.field(validator=_name)
    quota: int = attrs.field(default=0, validator=amount)
    status: int = ENABLED


@attrs.frozen
class User:
    """A customer of the relay.

    Attributes:
        id: Its number.
        username: Unique, also after it was deleted.
        status: `ENABLED`, `DISABLED` or `DELETED`.
        quota: Balance, with what is held still in it; 500,000 quota are 1 USD.
        held_quota: What open tasks may still cost.
        used_quota: What was charged so far.
        request_count: Tasks that were charged.
        created_at: Unix seconds.
        credited_quota: The sum of the credits so far, less what was deducted.
    """

    id: int
    username: str
    status: int
    quota: int
    held_quota: int
    used_quota: int
    request_count: int
    created_at: int
    credited_quota: int = 0

    @property
    def available(self) -> int:
        """Quota that new tasks can hold."""
        return self.quota - self.held_quota


@attrs.frozen
class NewToken:
    """A relay token to be created.

    Attributes:
        user_id: Whose it is.
        token_hash: SHA-256 of the token in hexadecimal; the token itself is never stored.
        name: For people.
        remain_quota: What it may still spend; None for as much as its user.
        expires_at: Unix seconds; None for never.
    """

    user_id: int
    token_hash: str = attrs.field(validator=_sha256, repr=False)
    name: str = attrs.field(default="", validator=_fits_100)
    remain_quota: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(amount)
    )
    expires_at: int | None = None


@attrs.frozen
class Token:
    """A relay token.

    Attributes:
        id: Its number.
        user_id: Whose it is.
        token_hash: SHA-256 of the token in hexadecimal.
        name: For people.
        status: `ENABLED`, `DISABLED` or `DELETED`.
        expires_at: Unix seconds; None for never.
        unlimited: Whether it may spend as much as its user; then *remain_quota* means nothing.
        remain_quota: What it may still spend, with what is held still in it.
        held_quota: What its open tasks may still cost.
        used_quota: What was charged through it so far.
        created_at: Unix seconds.
    """

    id: int
    user_id: int
    token_hash: str = attrs.field(repr=False)
    name: str
    status: int
    expires_at: int | None
    unlimited: bool = attrs.field(converter=bool)
    remain_quota: int
    held_quota: int
    used_quota: int
    created_at: int

    def is_expired(self, now: int) -> bool:
        """Whether the token is no longer accepted at *now*, in Unix seconds."""
        return self.expires_at is not None and self.expires_at <= now


@attrs.frozen
class Caller:
    """A token and its user, read in one statement."""

    user: User
    token: Token


@attrs.frozen
class NewChannel:
    """The settings of a channel. A text that does not fit is refused, never truncated.

    Attributes:
        name: 1 to 100 characters, unique among channels that are not deleted.
        base_url: Where the Kling API is.
        api_keys: `AK|SK` or an API key, one per line.
        model_mapping: A JSON object from the requested model to the one that is sent, or "".
        models: Names that it serves, with a comma between; "" for any.
        webhook_secrets: `whsec_...` that callbacks are signed with, one per line, or "".
        priority: Higher ones are tried first.
        weight: Share of the tasks among channels of one priority; 0 and more.
        status: `ENABLED` or `DISABLED`: a disabled one gets no new tasks.
        type: one-api's number of the provider.
        service: Label of the upstream that it leads to: of channels with one label, an upstream
            task id is of one task. "" is the host of *base_url*.
    """

    name: str = attrs.field(validator=_name)
    base_url: str = attrs.field(validator=_fits_255)
    api_keys: str = attrs.field(repr=False, validator=_fits)
    model_mapping: str = attrs.field(default="", validator=_fits)
    models: str = attrs.field(default="", validator=_fits)
    webhook_secrets: str = attrs.field(default="", repr=False, validator=_fits)
    priority: int = 0
    weight: int = 1
    status: int = ENABLED
    type: int = KELING
    service: str = attrs.field(default="", validator=_service)


@attrs.frozen
class Channel:
    """A channel to Kling; it has the attributes of `NewChannel` too.

    Attributes:
        id: Its number.
        created_at: Unix seconds.
        deleted_id: 0, or its own id once it is deleted, so that the name is free
            again. Open tasks of a deleted channel are still read through it.
    """

    id: int
    name: str
    base_url: str
    api_keys: str = attrs.field(repr=False)
    model_mapping: str
    models: str
    webhook_secrets: str = attrs.field(repr=False)
    priority: int
    weight: int
    status: int
    type: int
    created_at: int
    deleted_id: int
    service: str

    @property
    def service_label(self) -> str:
        """The label of the channel's service; if none was declared, the base URL's host."""
        return self.service or service_at(self.base_url, self.id)

    @property
    def is_deleted(self) -> bool:
        """Whether the channel was deleted."""
        return self.deleted_id != 0
