"""Accounts: keys, permissions, slots, units and rates, each with Kling's own code."""

from __future__ import annotations

import math
import threading
from decimal import Decimal
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RateLimit
from kling_mock.kling.model.admission import admit_call
from kling_mock.kling.service_codes import Refusal
from tests.mock.kling.endpoints.requests import plan
from tests.plain_http import NO_TLS

LIST = "/v1/videos/text2video"
DAY = 24 * 3600


def call(
    mock: KlingMock, key: str, method: str = "POST", path: str = LIST, **body: Any
) -> httpx.Response:
    """Call with an API key; a create by default."""
    headers = {"Authorization": f"Bearer {key}"}
    fields = {"model_name": "kling-v2-6", "prompt": "a kitten"} | body
    with httpx.Client(base_url=mock.kling_url, trust_env=False, verify=NO_TLS) as client:
        if method == "GET":
            return client.get(path, headers=headers)
        return client.post(path, headers=headers, json=fields)


def code(reply: httpx.Response) -> tuple[int, int]:
    return reply.status_code, reply.json()["code"]


# ------------------------------------------------------------ keys


def test_accounts_do_not_see_each_others_tasks(mock: KlingMock, api: Any) -> None:
    """A task is found by its own account only, and an external id is unique per account."""
    other = mock.accounts.add("other")
    mine = api.new(external_task_id="order-1")

    reply = call(mock, other.api_key, external_task_id="order-1")
    assert code(reply) == (200, 0)
    assert code(call(mock, other.api_key, "GET", f"{LIST}/{mine}")) == (400, 1201)
    assert [entry.account for entry in mock.journal] == ["default", "other", "other"]
    assert list(mock.accounts) == ["default", "other"]
    assert len(mock.accounts) == 2
    assert mock.accounts["other"].open_tasks == mock.account.open_tasks == 1


def test_several_keys_open_one_account(mock: KlingMock, api: Any) -> None:
    """All key pairs and API keys of an account see the same tasks."""
    task_id = api.new()
    pair, key = mock.account.add_key_pair(), mock.account.add_api_key()

    token = api.token(iss=pair.access_key, secret=pair.secret_key)
    for credential in (token, key):
        headers = api.headers(credential)
        assert api.http.get(f"{LIST}/{task_id}", headers=headers).status_code == 200


def test_a_disabled_key_is_refused_until_it_is_enabled(mock: KlingMock, api: Any) -> None:
    """Disabling a key ends it at once, also for tokens that were accepted before."""
    token, key = api.token(), mock.account.add_api_key()
    for name, credential in ((mock.access_key, token), (key, key)):
        headers = api.headers(credential)
        assert api.http.get(LIST, headers=headers).status_code == 200
        mock.account.disable_key(name)
        assert code(api.http.get(LIST, headers=headers)) == (401, 1000)
        mock.account.enable_key(name)
        assert api.http.get(LIST, headers=headers).status_code == 200
    with pytest.raises(KeyError, match="no such"):
        mock.account.disable_key("unknown")


def test_an_account_of_a_taken_name_or_an_unknown_one_is_told(mock: KlingMock) -> None:
    """Mistakes in a test are named: a second account of one name, or an unknown name."""
    with pytest.raises(ValueError, match="'default' already"):
        mock.accounts.add("default")
    with pytest.raises(KeyError, match="no account 'acme'"):
        _ = mock.accounts["acme"]
    acme = mock.accounts.add("acme")
    mock.reset()
    with pytest.raises(KeyError, match="a reset forgets"):
        acme.slots = 1


# ------------------------------------------------------------ who may call, and for what


def test_a_disabled_account_is_refused_everywhere(mock: KlingMock, api: Any) -> None:
    """1100 answers creates and queries alike."""
    task_id = api.new()
    mock.account.disabled = True
    assert code(api.create()) == (429, 1100)
    assert code(api.get(f"{LIST}/{task_id}")) == (429, 1100)
    mock.account.disabled = False
    assert code(api.create()) == (200, 0)


def test_arrears_stop_new_tasks_only(mock: KlingMock, api: Any) -> None:
    """1101 answers creates; what was made before can be read."""
    task_id = api.new()
    mock.account.in_arrears = True
    assert code(api.create()) == (429, 1101)
    assert code(api.get(f"{LIST}/{task_id}")) == (200, 0)


def test_a_model_or_an_endpoint_can_be_denied(mock: KlingMock, api: Any) -> None:
    """1103 names neither more nor less than was denied."""
    mock.account.denied = ["kling-v3", "omni-video"]
    assert code(api.create(model_name="kling-v3")) == (403, 1103)
    assert code(api.create(model_name="kling-v2-6")) == (200, 0)
    assert code(api.create("omni-video", prompt="a", aspect_ratio="16:9")) == (403, 1103)
    assert mock.account.denied == {"kling-v3", "omni-video"}


