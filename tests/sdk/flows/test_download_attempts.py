"""The attempts of a download: how many, after which pauses, and in which words they end."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from kling_sdk import DownloadError, Event, TransportError
from kling_sdk.files.streams import StreamTarget
from kling_sdk.flows import Fetch
from kling_sdk.flows.download import download
from kling_sdk.wire import Reply
from tests.sdk.scripted import FakeClock, Played, context, play

URL: Final = "https://files.test/clip.mp4?signature=s3cret"
SHOWN: Final = "https://files.test/clip.mp4"
FILE: Final = b"\x00\x00\x00\x18ftypmp42" + bytes(500)
CUT: Final = TransportError("cut short")


def responder(
    status: int, body: bytes = b"", total: int | None = None, **headers: str
) -> Callable[[Fetch], Reply | Exception]:
    """Return an answer that is given to the sink: *body* of *total* bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    length = len(body) if total is None else total
    sent = {"content-length": str(length), "content-type": "video/mp4", **named}

    def respond(effect: Fetch) -> Reply | Exception:
        try:
            effect.sink.start(status, sent)
            effect.sink.write(body)
            effect.sink.progressed()
        except (DownloadError, TransportError) as error:
            return error
        return Reply(status, sent, b"") if len(body) == length else CUT

    return respond


WHOLE: Final = responder(200, FILE)


def fetched(
    *answers: Callable[[Fetch], Reply | Exception] | Exception,
    url: str = URL,
    **options: Any,
) -> tuple[Played[Any], FakeClock]:
    """Return the result of a download into memory; the last response is repeated forever."""
    clock, left = FakeClock(), list(answers)
    cancelled = options.pop("cancelled", bool)

    def respond(effect: Fetch) -> Reply | Exception:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now if isinstance(now, Exception) else now(effect)

    ctx = context(clock, cancelled=cancelled, **options)
    begin = partial(StreamTarget, io.BytesIO(), 10**9)
    return play(download(ctx, url, begin), clock, respond, most=4000), clock


def fetches(played: Played[Any]) -> list[str]:
    return [effect.call.path for effect in played.effects if isinstance(effect, Fetch)]


def words(played: Played[Any]) -> str:
    assert isinstance(played.error, DownloadError)
    return str(played.error)


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((status, True) for status in (408, 425, 429, 500, 503)),
        *((status, False) for status in (204, 205, 299, 300, 304, 400, 407, 409, 415, 417)),
        *((status, False) for status in (418, 424, 426, 428, 430, 451, 499)),
    ],
)
def test_what_may_pass_is_tried_again(*, status: int, again: bool) -> None:
    """Any other status ends the download, with its number."""
    played, _ = fetched(responder(status), WHOLE)
    assert len(fetches(played)) == (2 if again else 1)
    if not again:
        assert words(played) == f"{SHOWN}: HTTP {status}"
        assert isinstance(played.error, DownloadError)
        assert played.error.http_status == status


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_url_that_is_gone_says_what_to_do(status: int) -> None:
    """The task has a new one."""
    assert words(fetched(responder(status))[0]) == (
        f"{SHOWN}: HTTP {status}: the URL has expired or is not valid; "
        "get the task again for a new one (files are kept 30 days)"
    )


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (2, 3), (5, 6)])
def test_a_host_that_is_silent_is_tried_as_often_as_the_caller_says(
    retries: int, attempts: int
) -> None:
    """The words name the last trouble and what was received."""
    played, _ = fetched(responder(503), retries=retries)
    assert len(fetches(played)) == attempts
    assert words(played) == f"{SHOWN}: HTTP 503, after 0 bytes"
    played, _ = fetched(TransportError("reset"), retries=retries)
    assert words(played) == f"{SHOWN}: reset, after 0 bytes"


