"""P10: a number from outside costs what its bytes cost, and not what its value would.

Each number is put into each place where one can come from outside: a create's body, Kling's
answers and callbacks of both generations, the header of a receiver, the operator. The checker
measures the memory that reading, pricing, charging and showing it takes: a short number such as
1e-20000000 has twenty million digits once it is written out.
"""

from __future__ import annotations

import asyncio
import json
import logging
import tracemalloc
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_mock.controls.settings import read_units
from kling_mock.relay.domain import json_body, wire
from kling_mock.relay.domain.channels import ModelTarget
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.pricing import BillableRequest, GuidePricing, UnitPricing
from kling_mock.relay.domain.user_webhooks import delivery_decision
from kling_mock.relay.storage.memory import MemoryStorage
from kling_mock.relay.storage.values import Notice, NoticeState, VideoRow
from kling_sdk import CallbackVerificationError, TextToVideo, parse_callback
from kling_sdk.errors import KlingError
from kling_sdk.results.task import Task
from kling_sdk.wire import relay
from kling_sdk.wire import v1 as kling
from kling_sdk.wire.messages import Reply
from tests.mock.relay.storage import samples as kit
from tests.mock.relay.storage.samples import PRICE, Shop
from tests.proof.test_p3_any_order import reports_on

MAX_MEMORY: Final = 2 * 1024 * 1024
#: How each place may respond if it does not take the number.
REFUSALS: Final = (RelayError, CallbackVerificationError, KlingError)

EDGES: Final = (
    "1e-20000000",
    "1e20000000",
    "-1e20000000",
    "1e999",
    "-1e999",
    "1e-999",
    "9" * 5_000,
    "-" + "9" * 5_000,
    "0." + "0" * 5_000 + "1",
    "1" * 4_000 + "e-4000",
    "NaN",
    "sNaN",
    "Infinity",
    "1e99999999999999999999999",
    "0e-20000000",
    "1_000",
    "٣",
    "0x10",
    "",
    " ",
    "-1",
    "-0",
    "0",
    "5",
    "5.041",
    "  5  ",
)


def literals(number: str) -> list[str]:
    """Return a number as JSON text, and as a JSON number if it is one."""
    as_text = json.dumps(number)
    try:
        json.loads(number, parse_int=str, parse_float=str, parse_constant=str)
    except ValueError:
        return [as_text]
    return [as_text, number]


# ------------------------------------------------------------ the places


def create(body: str) -> Callable[[str], object]:
    """Read a create, price it, and make its row and its request."""

    def place(literal: str) -> object:
        ask = wire.read_create("text2video", body.replace("N", literal).encode())
        request = BillableRequest(
            "text2video", ask.model, ask.model, ask.mode, ask.seconds, ask.use
        )
        prices = (UnitPricing().quote(request).quota, GuidePricing().quote(request).quota)
        assert all(1 <= price <= 10**15 for price in prices), prices
        sent = wire.upstream_body(ask, ModelTarget(ask.model, ""), "kling_1", None)
        task = kit.new_task(1, price=prices[0], duration=f"{ask.seconds:f}")
        assert Decimal(task.duration) == ask.seconds  # nothing was cut
        return json.dumps(sent, allow_nan=False), task

    return place


async def _settled(task: Task) -> VideoRow:
    """Apply what Kling says of a task, as a poll does."""
    store = MemoryStorage()
    shop = await Shop.fill(store, quota=10**9)
    row = await shop.accepted("7")
    await reports_on(store).apply(row, task, "query")
    after = await shop.row(row.task_id)
    user, charge = await shop.me(), await store.find_charge(row.task_id)
    assert after.held_quota == 0
    assert user.held_quota == 0
    assert charge is not None
    assert 0 <= -charge.amount <= PRICE
    json.loads(after.json_data)
    assert after.duration == "5" or Decimal(after.duration).is_finite()
    return after


def reading(body: str) -> Callable[[str], object]:
    """Read a task from Kling, and settle it."""

    def place(literal: str) -> object:
        raw = '{"code":0,"data":' + body.replace("N", literal) + "}"
        task = kling.V1Wire().task(Reply(200, {}, raw.encode()), TextToVideo.record)
        return asyncio.run(_settled(task))

    return place


def callback(body: str) -> Callable[[str], object]:
    """Take a callback in, and settle its task."""

    def place(literal: str) -> object:
        return asyncio.run(
            _settled(parse_callback(body.replace("N", literal).encode(), verify=False).task)
        )

    return place


def of_the_relay(literal: str) -> object:
    """Read a task, and an error, that a relay answers its client with."""
    raw = '{"task_id":"1","status":"succeed","video_url":"https://v","duration":N,"created_at":N}'
    wire = relay.RelayWire()
    task = wire.task(Reply(200, {}, raw.replace("N", literal).encode()), TextToVideo.record)
    error = '{"error":{"message":"no","type":"t","code":N}}'.replace("N", literal)
    with pytest.raises(KlingError):
        wire.data(Reply(400, {}, error.encode()))
    return repr(task)


def retry_after(literal: str) -> object:
    """Read how long a receiver asks to wait."""
    notice = Notice(1, "e", "t", 1, "u", "b", NoticeState.PENDING, 0, 0, 0, 0, "", 0, 0)
    wait = delivery_decision(notice, 503, literal.strip('"'), 0.5).wait
    assert 5 <= wait <= 24 * 3600
    return wait


def units(literal: str) -> object:
    """Read the units of a resource pack."""
    try:
        return f"{read_units(literal.strip(chr(34))):f}"
    except ValueError as error:  # what the method promises
        return str(error)


