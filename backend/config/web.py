"""One process of the web server: what it opens when it starts, and who answers which request."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from app.core.ending import is_ending
from app.core.errors import NotFound
from app.core.problem import problem_of
from app.core.request_context import HEADER, request_id_from
from app.ingest.edge.asgi import Edge, is_for_intake
from app.telemetry.metrics import read_at_scrape
from config import wiring
from config.cross_origin import CrossOrigin
from config.django_bridge import (
    ASGIScope,
    BridgeLimits,
    DjangoBridge,
    Message,
    Receive,
    Send,
    send_problem,
)
from config.queue_metrics import read_queues

log = structlog.get_logger(__name__)

_HEADER = HEADER.lower().encode("ascii")
_READING = ("GET", "HEAD")
_PROBED = ("/health/", "/metrics")
_ELSEWHERE = problem_of(
    NotFound("logs are taken in by other processes than this one", code="intake_elsewhere")
)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a running process has open."""

    edge: Edge | None  # None: this process takes no logs in
    django: DjangoBridge


class WebApp:
    """The ASGI app. Opens everything at the lifespan's start, which is after fork; where a server
    has no lifespan, at the first request."""

    def __init__(self) -> None:
        self._parts: _Parts | None = None
        self._cross_origin = CrossOrigin(settings.CORS_ALLOWED_ORIGINS)

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
        if scope["path"].startswith(_PROBED):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"].append((b"host", settings.PROBE_HOST.encode("ascii")))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name.lower() == _HEADER for name, _ in headers):
                    headers.append((_HEADER, request_id.encode("ascii")))
                if is_ending():
                    # The next request of this client finds another process.
                    headers.append((b"connection", b"close"))
                headers += self._cross_origin.of_answer(scope)
                message["headers"] = headers
            await send(message)

        allowed = self._cross_origin.of_question(scope)
        if allowed is not None:
            await send_with_id({"type": "http.response.start", "status": 204, "headers": allowed})
            await send_with_id({"type": "http.response.body", "body": b""})
        elif not is_for_intake(scope):
            await parts.django(scope, receive, send_with_id)
        elif parts.edge is not None:
            await parts.edge(scope, receive, send_with_id)
        elif scope["method"] in _READING:
            await parts.django(scope, receive, send_with_id)
        else:
            await send_problem(send_with_id, scope, _ELSEWHERE)

    def _open(self) -> _Parts:
        wiring.open_keeper()
        read_at_scrape(read_queues)
        limits = BridgeLimits(
            body_bytes=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, threads=settings.WEB_THREADS
        )
        handler = WSGIHandler()
        edge = wiring.build_edge() if "intake" in settings.WEB_PARTS else None
        self._parts = _Parts(edge, DjangoBridge(handler, limits))
        return self._parts

    def _close(self) -> None:
        if self._parts is not None:
            if self._parts.edge is not None:
                self._parts.edge.close()
            self._parts.django.close()
            self._parts = None
        wiring.close()
