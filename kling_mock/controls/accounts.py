"""The accounts of a server, for tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple, TypeVar

from kling_mock.controls.attributes import KnownAttributes
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.controls.settings import (
    AccountSetting,
    Network,
    make_pack,
    read_characters,
    read_denied,
    read_flag,
    read_networks,
    read_rate,
    read_slots,
    read_units,
)
from kling_mock.kling.model.accounts import Account, AccountApiKey, KeyPair, RateLimit
from kling_mock.kling.model.packs import Pack, left
from kling_mock.kling.model.plan import PackType
from kling_mock.kling.world import World
from kling_mock.web.values import as_flag, as_text
from kling_mock.web.webhook_signing import check_secret

T = TypeVar("T")


class NewKeyPair(NamedTuple):
    """A new key pair.

    Attributes:
        access_key: The `iss` of tokens.
        secret_key: The key that signs them.
    """

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"<NewKeyPair {self.access_key}, secret not shown>"


class AccountHandle(KnownAttributes):
    """One account. It is looked up by name at each use, so the handle outlives a reset.

    Attributes:
        slots: Slots for each type of pack, counted over all keys and endpoints from submitted
            to the end: a video takes one, an image task one for each image. Creates beyond that
            are refused with 1303. `None` is what the packs allow, or no limit.
        disabled: Whether every call is refused with 1100.
        in_arrears: Whether create calls are refused with 1101.
        denied: Models and endpoints whose create calls are refused with 1103.
        allowed_ips: Addresses and networks that calls may come from; calls from others are
            refused with 1304. `None` allows any.
        rate_limit: Calls above this rate are refused with 1302: `RateLimit(5, seconds=1)`;
            `None` means no limit.
        characters: Ids of its elements that are video characters, for the limits of omni-video;
            all other elements count as multi-image ones.
    """

    slots = AccountSetting[int | None, int | None](read_slots)
    disabled = AccountSetting[bool, bool](read_flag)
    in_arrears = AccountSetting[bool, bool](read_flag)
    denied = AccountSetting[Iterable[str], frozenset[str]](read_denied)
    allowed_ips = AccountSetting[Iterable[str | Network] | None, tuple[Network, ...] | None](
        read_networks
    )
    rate_limit = AccountSetting[RateLimit | None, RateLimit | None](read_rate)
    characters = AccountSetting[Iterable[int], frozenset[int]](read_characters)

    def __init__(self, proxy: LoopProxy, name: str) -> None:
        self._proxy = proxy
        self._name = name

    @property
    def name(self) -> str:
        """The account's name in the journal."""
        return self._name

    def on(self, function: Callable[[Account, World], T]) -> T:
        """Run *function* on the server's thread, with this account; return its result."""

        def work(world: World) -> T:
            try:
                account = world.accounts[self._name]
            except KeyError:
                raise KeyError(
                    f"There is no account {self._name!r}; a reset forgets all but 'default'."
                ) from None
            return function(account, world)

        return self._proxy.call(work)

    # ------------------------------------------------------------ keys

    @property
    def access_key(self) -> str:
        """The first access key."""
        return self.on(lambda account, _: account.key_pairs[0].access_key)

    @property
    def secret_key(self) -> str:
        """The secret of `access_key`."""
        return self.on(lambda account, _: account.key_pairs[0].secret_key)

    @property
    def api_key(self) -> str:
        """The first API key."""
        return self.on(lambda account, _: account.api_keys[0].key)

    def add_key_pair(self) -> NewKeyPair:
        """Give the account one more key pair, and return it."""

        def work(account: Account, world: World) -> NewKeyPair:
            pair = NewKeyPair(world.new_key(), world.new_key())
            world.accounts.add_pair(account, KeyPair(*pair))
            return pair

        return self.on(work)

    def add_api_key(self) -> str:
        """Give the account one more API key, and return it."""

        def work(account: Account, world: World) -> str:
            key = f"api-key-{world.new_key()}"
            world.accounts.add_api_key(account, AccountApiKey(key))
            return key

        return self.on(work)

    def disable_key(self, key: str) -> None:
        """Refuse an access key or API key from now on.

        Raises:
            KeyError: The account has no such key.
        """
        self._switch(key, active=False)

    def enable_key(self, key: str) -> None:
        """Accept an access key or API key again.

        Raises:
            KeyError: The account has no such key.
        """
        self._switch(key, active=True)

    def _switch(self, key: str, *, active: bool) -> None:
        def work(account: Account, _: World) -> None:
            for pair in account.key_pairs:
                if pair.access_key == key:
                    pair.active = active
                    return
            for static in account.api_keys:
                if static.key == key:
                    static.active = active
                    return
            raise KeyError("The account has no such access key or API key.")

        self.on(work)

    # ------------------------------------------------------------ webhook secrets

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that sign callbacks now, the newest first; empty if they are not signed."""
        return self.on(lambda account, world: tuple(account.signing_secrets(world.clock.now())))

    def add_webhook_secret(self, secret: str | None = None, *, emergency: bool = False) -> str:
        """Sign callbacks with a new secret from now on, and return it.

        An older secret also signs for 7 more days of the mock's clock, as with the vendor.

        Args:
            secret: `whsec_` and base64 of 24 to 64 bytes; `None` generates one.
            emergency: Whether the older secret ends immediately.

        Raises:
            ValueError: *secret* is not of this form.
        """
        as_flag("emergency", emergency)
        checked_secret = None if secret is None else check_secret(secret)

        def work(account: Account, world: World) -> str:
            new = world.new_webhook_secret() if checked_secret is None else checked_secret
            account.replace_webhook_secret(new, world.clock.now(), emergency=emergency)
            return new

        return self.on(work)

    def clear_webhook_secrets(self) -> None:
        """Stop signing callbacks, including those of existing tasks."""
        self.on(lambda account, _: account.webhook_secrets.clear())

    # ------------------------------------------------------------ limits

    @property
    def open_tasks(self) -> int:
        """The number of tasks that have not ended."""
        return self.on(lambda account, _: account.open)

    # ------------------------------------------------------------ units

    @property
    def units(self) -> Decimal | None:
        """Units left in the active video packs; `None` for a postpaid account, without packs.

        Assign a number to replace all packs by one video pack with that many units, or `None` to
        end them. Packs of other types are made by `add_pack`.
        """
        return self.on(
            lambda account, world: left(account.packs, world.clock.now()) if account.packs else None
        )

    @units.setter
    def units(self, units: Decimal | float | str | None) -> None:
        amount = None if units is None else read_units(units)

        def work(account: Account, world: World) -> None:
            account.packs.clear()
            if amount is not None:
                account.packs.append(make_pack(world, amount, None, None, 0.0, None, "video"))
            account.review()

        self.on(work)

    def add_pack(
        self,
        units: Decimal | float | str,
        *,
        name: str | None = None,
        slots: int | None = None,
        begins_in: float = 0.0,
        lasts: float | None = None,
        type: PackType = "video",  # noqa: A002 - the vendor's word
    ) -> str:
        """Give the account one more resource pack, and return its id.

        Args:
            units: The units in it.
            name: Its name; `None` generates one like the vendor's.
            slots: Slots that it allows: a video takes one, and an image task one for each
                image. If there are several packs of a type, the largest number counts.
            begins_in: Seconds of the mock's clock until it is valid.
            lasts: Seconds that it is then valid for; `None` is for ever.
            type: The kind of tasks paid: `video`, `image`, `audio` or `try_on`. An account that has
                packs, but none of the type that a task needs, is refused with 1102.

        Raises:
            ValueError: An argument is out of range.
        """
        amount, limit = read_units(units), read_slots(slots)

        def work(account: Account, world: World) -> str:
            pack = make_pack(world, amount, name, limit, begins_in, lasts, type)
            account.packs.append(pack)
            account.review()
            return pack.pack_id

        return self.on(work)

    @property
    def packs(self) -> tuple[Pack, ...]:
        """Copies of the current resource packs."""
        return self.on(
            lambda account, _: tuple(dataclasses.replace(pack) for pack in account.packs)
        )

    def __repr__(self) -> str:
        return f"<Account {self._name!r}>"


class AccountsHandle(KnownAttributes):
    """All accounts, by name."""

    def __init__(self, proxy: LoopProxy) -> None:
        self._proxy = proxy

    def add(self, name: str) -> AccountHandle:
        """Make an account with a key pair and an API key, and return it.

        Raises:
            ValueError: *name* is already used, or is not a valid name.
        """
        as_text("name", name, can_be_empty=False)
        self._proxy.call(lambda world: world.new_account(name))
        return AccountHandle(self._proxy, name)

    def __getitem__(self, name: str) -> AccountHandle:
        handle = AccountHandle(self._proxy, name)
        _ = handle.open_tasks  # raises if there is no such account
        return handle

    def __iter__(self) -> Iterator[str]:
        return self._proxy.call(lambda world: iter(world.accounts))

    def __len__(self) -> int:
        return self._proxy.call(lambda world: len(world.accounts))

    def __repr__(self) -> str:
        return f"<Accounts: {', '.join(self)}>"