def test_pauses_grow_with_the_attempts_that_got_no_further() -> None:
    """They grow from half a second on; one more byte starts again."""
    played, _ = fetched(TransportError("reset"), retries=4, seed=1)
    factors = [pause / (0.5 * 2**number) for number, pause in enumerate(played.pauses)]
    assert len(factors) == 4
    assert all(0.0 <= factor < 1.0 for factor in factors)
    plain, _ = fetched(responder(503), WHOLE, seed=1)
    assert plain.pauses[0] == played.pauses[0]

    part = responder(200, FILE[:100], total=len(FILE), etag='"v1"')
    played, _ = fetched(responder(503), responder(503), part, WHOLE, seed=1)
    again, _ = fetched(responder(503), responder(503), responder(503), WHOLE, seed=1)
    assert played.pauses[:2] == again.pauses[:2]
    assert played.pauses[2] == pytest.approx(again.pauses[2] / 4)


@pytest.mark.parametrize(("seconds", "tried"), [("0", 2), ("7", 2), ("60", 2), ("61", 1)])
def test_a_host_that_asks_to_wait_gets_the_time_of_a_call(seconds: str, tried: int) -> None:
    """It gets no more than that: the deadline of the options."""
    played, _ = fetched(responder(503, retry_after=seconds), WHOLE, deadline=60.0)
    assert len(fetches(played)) == tried
    if tried == 2:
        assert played.pauses[0] >= int(seconds)
        assert played.pauses[0] <= max(0.5, int(seconds))


def test_without_a_pause_that_was_asked_for_there_is_none_but_our_own() -> None:
    """Less than half a second before the second attempt."""
    assert 0.0 <= fetched(responder(503), WHOLE)[0].pauses[0] < 0.5


def test_a_download_that_takes_too_long_says_so() -> None:
    """It says so once its time is over; before that, it reports the error of the attempt."""
    slow = responder(503, retry_after="30")
    played, clock = fetched(slow, download_timeout=30.0, deadline=60.0)
    assert words(played) == f"{SHOWN}: HTTP 503, after 0 bytes"
    assert clock.monotonic() == 0.0
    played, clock = fetched(slow, download_timeout=30.5, deadline=60.0)
    assert (words(played), clock.monotonic()) == (f"{SHOWN}: HTTP 503, after 0 bytes", 30.0)

    def late(effect: Fetch) -> Reply | Exception:
        clock.now += 10.0
        return TransportError("reset")

    clock = FakeClock()
    begin = partial(StreamTarget, io.BytesIO(), 10**9)
    flow = download(context(clock, download_timeout=10.0), URL, begin)
    ended: Played[Any] = play(flow, clock, late)
    assert words(ended) == f"{SHOWN}: it took longer than download_timeout, 10 s, after 0 bytes"


@pytest.mark.parametrize(
    ("timeout", "limit", "bounds"),
    [(30.0, None, (30.0, float("inf"))), (30.0, 99.0, (30.0, 99.0)), (30.0, 5.0, (5.0, 5.0))],
)
def test_a_call_has_its_own_time_within_that_of_the_download(
    timeout: float, limit: float | None, bounds: tuple[float, float]
) -> None:
    """The silence that is waited for, and the whole transfer."""
    played, _ = fetched(WHOLE, timeout=timeout, download_timeout=limit)
    (fetch,) = (effect for effect in played.effects if isinstance(effect, Fetch))
    assert (fetch.timeout, fetch[3]) == bounds


@pytest.mark.parametrize("url", ["ftp://a/b", "file:///etc/passwd", "clip.mp4", "https://[", ""])
def test_what_is_no_url_of_the_web_is_not_fetched(url: str) -> None:
    """It is named without its signature."""
    played, _ = fetched(WHOLE, url=url)
    assert fetches(played) == []
    assert words(played).startswith("cannot fetch ")
    assert words(played).endswith("; expected an http(s) URL")


def moved(to: str) -> Callable[[Fetch], Reply | Exception]:
    return responder(302, location=to)


