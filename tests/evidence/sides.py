"""Both packages, asked through what their users see: a client that sends, and a server."""

from __future__ import annotations

import http.client
import json
import re
import socket
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, BinaryIO, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import jwt

import kling_sdk
from kling_mock import KlingMock
from kling_sdk import AuthenticationError, CapabilityWarning, Kling, RequestValidationError
from tests.endpoints import SOURCE_SELECTION, SOURCE_SESSION, SOURCE_VIDEO, with_sources
from tests.plain_http import NO_TLS

_AT_A_TIME: Final = 50  # requests on their way
_VIDEOS, _IMAGES, _GENERAL = "/v1/videos", "/v1/images", "/v1/general"
#: The class of each path that makes tasks; of the model path, of each product.
CLASSES: Final[Mapping[str, type[kling_sdk.Request]]] = {
    f"{_VIDEOS}/text2video": kling_sdk.TextToVideo,
    f"{_VIDEOS}/image2video": kling_sdk.ImageToVideo,
    f"{_VIDEOS}/omni-video": kling_sdk.OmniVideo,
    f"{_VIDEOS}/multi-image2video": kling_sdk.MultiImageToVideo,
    f"{_VIDEOS}/video-extend": kling_sdk.VideoExtend,
    f"{_VIDEOS}/lip-sync": kling_sdk.LipSync,
    f"{_VIDEOS}/advanced-lip-sync": kling_sdk.AdvancedLipSync,
    f"{_VIDEOS}/avatar/image2video": kling_sdk.Avatar,
    f"{_VIDEOS}/effects": kling_sdk.VideoEffects,
    f"{_VIDEOS}/motion-control": kling_sdk.MotionControl,
    f"{_VIDEOS}/multi-elements": kling_sdk.MultiElements,
    "/v1/audio/text-to-audio": kling_sdk.TextToAudio,
    "/v1/audio/video-to-audio": kling_sdk.VideoToAudio,
    f"{_GENERAL}/custom-voices": kling_sdk.CustomVoice,
    f"{_GENERAL}/advanced-custom-elements": kling_sdk.CustomElement,
    f"{_GENERAL}/ai-multi-shot": kling_sdk.AiMultiShot,
    f"{_IMAGES}/generations": kling_sdk.ImageGeneration,
    f"{_IMAGES}/omni-image": kling_sdk.OmniImageGeneration,
    f"{_IMAGES}/multi-image2image": kling_sdk.MultiImageToImage,
    f"{_IMAGES}/editing/expand": kling_sdk.ImageExpand,
    f"{_IMAGES}/kolors-virtual-try-on": kling_sdk.VirtualTryOn,
    "/solutions/virtual_try_on": kling_sdk.SolutionVirtualTryOn,
    "/solutions/e-commerce/clothing_dupe": kling_sdk.ClothingDupe,
    "/solutions/e-commerce/goods_studio": kling_sdk.GoodsStudio,
    "/solutions/talking_agent": kling_sdk.TalkingAgent,
    "/solutions/drama_subtitle": kling_sdk.DramaSubtitle,
    "/text-to-video": kling_sdk.TextToVideo,
    "/image-to-video": kling_sdk.ImageToVideo,
    "/omni-video": kling_sdk.OmniVideo,
    "/motion-control": kling_sdk.MotionControl,
}
#: The method of a client for each path that answers at once.
CALLS: Final[Mapping[str, str]] = {
    f"{_VIDEOS}/identify-face": "identify_face.call",
    f"{_VIDEOS}/image-recognize": "recognize_image.call",
    "/v1/audio/tts": "tts.call",
    f"{_GENERAL}/custom-elements": "legacy_elements.create",
    **{
        f"{_VIDEOS}/multi-elements/{verb}-selection": f"multi_elements.{verb}_selection"
        for verb in ("init", "add", "delete", "clear", "preview")
    },
}


class Sent(NamedTuple):
    """The outcome of a request of the SDK.

    Attributes:
        refused: Why it was not sent; "" if it was.
        method, path, body: What was sent.
        warned: What it was warned of.
    """

    refused: str
    method: str = ""
    path: str = ""
    body: Any = None
    warned: tuple[str, ...] = ()


class Sdk:
    """A client whose calls go nowhere: each is refused as one without a valid key is."""

    def __init__(self) -> None:
        self._sent: list[tuple[str, str, Any]] = []
        http_client = httpx.Client(transport=httpx.MockTransport(self._take), verify=NO_TLS)
        self.kling = Kling("an-api-key", http_client=http_client)

    def _take(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        self._sent.append((request.method, request.url.raw_path.decode(), body))
        return httpx.Response(401, json={"code": 1002, "message": "", "request_id": "1"})

    def create(self, path: str, fields: Mapping[str, Any]) -> Sent:
        """Send a request in the words of the SDK."""
        if path in CALLS:
            return self.call(lambda kling: attrgetter(CALLS[path])(kling)(**fields))
        return self.call(lambda kling: kling.submit(CLASSES[path](**fields)))

    def call(self, use: Callable[[Kling], object]) -> Sent:
        """Return the request of a client's call."""
        self._sent.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CapabilityWarning)
            try:
                use(self.kling)
            except RequestValidationError as error:
                return Sent(str(error))
            except AuthenticationError:
                pass
        return Sent("", *self._sent[0], tuple(str(warning.message) for warning in caught))

    def estimate(self, path: str, fields: Mapping[str, Any]) -> kling_sdk.Estimate:
        """Return the SDK's price of a request."""
        return self.kling.estimate(CLASSES[path](**fields))