LEGACY: Final = (
    '{"task_id":"7","task_status":"succeed","created_at":%s,"task_result":{"videos":'
    '[{"id":"1","url":"https://cdn.test/1.mp4","duration":%s}]},"final_unit_deduction":%s}'
)
NEWER: Final = (
    '{"id":"7","status":"succeeded","create_time":%s,"outputs":[{"type":"video","id":"1",'
    '"url":"https://cdn.test/1.mp4","duration":%s}],"billing":[{"package_type":"video",'
    '"amount":%s},{"package_type":"video","amount":%s}]}'
)
PLACES: Final[dict[str, Callable[[str], object]]] = {
    "create: duration": create('{"prompt":"a","duration":N}'),
    "create: cfg_scale": create('{"prompt":"a","cfg_scale":N}'),
    "create: nested": create('{"prompt":"a","element_list":[{"element_id":N}]}'),
    "reading: created_at": reading(LEGACY % ("N", '"5"', '"1"')),
    "reading: duration": reading(LEGACY % ("1", "N", '"1"')),
    "reading: units": reading(LEGACY % ("1", '"5"', "N")),
    "callback: created_at": callback(LEGACY % ("N", '"5"', '"1"')),
    "callback: duration": callback(LEGACY % ("1", "N", '"1"')),
    "callback: units": callback(LEGACY % ("1", '"5"', "N")),
    "newer callback: create_time": callback(NEWER % ("N", '"5"', '"1"', '"1"')),
    "newer callback: duration": callback(NEWER % ("1", "N", '"1"', '"1"')),
    "newer callback: billing": callback(NEWER % ("1", '"5"', "N", "N")),
    "relay: duration and code": of_the_relay,
    "receiver: Retry-After": retry_after,
    "operator: units": units,
    "operator: body": lambda literal: json_body.read_object(b'{"quota":%s}' % literal.encode()),
}


# ------------------------------------------------------------ the checker


def memory(place: Callable[[str], object], literal: str) -> int:
    """Return how many bytes it took at most to take a number in, or to refuse it."""
    tracemalloc.start()
    try:
        place(literal)
    except REFUSALS as error:
        assert len(str(error)) < 1_000, "the refusal quotes it"
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Log nothing: what is logged is kept by the test's own handler, and counted."""
    caplog.set_level(logging.CRITICAL, "kling_mock.relay")


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_a_number_costs_no_more_than_its_bytes(name: str) -> None:
    """Every absurd number in every place is taken or refused within 2 MiB, and nothing breaks."""
    PLACES[name]("5")  # what is loaded by then is not the number's fault
    for number in EDGES:
        for literal in literals(number):
            assert memory(PLACES[name], literal) < MAX_MEMORY, literal[:40]


def numbers() -> st.SearchStrategy[str]:
    """Numbers with any count of digits on either side, and any exponent."""
    digits = st.integers(0, 40) | st.integers(4_000, 6_000)
    exponents = st.none() | st.integers(-40, 40) | st.integers(-(10**8), 10**8)
    return st.builds(
        lambda sign, digit, before, after, exponent: (
            sign
            + (digit * before or "0")
            + (f".{digit * after}" if after else "")
            + ("" if exponent is None else f"e{exponent}")
        ),
        st.sampled_from(["", "-"]),
        st.sampled_from("0123456789"),
        digits,
        digits,
        exponents,
    )


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(PLACES)), numbers(), st.booleans())
@pytest.mark.slow
def test_any_number_anywhere_is_taken_or_refused(name: str, number: str, quoted: bool) -> None:  # noqa: FBT001 - drawn
    """No number in any place raises anything but a refusal, and an amount stays in its bounds."""
    literal = json.dumps(number) if quoted or number not in literals(number) else number
    try:
        PLACES[name](literal)
    except REFUSALS as error:
        assert len(str(error)) < 1_000


# ------------------------------------------------------------ negative control


def _naive(value: object) -> Decimal | None:
    """Read a number naively: every finite value that `Decimal` takes."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


#: Where a naive reading is put, and the place and number that have to show it.
MISTAKES: Final = {
    "create: duration": ("kling_mock.relay.domain.wire.bounded_decimal", "1e-20000000"),
    "reading: duration": ("kling_sdk.wire.v1.decimal", "1e-20000000"),
    "newer callback: duration": ("kling_sdk.wire.v1.decimal", "1e-20000000"),
    "operator: units": (
        "kling_mock.controls.settings.bounded_decimal",
        "1e20000000",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_checker_catches_a_number_without_bounds(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: where numbers are read by `Decimal` alone, 11 characters take 20 MB."""
    where, number = MISTAKES[name]
    PLACES[name]("5")
    monkeypatch.setattr(where, _naive)
    assert memory(PLACES[name], json.dumps(number)) > MAX_MEMORY


def test_the_checker_catches_a_sum_without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a sum of unbounded amounts fails with another error than a refusal."""
    monkeypatch.setattr("kling_sdk.wire.model_path.decimal", _naive)
    with pytest.raises(ArithmeticError):
        PLACES["newer callback: billing"]('"9e999999"')


def test_the_checker_catches_a_body_without_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: a body that is parsed without a check sends on what is not JSON."""
    monkeypatch.setattr(wire, "read_object", lambda raw: dict[str, Any](json.loads(raw)))
    with pytest.raises(ValueError, match="not JSON compliant"):
        PLACES["create: cfg_scale"]("1e999")
