"""Accounts, their keys, and the authentication of requests."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple

from kling_mock.clock import MockClock
from kling_mock.kling.model.charges import KEPT, Charged, Deduction, charges_of
from kling_mock.kling.model.packs import NONE, Pack
from kling_mock.kling.model.plan import PackType, Plan
from kling_mock.kling.model.tokens import read_token
from kling_mock.kling.service_codes import Refusal, refusal
from kling_mock.web.facts import assumed, documented

FACT = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")
DISABLED_KEY = assumed("a key that was disabled is refused like one that never was: 1000")
ROTATION = documented("pages-2026-09", as_of="2026-09-20", confidence="medium")
ROTATION_SECONDS = 7 * 24 * 3600.0  # for which a replaced webhook secret continues to sign

_CACHED = 4096  # tokens whose signature is remembered


@dataclass(slots=True, eq=False)
class KeyPair:
    """An access key and its secret.

    Attributes:
        access_key: The `iss` of a token.
        secret_key: The secret that signs a token.
        active: Whether tokens of this pair are valid.
    """

    access_key: str
    secret_key: str = field(repr=False)
    active: bool = True


@dataclass(slots=True, eq=False)
class AccountApiKey:
    """A static key, used without a token.

    Attributes:
        key: The text after `Bearer`.
        active: Whether it is valid.
    """

    key: str = field(repr=False)
    active: bool = True


class WebhookSecret(NamedTuple):
    """A secret that callbacks are signed with.

    Attributes:
        secret: `whsec_` and base64.
        until: Unix seconds at which it stops signing.
    """

    secret: str
    until: float = math.inf


class RateLimit(NamedTuple):
    """The maximum number of calls of an account in a period: more calls get 1302.

    The vendor names the code but not the numbers, and does not document whether `Retry-After`
    comes with it (assumed: it does not).

    Attributes:
        requests: Calls in any period of *seconds*; refused calls do not count.
        seconds: Length of the period, on the mock's clock.
        retry_after: Whether a refusal has `Retry-After`.
        creates_only: Whether only create calls count and are refused.
    """

    requests: int
    seconds: float = 1.0
    retry_after: bool = False
    creates_only: bool = False


@dataclass(slots=True, eq=False)
class Account:
    """One customer of Kling, at first without limits, which suits tests.

    Attributes:
        name: Its name in the journal.
        key_pairs: Key pairs for tokens.
        api_keys: Static keys, used without a token.
        webhook_secrets: The secrets that sign callbacks; without them callbacks are unsigned.
        disabled: Whether every call is refused with 1100.
        in_arrears: Whether create calls are refused with 1101.
        denied: Models and endpoints whose create calls are refused with 1103.
        allowed_ips: Networks that calls may come from (others get 1304); `None` for any.
        slots: Slots for each type of pack; `None` is the number that the packs allow.
        rate_limit: The maximum rate of calls; `None` for no limit.
        characters: Ids of its elements that are video characters; all others count as
            multi-image elements.
        packs: Resource packs; without any, the account is postpaid and never runs out.
        open: Tasks that have not ended.
        busy: Slots that the open tasks hold, by the type of their pack.
        reserved: Units that the open tasks cost if they succeed, by the type of their pack.
        recent: When calls were served, as far as *rate_limit* needs it.
        restricted: Whether any of this can refuse a call.
        charges: The charges to the account, the newest last.
        charged: The number of all charges ever.
        costs_called: Unix seconds of the last call of `/account/costs` that was served.
    """

    name: str
    key_pairs: list[KeyPair]
    api_keys: list[AccountApiKey]
    webhook_secrets: list[WebhookSecret] = field(default_factory=list, repr=False)
    disabled: bool = False
    in_arrears: bool = False
    denied: frozenset[str] = frozenset()
    allowed_ips: tuple[IPv4Network | IPv6Network, ...] | None = None
    slots: int | None = None
    rate_limit: RateLimit | None = None
    characters: frozenset[int] = frozenset()
    packs: list[Pack] = field(default_factory=list)
    open: int = 0
    busy: dict[PackType, int] = field(default_factory=dict[PackType, int])
    reserved: dict[PackType, Decimal] = field(default_factory=dict[PackType, Decimal])
    recent: deque[float] = field(default_factory=deque, repr=False)
    restricted: bool = False
    costs_called: float = -math.inf
    charges: deque[Deduction] = field(default_factory=lambda: deque(maxlen=KEPT), repr=False)
    charged: int = 0

    def review(self) -> None:
        """Update `restricted` after a change of anything that it depends on."""
        self.restricted = (
            self.disabled
            or self.in_arrears
            or bool(self.denied)
            or self.allowed_ips is not None
            or self.slots is not None
            or self.rate_limit is not None
            or bool(self.packs)
        )

    def hold(self, plan: Plan) -> None:
        """Count one more open task, with its slots and units."""
        self.open += 1
        self.busy[plan.pack] = self.busy.get(plan.pack, 0) + plan.slots
        self.reserved[plan.pack] = self.reserved.get(plan.pack, NONE) + plan.units

    def release(self, plan: Plan) -> None:
        """Count one open task less, with its slots and units."""
        self.open -= 1
        self.busy[plan.pack] -= plan.slots
        self.reserved[plan.pack] -= plan.units

    def charge(self, what: Charged, now: float, task_id: str = "") -> None:
        """Take the price of something from the packs, or from the balance, and remember it.

        Args:
            what: What was bought.
            now: Unix seconds.
            task_id: The task, if it is one.
        """
        charges = charges_of(self.packs, what, now, task_id, self.charged + 1)
        self.charged += len(charges)
        self.charges.extend(charges)

    def signing_secrets(self, now: float) -> list[str]:
        """Return the secrets that sign a callback, the newest first; two during a rotation."""
        return [row.secret for row in reversed(self.webhook_secrets) if now < row.until]

    def replace_webhook_secret(self, secret: str, now: float, *, emergency: bool) -> None:
        """Sign with *secret* from now on.

        Args:
            secret: The new one.
            now: Unix seconds.
            emergency: Whether the old one ends at once, not after 7 days.
        """
        previous = self.webhook_secrets[-1:] if not emergency else []
        until = now + ROTATION_SECONDS
        old = [row._replace(until=min(row.until, until)) for row in previous]
        self.webhook_secrets[:] = [*old, WebhookSecret(secret)]


class _Token(NamedTuple):
    """A token with a valid signature. Times and key state are judged on every request."""

    account: Account
    pair: KeyPair
    begins: float  # nbf, Unix seconds
    ends: float  # exp, Unix seconds


class GivenKeys(NamedTuple):
    """The keys of an account that a user has chosen; "" stands for a generated one.

    Attributes:
        access_key: The access key of its first pair.
        secret_key: The secret of that pair.
        api_key: Its first static key.
    """

    access_key: str = ""
    secret_key: str = ""
    api_key: str = ""


class Accounts:
    """All accounts of one world."""

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self._pairs: dict[str, tuple[Account, KeyPair]] = {}
        self._api_keys: dict[str, tuple[Account, AccountApiKey]] = {}
        self._tokens: dict[str, _Token] = {}  # by the header that carried them

    def __getitem__(self, name: str) -> Account:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._by_name))

    def __len__(self) -> int:
        return len(self._by_name)

    def add(self, account: Account) -> Account:
        """Add *account*, and return it.

        Raises:
            ValueError: An account with this name, or with one of its keys, exists already.
        """
        if account.name in self._by_name:
            raise ValueError(f"There is an account {account.name!r} already.")
        pairs, keys = account.key_pairs, account.api_keys
        account.key_pairs, account.api_keys = [], []
        self._by_name[account.name] = account
        for pair in pairs:
            self.add_pair(account, pair)
        for key in keys:
            self.add_api_key(account, key)
        return account

    def add_pair(self, account: Account, pair: KeyPair) -> None:
        """Give *account* one more key pair.

        Raises:
            ValueError: The access key is taken.
        """
        if pair.access_key in self._pairs:
            raise ValueError(f"The access key {pair.access_key!r} is taken.")
        account.key_pairs.append(pair)
        self._pairs[pair.access_key] = (account, pair)

    def add_api_key(self, account: Account, key: AccountApiKey) -> None:
        """Give *account* one more API key.

        Raises:
            ValueError: The key is taken.
        """
        if key.key in self._api_keys:
            raise ValueError("This API key is taken.")
        self._tokens.clear()  # a cached token may look like this key, which takes precedence
        account.api_keys.append(key)
        self._api_keys[key.key] = (account, key)

    def authenticate(
        self, authorization: str | None, clock: MockClock, *, only_keys: bool = False
    ) -> Account:
        """Return the account that an `Authorization` header belongs to.

        Args:
            authorization: The header's value; `None` if there is none.
            clock: Judges the times of a token.
            only_keys: Whether a token is refused, as the model-path interface does.

        Raises:
            Refusal: 401 with 1001 (no header, or empty), 1002 (not a token, or a token where
                only keys are accepted), 1000 (unknown key or wrong secret), 1003 (not yet valid)
                or 1004 (expired).
        """
        token = None if only_keys else self._tokens.get(authorization or "")
        if token is None:
            identity = self._identify(authorization or "", only_keys=only_keys)
            if isinstance(identity, Account):
                return identity
            token = identity
        if not token.pair.active:
            raise Refusal(1000)
        _judge_times(token, clock)
        return token.account

    def _identify(self, authorization: str, *, only_keys: bool) -> Account | _Token:
        """Return the account of an API key, or a token, which is then remembered.

        Raises:
            Refusal: As for `authenticate`, except for the times and an inactive key pair.
        """
        scheme, _, credential = authorization.strip().partition(" ")
        credential = credential.strip()
        if not scheme or (not credential and scheme.lower() == "bearer"):
            raise Refusal(1001)
        if scheme.lower() != "bearer":
            raise Refusal(1002, "Authorization is invalid: it must be `Bearer <token or API key>`")
        owner = self._api_keys.get(credential)
        if owner is not None:
            if not owner[1].active:
                raise Refusal(1000)
            return owner[0]
        if only_keys:
            raise refusal("api_key_only", note="must be one of the account's API keys")
        token = self._verify(credential)
        if len(self._tokens) >= _CACHED:
            self._tokens.clear()
        self._tokens[authorization] = token
        return token

    def _verify(self, credential: str) -> _Token:
        """Check everything about a token that does not change."""
        _count_parts(credential)
        try:
            read = read_token(credential)
            account_and_pair = self._pairs.get(str(read.claims["iss"]))
            begins, ends = float(read.claims.get("nbf", 0)), float(read.claims["exp"])
        except (KeyError, TypeError, ValueError, OverflowError):
            # Whether the real service distinguishes any of these is unknown (assumed: it does not).
            raise Refusal(1002) from None
        if account_and_pair is None or not read.is_signed_with(account_and_pair[1].secret_key):
            raise Refusal(1000)
        return _Token(*account_and_pair, begins, ends)


def _judge_times(token: _Token, clock: MockClock) -> None:
    """Refuse a token outside its time, by the mock's clock or by that of other clients."""
    now = clock.now()
    if token.begins <= now and (now < token.ends or now < token.ends + clock.in_flight):
        return
    earliest, latest = clock.token_window()
    if token.begins <= latest and earliest < token.ends:
        return
    # The token was probably made by the clock whose time is nearer.
    if abs(token.ends - now) > abs(token.ends - earliest):
        now = latest
    raise Refusal(1003 if token.begins > now else 1004)


def _count_parts(credential: str) -> None:
    parts = credential.count(".") + 1
    if parts != 3:
        # For a credential without a dot, the observed count is 0, not 1.
        raise refusal("token_parts", {1: "0", 2: "2"}.get(parts, "> 3"))