def test_which_elements_are_video_characters(mock: KlingMock, api: Any) -> None:
    """An account says it of its elements; omni-video then holds them to their own limits."""
    elements = [{"element_id": number} for number in range(1, 5)]
    fields = {"model_name": "kling-v3-omni", "prompt": "a", "element_list": elements}
    assert code(api.create("omni-video", **fields)) == (200, 0)
    mock.account.characters = {1, 2, 3, 4}
    assert code(api.create("omni-video", **fields)) == (400, 1201)
    mock.account.characters = {1, 2, 3}
    assert code(api.create("omni-video", **fields)) == (200, 0)
    assert mock.account.characters == {1, 2, 3}


def test_only_listed_addresses_may_call(mock: KlingMock, api: Any) -> None:
    """1304 answers an address outside the list."""
    mock.account.allowed_ips = ["10.0.0.0/8", "192.0.2.1"]
    assert code(api.create()) == (429, 1304)
    mock.account.allowed_ips = ["127.0.0.0/8"]
    assert code(api.create()) == (200, 0)
    mock.account.allowed_ips = []
    assert code(api.get(LIST)) == (429, 1304)
    mock.account.allowed_ips = None
    assert code(api.get(LIST)) == (200, 0)


# ------------------------------------------------------------ slots


def test_slots_are_held_to_the_end_and_shared(mock: KlingMock, api: Any) -> None:
    """A slot is free when a task has ended, well or not; keys and endpoints share them."""
    mock.account.slots = 2
    first = api.new()
    second = api.new("omni-video", prompt="a lighthouse", aspect_ratio="16:9")
    key = mock.account.add_api_key()

    refused = call(mock, key)
    assert refused.status_code == 429
    assert refused.json() == {
        "code": 1303,
        "message": "parallel task over resource pack limit",
        "request_id": refused.json()["request_id"],
    }
    mock.clock.advance(5)
    assert code(call(mock, key)) == (429, 1303)
    mock.complete(first)
    assert code(call(mock, key)) == (200, 0)
    assert code(call(mock, key)) == (429, 1303)
    mock.fail(second)
    assert code(call(mock, key)) == (200, 0)
    assert mock.account.open_tasks == 2


def test_slots_of_one_account_are_not_anothers(mock: KlingMock, api: Any) -> None:
    """A full account does not stop the next one."""
    mock.account.slots = 0
    assert code(api.create()) == (429, 1303)
    assert code(call(mock, mock.accounts.add("other").api_key)) == (200, 0)


def test_a_taken_id_is_told_before_a_full_account(mock: KlingMock, api: Any) -> None:
    """A repeated create that was accepted is reported at once, without waiting for a slot."""
    mock.account.slots = 1
    api.new(external_task_id="order-1")
    assert code(api.create(external_task_id="order-1")) == (400, 1201)


def test_the_largest_pack_that_counts_gives_the_slots(mock: KlingMock, api: Any) -> None:
    """The largest of several packs sets the number of slots while it counts."""
    mock.account.add_pack(100, slots=1)
    mock.account.add_pack(100, slots=2, lasts=1)
    api.new()
    api.new()
    assert code(api.create()) == (429, 1303)
    mock.complete(api.get(LIST).json()["data"][0]["task_id"])
    mock.clock.advance(1)
    assert code(api.create()) == (429, 1303)


# ------------------------------------------------------------ units


def test_units_are_taken_at_the_end_of_a_success(mock: KlingMock, api: Any) -> None:
    """A pack loses units when a task succeeds, and none when it fails."""
    mock.account.units = 10
    good, bad = api.new(), api.new()
    assert mock.account.units == 10
    mock.fail(bad)
    assert mock.account.units == 10
    mock.complete(good)
    assert mock.account.units == Decimal("8.5")
    assert api.task(good)["final_unit_deduction"] == "1.5"
    assert api.task(bad)["final_unit_deduction"] == "0"


def test_an_empty_pack_is_the_vendors_1102(mock: KlingMock, api: Any) -> None:
    """Units that open tasks will cost are not spent twice; then 1102, until more is bought."""
    mock.account.units = 3
    first = api.new()
    api.new()
    refused = api.create()
    assert code(refused) == (429, 1102)
    assert refused.json()["message"] == "Account balance not enough"
    mock.fail(first)
    assert code(api.create()) == (200, 0)
    mock.account.add_pack(100)
    assert code(api.create()) == (200, 0)
    mock.account.units = None
    assert mock.account.units is None
    assert code(api.create()) == (200, 0)


def test_packs_begin_end_and_are_used_in_order(mock: KlingMock, api: Any) -> None:
    """The pack that ends first is used first; one that is not in its time does not count."""
    mock.account.add_pack(1, name="short", lasts=10)
    mock.account.add_pack(2, name="long")
    mock.account.add_pack(50, name="later", begins_in=100)
    mock.complete(api.new())
    assert [pack.remaining for pack in mock.account.packs] == [0, Decimal("1.5"), 50]
    assert code(api.create()) == (200, 0)
    assert code(api.create()) == (429, 1102)
    mock.clock.advance(100)
    assert code(api.create()) == (200, 0)
    statuses = [pack.status(mock.clock.now()) for pack in mock.account.packs]
    assert statuses[0] == "expired"
    assert statuses[2] == "online"