class Reply(NamedTuple):
    """A reply of the emulator: its status, its envelope, and its note."""

    http: int
    body: Any
    note: str

    @property
    def code(self) -> Any:
        return self.body.get("code")

    @property
    def task_id(self) -> str:
        data = self.body["data"]
        return str(data.get("task_id") or data.get("id"))

    def __str__(self) -> str:
        return f"{self.http} {self.code} {self.body.get('message')} ({self.note})"


Request = tuple[str, str, Any]


class Emulator:
    """A server, asked by plain HTTP.

    Args:
        mock: The server.
    """

    def __init__(self, mock: KlingMock) -> None:
        self.mock = mock

    def ask(self, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
        """Return the reply to a request; its key is a valid API key unless given."""
        return self.ask_all([(method, path, body)], key)[0]

    def ask_all(self, requests: Sequence[Request], key: str | None = None) -> list[Reply]:
        """Return the replies to requests that are sent without waiting for each."""
        key = self.mock.api_key if key is None else key
        address = urlsplit(self.mock.kling_url)
        responses: list[Reply] = []
        with (
            socket.create_connection((address.hostname, address.port)) as connection,
            connection.makefile("rb") as replies,
        ):
            for first in range(0, len(requests), _AT_A_TIME):
                some = requests[first : first + _AT_A_TIME]
                connection.sendall(b"".join(_written(request, key) for request in some))
                responses += [_read(replies) for _ in some]
        return responses

    def create_all(self, creates: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Reply]:
        """Return the replies to creates, whose placeholders stand for ids: see `_named`."""
        bodies = [(path, self._named(body)) for path, body in creates]
        ids: dict[str, str] = {}
        for stand_in in (SOURCE_VIDEO, SOURCE_SESSION, SOURCE_SELECTION):
            if stand_in in repr(bodies):
                ids |= {stand_in: with_sources(self.mock, {"id": stand_in})["id"]}
        return self.ask_all([("POST", path, _replaced(body, ids)) for path, body in bodies])

    def _named(self, value: Any) -> Any:
        """Return a value with the vendor's elements and voices in place of short ids."""
        if isinstance(value, list):
            return [self._named(item) for item in value]
        if not isinstance(value, dict):
            return value
        members = {name: self._named(item) for name, item in value.items()}
        for name, presets in self._presets.items():
            if name in members and len(str(members[name])) < 4:
                number = int(re.sub(r"\D", "", str(members[name])) or 0)
                preset = presets[number % len(presets)]
                members[name] = type(members[name])(preset)
        return members

    @cached_property
    def _presets(self) -> dict[str, list[str]]:
        """The ids of the vendor's elements and voices, by the fields that name them."""
        presets: dict[str, list[str]] = {}
        for kind, path in (("element", "advanced-presets-elements"), ("voice", "presets-voices")):
            listed = self.ask("GET", f"/v1/general/{path}").body["data"]
            results = [item for task in listed for item in task["task_result"][f"{kind}s"]]
            presets[f"{kind}_id"] = [str(item[f"{kind}_id"]) for item in results]
        return presets

    def finish(self) -> None:
        """Let all tasks end."""
        self.mock.clock.advance(3 * 3600)

    def tasks_of(self, created: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        """Return tasks, given by path and id, as their queries show them."""
        return [
            reply.body["data"] if path.startswith("/v1/") else reply.body["data"][0]
            for (path, _), reply in zip(
                created, self.ask_all([_query(*task) for task in created]), strict=True
            )
        ]


def _query(path: str, task_id: str) -> Request:
    if path.startswith("/v1/"):
        return "GET", f"{path}/{task_id}", None
    interface = "/solutions" if path.startswith("/solutions") else "/tasks"
    return "GET", f"{interface}?task_ids={task_id}", None


def _read(replies: BinaryIO) -> Reply:
    status = int(replies.readline().split()[1])
    headers = http.client.parse_headers(replies)
    content = replies.read(int(headers["Content-Length"]))
    return Reply(status, json.loads(content), headers.get("x-kling-mock-note", ""))


def _written(request: Request, key: str) -> bytes:
    method, path, body = request
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(content)}"]
    lines += ["Content-Type: application/json"] if content else []
    lines += [f"Authorization: Bearer {key}"] if key else []
    return "\r\n".join([*lines, "", ""]).encode() + content


def _replaced(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value


def token(mock: KlingMock, begins: float = -5, ends: float = 1800) -> str:
    """Return a token of the account, valid between these seconds from now."""
    now = mock.clock.time()
    claims = {"iss": mock.access_key, "nbf": int(now + begins), "exp": int(now + ends)}
    return jwt.encode(claims, mock.secret_key, algorithm="HS256")
