"""Names of files: a server's suggestion, shortened to a name that every system takes."""

from __future__ import annotations

import re
from typing import Final

#: Bytes that a file's own name gets within the name of its unfinished copy. Most systems
#: take 255 bytes for a name, and a Chinese character is three of them.
_PART_BYTES: Final = 100
#: The pattern of the names of unfinished copies; the token has 16 hexadecimal digits.
PARTS: Final = f".*.{'[0-9a-f]' * 16}.part"
_MAX_LENGTH: Final = 200  # characters, all ASCII
_MAX_SUFFIX: Final = 10

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
# Microsoft, "Naming Files, Paths, and Namespaces": devices, whatever the extension.
_DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])",
    re.IGNORECASE,
)


def is_device_name(name: str) -> bool:
    """Return whether Windows takes a file's name for a device: `con.mp4` is the console."""
    return _DEVICE.fullmatch(name.partition(".")[0].rstrip()) is not None


def safe_name(text: str, default: str) -> str:
    """Return a file name made of *text*, which a server has sent; *default* if nothing is left.

    Letters, digits and `._-` are kept. The name is not a path, hidden file or device, and is not
    too long.
    """
    name = _UNSAFE.sub("_", text).strip(".")
    if is_device_name(name):
        name = f"_{name}"
    if len(name) > _MAX_LENGTH:
        stem, dot, suffix = name.rpartition(".")
        ending = dot + suffix if stem and len(suffix) <= _MAX_SUFFIX else ""
        name = name[: _MAX_LENGTH - len(ending)] + ending
    return name or default


def part_name(name: str, token: str) -> str:
    """Return the hidden name of a file while it is unfinished; *token* makes it unique."""
    known = name.encode("utf-8", "surrogateescape")[:_PART_BYTES].decode("utf-8", "ignore")
    return f".{known}.{token}.part"
