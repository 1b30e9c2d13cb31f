"""The relay's bodies: the guide's own, and the SDK's."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain import errors, replies, wire
from kling_mock.relay.domain.channels import ModelTarget, model_target
from kling_mock.relay.domain.errors import RelayError
from kling_sdk.errors import RequestValidationError, TransportError
from kling_sdk.wire.refusals import api_error

GUIDE = {
    "model": "kling-v1-5-std",
    "prompt": "一只可爱的小猫在草地上玩耍",
    "duration": 5,
    "aspect_ratio": "16:9",
}


def read(body: object, endpoint: str = "text2video") -> wire.CreateTaskRequest:
    return wire.read_create(endpoint, json.dumps(body).encode())


def test_the_guide_s_own_request_becomes_kling_s() -> None:
    """The guide's curl body works as it is: its combined model name and its number of seconds."""
    ask = read(GUIDE)
    assert (ask.model, ask.seconds, ask.use) == ("kling-v1-5-std", Decimal(5), "silent")
    body = wire.upstream_body(ask, model_target(ask.model, ask.mode, {}), "kling_1", "http://r/cb")
    assert body == {
        "model_name": "kling-v1-5",
        "mode": "std",
        "prompt": GUIDE["prompt"],
        "duration": "5",
        "aspect_ratio": "16:9",
        "external_task_id": "kling_1",
        "callback_url": "http://r/cb",
    }


def test_what_the_relay_does_not_know_is_passed_on() -> None:
    """A parameter of tomorrow reaches Kling untouched, and the user's ids and URLs do not."""
    ask = read(
        {
            "model_name": "kling-v9",
            "smell": {"of": ["rain", 1]},
            "external_task_id": "mine",
            "callback_url": "https://user.example/hook",
        }
    )
    body = wire.upstream_body(ask, ModelTarget("kling-v9", ""), "kling_1", None)
    assert body == {
        "model_name": "kling-v9",
        "smell": {"of": ["rain", 1]},
        "external_task_id": "kling_1",
    }
    assert (ask.external_task_id, ask.callback_url) == ("mine", "https://user.example/hook")


@pytest.mark.parametrize(
    ("fields", "mode", "use"),
    [
        ({"resolution": "720p"}, "std", "silent"),
        ({"resolution": "1080p", "audio": "native"}, "pro", "sound"),
        ({"resolution": "4k", "mode": "4k", "audio": "off"}, "4k", "silent"),
        ({"audio": "original"}, "", "silent"),
        ({"resolution": "8k"}, "", "silent"),
    ],
)
def test_resolution_and_audio_are_priced_as_mode_and_sound(
    fields: dict[str, str], mode: str, use: str
) -> None:
    """They are the same in other words; a resolution of tomorrow is passed on as it is."""
    ask = read({"model_name": "kling-3.0", "prompt": "x", **fields})
    assert (ask.mode, ask.use) == (mode, use)
    body = wire.upstream_body(ask, ModelTarget(ask.model, ask.mode), "kling_1", None)
    assert body.get("mode") == (mode or None)
    assert body.get("audio") == fields.get("audio")
    assert body.get("resolution") == (None if mode else fields.get("resolution"))


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"video_list": [{"video_url": "https://x/y"}]}, "15"),
        ({"video_list": [{"refer_type": "base"}], "duration": "3"}, "15"),
        ({"video_list": [{}], "duration": "3", "model_name": "kling-video-o1"}, "10"),
        ({"video_list": [{}], "duration": "3", "model_name": "kling-o1"}, "10"),
        ({"video_list": [{"refer_type": "base"}], "duration": "60"}, "60"),
        ({"video_list": [{"refer_type": "feature"}], "duration": "3"}, "3"),
        ({"video_list": ["?"], "duration": "3"}, "15"),
        ({"video_list": "?", "duration": "3"}, "15"),
        ({"video_list": [], "duration": "3"}, "3"),
    ],
)
def test_an_omni_video_has_the_seconds_of_what_it_edits(body: dict[str, Any], seconds: str) -> None:
    """Beside a base video Kling ignores the duration: the longest that it takes is held."""
    assert read(body, "omni-video").seconds == Decimal(seconds)


