"""`/metrics`: what Prometheus reads is what has happened, and says nothing that is secret."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.http.routes import template
from kling_mock.relay.metrics.counters import upstream_outcome
from kling_mock.web.webhook_signing import signed_headers
from kling_sdk.errors import (
    AlreadyExistsError,
    KlingError,
    NotFoundError,
    ServerError,
    TransportError,
)
from tests.mock.relay.http_calls import PRICE, VIDEOS, Caller, error_of, guide_members
from tests.mock.relay.storage.databases import Mysql, need
from tests.plain_http import NO_TLS

PROMPT = "一只可爱的小猫在草地上玩耍"
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(caller: Caller) -> Series:
    """Return every series by name and labels."""
    admin = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    reply = caller.http.get("/metrics", headers=admin)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].startswith("text/plain")
    families = parse(reply.text)
    return {
        (sample.name.removeprefix("kling_relay_"), tuple(sorted(sample.labels.items()))): (
            sample.value
        )
        for family in families
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, tuple(sorted(labels.items()))]


def signed(caller: Caller, task: dict[str, Any], secret: str, status: str) -> httpx.Response:
    """Post a callback as Kling signs it."""
    clip = {"id": "1", "url": "https://cdn.test/1.mp4", "duration": "5"}
    report = {"task_id": task["kling_task_id"], "task_status": status, "final_unit_deduction": "3"}
    raw = json.dumps(report | {"task_result": {"videos": [clip]}}).encode()
    headers = dict(signed_headers([secret], "msg_1", int(caller.mock.clock.now()), raw))
    return caller.http.post(f"/kling/callback/{task['task_id']}", content=raw, headers=headers)


def test_the_figures_are_those_of_the_ledger(caller: Caller) -> None:
    """After a life with every possible end, each count agrees with the rows."""
    secret = caller.mock.account.add_webhook_secret()
    mapping = {"kling-v1-5-std": "kling-v1-6-std"}
    caller.operate(
        "PUT",
        "channels/1",
        json={
            "name": "Kling AI",
            "base_url": caller.mock.kling_url,
            "key": f"{caller.mock.access_key}|{caller.mock.secret_key}",
            "model_mapping": mapping,
            "webhook_secrets": secret,
        },
    )
    first, again = (caller.create(external_task_id="order-1").json() for _ in range(2))
    assert guide_members(again) == guide_members(first)
    failed, second = caller.created(), caller.create().json()
    assert caller.create(prompt="").status_code == 400  # Kling refuses it
    poor = caller.another("poor", quota=PRICE - 1)
    assert poor.create().status_code == 402
    caller.mock.faults.add("response-lost", match="POST /v1/videos/text2video", times=1)
    unknown = caller.created()
    assert sum(scraped_open(caller).values()) == 4

    assert signed(caller, second, secret, "succeed").json() == {"message": "success"}
    assert signed(caller, second, secret, "failed").json() == {"message": "already processed"}
    assert signed(caller, first, "whsec_" + "QUJD" * 8, "succeed").status_code == 200
    assert caller.report(first["task_id"]).status_code == 200  # unsigned
    assert caller.report("kling_nothing").status_code == 404
    assert caller.http.post("/kling/internal/callback", content=b"{").status_code == 400
    caller.mock.fail(caller.query(failed)["kling_task_id"])
    caller.mock.clock.advance(3600)
    assert caller.query(unknown)["status"] == "succeed"

    series = scraped(caller)
    check_money(caller, series)
    check_calls(series)
    assert scraped_open(caller) == {"unknown": 0, "submitted": 0, "processing": 0}
    caller.mock.ledger.assert_balanced()


def check_money(caller: Caller, series: Series) -> None:
    """Charges, ends and creates are those of the ledger and the rows."""
    (mine, his) = caller.operate("GET", "reconcile")["data"]
    assert mine["is_explained"] is his["is_explained"] is True
    assert value(series, "charged_quota_total") == mine["charged"] + his["charged"] > 0
    assert value(series, "uncollected_quota_total") == mine["uncollected"] == 70_000
    creates = {k[1][0][1]: v for k, v in series.items() if k[0] == "creates_total"}
    assert creates == {
        "accepted": 3,
        "refused": 1,
        "unknown": 1,
        "insufficient_quota": 1,
        "repeated": 1,
        "in_progress": 0,
    }
    (day,) = caller.operate("GET", "stats")["data"]
    ends = {k[1]: v for k, v in series.items() if k[0] == "settlements_total"}
    by_status = {
        status: sum(v for k, v in ends.items() if ("status", status) in k)
        for status in ("succeed", "failed")
    }
    assert by_status == {"succeed": day["succeeded"], "failed": day["failed"]}
    assert by_status == {"succeed": 3, "failed": 2}
    assert value(series, "settlements_total", status="failed", source="create") == 1
    assert value(series, "settlements_total", status="succeed", source="callback") >= 1
    assert value(series, "reports") == len(caller.operate("GET", "reports")["data"]) == 1


def check_calls(series: Series) -> None:
    """Callbacks, calls to Kling and requests are those that were made."""
    callbacks = {k[1][0][1]: v for k, v in series.items() if k[0] == "callbacks_total"}
    assert callbacks["unverified"] == 1
    assert callbacks["unknown_task"] == callbacks["invalid"] == 1
    assert callbacks["applied"] >= 1
    assert callbacks["already_processed"] >= 1
    assert callbacks["hint"] >= 1
    assert value(series, "contradicted_reports_total") == 1
    assert value(series, "upstream_calls_total", call="create", outcome="ok") == 3
    assert value(series, "upstream_calls_total", call="create", outcome="no_answer") == 1
    assert value(series, "upstream_calls_total", call="create", outcome="refused") == 1
    assert value(series, "upstream_seconds_count", call="create") == 5
    creates = value(
        series, "requests_total", method="POST", route=f"{VIDEOS}/text2video", status="200"
    )
    assert creates == 5
    assert value(series, "request_seconds_bucket", route=f"{VIDEOS}/text2video", le="+Inf") == 7
    assert value(series, "database_up") == 1


def scraped_open(caller: Caller) -> dict[str, float]:
    return {k[1][0][1]: v for k, v in scraped(caller).items() if k[0] == "open_tasks"}


def test_the_outbox_and_late_tasks_are_seen(caller: Caller) -> None:
    """Undelivered callbacks, stuck and overdue tasks are figures to raise an alarm on."""
    caller.mock.progress.add("stuck")
    caller.created()
    ended = caller.created(callback_url="http://127.0.0.1:1/away")
    caller.mock.complete(caller.query(ended)["kling_task_id"])
    caller.mock.clock.advance(7200)
    series = scraped(caller)
    assert value(series, "stuck_tasks") == 1
    assert value(series, "outbox_notices", state="pending") == 1
    assert value(series, "deliveries_total", state="pending") >= 1
    assert value(series, "sweeper_lag_seconds") == value(series, "overdue_tasks") == 0


@pytest.mark.slow
def test_no_request_makes_a_series_of_its_own(caller: Caller) -> None:
    """Whatever paths, ids, methods and bodies are sent, the number of series stays what it is."""
    chance = random.Random(5)  # noqa: S311 - a fuzz that can be repeated

    def storm(requests: int) -> None:
        for _ in range(requests):
            noise = f"{chance.getrandbits(64):x}"
            path = chance.choice(
                [
                    "/{}",
                    "/kling/v1/videos/{}",
                    "/kling/v1/videos/text2video/{}",
                    "/kling/v1/videos?status={}",
                    "/kling/callback/{}",
                    "/kling/internal/callback",
                    "/__kling/relay/users/{}",
                    "/__kling/relay/{}/1",
                    "/health",
                    "/metrics/{}",
                ]
            ).format(noise)
            method = chance.choice(["GET", "POST", "PUT", f"M{noise}"])
            caller.call(method, path, content=json.dumps({"model": noise, "task_id": noise}))

    scraped(caller)
    storm(600)
    before = set(scraped(caller))
    storm(600)
    assert set(scraped(caller)) == before
    assert len(before) < 400


def test_metrics_tell_no_secret(caller: Caller) -> None:
    """No token, key, prompt, user, task or address is in the text (P7)."""
    task = caller.create(external_task_id="order-77").json()
    caller.another("somebody").create()
    caller.call("GET", "/kling/v1/videos/order-77?token=sk-hidden")
    text = caller.http.get("/metrics").text
    for hidden in (
        *(task["task_id"], task["kling_task_id"], "order-77", PROMPT, "sk-", "somebody"),
        *(caller.mock.access_key, caller.mock.secret_key, caller.mock.admin_token),
        caller.mock.kling_url,
    ):
        assert hidden not in text


def test_who_may_scrape(caller: Caller) -> None:
    """This computer; through a proxy, or from another one, only who has the admin token."""
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert error_of(caller.http.get("/metrics", headers=forwarded))[0] == 401
    admin = {"Authorization": f"Bearer {caller.mock.admin_token}"}
    assert caller.http.get("/metrics", headers=forwarded | admin).status_code == 200
    user = {"Authorization": f"Bearer {caller.mock.relay_token}"}
    assert error_of(caller.http.get("/metrics", headers=forwarded | user))[0] == 401
    assert error_of(caller.http.post("/metrics"))[0] == 405
    assert caller.http.head("/metrics").content == b""


def test_prometheus_may_ask_for_openmetrics(caller: Caller) -> None:
    """The newer form is sent to who accepts it, and parses strictly."""
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    reply = caller.http.get("/metrics", headers=accept)
    assert reply.headers["content-type"].startswith("application/openmetrics-text")
    strict: Any = openmetrics.text_string_to_metric_families  # without types
    assert {family.name for family in strict(reply.text)} >= {"kling_relay_creates"}


@pytest.fixture
def without_the_extra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The state without `prometheus_client` installed."""
    monkeypatch.delitem(sys.modules, "kling_mock.relay.metrics.prometheus", raising=False)
    for name in [name for name in sys.modules if name.startswith("prometheus_client")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    yield
    sys.modules.pop("kling_mock.relay.metrics.prometheus", None)


def test_without_the_extra_the_command_is_named(caller: Caller, without_the_extra: None) -> None:
    """A scrape of a relay without the extra says what to install; all else works."""
    caller.created()
    reply = caller.http.get("/metrics")
    assert error_of(reply) == (501, "server_error", "not_installed")
    assert "pip install 'kling-sdk[metrics]'" in reply.json()["error"]["message"]


@pytest.mark.slow
def test_nothing_is_loaded_before_the_first_scrape() -> None:
    """Serving a whole task does not load Prometheus, so unscraped servers do not pay for it."""
    script = (
        "import sys\n"
        "from kling_mock import KlingMock\n"
        "with KlingMock() as mock, mock.relay_client() as relay:\n"
        "    relay.text2video.run(prompt='a kitten')\n"
        "print([name for name in sys.modules if 'prometheus' in name])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_an_operators_path_has_its_template() -> None:
    """The operator's routes are counted separately, and nonsense under them is not."""
    assert template("/__kling/relay/users/7/tokens") == "/__kling/relay/users/{id}/tokens"
    assert template("/__kling/relay/users/7/nonsense") == "other"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransportError("x", maybe_sent=False), "unreachable"),
        (TransportError("x"), "no_answer"),
        (ServerError("x", code=5000, http_status=500), "error"),
        (ServerError("x", code=0, http_status=502), "error"),
        (NotFoundError("x", code=1203, http_status=404), "not_found"),
        (NotFoundError("x", code=0, http_status=404), "error"),
        (AlreadyExistsError("x", code=1201, http_status=400), "refused"),
    ],
)
def test_how_a_call_to_kling_is_counted(error: KlingError, outcome: str) -> None:
    """Calls not sent, calls perhaps sent, refusals of Kling and failures are counted separately."""
    assert upstream_outcome(error) == outcome


@pytest.mark.slow
def test_the_database_may_be_away() -> None:
    """A scrape still gets a response: the counts of the process, and that the database is away."""
    need("mysql")
    server = Mysql()
    asyncio.run(server.make())
    dropped = False
    try:
        with (
            KlingMock(seed=7, relay=RelaySettings(database=server.url)) as mock,
            httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
        ):
            caller = Caller(http, mock)
            caller.created()
            assert value(scraped(caller), "database_up") == 1
            asyncio.run(server.drop())
            dropped = True
            series = scraped(caller)
            assert value(series, "database_up") == 0
            assert value(series, "creates_total", outcome="accepted") == 1
            assert not [name for name, _ in series if name == "open_tasks"]
    finally:
        if not dropped:
            asyncio.run(server.drop())
