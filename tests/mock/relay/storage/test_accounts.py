"""Users, tokens and channels, the same in every store."""

from __future__ import annotations

import attrs
import pytest

from kling_mock.relay.storage.errors import ExistsError, InsufficientQuotaError, UnknownError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import (
    DELETED,
    DISABLED,
    ENABLED,
    MAX_AMOUNT,
    MAX_BALANCE,
    LedgerKind,
    NewToken,
    NewUser,
)
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import NOW, Shop

# ------------------------------------------------------------ users


async def test_a_new_user_has_its_opening_balance_in_the_ledger(store: Storage) -> None:
    """The first balance is explained by a ledger row, also if it is 0."""
    for name, quota in (("ann", 500), ("bob", 0)):
        user = await store.create_user(NewUser(name, quota), now=NOW)
        assert (user.username, user.quota, user.available, user.created_at) == (
            name,
            quota,
            quota,
            NOW,
        )
        (entry,) = await store.list_ledger(user.id)
        assert (entry.kind, entry.amount) == (LedgerKind.OPENING, quota)
        assert await store.get_user(user.id) == user == await store.find_user(name)


async def test_a_username_is_unique_byte_for_byte(store: Storage) -> None:
    """Names that differ in case or accent are different users; the same name is refused."""
    users = [await store.create_user(NewUser(name), now=NOW) for name in ("ann", "Ann", "änn")]
    assert len({user.id for user in users}) == 3
    with pytest.raises(ExistsError, match="there is a user with this username already"):
        await store.create_user(NewUser("ann"), now=NOW + 1)
    assert await store.find_user("ANN") is None
    assert await store.list_users() == users
    assert await store.list_users(after=users[0].id, limit=1) == users[1:2]


async def test_a_user_is_switched_off_and_on(shop: Shop) -> None:
    """Its status is kept; switching to the same status again is not an error."""
    for status in (DISABLED, DISABLED, ENABLED):
        assert (await shop.store.set_user_status(shop.user.id, status)).status == status
        assert (await shop.me()).status == status


async def test_what_does_not_exist_is_named(store: Storage) -> None:
    """An unknown id is an error that says what was searched."""
    for kind, call in (
        ("user 77", store.get_user(77)),
        ("user 77", store.set_user_status(77, ENABLED)),
        ("user 77", store.credit(77, 1, reference="r", now=NOW)),
        ("user 77", store.create_token(NewToken(77, kit.digest("x")), now=NOW)),
        ("user 77", store.reconcile(77)),
        ("token 77", store.set_token_status(77, ENABLED)),
        ("token 77", store.set_token_quota(77, 5)),
        ("channel 77", store.get_channel(77)),
        ("channel 77", store.delete_channel(77)),
        ("channel 77", store.replace_channel(77, kit.channel_named("x"))),
    ):
        with pytest.raises(UnknownError, match=f"there is no {kind}"):
            await call
    assert await store.find_user("nobody") is None
    assert await store.authenticate(kit.digest("nothing")) is None


# ------------------------------------------------------------ credits


async def test_a_credit_is_booked_once_per_reference(shop: Shop) -> None:
    """A top-up that is repeated after a lost answer moves the balance once."""
    first = await shop.store.credit(shop.user.id, 250, reference="order-1", now=NOW, note="paid")
    again = await shop.store.credit(shop.user.id, 250, reference="order-1", now=NOW + 9)
    assert first == again
    assert (first.kind, first.amount, first.note) == (LedgerKind.CREDIT, 250, "paid")
    assert (await shop.me()).quota == 1_250
    assert [entry.amount for entry in await shop.store.list_ledger(shop.user.id)] == [250, 1_000]
    await shop.assert_explained()


async def test_a_reference_cannot_be_used_for_another_credit(shop: Shop) -> None:
    """The same reference with another amount or user is refused and moves nothing."""
    other = await shop.store.create_user(NewUser("bob"), now=NOW)
    await shop.store.credit(shop.user.id, 250, reference="order-1", now=NOW)
    for user_id, amount in ((shop.user.id, 251), (other.id, 250)):
        with pytest.raises(ExistsError, match="there is a credit with this reference already"):
            await shop.store.credit(user_id, amount, reference="order-1", now=NOW)
    assert (await shop.me()).quota == 1_250
    assert (await shop.store.get_user(other.id)).quota == 0


