"""A schema registry in this process: as much of Confluent's API as is used, with ids that are nobody else's."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BasicAuth, web


@dataclass(slots=True)
class FakeRegistry:
    """`subjects`: subject → schemas by id, in the order they were registered. The same schema has one id everywhere."""

    first_id: int = 70_001
    auth: BasicAuth | None = None
    refused: str = ""  # a subject that takes nothing
    subjects: dict[str, dict[int, Any]] = field(default_factory=lambda: dict[str, dict[int, Any]]())
    url: str = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeRegistry"]:
        app = web.Application()
        app.add_routes([web.post("/subjects/{subject}", self._look_up), web.post("/subjects/{subject}/versions", self._register)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _asked(self, request: web.Request) -> tuple[str, Any]:
        if self.auth and request.headers.get("Authorization") != self.auth.encode():
            raise web.HTTPUnauthorized
        return request.match_info["subject"], json.loads((await request.json())["schema"])

    async def _look_up(self, request: web.Request) -> web.Response:
        subject, schema = await self._asked(request)
        for number, known in self.subjects.get(subject, {}).items():
            if known == schema:
                return web.json_response({"subject": subject, "id": number, "version": 1})
        return web.json_response({"error_code": 40403, "message": "Schema not found"}, status=404)

    async def _register(self, request: web.Request) -> web.Response:
        subject, schema = await self._asked(request)
        if subject == self.refused:
            return web.json_response({"error_code": 409, "message": "incompatible"}, status=409)
        everything = {json.dumps(s): i for of in self.subjects.values() for i, s in of.items()}
        number = everything.get(json.dumps(schema), self.first_id + len(everything))
        self.subjects.setdefault(subject, {})[number] = schema
        return web.json_response({"id": number})
