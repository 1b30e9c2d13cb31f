"""The relay's create requests: from a request's bytes to its parameters and Kling's body.

They are those of the deployment guide and those of `kling_sdk`: Kling's own bodies, with `model` or
`model_name`, and `duration` as number or text. Unknown fields are passed on to Kling unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import kling_sdk
from kling_mock.relay.domain.channels import ModelTarget
from kling_mock.relay.domain.errors import invalid
from kling_mock.relay.domain.json_body import HALF_PAIR, read_object
from kling_mock.relay.domain.long_texts import hash_in_steps
from kling_mock.relay.domain.other_results import PICTURES
from kling_mock.relay.domain.pricing import Use
from kling_mock.relay.domain.stored_values import stored_duration
from kling_mock.relay.storage.text import MAX_DURATION
from kling_mock.web.values import bounded_decimal

#: The endpoints' names, with which the relay's paths end, and the default models. Both are the
#: SDK's: the vendor's own default model, kling-v1, is discontinued.
ENDPOINTS: Final[Mapping[str, str]] = {
    name: record.default_model
    for name, record in kling_sdk.ENDPOINTS.items()
    if record.is_on_relays
}
#: The endpoints that are not served, by name, with the reason: a relay cannot charge for endpoints
#: that do not make a task, each account behind it has its own libraries, and there are solutions.
NOT_SERVED: Final[Mapping[str, str]] = {
    name: record.not_on_relays
    for name, record in kling_sdk.ENDPOINTS.items()
    if not record.is_on_relays
}
#: The header that is another name for `external_task_id`.
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
#: Endpoints whose only sound is that of a video that they are given.
_OF_VIDEO: Final = frozenset(
    name
    for name in ENDPOINTS
    if any(field.name == "keep_original_sound" for field in kling_sdk.ENDPOINTS[name].fields)
)
_ABSENT: Final = (None, "")
MAX_EXTERNAL_ID: Final = 200
MAX_WORD: Final = 20  # a mode, an aspect ratio
MAX_NAME: Final = 100  # `videos.model`
MAX_URL: Final = 2048
MAX_PROMPT: Final = 65_535  # bytes as UTF-8: `videos.prompt`
#: `resolution` -> `mode` (the vendor's migration guide; confidence high).
_MODES: Final = {"720p": "std", "1080p": "pro", "4k": "4k"}
#: Maximum seconds of a video that is edited (vendor's omni page; confidence high).
_MAX_INPUT: Final = Decimal(15)
_MAX_INPUTS: Final = {"kling-video-o1": Decimal(10), "kling-o1": Decimal(10)}
MAX_SECONDS: Final = Decimal(3600)
#: Maximum number of images of a task, and the number of a series that does not state it (vendor's
#: pages; high).
_MAX_RESULTS: Final = 9
_SERIES: Final = 4
_ID: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z")
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class CreateTaskRequest(NamedTuple):
    """A create request as the user sent it.

    Attributes:
        endpoint: One of `ENDPOINTS`.
        body: The request's own object.
        size: Bytes of the body as sent.
        model: The model that the user named.
        mode: The mode; "" without one.
        seconds: Length of the result, as far as the price depends on it.
        results: Maximum number of images; 1 for a video.
        use: The use on which the price depends too; `None` if it has an unknown value.
        aspect_ratio: Such as `16:9`; "" without one.
        prompt: The prompt; "" if there is none.
        external_task_id: The user's own id of the task; `None` if there is none.
        callback_url: Where the user's webhook goes; `None` sends none.
        request_hash: SHA-256 of what is requested, in whichever of Kling's and the relay's words,
            without the `external_task_id`: shows whether a repeated id belongs to the same request.
    """

    endpoint: str
    body: Mapping[str, Any]
    size: int
    model: str
    mode: str
    seconds: Decimal
    results: int
    use: Use | None
    aspect_ratio: str
    prompt: str
    external_task_id: str | None
    callback_url: str | None
    request_hash: str

    @property
    def duration(self) -> str:
        """The length as it is stored; "" for images."""
        return "" if self.endpoint in PICTURES else f"{self.seconds:f}"

    def older_hash(self) -> str:
        """Return the hash that earlier relays took, of the body as it was sent.

        For 80 MB it takes half a second.
        """
        return _hash(self.endpoint, self.body)

    def __repr__(self) -> str:
        # The body holds the prompt.
        return f"CreateTaskRequest(endpoint={self.endpoint!r}, model={self.model!r})"


def read_create(endpoint: str, raw: bytes, idempotency_key: str = "") -> CreateTaskRequest:
    """Return a parsed create request.

    Only the fields that the relay itself uses are checked; Kling checks the rest.

    Args:
        endpoint: One of `ENDPOINTS`.
        raw: The request's body.
        idempotency_key: The header, another name for `external_task_id`; "" without one.

    Raises:
        RelayError: 400 naming the field and what it must be.
    """
    body = read_object(raw)
    external, model = _external_id(body, idempotency_key), _model(body, endpoint)
    mode = _mode(body) if endpoint not in PICTURES else _text(body, "resolution", MAX_WORD)
    return CreateTaskRequest(
        endpoint=endpoint,
        body=body,
        size=len(raw),
        model=model,
        mode=mode,
        seconds=_seconds(endpoint, body, model),
        results=_results(body) if endpoint in PICTURES else 1,
        use=_use(endpoint, body),
        aspect_ratio=_text(body, "aspect_ratio", MAX_WORD),
        prompt=_prompt(body, endpoint),
        external_task_id=external,
        callback_url=_callback_url(body.get("callback_url")),
        request_hash=_hash(endpoint, _in_one_form(endpoint, body, model, mode)),
    )


def upstream_body(
    request: CreateTaskRequest, target: ModelTarget, task_id: str, callback_url: str | None
) -> dict[str, Any]:
    """Return the body that is sent to Kling.

    Args:
        request: The user's request.
        target: The model and mode that the requested model stands for on the channel.
        task_id: The relay's id, which is Kling's `external_task_id`.
        callback_url: Where Kling sends its callbacks; `None` if this relay cannot be reached.
    """
    own = {"model", "model_name", "mode", "duration", "external_task_id", "callback_url"}
    size = "mode" if request.endpoint not in PICTURES else "resolution"
    if target.mode:
        own.add("resolution")  # another name of `mode`, on which the price is based
    body = {name: value for name, value in request.body.items() if name not in own}
    if target.model:
        body["model_name"] = target.model
    if target.mode:
        body[size] = target.mode
    duration = request.body.get("duration")
    if duration is not None:
        is_text = kling_sdk.ENDPOINTS[request.endpoint].duration_type == "text"
        body["duration"] = f"{duration}" if is_text else duration  # the type that Kling uses
    body["external_task_id"] = task_id
    if callback_url is not None:
        body["callback_url"] = callback_url
    return body


def _text(body: Mapping[str, Any], name: str, max_length: int | None) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(name, "must be text")
    if max_length is not None and len(value) > max_length:
        raise invalid(name, f"must have at most {max_length} characters")
    return value


def _prompt(body: Mapping[str, Any], endpoint: str) -> str:
    if "prompt" in body:
        prompt = _text(body, "prompt", None)
    else:  # such as the text of lip-sync
        prompt = "\n".join(filter(None, _words(body, kling_sdk.ENDPOINTS[endpoint].fields)))
    # Half a surrogate pair cannot be encoded; `_hash` refuses it with a message of its own.
    if len(prompt.encode("utf-8", "replace")) > MAX_PROMPT:
        raise invalid("prompt", f"is too long; the limit is {MAX_PROMPT} bytes of UTF-8")
    return prompt


def _words(body: Mapping[str, Any], rows: Iterable[Any]) -> Iterator[str]:
    """Yield the user's own words in a body, or in an object of it.

    Args:
        body: The body, or the object.
        rows: Its fields, as the client's records have them.
    """
    for row in rows:
        inside = body.get(row.name)
        if row.private and row.name != "negative_prompt":
            yield _text(body, row.name, None)
        elif row.type == "object" and isinstance(inside, dict):
            yield from _words(inside, row.members)


def _model(body: Mapping[str, Any], endpoint: str) -> str:
    named = _text(body, "model_name", MAX_NAME)
    short = _text(body, "model", MAX_NAME)
    if named and short and named != short:
        raise invalid("model", "differs from model_name; send one of the two")
    return named or short or ENDPOINTS[endpoint]


def _seconds(endpoint: str, body: Mapping[str, Any], model: str) -> Decimal:
    record = kling_sdk.ENDPOINTS[endpoint]
    if record.input_length is not None:
        return Decimal(record.input_length.longest)  # the length of a file, which is not fetched
    value = body.get("duration")
    max_input = _MAX_INPUTS.get(model, _MAX_INPUT)
    if value is None or value == "":
        return max_input if body.get(record.edited) else Decimal(record.default_seconds)
    seconds = bounded_decimal(value)
    if seconds is None or not 0 < seconds <= MAX_SECONDS or not stored_duration(seconds):
        raise invalid(
            "duration",
            f"must be a number of seconds above 0 and up to {MAX_SECONDS}, with at most "
            f"{MAX_DURATION} characters written out, as number or text, such as 5 or '5'",
        )
    # With a base video Kling ignores the duration, and bills the length of that video.
    return max(seconds, max_input) if record.edits_a_video(body) else seconds


def _mode(body: Mapping[str, Any]) -> str:
    """Return the mode; `resolution` is another name for it, and an unknown one is ignored."""
    mode = _text(body, "mode", MAX_WORD)
    resolution = _text(body, "resolution", MAX_WORD)
    implied = _MODES.get(resolution, "")
    if mode and resolution and mode != implied:
        raise invalid("resolution", "differs from mode; send one of the two")
    return mode or implied


def _use(endpoint: str, body: Mapping[str, Any]) -> Use | None:
    sound, audio = body.get("sound"), body.get("audio")
    if sound and audio and (sound == "on") != (audio == "native"):
        raise invalid("audio", "differs from sound; send one of the two")
    return kling_sdk.ENDPOINTS[endpoint].use_of(body)


def _results(body: Mapping[str, Any]) -> int:
    """Return the number of images, or its maximum if Kling decides it."""
    is_series = body.get("result_type") == "series"
    name = "series_amount" if is_series else "n"
    value = body.get(name)
    if value is None or value == "":
        return _SERIES if is_series else 1
    if is_series and value == "auto":
        return _MAX_RESULTS
    number = bounded_decimal(value)
    if number is None or number != int(number) or not 1 <= number <= _MAX_RESULTS:
        raise invalid(name, f"must be a whole number from 1 to {_MAX_RESULTS}")
    return int(number)


def _external_id(body: Mapping[str, Any], idempotency_key: str) -> str | None:
    names = {"external_task_id": body.get("external_task_id"), IDEMPOTENCY_KEY: idempotency_key}
    for name, value in names.items():
        if value is None or value == "":
            continue
        if not isinstance(value, str) or len(value) > MAX_EXTERNAL_ID or not _ID.match(value):
            raise invalid(
                name,
                f"must be 1 to {MAX_EXTERNAL_ID} printable ASCII characters, "
                "no space at either end",
            )
    in_body, in_header = names.values()
    if in_body and in_header and in_body != in_header:
        raise invalid(IDEMPOTENCY_KEY, "differs from external_task_id; send one of the two")
    return in_body or in_header or None


def _callback_url(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) <= MAX_URL and value.isprintable():
        try:
            parts = urlsplit(value)
            parts.port  # noqa: B018 - reading it is what checks it
        except ValueError:
            parts = urlsplit("")
        if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc:
            return value
    raise invalid(
        "callback_url",
        f"must be an http(s) URL with a host, of at most {MAX_URL} characters",
    )


def _hash(endpoint: str, body: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in body.items() if name != "external_task_id"}
    try:
        return hash_in_steps([endpoint, rest], _CANONICAL)
    except UnicodeEncodeError:  # legal in JSON, but it cannot be sent on
        raise invalid("body", HALF_PAIR) from None


def _in_one_form(
    endpoint: str, body: Mapping[str, Any], model: str, mode: str
) -> Mapping[str, Any]:
    """Return a body in Kling's own words, so that both forms of a request are equal.

    Null and empty text count as absent. What the relay does not know stays as it is.
    """
    known = {name: _without_nulls(value) for name, value in body.items() if value not in _ABSENT}
    known.pop("model", None)
    known["model_name"] = model
    if (seconds := bounded_decimal(body.get("duration"))) is not None:
        known["duration"] = f"{seconds.normalize():f}"
    if endpoint in PICTURES:
        return known
    if mode:
        known.pop("resolution", None)
        known["mode"] = mode
    return known | _sound(endpoint, known.pop("audio", None), known.get("video_list"))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _without_nulls(member) for name, member in value.items() if member is not None
        }
    return [_without_nulls(element) for element in value] if isinstance(value, list) else value


def _sound(endpoint: str, audio: object, videos: object) -> dict[str, Any]:
    """Return the fields of Kling's for `audio`, which has one more place on a relay."""
    keeps = {"original": "yes", "off": "no"}.get(str(audio), "")
    if endpoint in _OF_VIDEO:
        return (
            {"keep_original_sound": keeps} if keeps else {} if audio is None else {"audio": audio}
        )
    fields: dict[str, Any] = {}
    if audio in ("native", "off"):
        fields["sound"] = "on" if audio == "native" else "off"
    if keeps and isinstance(videos, list):
        fields["video_list"] = [
            video | {"keep_original_sound": keeps} if isinstance(video, dict) else video
            for video in videos
        ]
    return fields or ({} if audio is None else {"audio": audio})
