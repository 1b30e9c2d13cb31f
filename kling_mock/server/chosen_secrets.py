"""Secrets chosen by the user of a server, and the refusal of secrets made from a seed."""

from __future__ import annotations

import re
from typing import Any, Final

import attrs

from kling_mock.web.access import Callers
from kling_mock.web.addresses import is_loopback

_TEXT: Final = re.compile(r"[!-{}~]*")  # no "|", which separates the two halves of a key pair


_SECRET_KEY: Final = 32  # characters; RFC 7518 (3.2) requires it, and PyJWT warns of shorter ones


def _check_text(_: Secrets, field: attrs.Attribute[Any], value: object) -> None:
    if not (isinstance(value, str) and _TEXT.fullmatch(value)):
        raise ValueError(
            f"{field.name}: must be ASCII without spaces, control characters and '|', or '' for "
            "one that is made; what was given is not shown"
        )


def _secret() -> Any:
    return attrs.field(default="", repr=False, validator=_check_text)


@attrs.frozen(kw_only=True)
class Secrets:
    """Secrets of a `KlingMock` that the user chooses. An empty one is generated.

        KlingMock(secrets=Secrets(admin_token=os.environ["ADMIN_TOKEN"]))

    The secrets of the relay, `token` and `callback_secret`, are in `RelaySettings`. All secrets
    are ASCII without spaces and `|`.

    Attributes:
        access_key: Access key of the account that every server has, with *secret_key*.
        secret_key: Secret of that pair, 32 characters or more.
        api_key: Static API key of the same account.
        admin_token: The token for calls of the admin API and the relay's operator API.

    Raises:
        ValueError: A secret is not such a text, or half of a key pair is missing.
    """

    access_key: str = _secret()
    secret_key: str = _secret()
    api_key: str = _secret()
    admin_token: str = _secret()

    def __attrs_post_init__(self) -> None:
        """Check the key pair."""
        if bool(self.access_key) is not bool(self.secret_key):
            raise ValueError("access_key and secret_key: must be given together, or neither")
        if 0 < len(self.secret_key) < _SECRET_KEY:
            raise ValueError(
                f"secret_key: must have {_SECRET_KEY} characters or more, as it signs with HS256; "
                f"got {len(self.secret_key)}"
            )


def is_exposed(host: str, callers: Callers) -> bool:
    """Return whether others can call a server: over the network, or through a proxy.

    Args:
        host: The address to listen on.
        callers: Who may call the admin API.
    """
    return callers == "remote" or not is_loopback(host)


def check_seeded(
    host: str,
    callers: Callers,
    chosen: Secrets,
    relay: tuple[str, bytes] | None,
) -> None:
    """Check that a server which others can call does not have secrets made from a seed.

    Later secrets (keys of further accounts, tokens, webhook secrets) are random on such a server.

    Args:
        host: The address to listen on.
        callers: Who may call the admin API.
        chosen: The secrets that the user chose.
        relay: The relay's chosen token and callback secret; `None` if there is no relay.

    Raises:
        ValueError: A secret is missing.
    """
    if not is_exposed(host, callers):
        return
    token, callback_secret = ("-", b"-") if relay is None else relay
    secrets_by_name = {
        "access_key": chosen.access_key,
        "secret_key": chosen.secret_key,
        "api_key": chosen.api_key,
        "admin_token": chosen.admin_token or callers == "off",
        "relay token": token,
        "relay callback_secret": callback_secret,
    }
    missing = [name for name, value in secrets_by_name.items() if not value]
    if missing:
        where = f"host {host!r}" if not is_loopback(host) else "admin='remote'"
        raise ValueError(
            f"seed: must not make secrets where others can call ({where}), since everybody who "
            f"knows or guesses the seed can compute them. These would be: {', '.join(missing)}. "
            "Leave out the seed, and they are random. Or give them: secrets=Secrets(...) and "
            "relay=RelaySettings(token=..., callback_secret=...); for `kling-mock serve` the "
            "variables KLING_MOCK_ACCESS_KEY, KLING_MOCK_SECRET_KEY, KLING_MOCK_API_KEY, "
            "KLING_MOCK_ADMIN_TOKEN, KLING_MOCK_RELAY_TOKEN and KLING_MOCK_CALLBACK_SECRET. "
            "admin='off' needs no admin_token, relay=False none of the relay's."
        )
