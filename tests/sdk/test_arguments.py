"""Wrong arguments are named by an error of ours, before anything is sent."""

from __future__ import annotations

import asyncio
import io
import warnings
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest

from kling_sdk import (
    AsyncKling,
    CapabilityWarning,
    DownloadError,
    Kling,
    KlingError,
    OmniVideo,
    RequestValidationError,
    TextToVideo,
)
from kling_sdk.endpoints.values import OmniVideoReference
from kling_sdk.options import Options
from tests.sdk.faulty_server import FaultyKling

HALF: Final = "a\ud800"  # half of a surrogate pair: not text in any encoding
CLOSED: Final = io.BytesIO()
CLOSED.close()

MISTAKES: list[tuple[str, Callable[[Any], Any], type[Exception], str]] = [
    ("get", lambda k: k.text2video.get(HALF), RequestValidationError, "task_id is empty, too long"),
    ("get any", lambda k: k.tasks.get(HALF), RequestValidationError, "task_id"),
    ("get many", lambda k: k.wait_all([HALF])[0].result(), RequestValidationError, "task_id"),
    (
        "id",
        lambda k: k.text2video.create(prompt="a", external_task_id=HALF),
        KlingError,
        "an unpaired",
    ),
    ("request", lambda k: k.request("GET", f"/v1/{HALF}"), RequestValidationError, "path contains"),
    (
        "params",
        lambda k: k.request("GET", "/v1", params={"a": HALF}),
        RequestValidationError,
        "params.a contains an unpaired",
    ),
    (
        "pack",
        lambda k: k.account.costs(0, 1, resource_pack_name=HALF),
        KlingError,
        "resource_pack_name",
    ),
    ("file", lambda k: k.download(f"http://127.0.0.1:9/{HALF}"), DownloadError, "cannot fetch"),
    ("picture", lambda k: k.image2video.create(image=CLOSED), KlingError, "closed file"),
    ("page", lambda k: k.text2video.list(page="1"), RequestValidationError, "page is a str"),
    ("size", lambda k: k.tasks.list(page_size=2.5), RequestValidationError, "page_size is a float"),
    ("wait", lambda k: k.text2video.wait(None), TypeError, "wait takes a task or its id"),
    ("units", lambda k: k.run_many([], max_units="3"), TypeError, "max_units is a str"),
    ("nan", lambda k: k.run_many([], max_units=Decimal("nan")), ValueError, "max_units is NaN"),
    ("slots", lambda k: k.run_many([], max_concurrent="5"), TypeError, "max_concurrent is a str"),
    ("share", lambda k: k.run_many([], max_concurrent=1.5), TypeError, "a whole number"),
    ("none", lambda k: k.run_many([], max_concurrent=0), ValueError, "1 or more"),
    ("time", lambda k: k.run_many([], timeout=True), TypeError, "timeout is a bool"),
]


@pytest.mark.parametrize(
    ("call", "kind", "words"), [pytest.param(*row[1:], id=row[0]) for row in MISTAKES]
)
def test_a_value_that_cannot_be_is_named(
    call: Callable[[Any], Any], kind: type[Exception], words: str
) -> None:
    """No `UnicodeEncodeError`, no "'<' not supported", and nothing is sent."""
    with FaultyKling() as server, Kling("AK|SK", base_url=server.url) as kling:
        with pytest.raises(kind, match=words):
            call(kling)
        assert server.sent("GET") + server.sent("POST") == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cancel": True}, "cancel is a bool; it must be a threading.Event"),
        ({"check": "no"}, "check is a str; it must be True or False"),
        ({"look_up": "false"}, "look_up is a str"),
        ({"traceparent": 1}, "traceparent is a int"),
        ({"on_event": 5}, "on_event is a int; it must be a function, or None"),
        ({"on_update": "print"}, "on_update is a str"),
    ],
)
def test_an_option_of_another_type_is_refused(options: dict[str, Any], words: str) -> None:
    """A word that is not empty would else count as True."""
    with pytest.raises(TypeError, match=words):
        Options(**options)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"trust_env": "no"}, "trust_env is a str; it must be True or False"),
        ({"trust_env": None}, "trust_env is a NoneType"),
        ({"ssl_context": "ca.pem"}, r"ssl_context is a str; it must be an ssl\.SSLContext"),
        ({"ssl_context": False}, "ssl_context is a bool"),
    ],
)
@pytest.mark.parametrize("cls", [Kling, AsyncKling])
def test_an_argument_of_a_connection_is_refused_with_the_client(
    cls: Any, arguments: dict[str, Any], words: str
) -> None:
    """Not at its first call, and `trust_env="no"` does not go through the proxy."""
    with pytest.raises(TypeError, match=words):
        cls(api_key="key", **arguments)
    with pytest.raises(TypeError, match=words):
        cls.relay("http://a", "sk-1", **arguments)


# ------------------------------------------------------------ attributes


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text_to_video", "did you mean 'text2video'?"),
        ("multi_image_to_image", "did you mean 'multi_image2image'?"),
        ("images", "did you mean 'image2video' or 'image_expand' or"),
        ("estimat", "did you mean 'estimate'?"),
        ("zzz", "; it has account, "),
    ],
)
def test_a_misspelt_attribute_is_named(name: str, words: str) -> None:
    """It is named like a misspelt parameter; also on a resource and on the solutions."""
    clients: list[Any] = [Kling(api_key="key"), AsyncKling(api_key="key")]
    for client in clients:
        with pytest.raises(AttributeError) as caught:
            getattr(client, name)
        assert words in str(caught.value)
        assert not hasattr(client, name)
        with pytest.raises(AttributeError, match="did you mean 'create'"):
            client.text2video.creat  # noqa: B018 - the mistake
        with pytest.raises(AttributeError, match="did you mean 'goods_studio'"):
            client.solutions.goods  # noqa: B018 - the mistake


# ------------------------------------------------------------ warnings, and what a model does


def test_a_warning_points_at_the_line_of_the_caller() -> None:
    """The warning can be fixed there, or switched off by a filter; sync and async."""
    with FaultyKling() as server:
        settings: dict[str, Any] = {"api_key": "key", "base_url": server.url}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            with Kling(**settings) as kling:
                kling.text2video.create(prompt="a", model_name="kling-v1")
                kling.with_options().submit(
                    TextToVideo(prompt="a", cfg_scale=0.5, model_name="kling-v3")
                )

            async def main() -> None:
                async with AsyncKling(**settings) as kling:
                    await kling.text2video.create(prompt="a", model_name="kling-v1")

            asyncio.run(main())
    assert [warning.category for warning in caught] == [CapabilityWarning] * 3
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize(
    "request_",
    [
        OmniVideo(
            prompt="a",
            model_name=model,
            video_list=[
                OmniVideoReference("https://a.test/v.mp4", "feature", keep_original_sound="yes")
            ],
        )
        for model in ("kling-o1", "kling-3.0-omni")
    ]
    + [
        TextToVideo(prompt="a", model_name=model, mode="4k")
        for model in ("kling-v2-master", "kling-v2-1-master")
    ],
)
def test_what_is_refused_by_the_server_is_refused_before(request_: Any) -> None:
    """The sound of a feature video cannot be kept, and a model without modes makes no 4k."""
    with FaultyKling() as server, Kling(api_key="key", base_url=server.url) as kling:
        with pytest.raises(RequestValidationError):
            kling.submit(request_)
        assert server.sent("POST") == []
