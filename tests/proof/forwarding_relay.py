"""A relay as many are written: it passes each create on under an id of its own, and stores nothing.

It serves the address at which the relay takes creates: `forwarding_relay.py UPSTREAM PORT`.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys

import aiohttp
from aiohttp import web


async def serve(upstream: str, port: int) -> None:
    async def create(request: web.Request) -> web.Response:
        fields, own = await request.json(), {"external_task_id": secrets.token_hex(16)}
        path, body = "v1/videos/text2video", fields | own
        if fields.get("model_name") == "kling-3.0":  # the vendor has this model in the path
            path = "text-to-video/kling-3.0"
            body = {"prompt": fields["prompt"], "options": own}
        async with http.post(f"{upstream}/{path}", json=body) as reply:
            data = (await reply.json())["data"]
        task_id = data.get("task_id") or data["id"]
        task = {"task_id": task_id, "kling_task_id": task_id, "status": "submitted"}
        echo = {"x-request-id": request.headers.get("x-request-id", "-")}
        return web.json_response(task, headers=echo)

    app = web.Application()
    app.router.add_post("/kling/v1/videos/text2video", create)
    async with aiohttp.ClientSession() as http:
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        ready = {"relay_url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
        print(json.dumps(ready), flush=True)  # noqa: T201 - as the relay does
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