def test_another_endpoint_edits_no_video() -> None:
    """A parameter that is not its own is passed on, and changes no price."""
    assert read({"video_list": [{}], "duration": "3"}).seconds == Decimal(3)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({}, "5"),
        ({"duration": ""}, "5"),
        ({"duration": "10"}, "10"),
        ({"duration": 10}, "10"),
        ({"duration": "5.041"}, "5.041"),
    ],
)
def test_seconds_are_read_from_numbers_and_text(body: dict[str, Any], seconds: str) -> None:
    """A duration as text costs what it costs as a number."""
    assert read(body).seconds == Decimal(seconds)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"duration": "five"}, "duration"),
        ({"duration": 0}, "duration"),
        ({"duration": -5}, "duration"),
        ({"duration": True}, "duration"),
        ({"duration": [5]}, "duration"),
        ({"duration": "1e400"}, "duration"),
        ({"duration": "NaN"}, "duration"),
        ({"sound": "off", "audio": "native"}, "audio"),
        ({"sound": "on", "audio": "off"}, "audio"),
        ({"model": 5}, "model"),
        ({"model": "a" * 101}, "model"),
        ({"model": "a", "model_name": "b"}, "model"),
        ({"prompt": ["x"]}, "prompt"),
        ({"mode": 1}, "mode"),
        ({"resolution": 720}, "resolution"),
        ({"mode": "std", "resolution": "1080p"}, "resolution"),
        ({"external_task_id": "x" * 201}, "external_task_id"),
        ({"external_task_id": "trailing "}, "external_task_id"),
        ({"external_task_id": "new\nline"}, "external_task_id"),
        ({"external_task_id": "new\n"}, "external_task_id"),
        ({"external_task_id": "小猫"}, "external_task_id"),
        ({"external_task_id": 7}, "external_task_id"),
        ({"callback_url": "ftp://host/"}, "callback_url"),
        ({"callback_url": "http://"}, "callback_url"),
        ({"callback_url": "http://user:pw@host/"}, "callback_url"),
        ({"callback_url": "http://host:99999/"}, "callback_url"),
        ({"callback_url": "http://[::1/"}, "callback_url"),
        ({"callback_url": "http://host/" + "x" * 2048}, "callback_url"),
        ([], "body"),
        (None, "body"),
    ],
)
def test_a_wrong_field_is_named(body: object, field: str) -> None:
    """A create with a wrong field is a 400 that names it and says what is accepted."""
    with pytest.raises(RelayError, match=rf"^{field}: .*") as raised:
        read(body)
    assert raised.value.http == 400
    error = json.loads(raised.value.body("r-1"))["error"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] == "invalid_request"


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 100_000, b'{"duration": NaN}'])
def test_a_body_that_is_no_json_is_a_400(raw: bytes) -> None:
    """Bytes that are not a JSON object are refused in the relay's shape."""
    with pytest.raises(RelayError, match=r"^body: "):
        wire.read_create("text2video", raw)


@given(
    st.binary(max_size=60)
    | st.dictionaries(st.text(), st.text()).map(lambda v: json.dumps(v).encode())
)
@pytest.mark.slow
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """Whatever bytes arrive, a create is read or refused with 400."""
    try:
        ask = wire.read_create("image2video", raw)
    except RelayError as error:
        assert error.http == 400
    else:
        assert ask.model
        assert len(ask.request_hash) == 64


