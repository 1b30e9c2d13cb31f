"""Attackers of a relay, each in a separate process at the lowest priority.

`python -m tests.proof.attackers NAME SECONDS` reads a `Target` as JSON from its standard input,
prints a line when it has started, attacks for so long or until SIGTERM, and prints how often what
happened. The attacks are those of `ATTACKS`.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import os
import resource
import secrets
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import attrs

#: Taken only by the channel that hangs.
HANGING_MODEL: Final = "kling-v1-5"
#: Tasks that the channel accepts before it hangs.
HANGING_TASKS: Final = 150
#: Creates that wait for the channel that hangs, at a time.
HANGING_CREATES: Final = 600
RECEIVERS: Final = 200
HALF_OPEN: Final = 1_100

_MIB: Final = 1024 * 1024
_VIDEOS: Final = "/kling/v1/videos"
_LOWEST: Final = 19  # nice


@attrs.frozen
class Target:
    """The knowledge of an attacker.

    Attributes:
        relay: URL of the relay.
        poor: Tokens of a user whose balance is 0.
        rich: Token of a user who can pay.
        port: The port for the upstream of the second channel.
        kling: URL of the emulated Kling, whose tasks end when the attack wants it.
        kling_admin: Its admin token.
    """

    relay: str
    poor: list[str]
    rich: str
    port: int
    kling: str
    kling_admin: str


class Attack:
    """One attack: its target, its connections, and what happened.

    Args:
        target: The server that is attacked.
        http: Connections without a limit of their number.

    Attributes:
        done: How often what happened.
        started: Set when it is in full swing.
    """

    def __init__(self, target: Target, http: aiohttp.ClientSession) -> None:
        self.target = target
        self.http = http
        self.done = Counter[str]()
        self.started = asyncio.Event()

    async def post(self, path: str, body: bytes, token: str = "") -> dict[str, Any]:
        """POST to the relay; return the reply, {} if there is none."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.done["requests"] += 1
        try:
            async with self.http.post(
                self.target.relay + path, data=_sent(body), headers=headers
            ) as reply:
                self.done[str(reply.status)] += 1
                payload: dict[str, Any] = await reply.json(content_type=None)
                return payload
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self.done[type(error).__name__] += 1
            await asyncio.sleep(0.01)
            return {}

    async def many(self, workers: int, work: Callable[[], Awaitable[object]]) -> None:
        """Repeat *work* in so many tasks, forever."""

        async def repeat() -> None:
            while True:
                await work()

        await asyncio.gather(*(repeat() for _ in range(workers)))


def _sent(body: bytes) -> bytes | io.BytesIO:
    return io.BytesIO(body) if len(body) > _MIB else body  # aiohttp sends a file piece by piece


# ---------------------------------------------------------------- numbers


