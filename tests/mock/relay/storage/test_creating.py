"""Creating a task: the hold, the row, and the client's safe repeat."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_mock.relay.storage.errors import (
    DisabledError,
    ExistsError,
    ExternalIdConflictError,
    InsufficientQuotaError,
    UnknownError,
)
from kling_mock.relay.storage.values import DISABLED, UNNUMBERED, Attempt, NewToken
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import NOW, PRICE, Shop


async def test_the_row_and_the_hold_are_there_before_anything_is_sent(shop: Shop) -> None:
    """A create leaves an open row with the price, held from the user and the token."""
    row = await shop.create(callback_url="https://user.example.com/hook", external_task_id="o-1")
    assert (row.status, row.quota, row.held_quota, row.kling_task_id) == (
        "submitted",
        PRICE,
        PRICE,
        None,
    )
    assert (row.created_at, row.updated_at, row.next_poll_at) == (NOW, NOW, NOW + 30)
    assert (row.channel_id, row.channel_key_id, row.attempt_until) == (
        shop.channel.id,
        "key-1",
        NOW + 120,
    )
    assert (row.prompt, row.duration, row.username, row.provider) == (
        "a kitten on the grass",
        "5",
        "ann",
        "kling",
    )
    assert (row.external_task_id, row.callback_url) == ("o-1", "https://user.example.com/hook")
    user, token = await shop.me(), await shop.my_token()
    assert (user.quota, user.held_quota, user.available) == (1_000, PRICE, 900)
    assert (token.held_quota, token.used_quota) == (PRICE, 0)
    await shop.assert_explained()


async def test_a_new_row_has_nothing_of_an_end(shop: Shop) -> None:
    """No result, no reason, no lease, and no mark of a migration."""
    row = await shop.create()
    assert (row.fail_reason, row.video_id, row.store_url, row.json_data) == ("", "", "", "")
    assert (row.lease_until, row.not_found_at, row.legacy, row.credentials) == (0, None, False, "")
    assert (row.kling_task_id, row.resolution, row.n) == (None, "", 1)


async def test_a_task_without_token_channel_or_price_is_kept_too(shop: Shop) -> None:
    """A free task holds nothing and still has its row."""
    row = await shop.create(price=0, token_id=None, attempt=None)
    assert (row.token_id, row.channel_id, row.channel_key_id, row.held_quota) == (0, 0, "", 0)
    assert (await shop.me()).held_quota == 0


async def test_the_same_request_again_is_the_first_task(shop: Shop) -> None:
    """A client's repeat under its own id returns the row and holds nothing more."""
    first = await shop.create(external_task_id="order-1")
    again = await shop.store.create_task(
        kit.new_task(shop.user.id, external_task_id="order-1"), now=NOW + 5, next_poll_at=NOW + 35
    )
    assert (again.row, again.is_new) == (first, False)
    assert (await shop.me()).held_quota == PRICE


async def test_another_request_under_the_same_id_is_a_conflict(shop: Shop) -> None:
    """The same external id with another body is refused, and names the task that has it."""
    first = await shop.create(external_task_id="order-1")
    with pytest.raises(ExternalIdConflictError) as caught:
        await shop.create(external_task_id="order-1", request_hash=kit.digest("a dog"))
    assert caught.value.task_id == first.task_id
    assert (await shop.me()).held_quota == PRICE


async def test_an_external_id_belongs_to_its_user(shop: Shop) -> None:
    """Two users may use the same id, and ids that differ in case are different."""
    other = await Shop.fill(shop.store, name="bob")
    rows = [
        await shop.create(external_task_id="order-1"),
        await shop.create(external_task_id="Order-1"),
        await other.create(external_task_id="order-1"),
    ]
    assert len({row.id for row in rows}) == 3


async def test_tasks_without_an_external_id_are_all_different(shop: Shop) -> None:
    """None and '' are not ids: any number of tasks may have them."""
    rows = [await shop.create(external_task_id=none) for none in (None, "", None, "")]
    assert [row.external_task_id for row in rows] == [None] * 4
    assert (await shop.me()).held_quota == 4 * PRICE