def test_a_repeat_is_told_from_another_request() -> None:
    """The same body has the same hash in any order of keys, and any difference another one."""
    same = [{"prompt": "a", "model": "m"}, {"model": "m", "prompt": "a", "external_task_id": "x"}]
    assert len({read(body).request_hash for body in same}) == 1
    others = [{"prompt": "b", "model": "m"}, {"prompt": "a"}, {"prompt": "a", "model": "m", "n": 1}]
    hashes = {read(body).request_hash for body in (same[0], *others)}
    hashes.add(read(same[0], "image2video").request_hash)
    assert len(hashes) == 5


@pytest.mark.parametrize(
    ("endpoint", "kling_s", "relay_s"),
    [
        ("text2video", {"mode": "pro", "duration": "5"}, {"resolution": "1080p", "duration": 5}),
        ("text2video", {"duration": "10", "image": None}, {"duration": 10.0, "callback_url": ""}),
        (
            "text2video",
            {"model_name": "kling-v3", "sound": "on"},
            {"model": "kling-v3", "audio": "native"},
        ),
        ("text2video", {"sound": "off"}, {"audio": "off"}),
        (
            "image2video",
            {"camera_control": {"type": "simple"}},
            {"camera_control": {"type": "simple", "config": None}},
        ),
        (
            "omni-video",
            {"video_list": [{"video_url": "https://v", "keep_original_sound": "yes"}]},
            {"video_list": [{"video_url": "https://v"}], "audio": "original"},
        ),
        (
            "omni-video",
            {
                "video_list": [{"video_url": "https://v", "keep_original_sound": "no"}],
                "sound": "off",
            },
            {"video_list": [{"video_url": "https://v"}], "audio": "off"},
        ),
        ("motion-control", {"keep_original_sound": "yes"}, {"audio": "original"}),
        (
            "image-generation",
            {"resolution": "2k", "n": 2},
            {"resolution": "2k", "n": 2, "mode": None},
        ),
    ],
)
def test_one_request_in_the_words_of_kling_and_of_the_relay_is_one(
    endpoint: str, kling_s: dict[str, Any], relay_s: dict[str, Any]
) -> None:
    """Also with its default model named, and nulls, which say nothing."""
    named = relay_s if "model" in relay_s else relay_s | {"model": wire.ENDPOINTS[endpoint]}
    bodies = [{"prompt": "a", **body} for body in (kling_s, relay_s, named)]
    hashes = {read(body, endpoint).request_hash for body in bodies}
    assert len(hashes) == 1
    assert read({"prompt": "a"}, endpoint).request_hash not in hashes


def test_what_the_relay_does_not_know_makes_another_request() -> None:
    """Nothing is left out of the comparison because it is odd."""
    odd: list[dict[str, Any]] = [
        *({"audio": "odd"}, {"audio": ["odd"]}, {"sound": "odd"}, {"mode": "odd"}),
        *({"resolution": "odd"}, {"video_list": ["odd"]}, {"audio": "off", "video_list": ["odd"]}),
        *({"new": 1}, {"new": {"nested": ""}}, {"duration": 6}, {}),
    ]
    assert len({read({"prompt": "a", **body}).request_hash for body in odd}) == len(odd)


