"""Files going out: a path, bytes, a file, a URL or a data-URI becomes what a field wants.

The vendor takes a public URL or raw base64 without a `data:` prefix (vendor page, several
copies agree). A source is read once, when the request is made; from then on the request
holds text, so it pickles and can be sent again.

A plain `str` is never opened as a file: in a server it may come from a stranger, and a
stranger must not choose which local file is read. Pass `pathlib.Path("cat.png")` for that.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from kling_sdk.errors import RequestValidationError

__all__ = ["HEAD", "MediaSource", "encoded", "takes_long"]

#: What a field of a file takes: a URL, a data-URI or raw base64 as text; a path object; the
#: bytes of the file; or a binary file object, read from its current position.
MediaSource = str | bytes | os.PathLike[str] | BinaryIO

#: Bytes that are encoded in one step. Other threads stand still for the time of a step; a
#: multiple of 3, so that the steps' texts can be joined.
_STEP: Final = 3 * 64 * 1024
#: Characters or bytes of a file that take no noticeable time.
_SMALL: Final = 256 * 1024
#: Characters of base64 that are looked at in one step.
HEAD: Final = 4 * 64 * 1024


def encoded(source: MediaSource, field: str, kind: str) -> str:
    """Return *source* as a URL or as raw base64.

    Args:
        source: See `MediaSource`.
        field: Name of the parameter, for the error's text.
        kind: What the file must be, such as `JPEG or PNG`, likewise.

    Raises:
        RequestValidationError: *source* is of another kind, is text that is neither a URL
            nor base64, or names a file that cannot be read.
    """
    accepted = (
        f"an http(s) URL, a data-URI, raw base64 of a {kind}, bytes, a binary file, "
        "or a path as pathlib.Path"
    )
    if isinstance(source, str):
        return _from_text(source, field, accepted)
    if isinstance(source, bytes | bytearray | memoryview):
        return _encoded(memoryview(source).cast("B"))
    if isinstance(source, os.PathLike):
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise RequestValidationError(
                field,
                f"names a file that cannot be read ({error.strerror})",
                f"a readable {kind} file",
            ) from error
        return _encoded(memoryview(content))
    read = getattr(source, "read", None)
    data: object = read() if callable(read) else None
    if isinstance(data, bytes):
        return _encoded(memoryview(data))
    raise RequestValidationError(field, f"is a {type(source).__name__}", accepted)


def takes_long(value: object) -> bool:
    """Return whether a request with this parameter takes long to make.

    A file is read, and it is encoded. An async client does that beside its event loop.
    """
    if isinstance(value, str | bytes | bytearray | memoryview):
        return len(value) > _SMALL
    if isinstance(value, Mapping):
        return any(map(takes_long, value.values()))
    if isinstance(value, list | tuple):
        return any(map(takes_long, value))
    return isinstance(value, os.PathLike) or hasattr(value, "read")


def _encoded(content: memoryview) -> str:
    steps = range(0, len(content), _STEP)
    return "".join(base64.b64encode(content[at : at + _STEP]).decode("ascii") for at in steps)


def _from_text(source: str, field: str, accepted: str) -> str:
    head = source[:8].lower()
    if head.startswith(("http://", "https://")):
        return source
    if head.startswith("data:"):
        header, comma, payload = source.partition(",")
        if not comma or not header.lower().endswith(";base64"):
            raise RequestValidationError(field, "is a data-URI without base64", accepted)
        source = payload
    compact = "".join(source.split())
    try:
        for at in range(0, len(compact), HEAD):
            _check_base64(compact[at : at + HEAD], is_last=at + HEAD >= len(compact))
    except (binascii.Error, ValueError):
        raise RequestValidationError(field, "is text of an unknown kind", accepted) from None
    if not compact:
        raise RequestValidationError(field, "is empty", accepted)
    return compact


def _check_base64(text: str, *, is_last: bool) -> None:
    base64.b64decode(text, validate=True)
    if not is_last and text.endswith("="):
        raise ValueError("padding in the middle")
