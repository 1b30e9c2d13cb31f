"""Mistakes of the first hour: one reading of the error suffices to know what to do.

Each row is a mistake, and the whole text that it is answered with.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kling_sdk import (
    AsyncKling,
    Kling,
    KlingError,
    OmniVideo,
    Options,
    RequestValidationError,
    TextToVideo,
    UnreachableError,
)
from kling_sdk.auth import AccessKey
from kling_sdk.client.settings import settings_from
from kling_sdk.wire.v1 import REGIONS
from tests.sdk.clients import KEY
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock

FORMS = "a key is 'AK|SK', an access key with its secret key, or an API key"

# ---------------------------------------------------------------- names, types, files, models

CALLS: list[tuple[str, Callable[[Any], Any], str]] = [
    (
        "a misspelt parameter",
        lambda kling: kling.text2video.create(promt="a kitten"),
        "unknown parameter 'promt'; did you mean 'prompt'?",
    ),
    (
        "the vendor's old name of a parameter",
        lambda kling: kling.text2video.create(prompt="a kitten", model="kling-v3"),
        "unknown parameter 'model'; did you mean 'model_name'?",
    ),
    (
        "a parameter that nothing resembles",
        lambda kling: kling.video_extend.create(video_id="1", colour="red"),
        (
            "unknown parameter 'colour'; VideoExtend takes video_id, prompt, negative_prompt, "
            "cfg_scale, watermark_info, external_task_id, callback_url, extra_body, interface, "
            "check"
        ),
    ),
    (
        "the prompt without its name",
        lambda kling: kling.text2video.create("a kitten"),
        'parameters are given by name: call kling.text2video.create(prompt="...")',
    ),
    (
        "two things without their names",
        lambda kling: kling.multi_image2video.run(["cat.png"], "a kitten"),
        (
            "parameters are given by name: "
            'call kling.multi_image2video.run(image_list=[...], prompt="...")'
        ),
    ),
    (
        "a request where parameters belong",
        lambda kling: kling.text2video.create(TextToVideo(prompt="a kitten")),
        (
            "parameters are given by name: for a prepared request, "
            "call kling.text2video.submit(request)"
        ),
    ),
    (
        "a body as a mapping where parameters belong",
        lambda kling: kling.text2video.run({"prompt": "a kitten"}),
        (
            "parameters are given by name: for a prepared request, "
            "call kling.text2video.submit(request)"
        ),
    ),
    (
        "a request class without names",
        lambda _kling: OmniVideo("a kitten"),  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        'parameters are given by name: OmniVideo(prompt="...")',
    ),
    (
        "no prompt",
        lambda kling: kling.text2video.create(),
        "prompt is missing; expected text, or multi_shot with shots",
    ),
    (
        "a number of seconds with a fraction",
        lambda kling: kling.text2video.create(prompt="a kitten", duration=5.5),
        "duration is 5.5; expected whole seconds, such as 5 or '5'",
    ),
    (
        "an unknown mode",
        lambda kling: kling.text2video.create(prompt="a kitten", mode="high"),
        "mode is 'high'; expected std, pro, 4k",
    ),
    (
        "a misspelt key of an object",
        lambda kling: kling.text2video.create(
            prompt="a kitten", camera_control={"typ": "simple", "config": {"zoom": 1}}
        ),
        "unknown key 'typ' in camera_control; did you mean 'type'?",
    ),
    (
        "a file's name as plain text",
        lambda kling: kling.image2video.create(image="cat.png"),
        (
            "image is text of an unknown kind; expected an http(s) URL, a data-URI, raw base64 "
            "of a JPEG or PNG, bytes, a binary file, or a path as pathlib.Path"
        ),
    ),
    (
        "a file that is not there",
        lambda kling: kling.image2video.create(image=Path("no/such/cat.png")),
        (
            "image names a file that cannot be read (No such file or directory); "
            "expected a readable JPEG or PNG file"
        ),
    ),
    (
        "one picture where a list belongs",
        lambda kling: kling.multi_image2video.create(image_list=b"...", prompt="a kitten"),
        "image_list is a bytes; expected a list",
    ),
    (
        "a model of another endpoint",
        lambda kling: kling.text2video.create(prompt="a kitten", model_name="kling-v3-omni"),
        (
            "model_name: kling-v3-omni has no text2video; expected kling-v1, kling-v1-6, "
            "kling-v2-master, kling-v2-1-master, kling-v2-5-turbo, kling-v2-6, kling-v3, "
            "kling-2.5-turbo, kling-2.6, kling-3.0, kling-3.0-turbo "
            "(nearest: kling-v3); kling-v3-omni goes with kling.omni_video"
        ),
    ),
    (
        "more seconds than the model makes",
        lambda kling: kling.text2video.create(prompt="a kitten", duration=8),
        "duration: kling-v2-6 does not make 8 s videos; expected 5, 10 s",
    ),
    (
        "sound in a mode without",
        lambda kling: kling.text2video.create(prompt="a kitten", sound=True),
        "sound: kling-v2-6 in mode std does not support sound on text2video; expected mode pro",
    ),
    (
        "a callback to no URL",
        lambda kling: kling.text2video.create(prompt="a kitten", callback_url="example.com/hook"),
        "callback_url is not a URL; expected an http(s) URL such as https://example.com/kling",
    ),
    (
        "a body for the method of all requests",
        lambda kling: kling.submit({"prompt": "a kitten"}),
        (
            'submit takes a request, such as TextToVideo(prompt="..."), not a dict; '
            "a body as a mapping goes to the submit of its endpoint, "
            "such as kling.text2video.submit"
        ),
    ),
    (
        "a misspelt option",
        lambda kling: kling.with_options(time_out=5),
        "unknown option 'time_out'; did you mean 'timeout'?",
    ),
    (
        "half a repeat",
        lambda kling: kling.with_options(retries=1.5),
        "retries is a float; it must be a whole number, or None",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "text"), [pytest.param(call, text, id=name) for name, call, text in CALLS]
)
def test_a_mistake_in_a_call_says_what_to_do(mistake: Callable[[Any], Any], text: str) -> None:
    """The error's text is the whole answer, and nothing was sent."""
    with FaultyKling() as server, Kling(KEY, base_url=server.url) as kling:
        with pytest.raises((KlingError, TypeError)) as caught:
            mistake(kling)
        assert str(caught.value) == text
        assert server.requests == []


