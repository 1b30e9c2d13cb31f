"""Bodies of the admin API: what they must be, and the text of a refusal."""

from __future__ import annotations

import math
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_mock.admin.calls import CALLS
from kling_mock.web.errors import ApiError
from kling_mock.web.json_schema import array, check, closed, encode, number, read_query, text

ADVANCE, CLOCK, ACCOUNT, PROGRESS, WEBHOOK, CALLBACKS = (
    CALLS[name].body or {}
    for name in (
        "advance_clock",
        "set_clock_speed",
        "set_account",
        "add_progress",
        "add_webhook_secret",
        "set_callbacks",
    )
)

STATUS = closed(status=text(enum=("submitted", "processing", "succeed", "failed")))


@pytest.mark.parametrize(
    ("schema", "body", "code", "words"),
    [
        (ADVANCE, {}, "missing_field", "seconds: required; must be a number from 0 to 315360000"),
        (ADVANCE, {"seconds": 1, "x": 1}, "unknown_field", "x: unknown; the fields are seconds"),
        (ADVANCE, {"seconds": -1}, "invalid_field", "got -1"),
        (ADVANCE, {"seconds": True}, "invalid_field", "got true"),
        (ADVANCE, {"seconds": "1"}, "invalid_field", "got a string"),
        (STATUS, {"status": "done"}, "invalid_field", "succeed, failed; got another string"),
        (STATUS, {"status": "proccessing"}, "invalid_field", "string; the nearest is processing"),
        (CLOCK, {"speed": 0}, "invalid_field", "speed: must be a number above 0"),
        (ACCOUNT, {"slots": 1.5}, "invalid_field", "slots: must be a whole number or null"),
        (ACCOUNT, {"rate_limit": {}}, "missing_field", "rate_limit.requests: required"),
        (ACCOUNT, {"rate_limit": 5}, "invalid_field", "rate_limit: must be an object or null"),
        (
            ACCOUNT,
            {"allowed_ips": ["::1", 1]},
            "invalid_field",
            "allowed_ips[1]: must be a",
        ),
        (PROGRESS, {"kind": "slow"}, "invalid_field", "kind: must be one of typical, after, polls"),
        (CALLBACKS, {"retries": [1] * 101}, "invalid_field", "an array of up to 100 items"),
        (WEBHOOK, {"secret": "s" * 300}, "invalid_field", "a string of up to 200 characters"),
    ],
)
def test_a_refusal_names_the_field_and_what_is_accepted(
    schema: Any, body: Any, code: str, words: str
) -> None:
    """The refusal shows which field to change, and to what."""
    with pytest.raises(ApiError) as caught:
        check(schema, body)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert words in caught.value.message


def test_a_refusal_does_not_repeat_a_string() -> None:
    """What was sent may be a secret: a refusal says only that it was a string."""
    with pytest.raises(ApiError) as caught:
        check(WEBHOOK, {"secret": "whsec_" + "s" * 300})
    assert "sss" not in caught.value.message


def test_whole_numbers_may_be_written_as_floats() -> None:
    """5.0 is accepted where a whole number is, and becomes one."""
    assert type(check(ACCOUNT, {"slots": 5.0})["slots"]) is int


def test_parameters_of_a_query_are_checked_like_fields() -> None:
    """Numbers are read, unknown parameters refused, and the last of two counts."""
    query = CALLS["list_journal"].query
    assert read_query(query, [("limit", "7"), ("limit", "8"), ("match", "1")]) == {
        "limit": 8,
        "match": "1",
    }
    for wrong in ("limit", "0"), ("limit", "x"), ("limit", ""), ("page", "1"):
        with pytest.raises(ApiError):
            read_query(query, [wrong])


BODIES = [
    pytest.param(row.body, id=row.name)
    for row in CALLS
    if row.body is not None and "$ref" not in str(row.body)  # faults have their own reader
]
VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "*", "clock", "by-hand", "refuse", "127.0.0.1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["requests", "seconds", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@pytest.mark.parametrize("schema", BODIES)
@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.slow
def test_the_server_reads_a_schema_as_others_do(schema: Any, data: st.DataObject) -> None:
    """What the server accepts is what an independent validator accepts by the same schema."""
    names = st.sampled_from([*schema["properties"], "other"])
    body = data.draw(st.dictionaries(names, VALUES, max_size=4))
    schema = {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
    accepted = jsonschema_rs.Draft202012Validator(schema).is_valid(body)
    try:
        check(schema, body)
    except ApiError:
        assert not accepted
    else:
        assert accepted


def test_infinity_is_no_number_above_zero() -> None:
    """1e999 in a body is infinite, and refused where there is no upper bound."""
    with pytest.raises(ApiError):
        check({"type": "number", "exclusiveMinimum": 0}, math.inf)


def test_a_reply_has_the_members_of_its_schema_and_no_others() -> None:
    """A secret that the schema does not name cannot be in a reply."""
    pack = closed(name=text(), units=number())
    packs = (SimpleNamespace(name="a", units=Decimal("1.5"), secret="x"),)
    account = SimpleNamespace(body=b"{}\xff", packs=packs, limit=None, secret="x")
    schema = closed(account=text(), body=text(), packs=array(pack), limit=closed(seconds=number()))

    reply = encode(schema, account, account="default", other=1)

    assert reply == {
        "account": "default",
        "body": "{}\ufffd",
        "packs": [{"name": "a", "units": 1.5}],
        "limit": None,
    }