async def test_a_negative_credit_takes_only_what_is_free(shop: Shop) -> None:
    """A correction downwards never touches what open tasks hold."""
    await shop.create(price=700)
    with pytest.raises(InsufficientQuotaError) as caught:
        await shop.store.credit(shop.user.id, -301, reference="fix", now=NOW)
    assert (caught.value.of, caught.value.needed, caught.value.available) == ("user", 301, 300)
    await shop.store.credit(shop.user.id, -300, reference="fix", now=NOW)
    user = await shop.me()
    assert (user.quota, user.held_quota, user.available) == (700, 700, 0)
    await shop.assert_explained()


@pytest.mark.parametrize("amount", [0, MAX_AMOUNT + 1, -MAX_AMOUNT - 1, 1.5, True])
async def test_an_amount_that_is_no_whole_number_is_refused(shop: Shop, amount: int) -> None:
    """Nothing that could make a balance inexact gets in."""
    with pytest.raises(ValueError, match="whole number"):
        await shop.store.credit(shop.user.id, amount, reference="r", now=NOW)


async def test_a_balance_has_an_upper_end(shop: Shop) -> None:
    """Credits cannot bring a balance to where a database would round it."""
    steps = MAX_BALANCE // MAX_AMOUNT
    for step in range(steps - 1):
        await shop.store.credit(shop.user.id, MAX_AMOUNT, reference=f"r{step}", now=NOW)
    with pytest.raises(ValueError, match="at most"):
        await shop.store.credit(shop.user.id, MAX_AMOUNT, reference="last", now=NOW)
    assert (await shop.me()).quota == MAX_AMOUNT * (steps - 1) + 1_000


