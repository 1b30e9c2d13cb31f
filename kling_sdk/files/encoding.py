"""Files in requests: a path, bytes, a file, a URL or a data-URI, encoded for a field.

The vendor takes a public URL or raw base64 without a `data:` prefix (vendor page, several
copies agree). A source is read once, when the request is made; from then on the request
holds text, so it pickles and can be sent again.

A plain `str` is never opened as a file: in a server it may come from a stranger, and a
stranger must not choose which local file is read. Pass `pathlib.Path("cat.png")` for that.
"""

from __future__ import annotations

import base64
import binascii
import errno
import os
import stat
from collections.abc import Mapping
from typing import BinaryIO, Final

from kling_sdk.errors import RequestValidationError

#: The values of a field of a file: a URL, a data-URI or raw base64 as text; a path object; the
#: bytes of the file; or a binary file object, read from its current position.
MediaSource = str | bytes | os.PathLike[str] | BinaryIO

#: Bytes that are encoded in one step. Other threads stand still for the time of a step; a
#: multiple of 3, so that the steps' texts can be joined.
_STEP: Final = 3 * 64 * 1024
#: Characters or bytes of a file that take no noticeable time.
_SMALL: Final = 256 * 1024
#: Maximum number of bytes read from a file: the vendor takes 50 MB at most, and a future model may
#: take more.
MAX_FILE: Final = 128 * 1024**2
#: Characters of base64 that are looked at in one step.
HEAD: Final = 4 * 64 * 1024


def encoded(source: MediaSource, field: str, kind: str) -> str:
    """Return *source* as a URL or as raw base64.

    Args:
        source: See `MediaSource`.
        field: Name of the parameter, for the error's text.
        kind: What the file must be, such as `JPEG or PNG`, for the same text.

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
    if not isinstance(source, os.PathLike) and not callable(getattr(source, "read", None)):
        raise RequestValidationError(field, f"is a {type(source).__name__}", accepted)
    try:
        content = _content(source)
    except (OSError, ValueError) as error:  # the latter for an invalid path, or a closed file
        why = getattr(error, "strerror", None) or str(error)
        limit, expected = f"names a file that cannot be read ({why})", f"a readable {kind} file"
        raise RequestValidationError(field, limit, expected) from error
    if content is None:
        raise RequestValidationError(field, f"is a {type(source).__name__}", accepted)
    if len(content) > MAX_FILE:
        raise RequestValidationError(
            field, f"is larger than {MAX_FILE:,} bytes", f"a smaller {kind} file"
        )
    return _encoded(memoryview(content))


def _content(source: os.PathLike[str] | BinaryIO) -> bytes | None:
    """Return the bytes of a file, up to one more than the limit; None if it is text.

    Raises:
        OSError: it is not a regular file (a pipe or a device may never end), or is unreadable.
        ValueError: the path is invalid, or the file is closed.
    """
    if isinstance(source, os.PathLike):
        with open(source, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "it is a pipe, a device or a socket")
            return file.read(MAX_FILE + 1)
    content = bytearray()
    while piece := source.read(MAX_FILE + 1 - len(content)):  # a raw file may return less
        chunk: object = piece  # a caller may not run a type checker
        if not isinstance(chunk, bytes):
            return None
        content += chunk
    return bytes(content)


def _without_waiting(path: str, flags: int) -> int:
    # Opening a pipe would wait for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def takes_long(value: object) -> bool:
    """Return whether this parameter takes long to encode.

    A file has to be read and encoded, which an async client does beside its event loop.
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