async def test_the_async_client_answers_in_the_same_words() -> None:
    """A coroutine raises when it is awaited."""
    async with AsyncKling(KEY) as kling:
        with pytest.raises(RequestValidationError, match=r"did you mean 'prompt'\?"):
            await kling.text2video.create(promt="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        with pytest.raises(RequestValidationError, match=r"call kling\.text2video\.run\(prompt="):
            await kling.text2video.run("x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("promt", "prompt"),
        ("Prompt", "prompt"),
        ("prompts", "prompt"),
        ("negative", "negative_prompt"),
        ("model", "model_name"),
        ("ratio", "aspect_ratio"),
        ("aspectRatio", "aspect_ratio"),
        ("durration", "duration"),
        ("camera", "camera_control"),
        ("seconds", "duration"),  # not sound, which has more of its letters than duration
        ("size", "resolution"),
        ("webhook_url", "callback_url"),
        ("colour", None),
        ("x", None),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(name: str, suggestion: str | None) -> None:
    """If none is near, none is suggested."""
    parameters: dict[str, Any] = {"prompt": "x", name: 1}
    with pytest.raises(RequestValidationError) as caught:
        TextToVideo(**parameters)
    hint = f"did you mean {suggestion!r}?" if suggestion else "TextToVideo takes prompt, "
    assert str(caught.value).startswith(f"unknown parameter {name!r}; {hint}")
    assert caught.value.field == name


def test_a_model_of_tomorrow_is_answered_by_the_vendor_alone() -> None:
    """However near its name is to a known one, it is neither refused nor warned about."""
    with FaultyKling() as server, Kling(KEY, base_url=server.url) as kling:
        kling.text2video.create(prompt="a kitten", model_name="kling-v26")
        assert server.requests[0].body["model_name"] == "kling-v26"


# ---------------------------------------------------------------- keys


def keys() -> Iterator[Any]:
    """Yield what is given as a key, and the text of the error."""
    template = f"{{}}; {FORMS}"
    rows = {
        "empty": ("", f"the key is empty; {FORMS}, several of them one per line"),
        "blank lines": (" \n ", f"the key is empty; {FORMS}, several of them one per line"),
        "a pair with an empty half": (
            "|S3CRET",
            "the key has an empty half; a pair must be 'AK|SK'",
        ),
        "a header": ("Bearer S3CRET", "the key begins with 'Bearer'; give the key alone"),
        "quotation marks": ('"AK|S3CRET"', "the access key is in quotation marks; leave them out"),
        "apostrophes": ("'S3CRET'", "the key is in quotation marks; leave them out"),
        "a URL": (
            "https://api-beijing.klingai.com/S3CRET",
            "the key is a URL; pass an address as base_url",
        ),
        "a space": ("AK S3CRET", "the key has a space or line break in the middle"),
        "a tab in a pair": (
            "AK|S3\tCRET",
            "the secret key has a space or line break in the middle",
        ),
        "a colon": (
            "AK:S3CRET",
            f"the key has a colon; a pair has a bar instead: {FORMS}",
        ),
        "a pair and a secret key": (
            {"key": "AK|S3", "secret_key": "S3CRET"},
            "several keys are given; give one of key, access_key with secret_key, or api_key",
        ),
        "a number with a secret key": (
            {"key": 5, "secret_key": "S3CRET"},
            f"access_key is a int; it must be text: {FORMS}",
        ),
        "a full-width bar": ("AK\uff5cS3CRET", "the key has a full-width bar; it must be |"),
        "an ellipsis": (
            "S3CRET\u2026",
            "the key has a character that a key cannot have; copy it again",
        ),
        "an access key alone": (
            {"access_key": "S3CRET"},
            "access_key is given without secret_key; a pair needs both",
        ),
        "a secret key alone": (
            {"secret_key": "S3CRET"},
            "secret_key is given without access_key; a pair needs both",
        ),
        "a spaced half": (
            {"access_key": "AK", "secret_key": "S3 CRET"},
            "secret_key has a space or line break in the middle",
        ),
        "a relay's token": (
            "sk-S3CRET",
            (
                "the key begins with sk-, as a relay's token does, and the address is Kling's; "
                "for a relay use Kling.relay(url, token)"
            ),
        ),
        "a number": ({"key": 5}, "the key is a int; it must be text: " + FORMS),
        "none at all": (
            {},
            (
                "no key; give Kling('AK|SK'), access_key= and secret_key=, api_key=, or set the "
                "environment's KLING_ACCESS_KEY and KLING_SECRET_KEY, or KLING_API_KEY"
            ),
        ),
        "two kinds": (
            {"key": "AK|SK", "api_key": "S3CRET"},
            "several keys are given; give one of key, access_key with secret_key, or api_key",
        ),
    }
    for name, (key, text) in rows.items():
        arguments = {"key": key} if isinstance(key, str) else key
        is_whole = FORMS in text or text.startswith(("no key", "several")) or "pair" in text
        yield pytest.param(arguments, text if is_whole else template.format(text), id=name)


@pytest.mark.parametrize(("arguments", "text"), list(keys()))
def test_what_cannot_be_a_key_says_what_keys_look_like(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], text: str
) -> None:
    """It is never quoted."""
    for name in ("KLING_ACCESS_KEY", "KLING_SECRET_KEY", "KLING_API_KEY", "KLING_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for client in (Kling, AsyncKling):
        with pytest.raises((ValueError, TypeError)) as caught:
            client(**arguments)
        assert str(caught.value) == text
        assert "S3" not in str(caught.value)


@pytest.mark.parametrize(
    "key", ["AK|SK", " AK | SK ", "K", "a|b\nc|d", "eyJ.eyJ.x-_", "ak/+=|sk/+=", "one\n\ntwo\n"]
)
def test_whatever_may_be_a_key_is_taken(key: str) -> None:
    """The vendor documents no format."""
    Kling(key)
    Kling.relay("http://127.0.0.1:3000", "sk-1")
    Kling("sk-1", base_url="https://gateway.example")  # another maker's gateway
    Kling("id:secret", base_url="https://gateway.example")


def test_a_pair_may_be_two_arguments() -> None:
    """As with a client that takes a key and its secret."""
    settings = settings_from({}, "AK", None, "SK", None, None, None, {})
    assert list(settings.ctx.keys.keys) == [AccessKey("AK", "SK")]
    assert isinstance(Kling("AK", "SK"), Kling)
    assert isinstance(AsyncKling("AK", "SK"), AsyncKling)
    with pytest.raises(TypeError, match=r"one token, the relay's own, and no key pair"):
        Kling.relay("http://127.0.0.1:3000", "AK", "SK")  # type: ignore[arg-type] # the mistake


def test_a_client_in_the_wrong_kind_of_with_names_the_right_one() -> None:
    """Of a relay too, and of a client with other options."""

    async def enter(kling: Any) -> None:
        async with kling:
            raise AssertionError("not refused")

    for sync in (Kling(KEY), Kling.relay("http://x", "token"), Kling(KEY).with_options(retries=0)):
        with pytest.raises(TypeError) as caught:
            asyncio.run(enter(sync))
        assert str(caught.value) == "Kling is used as: with Kling(...) as kling"
    twin: Any
    for twin in (AsyncKling(KEY), AsyncKling.relay("http://x", "token")):
        with pytest.raises(TypeError) as caught, twin:
            raise AssertionError("not refused")
        assert str(caught.value) == "AsyncKling is used as: async with AsyncKling(...) as kling"


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        (
            {"KLING_ACCESS_KEY": "AK"},
            "KLING_ACCESS_KEY is given without KLING_SECRET_KEY; a pair needs both",
        ),
        (
            {"KLING_SECRET_KEY": "SK", "KLING_ACCESS_KEY": ""},
            "KLING_SECRET_KEY is given without KLING_ACCESS_KEY; a pair needs both",
        ),
        ({"KLING_API_KEY": "a b"}, f"the key has a space or line break in the middle; {FORMS}"),
        (
            {"KLING_API_KEY": "a", "KLING_BASE_URL": "http://x", "KLING_REGION": "cn"},
            "KLING_BASE_URL and KLING_REGION are both set; set only one of them",
        ),
        (
            {"KLING_API_KEY": "a", "KLING_REGION": "eu"},
            "region is 'eu'; it must be 'global' or 'cn'",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    environment: dict[str, str], text: str
) -> None:
    """The variable is read by a call that the user does not see."""
    with pytest.raises(ValueError, match=re.escape(text)) as caught:
        settings_from(environment, None, None, None, None, None, None, {})
    assert str(caught.value) == text


# ---------------------------------------------------------------- addresses


def base_url(environment: dict[str, str], url: str | None, region: str | None) -> str:
    return settings_from(
        environment, "AK|SK", None, None, None, url, None, {}, region=region
    ).base_url


def test_a_region_chooses_the_server() -> None:
    """`cn` is China, `global` everything else; a parameter counts more than the environment."""
    assert base_url({}, None, None) == base_url({}, None, "global") == REGIONS["global"]
    assert base_url({}, None, "cn") == "https://api-beijing.klingai.com"
    assert base_url({"KLING_REGION": "cn"}, None, None) == REGIONS["cn"]
    assert base_url({"KLING_REGION": "cn"}, None, "global") == REGIONS["global"]
    assert base_url({"KLING_REGION": "cn"}, "http://x", None) == "http://x"
    assert base_url({"KLING_BASE_URL": "http://x"}, None, "cn") == REGIONS["cn"]
    assert repr(Kling("AK|SK", region="cn")) == "<Kling kling https://api-beijing.klingai.com>"


@pytest.mark.parametrize("end", ["/v1", "/v1/", "//v1", "/v1\n"])
def test_an_address_may_end_in_v1(end: str) -> None:
    """Users of other APIs write it there; of Kling and of a relay it is a part of the paths."""
    assert base_url({}, f"http://x{end}", None) == "http://x"
    assert base_url({}, f"http://x/proxy{end}", None) == "http://x/proxy"
    assert base_url({}, f"{REGIONS['cn']}{end}", None) == REGIONS["cn"]
    assert base_url({"KLING_BASE_URL": f"http://x{end}"}, None, None) == "http://x"
    assert repr(Kling.relay(f"http://x{end}", "sk-1")) == "<Kling relay http://x>"
    with FaultyKling() as server, Kling(KEY, base_url=f"{server.url}{end}") as kling:
        kling.text2video.create(prompt="a kitten")
        assert [request.path for request in server.requests] == ["/v1/videos/text2video"]


def test_no_interface_has_an_address_that_ends_in_v1() -> None:
    """Negative control: a host of that name, and another end of a path, stay as they are."""
    for url in ("http://v1", "http://x/av1", "http://x/v1/kling", "http://x/v2"):
        assert base_url({}, url, None) == url


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"base_url": "https://example.com", "region": "cn"},
            "base_url and region are both given; give only one of them",
        ),
        ({"region": "china"}, "region is 'china'; it must be 'global' or 'cn'"),
        (
            {"base_url": "api-beijing.klingai.com"},
            "base_url is not an http(s) URL of a host; it must be a URL such as https://example.com",
        ),
        (
            {"base_url": "https://api-beijing.klingai.com/v1/videos"},
            (
                "base_url has a path; it must be the host alone, such as "
                "https://api-beijing.klingai.com"
            ),
        ),
        (
            {"base_url": "https://me:s3cret@example.com"},
            "base_url contains a password; it must be a URL without user info",
        ),
    ],
)
def test_a_mistake_in_the_address_says_what_it_must_be(
    arguments: dict[str, Any], text: str
) -> None:
    """Before anything is sent to it."""
    with pytest.raises(ValueError, match=re.escape(text)) as caught:
        Kling("AK|SK", **arguments)
    assert str(caught.value) == text


def test_an_address_at_which_nothing_listens_is_named() -> None:
    """Within three attempts, with what to check."""
    with FaultyKling() as server:
        url = server.url
    kling = Kling(KEY, base_url=url, clock=FakeClock())
    with pytest.raises(UnreachableError) as caught:
        kling.text2video.get("1")
    assert str(caught.value).startswith(f"cannot connect to {url}")
    assert Options().deadline == 60