# ------------------------------------------------------------ rates


def test_a_refusal_for_the_rate_has_no_retry_after_by_default(mock: KlingMock, api: Any) -> None:
    """The vendor's pages do not show the header."""
    mock.account.rate_limit = RateLimit(1)
    assert api.get(LIST).status_code == 200
    refused = api.get(LIST)
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, False)


@pytest.mark.parametrize("retry_after", [False, True])
def test_a_burst_of_n_gives_exactly_n(mock: KlingMock, api: Any, *, retry_after: bool) -> None:
    """Calls over the limit get 1302, with Retry-After if the test wants it, until time passes."""
    mock.account.rate_limit = RateLimit(3, seconds=10, retry_after=retry_after)
    replies = [api.get(LIST) for _ in range(5)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
    assert replies[-1].json()["code"] == 1302
    assert replies[-1].headers.get("Retry-After") == ("10" if retry_after else None)
    mock.clock.advance(9.5)
    refused = api.get(LIST)
    assert refused.status_code == 429
    assert refused.headers.get("Retry-After") == ("1" if retry_after else None)
    mock.clock.advance(0.5)
    assert [api.get(LIST).status_code for _ in range(4)] == [200, 200, 200, 429]
    mock.account.rate_limit = None
    assert api.get(LIST).status_code == 200


def test_a_rate_for_creates_leaves_queries_alone(mock: KlingMock, api: Any) -> None:
    """With `creates_only`, polling does not count towards the rate."""
    mock.account.rate_limit = RateLimit(1, creates_only=True)
    task_id = api.new()
    assert {api.get(f"{LIST}/{task_id}").status_code for _ in range(5)} == {200}
    assert code(api.create()) == (429, 1302)
    close = {"Connection": "close"}
    fields = {"prompt": "a"}
    reply = api.http.post(LIST, json=fields, headers=api.headers() | close)
    assert code(reply) == (429, 1302)


# ------------------------------------------------------------ the handle


def test_wrong_settings_are_named_and_change_nothing(mock: KlingMock) -> None:
    """Each setting says what it accepts."""
    account: Any = mock.account
    for name, value in (
        ("slots", -1),
        ("slots", True),
        ("disabled", 1),
        ("denied", ["kling-v99"]),
        ("allowed_ips", ["300.1.1.1"]),
        ("characters", ["1"]),
        ("units", "many"),
        ("units", -1),
    ):
        before = getattr(account, name)
        with pytest.raises(ValueError, match=r"must be|IPv4"):
            setattr(account, name, value)
        assert getattr(account, name) == before
    wrong: list[tuple[Any, float]] = [(0, 1), (1.5, 1), (1, 0), (1, math.inf)]
    for requests, seconds in wrong:
        with pytest.raises(ValueError, match="must be"):
            account.rate_limit = RateLimit(requests, seconds)
    for secret in ("whsec_c2hvcnQ=", "whsec_!", "dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="):
        with pytest.raises(ValueError, match="must be whsec_"):
            account.add_webhook_secret(secret)
    assert account.rate_limit is None
    assert account.name in repr(account)


async def test_settings_inside_an_event_loop(mock: KlingMock) -> None:
    """An async test sets and reads in the same way."""
    mock.account.slots = 3
    assert mock.account.slots == 3
    assert mock.accounts.add("other").open_tasks == 0


def test_settings_before_the_start_and_from_other_threads() -> None:
    """A server can be set up before it runs, and from any thread while it does."""
    mock = KlingMock(seed=1)
    mock.account.slots = 5
    with mock:
        threads = [threading.Thread(target=mock.accounts.add, args=(str(n),)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(mock.accounts) == 9
        assert mock.account.slots == 5


def test_settings_on_the_servers_own_thread(mock: KlingMock) -> None:
    """Code that runs on the server's loop, as an admin route does, may use the same handles."""

    def set_and_read() -> int | None:
        mock.account.slots = 4
        mock.complete(mock._emulator.world.submit(mock._emulator.world.account, task_plan).task_id)
        return mock.account.slots

    task_plan = plan("text2video", {"model_name": "kling-v2-6", "prompt": "a"})
    assert mock._thread.call(set_and_read) == 4


def test_a_call_from_nowhere_is_on_no_list(mock: KlingMock) -> None:
    """An allow-list refuses a caller whose address is not known."""
    mock.account.allowed_ips = ["0.0.0.0/0", "::/0"]
    with pytest.raises(Refusal, match="1304"):
        admit_call(mock._emulator.world.account, 0.0, "", creates=False)
    admit_call(mock._emulator.world.account, 0.0, "fe80::1%eth0", creates=False)