async def test_a_balance_reaches_its_ends_exactly(shop: Shop) -> None:
    """The largest one, and 0."""
    me = shop.user.id
    for step in range(MAX_BALANCE // MAX_AMOUNT - 1):
        await shop.store.credit(me, MAX_AMOUNT, reference=f"r{step}", now=NOW)
    rest = MAX_BALANCE - (await shop.me()).quota
    with pytest.raises(ValueError, match=f"a balance is at most {MAX_BALANCE}"):
        await shop.store.credit(me, rest + 1, reference="more", now=NOW)
    await shop.store.credit(me, rest, reference="rest", now=NOW)
    assert (await shop.me()).quota == MAX_BALANCE
    poor = await shop.store.create_user(NewUser("bob", 5), now=NOW)
    with pytest.raises(InsufficientQuotaError):
        await shop.store.credit(poor.id, -6, reference="fix", now=NOW)
    await shop.store.credit(poor.id, -5, reference="fix", now=NOW)
    assert (await shop.store.get_user(poor.id)).quota == 0


async def test_a_note_is_refused_if_a_database_would_change_it(shop: Shop) -> None:
    """255 characters fit."""
    for number, note in enumerate(("x" * 256, "nul\0")):
        with pytest.raises(ValueError, match="note: must have"):
            await shop.store.credit(shop.user.id, 1, reference=f"{number}", now=NOW, note=note)
    entry = await shop.store.credit(shop.user.id, 1, reference="r", now=NOW, note="x" * 255)
    assert len(entry.note) == 255


async def test_the_ledger_is_read_in_pages(shop: Shop) -> None:
    """Entries come newest first, and a page goes on where the last one ended."""
    for step in range(5):
        await shop.store.credit(shop.user.id, 1 + step, reference=f"r{step}", now=NOW)
    first = await shop.store.list_ledger(shop.user.id, limit=2)
    second = await shop.store.list_ledger(shop.user.id, before=first[-1].id, limit=9)
    assert [entry.amount for entry in [*first, *second]] == [5, 4, 3, 2, 1, 1_000]


# ------------------------------------------------------------ tokens


async def test_a_token_is_found_by_its_hash_with_its_user(shop: Shop) -> None:
    """One query finds out who calls; a repr never shows the hash."""
    caller = await shop.store.authenticate(shop.token.token_hash)
    assert caller is not None
    assert (caller.user, caller.token) == (shop.user, shop.token)
    assert shop.token.token_hash not in repr(caller)
    assert shop.token.unlimited
    assert not shop.token.is_expired(NOW)


async def test_a_token_hash_is_unique(shop: Shop) -> None:
    """The same token cannot be given out twice, not even to another user."""
    other = await shop.store.create_user(NewUser("bob"), now=NOW)
    with pytest.raises(ExistsError, match="there is a token with this hash already"):
        await shop.store.create_token(NewToken(other.id, shop.token.token_hash), now=NOW)


async def test_tokens_of_a_user_are_listed_oldest_first(shop: Shop) -> None:
    """A user sees its own tokens only."""
    second = await shop.store.create_token(
        NewToken(shop.user.id, kit.digest("2"), "ci", 500, NOW + 60), now=NOW
    )
    other = await shop.store.create_user(NewUser("bob"), now=NOW)
    await shop.store.create_token(NewToken(other.id, kit.digest("3")), now=NOW)
    assert await shop.store.list_tokens(shop.user.id) == [shop.token, second]
    assert (second.name, second.remain_quota, second.unlimited) == ("ci", 500, False)
    assert (second.is_expired(NOW + 59), second.is_expired(NOW + 60)) == (False, True)


async def test_a_token_can_be_limited_and_freed(shop: Shop) -> None:
    """What a token may spend is set to a number or unlimited, and never below what it holds."""
    await shop.create()
    limited = await shop.store.set_token_quota(shop.token.id, 100)
    assert (limited.unlimited, limited.remain_quota, limited.held_quota) == (False, 100, 100)
    with pytest.raises(InsufficientQuotaError) as caught:
        await shop.store.set_token_quota(shop.token.id, 99)
    assert (caught.value.of, caught.value.needed, caught.value.available) == ("token", 100, 99)
    for wrong in (-1, MAX_AMOUNT + 1):
        with pytest.raises(ValueError, match="whole number"):
            await shop.store.set_token_quota(shop.token.id, wrong)
    free = await shop.store.set_token_quota(shop.token.id, None)
    assert free.unlimited
    off = await shop.store.set_token_status(shop.token.id, DISABLED)
    assert off.status == DISABLED
    assert await shop.my_token() == off


# ------------------------------------------------------------ channels


async def test_a_channel_is_kept_as_it_was_declared(store: Storage) -> None:
    """Keys, mapping, priority and weight come back unchanged, and no repr shows a key."""
    channel = kit.channel_named(
        "Kling AI",
        api_keys="AK1|SK1\nAK2|SK2",
        model_mapping='{"kling-v1-5-std": "kling-v1-5"}',
        models="kling-v2-6,kling-v1-6",
        webhook_secrets="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        priority=10,
        weight=3,
    )
    stored = await store.create_channel(channel, now=NOW)
    assert await store.get_channel(stored.id) == stored
    for name in ("name", "base_url", "api_keys", "model_mapping", "models", "webhook_secrets"):
        assert getattr(stored, name) == getattr(channel, name)
    assert (stored.priority, stored.weight, stored.status, stored.type) == (10, 3, ENABLED, 41)
    for secret in ("SK1", "whsec_"):
        assert secret not in repr(stored)
        assert secret not in repr(channel)


async def test_a_channel_is_declared_anew(shop: Shop) -> None:
    """Replacing keeps its number and use; the same declaration again is not an error."""
    row = await shop.accepted()
    await shop.settle(kit.succeed(row.task_id))
    channel = kit.channel_named("renamed", status=DISABLED, weight=0)
    for _ in range(2):
        after = await shop.store.replace_channel(shop.channel.id, channel)
        assert (after.id, after.name, after.status) == (shop.channel.id, "renamed", DISABLED)
        assert await shop.store.sum_by_channel() == {shop.channel.id: kit.PRICE}


async def test_a_setting_of_a_channel_is_changed_alone(shop: Shop) -> None:
    """One that could not be declared is refused, as is the name of another one."""
    store, number = shop.store, shop.channel.id
    changed = await store.change_channel(number, {"weight": 7, "priority": 3})
    assert changed == attrs.evolve(shop.channel, weight=7, priority=3)
    with pytest.raises(ValueError, match="service: must have"):
        await store.change_channel(number, {"weight": 8, "service": "Not A Label"})
    await store.create_channel(kit.channel_named("other"), now=NOW)
    with pytest.raises(ExistsError, match="there is a channel with this name already"):
        await store.change_channel(number, {"weight": 8, "name": "other"})
    assert await shop.my_channel() == changed
    await store.delete_channel(number)
    with pytest.raises(UnknownError, match=f"channel {number}"):
        await store.change_channel(number, {"weight": 8})
    with pytest.raises(UnknownError, match="channel 77"):
        await store.change_channel(77, {"weight": 8})


async def test_a_channels_name_is_free_after_it_is_deleted(shop: Shop) -> None:
    """Deletion is soft: the row stays readable, and others may take its name."""
    channel = kit.channel_named(shop.channel.name)
    with pytest.raises(ExistsError, match="there is a channel with this name already"):
        await shop.store.create_channel(channel, now=NOW + 1)
    other = await shop.store.create_channel(kit.channel_named("other"), now=NOW)
    with pytest.raises(ExistsError, match="channel"):
        await shop.store.replace_channel(other.id, channel)

    gone = await shop.store.delete_channel(shop.channel.id)
    assert (gone.is_deleted, gone.status) == (True, DISABLED)
    assert await shop.store.delete_channel(shop.channel.id) == gone
    again = await shop.store.create_channel(channel, now=NOW)
    assert not again.is_deleted
    assert await shop.store.list_channels() == [other, again]
    assert await shop.store.list_channels(with_deleted=True) == [gone, other, again]
    assert await shop.my_channel() == gone
    with pytest.raises(UnknownError):
        await shop.store.replace_channel(gone.id, channel)


async def test_making_something_can_be_repeated_after_a_lost_answer(shop: Shop) -> None:
    """The same user, token or channel at the same instant is the first one, not an error."""
    store = shop.store
    assert await store.create_user(NewUser("ann", 1_000), now=NOW) == shop.user
    token = NewToken(shop.user.id, shop.token.token_hash)
    assert await store.create_token(token, now=NOW) == shop.token
    channel = kit.channel_named(shop.channel.name)
    assert await store.create_channel(channel, now=NOW) == shop.channel
    assert len(await store.list_ledger(shop.user.id)) == 1
    for call in (
        store.create_user(NewUser("ann", 999), now=NOW),
        store.create_token(token, now=NOW + 1),
        store.create_channel(kit.channel_named(shop.channel.name, weight=7), now=NOW),
    ):
        with pytest.raises(ExistsError):
            await call


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: NewUser(""), "1 to 100"),
        (lambda: NewUser("a" * 101), "1 to 100"),
        (lambda: NewUser("ann "), "no space at its end"),
        (lambda: NewUser("ann\0"), "no NUL"),
        (lambda: NewUser("ann", -1), "whole number"),
        (lambda: NewUser("ann", MAX_AMOUNT + 1), "whole number"),
        (lambda: NewToken(1, "sk-secret"), "never the token"),
        (lambda: NewToken(1, kit.digest("x"), remain_quota=-1), "whole number"),
        (lambda: kit.channel_named(""), "1 to 100"),
    ],
)
def test_what_no_store_could_keep_is_refused_when_it_is_made(make: type, why: str) -> None:
    """A name or amount that some database would change is an error before any SQL."""
    with pytest.raises(ValueError, match=why) as caught:
        make()
    assert "sk-secret" not in str(caught.value)


