"""An HTTP call, its reply, and the parts of a reply that every interface reads."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from datetime import UTC
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

from kling_sdk.errors import TransportError, UnreachableError
from kling_sdk.results.task import Response, redact_url
from kling_sdk.text.printable import printable

#: Maximum size of a JSON reply in bytes, before and after decompression. A page of 500 tasks is
#: about 0.5 MB.
MAX_REPLY: Final = 16 * 1024 * 1024

_NONE: Final[Mapping[str, str]] = MappingProxyType({})

_decode: Final = json.JSONDecoder().decode
#: At most 999,999.999...
_SECONDS: Final = r"[0-9]{1,6}(?:\.[0-9]{1,9})?"
_MAX_DATE: Final = 40  # characters; the longest form has 33

# Statuses whose page may be another one in a moment, whichever server sent it.
_TRANSIENT: Final = frozenset({408, 425, 429})
_PROXY_REFUSES: Final = 407


#: The kind of id that names a task; `either` where the kind is not known.
NameKind = Literal["task_id", "external_id", "either"]


class HttpCall(NamedTuple):
    """An HTTP call, without host and authorization.

    Attributes:
        method: HTTP method.
        path: Path under the base URL, or an absolute URL.
        params: Query parameters.
        json: Body, or None for none.
        headers: Further headers.
        needs_api_key: Whether it must be signed by an API key: a key pair does not suffice.
    """

    method: str
    path: str
    params: Mapping[str, str | int] | None = None
    json: Any = None
    headers: Mapping[str, str] = _NONE
    needs_api_key: bool = False

    def __repr__(self) -> str:
        # The body may hold a prompt, the headers a key.
        path = redact_url(self.path)  # of a file it is the URL, which is signed
        return f"HttpCall(method={self.method!r}, path={path!r}, params={self.params!r})"


class Reply(NamedTuple):
    """An HTTP reply, read whole.

    Attributes:
        status: HTTP status.
        headers: Headers, names in lower case.
        body: The bytes as sent, possibly compressed.
        path: The path that was requested, under the base URL.
        fresh: True when the connection was opened for this call, so that no reply to an
            earlier request can have been waiting on it.
        matched: True when it can only be the reply to this call: the server repeated the
            call's `x-request-id`, or there is no connection because it runs in this process.
        received_at: When it came, in seconds since the Unix epoch; None for a success, and when
            that is unknown.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    path: str = ""
    fresh: bool = False
    matched: bool = False
    received_at: float | None = None

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, body=<{len(self.body)} bytes>)"


def plain_body(reply: Reply) -> bytes:
    """Return the reply's body without its compression.

    Clients do not ask for compression; a proxy may compress nevertheless. A few kilobytes can
    inflate to gigabytes, so this stops at `MAX_REPLY`.

    Raises:
        TransportError: the body is damaged, of an unknown encoding, or too large.
    """
    header = reply.headers.get("content-encoding")
    if header is None:
        return reply.body
    encoding = header.strip().lower()
    if encoding in {"", "identity"}:
        return reply.body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise TransportError(
            f"the response is compressed with {encoding[:20]!r}, which was not requested"
        )
    inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: zlib or gzip by its header
    try:
        body = inflater.decompress(reply.body, MAX_REPLY)
    except zlib.error as error:
        raise TransportError(f"the response's compression is damaged: {error}") from error
    if inflater.unconsumed_tail:
        raise TransportError(f"the response inflates to more than {MAX_REPLY:,} bytes")
    return body


def read_json(body: bytes) -> Any:
    """Return the value in a JSON text.

    A whole number with more digits than Python reads (4,300) becomes text, so that one absurd
    number does not make all the rest unreadable.

    Raises:
        ValueError: The body is not JSON.
        RecursionError: It is nested too deeply.
    """
    try:
        return _decode(body.decode())
    except (json.JSONDecodeError, UnicodeDecodeError):
        return json.loads(body)  # which looks for the encoding: it may be UTF-16
    except ValueError:
        return json.loads(body, parse_int=_whole)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) < 100 else digits


def json_object(reply: Reply) -> dict[str, Any]:
    """Return the JSON object in a reply.

    Raises:
        TransportError: the body is not a JSON object. It says nothing about what the server
            did with the request.
    """
    try:
        value = read_json(plain_body(reply))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        if is_redirect(reply.status):
            raise redirected(reply.status, reply.headers)
        raise no_answer(reply, "without a JSON object")
    return value


