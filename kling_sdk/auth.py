"""Credentials: key pairs and the tokens minted from them, or static keys.

Legacy interface: a JWT, HS256, claims `iss` = access key, `exp` = now + 1800 s, `nbf` =
now - 5 s, signed with the secret key. Since 2026-06-17 a static API key is taken as well.
Source: the vendor's authentication page (several copies agree); 1800 and 5 are its
sample's values, no maximum is documented.

This module does not read a clock: the time is an argument. No repr shows a key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import attrs

from kling_sdk.text.hidden import hide

if TYPE_CHECKING:
    from jwt import PyJWS

LIFETIME: Final = 1800  # s
NOT_BEFORE: Final = 5  # s in the past, for a server whose clock runs behind ours
BEARER: Final = "Bearer "
MARGIN: Final = 300  # s before expiry at which a new token is minted


@attrs.frozen
class AccessKey:
    """A key pair: tokens are minted from it.

    Attributes:
        access_key: The public half, sent as `iss`.
        secret_key: The secret half; never sent, never shown.
    """

    access_key: str = attrs.field(repr=lambda key: repr(f"{key[:4]}..."))
    secret_key: str = attrs.field(repr=False)


@attrs.frozen
class ApiKey:
    """A static key, sent as it is: an API key of Kling, or a token of a relay."""

    value: str = attrs.field(repr=False)


FORMS: Final = "a key is 'AK|SK', an access key with its secret key, or an API key"


def parse_keys(text: str) -> tuple[AccessKey | ApiKey, ...]:
    """Return the keys in *text*: one per line, `AK|SK` for a pair, anything else an API key.

    Raises:
        ValueError: *text* does not contain a key, or contains something that cannot be one.
        TypeError: it is not text.
    """
    _require_text(text, "the key")
    lines = map(hide, map(str.strip, text.splitlines()))
    keys = tuple(_parse_key(line) for line in lines if line)
    if not keys:
        raise ValueError(f"the key is empty; {FORMS}, several of them one per line")
    return keys


def _parse_key(line: str) -> AccessKey | ApiKey:
    access_key, bar, secret_key = map(hide, line.partition("|"))
    if not bar:
        return ApiKey(checked_key(line, "the key"))
    if not access_key.strip() or not secret_key.strip():
        raise ValueError("the key has an empty half; a pair must be 'AK|SK'")
    return AccessKey(
        checked_key(access_key, "the access key"), checked_key(secret_key, "the secret key")
    )


def checked_key(text: str, name: str) -> str:
    """Return a key without spaces around it.

    The vendor documents no format, so this refuses only text that a header or a token cannot carry,
    and text that is plainly something else.

    Args:
        text: The key, or half of a pair.
        name: What to call it in an error, which never quotes it.

    Raises:
        ValueError: it cannot be a key.
        TypeError: it is not text.
    """
    _require_text(text, name)
    key = hide(text.strip())
    problem = next((words for is_so, words in _NO_KEYS if is_so(key)), None)
    if problem is not None:
        raise ValueError(f"{name} {problem}; {FORMS}")
    return key


def _require_text(value: object, name: str) -> None:
    if not isinstance(value, str):  # a caller may not run a type checker
        raise TypeError(f"{name} is a {type(value).__name__}; it must be text: {FORMS}")


# Texts that cannot be keys, and what the error says. The first match counts.
_NO_KEYS: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (lambda key: not key, "is empty"),
    (lambda key: key.lower().startswith("bearer "), "begins with 'Bearer'; give the key alone"),
    (lambda key: "://" in key, "is a URL; pass an address as base_url"),
    (lambda key: key[0] in "\"'`" or key[-1] in "\"'`", "is in quotation marks; leave them out"),
    (lambda key: "\uff5c" in key, "has a full-width bar; it must be |"),
    (lambda key: any(map(str.isspace, key)), "has a space or line break in the middle"),
    (
        lambda key: not (key.isascii() and key.isprintable()),
        "has a character that a key cannot have; copy it again",
    ),
)


@cache
def _signer() -> PyJWS:
    # Loaded on first use: a client with a static key never needs it.
    from jwt import PyJWS
    from jwt.algorithms import HMACAlgorithm

    class VendorLength(HMACAlgorithm):
        """HS256 that takes the vendor's keys as they are: their length is not ours to judge."""

        def check_key_length(self, key: bytes) -> str | None:  # noqa: ARG002 - PyJWT's signature
            return None

    signer = PyJWS()
    signer.unregister_algorithm("HS256")
    signer.register_algorithm("HS256", VendorLength(HMACAlgorithm.SHA256))
    return signer


