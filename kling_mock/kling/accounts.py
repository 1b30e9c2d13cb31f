"""Accounts, their keys, and who a request comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kling_mock.clock import Clock
from kling_mock.kling.errors import Refusal, refusal
from kling_mock.kling.facts import documented

__all__ = ["FACT", "Account", "Accounts", "KeyPair"]

FACT = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")

_CACHED = 4096  # tokens whose signature is remembered


@dataclass(slots=True, eq=False)
class KeyPair:
    """An access key and its secret.

    Attributes:
        access_key: The `iss` of a token.
        secret_key: What a token is signed with.
        active: Whether tokens of this pair are accepted.
    """

    access_key: str
    secret_key: str = field(repr=False)
    active: bool = True


@dataclass(slots=True, eq=False)
class Account:
    """One customer of Kling.

    Attributes:
        name: What the journal calls it.
        key_pairs: For tokens.
        api_keys: Static keys; they need no token.
    """

    name: str
    key_pairs: list[KeyPair]
    api_keys: list[str] = field(repr=False)


@dataclass(slots=True)
class _Token:
    """A token whose signature is right. Times and key state are judged on every request."""

    account: Account
    pair: KeyPair
    begins: float  # nbf, Unix seconds
    ends: float  # exp, Unix seconds


class Accounts:
    """All accounts of one world."""

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self._pairs: dict[str, tuple[Account, KeyPair]] = {}
        self._api_keys: dict[str, Account] = {}
        self._tokens: dict[str, _Token] = {}

    def add(self, account: Account) -> Account:
        """Make *account* known, and return it."""
        self._by_name[account.name] = account
        for pair in account.key_pairs:
            self._pairs[pair.access_key] = (account, pair)
        for key in account.api_keys:
            self._api_keys[key] = account
        return account

    def authenticate(self, authorization: str | None, clock: Clock) -> Account:
        """Return the account that an `Authorization` header belongs to.

        Args:
            authorization: The header's value; `None` if there is none.
            clock: Judges the times of a token.

        Raises:
            Refusal: 401 with 1001 (no header, or empty), 1002 (not a token), 1000 (unknown
                key or wrong secret), 1003 (not yet valid) or 1004 (expired).
        """
        scheme, _, credential = (authorization or "").strip().partition(" ")
        credential = credential.strip()
        if not scheme or (not credential and scheme.lower() == "bearer"):
            raise Refusal(1001)
        if scheme.lower() != "bearer":
            raise Refusal(1002, "Authorization is invalid: accepted is `Bearer <token or API key>`")
        owner = self._api_keys.get(credential)
        if owner is not None:
            return owner
        token = self._tokens.get(credential) or self._verify(credential)
        if not token.pair.active:
            raise Refusal(1000)
        _judge_times(token, clock)
        return token.account

    def _verify(self, credential: str) -> _Token:
        """Check everything about a token that does not change, and remember it."""
        # Here and not above: it loads a cryptography library, which a server that is only
        # started and asked for its health does not need.
        import jwt

        _count_parts(credential)
        anything: Any = {"verify_signature": False}
        try:
            claims = jwt.decode(credential, options=anything)
            found = self._pairs.get(str(claims["iss"]))
            if found is None:
                raise Refusal(1000)
            account, pair = found
            only_signature: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
            jwt.decode(credential, pair.secret_key, algorithms=["HS256"], options=only_signature)
            token = _Token(account, pair, float(claims.get("nbf", 0)), float(claims["exp"]))
        except jwt.InvalidSignatureError:
            raise Refusal(1000) from None
        except (jwt.PyJWTError, KeyError, TypeError, ValueError, OverflowError):
            # Which of these the real service tells apart is not known (assumed: none).
            raise Refusal(1002) from None
        if len(self._tokens) >= _CACHED:
            self._tokens.clear()
        self._tokens[credential] = token
        return token


def _judge_times(token: _Token, clock: Clock) -> None:
    """Refuse a token outside its time, by the mock's clock or by that of other clients."""
    now = clock.now()
    if token.begins <= now < token.ends:
        return
    earliest, latest = clock.outside()
    if token.begins <= latest and earliest < token.ends:
        return
    # The time that the token was made by is the nearer one.
    if abs(token.ends - now) > abs(token.ends - earliest):
        now = latest
    raise Refusal(1003 if token.begins > now else 1004)


def _count_parts(credential: str) -> None:
    parts = credential.count(".") + 1
    if parts != 3:
        # The count that was seen for a credential without a dot is 0, not 1.
        raise refusal("token_parts", {1: "0", 2: "2"}.get(parts, "> 3"))
