"""Objects with state: their arguments, private parts, comparison and repr."""

from __future__ import annotations

import inspect
import math
from typing import Any

import attrs
import pytest

from kling_sdk import ENDPOINTS, EndpointRecord, TextToVideo
from kling_sdk.auth import AccessKey, ApiKey, CallKeys, Keyring
from kling_sdk.endpoints.models import Availability, ModeLimits, ModelLimits
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.flows.batch_input import BatchInput, BatchJob
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import RepeatedPages
from kling_sdk.flows.create import _Attempts
from kling_sdk.flows.identity import Server
from kling_sdk.flows.look import Look, Wanted
from kling_sdk.flows.many import RunLimits, _Batch
from kling_sdk.flows.slots import Slots
from kling_sdk.flows.spending import Reservation
from kling_sdk.flows.watch import Watch, _Open, _Waiter
from kling_sdk.wire import HttpCall, V1Wire
from tests.sdk.scripted import FakeClock, context

GIVEN: dict[type, list[str]] = {
    Slots: ["max_open"],
    RepeatedPages: [],
    Watch: ["ctx"],
    BatchInput: ["entries", "is_sized"],
    _Batch: ["ctx", "source", "limits"],
    _Attempts: [
        "ctx",
        "wire",
        "call",
        "record",
        "external_id",
        "keys",
        "reservation",
        "wait_for_slot",
        "sends_once",
        "is_new_id",
    ],
    Keyring: ["keys"],
    CallKeys: ["ring"],
}


@pytest.mark.parametrize("cls", GIVEN, ids=lambda cls: cls.__name__)
def test_what_it_finds_out_is_not_given(cls: type) -> None:
    """Only its arguments are."""
    assert list(inspect.signature(cls).parameters) == GIVEN[cls]


@pytest.mark.parametrize(
    "cls",
    [
        *(Slots, Watch, _Waiter, _Open, BatchInput, BatchJob, _Batch, _Attempts, Keyring, CallKeys),
        *(Server, Look, Wanted, Context, EndpointRecord, ModeLimits, ModelLimits, Availability),
    ],
    ids=lambda cls: cls.__name__,
)
def test_it_is_equal_to_itself_alone(cls: Any) -> None:
    """Two that look alike are two."""
    assert cls.__eq__ is object.__eq__
    assert cls.__hash__ is object.__hash__


def attempts() -> _Attempts:
    ring = Keyring((ApiKey("secret"),))
    call = HttpCall("POST", "/v1/a", json={"prompt": "secret"})
    record, keys = TextToVideo.record, CallKeys(ring)
    return _Attempts(
        context(FakeClock(), keys=ring),
        V1Wire(),
        call,
        record,
        "a",
        keys,
        Reservation(),
        wait_for_slot=True,
        sends_once=False,
        is_new_id=True,
    )


def test_what_it_has_found_out_at_first_is_nothing() -> None:
    """Each of its facts is empty."""
    slots, pages = Slots(), RepeatedPages()
    assert (slots.max_open, slots.known_free) == (None, None)
    assert (slots.blocked_until, slots.try_at) == (-math.inf, -math.inf)
    assert (pages.first, pages.count, pages.are_all_the_same) == (None, 0, False)
    watch = Watch(context(FakeClock()))
    assert (len(watch.ended), len(watch), watch.is_looking, watch.changed_at) == (0, 0, False, 0)
    batch = _Batch(context(FakeClock()), BatchInput.of([]), RunLimits())
    assert (batch.queue, batch.creating, batch.is_reading, batch.is_short) == (
        [],
        set(),
        False,
        False,
    )
    assert (batch.stopped, batch.cause, batch.until) == (None, None, math.inf)
    assert batch.spending.units == 0
    assert (batch.source.is_over, batch.source.is_sized) == (False, True)
    assert not BatchInput.of(iter([])).is_sized
    job = BatchJob(0, TextToVideo(prompt="a"))
    assert (job.external_id, job.started, job.is_try) == ("", 0.0, False)
    assert job.reservation.units == 0
    tries = attempts()
    assert (tries.uncertain, tries.until, tries.pages.count) == (None, 0.0, 0)
    assert tries.expected.external_task_id == "a"
    server = Server()
    assert (server.answered, server.reached, server.echoes) == (False, False, False)
    assert (server.trouble, server.date) == (None, "")
    limits = RunLimits()
    assert (limits.max_concurrent, limits.timeout) == (None, None)
    assert (limits.max_units, limits.cost_of) == (None, None)


def test_no_repr_shows_a_key_or_a_prompt() -> None:
    """This holds for each object that has one."""
    ring = Keyring((AccessKey("access", "secret"),))
    held = CallKeys(ring)
    held.header(1_790_000_000.0)
    raw = RawRequest(ENDPOINTS["text2video"], {"prompt": "secret"})
    request = TextToVideo(prompt="secret", extra_body={"seed": "secret"}, interface="v1")
    reprs = [repr(holder) for holder in (ring, held, raw, attempts(), request, ApiKey("secret"))]
    assert not [text for text in reprs if "secret" in text or "eyJ" in text]
    assert "extra_body='<seed>'" in repr(request)
    assert "interface" not in repr(request)
    assert "check" not in repr(request)


def test_a_request_is_a_value_whatever_is_checked() -> None:
    """Two are equal by their fields; further fields of the body do not hash."""
    fields: dict[str, Any] = {"prompt": "a", "extra_body": {"seed": [1]}}
    request, other = TextToVideo(**fields), TextToVideo(**fields, check=False)
    assert request == other
    assert hash(request) == hash(other)
    assert request != attrs.evolve(request, extra_body={"seed": [2]})
    assert hash(request) == hash(attrs.evolve(request, extra_body={"seed": [2]}))
    assert hash(request) != hash(attrs.evolve(request, prompt="b"))
