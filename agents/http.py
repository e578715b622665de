"""Metrics and health of a worker: /metrics, /alive (the loop turns), /ready (it can decide)."""

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest


async def serve(host: str, port: int, ready: Callable[[], str | None]) -> tuple[web.AppRunner, int]:
    """Start; `ready` returns why the worker is not ready, or None. Port 0 takes a free one; the second value says which."""

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def alive(_request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def is_ready(_request: web.Request) -> web.Response:
        why_not = ready()
        return web.Response(text=f"{why_not or 'ready'}\n", status=503 if why_not else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/alive", alive), web.get("/ready", is_ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    return runner, runner.addresses[0][1]