def response_of(reply: Reply, body: Mapping[str, Any]) -> Response:
    """Return the parts of a reply that are kept; *body* is its JSON object."""
    own_id = body.get("request_id")
    request_id = own_id if isinstance(own_id, str) else reply.headers.get("x-request-id", "")
    return Response(reply.status, reply.headers, printable(request_id))


def no_answer(reply: Reply, why: str) -> TransportError:
    """Return the error for a reply that does not say what the server did with the request.

    Such a reply is a gateway's, a firewall's or a captive portal's. It proves neither that
    the request was carried out nor that it was not.
    """
    if reply.status == _PROXY_REFUSES and "proxy-authenticate" in reply.headers:
        refused = UnreachableError("HTTP 407: a proxy refuses the password in HTTP_PROXY")
        refused.is_final = True
        return refused
    kind = reply.headers.get("content-type", "no content type").partition(";")[0][:60]
    error = TransportError(
        f"HTTP {reply.status} {why} ({len(reply.body)} bytes, {kind}): not a response of the API",
        retry_after=retry_after(reply),
    )
    if reply.status < 500 and reply.status not in _TRANSIENT:
        error.page = f"HTTP {reply.status} {sha256(reply.body).hexdigest()}"
    return error


def names_asked_path(reply: Reply, body: Mapping[str, Any]) -> bool:
    """Return True for the 404 by which the vendor's server says that a path does not exist.

    Its body is the web framework's own, `{"timestamp", "status", "error", "message", "path"}`,
    without an envelope (observed, confidence high). A proxy's 404 does not repeat the path.
    """
    path = body.get("path")
    return (
        reply.status == 404
        and body.get("status") == 404
        and bool(reply.path)
        and isinstance(path, str)
        and unquote(path).endswith(unquote(reply.path))
    )


def retry_after(reply: Reply) -> float | None:
    """Return the seconds that a `Retry-After` header asks to wait, or None.

    Gateways also send `retry-after-ms`, which is more exact, and decimals.
    A date is compared with the reply's own `Date`, which comes from the same clock; our clock is
    used only if there is none.
    """
    milliseconds = reply.headers.get("retry-after-ms", "").strip()
    if re.fullmatch(_SECONDS, milliseconds):
        return float(milliseconds) / 1000
    value = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(_SECONDS, value):
        return float(value)
    sent_at = http_date(reply.headers.get("date", ""))
    return seconds_until(value, reply.received_at if sent_at is None else sent_at)


#: A header of the emulator (`kling_mock`): real milliseconds until another poll makes sense.
POLL_AFTER: Final = "x-kling-mock-poll-after-ms"
#: Minimum seconds to which it can shorten a pause, whichever server sends it.
MIN_POLL_AFTER: Final = 0.01


def poll_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds after which an emulator wants to be polled again, else None."""
    value = headers.get(POLL_AFTER)
    if value is None or not (value.isascii() and value.isdigit() and len(value) < 10):
        return None
    return max(MIN_POLL_AFTER, int(value) / 1000)


def seconds_until(date: str, now: float | None) -> float | None:
    """Return the seconds from *now* to an HTTP date, at least 0; None if either is unknown.

    Args:
        date: The date, in one of the forms of RFC 9110, 5.6.7.
        now: Seconds since the Unix epoch, or None.
    """
    then = http_date(date)
    return None if then is None or now is None else max(0.0, then - now)


def http_date(text: str) -> float | None:
    """Return an HTTP date in seconds since the Unix epoch, or None if the text is not one."""
    if not text or len(text) > _MAX_DATE:
        return None
    from email.utils import parsedate_to_datetime  # few replies have a date that counts

    try:
        date = parsedate_to_datetime(text)
        # HTTP's dates are UTC, also in the form that names no zone.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):  # it comes from outside
        return None


def is_redirect(status: int) -> bool:
    """Return whether an HTTP status is one of a redirect."""
    return status in {301, 302, 303, 307, 308}


def redirected(status: int, headers: Mapping[str, str]) -> UnreachableError:
    """Return the error for a redirect, which is not followed: the key would go along.

    It does not prove that nothing was created.
    """
    place = _place(headers.get("location", ""))
    if not place:
        return UnreachableError(
            f"HTTP {status} redirects to another path of the same host; check base_url"
        )
    return UnreachableError(
        f"HTTP {status} redirects to {place}; if that is the API, use base_url={place!r}"
    )


def _place(location: str) -> str:
    """Return scheme, host and port of *location*; "" if it is a path, or not a URL."""
    try:
        parts = urlsplit(location)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    # Put together from its parts: a user's name and password stay out.
    url_host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme or 'https'}://{url_host}" + (f":{port}" if port else "")