async def test_a_create_can_be_repeated_after_a_lost_answer(shop: Shop) -> None:
    """The same task id and request again is the same row; nothing is held twice."""
    task = kit.new_task(shop.user.id, token_id=shop.token.id)
    first = await shop.store.create_task(task, now=NOW, next_poll_at=NOW)
    again = await shop.store.create_task(task, now=NOW + 1, next_poll_at=NOW + 1)
    assert (first.is_new, again.is_new) == (True, False)
    assert first.row == attrs.evolve(again.row, id=UNNUMBERED)
    assert (await shop.me()).held_quota == PRICE
    with pytest.raises(ExistsError, match="there is a task with this task_id already"):
        await shop.create(task_id=task.task_id, request_hash=kit.digest("a dog"))
    assert (await shop.me()).held_quota == PRICE


async def test_quota_is_held_down_to_the_last_one_and_no_further(shop: Shop) -> None:
    """A balance for ten videos accepts ten; the eleventh gets an error with what is missing."""
    for _ in range(10):
        await shop.create()
    with pytest.raises(InsufficientQuotaError) as caught:
        await shop.create(price=1)
    assert (caught.value.of, caught.value.needed, caught.value.available) == ("user", 1, 0)
    assert (await shop.me()).available == 0
    await shop.create(price=0)
    await shop.assert_explained()


async def test_a_tokens_own_quota_limits_it(shop: Shop) -> None:
    """A limited token is refused although its user could pay, and then nothing is held."""
    small = await shop.store.create_token(
        NewToken(shop.user.id, kit.digest("small"), remain_quota=150), now=NOW
    )
    await shop.create(token_id=small.id)
    with pytest.raises(InsufficientQuotaError) as caught:
        await shop.create(token_id=small.id)
    assert (caught.value.of, caught.value.needed, caught.value.available) == ("token", PRICE, 50)
    assert (await shop.me()).held_quota == PRICE
    await shop.create(token_id=shop.token.id)


async def test_disabled_users_and_tokens_create_nothing(shop: Shop) -> None:
    """A switched-off user or token, and an expired token, are refused with a reason."""
    expired = await shop.store.create_token(
        NewToken(shop.user.id, kit.digest("old"), expires_at=NOW), now=NOW
    )
    with pytest.raises(DisabledError) as caught:
        await shop.create(token_id=expired.id)
    assert caught.value.of == "token"
    await shop.store.set_token_status(shop.token.id, DISABLED)
    with pytest.raises(DisabledError, match="token"):
        await shop.create()
    await shop.store.set_user_status(shop.user.id, DISABLED)
    for price in (PRICE, 0):
        with pytest.raises(DisabledError) as caught:
            await shop.create(price=price, token_id=None)
        assert caught.value.of == "user"
    assert (await shop.me()).held_quota == 0


async def test_a_token_pays_until_it_expires(shop: Shop) -> None:
    token = await shop.store.create_token(
        NewToken(shop.user.id, kit.digest("lasting"), expires_at=NOW + 1), now=NOW
    )
    await shop.create(token_id=token.id)
    assert (await shop.me()).held_quota == PRICE


async def test_a_task_needs_a_user_and_a_token_of_that_user(shop: Shop) -> None:
    """A user cannot pay through another user's token."""
    other = await Shop.fill(shop.store, name="bob")
    with pytest.raises(UnknownError, match="token"):
        await shop.create(token_id=other.token.id)
    with pytest.raises(UnknownError, match="token"):
        await shop.create(token_id=987, price=0)
    for price in (PRICE, 0):
        with pytest.raises(UnknownError, match="user 987"):
            await shop.store.create_task(kit.new_task(987, price=price), now=NOW, next_poll_at=NOW)
    assert (await shop.me()).held_quota == 0


async def test_the_plain_check_takes_a_price_that_just_fits(shop: Shop) -> None:
    """The check is of the user's balance, and of the token's."""
    small = await shop.store.create_token(
        NewToken(shop.user.id, kit.digest("small"), remain_quota=1_000), now=NOW
    )
    row = await shop.create(price=1_000, overdraft=True, token_id=small.id)
    assert (row.quota, row.held_quota) == (1_000, 0)
    await shop.store.credit(shop.user.id, 1, reference="more", now=NOW)
    with pytest.raises(InsufficientQuotaError) as caught:
        await shop.create(price=1_001, overdraft=True, token_id=small.id)
    assert (caught.value.of, caught.value.needed, caught.value.available) == (
        "token",
        1_001,
        1_000,
    )


