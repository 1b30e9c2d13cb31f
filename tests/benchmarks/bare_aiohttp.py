"""The baseline that the mock is compared with: aiohttp, an application, and a handler.

The handler reads the body and returns fixed bytes.

`python -m tests.benchmarks.bare_aiohttp` prints its URL and serves until it is terminated. With
`--low-level` it has neither application nor router, only aiohttp's `web.Server`.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from aiohttp import web

PATH = "/v1/videos/text2video"

CREATED = (
    b'{"code":0,"message":"SUCCEED","request_id":"5f2b8f0c2a9d4c0f8b7f3f0d4c1e2a3b","data":'
    b'{"task_id":"831922345719271433","task_status":"submitted","task_info":{"external_task_id":'
    b'"sdk-0123456789abcdef0123456789abcdef"},"created_at":1735689600123,'
    b'"updated_at":1735689600123}}'
)
TASK = CREATED[:-2] + (
    b',"task_status_msg":"","task_result":{"videos":[{"id":"831922345719271434",'
    b'"url":"http://127.0.0.1:30001/media/831922345719271434.mp4?x=1735689600","watermark_url":'
    b'"","duration":"5"}]},"watermark_info":{"enabled":false},"final_unit_deduction":"1.5"}}'
)


async def _create(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=CREATED, content_type="application/json")


async def _get(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=TASK, content_type="application/json")


def application() -> web.Application:
    """Return the application."""
    app = web.Application()
    app.router.add_post(PATH, _create)
    app.router.add_get(PATH, _get)
    app.router.add_get(f"{PATH}/{{id}}", _get)
    return app


async def _either(request: web.BaseRequest) -> web.Response:
    return await (_create if request.method == "POST" else _get)(request)


async def _serve(*, low_level: bool) -> None:
    no_access_log: Any = None  # aiohttp takes it; its annotation does not say so
    runner: web.BaseRunner = (
        web.ServerRunner(web.Server(_either, access_log=no_access_log))
        if low_level
        else web.AppRunner(application(), access_log=None)
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address: Any = runner.addresses[0]
    print(f"http://127.0.0.1:{address[1]}", flush=True)  # noqa: T201 - what the parent waits for
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(low_level="--low-level" in sys.argv))
