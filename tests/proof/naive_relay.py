"""A naive relay: it reads the status, charges, and then writes the status.

Each is a statement of its own, and commits. It serves the same two addresses as the relay.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from pathlib import Path

from aiohttp import web

SCHEMA = (
    "CREATE TABLE videos (task_id TEXT PRIMARY KEY, status TEXT NOT NULL);"
    "CREATE TABLE ledger (kind TEXT NOT NULL, reference TEXT NOT NULL);"
)


class NaiveRelay:
    """One process of it."""

    def __init__(self, path: Path) -> None:
        self.database = sqlite3.connect(path, timeout=30, isolation_level=None)

    async def settle(self, request: web.Request) -> web.Response:
        task_id = request.match_info["task_id"]
        read = "SELECT status FROM videos WHERE task_id = ?"
        ((status,),) = self.database.execute(read, (task_id,)).fetchall()
        await asyncio.sleep(0)  # the database answers
        if status != "succeed":
            self.database.execute("INSERT INTO ledger VALUES ('charge', ?)", (task_id,))
            await asyncio.sleep(0)
            self.database.execute(
                "UPDATE videos SET status = 'succeed' WHERE task_id = ?", (task_id,)
            )
        return web.json_response({"status": "succeed"})


async def serve(path: Path) -> None:
    relay, app = NaiveRelay(path), web.Application()
    app.router.add_post("/kling/callback/{task_id}", relay.settle)
    app.router.add_get("/kling/v1/videos/{task_id}", relay.settle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ready = {"relay_url": f"http://127.0.0.1:{runner.addresses[0][1]}"}
    print(json.dumps(ready), flush=True)  # noqa: T201 - as the relay does
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