async def test_the_guides_plain_check_holds_nothing(shop: Shop) -> None:
    """With `overdraft`, the balance has to reach each price alone, and may end below zero."""
    rows = [await shop.create(price=800, overdraft=True, token_id=None) for _ in range(2)]
    assert (await shop.me()).held_quota == 0
    with pytest.raises(InsufficientQuotaError):
        await shop.create(price=1_001, overdraft=True)
    for row in rows:
        done = await shop.settle(kit.succeed(row.task_id, quota=900))
        assert (done.charged, done.uncollected) == (900, 0)
    assert (await shop.me()).quota == -800
    (books,) = await shop.store.reconcile()
    assert books.is_explained


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", ""),
        ("task_id", "with space"),
        ("task_id", "k" * 201),
        ("task_id", "kling_ä"),
        ("task_id", "kling_1\n"),
        ("external_task_id", "x" * 201),
        ("external_task_id", "ends with "),
        ("external_task_id", "nul\0"),
        ("external_task_id", "half \ud800"),
        ("request_hash", "short"),
        ("price", -1),
        ("price", 1.5),
    ],
)
def test_an_id_or_price_that_a_database_would_change_is_refused(field: str, value: Any) -> None:
    """What some database would cut, pad or fold is an error before any SQL."""
    with pytest.raises(ValueError, match=r"characters|digits|whole number"):
        kit.new_task(1, **{field: value})


async def test_text_that_only_informs_is_made_to_fit(shop: Shop) -> None:
    """A prompt of any characters and length is kept as far as every database can."""
    long = "😀" * 40_000
    row = await shop.create(
        prompt=f"a\0b\ud800c {long}", model="m" * 101, mode="x" * 60, duration="9" * 30
    )
    assert row == await shop.row(row.task_id)
    assert row.prompt.startswith("a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c 😀")
    assert len(row.prompt.encode()) <= 65_535
    assert (len(row.model), len(row.mode), len(row.duration)) == (100, 50, 20)


async def test_injected_text_is_text(shop: Shop) -> None:
    """Quotes, backslashes, percent signs and question marks come back as they were."""
    for text in (
        "'; DROP TABLE videos; --",
        '\\" OR 1=1 #',
        "100% %s %(x)s {0} ? $1 :a",
        "\\' \\\\ \n\r\t\x1a",
        "` \N{RIGHT SINGLE QUOTATION MARK} \N{CJK UNIFIED IDEOGRAPH-4E2D}",
    ):
        row = await shop.create(prompt=text, external_task_id=text.strip())
        assert (await shop.row(row.task_id)).prompt == text
        task = await shop.store.get_task(shop.user.id, text.strip())
        assert task == row


# ------------------------------------------------------------ attempts


async def test_another_channel_is_bound_after_a_refusal(shop: Shop) -> None:
    """A failover changes channel, key and attempt lease, and forgets earlier absences."""
    second = await shop.store.create_channel(kit.channel_named("second"), now=NOW)
    row = await shop.create()
    await shop.store.report_not_found(row.task_id, queried_at=NOW + 180, reason="lost")
    for _ in range(2):
        assert await shop.store.bind_attempt(row.task_id, Attempt(second.id, "key-2", NOW + 300))
    after = await shop.row(row.task_id)
    assert (after.channel_id, after.channel_key_id, after.attempt_until, after.not_found_at) == (
        second.id,
        "key-2",
        NOW + 300,
        None,
    )


async def test_a_task_that_was_accepted_or_has_ended_is_not_sent_again(shop: Shop) -> None:
    """Binding says no, so that no task is ever created twice."""
    accepted, ended = await shop.accepted(), await shop.create()
    await shop.settle(kit.failed(ended.task_id))
    for row in (accepted, ended):
        before = await shop.row(row.task_id)
        assert not await shop.store.bind_attempt(row.task_id, Attempt(9, "key-9", NOW + 300))
        assert await shop.row(row.task_id) == before
    with pytest.raises(UnknownError, match="task"):
        await shop.store.bind_attempt("kling_unknown", Attempt(9, "key-9", NOW))


async def test_an_attempts_lease_ends_when_its_socket_closes(shop: Shop) -> None:
    """Closing brings the end forward and never puts it off."""
    row = await shop.create()
    await shop.store.close_attempt(row.task_id, at=NOW + 500)
    assert (await shop.row(row.task_id)).attempt_until == NOW + 120
    await shop.store.close_attempt(row.task_id, at=NOW + 7)
    assert (await shop.row(row.task_id)).attempt_until == NOW + 7
    await shop.store.close_attempt("kling_unknown", at=NOW)