def test_a_task_of_an_older_relay_is_known_by_the_hash_of_its_time() -> None:
    """It was taken of the body as it was sent."""
    body = {"prompt": "a", "resolution": "1080p", "duration": 5}
    old = hashlib.sha256(
        json.dumps(["text2video", body], sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()
    assert read(body | {"external_task_id": "x"}).older_hash() == old
    assert read(body | {"prompt": "b"}).older_hash() != old


@pytest.mark.parametrize(
    ("body", "header", "external"),
    [
        ({}, "", None),
        ({}, "key-1", "key-1"),
        ({"external_task_id": "key-1"}, "key-1", "key-1"),
        ({"external_task_id": ""}, "key-1", "key-1"),
        ({"external_task_id": "key-1"}, "", "key-1"),
    ],
)
def test_the_header_is_another_name_for_the_id(
    body: dict[str, Any], header: str, external: str | None
) -> None:
    """The request is the same, whichever of the two names it."""
    request = wire.read_create("text2video", json.dumps(body).encode(), header)
    assert request.external_task_id == external
    assert request.request_hash == read({}).request_hash


@pytest.mark.parametrize("header", ["k" * 201, "é", " key", "key-2"])
def test_a_header_that_cannot_be_an_id_or_is_another_one_is_refused(header: str) -> None:
    with pytest.raises(RelayError, match=r"^Idempotency-Key: ") as refused:
        wire.read_create("text2video", b'{"external_task_id": "key-1"}', header)
    assert refused.value.http == 400


def test_half_a_character_is_refused() -> None:
    """JSON may hold half a surrogate pair; it cannot be sent on, so it is a 400."""
    with pytest.raises(RelayError, match="body: holds half of a surrogate pair"):
        wire.read_create("text2video", b'{"prompt": "\\ud83d"}')
    assert json.loads(replies.to_json({"message": "\ud83d"})) == {"message": "\ud83d"}


@pytest.mark.parametrize(
    ("code", "http", "shown_http", "retry_after"),
    [
        (1301, 400, 400, None),
        (1201, 400, 400, None),
        (1303, 429, 429, 5),
        (1302, 429, 429, 5),
        (1102, 429, 502, None),
        (1002, 401, 502, None),
        (1304, 429, 502, None),
    ],
)
def test_kling_s_own_code_is_kept(
    code: int, http: int, shown_http: int, retry_after: int | None
) -> None:
    """Where Kling refuses, the relay's user sees Kling's code under a status that fits."""
    refusal = errors.upstream_refusal(api_error("kling's words", code=code, http_status=http))
    assert (refusal.http, refusal.code, refusal.retry_after) == (shown_http, code, retry_after)
    assert (refusal.message == "kling's words") == (shown_http < 500)


def test_what_the_client_refuses_is_the_user_s_400() -> None:
    """A parameter without a place on the model's interface is named; nothing is sent."""
    error = RequestValidationError("cfg_scale", "has no place", "no such field")
    refusal = errors.upstream_refusal(error)
    assert (refusal.http, refusal.code) == (400, "invalid_request")
    assert refusal.message.startswith("cfg_scale has no place")


def test_a_kling_that_is_away_is_a_503() -> None:
    """When no channel can be reached, the error says that nothing was created."""
    refusal = errors.upstream_refusal(TransportError("cannot connect", maybe_sent=False))
    assert (refusal.http, refusal.code) == (503, "upstream_unreachable")
    waiting = api_error("slow down", code=1302, http_status=429, retry_after=2.6)
    assert errors.upstream_refusal(waiting).retry_after == 3


@pytest.mark.parametrize(
    ("retry_after", "passed_on"), [(None, 5), (0.2, 1), (300, 300), (86_400, 300), (10.0**300, 300)]
)
def test_a_user_waits_five_minutes_at_most_for_a_channel(
    retry_after: float | None, passed_on: int
) -> None:
    """A channel may ask for more, but another one may be free by then."""
    refusal = api_error("busy", code=1302, http_status=429, retry_after=retry_after)
    assert errors.upstream_refusal(refusal).retry_after == passed_on


@pytest.mark.parametrize(
    ("field", "fits"),
    [
        ("prompt", "x" * 65_535),
        ("prompt", "猫" * 21_845),  # three bytes each
        ("model", "x" * 100),
        ("model_name", "x" * 100),
        ("mode", "x" * 20),
        ("aspect_ratio", "x" * 20),
        ("resolution", "x" * 20),
        ("external_task_id", "x"),
        ("external_task_id", "x" * 200),
        ("callback_url", "http://host/" + "x" * 2_036),
        ("duration", "3600"),
        ("duration", "0." + "0" * 17 + "1"),  # 20 characters
        ("duration", "0.5"),
    ],
)
def test_what_fits_is_accepted_and_one_more_is_not(field: str, fits: str) -> None:
    """A value is accepted at its limit, and refused with one more character, byte or digit."""
    assert read({field: fits}).body[field] == fits
    more = {"duration": fits + ".1", "external_task_id": fits + " "}.get(field, fits + "x")
    more = fits.replace("1", "01") if fits.startswith("0.0") else more
    if fits not in {"x", "0.5"}:
        with pytest.raises(RelayError, match=rf"^{field}: "):
            read({field: more})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prompt", "x" * 65_536, "is too long; the limit is 65535 bytes of UTF-8"),
        ("mode", "x" * 21, "must have at most 20 characters"),
        ("mode", 7, "must be text"),
        ("model", "x" * 101, "must have at most 100 characters"),
        ("callback_url", 7, "must be an http(s) URL with a host, of at most 2048 characters"),
    ],
)
def test_a_limit_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(RelayError) as caught:
        read({field: value})
    assert caught.value.message == f"{field}: {message}"


