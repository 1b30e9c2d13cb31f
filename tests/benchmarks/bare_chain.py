"""The baseline of the relay's chain: the same hops on bare aiohttp, without a database.

`python -m tests.benchmarks.bare_chain upstream` is a Kling that accepts every task;
`... relay URL` passes creates on to it and answers callbacks with fixed bytes. Each prints its
URL and serves until it is terminated.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import sys
from typing import Any

import aiohttp
from aiohttp import web

CREATE = "/kling/v1/videos/text2video"
KLING_CREATE = "/v1/videos/text2video"

_ACCEPTED = (
    b'{"code":0,"message":"SUCCEED","request_id":"5f2b8f0c2a9d4c0f8b7f3f0d4c1e2a3b","data":'
    b'{"task_id":"%d","task_status":"submitted","task_info":{"external_task_id":"%b"},'
    b'"created_at":1735689600123,"updated_at":1735689600123}}'
)
_EXTERNAL = re.compile(rb'"external_task_id": *"([^"]*)"')
_CREATED = (
    b'{"task_id":"kling_0123456789abcdef0123456789abcdef",'
    b'"kling_task_id":"831922345719271433","status":"submitted"}'
)
_TAKEN = b'{"message":"success"}'


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def upstream() -> web.Application:
    """Return a Kling that accepts everything; each task has an id of its own."""
    numbers = itertools.count(831922345719271433)

    async def create(request: web.Request) -> web.Response:
        named = _EXTERNAL.search(await request.read())
        return _json(_ACCEPTED % (next(numbers), named[1] if named else b""))

    application = web.Application()
    application.router.add_post(KLING_CREATE, create)
    return application


def relay(kling: str) -> web.Application:
    """Return a relay that remembers nothing."""

    async def create(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {"Content-Type": "application/json"}
        async with application[session].post(
            kling + KLING_CREATE, data=body, headers=headers
        ) as reply:
            await reply.read()
        return _json(_CREATED)

    async def callback(request: web.Request) -> web.Response:
        await request.read()
        return _json(_TAKEN)

    async def connections(app: web.Application) -> Any:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as opened:
            app[session] = opened
            yield

    application = web.Application()
    session = web.AppKey("session", aiohttp.ClientSession)
    application.cleanup_ctx.append(connections)
    application.router.add_post(CREATE, create)
    application.router.add_post("/kling/callback/{task_id}", callback)
    return application


async def _serve(application: web.Application) -> None:
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    address: Any = runner.addresses[0]
    print(f"http://127.0.0.1:{address[1]}", flush=True)  # noqa: T201 - what the parent waits for
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(upstream() if sys.argv[1] == "upstream" else relay(sys.argv[2])))
