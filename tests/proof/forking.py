"""A program that uses a client, forks, and creates tasks in all processes at once.

Run as `python forking.py URL sync|async|naive preload|multiprocessing KEY MODEL`; an empty MODEL is
the default. Prints a line of JSON for each create: the prompt, and the id of the task that was
returned, or null.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from kling_sdk import AsyncKling, Kling

CHILDREN = 4
EACH = 39  # creates of a process after the fork; one more was made before it, by the parent


def sync_client(
    url: str, key: str, extra: dict[str, Any]
) -> Callable[[list[str]], list[str | None]]:
    kling = Kling(key, base_url=url)
    return lambda prompts: [
        kling.text2video.create(prompt=prompt, **extra).task_id for prompt in prompts
    ]


def async_client(
    url: str, key: str, extra: dict[str, Any]
) -> Callable[[list[str]], list[str | None]]:
    kling = AsyncKling(key, base_url=url)

    async def create(prompts: list[str]) -> list[str | None]:
        creates = [kling.text2video.create(prompt=prompt, **extra) for prompt in prompts]
        tasks = await asyncio.gather(*creates)
        return [task.task_id for task in tasks]

    # One loop for all, which a child inherits as well.
    loop = asyncio.new_event_loop()
    return lambda prompts: loop.run_until_complete(create(prompts))


def naive_client(
    url: str, _key: str, _extra: dict[str, Any]
) -> Callable[[list[str]], list[str | None]]:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=2)

    def create(prompt: str) -> str | None:
        body = json.dumps({"prompt": prompt, "external_task_id": f"id of {prompt}"})
        head = f"POST /v1/videos/text2video HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}"
        try:
            # It is written in one piece, so that requests of several processes stay whole.
            connection.sendall(f"{head}\r\n\r\n{body}".encode())
            reply: Any = json.loads(connection.recv(65536).partition(b"\r\n\r\n")[2])
        except (OSError, ValueError):
            return None
        return str(reply["data"]["task_id"]) if reply.get("data") else None

    return lambda prompts: [create(prompt) for prompt in prompts]


def work(create: Callable[[list[str]], list[str | None]], name: str, count: int) -> None:
    prompts = [f"{name} {number}" for number in range(count)]
    for line in zip(prompts, create(prompts), strict=True):
        os.write(1, f"{json.dumps(line)}\n".encode())


def main(url: str, client: str, how: str, key: str, model: str) -> None:
    make = {"sync": sync_client, "async": async_client, "naive": naive_client}[client]
    create = make(url, key, {"model_name": model} if model else {})
    work(create, "before", 5)
    if how == "multiprocessing":
        context = multiprocessing.get_context("fork")
        children = [
            context.Process(target=work, args=(create, f"child {number}", EACH))
            for number in range(CHILDREN)
        ]
        for child in children:
            child.start()
        work(create, "parent", EACH)
        for child in children:
            child.join()
        return
    ready, start = os.pipe()
    for number in range(CHILDREN):
        if os.fork() == 0:
            os.read(ready, 1)
            work(create, f"child {number}", EACH)
            os._exit(0)
    os.write(start, bytes(CHILDREN))
    work(create, "parent", EACH)
    for _ in range(CHILDREN):
        os.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