def test_each_attempt_begins_at_the_source_and_may_be_led_as_far() -> None:
    """The target of a redirect may have expired meanwhile; the count of redirects starts again."""
    steps = [moved(f"https://cdn.test/{number}") for number in range(5)]
    played, _ = fetched(*steps, responder(503), *steps, WHOLE)
    assert played.error is None
    paths = fetches(played)
    assert (paths[0], paths[6], len(paths)) == (URL, URL, 12)
    assert paths[1:6] == paths[7:12] == [f"https://cdn.test/{number}" for number in range(5)]
    assert fetches(fetched(moved("/other"), WHOLE)[0])[1] == "https://files.test/other"


def test_a_redirect_that_leads_nowhere_is_refused() -> None:
    """It is refused outside of the web, and to what is not a URL."""
    for to in ("ftp://a/b", "https://["):
        assert "expected an http(s) URL" in words(fetched(moved(to))[0])


def test_each_attempt_is_told_to_the_event_hook_and_to_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The URL has no signature there."""
    events = list[Event]()
    with caplog.at_level(logging.INFO, "kling_sdk"):
        played, _ = fetched(responder(503), TransportError("reset"), WHOLE, on_event=events.append)
    calls = [
        (event.kind, event.method, event.path, event.attempt, event.status) for event in events
    ]
    assert calls == [
        ("request", "GET", SHOWN, 1, None),
        ("response", "GET", SHOWN, 1, 503),
        ("retry", "GET", SHOWN, 1, None),
        ("request", "GET", SHOWN, 2, None),
        ("retry", "GET", SHOWN, 2, None),
        ("request", "GET", SHOWN, 3, None),
        ("response", "GET", SHOWN, 3, 200),
    ]
    retries = [event for event in events if event.kind == "retry"]
    assert [event.pause for event in retries] == played.pauses
    assert [str(event.error) for event in retries] == ["HTTP 503", "reset"]
    assert caplog.messages == [
        f"download of {SHOWN}: HTTP 503, after byte 0",
        f"download of {SHOWN}: reset, after byte 0",
    ]


def test_a_download_that_is_called_off_says_so() -> None:
    """It says so after its pause; before that, it reports the error of the attempt."""
    times = iter([False, True])
    played, _ = fetched(responder(503), cancelled=lambda: next(times))
    assert words(played) == f"{SHOWN}: cancelled"
    played, _ = fetched(responder(503), cancelled=lambda: True)
    assert words(played) == f"{SHOWN}: HTTP 503, after 0 bytes"


def test_a_range_is_asked_for_with_what_it_belongs_to() -> None:
    """The first call asks for all of it, without compression."""
    part = responder(200, FILE[:100], total=len(FILE), etag='"v1"')
    rest = responder(
        206, FILE[100:], content_range=f"bytes 100-{len(FILE) - 1}/{len(FILE)}", etag='"v1"'
    )
    played, _ = fetched(part, rest)
    assert played.error is None
    headers = [effect.call.headers for effect in played.effects if isinstance(effect, Fetch)]
    plain = {"accept-encoding": "identity", "accept": "*/*"}
    assert headers == [plain, {**plain, "range": "bytes=100-", "if-range": '"v1"'}]


def test_nothing_is_behind_what_was_received() -> None:
    """A 416 says so: the next attempt begins again."""
    part = responder(200, FILE[:100], total=len(FILE), etag='"v1"')
    played, _ = fetched(part, responder(416, content_range="bytes */100"), WHOLE)
    headers = [effect.call.headers for effect in played.effects if isinstance(effect, Fetch)]
    assert ["range" in fields for fields in headers] == [False, True, False]


def test_an_attempt_that_got_further_does_not_count() -> None:
    """After it, as many attempts as the caller allows may fail."""
    part = responder(200, FILE[:100], total=len(FILE), etag='"v1"')
    assert fetched(part, responder(503), WHOLE, retries=1)[0].error is None
    assert fetched(responder(503), part, responder(503), WHOLE, retries=1)[0].error is None
    assert words(fetched(part, responder(503), responder(503), WHOLE, retries=1)[0]).endswith(
        "100 bytes"
    )