async def test_a_deleted_user_or_token_does_not_come_back(shop: Shop) -> None:
    """Deletion is permanent, can be repeated, and leaves balance and ledger as they are."""
    for _ in range(2):
        token = await shop.store.set_token_status(shop.token.id, DELETED)
        user = await shop.store.set_user_status(shop.user.id, DELETED)
        assert (token.status, user.status, user.quota) == (DELETED, DELETED, 1_000)
    with pytest.raises(UnknownError):
        await shop.store.set_token_status(shop.token.id, ENABLED)
    with pytest.raises(UnknownError):
        await shop.store.set_user_status(shop.user.id, DISABLED)
    caller = await shop.store.authenticate(shop.token.token_hash)
    assert caller is not None
    assert (caller.token.status, caller.user.status) == (DELETED, DELETED)
    await shop.assert_explained()


async def test_nothing_is_given_to_a_deleted_user_or_token(shop: Shop) -> None:
    """No money, token, quota or secret, since none could be used; what was booked is shown."""
    booked = await shop.store.credit(shop.user.id, 5, reference="before", now=kit.NOW)
    await shop.store.set_token_status(shop.token.id, DELETED)
    with pytest.raises(UnknownError, match=f"no token {shop.token.id}"):
        await shop.store.set_token_quota(shop.token.id, 7)
    await shop.store.set_user_status(shop.user.id, DELETED)
    with pytest.raises(UnknownError, match=f"no user {shop.user.id}"):
        await shop.store.credit(shop.user.id, 5, reference="after", now=kit.NOW)
    with pytest.raises(UnknownError, match=f"no user {shop.user.id}"):
        await shop.store.create_token(NewToken(shop.user.id, "f" * 64, "late"), now=kit.NOW)
    with pytest.raises(UnknownError, match=f"no user {shop.user.id}"):
        await shop.store.rotate_webhook_secret(shop.user.id, generation=1, overlap_until=kit.NOW)
    again = await shop.store.credit(shop.user.id, 5, reference="before", now=kit.NOW + 9)
    assert again == booked
    assert (await shop.store.get_user(shop.user.id)).quota == 1_005
    assert len(await shop.store.list_tokens(shop.user.id)) == 1
    await shop.assert_explained()
