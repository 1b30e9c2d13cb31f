"""Callbacks: what is sent, how it is signed, when it is tried again, and what the log says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from kling_mock import KlingMock
from kling_mock.kling.callbacks.sender import HttpCallbackSender
from kling_mock.web.webhook_signing import signed_headers
from tests.mock.receiver import Receiver, closed_url

ALL = ["submitted", "processing", "succeed"]


# ------------------------------------------------------------ the body


def test_every_change_of_status_is_reported_in_order(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """Submitted, processing and the end are reported, each once, when they happen."""
    task_id = api.new(callback_url=receiver.url, external_task_id="order-1")
    mock.clock.advance(0)
    assert receiver.statuses == ["submitted"]
    mock.clock.advance(2)
    assert receiver.statuses == ALL[:2]
    mock.clock.advance(600)
    assert receiver.statuses == ALL
    assert {received.task["task_id"] for received in receiver.received} == {task_id}


def test_the_body_is_a_flat_task(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """No envelope; the same facts as a query, and a result URL that can be fetched."""
    task_id = api.new(callback_url=receiver.url, external_task_id="order-1")
    mock.complete(task_id)
    received = receiver.received[-1]
    task = api.task(task_id)
    del task["watermark_info"]
    assert received.task == task
    assert received.task["task_info"] == {"external_task_id": "order-1"}
    assert received.task["final_unit_deduction"] == "1.5"
    assert received.headers["content-type"] == "application/json"
    assert "webhook-signature" not in received.headers
    url = received.task["task_result"]["videos"][0]["url"]
    assert api.http.get(url).status_code == 200


def test_a_failure_is_reported_with_its_reason(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """The reason is in the body, without a result and without units."""
    task_id = api.new(callback_url=receiver.url, external_task_id="order-1")
    mock.fail(task_id, message="withheld")
    task = receiver.received[-1].task
    assert (task["task_status"], task["task_status_msg"]) == ("failed", "withheld")
    assert (task["task_result"], task["final_unit_deduction"]) == ({}, "0")
    assert task["task_info"] == {"external_task_id": "order-1"}


def test_no_url_no_callback(mock: KlingMock, api: Any) -> None:
    """Without callback_url nothing is sent."""
    mock.complete(api.new())
    assert len(mock.deliveries) == 0


# ------------------------------------------------------------ who waits for whom


def test_steering_returns_when_its_callbacks_are_delivered(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """After advance, process, complete and fail, a test can check its receiver at once."""
    mock.progress.add("by-hand")
    first, second = (api.new(callback_url=receiver.url) for _ in range(2))
    mock.process(first)
    mock.complete(first)
    mock.fail(second)
    assert receiver.statuses.count("succeed") == 1
    assert receiver.statuses.count("failed") == 1
    assert [delivery.state for delivery in mock.deliveries] == ["delivered"] * 5


async def test_a_receiver_on_the_tests_own_loop(mock: KlingMock) -> None:
    """The awaitable controls let a receiver answer that lives on the loop of the test."""
    received: list[str] = []

    async def receive(request: web.BaseRequest) -> web.Response:
        if status := (await request.json()).get("task_status"):
            received.append(status)
        return web.Response()

    runner = web.ServerRunner(web.Server(receive))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with mock.async_client() as kling:
        first = await kling.text2video.create(prompt="a kitten", callback_url=url)
        await mock.clock.aadvance(600)
        assert received == ALL
        second = await kling.text2video.create(prompt="a kitten", callback_url=url)
        await mock.acomplete(second)
        assert received[3:] == ALL
        await mock.deliveries.areplay(first)
        assert received[6:] == ALL
        await mock.deliveries.asend_changed(mock.deliveries[-1], body="{}")
        assert len(received) == 9  # the body has no status
        mock.progress.add("by-hand")
        third = await kling.text2video.create(prompt="a kitten", callback_url=url)
        await mock.aprocess(third)
        await mock.afail(third, 1301)
        assert received[9:] == ["submitted", "processing", "failed"]
    await runner.cleanup()


def test_two_tasks_are_reported_side_by_side(mock: KlingMock, api: Any) -> None:
    """A receiver that is slow for one task does not delay another one's callbacks."""
    both = threading.Barrier(2, timeout=10)
    receiver = Receiver()
    wait = receiver.received.append

    class Meeting(list[Any]):
        def append(self, received: Any) -> None:
            if received.task["task_status"] == "succeed":
                both.wait()
            wait(received)

    receiver.received = Meeting()
    tasks = [api.new(callback_url=receiver.url) for _ in range(2)]
    threads = [threading.Thread(target=mock.complete, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    receiver.close()
    assert not both.broken


# ------------------------------------------------------------ signatures


def test_a_signed_callback_satisfies_the_reference_library(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """With a secret, each attempt carries a Standard Webhooks signature that verifies."""
    mock.callbacks.timestamps = "real"
    secret = mock.account.add_webhook_secret()
    mock.complete(api.new(callback_url=receiver.url))
    assert len(receiver.received) == 3
    for received in receiver.received:
        Webhook(secret).verify(received.body, received.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(received.body + b" ", received.headers)
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 3


def test_the_vendors_example_is_reproduced() -> None:
    """The published secret, id, time and body give the published signature."""
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"",'
        b'"create_time":1781080778802,"update_time":1781080794151}'
    )
    secret = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
    headers = dict(signed_headers([secret], "9876543210", 1781080794, body))
    assert headers["webhook-signature"] == "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="


def test_the_rotation_of_secrets(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """Both secrets sign for 7 days; in an emergency, or when all are removed, at once."""
    url = receiver.url

    def signers() -> set[str]:
        mock.progress.add("by-hand")
        api.new(callback_url=url)
        mock.clock.advance(0)
        headers, body = receiver.received[-1]
        if "webhook-signature" not in headers:
            return set()
        signatures = headers["webhook-signature"].split(" ")
        when = int(headers["webhook-timestamp"])
        assert when == int(mock.clock.now())
        return {
            name
            for name, secret in secrets.items()
            if dict(signed_headers([secret], headers["webhook-id"], when, body))[
                "webhook-signature"
            ]
            in signatures
        }

    secrets = {"one": mock.account.add_webhook_secret()}
    assert signers() == {"one"}
    secrets["two"] = mock.account.add_webhook_secret()
    assert signers() == {"one", "two"}
    assert mock.account.webhook_secrets == (secrets["two"], secrets["one"])
    mock.clock.advance(7 * 24 * 3600)
    assert signers() == {"two"}
    replacement = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
    secrets["three"] = mock.account.add_webhook_secret(replacement, emergency=True)
    assert signers() == {"three"}
    mock.account.clear_webhook_secrets()
    assert signers() == set()


# ------------------------------------------------------------ retries


def test_a_report_is_tried_again_on_the_mocks_clock(
    mock: KlingMock, api: Any, receiver: Receiver
) -> None:
    """After each failed attempt comes the next, to the second, with the same id and bytes."""
    mock.account.add_webhook_secret()
    mock.progress.add("by-hand")
    receiver.answers = [500, 302, 404]
    start = mock.clock.now()
    api.new(callback_url=receiver.url)
    mock.clock.advance(9)
    assert len(receiver.received) == 1
    mock.clock.advance(1000)
    (delivery,) = mock.deliveries
    assert [attempt.at - start for attempt in delivery.attempts] == [0, 10, 40, 100]
    assert [attempt.status for attempt in delivery.attempts] == [500, 302, 404, 200]
    assert delivery.attempts[-1].response == b"ok"
    assert delivery.state == "delivered"
    assert len({received.body for received in receiver.received}) == 1
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1
    assert len({received.headers["webhook-signature"] for received in receiver.received}) == 4


def test_after_the_last_attempt_it_gives_up(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """A custom schedule ends in `failed`; later reports of the task are still sent."""
    mock.callbacks.retries = (1, 2)
    mock.progress.add("by-hand")
    receiver.answers = [500] * 3
    task_id = api.new(callback_url=receiver.url)
    mock.clock.advance(600)
    mock.complete(task_id)
    first, *rest = mock.deliveries
    assert (first.state, len(first.attempts)) == ("failed", 3)
    assert [delivery.state for delivery in rest] == ["delivered"] * 2


def test_nobody_listens(mock: KlingMock, api: Any) -> None:
    """A refused connection is an attempt without a status."""
    mock.callbacks.retries = ()
    mock.complete(api.new(callback_url=closed_url()))
    assert [delivery.task_status for delivery in mock.deliveries] == [
        "submitted",
        "processing",
        "succeed",
    ]
    for delivery in mock.deliveries:
        (attempt,) = delivery.attempts
        assert (delivery.state, attempt.status) == ("failed", 0)
        assert attempt.error == "ClientConnectorError"


def test_a_receiver_that_never_answers(mock: KlingMock, api: Any) -> None:
    """It is given up after the timeout, which is short here and 5 real seconds by default."""
    mock.callbacks.timeout = 0.02
    mock.callbacks.retries = ()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mock.progress.add("by-hand")
        api.new(callback_url=f"http://127.0.0.1:{silent.getsockname()[1]}/")
        mock.clock.advance(0)
    (delivery,) = mock.deliveries
    assert delivery.attempts[0].error == "no response within 0.02 s"


def test_a_silent_receiver_is_waited_for_once(mock: KlingMock, api: Any) -> None:
    """Then it has a fifth of the timeout, until it answers: a test would wait for a minute."""
    mock.callbacks.timeout = 0.1
    mock.callbacks.retries = (1, 1, 1)
    over = threading.Event()
    is_silent = iter((True, True, False, True))

    def slow(_environ: Any, start: Any) -> list[bytes]:
        if next(is_silent):
            over.wait(60)
        start("500 no", [])
        return []

    mock.callbacks.deliver_to(slow)
    mock.progress.add("by-hand")
    api.new(callback_url="http://app.test/")
    for timeout in (100, 0.1, 0.1):
        mock.clock.advance(1)
        mock.callbacks.timeout = timeout
    tried = [(attempt.status, attempt.error) for attempt in mock.deliveries[0].attempts]
    over.set()
    late, later = "no response within 0.1 s", "no response within 0.02 s"
    assert tried == [(0, late), (0, later), (500, ""), (0, late)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retries", [-1]),
        ("retries", [float("inf")]),
        ("timeout", 0),
        ("timeout", float("nan")),
        ("timestamps", "moon"),
    ],
)
def test_wrong_settings_are_named(mock: KlingMock, name: str, value: Any) -> None:
    """Each says what it accepts."""
    with pytest.raises(ValueError, match="must be"):
        setattr(mock.callbacks, name, value)
    assert list(mock.callbacks.retries) == [10, 30, 60]
    assert [mock.callbacks.timeout, mock.callbacks.timestamps] == [5, "clock"]


# ------------------------------------------------------------ where to


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1/",
        "http://[2001:db8::1]/",
        "http://[::ffff:192.0.2.1]/",
        "http://0.0.0.0/",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_only_this_computer_is_called(mock: KlingMock, api: Any, url: str) -> None:
    """An address elsewhere is not connected to, not tried again, and the log says what to do."""
    mock.progress.add("by-hand")
    api.new(callback_url=url)
    mock.clock.advance(600)
    (delivery,) = mock.deliveries
    assert delivery.state == "blocked"
    assert "callback_hosts" in delivery.attempts[0].error
    assert len(delivery.attempts) == 1


def test_a_name_is_judged_by_what_it_leads_to(
    mock: KlingMock, api: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`localhost` is called; a name with an address elsewhere is not."""
    mock.progress.add("by-hand")
    api.new(callback_url=receiver.url.replace("127.0.0.1", "localhost"))
    mock.clock.advance(0)
    assert receiver.statuses == ["submitted"]

    def lead_away(*_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", lead_away)
    api.new(callback_url="http://inside.shop/")
    mock.clock.advance(0)
    assert mock.deliveries[-1].state == "blocked"


async def test_a_name_that_leads_nowhere_is_no_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """This includes a look-up that takes longer than a response; a placeholder is not looked up."""
    hosts: list[str] = []

    def slow(host: str, *_: Any, **__: Any) -> Any:
        hosts.append(host)
        threading.Event().wait(0.3)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    sender = HttpCallbackSender()
    try:
        for url, reason in {
            "https://shop.example/hook": "ClientConnectorDNSError",
            "https://shop.invalid/hook": "ClientConnectorDNSError",
            "https://shop.test/hook": "no response within 0.1 s",
        }.items():
            receipt = await sender.send(url, (), b"", 0.1, ())
            assert (receipt.unreached, receipt.error) == (True, reason)
    finally:
        await sender.close()
    assert hosts == ["shop.test"]


def test_other_hosts_can_be_allowed(receiver: Receiver) -> None:
    """A host that is named, or any with `*`, is called."""
    for hosts in (["127.0.0.1"], ["*"]):
        with KlingMock(callback_hosts=hosts) as mock, mock.client() as kling:
            mock.complete(kling.text2video.create(prompt="a", callback_url=receiver.url))
            assert {delivery.state for delivery in mock.deliveries} == {"delivered"}
    with KlingMock(callback_hosts=["receiver.example"]) as mock, mock.client() as kling:
        mock.complete(kling.text2video.create(prompt="a", callback_url="http://192.0.2.1/"))
        assert {delivery.state for delivery in mock.deliveries} == {"blocked"}


def test_a_redirect_is_not_followed(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """3xx is a failure: the target of a redirect was never allowed."""
    mock.callbacks.retries = ()
    mock.progress.add("by-hand")
    receiver.answers = [307]
    api.new(callback_url=receiver.url)
    mock.clock.advance(0)
    assert (mock.deliveries[0].state, len(receiver.received)) == ("failed", 1)


def test_a_receiver_with_a_certificate_of_its_own(
    mock: KlingMock, api: Any, certificate: Any
) -> None:
    """A receiver that speaks https on this computer does not need a certificate of an authority."""
    with KlingMock(tls_cert=str(certificate[0]), tls_key=str(certificate[1])) as other:
        mock.progress.add("by-hand")
        api.new(callback_url=f"{other.kling_url}/callback")
        mock.clock.advance(0)
        assert mock.deliveries[0].attempts[0].status == 404
        assert len(other.journal) == 1


async def test_what_would_not_wait_is_refused_in_a_loop(mock: KlingMock) -> None:
    """It would return before its callback is delivered; the text names what waits."""
    mock.progress.add("by-hand")
    async with mock.async_client() as kling:
        task = await kling.text2video.create(prompt="a kitten", callback_url="http://127.0.0.1:9/")
        quiet = await kling.text2video.create(prompt="a kitten")
    await mock.clock.aadvance(0)
    refused: list[tuple[Callable[[], object], str]] = [
        (lambda: mock.process(task), "await mock.aprocess"),
        (lambda: mock.complete(task), "await mock.acomplete"),
        (lambda: mock.fail(task), "await mock.afail"),
        (lambda: mock.deliveries.replay(task), "await mock.deliveries.areplay"),
        (lambda: mock.deliveries.send_changed(mock.deliveries[0]), "asend_changed"),
        (lambda: mock.clock.advance(0), "aadvance"),
    ]
    for control, twin in refused:
        with pytest.raises(RuntimeError, match=twin):
            control()
    assert len(mock.deliveries) == 1  # nothing has happened
    assert len(mock.deliveries[0].attempts) == 1
    mock.complete(quiet)  # it has no callbacks, so there is nothing to wait for


def test_what_was_refused_can_be_asserted(mock: KlingMock, api: Any, receiver: Receiver) -> None:
    """Each attempt must have a response other than 2xx, or the status that is named."""
    mock.callbacks.retries = (1,)
    mock.progress.add("by-hand")

    def tried(*answers: int, url: str = receiver.url) -> str:
        receiver.answers = [*answers]
        task: str = api.new(callback_url=url)
        mock.clock.advance(10)
        return task

    assert_refused = mock.deliveries.assert_refused
    steady, changing = tried(401, 401), tried(401, 500)
    assert assert_refused(steady) == assert_refused(steady, 401) == mock.deliveries.of(steady)
    assert len(assert_refused(changing)) == 1
    repeated, closed = tried(401, 200), tried(url=closed_url())
    for task, status, words in [
        (steady, 404, " with 404, among\n  submitted: 401, 401"),
        (changing, 401, " with 401, among\n  submitted: 401, 500"),
        (repeated, None, ", among\n  submitted: 401, 200"),
        (closed, None, ", among\n  submitted: ClientConnectorError, ClientConnectorError"),
    ]:
        with pytest.raises(AssertionError) as raised:
            assert_refused(task, status)
        assert str(raised.value) == "callbacks that were not refused" + words
    with pytest.raises(AssertionError, match="does it have a callback_url"):
        assert_refused(api.new())
    wrong_statuses: tuple[Any, ...] = (200, 600, "401")
    for wrong in wrong_statuses:
        with pytest.raises(ValueError, match="status: must be"):
            assert_refused(steady, wrong)
    with pytest.raises(KeyError, match="There is no task"):
        assert_refused("order-7")


def test_what_was_delivered_can_be_asserted(mock: KlingMock, receiver: Receiver) -> None:
    """The assertion can name statuses, and fails without callbacks."""
    with mock.client() as kling:
        task = kling.text2video.run(prompt="a kitten", callback_url=receiver.url)
        quiet = kling.text2video.run(prompt="a kitten")
    assert len(mock.deliveries.assert_delivered(task, ALL)) == 3
    mock.deliveries.send_changed(mock.deliveries[0], body="{}", url="http://127.0.0.1:9/")
    mock.deliveries.assert_delivered(task)  # what a test has forged does not count
    with pytest.raises(AssertionError, match="does it have a callback_url"):
        mock.deliveries.assert_delivered(quiet)
    with pytest.raises(AssertionError, match=r"expected callbacks of succeed; there were\n  subm"):
        mock.deliveries.assert_delivered(task, ["succeed"])
    for statuses in ([], ["done"], "done"):
        with pytest.raises(ValueError, match="statuses: each must be one of submitted"):
            mock.deliveries.assert_delivered(task, statuses)
    for ask in (mock.deliveries.of, mock.deliveries.assert_delivered):
        with pytest.raises(KeyError, match="There is no task"):
            ask("order-7")
    receiver.answers = [500] * 3
    mock.deliveries.replay(task)
    with pytest.raises(AssertionError, match=r"not taken, among\n  submitted: delivered, 500"):
        mock.deliveries.assert_delivered(task)
