"""One process of the web server: what it opens when it starts, and who answers which request."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from app.core.request_context import HEADER, request_id_from
from app.ingest.edge import Edge
from config import wiring
from config.django_bridge import (
    ASGIScope,
    BridgeLimits,
    DjangoBridge,
    Message,
    Receive,
    Send,
)

log = structlog.get_logger(__name__)

_HEADER = HEADER.lower().encode("ascii")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a running process has open."""

    edge: Edge
    django: DjangoBridge


class WebApp:
    """The ASGI app. Opens everything at the lifespan's start, which is after fork; where a server
    has no lifespan, at the first request."""

    def __init__(self) -> None:
        self._parts: _Parts | None = None

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "lifespan":
                await self._live(receive, send)
            case "http":
                await self._answer(scope, receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self._open()
        except Exception as error:
            log.exception("web_start_failed")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        parts = self._parts or self._open()
        sent = next((value for name, value in scope["headers"] if name == _HEADER), None)
        request_id = request_id_from(None if sent is None else sent.decode("latin-1"))
        # Both sides read the id from the header, so that logs, problems and answers agree.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0] != _HEADER]
        scope["headers"].append((_HEADER, request_id.encode("ascii")))
        scope["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name.lower() == _HEADER for name, _ in headers):
                    headers.append((_HEADER, request_id.encode("ascii")))
                message["headers"] = headers
            await send(message)

        part = parts.edge if parts.edge.owns(scope) else parts.django
        await part(scope, receive, send_with_id)

    def _open(self) -> _Parts:
        wiring.open_journal()
        limits = BridgeLimits(
            body_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, threads=settings.WEB_THREADS
        )
        handler = WSGIHandler()
        self._parts = _Parts(wiring.build_edge(), DjangoBridge(handler, limits))
        return self._parts

    def _close(self) -> None:
        if self._parts is not None:
            self._parts.edge.close()
            self._parts.django.close()
            self._parts = None
        wiring.close()
