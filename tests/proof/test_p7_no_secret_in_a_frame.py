"""P7: no key, token, prompt or signed URL in the local variables of any frame of an error.

Tools that collect errors, and `pytest -l`, keep these variables as `repr` shows them. Errors of
every kind are raised on every transport, and each frame is looked at. A client that holds plain
texts must fail the same search: else it would prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import pytest

from kling_sdk import ENDPOINTS, AsyncKling, InvalidRequestError, Kling, TextToVideo
from kling_sdk.facts.fields import FieldFacts
from tests.endpoints import BODIES, CALLS
from tests.sdk.clients import API_KEY, CLIENTS, KEY, PROMPT, over
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

pytestmark = pytest.mark.slow

SIGNATURE: Final = "sig-of-the-file"
SECRETS: Final = (*KEY.split("|"), API_KEY, PROMPT, SIGNATURE, "Bearer ey")
FILE: Final = f"http://127.0.0.1:9/files/a.mp4?Signature={SIGNATURE}"


def frame_texts(error: BaseException | None) -> Iterator[str]:
    """Yield what each frame of an error shows, and of what is reported with it."""
    while error is not None:
        yield str(error)
        yield repr(error)
        trace = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if "tests" not in Path(frame.f_code.co_filename).parts:  # the caller's own
                for name, value in frame.f_locals.items():
                    yield from _parts(f"{frame.f_code.co_qualname}:{name}", value, 4)
            trace = trace.tb_next
        context = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or context


def _parts(place: str, value: Any, depth: int) -> Iterator[str]:
    """Yield a value as it is shown whole, and as tools show its parts."""
    try:
        yield f"{place}: {value!r}"
    except AttributeError:  # it is half made
        yield f"{place}: a {type(value).__name__}"
    if isinstance(value, Mapping) and depth:
        value = [*value, *value.values()]
    if isinstance(value, list | tuple) and depth:
        for part in value:
            yield from _parts(place, part, depth - 1)


def leaks(error: BaseException) -> list[str]:
    return [line[:200] for line in frame_texts(error) for secret in SECRETS if secret in line]


def _create(kling: Any) -> Any:
    return kling.text2video.create(prompt=PROMPT, negative_prompt=PROMPT)


Case = tuple[Fault | None, Callable[[Any], Any]]
CASES: Final[dict[str, Case]] = {
    "refused": (Fault.code(400, 1201, f"{PROMPT!r} is no good"), _create),
    "key refused": (Fault.code(401, 1002), _create),
    "reset": (Fault("unread"), _create),
    "lost": (Fault("mid-reply"), _create),
    "silent": (Fault("silent"), _create),
    "a page": (Fault.page(500), _create),
    "run": (Fault.code(400, 1201), lambda kling: kling.text2video.run(prompt=PROMPT)),
    "request": (
        Fault.code(400, 1201),
        lambda kling: kling.submit(TextToVideo(prompt=PROMPT, extra_body={"more": [PROMPT]})),
    ),
    "raw body": (
        Fault.code(400, 1201),
        lambda kling: kling.text2video.submit({"prompt": PROMPT, "more": {"text": PROMPT}}),
    ),
    "model path": (
        Fault.code(400, 1201),
        lambda kling: kling.text2video.create(prompt=f"{PROMPT} @", model_name="kling-3.0"),
    ),
    "shots": (
        Fault.code(400, 1201),
        lambda kling: kling.text2video.create(
            multi_shot=True,
            shot_type="customize",
            duration=5,
            multi_prompt=[{"prompt": PROMPT, "duration": 5}],
            model_name="kling-v3",
        ),
    ),
    "call": (
        Fault.code(400, 1201),
        lambda kling: kling.tts.call(text=PROMPT, voice_id="oversea_male1", voice_language="en"),
    ),
    "unwrapped": (
        Fault.code(400, 1201),
        lambda kling: kling.request("POST", "/v1/videos/text2video", json={"prompt": PROMPT}),
    ),
    "get": (Fault.code(404, 1203), lambda kling: kling.text2video.get("1")),
    "mistake": (None, lambda kling: kling.text2video.create(prompt=PROMPT, duration="x")),
    "misspelt": (None, lambda kling: kling.text2video.create(promt=PROMPT)),
    "positional": (None, lambda kling: kling.text2video.create(PROMPT)),
    "nested mistake": (
        None,
        lambda kling: kling.lip_sync.create(input={"text": PROMPT, "modus": "text2video"}),
    ),
    "bad body": (
        None,
        lambda kling: kling.text2video.submit(
            {"prompt": PROMPT, "options": {"external_task_id": 5}}
        ),
    ),
    "file": (None, lambda kling: kling.download(FILE)),
    "no file": (None, lambda kling: kling.download(FILE.replace("http", "ftp", 1))),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_no_frame_of_an_error_shows_a_secret(client: str) -> None:
    """This holds for every error and every transport."""
    leaky: dict[str, list[str]] = {}
    with FaultyKling() as server:
        for name, (fault, call) in CASES.items():
            server.heal()
            server.breaks(then=fault)
            options: dict[str, Any] = {"timeout": 0.2, "retries": 1, "trust_env": False}
            options["extra_headers"] = {"x-proxy-key": SIGNATURE}
            if name == "model path":
                options["key"] = API_KEY
            with pytest.raises(Exception) as caught:  # noqa: PT011 - any of ours, and a mistake's
                over(client, call, server.url, FakeClock(), **options)
            assert type(caught.value).__module__.startswith("kling_sdk"), caught.value
            if lines := leaks(caught.value):
                leaky[name] = lines
    assert leaky == {}


def with_words(value: Any, private: AbstractSet[str], name: str = "") -> Any:
    """Return parameters of a request with `PROMPT` as each private text."""
    if isinstance(value, Mapping):
        return {key: with_words(part, private, key) for key, part in value.items()}
    if isinstance(value, list):
        return [with_words(part, private, name) for part in value]
    return PROMPT if name in private else value


def private_names(fields: Iterable[FieldFacts]) -> Iterator[str]:
    for field in fields:
        if field.private:
            yield field.name
        yield from private_names(field.members)


@pytest.mark.filterwarnings("ignore::kling_sdk.CapabilityWarning")  # a retired model will do
@pytest.mark.parametrize("client", ["httpx", "async-httpx"])
@pytest.mark.parametrize("name", ENDPOINTS)
def test_no_frame_of_an_endpoint_shows_the_words_of_its_user(name: str, client: str) -> None:
    """Each call of each resource, with its private fields, and with one that is not known."""
    record = ENDPOINTS[name]
    private = {*private_names(record.fields)}
    if record.solution:
        texts = {content.type for content in record.solution.contents if content.kind == "text"}
        private |= {item.parameter for item in record.contents if item.type in texts}
    parameters = with_words({**BODIES, **CALLS}[name], private)
    path = record.attribute
    if not record.method_of:
        path += f".{record.sending_method}"

    def call(kling: Any) -> Any:
        return attrgetter(path)(kling)(**parameters, extra_body={"more": [PROMPT]})

    with FaultyKling() as server:
        server.breaks(then=Fault.code(400, 1201, f"{PROMPT!r} is no good"))
        with pytest.raises(InvalidRequestError) as caught:
            over(client, call, server.url, FakeClock(), key=API_KEY)
    assert leaks(caught.value) == []


@pytest.mark.parametrize("cls", [Kling, AsyncKling])
def test_no_frame_of_a_key_that_is_not_taken_shows_it(
    cls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key with a typing error is still most of a key."""
    secret = KEY.split("|")[1]
    calls: list[Callable[[], Any]] = [
        lambda: cls(f"Bearer {secret}"),
        lambda: cls(f"{KEY} |"),
        lambda: cls(api_key=f"'{secret}'"),
        lambda: cls(access_key="AK", secret_key=f"{secret} x"),
        lambda: cls.relay("http://127.0.0.1:9", f"{secret} x"),
        lambda: cls(KEY, base_url="nonsense"),
        lambda: cls(KEY, timeout=-1),
        lambda: cls(region="mars"),
    ]
    monkeypatch.setenv("KLING_ACCESS_KEY", "AK")
    monkeypatch.setenv("KLING_SECRET_KEY", secret)
    for call in calls:
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - of any text
            call()
        assert leaks(caught.value) == []


def test_a_client_that_holds_plain_texts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr("kling_sdk.text.hidden.Hidden.__repr__", str.__repr__)
    with FaultyKling() as server:
        server.breaks(then=Fault.code(400, 1201))
        with pytest.raises(Exception) as caught:  # noqa: PT011 - as above
            over("httpx", _create, server.url, FakeClock())
    lines = leaks(caught.value)
    assert any("header:" in line for line in lines)
    assert any("Bearer ey" in line for line in lines)