@pytest.mark.parametrize(
    "url",
    ["http://h", "https://user.example:8443/hook?a=b#c", "HTTPS://USER.EXAMPLE/", "http://[::1]/"],
)
def test_any_url_of_the_web_is_taken_for_callbacks(url: str) -> None:
    assert read({"callback_url": url}).callback_url == url


@pytest.mark.parametrize("url", ["http://h\n", "http://h/\x00", "//host/", "host", "mailto:a@b"])
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(RelayError, match=r"^callback_url: must be an http"):
        read({"callback_url": url})


@pytest.mark.parametrize("none", [None, ""])
def test_what_is_empty_is_none(none: str | None) -> None:
    """Fields that a form sends without a value."""
    fields = ("external_task_id", "callback_url", "duration", "mode", "resolution", "model")
    ask = read(dict.fromkeys(fields, none))
    assert (ask.external_task_id, ask.callback_url, ask.seconds) == (None, None, Decimal(5))
    assert (ask.mode, ask.model, ask.prompt, ask.aspect_ratio) == ("", "kling-v2-6", "", "")


@pytest.mark.parametrize(
    ("endpoint", "body", "use"),
    [
        ("omni-video", {"video_list": [{}], "sound": "on"}, "video"),
        ("image2video", {"voice_list": [{}], "sound": "on"}, "voice"),
        ("image2video", {"sound": "on"}, "sound"),
        ("omni-video", {"audio": "native"}, "sound"),
        ("omni-video", {"sound": "off", "audio": "off", "video_list": []}, "silent"),
        ("text2video", {"sound": "ON"}, None),
        ("omni-video", {"audio": "NATIVE"}, None),
    ],
)
def test_the_dearest_use_counts(endpoint: str, body: dict[str, Any], use: str | None) -> None:
    """An input video, a voice, sound, nothing; None if Kling alone knows what a value means."""
    assert read(body, endpoint).use == use


def test_an_endpoint_without_models_sends_none() -> None:
    """An extension has the model of the video that it extends."""
    ask = read({"video_id": "1"}, "video-extend")
    assert ask.model == ""
    body = wire.upstream_body(ask, model_target(ask.model, ask.mode, {}), "kling_1", None)
    assert body == {"video_id": "1", "external_task_id": "kling_1"}


def test_a_channel_s_model_replaces_both_names() -> None:
    """A number of seconds is sent as text, as Kling has it."""
    ask = read({"model": "mine", "model_name": "mine", "duration": 5.5})
    body = wire.upstream_body(ask, ModelTarget("kling-v3", "pro"), "kling_1", None)
    assert body == {
        "model_name": "kling-v3",
        "mode": "pro",
        "duration": "5.5",
        "external_task_id": "kling_1",
    }


def test_a_request_does_not_show_its_prompt() -> None:
    """Its repr is for logs."""
    assert repr(read(GUIDE)) == ("CreateTaskRequest(endpoint='text2video', model='kling-v1-5-std')")