def _hostile_bodies() -> Iterator[tuple[str, bytes]]:
    """Yield creates and callbacks with numbers that are expensive to write out."""
    numbers = (
        "1e-200000000",
        "1e200000000",
        '"1e-200000000"',
        '"9e999999999999999999"',
        "9" * 1_000_000,
        "1e-6",
        '"1e-6"',
        "NaN",
    )
    model = '"model":"kling-v1-6","prompt":"a kitten"'
    create, callback = f"{_VIDEOS}/text2video", f"/kling/callback/kling_{secrets.token_hex(16)}"
    for number in numbers:
        yield create, f'{{{model},"duration":{number}}}'.encode()
        yield create, f'{{{model},"cfg_scale":{number}}}'.encode()
        video = f'{{"id":"1","url":"https://cdn.test/1.mp4","duration":{number}}}'
        yield (
            callback,
            f'{{"task_id":"1","task_status":"succeed","task_result":{{"videos":[{video}]}}}}'.encode(),
        )
    for value in ("1e308", "{}", "[[]]"):  # just below the size that counts as large
        flood = ",".join([value] * ((_MIB - 64) // (len(value) + 1)))
        yield create, f'{{{model},"image_list":[{flood}]}}'.encode()
        yield callback, f'{{"task_id":"1","task_status":"succeed","x":[{flood}]}}'.encode()
    yield create, b'{"prompt":' + b"[" * 500_000 + b"]" * 500_000 + b"}"


async def numbers(attack: Attack) -> None:
    """Send creates and callbacks with hostile numbers, at balance 0."""
    bodies = itertools.cycle([*_hostile_bodies()])
    tokens = itertools.cycle(attack.target.poor)

    async def send() -> None:
        path, body = next(bodies)
        await attack.post(path, body, next(tokens))

    attack.started.set()
    await attack.many(16, send)


# ---------------------------------------------------------------- receivers


@asynccontextmanager
async def _silent(host: str, port: int = 0) -> AsyncIterator[int]:
    """Accept connections without responding; yield the port."""
    open_: set[asyncio.StreamWriter] = set()

    def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)

    server = await asyncio.start_server(keep, host, port, backlog=1024)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def receivers(attack: Attack) -> None:
    """End tasks of one user whose 200 receivers hang or are dead."""
    admin = {"Authorization": f"Bearer {attack.target.kling_admin}"}
    numbers = itertools.count()
    async with _silent("127.0.1.1") as port:

        async def end_task() -> None:
            number = next(numbers)
            # The whole of 127.0.0.0/8 is this computer. Half of them listen, and never answer.
            host = f"127.0.1.{1 + number % RECEIVERS}"
            where = f"http://{host}:{port}/{number}"
            body = {"model": "kling-v1-6", "prompt": "x", "duration": 5, "callback_url": where}
            task = await attack.post(
                f"{_VIDEOS}/text2video", json.dumps(body).encode(), attack.target.rich
            )
            if not task.get("kling_task_id"):
                await asyncio.sleep(0.1)
                return
            path = f"{attack.target.kling}/__kling/tasks/{task['kling_task_id']}/complete"
            async with attack.http.post(path, headers=admin) as reply:
                attack.done[f"ended: {reply.status}"] += 1

        others = [_silent(f"127.0.1.{number}", port) for number in range(2, RECEIVERS // 2)]
        for other in others:
            await other.__aenter__()
        attack.started.set()
        await attack.many(4, end_task)


# ---------------------------------------------------------------- channel


async def channel(attack: Attack) -> None:
    """Be the upstream of a channel, that accepts some tasks and then hangs; create and query."""
    accepted = itertools.count(1)
    hangs = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A cancellation would be reported by `asyncio.streams`.
        with suppress(OSError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            while not hangs.is_set():
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
                sent: dict[str, Any] = json.loads(await reader.readexactly(length) or b"{}")
                if hangs.is_set() or not sent or next(accepted) > HANGING_TASKS:
                    break
                task = {
                    "task_id": secrets.token_hex(9),
                    "task_status": "submitted",
                    "task_info": {"external_task_id": sent.get("external_task_id")},
                }
                raw = json.dumps({"code": 0, "request_id": "1", "data": task}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
            attack.done["hanging calls"] += 1
            await asyncio.Event().wait()

    server = await asyncio.start_server(serve, "127.0.0.1", attack.target.port, backlog=1024)
    body = json.dumps({"model": HANGING_MODEL, "prompt": "x", "duration": 5}).encode()
    create, token = f"{_VIDEOS}/text2video", attack.target.rich
    tasks = [await attack.post(create, body, token) for _ in range(HANGING_TASKS)]
    hangs.set()
    attack.started.set()
    names = itertools.cycle([task["task_id"] for task in tasks if "task_id" in task])

    async def send() -> None:
        await attack.post(create, body, token)
        await asyncio.sleep(0.1)

    async def ask() -> None:
        # An unsigned callback has the relay read the task.
        name = next(names)
        await attack.post(f"/kling/callback/{name}", b'{"task_id":"1","task_status":"succeed"}')
        await asyncio.sleep(0.1)

    try:
        await asyncio.gather(attack.many(HANGING_CREATES, send), attack.many(HANGING_TASKS, ask))
    finally:
        server.close()  # its end is not awaited: from Python 3.12 on that waits for what hangs


# ---------------------------------------------------------------- slowloris

_SLOW: Final = b"Host: a\r\nContent-Length: 99999\r\n\r\n{"
_POST: Final = b"POST /kling/v1/videos/text2video HTTP/1.1\r\n"
_HALVES: Final = (
    b"",
    b"GET / HTTP/1.1\r\nX: ",
    b"POST /kling/internal/callback HTTP/1.1\r\n" + _SLOW,
    _POST + _SLOW,
    _POST + b"Authorization: Bearer TOKEN\r\n" + _SLOW,
)


async def slowloris(attack: Attack) -> None:
    """Keep more than a thousand connections half open, that send a byte now and then."""
    parts = urlsplit(attack.target.relay)
    halves = itertools.cycle(_HALVES)

    async def hold_open() -> None:
        half = next(halves).replace(b"TOKEN", attack.target.poor[0].encode())
        try:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        except OSError as error:
            attack.done[type(error).__name__] += 1
            await asyncio.sleep(0.1)
            return
        attack.done["opened"] += 1
        with suppress(OSError):
            writer.write(half)
            while half:
                try:
                    async with asyncio.timeout(2):
                        if not await reader.read(4096):
                            break
                except TimeoutError:
                    writer.write(b"x")
                    await writer.drain()
            await reader.read()
        attack.done["closed by the relay"] += 1
        writer.close()
        await asyncio.sleep(1)  # opened as slowly as the rest is sent

    attack.started.set()
    await attack.many(HALF_OPEN, hold_open)


# ---------------------------------------------------------------- large bodies


def _large_bodies() -> dict[str, tuple[str, bytes]]:
    """Return bodies near the limits, by name."""
    head = b'{"model":"kling-v3-omni","prompt":"a kitten","image_list":['
    picture = b"A" * (80 * _MIB)
    escaped = b"\\/" * (15 * _MIB)  # a slash as PHP writes it
    empty = b"{}," * (28 * _MIB // 3) + b"{}"
    omni, image = f"{_VIDEOS}/omni-video", f"{_VIDEOS}/image2video"
    return {
        "picture": (omni, head + b'{"image_url":"' + picture + b'"}]}'),
        "empty": (image, b'{"prompt":"a kitten","image_list":[' + empty + b"]}"),
        "escaped": (image, b'{"prompt":"a kitten","image":"' + escaped + b'"}'),
        "texts": (omni, head + b",".join([b'"' + b"A" * 60_000 + b'"'] * 1_500) + b"]}"),
        "spaces": (image, b'{"prompt":"a kitten"' + b" " * (28 * _MIB) + b"}"),
        "quotes": (image, b'{"prompt":[' + b'""' * (14 * _MIB) + b"]}"),
    }


async def large_bodies(attack: Attack) -> None:
    """Send bodies of 80 MiB and of 28 MiB of empty objects, five at a time, of two users."""
    bodies = itertools.cycle([*_large_bodies().values()])
    tokens = itertools.cycle([*attack.target.poor[:2], attack.target.rich])

    async def send() -> None:
        path, body = next(bodies)
        await attack.post(path, body, next(tokens))
        attack.started.set()

    await attack.many(5, send)


# ---------------------------------------------------------------- fat lists

#: Tasks of a page, and bytes of each one's prompt and of its result.
_PAGE: Final = 100
_FAT: Final = 60_000


@asynccontextmanager
async def _generous(port: int) -> AsyncIterator[None]:
    """Be the upstream of a channel whose tasks succeed at once, with a large result."""
    video = {"id": "1", "url": "https://cdn.test/1.mp4", "duration": "5", "more": "x" * _FAT}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(
                    head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0
                )
                sent: dict[str, Any] = json.loads(await reader.readexactly(length) or b"{}")
                name = head.split()[1].rpartition(b"/")[2].decode()
                is_create = "external_task_id" in sent
                task = {
                    "task_id": secrets.token_hex(9) if is_create else name,
                    "task_status": "submitted" if is_create else "succeed",
                    "task_info": {"external_task_id": sent.get("external_task_id")},
                    "task_result": {} if is_create else {"videos": [video]},
                    "final_unit_deduction": "2",
                }
                raw = json.dumps({"code": 0, "request_id": "1", "data": task}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)

    async with await asyncio.start_server(serve, "127.0.0.1", port):
        yield


async def fat_lists(attack: Attack) -> None:
    """Make tasks with large texts, and ask for a page of them as often as a token may."""
    prompt = "x" * _FAT
    body = json.dumps({"model": HANGING_MODEL, "prompt": prompt, "duration": 5}).encode()
    async with _generous(attack.target.port):
        for _ in range(_PAGE):
            await attack.post(f"{_VIDEOS}/text2video", body, attack.target.rich)
        page = f"{attack.target.relay}{_VIDEOS}?limit={_PAGE}"
        headers = {"Authorization": f"Bearer {attack.target.rich}"}

        async def read_page() -> None:
            async with attack.http.get(page, headers=headers) as reply:
                attack.done[f"list {reply.status}"] += 1
                listing = await reply.json(content_type=None)
            if reply.status != 200:
                await asyncio.sleep(0.02)  # the bucket gets fifty a second
                return
            for task in listing["data"]:
                if task["status"] == "submitted":
                    path = f"/kling/callback/{task['task_id']}"
                    await attack.post(path, b'{"task_id":"1","task_status":"succeed"}')

        await read_page()  # ends them
        attack.started.set()
        await attack.many(16, read_page)


ATTACKS: Final[dict[str, Callable[[Attack], Awaitable[None]]]] = {
    "numbers": numbers,
    "receivers": receivers,
    "channel": channel,
    "slowloris": slowloris,
    "large bodies": large_bodies,
    "fat lists": fat_lists,
}


async def _attack(name: str, target: Target, seconds: float) -> Counter[str]:
    connections = aiohttp.TCPConnector(limit=0)
    no_limit = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connections, timeout=no_limit) as http:
        attack = Attack(target, http)
        work = asyncio.ensure_future(ATTACKS[name](attack))
        starting = asyncio.ensure_future(attack.started.wait())
        await asyncio.wait([work, starting], return_when=asyncio.FIRST_COMPLETED)
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
        await asyncio.wait([work], timeout=seconds)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work  # raises what ended it early
    return attack.done


def main() -> None:
    """Attack."""
    os.nice(_LOWEST)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    name, seconds = sys.argv[1], float(sys.argv[2])
    target = Target(**json.load(sys.stdin))
    done = asyncio.run(_attack(name, target, seconds))
    sys.stdout.write(f"{json.dumps(done)}\n")


if __name__ == "__main__":
    main()