def mint(key: AccessKey, now: float) -> str:
    """Return a token for *key*, valid from 5 s before *now* to 1800 s after it.

    Args:
        key: The key pair.
        now: Seconds since the Unix epoch.
    """
    claims = {"iss": key.access_key, "exp": int(now) + LIFETIME, "nbf": int(now) - NOT_BEFORE}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    return _signer().encode(payload, key.secret_key, algorithm="HS256")


@attrs.define(eq=False)
class Keyring:
    """The keys of one account, and the token in use.

    The first key signs. When the server refuses it (1000-1002), `turn` moves on to the
    next, so a key can be replaced while clients run: add the new one as a second line.
    All keys must belong to the same account: a key of another account cannot see its tasks.
    Threads may share a keyring: at worst two of them mint the same token.

    Attributes:
        keys: The keys, in the order in which they are tried.
    """

    keys: Sequence[AccessKey | ApiKey]
    _index: int = attrs.field(default=0, init=False)
    _minted: tuple[AccessKey, str, float] | None = attrs.field(default=None, init=False, repr=False)

    def header(self, now: float, *, fresh: bool = False) -> str:
        """Return the `Authorization` header's value.

        Args:
            now: Seconds since the Unix epoch.
            fresh: True to mint a new token although the one at hand looks valid.
        """
        return self.header_of(self.current, now, fresh=fresh)

    @property
    def current(self) -> AccessKey | ApiKey:
        """The key that signs now."""
        return self.keys[self._index]

    def header_of(self, key: AccessKey | ApiKey, now: float, *, fresh: bool = False) -> str:
        """Return the `Authorization` header's value for one of the keys; see `header`."""
        if isinstance(key, ApiKey):
            return hide(f"{BEARER}{key.value}")
        minted = self._minted
        if not fresh and minted is not None and minted[0] is key:
            # Also false when the clock was set back: a token from the future is refused.
            age = now - minted[2]
            if 0 <= age < LIFETIME - MARGIN:
                return minted[1]
        header = hide(f"{BEARER}{mint(key, now)}")
        self._minted = (key, header, now)
        return header

    def secrets(self) -> Iterator[str]:
        """Yield the secrets that no text may show: the keys, and the token in use."""
        for key in self.keys:
            if isinstance(key, ApiKey):
                yield key.value
            else:
                yield key.access_key
                yield key.secret_key
        if self._minted is not None:
            yield self._minted[1][len(BEARER) :]

    def turn(self, refused: str) -> None:
        """Move on to another key, if there is one, after the server refused *refused*."""
        key = self.keys[self._index]
        current = self._minted[1] if self._minted and self._minted[0] is key else None
        if isinstance(key, ApiKey):
            current = hide(f"{BEARER}{key.value}")
        if refused == current:  # else another thread has turned already
            self._index = (self._index + 1) % len(self.keys)

    def __getstate__(self) -> Any:
        raise TypeError("a keyring holds secrets and cannot be pickled; make one per process")


class CallKeys:
    """The keyring of one call, which can be held to the key that was used last.

    When it is uncertain whether a create was accepted, only that key can find out: the id that the
    create carries is known to the key's account alone. A repeat with a key of another account,
    which cannot be ruled out, would buy a second task.
    """

    def __init__(self, ring: Keyring) -> None:
        self.ring = ring
        self._used: AccessKey | ApiKey | None = None
        self._held = False

    @property
    def current(self) -> AccessKey | ApiKey:
        """The key that signed last, or will sign first."""
        return self._used or self.ring.current

    @property
    def keys(self) -> Sequence[AccessKey | ApiKey]:
        """The keys that may be used."""
        return (self._used,) if self._held and self._used is not None else self.ring.keys

    def hold(self) -> None:
        """Use only the key that was used last from now on, even if the server refuses it."""
        self._held = True

    def header(self, now: float, *, fresh: bool = False) -> str:
        """Return the `Authorization` header's value; see `Keyring.header`."""
        if not self._held or self._used is None:
            self._used = self.ring.current
        return self.ring.header_of(self._used, now, fresh=fresh)

    def turn(self, refused: str) -> None:
        """Move on to another key, unless the keyring is held to one; see `Keyring.turn`."""
        if not self._held:
            self.ring.turn(refused)
