"""A whole file or an error: cut responses, by the form of their length and their contents."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import pytest

from kling_sdk import AsyncKling, DownloadError, Kling
from tests.sdk.scripted import FakeClock


def _box(kind: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size, kind) + b"\1" * (size - 8)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_MP4: Final = _box(b"ftyp", 24) + _box(b"moov", 500)
_WAV: Final = b"WAVEfmt " + b"\3" * 3000
#: The files; those whose name has a comma do not say where they end, and an MP3 never does.
FILES: Final = {
    "MP4": _MP4 + _box(b"free", 8) + _box(b"mdat", 3000),
    "MP4 with a large box": _MP4 + struct.pack(">I4sQ", 1, b"mdat", 3016) + b"\2" * 3000,
    "MP4, open": _MP4 + b"\0\0\0\0mdat" + b"\2" * 3000,
    "MP4, fragments": _MP4 + _box(b"moof", 40) + _box(b"mdat", 3000),
    "PNG": b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", b"\1" * 13)
    + _chunk(b"IDAT", b"\2" * 3000)
    + _chunk(b"IEND", b""),
    "WAV": b"RIFF" + struct.pack("<I", len(_WAV)) + _WAV,
    "WAV, open": b"RIFF\xff\xff\xff\xff" + _WAV,
    "MP3": b"ID3\4\0\0\0\0\0\0" + b"\xff\xfb\x90\0" * 750,
}
WITHOUT_END: Final = {"MP3", *(name for name in FILES if "," in name)}
#: Where a file is cut: within its last part, and where a part ends.
CUTS: Final = {"MP4": (2000, 524, 532), "MP4, fragments": (2000, 564)}
FIRST: Final = 520  # bytes of a reply that is cut and resumed; less than any of the cuts


class Reply(NamedTuple):
    """The reply of the host to one request, after which it closes the connection."""

    head: str
    body: bytes
    says_goodbye: bool = True  # of TLS


def with_length(file: bytes, cut: int) -> list[Reply]:
    return [Reply(f"200 OK\r\nContent-Length: {len(file)}", file[:cut])]


def without(file: bytes, cut: int) -> list[Reply]:
    return [Reply("200 OK", file[:cut])]


def without_goodbye(file: bytes, cut: int) -> list[Reply]:
    return [Reply("200 OK", file[:cut], says_goodbye=False)]


def chunked(file: bytes, cut: int) -> list[Reply]:
    end = b"\r\n0\r\n\r\n" if cut == len(file) else b""
    body = f"{len(file):x}\r\n".encode() + file[:cut] + end
    return [Reply("200 OK\r\nTransfer-Encoding: chunked", body)]


def _resumed(file: bytes, cut: int, total: object, etag: str = "v1") -> list[Reply]:
    head = f"Content-Range: bytes {FIRST}-{cut - 1}/{total}\r\nContent-Length: {cut - FIRST}"
    return [
        Reply(f'200 OK\r\nContent-Length: {len(file)}\r\nETag: "v1"', file[:FIRST]),
        Reply(f'206 Partial Content\r\n{head}\r\nETag: "{etag}"', file[FIRST:cut]),
    ]


def other_total(file: bytes, cut: int) -> list[Reply]:
    return _resumed(file, cut, cut)


def no_total(file: bytes, cut: int) -> list[Reply]:
    return _resumed(file, cut, "*")


def other_version(file: bytes, cut: int) -> list[Reply]:
    if cut < len(file):
        return _resumed(file, cut, len(file), "v2")
    return [*_resumed(file, cut, 0)[:1], *with_length(file, cut)]  # it begins again


#: How the length is stated -> whether over TLS, and what the host sends.
WAYS: Final[dict[str, tuple[bool, Callable[[bytes, int], list[Reply]]]]] = {
    "length": (False, with_length),
    "no length": (False, without),
    "chunked": (False, chunked),
    "TLS with close_notify": (True, without),
    "TLS without close_notify": (True, without_goodbye),
    "resumed with another total": (False, other_total),
    "resumed with /*": (False, no_total),
    "resumed with another ETag": (False, other_version),
}
#: Ways in which an end and a broken connection look alike.
SILENT: Final = ("no length", "TLS without close_notify")


class Host:
    """A host of files on loopback that sends the given replies, and repeats the last one."""

    def __init__(self, certificate: tuple[Path, Path]) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*certificate)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._is_tls = False
        self._replies: list[Reply] = []

    def plan(self, replies: Sequence[Reply], *, is_tls: bool) -> str:
        """Return the URL at which the replies come."""
        self._replies, self._is_tls = list(replies), is_tls
        return f"http{'s' if is_tls else ''}://localhost:{self._port}/clip"

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._socket.accept()
                with caller, contextlib.suppress(OSError):
                    self._answer(caller)

    def _answer(self, caller: socket.socket) -> None:
        caller.settimeout(10)
        stream = self._tls.wrap_socket(caller, server_side=True) if self._is_tls else caller
        with stream:
            while not stream.recv(65536).endswith(b"\r\n\r\n"):
                pass
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            stream.sendall(f"HTTP/1.1 {reply.head}\r\n\r\n".encode() + reply.body)
            if isinstance(stream, ssl.SSLSocket) and reply.says_goodbye:
                stream.unwrap()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)


def _sync(urls: Callable[[], str], count: int, **settings: Any) -> list[bytes | None]:
    with Kling(api_key="key", **settings) as kling:
        results: list[bytes | None] = []
        for _ in range(count):
            try:
                results.append(kling.download(urls()))
            except DownloadError:
                results.append(None)
        return results


def _async(urls: Callable[[], str], count: int, **settings: Any) -> list[bytes | None]:
    async def main() -> list[bytes | None]:
        async with AsyncKling(api_key="key", **settings) as kling:
            results: list[bytes | None] = []
            for _ in range(count):
                try:
                    results.append(await kling.download(urls()))
                except DownloadError:
                    results.append(None)
            return results

    return asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize("colour", [_sync, _async])
def test_a_file_is_whole_or_an_error(colour: Any, certificate: tuple[Path, Path]) -> None:
    """A truncated file is never called whole; a whole one is accepted if that is known."""
    cells = [
        (way, name, cut)
        for way, name in itertools.product(WAYS, FILES)
        for cut in (*CUTS.get(name, (2000,)), len(FILES[name]))
        # After a host has said so in TLS, it sends nothing more, whatever it had.
        if not (way == "TLS with close_notify" and name in WITHOUT_END and cut < len(FILES[name]))
    ]
    plans = iter(cells)
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    with Host(certificate) as host:

        def urls() -> str:
            way, name, cut = next(plans)
            is_tls, replies = WAYS[way]
            return host.plan(replies(FILES[name], cut), is_tls=is_tls)

        settings = {"clock": FakeClock(), "trust_env": False, "ssl_context": trust}
        results = colour(urls, len(cells), base_url="http://localhost", **settings)
    called_whole, refused = [], []
    for (way, name, cut), result in zip(cells, results, strict=True):
        file = FILES[name]
        if result is not None and result != file:
            called_whole.append((way, name, cut))
        elif cut == len(file) and result is None:
            refused.append((way, name))
    assert called_whole == []
    # A connection that breaks looks the same: these cannot be told apart, and are errors.
    assert sorted(refused) == sorted(itertools.product(SILENT, WITHOUT_END))
